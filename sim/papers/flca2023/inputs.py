"""Figures 2C, 2D and Table 1: two inputs into one load, through resistors or volatile memristors.

The paper does not print the load. `sim.circuits.valved` uses the one at which its 3.2 uVs come out, so that number and
the 96.8 % that follows from it confirm nothing by themselves; every row is computed for the loads of `LOADS` as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hil.reproduction.papers import Finding, Scope, above, near, rounds_to
from sim.circuits import Drive
from sim.circuits.figures import draw_valved
from sim.circuits.valved import HIGH, LOAD, VALVED_MEMRISTOR, WIDTH, resistor_circuit, valved, valved_circuit
from sim.papers.flca2023.checks import by_ngspice

LOADS = (3e3, 10e3, 100e3, 1e6)
"""Other loads at which two equal inputs still pass, ohm; below some 3 kohm they latch off."""

ONE_HIGH = Drive([WIDTH], {"in1": [HIGH], "in2": [0.0]})
BOTH_HIGH = Drive([WIDTH], {"in1": [HIGH], "in2": [HIGH]})
CHOSEN = f"load {LOAD:g} ohm, chosen by us so that 3.20 uVs come out; the paper prints none"


def passed(v1: float, v2: float, load: float = LOAD, memristors: bool = True) -> float:
    """Flux at the output, uVs."""
    return float(valved(v1, v2, load=load, memristors=memristors).flux * 1e6)


def divided(load: float) -> float:
    """Output over the one high input, the other input at 0 V, both through R0."""
    return load / (2 * load + VALVED_MEMRISTOR.R[0])


def over_loads(value: Callable[[float], float]) -> dict[str, float]:
    """A function of the load at every one of `LOADS`."""
    return {f"load {load / 1e3:g} kohm": value(load) for load in LOADS}


def figure_2c(scope: Scope) -> list[Finding]:
    """The control of the paper: fixed resistors."""
    return [
        Finding(
            "2C", "flux at the output, one input high", "50 uVs", passed(HIGH, 0, memristors=False), "uVs",
            near(50, 0.02), open=over_loads(lambda r: passed(HIGH, 0, r, False)),
            follows=HIGH * WIDTH * 1e6 * divided(LOAD), follows_by="voltage divider",
            **by_ngspice(resistor_circuit(), ONE_HIGH, "area_out", 1e6), control=passed(0, 0, memristors=False),
            control_is="no input high", note="the load takes 1.2 %",
        ),
        Finding(
            "2C", "flux at the output, both inputs high", "identical to the inputs, 100 uVs",
            passed(HIGH, HIGH, memristors=False), "uVs", near(100, 0.02),
            open=over_loads(lambda r: passed(HIGH, HIGH, r, False)),
            follows=2 * HIGH * WIDTH * 1e6 * divided(LOAD), follows_by="voltage divider",
            **by_ngspice(resistor_circuit(), BOTH_HIGH, "area_out", 1e6),
            control=passed(HIGH, 0, memristors=False), control_is="one input high",
        ),
    ]  # fmt: skip


def figure_2d(scope: Scope) -> list[Finding]:
    """VALVeD inputs."""
    scope.folder.mkdir(parents=True, exist_ok=True)
    import matplotlib

    matplotlib.use("agg")
    draw_valved(scope.folder / "figure2.png")

    def edge(load: float) -> float:
        return float(valved(HIGH, 0, load=load, record=50).transient.voltage["out"][51] * 1e3)

    def suppressed(load: float = LOAD) -> float:
        return float(valved(HIGH, 0, load=load).suppression * 100)

    resistors = passed(HIGH, 0, memristors=False)
    spice = by_ngspice(valved_circuit(), ONE_HIGH, "area_out", 1e6)
    percent = {**spice, "check": 100 - spice["check"]} if "check" in spice else spice
    return [
        Finding(
            "2D", "flux at the output, one input high", "3.2 uVs", passed(HIGH, 0), "uVs", rounds_to(3.2, 0.1),
            open=over_loads(lambda r: passed(HIGH, 0, r)), **spice, control=resistors, control_is="resistors",
            note=CHOSEN,
        ),
        Finding(
            "2D", "part of the input that is suppressed", "96.8 %", suppressed(), "%", rounds_to(96.8, 0.1),
            open=over_loads(suppressed), **percent, control=100 - resistors, control_is="resistors",
            note=f"the same number again, 100 - 3.2; {CHOSEN}",
        ),
        Finding(
            "2D", "output at the first instant of one high input", "50 mV", edge(LOAD), "mV", near(50, 0.02),
            open=over_loads(edge), follows=HIGH * 1e3 * divided(LOAD), follows_by="voltage divider",
            control=0.0, control_is="no input high",
        ),
        Finding(
            "2D", "flux at the output, both inputs high", "passes, 100 uVs", passed(HIGH, HIGH), "uVs", near(100, 0.05),
            open=over_loads(lambda r: passed(HIGH, HIGH, r)),
            **by_ngspice(valved_circuit(), BOTH_HIGH, "area_out", 1e6), control=passed(HIGH, 0),
            control_is="one input high",
        ),
        _proportionality(),
    ]  # fmt: skip


def table_1(scope: Scope) -> list[Finding]:
    """The gate: how far the least HIGH output is above the largest LOW one."""

    def margin(load: float = LOAD, memristors: bool = True) -> float:
        flux = valved([0, 0, HIGH, HIGH], [0, HIGH, 0, HIGH], load=load, memristors=memristors).flux * 1e6
        return float(flux[3] - flux[:3].max())

    spice = [by_ngspice(valved_circuit(), drive, "area_out", 1e6) for drive in (BOTH_HIGH, ONE_HIGH)]
    check = {**spice[0], "check": spice[0]["check"] - spice[1]["check"]} if "check" in spice[0] else spice[0]
    return [
        Finding(
            "T1", "flux for 1 AND 1 above the largest of the three other rows", "truth table of a leaky AND", margin(),
            "uVs", above(75.0), open=over_loads(margin), **check, control=margin(memristors=False),
            control_is="resistors",
            note="the entries are lost in our text; rule: more than half way from a divider (50) to an AND (100)",
        )
    ]  # fmt: skip


def _proportionality() -> Finding:
    """The claim for analog signals, with the smaller input as what two signals have in common."""
    v1, v2 = np.meshgrid(np.linspace(0, HIGH, 21), np.linspace(0, HIGH, 21))
    common, mean = np.minimum(v1, v2).ravel(), ((v1 + v2) / 2).ravel()

    def explained(by: np.ndarray, memristors: bool, load: float = LOAD) -> float:
        return float(np.corrcoef(by, valved(v1, v2, load=load, memristors=memristors).flux.ravel())[0, 1] ** 2)

    return Finding(
        "2D", "R² of the flux against min(V1, V2), 21 x 21 pairs from 0 to 100 mV",
        "\"proportional to the correlation of the two signals\"", explained(common, True), accept=above(0.99),
        open=over_loads(lambda load: explained(common, True, load)), control=explained(common, False),
        control_is="resistors",
        note=f"\"correlation\" taken as the smaller input; against the mean of both: {explained(mean, True):.3f}",
    )  # fmt: skip
