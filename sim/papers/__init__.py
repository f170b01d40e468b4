"""The papers that the project implements, each a folder of its own whose `PAPER` is a `hil.reproduction.papers.Paper`.

A new paper is a new folder: figures are functions that return findings, ``PAPER`` in its ``__init__`` lists them, and
`hil reproduce` finds it.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from hil.reproduction.papers import Paper


def catalogue() -> list[Paper]:
    """Every paper below this package, by name of its folder; the entry point of the group ``hil.papers``."""
    return [import_module(f"{__name__}.{module.name}").PAPER for module in iter_modules(__path__) if module.ispkg]
