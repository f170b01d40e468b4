"""`hil train perceptron`: the coarse-grained delta rule, as of the first perceptron in a crossbar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.config import CliFlag, Section
from hil.fraction import Fraction
from hil.insitu.layers import Matrix
from hil.insitu.software import Batches, software
from hil.insitu.updates import DeltaPulses
from hil.training.insitu import InsituTraining
from hil.training.insitu_settings import NetworkData, NetworkSettings
from hil.training.settings import EPOCHS, DeviceSettings

SOFTWARE_RATE = 1.0
"""Learning rate of the exact-gradient control."""


class LetterData(NetworkData):
    """Section [data]; nothing is held out of thirty letters unless asked for."""

    dataset: Annotated[
        str, CliFlag("letters3x3, letters4x4, digits, ...; or a PATH: .csv, .npz, folder of pictures.", metavar="NAME")
    ] = Field("letters3x3", description="name of the data set, or path of a file or folder, see docs/datasets.md")
    holdout: Fraction = Field(0.0, ge=0, lt=1, description="fraction of the training images held out for selection")


class PerceptronSettings(NetworkSettings):
    """Section [train]."""

    hidden: ClassVar[tuple[int, ...]] = ()

    layers: Annotated[str | None, CliFlag("Units from inputs to classes, such as 16,10,4.", metavar="N,N,...")] = Field(
        None, description="units of every layer, inputs first, classes last; PIXELS,CLASSES if not given"
    )
    epochs: Annotated[float | None, EPOCHS] = Field(30.0, gt=0, description="passes through the training images")
    bias: bool = Field(True, description="one more row in every layer, an input that is always 1")
    gain: float = Field(1.0, gt=0, description="slope of an output at 0, for a weight and an input of 1")
    target: float = Field(0.85, gt=0, lt=1, description="what outputs shall be, with the sign of the class")
    batch: Annotated[int, CliFlag("Images a pulse; 30 is all of letters3x3.")] = Field(
        30, ge=1, description="images whose errors are summed up for a pulse"
    )


class PerceptronConfig(Section):
    """Configuration of `hil train perceptron`."""

    data: LetterData = Field(default_factory=LetterData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?alpha=0.02&c2c=0.3&d2d=0.1&synapse=differential")
    )
    train: PerceptronSettings = Field(default_factory=PerceptronSettings)


class PerceptronTraining(InsituTraining):
    """Teach one layer in place by the coarse-grained delta rule: a pulse a weight and batch, in the error's direction.

    Pixels are -1 and 1, a pair of cells each and class, no transistor (Prezioso et al. 2015). Printed beside the
    accuracy: first weights, shuffled labels, and gradient descent in software, also loaded into the same cells.

    \b
    hil train perceptron                                          # letters of 3 x 3 pixels, one wrong at most
    hil train perceptron --dataset letters4x4 --layers 16,10,4 --batch 68 --epochs 60
    hil train perceptron --device "visa:virtual?matrix=707B&synapse=differential" --seeds 1
    """

    kind = "train perceptron"
    config_model: ClassVar[type[Section]] = PerceptronConfig
    hint = "show the images more often (--epochs), or take a device with finer steps"

    @property
    def software_note(self) -> str:
        """What the software does."""
        return f"gradient descent on the same images, rate {SOFTWARE_RATE:g}, no device"

    @property
    def batch(self) -> int:
        """Images whose errors are summed up."""
        return int(self.config.train.batch)

    def images(self, images: NDArray[np.uint8]) -> Matrix:
        """Pixels of -1 .. 1."""
        return 2.0 * super().images(images) - 1.0

    def rule(self) -> DeltaPulses:
        """Signs of summed errors."""
        return DeltaPulses(gain=self.config.train.gain, target=self.config.train.target)

    def software(self, start: Sequence[Matrix], batches: Callable[[int], Batches]) -> list[Matrix]:
        """Gradient descent on the same images."""
        train = self.config.train
        return software(
            start, batches(train.batch), bias=train.bias, lr=SOFTWARE_RATE, lr_end=1.0, momentum=0.0,
            limit=train.weight_max,
        )  # fmt: skip
