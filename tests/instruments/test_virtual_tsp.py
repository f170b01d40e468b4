"""TSP: the Lua that a program sends, the 2600B's rules and its trigger model in virtual time."""

import numpy as np
import pytest

from hil.backends import open_device
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.lua import Chunk
from instruments.virtual.lua_values import LuaRuntimeError, LuaSyntaxError, Table, tostring

FIXED = "sim:rram?g_min=1e-5&g_max=1e-4"


def evaluate(source):
    out = []
    Chunk(source).run({"print": lambda *values: out.extend(values), "t": Table([10.0, 20.0, 30.0])})
    return out


@pytest.mark.parametrize(
    "source, value",
    [
        ("print(1 + 2 * 3 ^ 2)", 19.0),
        ("print(-2 ^ 2)", -4.0),
        ("print(2 ^ 3 ^ 2)", 512.0),
        ("print(7 - 2 - 1, 8 / 4 / 2)", [4.0, 1.0]),
        ("print(0x10 + 1.5e1)", 31.0),
        ("print(1 < 2 and 'yes' or 'no')", "yes"),
        ("print(not nil == true)", True),
        ("print(1 == '1', 'a' ~= 'b', 2 >= 2)", [False, True, True]),
        ("print('a' .. \"b\" .. 'c')", "abc"),
        ("print(t[2], #t, t[4])", [20.0, 3.0, None]),
        ("a, b = 1, 2; a, b = b, a; print(a, b)", [2.0, 1.0]),
        ("s = 0; for i = 1, 4 do s = s + i end; print(s)", 10.0),
        ("s = 0 for i = 10, 1, -3 do s = s + i end print(s)", 22.0),
        ("if t[1] > 5 then print('big') else print('small') end", "big"),
        ("if false then print(1) elseif t then print(2) end", 2.0),
        ("t.x = {1, [5] = 2, k = 'v'}; print(t.x[5], t.x.k, #t.x)", [2.0, "v", 1.0]),
        ("local z = 3 print((z)) -- and a comment", 3.0),
    ],
)
def test_lua(source, value):
    assert evaluate(source) == (value if isinstance(value, list) else [value])


@pytest.mark.parametrize(
    "source",
    [
        "a =",
        "x(",
        "while true do end",
        "1",
        "a.b()c",
        "print('a",
        "for i do end",
        "if 1",
        "a = = 1",
        "f() = 2",
        "(" * 99,
    ],
)
def test_lua_syntax_errors(source):
    with pytest.raises(LuaSyntaxError):
        Chunk(source)


@pytest.mark.parametrize(
    "source",
    ["nothing.here = 1", "nothing()", "a = 1 + nil", "a = t + 1", "print(#1)", "t[1].x = 2", "a = 1 < 'b'"],
)
def test_lua_runtime_errors(source):
    with pytest.raises(LuaRuntimeError):
        evaluate(source)


def test_numbers_print_as_a_2600_prints_them():
    assert tostring(1.5) == "1.50000e+00" and tostring(True) == "true" and tostring(None) == "nil"


def set_up(model="2602B", uri=FIXED, **options):
    dut = Dut(open_device(uri), **options)
    smu = make(model, dut)
    return dut, smu


def send(smu, *lines):
    answer = None
    for line in lines:
        answer = smu.handle(line)
        assert smu.handle("print(errorqueue.count)") == "0.00000e+00", (line, smu.handle("print(errorqueue.next())"))
    return answer


def error(smu):
    return smu.handle("print(errorqueue.next())").split("\t")


@pytest.mark.parametrize(
    "line, code",
    [
        ("smua.source.levelv = 500", 1101),
        ("smua.source.limiti = 1e-12", 1102),
        ("smua.source.limiti = 99", 1101),
        ("smua.source.func = smua.OUTPUT_DCAMPS", -224),
        ("smua.source.nonsense = 1", -286),
        ("smua.nvbuffer1.n = 3", -286),
        ("smuc.reset()", -286),
        ("smua.measure.overlappedi()", -286),
        ("smua.measure.i(5)", -104),
        ("ConfigPulseVMeasureI(smua, 0)", -286),
        ("*RST?", -285),
        ("print(", -285),
    ],
)
def test_what_is_refused_and_how(line, code):
    _, smu = set_up()
    assert smu.handle(line) is None
    entry = error(smu)
    assert int(float(entry[0])) == code and len(entry) == 4
    assert float(entry[2]) == 20 and float(entry[3]) == 1
    assert error(smu) == ["0.00000e+00", "Queue Is Empty", "0.00000e+00", "1.00000e+00"]


def test_an_error_in_a_part_does_not_end_the_line_a_runtime_error_does():
    _, smu = set_up()
    assert smu.handle("smua.source.levelv = 500 print('on')") == "on"
    assert smu.handle("smua.nothing.at = 1 print('on')") is None


def test_spot_measurements_and_compliance():
    dut, smu = set_up(series=1e3)
    send(smu, "smua.source.levelv = 0.5", "smua.source.limiti = 1e-3", "smua.source.output = smua.OUTPUT_ON")
    total = 1e3 + 1 / dut.truth.conductance[0, 0]
    assert float(send(smu, "print(smua.measure.i())")) == pytest.approx(0.5 / total, rel=1e-4)
    assert float(send(smu, "print(smua.measure.r())")) == pytest.approx(total, rel=1e-4)
    assert send(smu, "print(smua.source.compliance)") == "false"
    send(smu, "smua.source.limiti = 1e-6")
    assert float(send(smu, "print(smua.measure.i())")) == pytest.approx(1e-6)
    assert send(smu, "print(smua.source.compliance)") == "true"
    send(smu, "smua.measure.autorangei = 0", "smua.measure.rangei = 1e-7", "smua.source.limiti = 1e-3")
    assert float(send(smu, "print(smua.measure.i())")) == pytest.approx(9.9e37)


def test_contact_check_needs_a_milliampere():
    _, smu = set_up(contact=20.0)
    assert send(smu, "print(smua.contact.check())") == "true"
    send(smu, "smua.source.offlimiti = 1e-4")
    smu.handle("print(smua.contact.check())")
    assert error(smu)[0] == "5.06600e+03"
    send(smu, "smua.source.offmode = smua.OUTPUT_HIGH_Z")
    smu.handle("smua.contact.check()")
    assert error(smu)[0] == "5.05000e+03"
    send(smu, "smua.source.limiti = 1e-4", "smua.source.output = 1")
    smu.handle("smua.contact.r()")
    assert error(smu)[0] == "5.06500e+03"
    _, smu = set_up("2604B")
    smu.handle("smua.contact.check()")
    assert error(smu)[0] == "-2.86000e+02", "a 2604B has no contact check"


def test_pulse_functions():
    dut, smu = set_up(uri=FIXED + "&alpha=0.01")
    configure = "print(ConfigPulseVMeasureI(smua, 0, {}, 1e-2, {}, 4e-3, 5, smua.nvbuffer1, 1))"
    send(smu, "smua.measure.nplc = 0.01")
    assert send(smu, configure.format(1.2, 1e-3)).startswith("false"), "autorange is on"
    send(smu, "smua.measure.rangei = 1e-2", "smua.nvbuffer1.appendmode = 1")
    assert send(smu, configure.format(1.2, 1e-5)).startswith("false"), "too short"
    assert send(smu, configure.format(1.2, 1e-3)).startswith("true")
    assert send(smu, "print(InitiatePulseTest(1))").startswith("false"), "the output is off"
    send(smu, "smua.source.output = 1")
    start = dut.clock
    assert send(smu, "print(InitiatePulseTest(1)) smua.source.output = 0").startswith("true")
    assert dut.clock - start == pytest.approx(5 * 5e-3)
    assert dut.truth.weights[0, 0] == pytest.approx(0.55)
    values = send(smu, "printbuffer(1, smua.nvbuffer1.n, smua.nvbuffer1)").split(",")
    np.testing.assert_allclose(
        [float(v) for v in values], 1.2 * (1e-5 + 9e-5 * (0.51 + 0.01 * np.arange(5))), rtol=1e-5
    )
    assert send(smu, "print(InitiatePulseTest(2))").startswith("false"), "no such tag"


def test_a_sweep_that_waits_for_ever_hears_abort_alone():
    _, smu = set_up()
    send(smu, "smua.trigger.source.listv({0.1})", "smua.trigger.source.action = smua.ENABLE")
    send(smu, "smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID", "smua.source.output = 1")
    assert smu.handle("smua.trigger.initiate() waitcomplete() print('done')") is None
    assert smu.handle("print(1)") is None and smu.output
    smu.handle("abort")
    assert smu.handle("print(1)") == "1.00000e+00" and smu.output


def test_two_channels_sweep_together():
    """Both channels step on timer 1: the cell between row (smua) and column (smub) sees the difference."""
    dut, smu = set_up(uri=FIXED + "&alpha=0.1")
    dut.connect({0}, (), "1")
    dut.connect({1}, (), "2")
    lines = []
    for name, level in (("smua", 0.6), ("smub", -0.6)):
        lines += [
            f"{name}.trigger.source.listv({{{level}}})", f"{name}.trigger.source.action = {name}.ENABLE",
            f"{name}.trigger.source.limiti = 1e-2", f"{name}.trigger.source.stimulus = trigger.timer[1].EVENT_ID",
            f"{name}.trigger.endpulse.action = {name}.SOURCE_IDLE", f"{name}.trigger.count = 3",
            f"{name}.trigger.endpulse.stimulus = trigger.timer[2].EVENT_ID", f"{name}.source.output = 1",
        ]  # fmt: skip
    lines += [
        "trigger.timer[1].delay = 5e-3", "trigger.timer[1].count = 2", "trigger.timer[1].passthrough = true",
        "trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID", "trigger.timer[2].delay = 1e-3",
        "trigger.timer[2].stimulus = trigger.timer[1].EVENT_ID",
    ]  # fmt: skip
    send(smu, *lines)
    start = dut.clock
    go = "smub.trigger.initiate() smua.trigger.initiate() waitcomplete()"
    send(smu, f"{go} smua.source.output = 0 smub.source.output = 0")
    assert dut.clock - start == pytest.approx(11e-3)
    assert dut.truth.weights[0, 0] == pytest.approx(0.8), "three pulses of 1.2 V"
