"""What the driver of the B2900A sends and understands; pages of B2910-90030, the User's Guide (UG) or the B2961A's."""

import re

import numpy as np
import pytest

from hil.limits import LimitError
from instruments.link.errors import ProtocolError
from instruments.plan import Plan
from instruments.smu.b2900 import B2901A, B2912A, KeysightB2900
from instruments.smu.driver import ChannelSettings

DRIVER = KeysightB2900(B2901A)
PAIR = KeysightB2900(B2912A)
SETTINGS = ChannelSettings(compliance=1e-4, v_peak=1.5)

STANDING = (
    ":SOUR1:FUNC:MODE?;:SENS1:FUNC?;:SENS1:REM?;:SOUR1:VOLT:RANG?;:SOUR1:VOLT:RANG:AUTO?;:SENS1:CURR:RANG?;"
    ":SENS1:CURR:RANG:AUTO?;:SENS1:CURR:PROT?;:SENS1:CURR:NPLC?;:FORM:ELEM:SENS?;:OUTP1:ON:AUTO?;:SYST:LFR?;:OUTP1?"
)
"""All that protects the sample, in one line, before every train."""


def on_channel_2(text):
    return re.sub(r"(SOUR|SENS|OUTP)1", r"\g<1>2", text)


def texts(messages):
    return [m.text for m in messages]


def test_set_up_with_the_output_off():
    messages = PAIR.prepare(ChannelSettings(compliance=1e-4, v_peak=1.5, four_wire=True, channel=2, overvoltage=200))
    assert texts(messages) == [
        ":OUTP2 OFF",
        ":ABOR (@2)",  # *RST would reset channel 1 as well
        ":SOUR2:FUNC:SHAP DC",
        ":SOUR2:VOLT:MODE FIX",
        ":ARM2:ALL:SOUR AINT",
        ":ARM2:ALL:COUN 1",
        ":ARM2:ALL:DEL 0",
        ":TRIG2:ALL:DEL 0",
        ":OUTP2:ON:AUTO 0",  # B2961A 4-67: on by default
        ":OUTP2:OFF:AUTO 1",  # B2961A 4-66
        ":OUTP2:OFF:MODE NORM",
        ":OUTP2:PROT 0",  # 4-67: it would switch off at compliance
        ":SOUR2:FUNC:MODE VOLT",
        ":SOUR2:FUNC:TRIG:CONT 0",
        ":SOUR2:VOLT:RANG:AUTO 0",
        ":SOUR2:VOLT:RANG 2",
        ":SOUR2:VOLT 0",
        ":SOUR2:WAIT 0",
        ":SENS2:FUNC:OFF:ALL",
        ':SENS2:FUNC "CURR"',
        ":SENS2:REM 1",
        ":SENS2:WAIT 0",  # B2961A 2-32
        ":SENS2:CURR:RANG:AUTO 0",
        ":SENS2:CURR:RANG 1e-4",
        ":SENS2:CURR:PROT 1e-4",
        ":SENS2:CURR:NPLC 0.01",
        ":FORM:DATA ASC",
        ":FORM:ELEM:SENS CURR,TIME,STAT,SOUR",
        ":SYST:TIME:TIM:COUN:RES:AUTO 0",  # older readings have older stamps
        on_channel_2(STANDING),
    ]
    assert [m.expect for m in messages[-1].parts] == [
        "VOLT|VOLTAGE", "CURR:DC|CURR", 1.0, 2.0, 0.0, 1e-4, 0.0, 1e-4, 0.01, "CURR,TIME,STAT,SOUR", 0.0, 50.0, 0.0,
    ]  # fmt: skip


def test_the_other_channel_is_left_alone_unless_it_is_asked_for():
    own = ChannelSettings(compliance=1e-4, v_peak=1.5, channel=2)
    sent = (*texts(PAIR.prepare(own)), *PAIR.off(own))
    assert not [t for t in sent if re.search(r"(SOUR|SENS|OUTP|TRIG|ARM)1|@1|\*RST", t)]
    whole = ChannelSettings(compliance=1e-4, v_peak=1.5, channel=2, all_channels=True)
    assert texts(PAIR.prepare(whole))[1] == "*RST" and PAIR.off(whole)[0] == ":ABOR (@1,2)"
    assert texts(DRIVER.prepare(SETTINGS))[1] == "*RST"


def test_measured_pulses():
    messages = DRIVER.play(Plan.train(-1.5, 2e-3, 10e-3, 3), SETTINGS)
    assert texts(messages) == [
        ":SOUR1:VOLT 0",
        ":SOUR1:FUNC:SHAP PULS",  # UG 6-7
        ":SOUR1:PULS:DEL 0",
        ":SOUR1:PULS:WIDT 2e-3",
        ":SOUR1:VOLT:MODE LIST",
        ":SOUR1:LIST:VOLT -1.5,-1.5,-1.5,0",  # the rest after the last pulse ends with a trigger
        ":TRIG1:ALL:SOUR TIM",  # UG 6-27
        ":TRIG1:ALL:TIM 0.01",
        ":TRIG1:ALL:COUN 4",
        ":TRIG1:TRAN:DEL 0",
        ":TRIG1:ACQ:DEL 0.00178",  # 2 ms less 0.2 ms of aperture and 20 us
        STANDING,
        ":OUTP1 ON;:INIT (@1)",
        "*OPC?",
        ":OUTP1 OFF",
        ":FETC:ARR? (@1)",
    ]
    assert messages[-3].patience == pytest.approx(0.03)


def test_unmeasured_pulses_down_to_50_us():
    assert texts(DRIVER.play(Plan.train(1, 50e-6, 1e-3, 2, measure=False), SETTINGS)) == [
        ":SOUR1:VOLT 0",
        ":SOUR1:FUNC:SHAP PULS",
        ":SOUR1:PULS:DEL 0",
        ":SOUR1:PULS:WIDT 5e-5",
        ":SOUR1:VOLT:MODE LIST",
        ":SOUR1:LIST:VOLT 1,1,0",
        ":TRIG1:ALL:SOUR TIM",
        ":TRIG1:ALL:TIM 1e-3",
        ":TRIG1:ALL:COUN 3",
        ":TRIG1:TRAN:DEL 0",
        f"{STANDING};:STAT:OPER?",  # forgets the events of the train before
        ":OUTP1 ON;:INIT:TRAN (@1)",
        "*OPC?",
        ":OUTP1 OFF",
        ":STAT:OPER?",
    ]


@pytest.mark.parametrize(("driver", "channel", "idle"), [(DRIVER, 1, 2), (PAIR, 2, 128)])
def test_an_unmeasured_train_leaves_the_event_of_an_idle_channel(driver, channel, idle):
    plan, settings = Plan.train(1, 50e-6, 1e-3, 2, measure=False), ChannelSettings(1e-4, 1.5, channel=channel)
    assert len(driver.parse(plan, settings, ["", "1", str(idle + 16)]).current) == 0
    with pytest.raises(ProtocolError, match="the train was not played"):
        driver.parse(plan, settings, ["", "1", "16"])


def test_pulses_from_another_base_are_a_list():
    sent = texts(DRIVER.play(Plan.train(1, 1e-3, 3e-3, 2, base=0.2), SETTINGS))
    assert ":SOUR1:FUNC:SHAP DC" in sent and ":SOUR1:LIST:VOLT 1,0.2,0.2,1,0.2,0.2" in sent


def test_staircase():
    sent = texts(PAIR.play(Plan([0, 0.5, -1], np.full(3, 5e-3), np.ones(3)), ChannelSettings(1e-4, 1.5, channel=2)))
    assert sent == [
        ":SOUR2:VOLT 0",
        ":SOUR2:FUNC:SHAP DC",
        ":SOUR2:VOLT:MODE LIST",
        ":SOUR2:LIST:VOLT 0,0.5,-1",
        ":TRIG2:ALL:SOUR TIM",
        ":TRIG2:ALL:TIM 5e-3",
        ":TRIG2:ALL:COUN 3",
        ":TRIG2:TRAN:DEL 0",
        ":TRIG2:ACQ:DEL 0.00478",
        on_channel_2(STANDING),
        ":OUTP2 ON;:INIT (@2)",
        "*OPC?",
        ":OUTP2 OFF",
        ":FETC:ARR? (@2)",
    ]


def test_long_lists_are_appended_in_pieces_of_100():
    sent = texts(DRIVER.play(Plan.train(1, 2e-3, 10e-3, 230), SETTINGS))
    lists = [t for t in sent if ":LIST:VOLT" in t]
    assert [t.split()[0] for t in lists] == [":SOUR1:LIST:VOLT", ":SOUR1:LIST:VOLT:APP", ":SOUR1:LIST:VOLT:APP"]
    assert [len(t.split()[1].split(",")) for t in lists] == [100, 100, 31]


def test_measured_steps_have_a_shortest_width_of_their_own():
    with pytest.raises(LimitError, match=r"step 0: 0\.0005 s is too short, a measured step of a B2901A takes 0\.001 s"):
        DRIVER.play(Plan.train(1, 5e-4, 2e-3, 3), SETTINGS)


def test_readings():
    # CURR, TIME, STAT, SOUR; bits 1 and 2 are compliance (table 1-2), 8192 a measurement overflow.
    reply = (
        "+1.000000E-06,+5.000000E-01,+0.000000E+00,+1.000000E+00,"
        "+9.900000E+37,+5.200000E-01,+8.196000E+03,-1.000000E+00"
    )
    plan = Plan([1.0, 0.0, -1.0], np.full(3, 1e-2), [True, False, True])
    values = reply.split(",")
    got = DRIVER.parse(plan, SETTINGS, ["1", ",".join([*values[:4], "0", "0.51", "0", "0", *values[4:]])])
    np.testing.assert_array_equal(got.current, [1e-6, np.nan])
    np.testing.assert_array_equal(got.voltage, [1, -1])
    np.testing.assert_allclose(got.time, [0.01, 0.03], atol=1e-12)
    assert got.stamps == (0.5, 0.52)
    np.testing.assert_array_equal(got.tripped, [False, True])


def test_readings_of_pulses_leave_out_the_end():
    reply = "1e-6,0.5,0,1,2e-6,0.51,2,1,3e-9,0.52,0,0"
    got = DRIVER.parse(Plan.train(1, 2e-3, 10e-3, 2), SETTINGS, ["1", reply])
    np.testing.assert_array_equal(got.current, [1e-6, 2e-6])
    np.testing.assert_array_equal(got.tripped, [False, True])


def test_off_is_the_sessions_own_channel():
    assert DRIVER.off(SETTINGS) == PAIR.off(SETTINGS) == (":ABOR (@1)", ":OUTP1 OFF", ":SOUR1:VOLT 0")


def test_errors():
    assert DRIVER.parse_error('+0,"No error"') is None
    assert DRIVER.parse_error('-222,"Data out of range"') == (-222, "Data out of range")
