"""Figures 1B, 1C and the pinched loop: single memristors.

The paper prints neither the parameters nor the measured points of Figure 1 (its supplement has them), so the curves
themselves cannot be compared; what the text says of them can. Parameters here are those of Figure 3.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hil.reproduction.papers import Finding, Scope, above, near
from sim.circuits import GROUND, Circuit, Drive, Flca, Memristor, Resistor, Source, Transient, simulate
from sim.papers.canvas import canvas, save
from sim.papers.flca2023.checks import by_lsoda, single

VOLATILE = Flca(R=(100.0, 1e6), A=1.0, D=1.0, volatile=True)
NONVOLATILE = Flca(R=(100.0, 1e6), A=1.0, D=1.0, volatile=False)
PULSE, WIDTH = 0.1, 0.2
"""V and s: long enough to see the resistance saturate."""

SLOW, FAST = 100.0, 1e6
"""Frequencies of a sine of 100 mV, Hz."""

POINTS = 2000
"""Samples of a sine; each is a segment of constant voltage."""

MEASURED = "measured curve, no number"


def alone(element: Flca | float) -> Circuit:
    """A source ``in`` across one memristor or resistor, ``cell``."""
    cell = Memristor("cell", "in", GROUND, element) if isinstance(element, Flca) else Resistor(
        "cell", "in", GROUND, element)  # fmt: skip
    return Circuit(Source("in", "in"), cell)


def figure_1b(scope: Scope) -> list[Finding]:
    """Resistance of a volatile memristor during and after pulses."""
    drive = Drive([WIDTH, 2.0, WIDTH, 5.0], {"in": [PULSE, 0, -PULSE, 0]})
    run = simulate(alone(VOLATILE), drive, record=100)
    figure, (axis,) = canvas(1, (5, 3))
    axis.plot(run.time, run.memristance["cell"] * 1e-3, "C3")
    axis.set(xlabel="time (s)", ylabel="resistance (kohm)", title="volatile, +100 mV and -100 mV, 0.2 s each")
    save(figure, scope.folder / "figure1b.png")

    def left(model: Flca) -> float:
        rested = simulate(alone(model), Drive([WIDTH, 5 / model.D], {"in": [PULSE, 0]}), refine=4).phi["cell"]
        return float(rested[-1] / rested[1])

    def check() -> float:
        up = single(0, [(PULSE, WIDTH)], 1, 1, volatile=True)
        return single(up, [(0, 5.0)], 1, 1, volatile=True) / up

    return [
        Finding(
            "1B", "part of the programmed change left 5 / D after the pulse", "\"volatile decay of resistance\"",
            left(VOLATILE), accept=(0.0, 0.05), follows=math.exp(-5), follows_by="exp(-5), eq 3",
            control=left(NONVOLATILE), control_is="non-volatile, eq 4", **by_lsoda(check),
        ),
        Finding("1B", "fit to the measured device", MEASURED, None, note="parameters and points are in the supplement"),
    ]  # fmt: skip


def figure_1c(scope: Scope) -> list[Finding]:
    """Resistance of a non-volatile memristor over the duration of a pulse, and its saturation."""
    duration = np.geomspace(1e-3, 20, 60)
    levels = (0.05, 0.1, 0.15)
    figure, (axis,) = canvas(1, (5, 3))
    for volts in levels:
        axis.semilogx(duration, _programmed(volts, duration) * 1e-3, label=f"{volts * 1e3:g} mV")
    axis.set(xlabel="pulse duration (s)", ylabel="resistance afterwards (kohm)", title="non-volatile")
    axis.legend(frameon=False)
    save(figure, scope.folder / "figure1c.png")

    series = _programmed(0.1, duration)
    steps = np.diff(series)
    ratio = float((_programmed(0.15, np.array([20.0]))[0] - 100) / (_programmed(0.1, np.array([20.0]))[0] - 100))
    unlimited = (_unlimited(0.1, 20.0) - 100) / (_unlimited(0.1, 2.0) - 100)
    limited = float((series[-1] - 100) / (_programmed(0.1, np.array([2.0]))[0] - 100))
    return [
        Finding(
            "1C", "smallest change of resistance to the next longer pulse, 1 ms to 20 s (60 durations)",
            "\"resistance changes as a function of the pulse duration\"", float(steps.min()), "ohm", above(0.0),
            follows=float(np.diff(_closed(0.1, duration)).min()), follows_by="R1 A V / D (1 - exp(-D t))",
            control=0.0, control_is="fixed resistor",
        ),
        Finding(
            "1C", "resistance gained by 20 s over that by 2 s of 100 mV", "saturates, no \"windup\"", limited,
            accept=(1.0, 1.5), follows=math.expm1(-20) / math.expm1(-2), follows_by="the same",
            control=unlimited, control_is="D = 0: flux grows without limit",
            **by_lsoda(lambda: single(0, [(0.1, 20.0)], 1, 1, volatile=False) / single(
                0, [(0.1, 2.0)], 1, 1, volatile=False)),
        ),
        Finding(
            "1C", "saturated flux at 150 mV over that at 100 mV", "AV/D: 1.5", ratio, accept=near(1.5, 0.01),
            follows=1.5, follows_by="A V / D",
            **by_lsoda(lambda: single(0, [(0.15, 20.0)], 1, 1, volatile=False) / single(
                0, [(0.1, 20.0)], 1, 1, volatile=False)),
        ),
        Finding("1C", "fit to the measured device", MEASURED, None, note="parameters and points are in the supplement"),
    ]  # fmt: skip


def pinched_loops(scope: Scope) -> list[Finding]:
    """Current against voltage under a sine, slow and fast."""
    figure, axes = canvas(2, (8, 3))
    for axis, model, name in zip(axes, (VOLATILE, NONVOLATILE), ("volatile", "non-volatile"), strict=True):
        for hertz in (10.0, 100.0, 1000.0):
            v, i = _loop(model, hertz)
            axis.plot(v * 1e3, i / np.abs(i).max(), label=f"{hertz:g} Hz")
        axis.set(xlabel="mV", ylabel="current / its maximum", title=name)
    axes[0].legend(frameon=False)
    save(figure, scope.folder / "loops.png")
    slow, fast, fixed = (_lobe(m, f) for m, f in ((VOLATILE, SLOW), (VOLATILE, FAST), (100.0, SLOW)))
    v, i = _loop(VOLATILE, SLOW)
    crossing = float(np.abs(i[v == 0]).max() / np.abs(i).max())
    claim = '"pinched hysteretic current–voltage bow-tie curve"'
    return [
        Finding("loop", "area of a lobe over that of its bounding triangle, volatile, 100 Hz", claim, slow,
                accept=above(0.01), control=fixed, control_is="fixed resistor"),
        Finding("loop", "the same at 1 MHz: the loop closes", "Chua's fingerprint, cited", fast, accept=(-0.01, 0.01),
                control=slow, control_is="100 Hz"),
        Finding("loop", "current at 0 V over the largest", claim, crossing, accept=(-1e-9, 1e-9),
                follows=0.0, follows_by="i = v / M"),
    ]  # fmt: skip


def _programmed(volts: float, duration: NDArray[np.float64]) -> NDArray[np.float64]:
    """Resistance after one pulse and a second of rest, ohm."""
    times = np.stack([duration, np.ones_like(duration)], axis=-1)
    return simulate(alone(NONVOLATILE), Drive(times, {"in": [volts, 0.0]})).memristance["cell"][..., -1]


def _closed(volts: float, duration: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same from eqs 2 and 4 for a cell that begins at 0."""
    return NONVOLATILE.R[0] + NONVOLATILE.R[1] * NONVOLATILE.A * volts / NONVOLATILE.D * -np.expm1(
        -NONVOLATILE.D * duration)  # fmt: skip


def _unlimited(volts: float, seconds: float) -> float:
    model = Flca(NONVOLATILE.R, A=1.0, D=0.0, volatile=False)
    return float(simulate(alone(model), Drive([seconds], {"in": [volts]})).memristance["cell"][-1])


def _loop(element: Flca | float, hertz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voltage and current at the samples of the third period of a sine of 100 mV."""
    phase = 2 * np.pi * np.arange(3 * POINTS) / POINTS
    volts = 0.1 * np.sin(phase)
    volts[np.arange(3 * POINTS) % (POINTS // 2) == 0] = 0.0
    run: Transient = simulate(
        alone(element), Drive(np.full(volts.size, 1 / (hertz * POINTS)), {"in": volts}), refine=0.1
    )
    period = slice(2 * 2 * POINTS, None, 2)
    return run.voltage["in"][period], run.current["cell"][period]


def _lobe(element: Flca | float, hertz: float) -> float:
    """Area of the loop's positive lobe as a fraction of half the largest voltage times the largest current."""
    v, i = _loop(element, hertz)
    half = POINTS // 2 + 1
    v, i = v[:half], i[:half]
    area = math.fsum((v[1:] - v[:-1]) * (i[1:] + i[:-1]) / 2)
    return abs(area) / (0.5 * v.max() * i.max())
