"""Boards that the emulator can be built for, one file each: a module here with a tuple ``BOARDS`` is all it takes.

Other packages add theirs by entry points of the group ``hil.boards``, each a `Board` or several.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from gateware.boards.board import Board
from hil import plugins
from hil.errors import InputError

__all__ = ["GROUP", "Board", "all_boards", "find_board"]

GROUP = "hil.boards"


def all_boards() -> Mapping[str, Board]:
    """All boards by name; a package whose boards cannot be loaded is told on stderr."""
    return plugins.told_on_stderr(*_found())


def find_board(name: str) -> Board:
    """Find a board.

    Raises
    ------
    InputError
        For an unknown name, with the nearest known, or for a package that cannot be loaded.
    """
    return plugins.pick(name, "board", *_found())


def _found() -> tuple[dict[str, Board], dict[str, InputError]]:
    """Boards by name, ours before others of the same name, and what is wrong with packages by their entry points."""
    theirs, problems = plugins.gathered(GROUP, "board", Board)
    modules = [import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    ours = [board for module in modules for board in getattr(module, "BOARDS", ())]
    return {board.name: board for board in sorted([*theirs, *ours], key=lambda board: board.name)}, problems
