"""What the drivers of the 2450 and 2460 send and understand; pages of 2450-901-01 Rev B, or 2461-901-01 Rev A."""

import numpy as np
import pytest

from hil.limits import LimitError
from instruments.link.errors import ProtocolError, TimingError
from instruments.plan import Plan
from instruments.smu.driver import ChannelSettings
from instruments.smu.k2450 import K2450, K2460, Keithley2450

DRIVER = Keithley2450(K2450)
SETTINGS = ChannelSettings(compliance=1e-4, v_peak=1.5)

STANDING = (
    "SOUR:FUNC?;:SENS:FUNC?;:SENS:CURR:RSEN?;:SOUR:VOLT:RANG?;:SOUR:VOLT:RANG:AUTO?;:SENS:CURR:RANG?;"
    ":SENS:CURR:RANG:AUTO?;:SOUR:VOLT:ILIM?;:SENS:CURR:NPLC?;:SYST:LFR?;:OUTP?"
)
"""All that protects the sample, in one line, before every train."""

BEFORE = f'{STANDING};:TRAC:ACT? "defbuffer1"'
"""... and the buffer must be empty."""


def texts(messages):
    return [m.text for m in messages]


def test_the_language_is_asked_for_first():
    (question,) = DRIVER.identify()
    assert (question.text, question.expect) == ("*LANG?", "SCPI")


def test_set_up_with_the_output_off():
    messages = DRIVER.prepare(SETTINGS)
    assert texts(messages) == [
        "OUTP OFF",
        "*RST",
        "SOUR:FUNC VOLT",
        'SENS:FUNC "CURR"',
        "OUTP:VOLT:SMOD NORM",  # 6-31
        "SENS:CURR:RSEN OFF",
        "SOUR:VOLT:RANG 2",
        "SENS:CURR:RANG 1e-4",  # before the limit, which it would move (2-100, 6-71)
        "SOUR:VOLT 0",
        "SOUR:VOLT:ILIM 1e-4",
        "SOUR:VOLT:DEL 0",
        "SOUR:VOLT:READ:BACK OFF",
        "SENS:CURR:NPLC 0.01",
        "SENS:CURR:AZER OFF",
        "SENS:AZER:ONCE",
        STANDING,
    ]
    assert [m.expect for m in messages[-1].parts] == [
        "VOLT|VOLTAGE", "CURR:DC|CURR", 0.0, 2.0, 0.0, 1e-4, 0.0, 1e-4, 0.01, 50.0, 0.0,
    ]  # fmt: skip


def test_terminals_come_after_the_reset_and_are_read_back():
    messages = DRIVER.prepare(ChannelSettings(compliance=1e-4, v_peak=1.5, terminals="rear"))
    assert texts(messages)[1:3] == ["*RST", "ROUT:TERM REAR"]  # 6-35: a reset brings the front ones back
    assert "ROUT:TERM?" in [part.text for part in messages[-1].parts]


@pytest.mark.parametrize(("v_peak", "step"), [(1.5, 2), (2.0, 2), (3.0, 5), (5.0, 5), (150.0, 160)])
def test_four_wires_have_the_lowest_overvoltage_step_at_or_above_the_peak(v_peak, step):
    messages = DRIVER.prepare(ChannelSettings(compliance=1e-4, v_peak=v_peak, four_wire=True, overvoltage=step))
    assert f"SOUR:VOLT:PROT PROT{step}" in texts(messages)  # 2461 8-189
    assert ("SOUR:VOLT:PROT?", f"PROT{step}") in [(part.text, part.expect) for part in messages[-1].parts]


@pytest.mark.parametrize(("v_peak", "step"), [(1.5, 2), (3.0, 5), (190.0, 200)])
def test_four_wires_beyond_what_the_sample_may_see_are_refused_unless_accepted(v_peak, step):
    with pytest.raises(LimitError, match=f"raise the voltage to {step} V, beyond v_max = .*overvoltage={step}"):
        DRIVER.prepare(ChannelSettings(compliance=1e-4, v_peak=v_peak, four_wire=True, overvoltage=step - 0.1))


def test_ranges_hold_what_is_asked():
    sent = texts(DRIVER.prepare(ChannelSettings(compliance=1.1e-4, v_peak=2.5)))
    assert "SOUR:VOLT:RANG 20" in sent and "SENS:CURR:RANG 1e-3" in sent and "SOUR:VOLT:ILIM 1.1e-4" in sent


def test_staircase():
    plan = Plan([0, 0.5, -1.5], np.full(3, 2e-3), np.ones(3))
    messages = DRIVER.play(plan, SETTINGS)
    assert texts(messages) == [
        "SOUR:VOLT 0",
        "SOUR:LIST:VOLT 0,0.5,-1.5",  # 2461 6-101
        'SOUR:SWE:VOLT:LIST 1,0.00135,1,OFF,"defbuffer1"',  # 2461 6-128; 2 ms less 0.2 ms and 0.45 ms
        'TRAC:CLE "defbuffer1"',  # 2450 6-161
        BEFORE,
        "INIT",
        "*OPC?",
        'TRAC:ACT? "defbuffer1"',
        'TRAC:DATA? 1,3,"defbuffer1",SOUR,READ,REL,SOURSTAT',  # 2461 6-161
    ]
    assert messages[-2].expect == 3 and messages[-3].patience == pytest.approx(plan.total)


def test_measured_pulses_run_on_two_timers():
    assert texts(DRIVER.play(Plan.train(-1.2, 1e-3, 10e-3, 50, base=0.1), SETTINGS)) == [
        "SOUR:VOLT 0",
        "SOUR:LIST:VOLT -1.2,0.1",
        'TRIG:LOAD "Empty"',  # 2461 6-225
        "TRIG:TIM1:STAT OFF",  # 2461 6-242: a timer is disabled before it is changed
        "TRIG:TIM1:DEL 0.01",
        "TRIG:TIM1:COUN 50",
        "TRIG:TIM1:STAR:STIM NOT1",  # 2461 6-241
        "TRIG:TIM1:STAR:GEN ON",  # 2461 6-239
        "TRIG:TIM1:STAT ON",
        "TRIG:TIM2:STAT OFF",
        "TRIG:TIM2:DEL 1e-3",
        "TRIG:TIM2:COUN 1",
        "TRIG:TIM2:STAR:STIM TIM1",
        "TRIG:TIM2:STAR:GEN OFF",
        "TRIG:TIM2:STAT ON",
        'TRIG:BLOC:BUFF:CLE 1, "defbuffer1"',
        "TRIG:BLOC:SOUR:STAT 2, ON",  # 6-147, at 0 V
        'TRIG:BLOC:MEAS 3, "defbuffer1"',  # 2461 6-204; all other readings are dated to it
        "TRIG:BLOC:NOT 4, 1",  # 6-146
        "TRIG:BLOC:WAIT 5, TIM1",  # 6-148
        'TRIG:BLOC:CONF:REC 6, "VoltCustomSweepList", 1',  # 2461 6-198
        "TRIG:BLOC:DEL:CONS 7, 3.5e-4",  # 2461 6-199; 1 ms less 0.2 ms and 0.45 ms
        'TRIG:BLOC:MEAS 8, "defbuffer1"',
        "TRIG:BLOC:WAIT 9, TIM2",
        'TRIG:BLOC:CONF:REC 10, "VoltCustomSweepList", 2',
        "TRIG:BLOC:BRAN:COUN 11, 50, 5",
        "TRIG:BLOC:DEL:CONS 12, 9e-3",
        "TRIG:BLOC:SOUR:STAT 13, OFF",
        'TRAC:CLE "defbuffer1"',
        BEFORE,
        "INIT",
        "*OPC?",
        'TRAC:ACT? "defbuffer1"',
        'TRAC:DATA? 1,51,"defbuffer1",SOUR,READ,REL,SOURSTAT',
    ]


def test_unmeasured_pulses_are_timed_by_a_reading_at_either_end():
    sent = texts(DRIVER.play(Plan.train(1.5, 1e-3, 2e-3, 1000, measure=False), SETTINGS))
    assert [t for t in sent if "BLOC" in t][2:] == [
        'TRIG:BLOC:MEAS 3, "defbuffer1"',
        "TRIG:BLOC:NOT 4, 1",
        "TRIG:BLOC:WAIT 5, TIM1",
        'TRIG:BLOC:CONF:REC 6, "VoltCustomSweepList", 1',
        "TRIG:BLOC:WAIT 7, TIM2",
        'TRIG:BLOC:CONF:REC 8, "VoltCustomSweepList", 2',
        "TRIG:BLOC:BRAN:COUN 9, 1000, 5",
        "TRIG:BLOC:DEL:CONS 10, 1e-3",
        'TRIG:BLOC:MEAS 11, "defbuffer1"',
        "TRIG:BLOC:SOUR:STAT 12, OFF",
    ]
    assert sent[-1] == 'TRAC:DATA? 1,2,"defbuffer1",SOUR,READ,REL,SOURSTAT'


def test_a_single_tick_is_two_so_that_it_can_be_timed():
    """Halves, where they are long enough for a measurement; else it goes on at 0 V."""
    long, short = Plan([1.0], [2e-3], [True]), Plan([1.0], [1e-3], [True])
    assert texts(DRIVER.play(long, SETTINGS))[1:3] == [
        "SOUR:LIST:VOLT 1,1",
        'SOUR:SWE:VOLT:LIST 1,3.5e-4,1,OFF,"defbuffer1"',
    ]
    assert texts(DRIVER.play(short, SETTINGS))[1:3] == [
        "SOUR:LIST:VOLT 1,0",
        'SOUR:SWE:VOLT:LIST 1,3.5e-4,1,OFF,"defbuffer1"',
    ]
    assert DRIVER.margins(long, SETTINGS) == (0.0, 0.0) and DRIVER.margins(short, SETTINGS) == (0.0, 1e-3)
    for plan, second, current in ((long, "1,2E-06", 2e-6), (short, "0,0", 3e-6)):
        got = DRIVER.parse(plan, SETTINGS, ["1", f"1,3E-06,0,128,{second},0.001,128"])
        assert got.current.tolist() == [current] and got.time.tolist() == [plan.total]
        with pytest.raises(TimingError, match=r"the 2450 took 0\.005 s up to reading 2, 0\.001 s were asked for"):
            DRIVER.parse(plan, SETTINGS, ["1", f"1,3E-06,0,128,{second},0.005,128"])


def test_the_last_block_switches_the_output_off():
    blocks = [t for t in texts(DRIVER.play(Plan.train(1, 1e-3, 2e-3, 5), SETTINGS)) if "BLOC" in t]
    assert blocks[-1].endswith("OFF") and "SOUR:STAT" in blocks[-1]
    assert len(blocks) < 15  # the maker's advice for a trigger model (2461, p. 299 of the file)


def test_long_lists_are_appended_in_pieces_of_100():
    plan = Plan(np.linspace(-1, 1, 201), np.full(201, 1e-3), np.ones(201))
    lists = [t for t in texts(DRIVER.play(plan, SETTINGS)) if "LIST:VOLT" in t]
    assert [t.split()[0] for t in lists] == ["SOUR:LIST:VOLT", "SOUR:LIST:VOLT:APP", "SOUR:LIST:VOLT:APP"]
    assert [len(t.split()[1].split(",")) for t in lists] == [100, 100, 1]


def test_readings_of_a_sweep():
    plan = Plan([0.5, 0.0, 0.5], [2e-3, 1e-3, 1e-3], [True, False, True])
    reply = "0.5,1E-06,0.0,128,0.5,2E-06,0.001,128,0,3E-09,0.002,128,0.5,1.0001E-04,0.003,160"
    got = DRIVER.parse(plan, SETTINGS, ["1", reply])
    np.testing.assert_array_equal(got.current, [2e-6, 1.0001e-4])
    np.testing.assert_array_equal(got.voltage, [0.5, 0.5])
    np.testing.assert_allclose(got.time, [2e-3, 4e-3])
    np.testing.assert_array_equal(got.tripped, [False, True])  # bit 5, STAT_LIMIT


def test_readings_of_pulses():
    got = DRIVER.parse(Plan.train(1, 1e-3, 2e-3, 2), SETTINGS, ["1", "0,0,0,128,1,2E-06,1e-3,128,1,9.9E+37,3e-3,160"])
    np.testing.assert_array_equal(got.current, [2e-6, np.nan])  # beyond the range, which holds the limit
    np.testing.assert_array_equal(got.tripped, [False, True])
    np.testing.assert_allclose(got.time, [1e-3, 3e-3])


def test_pulses_that_were_longer_than_asked_are_no_answer():
    """The reading in a pulse ends with it: one that comes 2 ms later had a pulse of 3 ms."""
    reply = "0,0,0,128,1,2E-06,3e-3,128,1,2E-6,5e-3,128"
    with pytest.raises(TimingError, match=r"took 0\.003 s up to reading 1, 0\.001 s were asked for"):
        DRIVER.parse(Plan.train(1, 1e-3, 2e-3, 2), SETTINGS, ["1", reply])
    silent = Plan.train(1, 1e-3, 2e-3, 2, measure=False)
    assert len(DRIVER.parse(silent, SETTINGS, ["1", "0,0,0,128,0,0,4.65e-3,128"]).current) == 0
    with pytest.raises(TimingError, match=r"took 0\.009 s up to reading 1, 0\.00465 s"):
        DRIVER.parse(silent, SETTINGS, ["1", "0,0,0,128,0,0,9e-3,128"])


def test_nothing_measured_is_nothing_read():
    plan = Plan.train(1, 1e-3, 2e-3, 2, measure=False)
    got = DRIVER.parse(plan, SETTINGS, ["1", "0,0,0,128,0,0,4.65e-3,128"])
    assert got.current.shape == got.voltage.shape == got.time.shape == got.tripped.shape == (0,)


def test_too_few_readings_are_refused():
    with pytest.raises(ProtocolError, match="answers 8 values, 3 readings of 4"):
        DRIVER.parse(Plan.train(1, 1e-3, 2e-3, 2), SETTINGS, ["1", "0,0,0,128,1,2E-06,1e-3,128"])


def test_a_measurement_must_fit_into_the_pulse():
    with pytest.raises(LimitError, match=r"a measurement within the pulse takes 0\.02045 s"):
        DRIVER.play(Plan.train(1, 1e-3, 2e-3, 2), ChannelSettings(compliance=1e-4, v_peak=1.5, nplc=1))


def test_power_envelope():
    with pytest.raises(LimitError, match=r"compliance 0\.5 A: up to 200 V a 2450 gives 0\.1 A at most, v_peak is 30 V"):
        DRIVER.prepare(ChannelSettings(compliance=0.5, v_peak=30))
    assert Keithley2450(K2460).prepare(ChannelSettings(compliance=0.5, v_peak=30))


def test_errors():
    reply = '-109,"Missing parameter;1;2015/05/06 12:55:33.648"'  # 2461 6-151
    assert DRIVER.parse_error(reply) == (-109, "Missing parameter")
    assert DRIVER.parse_error('0,"No error;0;0 0"') is None
