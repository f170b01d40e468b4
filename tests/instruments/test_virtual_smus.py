"""The traps and rules of each source-measure unit, as their manuals state them."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.errors import InputError
from instruments.virtual.bench import Bench
from instruments.virtual.catalogue import make, models
from instruments.virtual.dut import Dut

FIXED = "sim:rram?g_min=1e-5&g_max=1e-4"


def set_up(model, uri=FIXED, **options):
    dut = Dut(open_device(uri), **options)
    return dut, make(model, dut)


def send(smu, *messages):
    """Send messages that must be accepted; gives the last answer."""
    answer = None
    for message in messages:
        answer = smu.handle(message)
    error = smu.handle("SYST:ERR?")
    assert error.lstrip("+").startswith("0,"), error
    return answer


def floats(text):
    return [float(word) for word in text.split(",")]


def test_unknown_model_names_the_nearest():
    with pytest.raises(InputError, match="2450"):
        make("2455")


def test_without_a_device_nothing_flows():
    smu = make("2450")
    send(smu, "SOUR:VOLT 1", "OUTP ON")
    assert floats(send(smu, "READ?")) == [0.0]


@pytest.mark.parametrize("model", [m for m in models() if not m.startswith(("26", "70"))])
def test_identity_has_four_fields_and_the_model(model):
    fields = make(model).handle("*IDN?").split(",")
    assert len(fields) == 4 and model in fields[1]


# 2400 ------------------------------------------------------------------------------------------------------------


def test_2400_readings_in_the_fixed_order_of_elements():
    dut, smu = set_up("2400", series=1e3)
    send(smu, ":SOUR:VOLT 0.5", ":SENS:CURR:PROT 1e-3", ":FORM:ELEM STAT,CURR,VOLT", ":OUTP ON")
    volts, amperes, status = floats(send(smu, ":READ?"))
    assert volts == 0.5 and amperes == pytest.approx(0.5 / (1e3 + 1 / dut.truth.conductance[0, 0]), rel=1e-6)
    assert int(status) & 8 == 0
    send(smu, ":SENS:CURR:PROT 1e-6")
    volts, amperes, status = floats(send(smu, ":READ?"))
    assert amperes == pytest.approx(1e-6) and int(status) & 8 and smu.handle(":SENS:CURR:PROT:TRIP?") == "1"


def test_2400_refuses_to_measure_with_the_output_off():
    _, smu = set_up("2400")
    assert smu.handle(":READ?") is None
    assert smu.handle(":SYST:ERR?") == '+803,"Not permitted with OUTPUT off"'


def test_2400_automatic_output_off_pulses_and_ends_off():
    dut, smu = set_up("2400", "sim:rram?alpha=0.01")
    send(smu, ":SOUR:VOLT:MODE LIST", ":SOUR:LIST:VOLT 1.2,1.2,1.2", ":TRIG:COUN 3", ":SENS:CURR:PROT 1e-2")
    send(smu, ":SOUR:CLE:AUTO ON", ":SOUR:CLE:AUTO:MODE TCO", ":INIT")
    assert not smu.output
    assert dut.truth.weights[0, 0] == pytest.approx(0.51), "one stretch above the threshold is one pulse"


def test_2400_list_and_trigger_limits():
    _, smu = set_up("2400")
    hundred = ",".join(["0.1"] * 100)
    smu.handle(f":SOUR:LIST:VOLT {hundred},0.1")
    assert smu.handle(":SYST:ERR?").startswith("-223")
    send(smu, f":SOUR:LIST:VOLT {hundred}", *[f":SOUR:LIST:VOLT:APP {hundred}"] * 24)
    assert send(smu, ":SOUR:LIST:VOLT:POIN?") == "2500"
    smu.handle(":SOUR:LIST:VOLT:APP 0.1")
    assert smu.handle(":SYST:ERR?").startswith("-223")
    send(smu, ":TRIG:COUN 2500")
    smu.handle(":ARM:COUN 2")
    assert smu.handle(":SYST:ERR?").startswith("-222")


def test_2400_has_no_pulse_shape_and_no_range_beyond_compliance():
    _, smu = set_up("2400")
    smu.handle(":SOUR:FUNC:SHAP PULS")
    assert smu.handle(":SYST:ERR?").startswith("-113"), "of the 2430 only (18-72)"
    smu.handle(":SENS:CURR:PROT 1e-4;:SENS:CURR:RANG 1e-2")
    assert smu.handle(":SYST:ERR?").startswith("+824")


def test_2400_over_voltage_protection_limits_the_output():
    dut, smu = set_up("2400", FIXED + "&v_max=50&v_set=40&v_reset=40")
    send(smu, ":SENS:CURR:PROT 1e-1", ":SOUR:VOLT:PROT 15", ":SOUR:VOLT 30", ":OUTP ON", ":FORM:ELEM CURR")
    assert floats(send(smu, ":READ?"))[0] == pytest.approx(20 * dut.truth.conductance[0, 0], rel=1e-6), (
        "next step, 20 V"
    )
    assert smu.handle(":SOUR:VOLT:PROT:TRIP?") == "1" and dut.overstress == 0


def test_2400_overflow_of_a_fixed_range_and_buffer():
    _, smu = set_up("2400")
    send(smu, ":SENS:CURR:PROT 1e-3", ":SENS:CURR:RANG 1e-6", ":SOUR:VOLT 0.5", ":FORM:ELEM CURR", ":TRIG:COUN 3")
    send(smu, ":TRAC:POIN 3;FEED SENS;FEED:CONT NEXT", ":OUTP ON", ":INIT")
    assert floats(send(smu, ":TRAC:DATA?")) == [9.91e37] * 3, "7-2: OVERFLOW is 9.91E+37 via remote"
    send(smu, ":FORM:ELEM STAT")
    assert [int(status) & 1 for status in floats(send(smu, ":TRAC:DATA?"))] == [1] * 3


def test_2400_limit_below_a_thousandth_of_the_measure_range_needs_the_range_first():
    """18-68: not allowed; after *RST the range is 100 uA."""
    _, smu = set_up("2400")
    smu.handle(":SENS:CURR:PROT 5e-8")
    assert smu.handle(":SYST:ERR?").startswith("-222") and float(smu.handle(":SENS:CURR:PROT?")) == 105e-6
    send(smu, ":SENS:CURR:PROT 1e-7", ":SENS:CURR:RANG 1e-6", ":SENS:CURR:PROT 5e-8")
    assert float(send(smu, ":SENS:CURR:PROT?")) == 5e-8


# 2450 ------------------------------------------------------------------------------------------------------------


def test_2450_limit_below_a_thousandth_of_the_range_is_moved_with_a_warning():
    _, smu = set_up("2450")
    send(smu, "SENS:CURR:RANG 1e-2")
    smu.handle("SOUR:VOLT:ILIM 1e-6")
    assert float(smu.handle("SOUR:VOLT:ILIM?")) == pytest.approx(1e-5)
    code, text = smu.handle("SYST:ERR?").split(",", 1)
    assert int(code) > 0 and text.split(";")[1] == "2", "a warning, no error"


def test_2450_fixed_source_range_refuses_a_higher_level():
    _, smu = set_up("2450")
    send(smu, "SOUR:VOLT:RANG 2")
    smu.handle("SOUR:VOLT 3")
    assert smu.handle("SYST:ERR?").startswith("-222") and float(smu.handle("SOUR:VOLT?")) == 0


def test_2450_overflow_and_list_limits():
    _, smu = set_up("2450")
    send(smu, "SENS:CURR:RANG 1e-6", "SOUR:VOLT 0.5", "OUTP ON")
    assert floats(send(smu, "READ?")) == [9.9e37]
    smu.handle("SOUR:LIST:VOLT " + ",".join(["0"] * 101))
    assert smu.handle("SYST:ERR?").startswith("-223")
    send(smu, "SOUR:LIST:VOLT 0,1")
    smu.handle('SOUR:SWE:VOLT:LIST 1, 20e-6, 1, OFF, "defbuffer1"')
    assert smu.handle("SYST:ERR?").startswith("-222"), "delays are 0 or 50 us and more"
    smu.handle("TRAC:DATA? 1, 2")
    assert smu.handle("SYST:ERR?").startswith("-222"), "there is one reading"


def test_2450_in_another_language_understands_nothing_but_the_question():
    smu = make("2450", language="TSP")
    assert smu.handle("*LANG?") == "TSP" and smu.handle("OUTP ON") is None and not smu.output


def test_2450_wait_for_an_event_that_never_comes_can_be_aborted():
    _, smu = set_up("2450")
    send(smu, "TRIG:BLOC:SOUR:STAT 1, ON", "TRIG:BLOC:WAIT 2, NOT1", "INIT")
    assert smu.handle("TRIG:STAT?") == "WAITING;WAITING;2" and smu.output
    assert smu.handle("*OPC?") is None, "it is not complete"
    smu.handle("INIT")
    assert smu.handle("SYST:ERR?").startswith("-213")
    send(smu, "ABOR")
    assert smu.handle("*OPC?") == "1" and smu.output, "abort leaves the output as it is"


def test_2450_write_verify_inside_the_instrument():
    """BRANch:LIMit:CONStant stops a train of set pulses once the read current is inside its window (6-139)."""
    dut, smu = set_up("2450", "sim:rram?alpha=0.01&g_min=1e-5&g_max=1e-4&w0=0")
    target = 0.2 * 4e-5
    send(
        smu, "SOUR:VOLT:ILIM 1e-3", "SENS:CURR:NPLC 0.01", "SOUR:LIST:VOLT 1.1,0.2", 'TRIG:LOAD "Empty"',
        'TRIG:BLOC:CONF:REC 1, "VoltCustomSweepList", 1', "TRIG:BLOC:SOUR:STAT 2, ON", "TRIG:BLOC:DEL:CONS 3, 1e-3",
        'TRIG:BLOC:CONF:REC 4, "VoltCustomSweepList", 2', 'TRIG:BLOC:MEAS 5, "defbuffer1"',
        f"TRIG:BLOC:BRAN:LIM:CONS 6, ABOV, 0, {target}, 9", 'TRIG:BLOC:CONF:REC 7, "VoltCustomSweepList", 1',
        "TRIG:BLOC:BRAN:ALW 8, 3", "TRIG:BLOC:SOUR:STAT 9, OFF", "INIT",
    )  # fmt: skip
    assert not smu.output
    pulses = int(send(smu, "TRAC:ACT?"))
    assert pulses == int(np.floor((4e-5 - 1e-5) / 9e-5 / 0.01)) + 1
    assert dut.truth.weights[0, 0] == pytest.approx(0.01 * pulses)


# 2461 ------------------------------------------------------------------------------------------------------------


def test_2461_train_has_exact_durations():
    dut, smu = set_up("2461")
    send(smu, "SOUR:VOLT:READ:BACK OFF", "SENS:CURR:NPLC 0.01;AZER OFF", "SOUR:VOLT:ILIM 1e-3")
    send(smu, 'SOUR:PULS:TR:VOLT 0,0.5,1e-3,50,ON,"defbuffer1",0.02,4e-3,1e-3,1e-3,OFF', "INIT")
    assert dut.clock == pytest.approx(0.02 + 50 * 5e-3, rel=1e-12) and not smu.output
    values = np.reshape(floats(send(smu, 'TRAC:DATA? 1,50,"defbuffer1",REL,READ')), (50, 2))
    np.testing.assert_allclose(values[:, 0], 5e-3 * np.arange(50), atol=1e-9)
    np.testing.assert_allclose(values[:, 1], 0.5 * dut.truth.conductance[0, 0], rtol=1e-6)


@pytest.mark.parametrize(
    "message, code",
    [
        ("SOUR:PULS:TRA:VOLT 0,1,1e-3,1", -113),
        ('SOUR:PULS:TR:VOLT 0,1,100e-6,1,OFF,"defbuffer1",0,1e-3', -222),
        ('SOUR:PULS:TR:VOLT 0,1,1,1,OFF,"defbuffer1",0,1e-6', -222),
        ('SOUR:PULS:TR:VOLT 0,1,2e-3,1,OFF,"defbuffer1",0,1,1,10,OFF', -222),
        ('SOUR:PULS:TR:VOLT 0,1,1e-3,1,ON,"defbuffer1",0,1e-3', -221),
        ("SOUR:PULS:TR:VOLT 0,1,1e-3", -109),
        ("SOUR:PULS:TR:VOLT 0,200,1e-3,1", -222),
    ],
)
def test_2461_refuses(message, code):
    _, smu = set_up("2461")
    smu.handle(message)
    assert smu.handle("SYST:ERR?").startswith(f"{code},")


def test_2461_snapshots_its_settings():
    dut, smu = set_up("2461")
    send(smu, "SOUR:VOLT:READ:BACK OFF", "SENS:CURR:NPLC 0.01;AZER OFF", "SENS:CURR:RANG 1e-3", "SOUR:VOLT:ILIM 1e-3")
    send(smu, 'SOUR:PULS:TR:VOLT 0,0.5,1e-3,1,ON,"defbuffer1",0,1e-3', "SOUR:VOLT:ILIM 1e-5", "SENS:CURR:RANG 1e-6")
    send(smu, "INIT")
    assert floats(send(smu, "TRAC:DATA? 1,1"))[0] == pytest.approx(0.5 * dut.truth.conductance[0, 0], rel=1e-6)


# B2900 -----------------------------------------------------------------------------------------------------------


def test_b2900_init_turns_the_output_on_by_itself_unless_told_otherwise():
    _, smu = set_up("B2901A")
    send(smu, ":SOUR:VOLT 0.1", ":INIT (@1)")
    assert smu.output, "the trap: :OUTP:ON:AUTO is on by default"
    _, smu = set_up("B2901A")
    send(smu, ":OUTP:ON:AUTO 0", ":SOUR:VOLT 0.1")
    smu.handle(":INIT (@1)")
    assert not smu.output and smu.handle(":SYST:ERR?").startswith("-221")


def test_b2900_protection_switches_off_at_the_limit():
    dut, smu = set_up("B2901A", "sim:rram?alpha=0.1")
    send(smu, ":SENS:CURR:PROT 1e-6", ":OUTP:PROT ON", ":SOUR:VOLT:MODE LIST", ":SOUR:LIST:VOLT 0.01,0.5,1.5")
    send(smu, ":TRIG:ALL:COUN 3", ":TRIG:ALL:SOUR TIM", ":TRIG:ALL:TIM 1e-2", ":SENS:CURR:NPLC 0.01", ":INIT (@1)")
    assert not smu.output and dut.truth.weights[0, 0] == 0.5, "the third step was never reached"


def test_b2900_pulses():
    dut, smu = set_up("B2902A")
    smu.handle(":SOUR:PULS:WIDT 20e-6")
    assert smu.handle(":SYST:ERR?").startswith("-222"), "50 us and more (UG 6-7)"
    send(
        smu, ":SENS:CURR:PROT 1e-3", ":SENS:CURR:NPLC 0.01", ":SOUR:FUNC:SHAP PULS", ":SOUR:VOLT 0",
        ":SOUR:VOLT:TRIG 0.4", ":SOUR:PULS:WIDT 2e-3", ":TRIG:ALL:SOUR TIM", ":TRIG:ALL:TIM 5e-3", ":TRIG:ALL:COUN 4",
        ":TRIG:ACQ:DEL 1e-3",
        ":FORM:ELEM:SENS CURR,TIME,SOUR", ":INIT (@1)",
    )  # fmt: skip
    values = np.reshape(floats(send(smu, ":FETC:ARR? (@1)")), (4, 3))
    np.testing.assert_allclose(values[:, 0], 0.4 * dut.truth.conductance[0, 0], rtol=1e-6)
    np.testing.assert_allclose(np.diff(values[:, 1]), 5e-3, rtol=1e-6)
    np.testing.assert_array_equal(values[:, 2], 0.4)
    assert dut.clock == pytest.approx(3 * 5e-3 + 2e-3)
    smu.handle(":OUTP3 ON")
    assert smu.handle(":SYST:ERR?").startswith("-114")


# All -------------------------------------------------------------------------------------------------------------


def test_stuck_output_stays_on():
    _, smu = set_up("2450")
    smu.channel.stuck = True
    send(smu, "OUTP ON", "OUTP OFF")
    assert smu.output and smu.handle("OUTP?") == "1"


def test_a_host_stepped_pulse_takes_virtual_time_and_moves_the_cell():
    dut, smu = set_up("2450", "sim:rram?alpha=0.01")
    send(smu, "SOUR:VOLT:ILIM 1e-2", "OUTP ON")
    for _ in range(5):
        send(smu, "SOUR:VOLT 1.2", "SOUR:VOLT 0")
    assert dut.truth.weights[0, 0] == pytest.approx(0.55) and dut.clock > 0


def test_reset_and_device_clear():
    _, smu = set_up("2450")
    send(smu, "SOUR:VOLT 0.3", "OUTP ON")
    smu.clear()
    assert smu.output, "device clear leaves the output as it is"
    send(smu, "*RST")
    assert not smu.output and float(smu.handle("SOUR:VOLT?")) == 0


@pytest.mark.parametrize("model", ["2400", "2450", "2460", "2461"])
def test_reset_selects_the_front_terminals_and_the_others_are_open(model):
    dut = Dut(open_device(FIXED), series=1e3)
    smu = make(model, dut, dut_terminals="rear")
    limit = ":SENS:CURR:PROT 1e-3" if model == "2400" else "SOUR:VOLT:ILIM 1e-3"
    elements = [":FORM:ELEM CURR"] if model == "2400" else []
    current = 0.5 / (1e3 + 1 / dut.truth.conductance[0, 0])

    def measured():
        return floats(send(smu, *elements, limit, "SOUR:VOLT 0.5", "OUTP ON", "READ?"))[0]

    assert smu.handle("ROUT:TERM?") == "FRON" and measured() == 0.0, "nothing is connected to the front"
    send(smu, ":ROUT:TERM REAR")
    assert smu.handle("ROUT:TERM?") == "REAR" and not smu.output, "the output goes off when terminals change"
    assert measured() == pytest.approx(current, rel=1e-6)
    send(smu, "*RST")
    assert smu.handle("ROUT:TERM?") == "FRON" and measured() == 0.0
    smu.handle("ROUT:TERM SIDE")
    assert smu.handle("SYST:ERR?").startswith("-224")
    front = make(model, Dut(open_device(FIXED)))
    send(front, "ROUT:TERM REAR", "SOUR:VOLT 0.5", "OUTP ON")
    assert floats(send(front, *elements, "READ?"))[0] == 0.0


def test_2400_measure_brings_the_limit_back_to_its_default():
    """MEASure? is CONFigure and READ?; CONFigure defaults what belongs to the function, the output turns on (17-2)."""
    dut, smu = set_up("2400", FIXED + "&w0=1")
    send(smu, ":SENS:CURR:PROT 1e-6", ":SOUR:VOLT 0.5", ":OUTP ON", ":FORM:ELEM CURR")
    assert floats(send(smu, ":READ?")) == [pytest.approx(1e-6)]
    assert floats(send(smu, ":MEAS:CURR?")) == [pytest.approx(0.5 * dut.truth.conductance[0, 0], rel=1e-6)]
    assert float(send(smu, ":SENS:CURR:PROT?")) == pytest.approx(105e-6)
    send(smu, ":OUTP OFF", ":MEAS:CURR?")
    assert smu.output


@pytest.mark.parametrize("model, top", [("2450", "PROT180"), ("2461", "PROT100")])
def test_2450_family_over_voltage_protection(model, top):
    dut, smu = set_up(model, FIXED + "&v_max=50&v_set=40&v_reset=40")
    assert smu.handle("SOUR:VOLT:PROT?") == "NONE"
    send(smu, "SOUR:VOLT:ILIM 1e-2", "SOUR:VOLT:PROT PROT2", "SOUR:VOLT 5", "OUTP ON")
    assert floats(send(smu, "READ?"))[0] == pytest.approx(2 * dut.truth.conductance[0, 0], rel=1e-6)
    assert smu.handle("SOUR:VOLT:PROT?;:SOUR:VOLT:PROT:TRIP?") == "PROT2;1"
    for word in ("PROT3", "2", "PROT400"):
        smu.handle(f"SOUR:VOLT:PROT {word}")
        assert smu.handle("SYST:ERR?").startswith("-224") and smu.handle("SOUR:VOLT:PROT?") == "PROT2"
    assert send(smu, f"SOUR:VOLT:PROT {top}", "SOUR:VOLT:PROT?") == top
    assert send(smu, "*RST", "SOUR:VOLT:PROT?") == "NONE"


def test_bench_is_told_where_the_device_is():
    with Bench("2450", FIXED, dut_terminals="rear") as bench:
        bench.smu.instrument.handle("SOUR:VOLT 0.5;:OUTP ON")
        assert floats(bench.smu.instrument.handle("READ?"))[0] == 0.0
    for options, words in (({"model": "2602B"}, "2602B has no front and rear"), ({}, "side")):
        with pytest.raises(InputError, match=words):
            Bench(**options, dut=FIXED, dut_terminals="rear" if options else "side")
