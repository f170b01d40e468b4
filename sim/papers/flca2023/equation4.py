"""Equation 4 as printed, ``0 < A v / D < phi``, and as meant, ``0 <=``; and what it does to a read.

With the printed sign a cell at rest is in the "otherwise" branch and decays: it is volatile. Both are run here, from
the same lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from hil.backends import open_device
from hil.reproduction.papers import Finding, Scope, above, near
from hil.waveform import Waveform
from sim.papers.canvas import canvas, save
from sim.papers.flca2023.checks import by_lsoda, single

A, D = 1.0, 1.0
START = 0.03
"""V s: 0.3 of what 100 mV hold."""

REST = 5.0
"""Relaxation times (1 / D) that the cell is left alone."""

PULSE = 0.1
READ, READ_TIME = 1e-3, 1e-3
"""A small test signal: 1 mV, 1 ms."""


def advance(phi: float, v: float, duration: float, *, strict: bool) -> float:
    """Flux after `duration` s at a constant `v`, in closed form; `strict` takes the printed sign of eq 4."""
    target = A * v / D
    if (target > 0 if strict else target >= 0) and target < phi:
        return phi
    return max(target + (phi - target) * math.exp(-D * duration), 0.0)


def equation_4(scope: Scope) -> list[Finding]:
    """Retention by both readings of eq 4, and the disturbance by a balanced read."""
    times = [REST / D * k / 100 for k in range(101)]
    kept = {strict: advance(START, 0.0, REST / D, strict=strict) / START for strict in (True, False)}
    figure, (axis,) = canvas(1, (4.5, 3))
    for strict, label in ((False, "0 ≤ Av/D < Φ, as meant"), (True, "0 < Av/D < Φ, as printed")):
        axis.plot(times, [advance(START, 0.0, t, strict=strict) / START for t in times], label=label)
    axis.set(xlabel="time at 0 V (s)", ylabel="flux / initial flux", ylim=(0, 1.05), title="eq 4, D = 1 /s")
    axis.legend(frameon=False)
    save(figure, scope.folder / "equation4.png")

    ours = _device_after([0.0], [REST / D]) / START
    balanced = _device_after([READ, -READ], [READ_TIME, READ_TIME]) / START - 1
    positive = _device_after([READ, 0.0], [READ_TIME, READ_TIME]) / START - 1
    volatile = math.exp(-REST)
    claim = 'non-volatile "regardless of parameter D"'
    return [
        Finding(
            "eq4", f"flux left after {REST:g} / D at rest, printed condition 0 < A v / D < phi", claim, kept[True],
            accept=near(1.0, 1e-3), follows=math.exp(-REST), follows_by="exp(-5)", control=volatile,
            control_is="volatile, eq 3",
            **by_lsoda(lambda: single(START, [(0, REST / D)], A, D, volatile=False, strict=True) / START),
            note="at 0 V the printed condition is false, so the cell decays as a volatile one",
        ),
        Finding(
            "eq4", f"flux left after {REST:g} / D at rest, condition 0 <= A v / D < phi", claim, ours,
            accept=near(1.0, 1e-3), follows=1.0, follows_by="dphi/dt = 0", control=volatile,
            control_is="volatile, eq 3",
            **by_lsoda(lambda: single(START, [(0, REST / D)], A, D, volatile=False) / START),
            note="sim:flca; what we use everywhere",
        ),
        Finding(
            "eq4", "change of flux by a balanced read, +1 mV then -1 mV, 1 ms each",
            "test signals \"balanced in positive and negative flux-linkage\" do not modify memristances",
            balanced * 100, "%", accept=(-1e-4, 1e-4), control=positive * 100, control_is="+1 mV alone",
            **by_lsoda(lambda: 100 * (single(
                START, [(READ, READ_TIME), (-READ, READ_TIME)], A, D, volatile=False) / START - 1)),
            note="for any negative voltage the whole decay D phi acts; a small positive read disturbs nothing",
        ),
        _polarity(),
    ]  # fmt: skip


def _polarity() -> Finding:
    """How much more a negative pulse takes than a positive one of the same size adds."""

    def ratio(change: Callable[[float], float]) -> float:
        return -change(-PULSE) / change(PULSE)

    exact = (A * PULSE + D * START) / (A * PULSE - D * START)
    return Finding(
        "eq4", f"flux taken by -100 mV over flux added by +100 mV, 1 ms, at {START / (A * PULSE / D):g} of saturation",
        "negative voltage decreases the flux-linkage faster than positive voltage increases it",
        ratio(lambda v: _device_after([v], [READ_TIME]) - START), accept=above(1.01), follows=exact,
        follows_by="(A V + D phi) / (A V - D phi)", control=ratio(lambda v: A * v * READ_TIME),
        control_is="D = 0: A V T either way",
        **by_lsoda(lambda: ratio(lambda v: single(START, [(v, READ_TIME)], A, D, volatile=False) - START)),
    )  # fmt: skip


def _device_after(volts: list[float], dwell: list[float]) -> float:
    with open_device(f"sim:flca?rows=1&cols=1&A={A}&D={D}&phi0={START}") as device:
        device.apply(Waveform.samples(volts, dwell=dwell))
        return (1 / device.read()[0, 0] - 100.0) / 1e6
