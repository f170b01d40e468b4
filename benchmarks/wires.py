"""Milliseconds to solve a crossbar with wire resistances: by line gradients, by one factorisation, and by badcrossbar.

    python benchmarks/wires.py [--quick] [--json FILE]

Cells of 10 kohm to 1 Mohm, 1 ohm a segment, all rows driven. badcrossbar (pip install badcrossbar) is measured where it
is installed, in the same run; each time is the least processor time of several. All must give the same voltages.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.runs.results import Row, report
from sim.network.branches import Ohmic
from sim.network.newton import potentials
from sim.network.wires import WiredCrossbar, WireResistance

SEGMENT = 1.0


def least(action: Callable[[], NDArray[np.float64]], repeats: int) -> tuple[float, NDArray[np.float64]]:
    """Least time of some runs, ms, and what the last one gave."""
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        given = action()
        times.append(time.process_time() - begun)
    return 1e3 * min(times), given


def peer() -> Any:
    """badcrossbar, None where it is not installed."""
    try:
        import badcrossbar
    except ImportError:
        return None
    logging.getLogger("badcrossbar").setLevel(logging.ERROR)
    return badcrossbar


def measure(size: int, repeats: int) -> list[Row]:
    """All ways for one array of `size` x `size`."""
    rng = np.random.default_rng(0)
    ohm, drive, silent = 10 ** rng.uniform(4, 6, (size, size)), rng.uniform(0, 1, size), np.zeros(size)
    crossbar, cells = WiredCrossbar(size, size, WireResistance.alike(SEGMENT)), Ohmic(1 / ohm)
    given = np.concatenate([drive, silent, np.full(2 * size * size, np.nan)])

    def by_factors() -> NDArray[np.float64]:
        found = potentials(crossbar.wires, crossbar.wires.branches(cells), given)
        return found[2 * size :].reshape(2, size, size)

    crossbar.voltages(cells, drive, silent)
    note = f"{size} x {size}"
    gradients, along = least(lambda: crossbar.voltages(cells, drive, silent)[0], repeats)
    factors, exact = least(by_factors, 2)
    assert np.abs(along - exact).max() < 1e-9
    rows = [
        Row(f"one drive, {note}, line gradients", gradients, "ms"),
        Row(f"one drive, {note}, sparse factorisation", factors, "ms"),
    ]
    badcrossbar = peer()
    if badcrossbar is not None:
        bad, theirs = least(
            lambda: badcrossbar.compute(drive[:, None], ohm, SEGMENT).voltages.word_line, 2 if size < 256 else 1
        )
        assert np.abs(theirs - exact[0]).max() < 1e-9
        rows.append(Row(f"one drive, {note}, badcrossbar", bad, "ms", note=f"{bad / gradients:.0f} times as long"))
    whole, _ = least(lambda: crossbar.effective(1 / ohm), 1)
    return [*rows, Row(f"any number of drives, {note}: effective conductances", whole, "ms")]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="16 x 16 only")
    parser.add_argument("--json", help="write the rows to this file, - for standard output")
    given = parser.parse_args()
    rows = [row for size in ((16,) if given.quick else (64, 128, 256)) for row in measure(size, 5)]
    report(rows, "Crossbars with wire resistances", given.json)


if __name__ == "__main__":
    main()
