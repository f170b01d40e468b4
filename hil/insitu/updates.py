"""Rules that turn the error of a batch into pulses: gradient descent in whole pulses, signs alone, the delta rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hil.insitu.layers import Counts, Matrix, Part
from hil.insitu.network import ArrayNetwork, softmax

Rounding = Literal["stochastic", "nearest", "sign"]


@dataclass(frozen=True)
class TrainingStep:
    """Which step of a training it is: what a rule may need besides the batch.

    Attributes
    ----------
    number : int
        From 0.
    share : float
        Share of the training that is behind, 0 .. 1.
    seed : int
        Of all that is drawn; a step draws the same whatever came before it.
    """

    number: int
    share: float
    seed: int


def whole_pulses(wanted: Matrix, rounding: Rounding, most: int, luck: np.random.Generator) -> Counts:
    """Round a wanted number of pulses, at most `most` of them.

    ``stochastic``: up with the probability of the fraction, drawn from `luck`, right on average; ``nearest``; ``sign``:
    one pulse where more than half of one is wanted, as threshold updates do.
    """
    if rounding == "sign":
        found = np.sign(wanted) * (np.abs(wanted) > 0.5)
    elif rounding == "nearest":
        found = np.round(wanted)
    else:
        found = np.floor(wanted + luck.random(wanted.shape))
    return np.clip(found, -most, most).astype(np.int64)


class GradientPulses:
    """Stochastic gradient descent whose steps are whole pulses: ``counts = round(-lr * gradient / pulse)``.

    Parameters
    ----------
    lr : float
        Learning rate; a step of weights is ``lr`` times the gradient of the mean cross-entropy of the batch.
    lr_end : float
        The learning rate at the end over that at the beginning; it falls geometrically.
    momentum : float
        Share of the step before that is added to a step, on the host.
    rounding : {"stochastic", "nearest", "sign"}
        Up with the probability of the fraction; to the nearest whole number; one pulse where it is beyond one half.
    most : int
        Pulses of a weight a step at most.
    last_only : bool
        Whether the layers before the last one stay as they are.
    """

    def __init__(
        self,
        lr: float,
        *,
        lr_end: float = 1.0,
        momentum: float = 0.0,
        rounding: Rounding = "stochastic",
        most: int = 3,
        last_only: bool = False,
    ) -> None:
        """Begin without momentum."""
        self.last_only = last_only
        self.lr, self.lr_end, self.momentum, self.rounding, self.most = lr, lr_end, momentum, rounding, most
        self._velocity: dict[int, Matrix] = {}

    def learn(self, network: ArrayNetwork, x: Matrix, one_hot: Matrix, step: TrainingStep) -> None:
        """Show (B, inputs) with the classes (B, classes) that are right, and pulse all layers."""
        passed = network.forward(x)
        delta, last = softmax(passed[-1]) - one_hot, len(network.layers) - 1
        errors = {last: delta} if self.last_only else dict(enumerate(network.errors(passed, delta)))
        rate = self.lr * self.lr_end**step.share
        for number, error in errors.items():
            layer, inputs = network.layers[number], passed[number]
            wanted = -rate * layer.gradient(inputs, error)
            if self.momentum:
                wanted += self.momentum * self._velocity.get(number, 0.0)
                self._velocity[number] = wanted
            layer.move(self.counts(wanted / layer.pulse, step, number))

    def counts(self, wanted: Matrix, step: TrainingStep, layer: int) -> Counts:
        """Whole pulses for a wanted number of them."""
        luck = np.random.default_rng([step.seed, 12, layer, step.number])
        return whole_pulses(wanted, self.rounding, self.most, luck)

    def reset(self) -> None:
        """Forget the steps before."""
        self._velocity.clear()

    def state(self, layer: int) -> dict[str, NDArray[Any]]:
        """What a checkpoint needs of a layer."""
        return {"velocity": self._velocity[layer]} if layer in self._velocity else {}

    def resume(self, layer: int, state: dict[str, NDArray[Any]]) -> None:
        """Take back `state`."""
        if "velocity" in state:
            self._velocity[layer] = state["velocity"]


class SignPulses:
    """STELLAR-like learning from signs alone, one image a step, SET on one image and RESET on the next.

    An output whose error is beyond `threshold` has the sign of the error, any other one none. A weight of the last
    layer gets one pulse where its input is above 0; hidden layers get the sign of the error that comes back through
    the weights, where it is beyond `hidden_threshold`, for inputs beyond `lit`. Outputs are linear, and the right one
    is to be `target`, all others 0.

    The authors' published code (Tsinghua, "fully system-integrated memristor chip", 2023) does this for the last layer
    alone (`last_only`), with a first layer that was trained before.

    Parameters
    ----------
    target : float
        Output that the right class shall have.
    threshold, hidden_threshold : float
        Least errors that count.
    lit : float
        Inputs beyond it count as 1.
    last_only : bool
        Whether the layers before the last one stay as they are.
    alternate : bool
        SET on even steps and RESET on odd ones; both on each if not.
    gain : float
        What outputs are multiplied by before they are compared with the target.
    """

    def __init__(
        self,
        *,
        target: float = 10.0,
        threshold: float = 3.0,
        hidden_threshold: float = 0.3,
        lit: float = 0.3,
        last_only: bool = False,
        alternate: bool = True,
        gain: float = 1.0,
    ) -> None:
        """Keep the settings."""
        self.target, self.threshold, self.hidden_threshold, self.lit = target, threshold, hidden_threshold, lit
        self.last_only, self.alternate, self.gain = last_only, alternate, gain

    def learn(self, network: ArrayNetwork, x: Matrix, one_hot: Matrix, step: TrainingStep) -> None:
        """Show images one after the other, (B, inputs) with the classes (B, classes) that are right."""
        for offset, (image, wanted) in enumerate(zip(x, one_hot, strict=True)):
            self._one(network, image[None], wanted[None], step.number + offset)

    def _one(self, network: ArrayNetwork, image: Matrix, wanted: Matrix, number: int) -> None:
        passed = network.forward(image)
        error = self.target * wanted - self.gain * passed[-1]
        signs = np.sign(error) * (np.abs(error) > self.threshold)
        part: Part = "both" if not self.alternate else "reset" if number % 2 else "set"
        for place in range(len(network.layers) - 1, -1, -1):
            layer, inputs = network.layers[place], passed[place]
            beyond = inputs > (self.lit if place == 0 else 0.0)
            ahead = None if place == 0 or self.last_only else layer.backward(signs)
            layer.move(np.rint(layer.gradient(beyond.astype(float), signs)).astype(np.int64), part)
            if ahead is None:
                return
            signs = np.sign(ahead) * (np.abs(ahead) > self.hidden_threshold) * (inputs > 0)

    def reset(self) -> None:
        """Do nothing: there is nothing to forget."""

    def state(self, layer: int) -> dict[str, NDArray[Any]]:
        """Nothing: a step depends on the weights and its number alone."""
        return {}

    def resume(self, layer: int, state: dict[str, NDArray[Any]]) -> None:
        """Take back nothing."""


class DeltaPulses:
    """The coarse-grained delta rule: one pulse a weight and batch, in the direction of its summed error.

    Outputs are ``f = tanh(gain y)`` and are to be +`target` for the right class and -`target` for the others. A weight
    changes by the sign of the sum of ``(t - f) f'(y) x`` over the batch, whatever its size: the Manhattan update of
    Prezioso et al. (2015), Nature 521, 61, whose `target` is 0.85.

    Parameters
    ----------
    gain : float
        Slope of an output at 0, for a weight and an input of 1.
    target : float
        What outputs shall be, 0 .. 1.
    """

    def __init__(self, *, gain: float = 1.0, target: float = 0.85) -> None:
        """Keep the settings."""
        self.gain, self.target = gain, target

    def learn(self, network: ArrayNetwork, x: Matrix, one_hot: Matrix, step: TrainingStep) -> None:
        """Show (B, inputs) with the classes (B, classes) that are right, and pulse all layers."""
        passed = network.forward(x)
        outputs = np.tanh(self.gain * passed[-1])
        delta = (outputs - self.target * (2.0 * one_hot - 1.0)) * (1.0 - outputs**2)
        for layer, inputs, error in zip(network.layers, passed, network.errors(passed, delta), strict=False):
            layer.move(-np.sign(layer.gradient(inputs, error)).astype(np.int64))

    def reset(self) -> None:
        """Do nothing: there is nothing to forget."""

    def state(self, layer: int) -> dict[str, NDArray[Any]]:
        """Nothing: a step depends on the weights alone."""
        return {}

    def resume(self, layer: int, state: dict[str, NDArray[Any]]) -> None:
        """Take back nothing."""


Rule = GradientPulses | SignPulses | DeltaPulses
