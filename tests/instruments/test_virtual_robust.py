"""Whatever a client sends, a virtual instrument answers or queues an error; it never breaks."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.backends import open_device
from instruments.virtual.catalogue import make, models
from instruments.virtual.dut import Dut

SCPI = re.split(
    r"\s+",
    """
:SOUR :VOLT SOUR:VOLT :SOUR:LIST:VOLT :OUTP :TRIG :COUN :READ :INIT ? ; , 1 -1e3 1e-4 ON (@1) "defbuffer1" ' ( :PROT
:SENS:CURR :RANG :AUTO TRAC:DATA SOUR:PULS:TR:VOLT TRIG:BLOC:WAIT TIM1 *RST * :MODE LIST :ROUT:CLOS (@00101) :CARD
""".strip(),
)
TSP = re.split(
    r"\s+",
    """
smua smub . source levelv = 1 -3 ( ) { } measure i trigger timer [ ] print , for do end 'x' initiate nvbuffer1 reset
ConfigPulseVMeasureI channel close '1A01' listv nil printbuffer errorqueue next output ; in ipairs # trigger.timer[1]
smua.trigger.initiate() waitcomplete() smua.measure.i table.insert stimulus
""".strip(),
)
FAMILIES = {"2400": SCPI, "2450": SCPI, "2461": SCPI, "B2902A": SCPI, "B2201A": SCPI, "2612B": TSP, "707B": TSP}
INSTRUMENTS = {model: make(model, Dut(open_device("sim:rram"))) for model in FAMILIES}


@pytest.mark.parametrize("model", FAMILIES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_message_breaks_an_instrument(model, data):
    instrument = INSTRUMENTS[model]
    words = data.draw(st.lists(st.sampled_from([*FAMILIES[model], " "]), max_size=12))
    answer = instrument.handle("".join(words))
    assert answer is None or isinstance(answer, str)
    instrument.clear()
    assert instrument.handle("*IDN?")


def test_models_of_the_catalogue_are_all_made():
    for model in models():
        instrument = make(model)
        assert not instrument.output and instrument.clock >= 0 and instrument.handle("*IDN?") == instrument.identity


def test_a_voltage_beyond_the_devices_model_is_counted():
    dut = Dut(open_device("sim:rram?v_max=2"))
    smu = make("2450", dut)
    smu.handle("SOUR:VOLT:ILIM 1e-1;:SOUR:VOLT 10;:OUTP ON")
    assert dut.overstress == 1
    smu.handle("SOUR:VOLT 1")
    assert dut.overstress == 1


@pytest.mark.parametrize(
    "line",
    [
        "trigger.generator[1].assert(print)",
        "x = getmetatable(smua.measure).Getters.nplc('autozero')",
        "getmetatable(smua.measure).Setters.nplc(5, 'delay')",
    ],
)
def test_an_argument_too_many_does_not_choose_what_a_function_acts_on(line):
    smu, shown = make("2602B"), "print(smua.measure.nplc, smua.measure.delay)"
    before = smu.handle(shown)
    assert smu.handle(line) is None
    assert smu.handle("print(errorqueue.next())").startswith("-2.86000e+02\tTSP Runtime Error at line 1: bad argument")
    assert smu.handle(shown) == before
