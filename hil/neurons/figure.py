"""One neuron in one figure: traces of all states, f-I curve, phase plane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hil import axes as ruled
from hil import style
from hil.neurons.model import CLOCKS, NeuronModel, OdeNeurons
from hil.neurons.recording import Trace, field

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 20_000
"""Points that a line is drawn with at most."""

GRID = 61
"""Points a side at which the phase plane's slopes are computed."""


def save_neuron(
    neurons: NeuronModel, trace: Trace, curve: tuple[NDArray[np.float64], NDArray[np.float64]], title: str, path: Path
) -> None:
    """Draw a neuron.

    Parameters
    ----------
    neurons : NeuronModel
        The model and its parameters.
    trace : Trace
        What is drawn against time.
    curve : (N,) and (N,) array
        Currents in the model's unit, and rates, 1/s.
    title : str
        Above it all.
    path : Path
        Where to write it; the ending says in which form.
    """
    from matplotlib.figure import Figure

    shown = [k for k, state in enumerate(neurons.states) if state.name not in CLOCKS]
    with style.used(style.current()):
        figure = Figure(figsize=(9.5, 1.5 * (len(shown) + 1) + 0.6), layout="constrained")
        left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.7, 1))[0]
        every = max(1, len(trace.drive) // MOST_POINTS)
        first = None
        for row, k in enumerate(shown):
            state = neurons.states[k]
            axis = first = left.add_subplot(len(shown) + 1, 1, row + 1, sharex=first)
            axis.plot(trace.time[::every], trace.states[::every, k], color="C0", linewidth=1.0)
            if k == 0:
                spikes = trace.spike_times
                axis.plot(spikes, np.full(len(spikes), trace.states[:, 0].max()), "|", color="C1", ms=7, label="spike")
            ruled.label(axis, ("", ""), (state.name, state.unit))
            axis.tick_params(labelbottom=False)
        axis = left.add_subplot(len(shown) + 1, 1, len(shown) + 1, sharex=first)
        axis.plot(trace.time[:-1:every], trace.drive[::every], color="0.3", linewidth=1.0, drawstyle="steps-post")
        ruled.label(axis, ("time", "s"), ("I", _plain(neurons.drive_unit)))
        axis, below = right.subplots(2, 1)
        axis.plot(*curve, "o-", ms=3, color="C2")
        ruled.label(axis, ("constant current", _plain(neurons.drive_unit)), ("rate", "Hz"))
        _plane(neurons, trace, below, every)
        figure.suptitle(title.replace("$", r"\$"))
        ruled.save(figure, path)


def _plain(unit: str) -> str:
    return "" if unit == "1" else unit


def _plane(neurons: NeuronModel, trace: Trace, axis: Axes, every: int) -> None:
    """Course in the phase plane over the nullclines without a current, where the model is a differential equation."""
    names = [state.name for state in neurons.states]
    first, second = (names.index(name) for name in neurons.plane)
    x, y = trace.states[::every, first], trace.states[::every, second]
    units = [neurons.states[k].unit for k in (first, second)]
    if first == second:
        rise = np.diff(trace.states[:, first])[::every] / trace.time[1]
        axis.plot(x[: len(rise)], rise, color="C0", linewidth=0.8)
        ruled.label(axis, (neurons.plane[0], units[0]), (f"d{neurons.plane[0]}/dt", f"{units[0]}/s"))
        return
    axis.plot(x, y, color="C0", linewidth=0.8)
    if isinstance(neurons, OdeNeurons):
        across, up = _range(x), _range(y)
        for slope, colour in zip(field(neurons, across, up, 0.0), ("C1", "C2"), strict=True):
            if slope.min() < 0 < slope.max():
                axis.contour(across, up, slope, levels=[0.0], colors=[colour], linewidths=0.9, linestyles="--")
        ruled.note(axis, "dashed: nullclines without a current, other states at rest")
    ruled.label(axis, (neurons.plane[0], units[0]), (neurons.plane[1], units[1]))


def _range(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    room = 0.1 * max(high - low, 1e-9 * abs(high), 1e-30)
    return np.linspace(low - room, high + room, GRID)
