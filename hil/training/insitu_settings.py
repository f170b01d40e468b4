"""Settings that all drivers share which train networks of several layers where their weights are."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.data.scaling import scaled
from hil.errors import InputError
from hil.fraction import Fraction
from hil.training.settings import EPOCHS, LARGEST_SEED, DataSettings, Seed, Seeds

HIDDEN = 54
"""Units of the hidden layer where none are asked for."""

ENOUGH = 30_000
"""Presentations that a small data set is repeated for, unless told otherwise."""

MOST_LAYERS = 20
"""Layers of weights at most."""


class NetworkData(DataSettings):
    """Section [data]."""

    crop: int = Field(0, ge=0, description="pixels cut off at each side of an image before it is scaled")


class ShapeSettings(Section):
    """What every training of a network of several layers has: its layers, seeds, how long it is, its learning curve."""

    hidden: ClassVar[tuple[int, ...]] = (HIDDEN,)
    """Units of the hidden layers where no layers are asked for."""

    layers: Annotated[
        str | None, CliFlag("Units from inputs to classes, such as 64,54,10; images are scaled.", metavar="N,N,...")
    ] = Field(None, description="units of every layer, inputs first, classes last; PIXELS,54,CLASSES if not given")
    seed: Seed = Field(0, ge=0, le=LARGEST_SEED, description="first seed: order, split, first weights, device spread")
    seeds: Seeds = Field(3, ge=1, le=10_000, description="number of seeds, for the spread")
    epochs: Annotated[float | None, EPOCHS] = Field(
        None, gt=0, description="passes through the training images; if not given, one or as many as show 30,000"
    )
    weight_max: float = Field(1.0, gt=0, description="weight at the end of the conductance range")
    curve: int = Field(10, ge=0, description="points of the learning curve; 0 for none")
    curve_images: int = Field(1000, ge=1, description="held-out images that a point is measured on, at most")

    def passes(self, images: int) -> float:
        """Passes through so many training images."""
        return self.epochs or max(1, round(ENOUGH / images))

    def sizes(self, dataset: Dataset) -> list[int]:
        """Units of all layers for images of a data set, inputs first; `InputError` if they do not fit it."""
        if self.layers is None:
            return [dataset.inputs, *self.hidden, dataset.classes]
        try:
            found = [int(part) for part in self.layers.split(",")]
        except ValueError:
            found = []
        if not 2 <= len(found) <= MOST_LAYERS + 1 or min(found) < 1:
            raise InputError(
                f"train.layers = {self.layers}: give 2 to {MOST_LAYERS + 1} whole numbers of at least 1, inputs first, "
                "such as 64,54,10"
            )
        if found[-1] != dataset.classes:
            raise InputError(
                f"train.layers = {self.layers} ends with {found[-1]}, '{dataset.name}' has {dataset.classes} classes"
            )
        return found


class NetworkSettings(ShapeSettings):
    """Section [train] of a driver that trains in place, without its rule."""

    faults: Annotated[Fraction, CliFlag("Cells stuck at their lowest conductance, 11%.")] = Field(
        0.0, ge=0, le=1, description="share of the cells stuck at their lowest conductance (stuck_off of the device)"
    )
    controls: bool = Field(True, description="train with shuffled labels, and load software's weights, as well")
    bias: bool = Field(False, description="one more row in every layer, an input that is always 1")
    backward: Literal["read", "array"] = Field(
        "read",
        description="errors go back through weights as read, on the host, or through the array, from its columns",
    )
    pulse: float | None = Field(None, gt=0, description="weight a pulse; measured on the device if not given")
    zero_shift: int = Field(
        0, ge=0, le=100_000, description="alternating pulses before training: brings cells to where up and down balance"
    )


def fitted(dataset: Dataset, inputs: int, crop: int) -> Dataset:
    """Scale images to a number of inputs; as they are where they have it and nothing is cut off.

    `InputError` if that is no square, or more than there is.
    """
    side = round(inputs**0.5)
    if dataset.inputs == inputs and not crop:
        return dataset
    if side * side != inputs:
        raise InputError(
            f"train.layers begins with {inputs}, images of '{dataset.name}' have {dataset.inputs} pixels: give that, "
            "or the square of a smaller side, such as 64"
        )
    return scaled(dataset, (side, side), crop)
