"""A driver of another package that trains nothing: it counts images, and says how it was told to."""

from typing import Annotated, Literal

from pydantic import Field

from hil.config import CliFlag, Section
from hil.fraction import Fraction
from hil.runs.results import Row
from hil.training.driver import Driver
from hil.training.settings import DataSettings, DeviceSettings


class Settings(Section):
    """One setting of every kind."""

    loud: Annotated[bool, CliFlag()] = Field(True, description="say it loudly")
    up_to: Annotated[int | None, CliFlag("Count this far.", metavar="HOWMANY")] = Field(None, ge=1)
    part: Annotated[Fraction, CliFlag()] = Field(1.0, ge=0, le=1, description="part of the images that is counted")
    step: Annotated[float, CliFlag()] = Field(1.0, gt=0)
    mode: Annotated[Literal["a", "b"], CliFlag()] = "a"
    silent: int = 0


class Pair(Section):
    """Two devices."""

    front: DeviceSettings = DeviceSettings(uri="sim:rram")
    back: DeviceSettings = DeviceSettings(uri="sim:rram")


class CountedConfig(Section):
    data: DataSettings = DataSettings()
    device: Pair = Pair()
    train: Settings = Settings()


class Counted(Driver):
    """Count the images, and nothing else."""

    kind = "train counted"
    config_model = CountedConfig

    def __init__(self, config, dataset, run):
        self.config, self.dataset, self.run = config, dataset, run

    def play(self):
        pass

    def rows(self):
        device, train = self.config.device, self.config.train
        told = {"front": device.front.uri, "back": device.back.uri, **train.model_dump(exclude={"silent"})}
        return [Row("images", len(self.dataset.train_images), note=" ".join(f"{k}={v}" for k, v in told.items()))]

    def draw(self):
        return []


class Misnamed(Counted):
    kind = "train other"
