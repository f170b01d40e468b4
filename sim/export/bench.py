"""Test bench of an exported cell: a netlist that sweeps it and compares with the simulation; and its run in ngspice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import HilError
from sim import ngspice
from sim.export.printing import shown
from sim.export.sweeps import TestSweep

RELTOL = 1e-6
"""Relative tolerance of ngspice on a bench."""

STEPS = 4
"""Least steps of ngspice from one point of a sweep to the next."""


@dataclass(frozen=True)
class BenchResult:
    """What a bench came to.

    Attributes
    ----------
    time, voltage, current : (K,) arrays
        At the points of the sweep, s, V, A.
    difference : float
        Largest difference of ngspice's current from the expected one, as a part of the largest current.
    """

    time: NDArray[np.float64]
    voltage: NDArray[np.float64]
    current: NDArray[np.float64]
    difference: float


def netlist(file: str, word: str, sweep: TestSweep, expected: NDArray[np.float64], curve: str, before: str = "") -> str:
    """Write the netlist; it prints ``largest_difference``, as a part of the largest current.

    Parameters
    ----------
    file, word : str
        File to include, and the name of the sub-circuit in it.
    sweep : TestSweep
        What drives the cell.
    expected : (K,) array
        What the simulation gives at `sweep.time`, A.
    curve : str
        File that it writes the curve to: time (s), voltage (V), current (A), expected current (A).
    before : str
        More lines before the cell.
    """
    step, stop = 1 / (sweep.points * sweep.frequency), sweep.periods / sweep.frequency
    largest = float(np.abs(expected).max()) or 1.0
    points = [f"+ {t:.12g} {shown(float(i) / largest)}" for t, i in zip(sweep.time, expected, strict=True)]
    return "\n".join(
        [
            f"Test bench of {word}: {sweep.shape} of {sweep.amplitude:g} V and {sweep.frequency:g} Hz",
            f"* run it by: ngspice -b FILE; it writes {curve}",
            *filter(None, [before]),
            f".include {file}",
            f"Vdrive drive 0 {sweep.source()}",
            "Vmeter drive plus 0",
            f"X1 plus 0 {word}",
            f"* current of the simulation, in units of its largest, {shown(largest)} A",
            "Vexpected expected 0 PWL(0 0",
            *points,
            "+ )",
            f".options reltol={RELTOL:g} abstol=1e-12 vntol=1e-9",
            ".control",
            f"tran {step:.12g} {stop:.12g} 0 {step / STEPS:.12g}",
            "linearize v(plus) i(Vmeter) v(expected)",
            f"let largest_difference = vecmax(abs(i(Vmeter)/{shown(largest)} - v(expected)))",
            "print largest_difference",
            "set wr_singlescale",
            "set numdgt=12",
            "let current = i(Vmeter)",
            f"let expected_current = v(expected)*{shown(largest)}",
            f"wrdata {curve} v(plus) current expected_current",
            "quit",
            ".endc",
            ".end",
            "",
        ]
    )


def played(files: Mapping[str, str], main: str, curve: str, until: float, timeout: float = 300.0) -> BenchResult:
    """Run a bench in ngspice.

    Parameters
    ----------
    files : mapping
        Texts by the names of the files: the bench and what it includes.
    main, curve : str
        The bench, and the file that it writes.
    until : float
        End of the sweep, s.
    timeout : float
        Seconds after which it is stopped.

    Raises
    ------
    HilError
        If ngspice is not installed, or does not come to the end of the sweep; with what it says.
    """
    done = ngspice.run(files, main, timeout, (curve,))
    found = re.search(r"^largest_difference = (\S+)", done.stdout, re.MULTILINE)
    if found is None or curve not in done.files:
        raise HilError(f"ngspice did not finish {main}: {'; '.join(_complaints(done.stdout))}")
    table = np.array([line.split() for line in done.files[curve].splitlines()], dtype=float)
    if table[-1, 0] < (1 - 1e-6) * until:
        raise HilError(f"ngspice stopped at {table[-1, 0]:g} s of {until:g} s: {'; '.join(_complaints(done.stdout))}")
    return BenchResult(table[:, 0], table[:, 1], table[:, 2], float(found[1]))


def _complaints(output: str) -> list[str]:
    """What ngspice says went wrong, or its last words."""
    found = re.findall(r"^.*(?:error|too small|singular|unknown|can't|failed).*$", output, re.MULTILINE | re.IGNORECASE)
    return [line.strip() for line in found[-3:]] or [output[-200:].strip()]
