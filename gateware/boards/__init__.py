"""Boards that the emulator can be built for, one file each: a module here with a tuple ``BOARDS`` is all it takes.

Other packages add theirs by entry points of the group ``hil.boards``, each a `Board` or several.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateware.boards.board import Board
from hil.plugins import Catalogue

__all__ = ["GROUP", "Board", "all_boards", "find_board"]

GROUP = "hil.boards"

_BOARDS = Catalogue(GROUP, "board", Board, lambda board: board.name, beside=f"{__name__}:BOARDS")


def all_boards() -> Mapping[str, Board]:
    """All boards by name; a package whose boards cannot be loaded is told on stderr."""
    return _BOARDS.everything()


def find_board(name: str) -> Board:
    """Find a board.

    Raises
    ------
    InputError
        For an unknown name, with the nearest known, or for a package that cannot be loaded.
    """
    return _BOARDS.find(name)
