"""The contract on the virtual bench: real drivers, real pyvisa links, simulated cells."""

import pytest

from hil.backends import open_device
from hil.contract import DeviceContract


class BenchContract(DeviceContract):
    """Rounding of the instruments' answers to seven digits is noise; nothing else is."""

    uri: str
    rows, cols = 1, 1
    examples = 6
    noise = 1e-5
    drive_width = 5e-3

    def open(self, rows, cols):
        return open_device(self.uri, rows=rows, cols=cols, watchdog=False)


class TestSingleCellOn2450(BenchContract):
    uri = "visa:virtual?v_max=2&dut=sim:rram"


class TestSingleCellOn2400OverSerial(BenchContract):
    uri = "visa:virtual?model=2400&transport=serial&v_max=2&dut=sim:rram"


class TestSingleCellOn2461OverHislip(BenchContract):
    uri = "visa:virtual?model=2461&transport=hislip&v_max=2&dut=sim:rram"


class TestSingleCellOn2602B(BenchContract):
    uri = "visa:virtual?model=2602B&v_max=2&dut=sim:rram"


class TestSingleCellOnB2901A(BenchContract):
    uri = "visa:virtual?model=B2901A&v_max=2&dut=sim:rram"


class TestColumnBehindA707B(BenchContract):
    uri = "visa:virtual?v_max=2&dut=sim:rram"
    rows = 3


class TestCrossbarBehindAB2201A(BenchContract):
    """Played column by column: what sneaks through the open lines is measured as well, after every pulse."""

    uri = "visa:virtual?v_max=2&dut=sim:rram&matrix=B2201A&serial=true"
    rows, cols = 2, 2
    joined = False


class TestSingleCellBetweenTwoChannelsOf2602B(BenchContract):
    uri = "visa:virtual?model=2602B&channels=2&v_max=2&dut=sim:rram"


@pytest.mark.slow
class TestSingleCellBetweenTwoChannelsOfB2902A(BenchContract):
    uri = "visa:virtual?model=B2902A&channels=2&v_max=2&dut=sim:rram"


@pytest.mark.slow
class TestColumnOnTwoChannels(BenchContract):
    uri = "visa:virtual?model=2602B&channels=2&v_max=2&dut=sim:rram"
    rows = 3


@pytest.mark.slow
class TestCrossbarOnTwoChannels(BenchContract):
    """As behind a B2201A: what is measured is read after the pulse, column by column."""

    uri = "visa:virtual?model=2602B&channels=2&v_max=2&dut=sim:rram&serial=true"
    rows, cols = 2, 2
    joined = False


@pytest.mark.slow
class TestCrossbarOnTwoChannelsOfB2902ABehindAB2201A(BenchContract):
    uri = "visa:virtual?model=B2902A&matrix=B2201A&channels=2&v_max=2&dut=sim:rram&serial=true"
    rows, cols = 2, 2
    joined = False


@pytest.mark.slow
class TestLargerCrossbarOnTwoChannels(BenchContract):
    uri = "visa:virtual?model=2602B&channels=2&v_max=2&dut=sim:rram&serial=true"
    rows, cols = 4, 3
    joined = False
