"""`hil train backprop`: gradient descent in the arrays, whole pulses a step, against weights that are loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hil.config import CliFlag, Section
from hil.insitu.layers import Matrix
from hil.insitu.software import Batches, software
from hil.insitu.updates import GradientPulses
from hil.training.insitu import InsituTraining
from hil.training.insitu_settings import NetworkData, NetworkSettings
from hil.training.settings import DeviceSettings

SOFTWARE_RATE = 0.5
"""Learning rate in software where steps in the array have no size, only a sign."""


class BackpropSettings(NetworkSettings):
    """Section [train]."""

    lr: Annotated[float, CliFlag("Learning rate.")] = Field(0.3, gt=0, description="learning rate")
    lr_end: float = Field(1.0, gt=0, le=1, description="learning rate at the end over that at the beginning")
    momentum: float = Field(0.0, ge=0, lt=1, description="share of the step before that is added, on the host")
    batch: Annotated[int, CliFlag("Images a step.")] = Field(50, ge=1, description="images a step")
    rounding: Annotated[
        Literal["stochastic", "nearest", "sign"], CliFlag("stochastic, nearest or sign: steps to whole pulses.")
    ] = Field("stochastic", description="how a step becomes whole pulses; sign: one pulse beyond half a pulse")
    most: int = Field(3, ge=1, le=10_000, description="pulses of a weight a step at most")


class BackpropConfig(Section):
    """Configuration of `hil train backprop`."""

    data: NetworkData = Field(default_factory=NetworkData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?alpha=0.01&c2c=0.3&d2d=0.1&synapse=differential")
    )
    train: BackpropSettings = Field(default_factory=BackpropSettings)


class BackpropTraining(InsituTraining):
    """Train a network of several layers in place: errors go back, every weight gets whole pulses.

    Each layer is an array of its own. Printed beside the accuracy: first weights, shuffled labels, and the same network
    trained in software whose weights were loaded into the same faulty cells.

    \b
    hil train backprop                                            # bundled digits, 64-54-10
    hil train backprop --layers 64,54,10 --dataset mnist --data-dir DIR --set data.crop=4 --faults 11%
    hil train backprop --rounding nearest --device "sim:vteam?synapse=differential"
    """

    kind = "train backprop"
    config_model: ClassVar[type[Section]] = BackpropConfig

    @property
    def batch(self) -> int:
        """Images a step."""
        return int(self.config.train.batch)

    def rule(self) -> GradientPulses:
        """Gradient descent in pulses."""
        train = self.config.train
        return GradientPulses(
            train.lr, lr_end=train.lr_end, momentum=train.momentum, rounding=train.rounding, most=train.most
        )

    @property
    def software_note(self) -> str:
        """What the software does."""
        return f"the same network and batches in floating point, rate {self._rate:g}, no device"

    @property
    def _rate(self) -> float:
        """The learning rate; where signs alone count it sizes no step, and software takes one of its own."""
        return SOFTWARE_RATE if self.config.train.rounding == "sign" else float(self.config.train.lr)

    def software(self, start: Sequence[Matrix], batches: Callable[[int], Batches]) -> list[Matrix]:
        """Gradient descent by the same steps, not rounded."""
        train = self.config.train
        return software(
            start, batches(train.batch), bias=train.bias, lr=self._rate, lr_end=train.lr_end,
            momentum=train.momentum, limit=train.weight_max,
        )  # fmt: skip
