"""Windows of the linear ion drift model, which must "nullify the derivative": what each does at the bound."""

from __future__ import annotations

import numpy as np

from hil.backends import open_device
from hil.reproduction.papers import Finding, Scope
from hil.waveform import Waveform
from sim.crossbar.array import SimulatedArray
from sim.papers.canvas import canvas, save
from sim.papers.xu2021.models import law_of

WINDOWS = {
    "Strukov": ("strukov", 0.0),
    "Joglekar": ("joglekar&p=1", 0.0),
    "Biolek": ("biolek&p=1", 1.0),
    "Prodromakis": ("prodromakis&p=1", 0.0),
    "Zha": ("zha&p=1", 0.25),
}
"""Addresses, and the closed form of the window at the bound that the current has just left."""

LONG = 30.0
"""Time into the bound, and back out of it, s."""


def ratio(window: str, x: float, v: float) -> float:
    """Rate with a window over that without, at a state and a voltage."""
    with_it, without = (law_of(f"sim:ion-drift?window={w}").velocity(v, np.array([x]))[0] for w in (window, "none"))
    return float(with_it / without)


def returned(window: str) -> float:
    """Part of the range that a cell goes back in `LONG` at -1 V, after as long at 1 V."""
    with open_device(f"sim:ion-drift?window={window}") as device:
        assert isinstance(device, SimulatedArray)
        device.apply(Waveform.pulse(1.0, width=LONG))
        there = device.state("x")[0, 0]
        device.apply(Waveform.pulse(-1.0, width=LONG))
        return float(there - device.state("x")[0, 0])


def at_the_bounds(scope: Scope) -> list[Finding]:
    """Rates into the bound and out of it, and whether a driven cell comes back."""
    figure, (axis,) = canvas(1, (5, 3))
    x, rows = np.linspace(0, 1, 201), []
    for name, (window, leaves) in WINDOWS.items():
        scope.pause()
        axis.plot(x, [ratio(window, at, 1.0) for at in x], label=name)
        claim = '"needed to nullify the derivative"'
        rows += [
            Finding(
                "windows",
                f"{name}: rate into the bound over that without a window",
                claim,
                ratio(window, 1.0, 1.0),
                accept=(-1e-9, 1e-9),
                follows=0.0,
                follows_by="f(1) of the window's paper",
                control=1.0,
                control_is="no window: the rate ends at the bound alone",
                note="" if name != "Zha" else "not named by the review",
            ),
            Finding(
                "windows",
                f"{name}: rate out of the bound over that without a window",
                None,
                ratio(window, 1.0, -1.0),
                follows=leaves,
                follows_by="f(1) for the reversed current",
                note=f"goes back {returned(window):.3g} of the range in {LONG:g} s of the reversed voltage, "
                f"{returned('none'):.3g} without a window: " + ("leaves it" if leaves else "a film there stays there"),
            ),
        ]
    axis.set(xlabel="x = w / D", ylabel="f, current into x = 1", title="windows")
    axis.legend(frameon=False, fontsize=7)
    save(figure, scope.folder / "xu-windows.png")
    return rows
