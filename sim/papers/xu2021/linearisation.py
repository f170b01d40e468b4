"""Figure 5: linear and symmetric LTP and LTD by optimised pulses, of one height and of one width.

The figure, after Fu et al. (2019), has no numbers in the text. Here a train of identical pulses is measured first; its
slope gives widths at one height (`hil.writing.shapes`), and heights that rise by equal steps are searched at one width.
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

RISES = np.linspace(1.0, 3.0, 41)
"""Last height over the first, tried."""


class Train(NamedTuple):
    """Conductance after 0, 1, ... pulses, S, and the energy of all pulses, J."""

    g: NDArray[np.float64]
    energy: float


def played(address: str, trains: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> list[Train]:
    """Trains of (heights in V, widths in s), one after the other on one cell."""
    found = []
    with open_device(address) as device:
        for heights, widths in trains:
            g, energy = [float(device.read()[0, 0])], 0.0
            for v, width in zip(heights, widths, strict=True):
                energy += float(device.apply(Waveform.pulse(v, width=width, measure=True)).energy[0])
                g.append(float(device.read()[0, 0]))
            found.append(Train(np.array(g), energy))
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
        clock = width * np.arange(PULSES + 1)
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


def _raised(address: str, v: float, width: float) -> Train:
    """The straightest of the trains at one width whose heights rise by equal steps, the last at `v`."""
    tried = []
    for rise in RISES:
        heights = v * np.linspace(1 / rise, 1.0, PULSES)
        erased = -v * np.ones(PULSES), 4 * np.full(PULSES, width)
        tried.append(played(address, [erased, (heights, np.full(PULSES, width))])[1])
    moved = [train for train in tried if abs(train.g[-1] - train.g[0]) > 0.2 * abs(tried[0].g[-1] - tried[0].g[0])]
    return min(moved, key=lambda train: bent(train.g))


def _rows(name: str, plain: tuple[Train, Train], flat: tuple[Train, Train], raised: Train) -> list[Finding]:
    claim = '"linear and symmetric weight update in LTP and LTD"'
    rows = [
        Finding(
            "5", f"{name}: {branch}, largest distance from a line, widths by the slope", claim, bent(shaped.g), "%",
            below(3.0), control=bent(same.g), control_is="identical pulses",
        )
        for branch, shaped, same in zip(("LTP", "LTD"), flat, plain, strict=True)
    ]  # fmt: skip
    rows.append(
        Finding(
            "5", f"{name}: largest distance of LTD from the mirror image of LTP", claim, apart(flat[0].g, flat[1].g), "%",
            below(3.0), control=apart(plain[0].g, plain[1].g), control_is="identical pulses",
        )
    )  # fmt: skip
    rows.append(
        Finding(
            "5", f"{name}: LTP, distance from a line of rising heights at one width, less that of identical pulses",
            '"either fixed-amplitude or fixed-width voltage pulses"', bent(raised.g) - bent(plain[0].g), "%", below(0.0),
            control=0.0, control_is="identical pulses less themselves", note=f"straightest of {len(RISES)} slopes tried",
        )
    )  # fmt: skip
    rows.append(_energy(name, plain[0], flat[0], raised))
    return rows


def _energy(name: str, plain: Train, flat: Train, raised: Train) -> Finding:
    """Energy of shaped pulses over that of the identical ones that go as far, a change of conductance each."""

    def each(train: Train) -> float:
        return train.energy / abs(train.g[-1] - train.g[0])

    reached = int(np.searchsorted(np.abs(plain.g - plain.g[0]), abs(flat.g[-1] - flat.g[0])))
    part = Train(plain.g[: reached + 1], plain.energy * reached / PULSES)
    return Finding(
        "5", f"{name}: LTP, energy a change of conductance, widths by the slope over identical pulses as far",
        '"inevitable to increase energy consumption"', each(flat) / each(part), "", above(1.0),
        open={"rising heights": each(raised) / each(plain)},
        note="pulses of one height take the same time at it however it is cut: complex pulses need not take more",
    )  # fmt: skip
