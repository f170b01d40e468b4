"""Figure 1B and Table 1: loops, equations in their limits, thresholds and linearity of the four models.

Table 1 as printed has the same branch twice for Simmons' model, a minus sign where a factor belongs, "0 < i(t) < i" as
both conditions of TEAM, and no exponential in its resistance. Rows compute what the models' own papers have, and what
the table says literally beside it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.backends import open_device
from hil.reproduction.papers import Finding, Scope, above, near
from hil.waveform import Waveform
from sim.cells.rates import RateLaw
from sim.cells.simmons import gap_rate
from sim.crossbar.array import SimulatedArray
from sim.papers.canvas import canvas, save
from sim.papers.flca2023.checks import by_lsoda


class TableModel(NamedTuple):
    """A model of Table 1, and a sine that opens its loop: address, V, Hz; and two of its states."""

    address: str
    volts: float
    hertz: float
    states: tuple[float, float]


MODELS = {
    "linear ion drift": TableModel("sim:ion-drift?window=none", 1.0, 1.0, (0.3, 0.6)),
    "non-linear ion drift": TableModel("sim:nonlinear-drift?window=none", 1.0, 1.0, (0.3, 0.6)),
    "Simmons tunnel barrier": TableModel("sim:simmons", 0.9, 100.0, (1.5e-9, 1.8e-9)),
    "TEAM": TableModel(
        "sim:team?k_off=2e-9&k_on=-2e-11&x0=3e-10&resistance=exponential&window=none", 4.0, 1.0, (2e-9, 2.5e-9)
    ),
}

POINTS = 200
"""Samples of a sine."""

FAST = 1e12
"""Factor on the frequency at which a loop must have closed."""

HP_K, HP_ON, HP_OFF, HP_START = 1e4, 100.0, 16e3, 0.3144654088050314
"""k = mu R_on / D^2, 1/C; resistances, ohm; and the doped part at first: of the preset `hp`."""


@cache
def law_of(address: str) -> RateLaw[Any]:
    """The law of a simulated cell that is given by its rates."""
    with open_device(address) as device:
        assert isinstance(device, SimulatedArray) and isinstance(device.law, RateLaw)
        return device.law


def loop(model: TableModel, faster: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voltage, V, and current, A, at the samples of the second period of a sine."""
    phase = np.arange(2 * POINTS) + 1
    volts = model.volts * np.sin(2 * np.pi * phase / POINTS)
    volts[phase % (POINTS // 2) == 0] = 0.0
    with open_device(model.address) as device:
        wave = Waveform.samples(volts, dwell=1 / (faster * model.hertz * POINTS), measure=True)
        current = device.apply(wave).currents[:, 0]
    return volts[POINTS:], current[POINTS:]


def lobe(v: NDArray[np.float64], i: NDArray[np.float64]) -> float:
    """Area between the branches of the positive lobe over that of the triangle under its tip."""
    half = POINTS // 2
    v, i = np.append(0.0, v[:half]), np.append(0.0, i[:half])
    return abs(float(np.trapezoid(i, v))) / (0.5 * v.max() * np.abs(i).max())


def loops(scope: Scope) -> list[Finding]:
    """Figure 1B: the pinched hysteresis loop is the "fundamental identifier" of a memristor."""
    figure, axes = canvas(len(MODELS), (13, 3))
    rows = []
    for axis, (name, model) in zip(axes, MODELS.items(), strict=True):
        scope.pause()
        v, i = loop(model)
        axis.plot(v, i / np.abs(i).max())
        axis.set(xlabel="voltage (V)", ylabel="current / its maximum", title=name)
        claim = '"pinched hysteresis loop is its fundamental identifier"'
        rows += [
            Finding(
                "1B",
                f"{name}: current at 0 V over the largest",
                claim,
                float(np.abs(i[v == 0]).max() / np.abs(i).max()),
                accept=(-1e-9, 1e-9),
                follows=0.0,
                follows_by="the printed current is 0 at v = 0",
            ),
            Finding(
                "1B",
                f"{name}: area of a lobe over its triangle",
                claim,
                lobe(v, i),
                accept=above(0.01),
                control=lobe(*loop(model, FAST)),
                control_is=f"{FAST:g} times the frequency: the state stays",
                note=f"{model.volts:g} V, {model.hertz:g} Hz",
            ),
        ]
    save(figure, scope.folder / "xu-loops.png")
    return rows


def limits(scope: Scope) -> list[Finding]:
    """Values of the equations that have a closed form, and what Table 1 as printed would give."""
    return [_drift(), _power(), *_barrier(), *_thresholds()]


def _drift() -> Finding:
    flux = 1 / math.pi
    ours = 1.0 / float(_after(MODELS["linear ion drift"], 0.5))
    start = HP_ON * HP_START + HP_OFF * (1 - HP_START)
    closed = math.sqrt(start**2 - 2 * HP_K * HP_ON * (HP_OFF - HP_ON) / HP_ON * flux)

    def independent() -> float:
        from scipy.integrate import solve_ivp

        def slope(t: float, x: Any) -> list[float]:
            return [HP_K * math.sin(2 * math.pi * t) / (HP_ON * x[0] + HP_OFF * (1 - x[0]))]

        x = solve_ivp(slope, (0, 0.5), [HP_START], method="LSODA", rtol=1e-10, atol=1e-12).y[0, -1]
        return float(HP_ON * x + HP_OFF * (1 - x))

    return Finding(
        "T1",
        "linear ion drift: resistance after the positive half of 1 V, 1 Hz",
        "its equation; no number",
        ours,
        "ohm",
        near(closed, 1e-4),
        follows=closed,
        follows_by="M^2 = M0^2 - 2 k (Roff - Ron) flux",
        **by_lsoda(independent),
    )


def _after(model: TableModel, seconds: float) -> float:
    """Conductance after the first part of a sine, S."""
    steps = 4000
    t = (np.arange(steps) + 0.5) * seconds / steps
    with open_device(model.address) as device:
        device.apply(Waveform.samples(model.volts * np.sin(2 * np.pi * model.hertz * t), dwell=seconds / steps))
        return float(device.read()[0, 0])


def _power() -> Finding:
    with open_device("sim:nonlinear-drift?window=joglekar&p=1") as device:
        device.apply(Waveform.pulse(0.9, width=0.1))
        assert isinstance(device, SimulatedArray)
        ours = float(device.state("w")[0, 0])
    closed = 1 / (1 + math.exp(-4 * 4.0 * 0.9**13 * 0.1))
    return Finding(
        "T1",
        "non-linear ion drift: w after 0.1 s at 0.9 V from 0.5, Joglekar's window",
        "dw/dt = a f(w) v^m; no number",
        ours,
        "",
        near(closed, 1e-6),
        follows=closed,
        follows_by="1 / (1 + exp(-4 a v^m t)), m = 13",
    )


def _barrier() -> list[Finding]:
    """Simmons' model: both branches, nm/s."""
    p = np.array(law_of("sim:simmons").constants())
    rows = []
    for i, w, name in ((150e-6, 1.2e-9, "i > 0"), (-30e-6, 1.8e-9, "i < 0")):
        inner = (w - 1.2e-9) / 107e-12 - abs(i) / 500e-6 if i > 0 else (1.8e-9 - w) / 107e-12 - abs(i) / 500e-6
        scale, unit_of_current = (3.5e-6, 115e-6) if i > 0 else (-40e-6, 8.9e-6)
        closed = 1e9 * scale * math.sinh(abs(i) / unit_of_current) * math.exp(-math.exp(inner) - w / 107e-12)
        first = (w - 1.2e-9) / 107e-12 - abs(i) / 500e-6
        printed = 3.5e-6 - math.sinh(i / 115e-6) * math.exp(-math.exp(first) - w / 107e-12)
        rows.append(
            Finding(
                "T1",
                f"Simmons: rate of the gap, {name}, {i * 1e6:g} uA at {w * 1e9:g} nm",
                "its equation, garbled",
                1e9 * float(gap_rate(i, w, p)),
                "nm/s",
                near(closed, 1e-6),
                follows=closed,
                follows_by="Pickett et al. 2009, eqs 1 and 2",
                open={"Table 1 as printed": 1e9 * printed},
                note='printed "koff - sinh(...)" for both signs of the current, with one set of constants',
            )
        )
    return rows


def _thresholds() -> list[Finding]:
    """TEAM: its rate beyond the threshold, and its resistance in the middle of the gap."""
    law, i, x = law_of("sim:team?window=none&resistance=exponential"), 200e-6, 1e-9
    ratio, (low, high) = math.log(200e3 / 100.0), (0.0, 3e-9)
    r = 100.0 * math.exp(ratio * x / high)
    closed = 1e9 * 8e-13 * (i / 115e-6 - 1) ** 3
    middle = np.full((1, 1), 0.5 * (low + high))
    ours = 1e-3 / float(law.current(np.full((1, 1), 1e-3), {"x": middle})[0, 0])
    return [
        Finding(
            "T1",
            "TEAM: rate at 200 uA, i_off 115 uA",
            "its equation, garbled",
            1e9 * float(law.velocity(i * r, np.array([x]))[0]),
            "nm/s",
            near(closed, 1e-6),
            follows=closed,
            follows_by="k_off (i / i_off - 1)^3",
            open={"Table 1 as printed": 0.0},
            note='printed condition of both branches: "0 < i(t) < i", never true',
        ),
        Finding(
            "T1",
            "TEAM: resistance in the middle of the gap",
            "v = R_on lambda / (w_off - w_on) (w - w_on)",
            ours,
            "ohm",
            near(math.sqrt(100.0 * 200e3), 1e-6),
            follows=math.sqrt(100.0 * 200e3),
            follows_by="sqrt(R_on R_off)",
            open={"Table 1 as printed, times i": 100.0 * ratio * 0.5},
            note="without exp, the resistance at w_on would be 0 and not R_on",
        ),
    ]


def properties(scope: Scope) -> list[Finding]:
    """The rows "Threshold exists" and "Linearity" of Table 1."""
    claims = {
        "linear ion drift": ("No", above(0.01), "linear"),
        "non-linear ion drift": ("No", above(0.0), "No-linear"),
        "Simmons tunnel barrier": ("Practically exists", (1e-300, 1e-3), "No-linear"),
        "TEAM": ("Yes", (-1e-300, 1e-300), "No-linear"),
    }
    rows = []
    for name, (threshold, accept, linear) in claims.items():
        model = MODELS[name]
        law = law_of(model.address)
        state = np.array([model.states[0]])
        slow, fast = (abs(float(law.velocity(part * model.volts, state)[0])) for part in (0.05, 1.0))
        rows.append(
            Finding(
                "T1-properties",
                f"{name}: rate at a twentieth of {model.volts:g} V over that at {model.volts:g} V",
                f"threshold: {threshold}",
                slow / fast,
                accept=accept,
                note={"non-linear ion drift": "0.05^13: none in the strict sense, and in effect there is one"}.get(
                    name, ""
                ),
            )
        )
        rows.append(_linearity(name, model, law, linear))
    return rows


def _linearity(name: str, model: TableModel, law: RateLaw[Any], claim: str) -> Finding:
    """How far the current is from proportional to the voltage at one state, and the resistance from linear in it."""
    at = {law.programmed: np.full((1, 1), model.states[0])}
    v = model.volts
    one, half = (float(law.current(np.full((1, 1), part * v), at)[0, 0]) for part in (1.0, 0.5))
    low, high = law.bounds()
    x = low + (high - low) * np.array([[0.25, 0.5, 0.75]])
    small = law.read_voltage
    r = small / law.current(np.full((1, 3), small), {law.programmed: x})[0]
    bent = float(r[1] / (0.5 * (r[0] + r[2])))
    return Finding(
        "T1-properties",
        f"{name}: current at {v:g} V over twice that at {v / 2:g} V, at one state",
        f"linearity: {claim}",
        one / (2 * half),
        accept=(0.999, 1.001) if claim == "linear" else _bent(one / (2 * half), bent),
        open={"resistance half way over the mean of those at 1/4 and 3/4": bent},
        note="the table does not say in what: the current in the voltage, or the resistance in the state",
    )


def _bent(*values: float) -> tuple[float, float]:
    """Everything that is not 1 within a thousandth, on the side on which the larger deviation lies."""
    furthest = max(values, key=lambda value: abs(value - 1))
    return (1.001, math.inf) if furthest > 1 else (-math.inf, 0.999)
