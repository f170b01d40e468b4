"""Boards that the emulator can be built for, one file each: a module here with a tuple ``BOARDS`` is all it takes."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from gateware.boards.board import Board
from hil.errors import InputError, nearest

__all__ = ["Board", "all_boards", "find_board"]


def all_boards() -> dict[str, Board]:
    """All boards by name."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        for one in getattr(import_module(f"{__name__}.{info.name}"), "BOARDS", ()):
            found[one.name] = one
    return dict(sorted(found.items()))


def find_board(name: str) -> Board:
    """Find a board.

    Raises
    ------
    InputError
        For an unknown name, with the nearest known.
    """
    known = all_boards()
    if name not in known:
        raise InputError(f"no board '{name}' {nearest(name, known)}")
    return known[name]
