"""What is sent to both channels of a B2902A at once; B2910-90030 and the User's Guide, edition 5."""

from dataclasses import replace

import numpy as np
import pytest

from hil.limits import LimitError
from instruments.link.errors import ProtocolError
from instruments.plan import PairPlan
from instruments.smu.b2900 import B2902A, KeysightB2900
from instruments.smu.driver import ChannelSettings

DRIVER = KeysightB2900(B2902A)
ONE = ChannelSettings(compliance=1e-4, v_peak=1.5)
SETTINGS = replace(ONE, second=replace(ONE, channel=2, compliance=1e-3))
READ, NOT = (True, True), (False, False)


def texts(messages):
    return [m.text for m in messages]


def spikes(delay, width=2e-3, measured=True):
    levels, lengths = [(1.0, 0), (1.0, 1.2), (0, 1.2), (0, 0)], [delay, width - delay, delay, 5e-3]
    return PairPlan(levels, lengths, [NOT, (measured, False), (False, measured), NOT])


def test_both_are_reset_once_and_set_up_alike():
    sent = texts(DRIVER.prepare(SETTINGS))
    assert sent[:3] == [":OUTP1 OFF", ":OUTP2 OFF", "*RST"] and sent.count("*RST") == 1
    for c, limit in ((1, "1e-4"), (2, "1e-3")):
        assert f":OUTP{c}:ON:AUTO 0" in sent and f":OUTP{c}:OFF:AUTO 1" in sent
        assert f":SENS{c}:CURR:PROT {limit}" in sent
    assert sent[-1].count(":OUTP") == 4 and ";:OUTP2?" in sent[-1] and ":SOUR1:VOLT:RANG?" in sent[-1]


def test_levels_go_to_0_v_before_any_output_goes_off():
    assert DRIVER.off(SETTINGS) == (":ABOR (@1,2)", ":SOUR1:VOLT 0;:SOUR2:VOLT 0", ":OUTP1 OFF;:OUTP2 OFF")
    assert DRIVER.is_off(SETTINGS).text == ":OUTP1?;:OUTP2?"


def test_a_pair_with_a_delay_is_two_pulse_delays():
    messages = DRIVER.play_pair(spikes(0.37e-3), SETTINGS)
    assert texts(messages) == [
        *channel(1, "1,0", "0", "0.00178"),
        *channel(2, "1.2,0", "3.7e-4", "0.00215"),
        DRIVER.standing(SETTINGS).text,
        ":OUTP1 ON;:OUTP2 ON;:INIT (@1,2)",  # 1-8: one message starts both
        "*OPC?",
        ":OUTP1 OFF;:OUTP2 OFF",
        ":FETC:ARR? (@1)",
        ":FETC:ARR? (@2)",
    ]
    assert messages[-6].last and messages[-4].patience == pytest.approx(7.37e-3)
    assert DRIVER.margins_pair(spikes(0.37e-3), SETTINGS) == (0.0, pytest.approx(2.37e-3))


def channel(c, levels, delay, acquire):
    """UG 6-7: the pulse delay counts from the start of the source action; ACQ:DEL ends before the pulse does."""
    return [
        f":SOUR{c}:VOLT 0",
        f":SOUR{c}:FUNC:SHAP PULS",
        f":SOUR{c}:PULS:DEL {delay}",
        f":SOUR{c}:PULS:WIDT 2e-3",
        f":SOUR{c}:VOLT:MODE LIST",
        f":SOUR{c}:LIST:VOLT {levels}",  # and a pulse of 0 V, so that the last rest is played
        f":TRIG{c}:ALL:SOUR TIM",
        f":TRIG{c}:ALL:TIM 0.00737",
        f":TRIG{c}:ALL:COUN 2",
        f":TRIG{c}:TRAN:DEL 0",
        f":TRIG{c}:ACQ:DEL {acquire}",
    ]


def test_lists_of_both():
    plan = PairPlan([(0, 0.5), (1, 0.5), (1, 0)], [2e-3] * 3, [NOT, READ, READ])
    sent = texts(DRIVER.play_pair(plan, SETTINGS))
    assert ":SOUR1:LIST:VOLT 0,1,1,0" in sent and ":SOUR2:LIST:VOLT 0.5,0.5,0,0" in sent
    assert ":SOUR1:FUNC:SHAP DC" in sent and ":TRIG2:ALL:TIM 2e-3" in sent


def test_a_train_that_is_not_measured_must_leave_the_event_of_both_channels():
    plan = spikes(0.37e-3, measured=False)
    sent = texts(DRIVER.play_pair(plan, SETTINGS))
    assert sent[-4:] == [":OUTP1 ON;:OUTP2 ON;:INIT:TRAN (@1,2)", "*OPC?", ":OUTP1 OFF;:OUTP2 OFF", ":STAT:OPER?"]
    assert len(DRIVER.parse_pair(plan, SETTINGS, ["0", "1", str(2 | 2 << 6)]).current) == 0
    with pytest.raises(ProtocolError, match="was not played on both channels: ':STAT:OPER\\?' answers 2"):
        DRIVER.parse_pair(plan, SETTINGS, ["0", "1", "2"])


def test_readings_of_both():
    replies = ["+1E-6,+5.00200,+0,+1,+0,+5.00937,+0,+0", "-3E-6,+5.00237,+2,+1.2,+0,+5.00974,+0,+0"]
    got = DRIVER.parse_pair(spikes(0.37e-3), SETTINGS, replies)
    np.testing.assert_array_equal(got.current, [[1e-6, np.nan], [np.nan, -3e-6]])
    np.testing.assert_array_equal(got.tripped, [[False, False], [False, True]])
    np.testing.assert_allclose(got.time, [2e-3, 2.37e-3])


def test_both_channels_together_have_a_limit():
    one = ChannelSettings(compliance=2.0, v_peak=5.0)
    DRIVER.prepare(replace(one, second=replace(one, channel=2)))
    two = replace(one, compliance=2.5)
    from instruments.smu.capability import check_channels

    with pytest.raises(LimitError, match="compliance 5 A of both channels: at 5 V a B2902A gives 4 A in all"):
        check_channels(B2902A, replace(two, second=replace(two, channel=2)))
