"""Figure 5: linear and symmetric LTP and LTD by optimised pulses, of one height and of one width.

The figure, after Fu et al. (2019), has no numbers in the text. Here a train of identical pulses is measured first; its
slope gives widths at one height (`hil.writing.shapes`); at one width, heights that change by equal steps are searched.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.backends import open_device
from hil.reproduction.papers import Finding, Scope, above, below
from hil.waveform import Waveform
from hil.writing.shapes import equal_steps
from sim.papers.canvas import canvas, save

PULSES = 50
"""Of a train."""

CELLS = {
    "VTEAM, Biolek's window": ("sim:vteam?window=biolek&p=1&r_off=1e5&v_max=20", 1.2, 6e-4),
    "Yakopcic": ("sim:yakopcic?v_max=20", 0.3, 4e-5),
}
"""Cells that saturate: address, V, and width of a pulse, s."""

RISES = np.geomspace(1 / 3, 3.0, 21)
"""Last height over the first, tried; the higher of the two is that of the identical pulses."""

READ, BRIEF = 1e-3, 1e-9
"""V and s, below every threshold."""


class PlayedTrain(NamedTuple):
    """Conductance after 0, 1, ... pulses, S, and the energy of all pulses until then, J."""

    g: NDArray[np.float64]
    energy: NDArray[np.float64]


def played(address: str, trains: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> list[PlayedTrain]:
    """Trains of (heights in V, widths in s), one after the other on one cell."""
    found = []
    with open_device(address) as device:
        for heights, widths in trains:
            volts = np.append(READ, np.stack([heights, np.full(len(heights), READ)], axis=1))
            dwell = np.append(BRIEF, np.stack([widths, np.full(len(widths), BRIEF)], axis=1))
            answer = device.apply(Waveform.samples(volts, dwell=dwell, measure=True))
            energy = np.append(0.0, np.cumsum(answer.energy[1::2]))
            found.append(PlayedTrain(answer.currents[::2, 0] / READ, energy))
    return found


def bent(g: NDArray[np.float64]) -> float:
    """Largest distance from the straight line between both ends, % of the range."""
    return float(100 * np.abs((g - g[0]) / (g[-1] - g[0]) - np.linspace(0, 1, len(g))).max())


def apart(up: NDArray[np.float64], down: NDArray[np.float64]) -> float:
    """Largest distance of the train down from the mirror image of the one up, each over its range, %."""
    return float(100 * np.abs((up - up[0]) / (up[-1] - up[0]) - (down[::-1] - down[-1]) / (down[0] - down[-1])).max())


def figure_5(scope: Scope) -> list[Finding]:
    """Both cells, both directions."""
    figure, axes = canvas(len(CELLS), (9, 3))
    rows = []
    for axis, (name, (address, v, width)) in zip(axes, CELLS.items(), strict=True):
        scope.pause()
        with open_device(address) as device:
            own = device.programming
            sign = -1.0 if "vteam" in address else 1.0 if own is None else float(own.polarity)
        same = np.full(PULSES, width)
        level = np.full(PULSES, sign * v)
        # Down first, so that every train begins where the one before it ended.
        _, up, down = played(address, [(-level, 4 * same), (level, same), (-level, same)])
        clock = width * np.arange(PULSES + 1, dtype=np.float64)
        shapes = [equal_steps(clock, train.g, PULSES) for train in (up, down)]
        assert shapes[0] is not None and shapes[1] is not None
        _, flat_up, flat_down = played(address, [(-level, 4 * same), (level, shapes[0]), (-level, shapes[1])])
        for train, label in ((up, "identical"), (flat_up, "widths by the slope")):
            axis.plot(train.g * 1e6, label=label)
        axis.plot(np.arange(PULSES, 2 * PULSES + 1), down.g * 1e6, "C0")
        axis.plot(np.arange(PULSES, 2 * PULSES + 1), flat_down.g * 1e6, "C1")
        axis.set(xlabel="pulses", ylabel="conductance (uS)", title=name)
        rows += _rows(name, (up, down), (flat_up, flat_down), _raised(address, sign * v, width))
    axes[0].legend(frameon=False)
    save(figure, scope.folder / "xu-figure5.png")
    return rows


def _raised(address: str, v: float, width: float) -> PlayedTrain:
    """The straightest of the trains at one width whose heights change by equal steps, the highest at `v`."""
    tried = []
    for rise in RISES:
        heights = v * np.linspace(1.0, rise, PULSES) / max(rise, 1.0)
        erased = np.full(1, -v), np.full(1, 4 * PULSES * width)
        tried.append(played(address, [erased, (heights, np.full(PULSES, width))])[1])
    moved = [train for train in tried if abs(train.g[-1] - train.g[0]) > 0.2 * abs(tried[0].g[-1] - tried[0].g[0])]
    return min(moved, key=lambda train: bent(train.g))


def _rows(
    name: str, plain: tuple[PlayedTrain, PlayedTrain], flat: tuple[PlayedTrain, PlayedTrain], raised: PlayedTrain
) -> list[Finding]:
    claim = '"linear and symmetric weight update in LTP and LTD"'
    rows = [
        Finding(
            "5",
            f"{name}: {branch}, largest distance from a line, widths by the slope",
            claim,
            bent(shaped.g),
            "%",
            below(3.0),
            control=bent(same.g),
            control_is="identical pulses",
        )
        for branch, shaped, same in zip(("LTP", "LTD"), flat, plain, strict=True)
    ]
    rows.append(
        Finding(
            "5",
            f"{name}: largest distance of LTD from the mirror image of LTP",
            claim,
            apart(flat[0].g, flat[1].g),
            "%",
            below(3.0),
            control=apart(plain[0].g, plain[1].g),
            control_is="identical pulses",
        )
    )
    rows.append(
        Finding(
            "5",
            f"{name}: LTP, distance from a line at one width, heights in equal steps less identical pulses",
            '"either fixed-amplitude or fixed-width voltage pulses"',
            bent(raised.g) - bent(plain[0].g),
            "%",
            below(0.0),
            control=0.0,
            control_is="identical pulses less themselves",
            note=f"straightest of {len(RISES)} slopes tried",
        )
    )
    rows.append(_energy(name, plain[0], flat[0], raised))
    return rows


def _energy(name: str, plain: PlayedTrain, flat: PlayedTrain, raised: PlayedTrain) -> Finding:
    """Energy of shaped pulses over that of the identical ones that go as far."""

    way = np.abs(plain.g - plain.g[0])
    far = float(np.interp(abs(flat.g[-1] - flat.g[0]), way, plain.energy))
    raised_far = float(np.interp(abs(raised.g[-1] - raised.g[0]), way, plain.energy))
    return Finding(
        "5",
        f"{name}: LTP, energy, widths by the slope over identical pulses that go as far",
        '"inevitable to increase energy consumption"',
        float(flat.energy[-1]) / far,
        "",
        above(1.01),
        open={"changing heights": float(raised.energy[-1]) / raised_far},
        note="in the cell; one height takes the same time to go as far, however it is cut; rule: a hundredth more",
    )
