"""Configuration of `hil train pill`; some defaults depend on the data set."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.device import Device
from hil.errors import InputError, nearest
from hil.fraction import Fraction
from hil.pill.pairs import PairedCore
from hil.pill.pairs import paired as pairs_on
from hil.pill.protocol import PillProtocol, pair_count
from hil.runs.devices import SOLE, Devices
from hil.spiking.encoding import intensities
from hil.training.loop import Stage, Trainee
from hil.training.sanity import DeviceFacts
from hil.training.settings import (
    EPOCHS,
    LARGEST_SEED,
    DataSettings,
    DeviceSettings,
    Seed,
    Seeds,
    plain_name,
    split_names,
)

LINES = "lines3x3"
"""The data set that is trained as in Figure 9 instead of by classes."""

LINES_EPOCHS = 3.0
"""Epochs of `LINES` unless the configuration says otherwise; all 512 images are shown in a second."""

ReadoutName = Literal["select", "raw", "total", "unit", "centred", "contrast"]

FLIPPED = CliFlag("Pixels inverted in training images, 0.1 or 10%.", metavar="FRACTION")
COLUMNS = CliFlag("Classes that share a column; one each if not given.", metavar="A+B,C,...")


class PillData(DataSettings):
    """Section [data]; the data set decides the task."""

    dataset: Annotated[str, CliFlag("lines3x3 (Figure 9), digits, mnist, ...", metavar="NAME")] = Field(
        "digits", description="name of the data set"
    )


class PillSettings(Section):
    """Section [train]."""

    seed: Seed = Field(0, ge=0, le=LARGEST_SEED, description="first seed: order of images, split, device spread")
    seeds: Seeds = Field(3, ge=1, le=10_000, description="number of seeds, for the spread")
    epochs: Annotated[float, EPOCHS] = Field(
        1.0, gt=0, description="passes through the training images; 3 for lines3x3 if not given"
    )
    batch: int = Field(256, ge=1, description="images between two looks at Ctrl-C; a divisor of 512 for lines3x3")
    controls: bool = Field(True, description="train the controls as well")
    flipped: Annotated[Fraction, FLIPPED] = Field(
        0.0, ge=0, le=0.5, description="fraction of pixels inverted in every training image"
    )
    flipped_test: Annotated[Fraction, CliFlag("The same in images to be recognised.", metavar="FRACTION")] = Field(
        0.0, ge=0, le=0.5, description="the same in the images of an additional evaluation"
    )
    line: Annotated[Literal[2, 3], CliFlag("lines3x3: length of a line, 2 or 3 pixels.")] = Field(
        3, description="lines3x3: length of the vertical lines that are responded to, pixels"
    )
    columns: Annotated[str | None, COLUMNS] = Field(
        None,
        description='classes that share a column, such as 0+1,2+3; one class a column if not given; "a,b" in quotes',
    )
    readout: ReadoutName = Field("select", description="reported readout; 'select' takes the best on held-out images")
    calibration: int = Field(1000, ge=2, description="unlabelled training images that normalise a readout")
    curve: int = Field(10, ge=0, description="points of the learning curve; 0 for none")

    @field_validator("line", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


class PillConfig(Section):
    """Configuration of `hil train pill`."""

    data: PillData = Field(default_factory=PillData)
    device: DeviceSettings = DeviceSettings(uri="sim:flca?preset=pill")
    train: PillSettings = Field(default_factory=PillSettings)
    protocol: PillProtocol = Field(default_factory=PillProtocol)

    @model_validator(mode="before")
    @classmethod
    def _epochs_of_the_task(cls, values: Any) -> Any:
        data = values.get("data") if isinstance(values, dict) else None
        if isinstance(data, dict) and data.get("dataset") == LINES:
            train = values.get("train", {})
            return {**values, "train": {"epochs": LINES_EPOCHS, **train} if isinstance(train, dict) else train}
        return values


def columns_of(names: str | None, dataset: Dataset) -> list[list[int]]:
    """Classes of every column from ``0+1,2+3``; every class is in at most one, a name with , or + in double quotes."""
    if names is None:
        return [[c] for c in range(dataset.classes)]
    columns = []
    for group in split_names(names):
        members = [plain_name(name) for name in split_names(group, "+")]
        for name in members:
            if name not in dataset.class_names:
                raise InputError(
                    f"train.columns = '{names}': '{dataset.name}' has no class '{name}' "
                    f"{nearest(name, dataset.class_names)}"
                )
        columns.append([dataset.class_names.index(name) for name in members])
    used = [c for column in columns for c in column]
    if len(columns) < 2 or len(set(used)) < len(used):
        raise InputError(f"train.columns = '{names}': name at least two columns, and a class once")
    return columns


def flipped(pixels: NDArray[np.float64], fraction: float, seed: int, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Invert a random `fraction` of the pixels of images (B, inputs); image b draws from `seed` and ``numbers[b]``."""
    if fraction == 0:
        return pixels
    chosen = [np.random.default_rng([seed, 5, n]).random(pixels.shape[1]) < fraction for n in numbers]
    return np.where(np.array(chosen).reshape(pixels.shape), 1.0 - pixels, pixels)


def still_cells(protocol: PillProtocol, device: DeviceFacts) -> str:
    """Say why no cell of a paired layer may have moved, for `Doubts.cells`."""
    both = protocol.amplitude + (protocol.response if protocol.timing != "after" else 0.0)
    return device.still(both, protocol.width, "protocol.amplitude")


def paired(device: Device, inputs: int, protocol: PillProtocol, columns: int) -> PairedCore:
    """Pairs on `device`; one sentence if it has the wrong size or cannot drive the pulses, and it is closed then."""
    try:
        pairs = pair_count(inputs)
        if device.rows != pairs or device.cols != columns:
            raise InputError(
                f"{device.name} has {device.rows} x {device.cols} cells; {inputs} pixels make {pairs} pairs for "
                f"{columns} column{'s' * (columns != 1)}: rows={pairs}&cols={columns}"
            )
        return pairs_on(device, inputs, protocol)
    except BaseException:
        device.close()
        raise


class PairedTrainee(Trainee):
    """A paired-input layer that is shown images; `protocols` by the role of a stage."""

    def __init__(
        self,
        device: Device,
        protocols: dict[str, PillProtocol],
        images: NDArray[np.uint8],
        full_scale: int,
        columns: int,
        fraction_flipped: float,
    ) -> None:
        """Put pairs in front of `device`, once for every protocol."""
        super().__init__(Devices({SOLE: device}))
        self._images, self._full_scale, self._flipped = images, full_scale, fraction_flipped
        self._cores = {role: paired(device, images.shape[1], p, columns) for role, p in protocols.items()}

    def core(self, stage: Stage) -> PairedCore:
        """The layer as the stage drives it."""
        return self._cores[stage.role]

    def check(self, stage: Stage) -> None:
        """Hold the pulses of every protocol against the device's limits."""
        for core in self._cores.values():
            core.check()

    def show(self, stage: Stage, here: slice) -> None:
        """Present a batch."""
        pixels = intensities(self._images[stage.order[here]], self._full_scale)
        numbers = np.arange(here.start, here.stop)
        self.core(stage).present(flipped(pixels, self._flipped, stage.seed, numbers), stage.targets[here])
