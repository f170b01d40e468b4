"""Milliseconds to solve a crossbar with wire resistances, ohmic cells and others, and by badcrossbar.

    python benchmarks/wires.py [--quick] [--json FILE]

Cells of 10 kohm to 1 Mohm, 1 ohm a segment, all rows driven: one drive, 64 drives, one drive of cells i ~ sinh(v/0.2 V)
of these conductances, and a sparse factorisation. badcrossbar (pip install badcrossbar) is measured where it is
installed, in the same run; each time is the least processor time of several, and all must give the same voltages. Last,
larger arrays: time, and the memory that one solution takes beyond the cells.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hil.runs.results import Row, report
from sim.network.branches import NonOhmic, Ohmic
from sim.network.newton import potentials
from sim.network.wires import WiredCrossbar, WireResistance

SEGMENT, DRIVES, STEEP = 1.0, 64, 0.2


Given = TypeVar("Given")
Array = NDArray[np.float64]


def least(action: Callable[[], Given], repeats: int) -> tuple[float, Given]:
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
    ohm, drives = 10 ** rng.uniform(4, 6, (size, size)), rng.uniform(0, 1, (DRIVES, size))
    drive, silent = drives[0], np.zeros((DRIVES, size))
    crossbar, cells = WiredCrossbar(size, size, WireResistance.alike(SEGMENT)), Ohmic(1 / ohm)
    steep = NonOhmic(lambda v: STEEP / ohm * np.sinh(v / STEEP), lambda v: np.cosh(v / STEEP) / ohm)

    def by_factors() -> NDArray[np.float64]:
        wires = crossbar.wires
        return wires.along(potentials(wires, wires.branches(cells), wires.given(drive, silent[0])))

    def many() -> NDArray[np.float64]:
        return crossbar.many(1 / ohm, drives, silent)

    def curved() -> NDArray[np.float64]:
        return crossbar.voltages(steep, drive, silent[0])[0]

    crossbar.voltages(cells, drive, silent[0])
    note = f"{size} x {size}"
    one, along = least(lambda: crossbar.voltages(cells, drive, silent[0])[0], repeats)
    factors, exact = least(by_factors, 2)
    assert np.abs(along - exact).max() < 1e-9
    times, across = least(many, 2)
    newton, bent = least(curved, 3 * repeats)
    net = crossbar.wires.outflow(crossbar.wires.branches(steep).current(crossbar.wires.across(_nodes(bent, drive))))
    assert np.abs(net[2 * size :]).max() < 1e-9 * np.abs(net[: 2 * size]).max()
    rows = [
        Row(f"one drive, {note}", one, "ms"),
        Row(f"{DRIVES} drives, {note}", times, "ms"),
        Row(f"one drive, {note}, cells that are not ohmic", newton, "ms", note=f"{newton / one:.1f} times the ohmic"),
        Row(f"one drive, {note}, sparse factorisation", factors, "ms"),
    ]
    badcrossbar = peer()
    for count, ours in ((1, one), (DRIVES, times)) if badcrossbar is not None else ():
        bad, theirs = least(lambda n=count: badcrossbar.compute(drives[:n].T, ohm, SEGMENT), 2 if size < 256 else 1)
        found = (theirs.voltages.word_line - theirs.voltages.bit_line).reshape(size, size, count)
        assert np.abs(np.moveaxis(found, 2, 0) - across[:count]).max() < 1e-9
        name = "one drive" if count == 1 else f"{count} drives"
        rows.append(Row(f"{name}, {note}, badcrossbar", bad, "ms", note=f"{bad / ours:.0f} times as long"))
    whole, _ = least(lambda: crossbar.effective(1 / ohm), 1)
    return [*rows, Row(f"any number of drives, {note}: effective conductances", whole, "ms")]


def _nodes(along: NDArray[np.float64], drive: NDArray[np.float64]) -> NDArray[np.float64]:
    """Voltages of all nodes, where columns end at 0 V."""
    return np.concatenate([drive, np.zeros(along.shape[2]), along.ravel()])


def peak(action: Callable[[], object]) -> float:
    """Bytes by which the memory of this process grows for a while, NaN where the system does not tell."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what is free already would be taken first
        Path("/proc/self/clear_refs").write_text("5")
        before = _told("VmRSS")
        action()
        return _told("VmHWM") - before
    except (OSError, AttributeError, StopIteration):
        return float("nan")


def _told(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * int(next(line for line in lines if line.startswith(field)).split()[1])


def scale(sizes: tuple[int, ...]) -> list[Row]:
    """Time and memory of one drive of larger and larger arrays, and the powers of the number of cells they go by."""
    rows, found = [], []
    for size in sizes:
        rng = np.random.default_rng(0)
        g, drive = 10 ** -rng.uniform(4, 6, (size, size)), rng.uniform(0, 1, size)
        crossbar, cells, silent = WiredCrossbar(size, size, WireResistance.alike(SEGMENT)), Ohmic(g), np.zeros(size)

        def once(x: WiredCrossbar = crossbar, c: Ohmic = cells, v: Array = drive, s: Array = silent) -> Array:
            return x.voltages(c, v, s)[0]

        (took, along), needed = least(once, 3), peak(once)
        loss = 1 - (g * (along[0] - along[1])).sum() / (drive @ g).sum()
        found.append((took, needed))
        rows.append(Row(f"larger arrays, {size} x {size}", took, "ms", note=f"{100 * loss:.0f} % of the current lost"))
        rows.append(Row(f"memory of that, {size} x {size}", needed / 1e6, "MB"))
    cells_ = np.log([size * size for size in sizes[-2:]])
    for what, values in zip(("time", "memory"), np.log(found[-2:]).T, strict=True):
        slope = float(np.diff(values)[0] / np.diff(cells_)[0])
        rows.append(Row(f"power of the number of cells by which {what} goes, last two", slope, ""))
    return rows


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="16 x 16 only")
    parser.add_argument("--json", help="write the rows to this file, - for standard output")
    given = parser.parse_args()
    rows = [row for size in ((16,) if given.quick else (64, 128, 256)) for row in measure(size, 5)]
    rows += scale((16, 32) if given.quick else (128, 256, 512, 1024))
    report(rows, "Crossbars with wire resistances", given.json)


if __name__ == "__main__":
    main()
