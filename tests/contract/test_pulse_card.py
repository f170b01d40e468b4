"""The contract on a virtual 4225-PMU: KXCI over a real socket, a simulated cell behind 50 ohm at each channel."""

from hil.backends import open_device
from hil.contract import DeviceContract


class PmuContract(DeviceContract):
    """Two channels of 50 ohm in front of the cell: its state moves what the source's resistance leaves of a voltage."""

    uri: str
    rows, cols = 1, 1
    examples = 6
    noise = 1e-6
    drive_voltage = 1.5
    charge_tolerance = tolerance = 1e-2

    def open(self, rows, cols):
        return open_device(f"{self.uri}&v_max=2&watchdog=false&threshold=false")


class TestTwoChannels(PmuContract):
    uri = "pmu:virtual?dut=sim:rram"
    drive_width = 1e-3


class TestOneChannelInMicroseconds(PmuContract):
    uri = "pmu:virtual?dut=sim:rram&channels=1"
    drive_width = 1e-6
