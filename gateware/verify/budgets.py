"""Budgets of builds: size and speed after place and route against the bounds in `budgets.toml`."""

from __future__ import annotations

import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateware.boards import find_board
from gateware.build import BuildResult, build, cached
from gateware.geometry import Geometry
from gateware.verify.processes import Skipped
from hil.errors import InputError

FILE = Path(__file__).with_name("budgets.toml")

SEED = 1
"""Seed of the placer."""


@dataclass(frozen=True)
class Budget:
    """The bounds of one build.

    Attributes
    ----------
    board : str
        Name of the board.
    geometry : Geometry
        What is built; the clock is the board's.
    max_lut, max_bram : int
        Most that it may take.
    min_fmax : float
        Hz that its slowest clock must reach.
    """

    board: str
    geometry: Geometry
    max_lut: int
    max_bram: int
    min_fmax: float

    @property
    def name(self) -> str:
        """Name of the build in tables."""
        g = self.geometry
        return f"{self.board} {g.rows} x {g.cols}, {g.lanes} lanes"


def read(path: Path = FILE) -> list[Budget]:
    """Read the budgets.

    Raises
    ------
    Skipped
        If there is no such file.
    InputError
        If a budget lacks something, or has something unknown.
    """
    if not path.is_file():
        raise Skipped(f"no budgets are written down yet ({path.name})")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))["budget"]
        return [_budget(dict(table)) for table in tables]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path.name}: not a list of [[budget]]: {error}") from None


def _budget(table: dict[str, Any]) -> Budget:
    from dataclasses import replace

    board, bounds = table.pop("board"), {name: table.pop(name) for name in ("max_lut", "max_bram", "min_fmax")}
    return Budget(board, replace(find_board(board).geometry, **table), **bounds)


def exceeded(budget: Budget, result: BuildResult) -> list[str]:
    """Bounds that a build breaks, in words."""
    used = result.placed.used
    slowest = min(clock.achieved for clock in result.placed.clocks)
    over = [
        f"{used[part]} {part} instead of at most {most}"
        for part, most in (("LUT", budget.max_lut), ("BRAM", budget.max_bram))
        if used.get(part, 0) > most
    ]
    slow = [f"{slowest / 1e6:.1f} MHz instead of at least {budget.min_fmax / 1e6:.1f}"]
    return over + (slow if slowest < budget.min_fmax else [])


def check(budget: Budget, quick: bool) -> list[str]:
    """Build, unless it is in the cache, and return the bounds that it breaks, in words.

    Raises
    ------
    Skipped
        In quick runs, instead of making it.
    """
    board = find_board(budget.board)
    result = cached(board, budget.geometry, SEED)
    if result is not None:
        return exceeded(budget, result)
    if quick:
        raise Skipped("not in the cache, and a quick run builds nothing: leave out --quick")
    with tempfile.TemporaryDirectory(prefix="memhil-build-") as name:
        return exceeded(budget, build(board, budget.geometry, SEED, Path(name) / "build"))
