from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from hil.backends import open_device
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import PairStdp, Stdp
from hil.spiking.trains import SpikeBatch, SpikeTrain
from sim.crossbar.spiking_core import CompiledCore
from sim.crossbar.spiking_learning import power

DURATION = 350e-6
_power_of = njit(lambda base, exponent: power(base, exponent))
MODELS = {
    "L-HB": "model=lhb&alpha=0.05",
    "NL-SB": "model=nlsb&alpha=0.05&gamma=2.5&alpha_dep=0.03&gamma_dep=1",
    "NL-HB": "model=nlhb&alpha=0.05&gamma=3&nstop=100",
}

lifs = st.builds(
    Lif,
    threshold=st.floats(0.3, 6.0),
    leak=st.floats(20e-6, 1e-3),
    refractory=st.sampled_from([0.0, 1e-9, 15e-6, 80e-6]),
    inhibition=st.sampled_from([0.0, 10e-6, 60e-6]),
    reset=st.sampled_from(["all", "own"]),
    tie=st.sampled_from(["rank", "membrane", "margin"]),
    seed=st.integers(0, 5),
    theta_plus=st.sampled_from([0.0, 0.2]),
    theta_mean=st.sampled_from(["free", "zero"]),
    theta_decay=st.sampled_from([1e-3, np.inf]),
    reference=st.sampled_from(["exact", "none"]),
)
probabilities = {"pulse_probability": st.sampled_from([1.0, 0.6, 0.02]), "seed": st.integers(0, 3)}
rules = st.builds(Stdp, st.sampled_from([0.0, 20e-6, 60e-6]), **probabilities) | st.builds(
    PairStdp,
    n_plus=st.floats(0, 4),
    n_minus=st.floats(0, 4),
    tau_plus=st.floats(5e-6, 100e-6),
    tau_minus=st.floats(5e-6, 100e-6),
    **probabilities,
)


@st.composite
def networks(draw):
    rows, neurons = draw(st.integers(1, 40)), draw(st.integers(1, 70))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    trains = []
    for _ in range(draw(st.integers(1, 4))):
        count = draw(st.integers(0, 150))
        times = rng.random(count) * DURATION * 1.1
        if draw(st.booleans()):
            times = np.round(times / 5e-6) * 5e-6
        trains.append(SpikeTrain(times, rng.integers(rows, size=count)))
    uniform = draw(st.booleans())
    weights = np.full((rows, neurons), 0.8) if uniform else rng.random((rows, neurons))
    return rows, neurons, weights, trains


def both_cores(model, network, lif, stdp):
    rows, neurons, weights, _ = network
    devices = [open_device(f"sim:rram?{MODELS[model]}&d2d=0.1&seed=3", rows=rows, cols=neurons) for _ in range(2)]
    for device in devices:
        device.set_weights(weights)
    return HostCore(devices[0], lif, stdp), CompiledCore(devices[1], lif, stdp, np.float64)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=60, deadline=None)
@given(network=networks(), lif=lifs, rule=rules, learn=st.booleans(), falls=st.booleans())
def test_compiled_core_is_the_host_core_spike_for_spike(model, network, lif, rule, learn, falls):
    if falls:
        lif = replace(lif, theta_plus_end=lif.theta_plus / 5 or None)
        rule = replace(rule, pulse_probability_end=rule.pulse_probability / 10)
    host, compiled = both_cores(model, network, lif, rule)
    host.course.horizon = compiled.course.horizon = len(network[3])
    for train in network[3]:
        expected = host.present(train, DURATION, learn)
        assert compiled.present(train, DURATION, learn) == expected
        assert compiled.weights() == pytest.approx(host.weights(), rel=1e-12, abs=1e-12)
        assert np.array_equal(compiled.theta, host.theta)
        assert compiled.course == host.course
    compiled.flush()
    assert np.array_equal(compiled.device.weights, compiled.weights())


@pytest.mark.parametrize("rule", [Stdp(30e-6), PairStdp(3.0, 2.0, 30e-6, 50e-6)])
@pytest.mark.parametrize("model", ["L-HB", "NL-HB"])
def test_a_reference_column_is_the_same_in_both_cores(model, rule):
    rng = np.random.default_rng(7)
    lif = Lif(threshold=3.0, reference="column")
    host, compiled = both_cores(model, (12, 6, rng.random((12, 6)), None), lif, rule)
    assert host.reference == compiled.reference
    assert compiled.neurons == 5
    for train in busy_trains(5, 12, 3):
        expected = host.present(train, DURATION, True)
        assert len(expected) > 5
        assert compiled.present(train, DURATION, True) == expected
        assert compiled.weights() == pytest.approx(host.weights(), rel=1e-12, abs=1e-12)
    compiled.flush()
    assert compiled.device.weights == pytest.approx(host.device.weights, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("exponent", [1.0, 1.02, 1.5, 3.0, 7.3])
def test_powers_in_single_precision(exponent):
    base = np.linspace(0, 1, 20_001).astype(np.float32)
    ours = np.array([_power_of(b, np.float32(exponent)) for b in base], np.float64)
    exact = base.astype(np.float64) ** float(np.float32(exponent))
    assert ours == pytest.approx(exact, rel=1e-5, abs=1e-12)


def busy_trains(count, rows, seed):
    rng = np.random.default_rng(seed)
    return [SpikeTrain(rng.random(400) * DURATION, rng.integers(rows, size=400)) for _ in range(count)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_is_the_same_as_one_by_one(dtype):
    lif, trains = Lif(threshold=5.0), busy_trains(20, 30, 0)
    cores = [CompiledCore(open_device("sim:rram?alpha=0.02", rows=30, cols=50), lif, Stdp(), dtype) for _ in range(2)]
    counts = cores[0].present_batch(SpikeBatch.of(trains), DURATION, True)
    assert counts.sum() > 100
    assert np.array_equal(counts, [cores[1].present(t, DURATION, True).counts(50) for t in trains])
    assert np.array_equal(cores[0].weights(), cores[1].weights())


@pytest.mark.parametrize("rule", [Stdp(40e-6), PairStdp(3.0, 2.0, 30e-6, 50e-6)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_falls_and_what_is_drawn_do_not_depend_on_pieces(dtype, rule):
    """A run in one batch, and one that another core on another device goes on with after 7 of 20 presentations."""
    lif = Lif(threshold=5.0, tie="margin", theta_plus=0.5, theta_plus_end=0.05, theta_mean="zero", theta_decay=5e-3)
    rule = replace(rule, pulse_probability=0.9, pulse_probability_end=0.1, seed=4)
    trains = busy_trains(20, 30, 0)

    def new():
        core = CompiledCore(open_device("sim:rram?alpha=0.02&w0=0.8", rows=30, cols=50), lif, rule, dtype)
        core.course.horizon = 20
        return core

    whole, first, second = new(), new(), new()
    counts = whole.present_batch(SpikeBatch.of(trains), DURATION, True)
    begun = first.present_batch(SpikeBatch.of(trains[:7]), DURATION, True)
    first.present_batch(SpikeBatch.of(trains[:3]), DURATION, False)  # a look in between
    first.flush()
    second.device.restore(first.device.snapshot())
    second = CompiledCore(second.device, lif, rule, dtype)
    second.theta, second.course.horizon = first.theta, 20
    second.course.resume(first.course.saved())
    assert np.array_equal(
        counts, np.concatenate([begun, second.present_batch(SpikeBatch.of(trains[7:]), DURATION, True)])
    )
    assert np.array_equal(whole.weights(), second.weights())
    assert np.array_equal(whole.theta, second.theta)
    assert whole.course == second.course and whole.course.presentations == 20
    assert abs(whole.theta.mean()) < 1e-5 < np.ptp(whole.theta)


@pytest.mark.parametrize("model", MODELS)
def test_single_precision_learns_what_double_does(model):
    lif, trains = Lif(threshold=8.0), SpikeBatch.of(busy_trains(200, 60, 1))
    cores = [
        CompiledCore(open_device(f"sim:rram?{MODELS[model]}", rows=60, cols=20), lif, Stdp(), dtype)
        for dtype in (np.float32, np.float64)
    ]
    counts = [core.present_batch(trains, DURATION, True) for core in cores]
    assert abs(counts[0].sum() - counts[1].sum()) < 0.02 * counts[1].sum()
    assert np.abs(cores[0].weights() - cores[1].weights()).mean() < 0.02


def test_output_that_does_not_fit_at_first_is_not_lost():
    rng = np.random.default_rng(2)
    trains = [SpikeTrain(rng.random(3000) * DURATION, rng.integers(5, size=3000)) for _ in range(3)]
    lif = Lif(threshold=0.4, inhibition=0.0, refractory=0.0)
    host, compiled = (
        make(open_device("sim:rram?alpha=0.01", rows=5, cols=4), lif, Stdp())
        for make in (HostCore, lambda *a: CompiledCore(*a, np.float64))
    )
    counts = compiled.present_batch(SpikeBatch.of(trains), DURATION, False)
    assert counts.sum() > 4096
    assert np.array_equal(counts, host.present_batch(SpikeBatch.of(trains), DURATION, False))


def test_only_wires_and_unknown_rules_are_left_to_the_host():
    class Late(Stdp):
        potentiating = (30e-6, 10e-6)

    for array in ("", "c2c=0.1", "read_noise=0.1", "stuck_on=0.5", "d2d_r=0.1&d2d=0.2", "c2c=2&read_noise=0.1"):
        assert isinstance(open_device(f"sim:rram?{array}", rows=2, cols=2).spiking(Lif(), Stdp()), CompiledCore)
    assert isinstance(open_device("sim:rram?r_wire=1", rows=2, cols=2).spiking(Lif(), Stdp()), HostCore)
    assert isinstance(open_device("sim:rram", rows=2, cols=2).spiking(Lif(), Late()), HostCore)
