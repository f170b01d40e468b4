"""An ArC TWO through its maker's library, which is faked: the calls that its documentation names, and their order."""

import sys
from types import SimpleNamespace

import pytest

from hil.backends import open_device
from hil.biasing import select
from hil.errors import InputError
from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.boards.arc_two import COLUMNS, ROWS, ArcTwo
from instruments.boards.device import BoardDevice
from instruments.link.clock import RealClock
from instruments.link.errors import LinkLost
from instruments.safety.limits import SafetyLimits


class FakeInstrument:
    """What pyarc2.Instrument is asked, and a resistor of 10 kilohms everywhere."""

    def __init__(self, number, firmware):
        self.calls = [("open", number, firmware)]
        self.broken = False

    def read_one(self, low, high, v):
        self.calls.append(("read", low, high, v))
        return -v / 1e4  # the sign is not documented

    def pulseread_one(self, low, high, v, nanos, v_read):
        if self.broken:
            raise BaseException("called `Result::unwrap()` on an `Err` value")
        self.calls.append(("pulse", low, high, v, nanos, v_read))
        return v_read / 1e4

    def finalise_operation(self, mode):
        self.calls.append(("idle", mode))

    def connect_to_gnd(self, channels):
        self.calls.append(("ground", list(channels)))


TWO = "arc:two?firmware=fw.bin&no_compliance=true"


@pytest.fixture
def arc2(monkeypatch):
    made = []

    def instrument(number, firmware):
        made.append(FakeInstrument(number, firmware))
        return made[-1]

    idle = SimpleNamespace(Float="float", SoftGnd="soft", HardGnd="hard")
    library = SimpleNamespace(find_ids=lambda: [4, 7], Instrument=instrument, IdleMode=idle)
    monkeypatch.setitem(sys.modules, "pyarc2", library)
    return made


def test_an_arc_two_is_asked_as_its_library_documents(arc2):
    with open_device(
        "arc:two?firmware=fw.bin&rows=20&cols=20&v_max=1&i_max=1e-2&no_compliance=true&v_read=0.2"
    ) as device:
        made = arc2[0]
        assert made.calls == [("open", 4, "fw.bin"), ("idle", "float")]
        made.calls.clear()
        assert device.read_rows([17])[0, 18] == pytest.approx(1e-4), "the sign is that of the voltage"
        row, col = ROWS[17], COLUMNS[18]
        assert (row, col) == (33, 50) and ("read", col, row, 0.2) in made.calls
        assert made.calls[:3] == [("ground", []), ("read", COLUMNS[0], row, 0.2), ("idle", "float")]
        made.calls.clear()
        pulse = select(1, 0, 0.8, cells=(20, 20), width=1.5e-6, scheme="floating")
        device.apply(pulse + Waveform.rest(1e-3, 20, 20))
        assert made.calls == [("ground", []), ("pulse", 16, 1, 0.8, 1500, 0.2), ("idle", "float")]
        made.broken = True
        with pytest.raises(LinkLost, match="unwrap"):
            device.apply(pulse)
        assert made.calls[-1] == ("idle", "float"), "brought to rest after the failure"
    assert arc2[0].calls[-1] == ("idle", "float")


def test_an_arc_two_that_is_not_there(arc2, monkeypatch):
    with pytest.raises(InputError, match=r"no ArC TWO 5; found: \[4, 7\]"):
        ArcTwo(5, "fw.bin")
    with pytest.raises(InputError, match="inactive lines by floating, grounded"):
        ArcTwo(None, "fw.bin", scheme="V/2")
    monkeypatch.setitem(sys.modules, "pyarc2", None)
    with pytest.raises(InputError, match="pip install pyarc2"):
        ArcTwo(None, "fw.bin")


def test_a_board_is_not_asked_for_more_than_it_has(arc2):
    board = ArcTwo(None, "fw.bin")
    for rows, v_max, error in ((33, 1.0, InputError), (2, 11.0, LimitError)):
        with pytest.raises(error):
            BoardDevice("x", board, rows, 2, SafetyLimits(v_max, 1.0), clock=RealClock(), v_read=0.1, read_width=1e-3)
