import numpy as np
import pytest

from hil.backends import open_device
from hil.contract import DeviceContract


class EmulatorContract(DeviceContract):
    uri: str

    def open(self, rows, cols):
        return open_device(self.uri, rows=rows, cols=cols)

    def test_the_stimulus_moves_every_line(self, device):
        """Otherwise the suite would hold for cells that are never programmed."""
        before = device.read()
        device.apply(self.stimulus(device).program())
        moved = np.abs(device.read() / before - 1) > 10 * self.noise
        assert moved[0].all()
        assert moved[:, -1].all()

    def test_nothing_changes_when_columns_are_laid_out_anew(self, device):
        """In the emulator; the caller's columns stay what they are."""
        if device.geometry.cell == "flca":
            pytest.skip("no neurons, no need")
        device.apply(self.stimulus(device).program())
        before = device.read()
        device.place_columns(np.arange(device.cols)[::-1])
        assert np.array_equal(device.read(), before)
        state = device.snapshot()
        device.apply(self.stimulus(device).program())
        after = device.read()
        device.restore(state)
        device.place_columns(np.arange(device.cols))
        device.apply(self.stimulus(device).program())
        assert np.array_equal(device.read(), after)


class TestSteps(EmulatorContract):
    uri = "fpga:golden?alpha=0.02&alpha_dep=0.01"


class TestWideStepsToTheNearest(EmulatorContract):
    uri = "fpga:golden?model=nlsb&alpha=0.05&gamma=3&state_bits=13&rounding=nearest&lanes=2"
    rows, cols = 4, 3


class TestMeasuredSteps(EmulatorContract):
    uri = "fpga:golden?model=curve&potentiation=1e-6,5e-6,8e-6,1e-5&depression=9e-6,4e-6,2e-6,1e-6"


class TestFlca(EmulatorContract):
    """A 1 mV, 1 ms read pulse moves the flux by less than one of its steps of 0.1 V s / 65535, in 1.1 kohm."""

    uri = "fpga:golden?cell=flca&phi0=1e-3"
    drive_voltage = 0.1
    tolerance = 3e-3
    charge_tolerance = 1e-3


class TestCoarseFlca(EmulatorContract):
    """With 12 bits, a read pulse is too short to be resolved unless the range is small."""

    uri = "fpga:golden?cell=flca&phi0=1e-3&phi_max=1.05e-3&state_bits=12&D=0&lanes=3"
    drive_voltage = 0.1
    tolerance = 3e-3
    rows, cols = 2, 4
