"""What the driver of the 2400 sends and understands; pages are those of 2400S-900-01 Rev K."""

import numpy as np
import pytest

from hil.limits import LimitError
from instruments.errors import ProtocolError
from instruments.plan import Plan
from instruments.smu.driver import Settings
from instruments.smu.k2400 import K2400, Keithley2400

DRIVER = Keithley2400(K2400)
SETTINGS = Settings(compliance=1e-4, v_peak=1.5)


def texts(messages):
    return [m.text for m in messages]


def test_set_up_with_the_output_off():
    messages = DRIVER.prepare(Settings(compliance=1e-4, v_peak=1.5, four_wire=True))
    assert texts(messages) == [
        ":OUTP OFF",  # 18-55
        "*RST",
        ":SOUR:CLE:AUTO OFF",  # 18-72: a trigger must not switch the output on
        ":OUTP:SMOD NORM",  # 18-57: HIMP would wear the relay
        ":SYST:RSEN ON",  # 18-104
        ":SOUR:FUNC VOLT",
        ":SOUR:VOLT:MODE FIX",
        ":SOUR:VOLT:PROT 20",  # 18-81
        ":SOUR:VOLT:RANG 2",
        ":SOUR:VOLT 0",
        ":SENS:FUNC:CONC OFF",
        ':SENS:FUNC "CURR"',
        ":SENS:CURR:PROT 1e-4",  # 18-68; its range is the highest that can be measured on (6-3), so it comes first
        ":SENS:CURR:RANG 1e-4",
        ":SENS:CURR:NPLC 0.01",
        ":SYST:AZER:STAT OFF",
        ":SYST:AZER:STAT ONCE",
        ":SOUR:DEL:AUTO OFF",
        ":SOUR:SWE:CAB NEV",
        ":ARM:COUN 1",
        ":TRIG:DEL 0",
        ":SYST:TIME:RES:AUTO ON",
        ":FORM:ELEM VOLT,CURR,TIME,STAT",
        ":SYST:LFR?",
        ":SOUR:VOLT:RANG?",
        ":SENS:CURR:RANG?",
        ":SENS:CURR:PROT?",
        ":SENS:CURR:NPLC?",
        ":OUTP?",
    ]
    assert [(m.expect, m.tolerance) for m in messages if m.reply] == [
        (50.0, 1e-6),
        (2.0, 0.06),
        (1e-4, 0.06),
        (1e-4, 1e-6),
        (0.01, 1e-6),
        (0.0, 1e-6),
    ]


@pytest.mark.parametrize(("v_peak", "line"), [(20.0, "20"), (20.5, "40"), (160.0, "160")])
def test_overvoltage_step_is_the_smallest_above_the_peak(v_peak, line):
    assert f":SOUR:VOLT:PROT {line}" in texts(DRIVER.prepare(Settings(compliance=1e-4, v_peak=v_peak)))


def test_no_overvoltage_step_above_160_v():
    assert not [t for t in texts(DRIVER.prepare(Settings(compliance=1e-4, v_peak=170))) if "VOLT:PROT" in t]


def test_staircase():
    plan = Plan([0, 0.5, 1, -0.5, 0], np.full(5, 5e-3), np.ones(5))
    messages = DRIVER.play(plan, SETTINGS)
    assert texts(messages) == [
        ":SOUR:VOLT 0",
        ":SOUR:LIST:VOLT 0,0.5,1,-0.5,0",  # 18-91
        ":SOUR:VOLT:MODE LIST",
        ":SOUR:DEL 0.0043",  # 5 ms less 0.01 PLC at 50 Hz (0.2 ms) and 0.5 ms of overhead
        ":TRIG:COUN 5",
        ":SOUR:CLE:AUTO:MODE TCO",  # 18-72: off after the last trigger
        ":SOUR:CLE:AUTO ON",
        ":READ?",
        ":SOUR:CLE:AUTO OFF",
        ":SOUR:VOLT:MODE FIX",
    ]
    assert [m.text for m in messages if m.reply] == [":READ?"]
    assert messages[-3].patience >= plan.total


def test_the_output_is_never_switched_on_by_a_message():
    for message in (*DRIVER.prepare(SETTINGS), *DRIVER.play(Plan.train(1, 1e-3, 2e-3, 3), SETTINGS)):
        assert "OUTP ON" not in message.text and "OUTP 1" not in message.text


def test_a_train_is_a_list_with_its_rests():
    messages = DRIVER.play(Plan.train(1.5, 2e-3, 6e-3, 2, base=-0.1, measure=False), SETTINGS)
    assert texts(messages)[1] == ":SOUR:LIST:VOLT 1.5,-0.1,-0.1,1.5,-0.1,-0.1"
    assert ":SOUR:DEL 0.0013" in texts(messages)


def test_long_lists_are_appended_in_pieces_of_100():
    plan = Plan(np.linspace(-1.5, 1.5, 250), np.full(250, 1e-3), np.ones(250))
    lists = [t for t in texts(DRIVER.play(plan, SETTINGS)) if ":LIST:VOLT" in t]
    assert [t.split()[0] for t in lists] == [":SOUR:LIST:VOLT", ":SOUR:LIST:VOLT:APP", ":SOUR:LIST:VOLT:APP"]
    assert [len(t.split()[1].split(",")) for t in lists] == [100, 100, 50]
    sent = np.concatenate([np.fromstring(t.split()[1], sep=",") for t in lists])
    np.testing.assert_allclose(sent, plan.level, rtol=1e-8)


def test_readings_of_measured_steps_at_their_last_tick():
    plan = Plan([1.0, 0.0, 1.0], [2e-3, 1e-3, 1e-3], [True, False, True])
    # Four ticks of VOLT, CURR, TIME, STAT; bit 3 is compliance (18-47).
    reply = (
        "+1.000000E+00,+1.000000E-06,+1.000000E+02,+1.382800E+04,"
        "+1.000000E+00,+2.000000E-06,+1.000010E+02,+1.382800E+04,"
        "+0.000000E+00,+3.000000E-06,+1.000020E+02,+1.382800E+04,"
        "+1.000000E+00,+1.000000E-04,+1.000030E+02,+1.383600E+04"
    )
    got = DRIVER.parse(plan, SETTINGS, [reply])
    np.testing.assert_array_equal(got.current, [2e-6, 1e-4])
    np.testing.assert_array_equal(got.voltage, [1, 1])
    np.testing.assert_allclose(got.time, [2e-3, 4e-3], atol=1e-9)
    np.testing.assert_array_equal(got.tripped, [False, True])


def test_an_overflow_at_the_limit_is_the_limit():
    got = DRIVER.parse(Plan([-1.0], [1e-3], [True]), SETTINGS, ["-1.0,9.9E37,0.0,8"])
    assert got.current[0] == -1e-4 and got.tripped[0]


def test_an_overflow_off_the_limit_is_a_contradiction():
    with pytest.raises(ProtocolError, match=r"reading 1 of 1 exceeds the measure range"):
        DRIVER.parse(Plan([1.0], [1e-3], [True]), SETTINGS, ["1.0,9.9E37,0.0,0"])


def test_a_missing_reading_is_refused():
    with pytest.raises(ProtocolError, match="no current there"):
        DRIVER.parse(Plan([1.0], [1e-3], [True]), SETTINGS, ["1.0,9.91E37,0.0,8"])


@pytest.mark.parametrize(
    ("reply", "message"),
    [("1.0,1e-6,0.0", "answers 3 values"), ("1.0,half,0.0,0", "'half', not a number"), ("", "'', not a number")],
)
def test_answers_that_are_no_readings(reply, message):
    with pytest.raises(ProtocolError, match=message):
        DRIVER.parse(Plan([1.0], [1e-3], [True]), SETTINGS, [reply])


def test_a_tick_shorter_than_a_cycle_is_refused():
    with pytest.raises(LimitError, match=r"a source-delay-measure cycle takes 0\.0205 s"):
        DRIVER.play(Plan([1.0], [1e-3], [True]), Settings(compliance=1e-4, v_peak=1.5, nplc=1))


def test_errors():
    assert DRIVER.parse_error('0,"No error"') is None
    assert DRIVER.parse_error('-222,"Parameter data out of range"') == (-222, "Parameter data out of range")
    assert DRIVER.parse_error('+824,"Cannot exceed compliance range"') == (824, "Cannot exceed compliance range")
    with pytest.raises(ProtocolError, match="error queue"):
        DRIVER.parse_error("KEITHLEY")


def test_off_from_any_state():
    assert DRIVER.off == (":ABOR", ":OUTP OFF", ":SOUR:CLE:AUTO OFF", ":SOUR:VOLT:MODE FIX", ":SOUR:VOLT 0")
