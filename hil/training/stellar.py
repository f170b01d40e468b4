"""`hil train stellar`: learning in place from signs alone, SET on one image and RESET on the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from hil.config import CliFlag, Section
from hil.insitu.layers import Matrix
from hil.insitu.software import Batches, software
from hil.insitu.updates import SignPulses
from hil.training.insitu import InsituTraining
from hil.training.insitu_settings import NetworkData, NetworkSettings
from hil.training.settings import DeviceSettings

SOFTWARE_BATCH, SOFTWARE_RATE = 50, 0.5
"""Images a step and learning rate of the exact-gradient control."""


class StellarSettings(NetworkSettings):
    """Section [train]."""

    threshold: Annotated[float, CliFlag("Least error of an output that counts.")] = Field(
        3.0, ge=0, description="least error of an output that counts"
    )
    hidden_threshold: float = Field(0.3, ge=0, description="least error of a hidden unit that counts")
    target: float = Field(10.0, gt=0, description="output that the right class shall have")
    gain: float = Field(3.0, gt=0, description="what outputs are multiplied by before the target is compared")
    lit: float = Field(0.3, ge=0, le=1, description="inputs beyond it, 0..1, count as 1")
    last_only: bool = Field(False, description="whether the last layer alone learns")
    alternate: bool = Field(True, description="SET on one image and RESET on the next; both on each if not")
    batch: int = Field(100, ge=1, description="images between looks at Ctrl-C and checkpoints")


class StellarConfig(Section):
    """Configuration of `hil train stellar`."""

    data: NetworkData = Field(default_factory=NetworkData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?alpha=0.003&c2c=0.3&d2d=0.1&synapse=differential")
    )
    train: StellarSettings = Field(default_factory=StellarSettings)


class StellarTraining(InsituTraining):
    """Learn from signs alone: no gradient, one pulse a cell, SET on one image and RESET on the next.

    The rule of a published chip with memristors (see docs/insitu.md): an output that is off by more than a threshold
    pulses the weights of its lit inputs. Printed beside the accuracy: first weights, shuffled labels, and gradient
    descent in software.

    \b
    hil train stellar                                             # bundled digits, 64-54-10
    hil train stellar --set train.last_only=true                  # as the chip does it, the first layer random
    hil train stellar --layers 784,100,10 --dataset mnist --data-dir DIR --epochs 0.5
    """

    kind = "train stellar"
    config_model: ClassVar[type[Section]] = StellarConfig
    hint = "show more images (--epochs), another threshold, or a device with finer steps"

    @property
    def software_note(self) -> str:
        """What the software does."""
        return f"gradient descent, {SOFTWARE_BATCH} images a step, rate {SOFTWARE_RATE}, no device"

    @property
    def batch(self) -> int:
        """Images between two looks at Ctrl-C."""
        return int(self.config.train.batch)

    def rule(self) -> SignPulses:
        """Signs, as configured."""
        names = ("target", "threshold", "hidden_threshold", "lit", "last_only", "alternate", "gain")
        return SignPulses(**{name: getattr(self.config.train, name) for name in names})

    def software(self, start: Sequence[Matrix], batches: Callable[[int], Batches]) -> list[Matrix]:
        """Gradient descent on the same images."""
        train = self.config.train
        return software(
            start, batches(SOFTWARE_BATCH), bias=train.bias, lr=SOFTWARE_RATE, lr_end=1.0, momentum=0.0,
            limit=train.weight_max,
        )  # fmt: skip
