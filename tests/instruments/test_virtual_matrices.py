"""Switch matrices: what is closed is what is connected; hot switching is counted."""

import pytest

from hil.backends import open_device
from hil.errors import InputError
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut

FIXED = "sim:rram?g_min=1e-5&g_max=1e-4&rows=2&cols=2"


def bench(model, **options):
    dut = Dut(open_device(FIXED))
    return dut, make("2450", dut), make(model, dut, **options)


def test_707b_routes_the_current():
    dut, smu, matrix = bench("707B")
    smu.handle("SOUR:VOLT:ILIM 1e-3;:SOUR:VOLT 0.2;:OUTP ON")
    assert float(smu.handle("READ?")) == 0, "all relays are open"
    smu.handle("OUTP OFF")
    matrix.handle('channel.exclusiveclose("1A01,1B03,1B04")')
    assert matrix.handle('print(channel.getclose("allslots"))') == "1A01;1B03;1B04"
    smu.handle("OUTP ON")
    assert float(smu.handle("READ?")) == pytest.approx(0.2 * dut.truth.conductance[0].sum(), rel=1e-6)
    assert matrix.hot_switches == 0 and matrix.output


def test_closing_hi_and_lo_on_one_line_is_a_short():
    _, smu, matrix = bench("707B")
    matrix.handle('channel.close("1A01,1B01")')
    smu.handle("SOUR:VOLT:ILIM 1e-3;:SOUR:VOLT 0.2;:OUTP ON")
    assert float(smu.handle("READ?")) == pytest.approx(1e-3) and smu.handle("SOUR:VOLT:ILIM:TRIP?") == "1"


def test_hot_switching_is_counted():
    _, smu, matrix = bench("707B")
    smu.handle("OUTP ON")
    matrix.handle('channel.close("1A01")')
    assert matrix.hot_switches == 0, "0 V"
    smu.handle("SOUR:VOLT 0.1")
    matrix.handle('channel.close("1A01")')
    assert matrix.hot_switches == 0, "nothing moves"
    matrix.handle('channel.open("allslots")')
    assert matrix.hot_switches == 1


def test_707b_ranges_and_errors():
    _, _, matrix = bench("707B")
    matrix.handle('channel.close("1A01:1A03")')
    matrix.handle('channel.close("2C12")')
    assert matrix.handle('print(channel.getclose("slot1"))') == "1A01;1A02;1A03"
    assert matrix.handle('print(channel.getclose("slot2"))') == "2C12"
    matrix.handle('channel.exclusiveclose("")')
    assert matrix.handle('print(channel.getclose("allslots"))') == "nil"
    for name in ("1I01", "7A01", "1A13", "A01", ""):
        matrix.handle(f'channel.close("{name}")')
        assert matrix.handle("print(errorqueue.next())").startswith("-2.22000e+02")
    matrix.handle("channel.connectrule = 5")
    assert matrix.handle("print(errorqueue.next())").startswith("-2.24000e+02")


def test_relays_take_time():
    dut, _, matrix = bench("707B")
    matrix.handle('channel.close("1A01")')
    assert 0 < dut.clock < 0.05


def test_b2201a_single_route_and_free():
    _, _, matrix = bench("B2201A")
    matrix.handle(":ROUT:FUNC ACON")
    matrix.handle(":ROUT:CLOS (@00101)")
    matrix.handle(":ROUT:CLOS (@00102)")
    assert matrix.handle(":ROUT:CLOS:CARD? 0") == "@00102", "single route is the default rule"
    matrix.handle(":ROUT:CONN:RULE ALL,FREE")
    matrix.handle(":ROUT:CLOS (@00101,00203:00204)")
    assert matrix.handle(":ROUT:CLOS:CARD? 0") == "@00101,00102,00203,00204"
    assert matrix.handle(":ROUT:OPEN? (@00101,00105)") == "0,1"
    assert matrix.handle(":ROUT:CLOS? (@00101,00105)") == "1,0"
    matrix.handle(":ROUT:OPEN (@00101)")
    matrix.handle(":ROUT:OPEN:CARD ALL")
    assert not matrix.output and matrix.handle(":SYST:ERR?") == '+0,"No error"'


@pytest.mark.parametrize(
    "message",
    [":ROUT:CLOS (@00149)", ":ROUT:CLOS (@01501)", ":ROUT:CLOS (@10101)", ":ROUT:CLOS 101", ":ROUT:CLOS:CARD? 2"],
)
def test_b2201a_refuses(message):
    _, _, matrix = bench("B2201A")
    matrix.handle(":ROUT:FUNC ACON")
    assert matrix.handle(message) is None
    assert matrix.handle(":SYST:ERR?").startswith(("-222", "-102"))
    assert not matrix.output


def test_lines_on_other_columns():
    dut, _, matrix = bench("707B", lines=[12, 13, 1, 2], terminals={3: ("1", "hi"), 4: ("1", "lo")})
    matrix.handle('channel.close("1C12,2D01")')
    assert dut.port("1").hi == {0} and dut.port("1").lo == {1}
    with pytest.raises(InputError, match="columns"):
        bench("707B", lines=[1, 2, 3])
