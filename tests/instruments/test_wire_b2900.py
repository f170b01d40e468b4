"""What the driver of the B2900A sends and understands; pages of B2910-90030, the User's Guide (UG) or the B2961A's."""

import numpy as np
import pytest

from hil.limits import LimitError
from instruments.plan import Plan
from instruments.smu.b2900 import B2901A, B2912A, KeysightB2900
from instruments.smu.driver import Settings

DRIVER = KeysightB2900(B2901A)
PAIR = KeysightB2900(B2912A)
SETTINGS = Settings(compliance=1e-4, v_peak=1.5)


def texts(messages):
    return [m.text for m in messages]


def test_set_up_with_the_output_off():
    messages = PAIR.prepare(Settings(compliance=1e-4, v_peak=1.5, four_wire=True, channel=2))
    assert texts(messages) == [
        ":OUTP2 OFF",
        "*RST",
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
        ":SYST:LFR?",
        ":SOUR2:VOLT:RANG?",
        ":SENS2:CURR:RANG?",
        ":SENS2:CURR:PROT?",
        ":SENS2:CURR:NPLC?",
        ":OUTP2:ON:AUTO?",
        ":OUTP2?",
    ]
    assert [m.expect for m in messages if m.reply] == [50.0, 2.0, 1e-4, 1e-4, 0.01, 0.0, 0.0]


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
        ":OUTP1 ON;:INIT:TRAN (@1)",
        "*OPC?",
        ":OUTP1 OFF",
    ]


def test_pulses_from_another_base_are_a_list():
    sent = texts(DRIVER.play(Plan.train(1, 1e-3, 3e-3, 2, base=0.2), SETTINGS))
    assert ":SOUR1:FUNC:SHAP DC" in sent and ":SOUR1:LIST:VOLT 1,0.2,0.2,1,0.2,0.2" in sent


def test_staircase():
    sent = texts(PAIR.play(Plan([0, 0.5, -1], np.full(3, 5e-3), np.ones(3)), Settings(1e-4, 1.5, channel=2)))
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
        "+9.900000E+37,+5.100000E-01,+8.196000E+03,-1.000000E+00"
    )
    plan = Plan([1.0, 0.0, -1.0], np.full(3, 1e-2), [True, False, True])
    values = reply.split(",")
    got = DRIVER.parse(plan, SETTINGS, ["1", ",".join([*values[:4], "0", "0.505", "0", "0", *values[4:]])])
    np.testing.assert_array_equal(got.current, [1e-6, -1e-4])
    np.testing.assert_array_equal(got.voltage, [1, -1])
    np.testing.assert_allclose(got.time, [0.01, 0.02], atol=1e-12)
    np.testing.assert_array_equal(got.tripped, [False, True])


def test_readings_of_pulses_leave_out_the_end():
    reply = "1e-6,0.5,0,1,2e-6,0.51,2,1,3e-9,0.52,0,0"
    got = DRIVER.parse(Plan.train(1, 2e-3, 10e-3, 2), SETTINGS, ["1", reply])
    np.testing.assert_array_equal(got.current, [1e-6, 2e-6])
    np.testing.assert_array_equal(got.tripped, [False, True])


def test_off_names_the_channels_that_there_are():
    assert DRIVER.off == (":ABOR (@1)", ":OUTP1 OFF", ":SOUR1:VOLT 0")
    assert PAIR.off == (":ABOR (@1,2)", ":OUTP1 OFF", ":OUTP2 OFF", ":SOUR1:VOLT 0", ":SOUR2:VOLT 0")


def test_errors():
    assert DRIVER.parse_error('+0,"No error"') is None
    assert DRIVER.parse_error('-222,"Data out of range"') == (-222, "Data out of range")
