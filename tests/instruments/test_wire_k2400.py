"""What the driver of the 2400 sends and understands; pages are those of 2400S-900-01 Rev K."""

from dataclasses import replace

import numpy as np
import pytest

from hil.limits import LimitError
from instruments.link.errors import ProtocolError, TimingError
from instruments.plan import Plan
from instruments.smu.driver import ChannelSettings
from instruments.smu.k2400 import K2400, Keithley2400

DRIVER = Keithley2400(K2400)
SETTINGS = ChannelSettings(compliance=1e-4, v_peak=1.5)

STANDING = (
    ":SOUR:FUNC?;:SENS:FUNC?;:SYST:RSEN?;:SOUR:VOLT:PROT?;:SOUR:VOLT:RANG?;:SOUR:VOLT:RANG:AUTO?;:SENS:CURR:RANG?;"
    ":SENS:CURR:RANG:AUTO?;:SENS:CURR:PROT?;:SENS:CURR:NPLC?;:SYST:LFR?;:OUTP?"
)
"""All that protects the sample, in one line, before every train."""


def texts(messages):
    return [m.text for m in messages]


def test_set_up_with_the_output_off():
    settings = ChannelSettings(compliance=1e-4, v_peak=1.5, four_wire=True, terminals="rear", overvoltage=20)
    messages = DRIVER.prepare(settings)
    assert texts(messages) == [
        ":OUTP OFF",  # 18-55
        "*RST",
        ":ROUT:TERM REAR",  # 18-54; the front ones after *RST (16-4)
        ":SOUR:CLE:AUTO OFF",  # 18-72: a trigger must not switch the output on
        ":OUTP:SMOD NORM",  # 18-57: HIMP would wear the relay
        ":SYST:RSEN ON",  # 18-104
        ":SOUR:FUNC VOLT",
        ":SOUR:VOLT:MODE FIX",
        ":SOUR:VOLT:PROT 20",  # 18-81
        ":SOUR:VOLT:RANG 2",
        ":SOUR:VOLT 0",
        ":SOUR:SWE:RANG FIX",  # 18-18: BEST would choose a range for the list
        ":SENS:FUNC:CONC OFF",
        ':SENS:FUNC "CURR"',
        ":SENS:CURR:RANG 1e-6",  # a limit below 0.1 % of the range, 100 uA after *RST, is refused (18-68)
        ":SENS:CURR:PROT 1e-4",  # 18-68; its range is the highest that can be measured on (6-3), so it comes first
        ":SENS:CURR:RANG 1e-4",
        ":SENS:CURR:NPLC 0.01",
        ":SYST:AZER:STAT OFF",
        ":SYST:AZER:STAT ONCE",
        ":SOUR:DEL:AUTO OFF",
        ":SOUR:SWE:CAB NEV",
        ":ARM:COUN 1",
        ":TRIG:DEL 0",
        ":SYST:TIME:RES:AUTO ON",  # 18-116: stamps count from when a train leaves idle
        ":FORM:ELEM VOLT,CURR,TIME,STAT",
        STANDING.replace(":SYST:RSEN?", ":ROUT:TERM?;:SYST:RSEN?"),
    ]
    assert [(m.expect, m.tolerance) for m in messages[-1].parts] == [
        ("VOLT|VOLTAGE", 1e-6),
        ("CURR:DC|CURR", 1e-6),
        ("REAR|REAR", 1e-6),
        (1.0, 1e-6),
        (20.0, 0.06),
        (2.0, 0.06),
        (0.0, 1e-6),
        (1e-4, 0.06),
        (0.0, 1e-6),
        (1e-4, 1e-6),
        (0.01, 1e-6),
        (50.0, 1e-6),
        (0.0, 1e-6),
    ]


def test_limits_below_100_na():
    sent = texts(DRIVER.prepare(ChannelSettings(compliance=5e-8, v_peak=1.5)))
    at = sent.index(":SENS:CURR:PROT 5e-8")
    assert sent[at - 1] == ":SENS:CURR:RANG 1e-6" and sent[at + 1] == ":SENS:CURR:RANG 1e-6"


def test_four_wires_below_the_lowest_overvoltage_step_are_refused_unless_accepted():
    with pytest.raises(LimitError, match=r"raise the voltage to 20 V, beyond v_max = 1\.5 V.*overvoltage=20"):
        DRIVER.prepare(ChannelSettings(compliance=1e-4, v_peak=1.5, four_wire=True))
    assert DRIVER.prepare(ChannelSettings(compliance=1e-4, v_peak=20, four_wire=True))


@pytest.mark.parametrize(("v_peak", "line"), [(20.0, "20"), (20.5, "40"), (160.0, "160")])
def test_overvoltage_step_is_the_smallest_above_the_peak(v_peak, line):
    assert f":SOUR:VOLT:PROT {line}" in texts(DRIVER.prepare(ChannelSettings(compliance=1e-4, v_peak=v_peak)))


def test_no_overvoltage_step_above_160_v():
    assert not [t for t in texts(DRIVER.prepare(ChannelSettings(compliance=1e-4, v_peak=170))) if "VOLT:PROT" in t]


def test_staircase():
    plan = Plan([0, 0.5, 1, -0.5, 0], np.full(5, 5e-3), np.ones(5))
    messages = DRIVER.play(plan, SETTINGS)
    assert texts(messages) == [
        ":SOUR:VOLT 0",
        ":SOUR:LIST:VOLT 0,0.5,1,-0.5,0",  # 18-91
        ":SOUR:VOLT:MODE LIST",
        ":SOUR:DEL 4e-3",  # 5 ms less 0.01 PLC at 50 Hz (0.2 ms) and 0.8 ms of overhead
        ":TRIG:COUN 5",
        ":SOUR:CLE:AUTO:MODE TCO",  # 18-72: off after the last trigger
        ":SOUR:CLE:AUTO ON",
        ":DISP:ENAB OFF",  # 18-23: the display costs time
        STANDING,
        ":READ?",
        ":SOUR:CLE:AUTO OFF",
        ":SOUR:VOLT:MODE FIX",
        ":DISP:ENAB ON",
    ]
    assert [m.text for m in messages if m.reply] == [STANDING, ":READ?"]
    assert messages[-4].patience >= plan.total


def test_the_output_is_never_switched_on_by_a_message():
    for message in (*DRIVER.prepare(SETTINGS), *DRIVER.play(Plan.train(1, 1e-3, 2e-3, 3), SETTINGS)):
        assert "OUTP ON" not in message.text and "OUTP 1" not in message.text


def test_a_train_is_a_list_with_its_rests():
    messages = DRIVER.play(Plan.train(1.5, 2e-3, 6e-3, 2, base=-0.1, measure=False), SETTINGS)
    assert texts(messages)[1] == ":SOUR:LIST:VOLT 1.5,-0.1,-0.1,1.5,-0.1,-0.1"
    assert ":SOUR:DEL 1e-3" in texts(messages)


def test_long_lists_are_appended_in_pieces_of_100():
    plan = Plan(np.linspace(-1.5, 1.5, 250), np.full(250, 1e-3), np.ones(250))
    lists = [t for t in texts(DRIVER.play(plan, SETTINGS)) if ":LIST:VOLT" in t]
    assert [t.split()[0] for t in lists] == [":SOUR:LIST:VOLT", ":SOUR:LIST:VOLT:APP", ":SOUR:LIST:VOLT:APP"]
    assert [len(t.split()[1].split(",")) for t in lists] == [100, 100, 50]
    sent = np.concatenate([np.fromstring(t.split()[1], sep=",") for t in lists])
    np.testing.assert_allclose(sent, plan.level, rtol=1e-8)


def test_readings_of_measured_steps_at_their_last_tick():
    plan = Plan([1.0, 0.0, 1.0], [2e-3, 1e-3, 1e-3], [True, False, True])
    # Four ticks of VOLT, CURR, TIME, STAT; bit 3 is compliance (18-47), stamps have 1 ms (9-5).
    reply = (
        "+1.000000E+00,+1.000000E-06,+1.000000E-03,+1.382800E+04,"
        "+1.000000E+00,+2.000000E-06,+2.000000E-03,+1.382800E+04,"
        "+0.000000E+00,+3.000000E-06,+3.000000E-03,+1.382800E+04,"
        "+1.000000E+00,+1.000000E-04,+4.000000E-03,+1.383600E+04"
    )
    got = DRIVER.parse(plan, SETTINGS, [reply])
    np.testing.assert_array_equal(got.current, [2e-6, 1e-4])
    np.testing.assert_array_equal(got.voltage, [1, 1])
    np.testing.assert_allclose(got.time, [2e-3, 4e-3], atol=1e-9)
    np.testing.assert_array_equal(got.tripped, [False, True])


@pytest.mark.parametrize("current", ["9.9E37", "9.91E37", "-9.91E37", "1.07E-4", "NaN"])
def test_an_overflow_is_told_by_its_bit_whatever_the_number_and_costs_one_reading(current):
    """7-2 says 9.91E+37 for it, SCPI-99 9.9E+37; the status word has bit 0, OFLO (18-47)."""
    plan = Plan([-1.0, 1.0], [2e-3, 2e-3], [True, True])
    got = DRIVER.parse(plan, SETTINGS, [f"-1.0,{current},0.002,9,1.0,2e-6,0.004,0"])
    assert np.isnan(got.current[0]) and got.tripped[0]
    assert got.current[1] == 2e-6 and not got.tripped[1]


@pytest.mark.parametrize("current", ["9.9E37", "9.91E37"])
def test_what_is_no_current_is_never_one(current):
    got = DRIVER.parse(Plan([1.0], [1e-3], [True]), SETTINGS, [f"1.0,{current},0.001,0"])
    assert np.isnan(got.current[0]) and got.tripped[0]


@pytest.mark.parametrize(
    ("stamps", "place"),
    [
        ((6e-3, 8e-3), "0.006 s up to reading 1"),
        ((2e-3, 8e-3), "0.006 s up to reading 2"),
        ((0, 0), "0 s up to reading 1"),
    ],
)
def test_steps_of_another_length_are_no_answer(stamps, place):
    plan = Plan([1.0, 0.5], [2e-3, 2e-3], [True, True])
    reply = ",".join(f"{v},1e-6,{t},0" for v, t in zip(plan.level, stamps, strict=True))
    with pytest.raises(TimingError, match=f"the 2400 took {place}, 0.002 s were asked for"):
        DRIVER.parse(plan, SETTINGS, [reply])
    assert DRIVER.parse(plan, replace(SETTINGS, time_tolerance=5.0), [reply]).time == pytest.approx(stamps, abs=2.1e-3)


def test_another_list_than_was_sent_is_no_answer():
    with pytest.raises(ProtocolError, match=r"reading 2 is of a source at 0\.4 V, not at 0\.5 V"):
        DRIVER.parse(Plan([1.0, 0.5], [2e-3, 2e-3], [True, True]), SETTINGS, ["1,1e-6,0.002,0,0.4,1e-6,0.004,0"])


@pytest.mark.parametrize("status", ["nan", "-1", "1e999"])
def test_a_status_that_is_none(status):
    with pytest.raises(ProtocolError, match="is no status word"):
        DRIVER.parse(Plan([1.0], [1e-3], [True]), SETTINGS, [f"1.0,1e-6,0.001,{status}"])


@pytest.mark.parametrize(
    ("reply", "message"),
    [("1.0,1e-6,0.0", "answers 3 values"), ("1.0,half,0.0,0", "'half', not a number"), ("", "'', not a number")],
)
def test_answers_that_are_no_readings(reply, message):
    with pytest.raises(ProtocolError, match=message):
        DRIVER.parse(Plan([1.0], [1e-3], [True]), SETTINGS, [reply])


def test_a_tick_shorter_than_a_cycle_is_refused():
    with pytest.raises(LimitError, match=r"a source-delay-measure cycle takes 0\.0208 s"):
        DRIVER.play(Plan([1.0], [1e-3], [True]), ChannelSettings(compliance=1e-4, v_peak=1.5, nplc=1))


def test_errors():
    assert DRIVER.parse_error('0,"No error"') is None
    assert DRIVER.parse_error('-222,"Parameter data out of range"') == (-222, "Parameter data out of range")
    assert DRIVER.parse_error('+824,"Cannot exceed compliance range"') == (824, "Cannot exceed compliance range")
    for reply in ("KEITHLEY", '1e999,"x"', '-inf,"x"', 'nan,"x"', 'abc,"x"', '-1e300,"x"'):
        with pytest.raises(ProtocolError, match="error queue"):
            DRIVER.parse_error(reply)


def test_off_from_any_state():
    off = (":ABOR", ":OUTP OFF", ":SOUR:CLE:AUTO OFF", ":SOUR:VOLT:MODE FIX", ":SOUR:VOLT 0", ":DISP:ENAB ON")
    assert DRIVER.off(SETTINGS) == off
