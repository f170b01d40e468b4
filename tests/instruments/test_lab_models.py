"""Every model that a driver knows and the virtual bench has: read and pulsed like the one it resembles."""

import pytest

from hil.backends import open_device
from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.link.errors import InstrumentError
from instruments.smu.models import driver_for, models
from instruments.virtual.catalogue import models as virtual

SISTERS = ("2410", "2420", "2425", "2440", "6430", "2470", "2602A", "2612A", "2635A", "B2901B", "B2912B")
PULSES = Waveform.train(0.9, width=2e-3, period=4e-3, count=3, measure=True)


SLOW = Waveform.train(0.9, width=2e-2, period=4e-2, count=3, measure=True)
"""What a 6430 can settle to."""


def opened(model, **more):
    words = {"model": model, "v_max": 1.5, "i_max": 1e-3, "watchdog": "false"} | more
    return open_device("visa:virtual?" + "&".join(f"{k}={v}" for k, v in words.items()))


def test_every_model_with_a_driver_is_on_the_virtual_bench():
    assert set(models()) - set(virtual()) <= {"2401"}


@pytest.mark.parametrize("model", SISTERS)
def test_a_sister_reads_and_pulses(model):
    with opened(model) as device:
        assert model in device.identity
        truth = device.bench.dut.truth
        assert device.read() == pytest.approx(truth.conductance, rel=1e-4)
        response = device.apply(SLOW if model == "6430" else PULSES)
        assert response.currents[0, 0] == pytest.approx(0.9 * truth.conductance[0, 0], rel=1e-4)
        assert not response.tripped.any() and not device.bench.smu.instrument.output


def test_a_6430_is_not_asked_for_terminals_and_not_hurried():
    with opened("6430", i_max=5e-8) as device:
        lines = device.explain(SLOW)
        assert not [line for line in lines if "TERM" in line]
        assert ":SENS:CURR:RANG 1e-7" in lines and ":SENS:CURR:PROT 5e-8" in lines
        assert device.bench.smu.instrument.handle(":ROUT:TERM?") is None, "it has one pair"
        with pytest.raises(LimitError, match=r"0\.002 s"):
            device.apply(PULSES)


@pytest.mark.parametrize("model", ["2602A", "2636A", "B2902B", "B2912B"])
def test_a_dual_sister_plays_both_channels(model):
    with opened(model, channels=2) as device:
        g = float(device.bench.dut.truth.conductance[0, 0])
        both = Waveform.pulse(0.4, -0.3, width=2e-3, measure=True)
        assert device.apply(both).currents[0, 0] == pytest.approx(0.7 * g, rel=1e-4)


def test_an_open_interlock_is_told_in_words():
    """2600BS-901-01 8-3 ff.: error 802."""
    said = str(InstrumentError(802, "OUTPUT blocked by interlock", "smua.source.output = smua.OUTPUT_ON"))
    assert "error 802, OUTPUT blocked by interlock; its safety interlock is open: close" in said
    assert "interlock" not in str(InstrumentError(-222, "Parameter data out of range", "SOUR:VOLT 500"))


@pytest.mark.parametrize(
    ("identity", "model"),
    [
        ("KEITHLEY INSTRUMENTS INC.,MODEL 2410,0001,C33", "2410"),
        ("KEITHLEY INSTRUMENTS INC.,MODEL 2440,0001,C33", "2440"),
        ("KEITHLEY INSTRUMENTS INC.,MODEL 6430,0001,C27", "6430"),
        ("KEITHLEY INSTRUMENTS,MODEL 2470,04012345,1.7.12b", "2470"),
        ("Keithley Instruments Inc., Model 2636A, 1234567, 2.2.6", "2636A"),
        ("Keysight Technologies,B2912B,MY51140123,5.0", "B2912B"),
    ],
)
def test_who_answers_is_known(identity, model):
    assert driver_for(identity).spec.model == model


@pytest.mark.parametrize(
    ("model", "more", "sentence"),
    [
        ("2410", {"v_max": 30, "i_max": 0.1}, "up to 1000 V a 2410 gives 0.02 A at most"),
        ("2440", {"v_max": 30, "i_max": 3}, "up to 40 V a 2440 gives 1 A at most"),
        ("2420", {"v_max": 100}, "v_max = 100 V: the 2420 sources at most 60 V"),
        ("6430", {"v_max": 30, "i_max": 0.05}, "up to 200 V a 6430 gives 0.01 A at most"),
        ("6430", {"four_wire": "true"}, "raise the voltage to 20 V, .* V: 20, 40, 60, 80, 100, 120, 160"),
        # Steps of the protection, 2400S-900-01 3-12.
        ("2440", {"four_wire": "true"}, "raise the voltage to 4 V, .* V: 4, 8, 12, 16, 20, 24, 32"),
    ],
)
def test_the_ranges_are_the_models_own(model, more, sentence):
    with pytest.raises(LimitError, match=sentence):
        opened(model, **more)
