"""What one step of one cell costs, law by law, beside loops of the same equations in numpy.

    python benchmarks/law_steps.py [--quick] [--json FILE] [--only NAME]

A step is one segment of constant voltage of one cell: a sine of 2,000 segments that opens the law's loop, on an array
whose cells differ, one thread, processor time, least of several turns. What it is compared with steps the same
equations by Euler's rule, once a segment: one cell after the other, as MemTorch and most published code do it, with
numpy's functions and nothing compiled; and all cells of the array at once, in numpy's arrays. Neither controls its
error, ours does (1e-9 a step), so what they take for the same accuracy is more than is said here. Laws that count
pulses, or draw their flips, have no equations to be stepped so; a pulse is one step.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.backends import open_device
from hil.device import Unsupported
from hil.errors import InputError
from hil.runs.results import Row, report
from hil.waveform import Waveform
from sim.catalogue import backend
from sim.crossbar.array import SimulatedArray
from sim.crossbar.parameters import JoinedParameters
from sim.export.cell import ExportedCell, describe
from sim.export.expression import FUNCTIONS, Formula, ordered
from sim.export.sweeps import usual_amplitude, usual_frequency

POINTS, CELLS, TURNS = 2000, (16, 16), 3
EXPLICIT, IMPLICIT = "at most 60", "at most 1,000"
PLAIN_STEPS = 2000
"""Steps of the loop over single cells."""

Voltages = NDArray[np.float64]
Drive = tuple[Voltages, float]

IN_ARRAYS: Mapping[str, Callable[..., Any]] = {
    "and": np.logical_and, "or": np.logical_or, "not": np.logical_not,
    "select": np.where,
}  # fmt: skip


def names() -> list[str]:
    """Laws of the catalogue: all kinds that are arrays of cells of one."""
    return [kind.name for kind in backend.kinds() if issubclass(kind.parameters, JoinedParameters)]


def opened(name: str, **parameters: Any) -> SimulatedArray:
    """An array of a law."""
    device = open_device(f"sim:{name}", **parameters)
    assert isinstance(device, SimulatedArray)
    return device


def drive(name: str) -> Drive:
    """Voltages of a period and the time of each, or pulses up and down where a cell steps at their edges."""
    with opened(name) as device:
        law = device.law
    pulses = law.programming
    if law.equations is None and pulses is not None:
        up = np.tile([pulses.v_set, 0.0], POINTS // 4)
        down = np.tile([-pulses.v_reset, 0.0], POINTS // 4)
        return pulses.polarity * np.concatenate([up, down]), pulses.width
    amplitude = usual_amplitude(law)
    hertz = usual_frequency(law, amplitude)
    return amplitude * np.sin(2 * np.pi * (np.arange(POINTS) + 0.5) / POINTS), 1 / (hertz * POINTS)


def spent(action: Callable[[], object], turns: int) -> float:
    """Least processor time, s."""
    seconds = np.inf
    for _ in range(turns):
        begun = time.process_time()
        action()
        seconds = min(seconds, time.process_time() - begun)
    return seconds


def ours(name: str, volts: Voltages, dwell: float) -> float:
    """Nanoseconds a step of a cell."""
    rows, cols = CELLS
    spread = {} if name in ("rram", "curve") else {"d2d": 0.1}
    with opened(name, rows=rows, cols=cols, threads=1, **spread) as device:
        wave = Waveform.samples(np.tile(volts[:, None], rows), np.zeros((len(volts), cols)), dwell=dwell)
        device.apply(wave)  # compiles

        def period() -> None:
            device.reset()
            device.apply(wave)

        steps = len(volts) * rows * cols / (2 if device.law.jumps else 1)
        return 1e9 * spent(period, TURNS) / steps


def plain(name: str, volts: list[float], dwell: float) -> float:
    """Nanoseconds a step of a cell, nothing compiled: to be called in a process in which numba does not compile."""
    with opened(name) as device:
        law = device.law
    if law.equations is None:
        return float("nan")
    rate, current = law.equations
    kept = [s for s in law.states if not s.per_column]
    low, high = (np.array([getattr(s, end) for s in kept], dtype=float) for end in ("low", "high"))
    x, out = np.array([s.pristine for s in kept], dtype=float), np.empty(len(kept))
    p = np.array(law.constants(), dtype=float)
    count = PLAIN_STEPS // (20 if law.roots else 1)

    def loop() -> None:
        with np.errstate(all="ignore"):
            for k in range(count):
                v = volts[k % len(volts)]
                rate(v, x, p, out)
                x[:] = np.minimum(np.maximum(x + dwell * out, low), high)
                current(v, x, p)

    return 1e9 * spent(loop, 2) / count


def interpreted(drives: dict[str, Drive], quick: bool) -> dict[str, float]:
    """`plain` of laws, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--plain", *(["--quick"] if quick else [])], text=True, check=True,
        input=json.dumps({name: (list(volts), dwell) for name, (volts, dwell) in drives.items()}),
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, stdout=subprocess.PIPE,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def written(cell: ExportedCell) -> Callable[..., Any]:
    """Function of v and the list of states: their rates and, last, the current, in numpy's arrays."""
    states, values = [state.name for state in cell.states], cell.values()
    roots = [*(state.rate for state in cell.states), cell.current]
    word: dict[Formula, str] = {}
    lines = ["def step(v, x):"]
    for k, one in enumerate(ordered(*roots)):
        if one.function in FUNCTIONS:
            word[one] = f"t{k}"
            lines.append(f"    t{k} = of[{one.function!r}]({', '.join(word[part] for part in one.parts)})")
            continue
        name = one.arguments[0]
        known = {"number": name, "parameter": values.get(str(name))}.get(one.function)
        if known is not None:
            word[one] = f"np.float64({float(known)!r})"
        else:
            word[one] = "v" if one.function == "voltage" else f"x[{states.index(name)}]"
    scope: dict[str, Any] = {"np": np, "of": {**FUNCTIONS, **IN_ARRAYS}, "inf": np.inf}
    exec("\n".join([*lines, f"    return {', '.join(word[root] for root in roots)}"]), scope)
    return scope["step"]


def in_arrays(name: str, volts: Voltages, dwell: float) -> float:
    """Nanoseconds a step of a cell in numpy's arrays; NaN where there are no equations, or they have to be solved."""
    with opened(name) as device:
        law = device.law
    try:
        cell = describe(name, "", law)
    except Unsupported:
        return float("nan")
    if cell.unknowns:
        return float("nan")
    kept, step = [s for s in law.states if not s.per_column], written(cell)
    x = [np.full(CELLS, s.pristine, dtype=float) for s in kept]

    def period() -> None:
        with np.errstate(all="ignore"):
            for v in volts:
                *rates, _ = step(np.full(CELLS, v), x)
                for k, s in enumerate(kept):
                    x[k] = np.minimum(np.maximum(x[k] + dwell * rates[k], s.low), s.high)

    return 1e9 * spent(period, 2) / (len(volts) * CELLS[0] * CELLS[1])


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few small steps: shows that it runs, measures nothing")
    parser.add_argument("--json", help="write the rows to this file, - for standard output")
    parser.add_argument("--only", nargs="+", help="these laws")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        globals().update(POINTS=8, CELLS=(3, 2), TURNS=1, PLAIN_STEPS=20)
    if given.plain:
        print(json.dumps({name: plain(name, *told) for name, told in json.load(sys.stdin).items()}))
        return
    laws = given.only or (["yakopcic", "rram"] if given.quick else names())
    if unknown := set(laws) - set(names()):
        raise InputError(f"--only {min(unknown)}: choose from {', '.join(names())}")
    drives = {name: drive(name) for name in laws}
    slow, rows = interpreted(drives, given.quick), []
    for name in laws:
        mine, arrays = ours(name, *drives[name]), in_arrays(name, *drives[name])
        roots = backend.kind(name).parameters.law_type.roots  # type: ignore[attr-defined]  # of every joined model
        rows.append(Row(name, mine, "ns/step", reference=IMPLICIT if roots else EXPLICIT))
        if np.isfinite(slow[name]):
            note = f"{slow[name]:,.0f} ns a step"
            rows.append(
                Row("  cell by cell in numpy / ours", slow[name] / mine, "x", reference="at least 20", note=note)
            )
        if np.isfinite(arrays):
            rows.append(
                Row("  in numpy's arrays / ours", arrays / mine, "x", note=f"{arrays:,.0f} ns a step, by Euler")
            )
    report(rows, "A step of a cell, one thread", given.json)


if __name__ == "__main__":
    main()
