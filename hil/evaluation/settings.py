"""Configuration of `hil evaluate`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from hil.config import CliFlag, Section
from hil.energy.figures import EnergySettings
from hil.errors import InputError
from hil.networks.layers import FUNCTIONS
from hil.training.settings import LARGEST_SEED, Seed, Seeds
from hil.writing.plan import PulsePlan

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31557600.0}
"""Lengths of units of time; a year of 365.25 days."""


def seconds(text: str) -> float:
    """Length of ``1d``, ``90 min``, ``3600``, in s; `ValueError` for anything else."""
    match = re.fullmatch(r"\s*([0-9.eE+-]+?)\s*(s|min|h|d|w|y)?\s*", text)
    try:
        value = float(match[1]) * SECONDS[match[2] or "s"] if match else -1.0
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e12:
        raise ValueError(f"'{text}' is no time; give a number with s, min, h, d, w or y, such as 1d")
    return value


class EvaluatedData(Section):
    """Section [data]."""

    dataset: Annotated[
        str | None, CliFlag("Name or PATH of the data set; that of the run if not given.", metavar="NAME")
    ] = Field(None, description="name of the data set, or path; of a run, its own if not given")
    dir: Annotated[str | None, CliFlag("Folder with IDX files (mnist, emnist).", "--data-dir", "DIR")] = Field(
        None, description="folder with IDX files, for the sets that are not bundled"
    )


class EvaluatedDevice(Section):
    """Section [device]."""

    uri: Annotated[str, CliFlag("BACKEND:KIND?NAME=VALUE&..., see `hil devices`.", "--device", "URI")] = Field(
        "sim:rram", description="what the weights are written into, one device for each matrix"
    )
    synapse: Annotated[str | None, CliFlag("Cells of a weight: differential, single, several ...", metavar="NAME")] = (
        Field(None, description="cells of a weight; two, differential, if not given and weights have both signs")
    )


class EvaluateSettings(Section):
    """Section [evaluate]."""

    source: str = Field(description="file of a trained network, or run folder")
    after: Annotated[str, CliFlag("Times after programming, such as 1d or 1h,1d,30d.", metavar="TIME")] = Field(
        "", description="times after programming at which it is evaluated again, apart by commas"
    )
    seed: Seed = Field(0, ge=0, le=LARGEST_SEED, description="first seed: of the devices, and of the shuffled weights")
    seeds: Seeds = Field(3, ge=1, le=1000, description="number of seeds, for the spread")
    images: Annotated[int | None, CliFlag("Test images at most.")] = Field(
        None, ge=1, description="test images at most; all if not given"
    )
    exact: Annotated[bool, CliFlag("Set cells without pulses, on devices that can.")] = Field(
        False, description="leave out programming: cells are set without pulses"
    )
    forward: Literal["device", "read"] = Field(
        "device", description="device: products are the array's; read: it is read once, and the host multiplies"
    )
    calibration: int = Field(1000, ge=1, description="training images whose largest input of a layer is full scale")
    activation: Annotated[str, CliFlag("Between layers, where a file does not say.", metavar="NAME")] = Field(
        "relu", description="function between layers where a file does not say"
    )
    steps: int | None = Field(None, ge=1, le=100_000, description="steps of time that spiking neurons see an image; 25")
    dt: float = Field(1e-4, gt=0, description="length of such a step, s")
    mean: float = Field(0.0, description="subtracted from pixels 0..1, as when the network was trained")
    std: float = Field(1.0, gt=0, description="then divided by")

    @field_validator("after")
    @classmethod
    def _times(cls, text: str) -> str:
        before = 0.0
        for part in filter(None, text.split(",")):
            if (now := seconds(part)) <= before:
                raise ValueError("give times above 0 in order, such as 1h,1d,30d")
            before = now
        return text

    @field_validator("activation")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FUNCTIONS:
            raise ValueError(f"give one of {', '.join(FUNCTIONS)}")
        return name

    @property
    def times(self) -> dict[str, float]:
        """Times after programming, s, as they were written."""
        return {part.strip(): seconds(part) for part in filter(None, self.after.split(","))}


class EvaluateConfig(Section):
    """Configuration of `hil evaluate`."""

    evaluate: EvaluateSettings
    data: EvaluatedData = Field(default_factory=EvaluatedData)
    device: EvaluatedDevice = Field(default_factory=EvaluatedDevice)
    program: PulsePlan = Field(default_factory=PulsePlan)
    energy: EnergySettings = Field(default_factory=EnergySettings, description="stated figures, see docs/energy.md")

    def data_set(self) -> str:
        """Name of the data set; `InputError` where none is named."""
        if self.data.dataset is None:
            raise InputError("no data set is named: give --dataset NAME or PATH")
        return self.data.dataset
