"""1T1R: the gate on channel 2 ends potentiation where its current leaves the cell no more than its threshold."""

import numpy as np
import pytest

import hil
from hil.backends import open_device
from hil.errors import InputError
from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.link.errors import ComplianceError

THRESHOLD, K, V_T = 0.16, 1e-3, 0.5
"""Of sim:yakopcic (V), and of the transistor (A/V^2, V)."""

WORDS = {
    "gate": 2, "v_gate_max": 3, "v_gate_on": 2, "v_gate": 1.1, "v_gate_step": 0.05, "dut": "sim:yakopcic",
    "watchdog": "false", "v_max": 0.6, "i_max": 1e-2, "v_read": 0.1, "transistor_k": K, "transistor_v_t": V_T,
}  # fmt: skip
UP = Waveform.pulse(0.5, width=2e-3, measure=True) + Waveform.rest(1e-3)
DOWN = Waveform.pulse(-0.5, width=2e-3, measure=True) + Waveform.rest(1e-3)


def uri(model="2602B", **more):
    return "visa:virtual?" + "&".join(f"{k}={v}" for k, v in ({"model": model} | WORDS | more).items())


def saturation(gate):
    """Current of the transistor, A."""
    return K / 2 * np.maximum(np.asarray(gate) - V_T, 0.0) ** 2


@pytest.mark.parametrize("model", ["2602B", pytest.param("B2902A", marks=pytest.mark.slow)])
def test_gate_steps_set_the_conductance(model):
    """The cell moves until it has its threshold at the transistor's current: G = I / V_th, as in closed form."""
    with open_device(uri(model)) as device:
        for n in range(2):
            response = device.apply(UP)
            current = saturation(1.1 + 0.05 * n)
            assert response.currents[0, 0] == pytest.approx(current, rel=1e-4)
            assert not response.tripped.any(), "the transistor limits, not the source"
            assert device.read()[0, 0] == pytest.approx(current / THRESHOLD, rel=1e-3)
        assert device.raised == 2
        device.apply(DOWN)
        assert device.raised == 0 and device.read()[0, 0] < saturation(1.1) / THRESHOLD
        assert not device.bench.smu.instrument.output


def test_a_whole_train_steps_the_gate_within_one_list():
    whole = Waveform.train(0.5, width=2e-3, period=3e-3, count=3, measure=True)
    with open_device(uri()) as device:
        sent = device.explain(whole)
        (gates,) = (line for line in sent if line.startswith("smub.trigger.source.listv"))
        values = [float(v) for v in gates.split("{")[1].split("}")[0].split(",")]
        np.testing.assert_allclose(sorted({v for v in values if v}), 1.1 + 0.05 * np.arange(3))
        assert device.raised == 0, "nothing was played"


@pytest.mark.slow
def test_ltp_by_gate_steps(tmp_path):
    """`hil characterize ltp`, as it is, on a cell with a gate: potentiation along the transistor's parabola."""
    records = hil.characterize(
        "ltp", device=uri(v_gate=1.2), run=tmp_path / "run", pulses=3, cycles=1, amplitude=0.5, amplitude_negative=0.5,
        width=2e-3, read_voltage=0.1,
    ).records  # fmt: skip
    up = records["polarity"] > 0
    g = records["conductance"][up & (records["cycle"] == 0)]
    np.testing.assert_allclose(g[1:], saturation(1.2 + 0.05 * np.arange(3)) / THRESHOLD, rtol=2e-3)


@pytest.mark.parametrize(
    ("more", "waveform", "sentence"),
    [
        ({"v_gate_on": 2.8}, DOWN, r"3\.3 V is beyond the sample's v_gate 3 V, gate to HI of channel 1"),
        ({"v_gate": 2.9}, UP * 4, r"3\.05 V is beyond the sample's v_gate 3 V, gate to LO"),
        ({}, Waveform.pulse(0.7, width=5e-3), "outside -0.6 V .. 0.6 V"),
    ],
)
def test_gate_and_cell_have_limits_of_their_own(more, waveform, sentence):
    with open_device(uri(**more)) as device:
        heard, handle = [], device.bench.smu.instrument.handle
        device.bench.smu.instrument.handle = lambda message: (heard.append(message), handle(message))[1]
        with pytest.raises(LimitError, match=sentence):
            device.apply(waveform)
        assert not heard


def test_a_leaking_gate_is_told():
    with open_device(uri()) as device:
        dut = device.bench.dut
        dut.connect({1}, (), "2")  # the gate reaches the cell's other end
        dut.connect({0}, (), "1")
        with pytest.raises(ComplianceError, match=r"the gate draws .* A, its limit i_gate: its oxide leaks"):
            device.read()
        assert not device.bench.smu.instrument.output


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"v_gate_max": 1.0}, "v_gate = 1.1 V must be <= v_gate_max = 1 V"),
        ({"gate": 1}, "gate"),
        ({"channels": 2}, "gate = 2 takes one cell between HI and LO of channel 1"),
        ({"model": "2450"}, "channel 2: a 2450 has channels 1 .. 1"),
        ({"abort_on_compliance": "true"}, "abort_on_compliance cuts trains"),
    ],
)
def test_what_cannot_go_together_is_one_sentence(more, sentence):
    with pytest.raises(InputError, match=sentence):
        open_device(uri(**more))


def test_a_gate_needs_its_largest_voltage():
    words = uri().replace("&v_gate_max=3", "")
    with pytest.raises(InputError, match="gate = 2 needs v_gate_max"):
        open_device(words)
