"""A driver with two devices: what an RRAM crossbar lets through, pixel by pixel, drives an FLCA crossbar behind it."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
from pydantic import Field

from hil.config import Section, validated
from hil.data.datasets import load
from hil.runs.devices import Devices
from hil.runs.run import Run
from hil.training.driver import Driver
from hil.training.energy import energy_rows
from hil.training.loop import Stage, Trainee, TrainingLoop, presentation_order
from hil.training.settings import DataSettings, DeviceSettings, addresses, open_devices
from hil.waveform import Waveform

SPREAD = "c2c=0.1&d2d=0.1&read_noise=0.01"


class DevicePair(Section):
    """Sections [device.front] and [device.back]."""

    front: DeviceSettings = DeviceSettings(uri=f"sim:rram?alpha=0.05&{SPREAD}")
    back: DeviceSettings = DeviceSettings(uri=f"sim:flca?D=5&{SPREAD}")


class TrainSettings(Section):
    seed: int = Field(0, description="of the run")
    images: int = Field(24, description="shown in each of two stages")
    batch: int = Field(4, description="between two checkpoints")


class TwoConfig(Section):
    data: DataSettings = DataSettings(dataset="lines3x3")
    device: DevicePair = DevicePair()
    train: TrainSettings = TrainSettings()


class Chain(Trainee):
    """Pixels on the rows of `front`; its column currents, as voltages, on the rows of `back`."""

    def __init__(self, devices: Devices, images):
        super().__init__(devices)
        self._images = images

    def check(self, stage):
        assert self.devices["back"].rows == self.devices["front"].cols

    def show(self, stage, here):
        for image in self._images[stage.order[here]]:
            lit = np.where(image > 0, 1.2, -1.1)
            passed = self._play("front", lit)
            self._play("back", 0.5 * passed / np.abs(passed).max())

    def _play(self, name, volts):
        device = self.devices[name]
        wave = Waveform.samples(volts[None], np.zeros((1, device.cols)), dwell=1e-3, measure=True)
        return self.devices.measured(name, device.apply(wave)).currents[0]


class TwoDevices(Driver):
    kind = "train two"
    config_model = TwoConfig

    def __init__(self, config, dataset, run):
        self.config, self.dataset, self.run = config, dataset, run
        self.loop = TrainingLoop(run, self._open, config.train.batch)

    def _open(self, seed):
        sizes = {"front": {"rows": 9, "cols": 2}, "back": {"rows": 2, "cols": 1}}
        with open_devices(addresses(self.config.device.model_dump()), seed, sizes).closed_on_failure() as devices:
            return Chain(devices, self.dataset.train_images)

    def stages(self):
        images, seed = self.config.train.images, self.config.train.seed
        order = presentation_order(len(self.dataset.train_images), 2 * images, seed)
        return [Stage("first", seed, True, order[:images]), Stage("second", seed, False, order[images:])]

    def play(self):
        self.loop.play(self.stages(), lambda *_: None, self._keep, "continue")

    def _keep(self, stage, trainee):
        for name, device in trainee.devices.items():
            self.loop.arrays[f"g/{name}/{stage.key}"] = device.read()
        self.loop.outcomes["energy"] = dict(trainee.devices.energy)

    def rows(self):
        return energy_rows("energy", self.loop.outcomes["energy"], "of all pulses")

    def draw(self):
        return []


def resumed(folder, config=None):
    """The driver in `folder`, begun or resumed, at its end."""
    if (folder / "config.toml").is_file():
        run = Run.resume(folder, TwoDevices.kind)
    else:
        run = Run.create(folder, TwoDevices.kind, validated(TwoConfig, config or {}, "test").model_dump(mode="json"))
    with run:
        training = TwoDevices(validated(TwoConfig, run.config, "test"), load("lines3x3"), run)
        training.complete()
    return training


def killed(folder, calls):
    """As `resumed`, killed by the system at one of the calls that make a file lasting, counted from 1."""
    import hil.files
    import hil.training.loop

    hil.training.loop.CHECKPOINT_EVERY = 0.0
    left = calls

    def fatal(original):
        def call(*arguments, **named):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        return call

    hil.files.os.fsync = fatal(os.fsync)
    Path.replace = fatal(Path.replace)
    resumed(folder)


if __name__ == "__main__":
    killed(Path(sys.argv[1]), int(sys.argv[2]))
