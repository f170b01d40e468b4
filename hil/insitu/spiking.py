"""`SpikingArrays`: layers of weights in devices between integrate-and-fire neurons, step by step in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hil.insitu.layers import ArrayLayer, Matrix

Code = Literal["bernoulli", "constant"]


@dataclass(frozen=True)
class Spoken:
    """What the last layer has been given up to a step, and what was fired on the way.

    Attributes
    ----------
    step : int
        From 1.
    outputs : (B, classes) array
        Membranes of the outputs, which integrate and do not fire.
    fired : tuple of (B, units) arrays
        Spikes of the inputs and of every hidden layer so far.
    """

    step: int
    outputs: Matrix
    fired: tuple[Matrix, ...]


class SpikingArrays:
    """Neurons on the host between arrays: ``v <- decay v + scale I``, a spike where v reaches its threshold.

    A spike takes the threshold off the membrane (reset by subtraction), so that nothing that came in is lost.

    Parameters
    ----------
    layers : sequence of ArrayLayer
        From the inputs to the classes.
    thresholds : sequence of float
        Of the neurons after each layer but the last one.
    decay : float
        What is left of a membrane after a step: 1 for neurons without a leak.
    scales : sequence of float, optional
        What each layer's products are multiplied by; 1 if not given.
    """

    def __init__(
        self,
        layers: Sequence[ArrayLayer],
        thresholds: Sequence[float],
        *,
        decay: float = 1.0,
        scales: Sequence[float] | None = None,
    ) -> None:
        """Take over layers that follow each other."""
        self.layers, self.thresholds, self.decay = list(layers), list(thresholds), decay
        self.scales = [1.0] * len(self.layers) if scales is None else list(scales)

    def play(self, trains: Iterator[Matrix]) -> Iterator[Spoken]:
        """Show input spikes (B, inputs) step by step; what the outputs have been given after each."""
        membranes: list[Matrix] = []
        fired: list[Matrix] = []
        for number, spikes in enumerate(trains, start=1):
            current = spikes
            for place, layer in enumerate(self.layers):
                given = self.scales[place] * layer.forward(current)
                if place == len(membranes):
                    membranes.append(np.zeros_like(given))
                    fired.append(np.zeros_like(current))
                fired[place] = fired[place] + current
                membranes[place] = self.decay * membranes[place] + given
                if place < len(self.thresholds):
                    current = (membranes[place] >= self.thresholds[place]).astype(np.float64)
                    membranes[place] -= self.thresholds[place] * current
            yield Spoken(number, membranes[-1].copy(), tuple(fired))


def spike_trains(x: Matrix, steps: int, code: Code, key: Sequence[int]) -> Iterator[Matrix]:
    """Input spikes (B, inputs) of intensities 0..1, step by step.

    ``bernoulli``: a spike with the probability of the intensity, drawn from `key`; ``constant``: the intensity itself
    in every step, an input current.
    """
    for step in range(steps):
        if code == "constant":
            yield x
        else:
            yield (np.random.default_rng([*key, step]).random(x.shape) < x).astype(np.float64)


def balanced_thresholds(hidden: Sequence[Matrix], share: float) -> list[float]:
    """Thresholds at which a neuron's rate is its activation over the layer's largest one.

    With activations a(l) of the rectified network and their largest values m(l), m(0) = 1 of the inputs, the rate of a
    neuron is a(l) / m(l) where its threshold is ``m(l) / m(l-1)`` in the weights' own unit (Diehl et al. 2015, IJCNN).

    Parameters
    ----------
    hidden : sequence of (B, units) arrays
        Activations of every hidden layer.
    share : float
        Of the activations that count as the largest one, 0..1: 1 for the largest itself, less for outliers to be cut
        (Rueckauer et al. 2017, Front. Neurosci. 11, 682).
    """
    found, before = [], 1.0
    for activations in hidden:
        most = float(np.quantile(activations, share)) or 1.0
        found.append(most / before)
        before = most
    return found


def operations(fired: Sequence[Matrix], outputs: Sequence[int]) -> float:
    """Synaptic operations an image: each spike meets the weights of all units of the next layer."""
    return float(sum(spikes.sum() * units for spikes, units in zip(fired, outputs, strict=True)) / len(fired[0]))


def latest(spoken: Iterator[Spoken]) -> Spoken:
    """The last step."""
    last = next(spoken)
    for last in spoken:  # noqa: B007
        pass
    return last
