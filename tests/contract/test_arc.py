"""The contract on a virtual ArC ONE: the real driver over a real pseudo terminal, simulated cells behind it."""

from hil.backends import open_device
from hil.contract import DeviceContract


class BoardContract(DeviceContract):
    """Resistances are told in 32-bit floats; a board measures after a pulse alone, so no pulse is cut there."""

    uri: str
    rows, cols = 1, 1
    examples = 6
    noise = 1e-6
    drive_width = 1e-3
    joined = False
    more = "gaps=true&extrapolate=true&v_max=2&v_read=0.1"

    def open(self, rows, cols):
        return open_device(f"{self.uri}&{self.more}", rows=rows, cols=cols)


class TestSingleCell(BoardContract):
    uri = "arc:virtual?dut=sim:rram"


class TestSingleCellOfAnotherLaw(BoardContract):
    uri = "arc:virtual?dut=sim:vteam&scheme=V/2"


class TestColumnWithFloatingRows(BoardContract):
    uri = "arc:virtual?dut=sim:rram&scheme=floating&serial=true"
    rows = 3


class TestCrossbarAtHalfTheVoltage(BoardContract):
    """Cells below whose threshold V/2 lies: to pulse the cells of a row one after another is the same to them."""

    uri = "arc:virtual?dut=sim:threshold&scheme=V/2&serial=true&unfold=true"
    rows, cols = 3, 2
