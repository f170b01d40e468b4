"""Traces, f-I curves and phase planes of neurons by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.needs import require_memory
from hil.neurons.currents import Current
from hil.neurons.model import NeuronModel, OdeNeurons
from hil.runs.progress import Progress

SAMPLES = 10_000
"""Samples of a trace unless told otherwise."""

MOST_SAMPLES = 10_000_000

AT_ONCE = 100
"""Samples between two looks at whether the user wants to stop."""


@dataclass(frozen=True, eq=False)
class Trace:
    """One neuron over time.

    Attributes
    ----------
    time : (K,) array
        s, from 0; K - 1 intervals.
    states : (K, S) array
        All states at those times.
    drive : (K - 1,) array
        Mean current between them, in the model's unit.
    spikes : (K - 1,) array of int
        Spikes between them.
    """

    time: NDArray[np.float64]
    states: NDArray[np.float64]
    drive: NDArray[np.float64]
    spikes: NDArray[np.int64]

    @property
    def spike_times(self) -> NDArray[np.float64]:
        """End of the interval of every spike, s."""
        return np.repeat(self.time[1:], self.spikes)


def trace(neurons: NeuronModel, current: Current, duration: float, samples: int = SAMPLES) -> Trace:
    """Record one neuron, from rest.

    The current is replaced by its mean in every interval, which is exact in charge.

    Parameters
    ----------
    neurons : NeuronModel
        A population of one.
    current : Current
        What drives it.
    duration : float
        s, > 0.
    samples : int
        Intervals, 1 .. 10,000,000.
    """
    if not 0 < duration < np.inf:
        raise InputError(f"duration {duration:g} s: it must be > 0 and finite")
    if not 1 <= samples <= MOST_SAMPLES:
        raise InputError(f"{samples} samples: give 1 .. {MOST_SAMPLES:,}")
    require_memory(f"a trace of {samples:,} samples", 8.0 * samples * (len(neurons.states) + 3))
    time = np.linspace(0.0, duration, samples + 1)
    drive = current.means(time)
    neurons.reset()
    start = neurons.x[0].copy()
    fired, states = [], [start[None]]
    with Progress(samples, "samples") as progress:
        for first in range(0, samples, AT_ONCE):
            part = drive[first : first + AT_ONCE, None]
            spikes, course = neurons.play(duration / samples, part)
            fired.append(spikes[:, 0])
            states.append(course[:, 0])
            progress.advance(len(part))
    return Trace(time, np.concatenate(states), drive, np.concatenate(fired))


def firing_rates(neurons: NeuronModel, duration: float, steps: int, drives: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean rate (N,) in 1/s of each neuron under a constant current of its own, after as long to settle.

    Parameters
    ----------
    neurons : NeuronModel
        As many as there are currents.
    duration : float
        For which spikes are counted, s; as long before is left out.
    steps : int
        In which each of the two is taken.
    drives : (N,) array
        In the model's unit.
    """
    neurons.reset()
    counted = np.zeros(neurons.count, np.int64)
    with Progress(2 * steps, "steps") as progress:
        progress.describe("f-I curve")
        for step in range(2 * steps):
            fired = neurons.advance(duration / steps, drives)
            counted += fired if step >= steps else 0
            progress.advance(1)
    return counted / duration


def field(
    neurons: NeuronModel, across: NDArray[np.float64], up: NDArray[np.float64], drive: float
) -> NDArray[np.float64]:
    """(2, U, A) slopes of the two states of the phase plane, all other states at rest, each in its unit per second.

    Raises
    ------
    InputError
        If the model is no differential equation.
    """
    if not isinstance(neurons, OdeNeurons):
        raise InputError("a phase plane needs a model that is a differential equation: it has none of its own")
    names = [state.name for state in neurons.states]
    first, second = (names.index(name) for name in neurons.plane)
    out, slope = np.empty((2, len(up), len(across))), np.empty(len(names))
    x = np.array(neurons.start())
    for j, y in enumerate(up):
        for i, value in enumerate(across):
            x[first], x[second] = value, y
            type(neurons).slope(x, drive, neurons.p, slope)
            out[:, j, i] = slope[first], slope[second]
    return out
