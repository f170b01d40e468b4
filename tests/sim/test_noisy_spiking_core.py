"""Noise in spiking networks: the compiled core is the host's, number by number, and both are as the physics says."""

import numpy as np
import pytest
from array_drives import EVERYTHING, assert_same_state
from scipy import stats

from hil.backends import open_device
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import PairStdp, Stdp
from hil.spiking.trains import SpikeBatch, SpikeTrain
from sim.crossbar.spiking_core import CompiledCore

DURATION = 350e-6
ROWS, COLS = 12, 9
NOISES = {
    "cycle": {"c2c": 0.3},
    "backwards": {"c2c": 3.4},
    "read": {"read_noise": 0.2},
    "stuck": {"stuck_on": 0.1, "stuck_off": 0.2},
    "memristance": {"d2d_r": 0.3},
    "everything": EVERYTHING,
}


def busy_trains(count, rows=ROWS, spikes=60, seed=0):
    rng = np.random.default_rng(seed)
    return [SpikeTrain(rng.random(spikes) * DURATION, rng.integers(rows, size=spikes)) for _ in range(count)]


def a_device(noise, model="model=nlhb&alpha=0.05&gamma=3&nstop=100", rows=ROWS, cols=COLS):
    return open_device(f"sim:rram?{model}&seed=3&threads=1", rows=rows, cols=cols, **noise)


def double(*given):
    return CompiledCore(*given, np.float64)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize(("rule", "lif"), [
    (Stdp(40e-6), {}),
    (Stdp(40e-6), {"inhibition": 0.0, "refractory": 30e-6, "reset": "own", "reference": "none"}),
    (PairStdp(3.0, 2.0, 30e-6, 50e-6), {"refractory": 30e-6, "reset": "own", "tie": "membrane", "theta_plus": 0.1}),
    (Stdp(40e-6, pulse_probability=0.05, seed=2), {"tie": "margin", "theta_plus": 0.1, "theta_mean": "zero"}),
    (PairStdp(3.0, 2.0, 30e-6, 50e-6, pulse_probability=0.3, seed=2), {"refractory": 30e-6, "reset": "own"}),
])  # fmt: skip
def test_the_compiled_core_draws_what_the_host_draws(noise, rule, lif):
    lif = Lif(**{"threshold": 3.0, "seed": 1} | lif)
    host, compiled = (make(a_device(NOISES[noise]), lif, rule) for make in (HostCore, double))
    fired = 0
    for train, learn in zip(busy_trains(5), (True, True, False, True, True), strict=True):
        expected = host.present(train, DURATION, learn)
        assert compiled.present(train, DURATION, learn) == expected
        fired += len(expected)
    assert fired > 20
    compiled.flush()
    ours, theirs = compiled.device.snapshot(), host.device.snapshot()
    assert np.array_equal(ours["counters"], theirs["counters"])
    assert ours["weight"] == pytest.approx(theirs["weight"], rel=1e-12, abs=1e-12)
    assert np.abs(theirs["weight"] - 0.5).max() > 0.03
    assert compiled.weights() == pytest.approx(host.weights(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("noise", ["read", "stuck", "everything"])
def test_a_noisy_reference_column_is_the_same_in_both_cores(noise):
    lif, noise = Lif(threshold=3.0, reference="column"), NOISES[noise] | {"stuck_on": 0.0}
    host, compiled = (make(a_device(noise | {"d2d_r": 0.003}), lif, Stdp()) for make in (HostCore, double))
    assert host.reference == compiled.reference
    for train in busy_trains(4):
        expected = host.present(train, DURATION, True)
        assert len(expected) > 3
        assert compiled.present(train, DURATION, True) == expected
    assert compiled.weights() == pytest.approx(host.weights(), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("noise", NOISES)
def test_a_noisy_network_goes_on_from_a_snapshot_as_if_it_had_not_stopped(noise, dtype):
    lif, trains = Lif(threshold=3.0), SpikeBatch.of(busy_trains(8))
    first, second = SpikeBatch.of(trains[k] for k in range(3)), SpikeBatch.of(trains[k] for k in range(3, 8))
    whole, cut = (CompiledCore(a_device(NOISES[noise]), lif, Stdp(), dtype) for _ in range(2))
    counts = whole.present_batch(trains, DURATION, True)
    begun = cut.present_batch(first, DURATION, True)
    cut.flush()
    other = a_device(NOISES[noise])
    other.restore(cut.device.snapshot())
    resumed = CompiledCore(other, lif, Stdp(), dtype)
    assert np.array_equal(counts, np.concatenate([begun, resumed.present_batch(second, DURATION, True)]))
    for core in (whole, resumed):
        core.flush()
    assert_same_state(whole.device, resumed.device)
    assert np.array_equal(whole.device.read(), resumed.device.read())


def test_room_for_more_output_draws_nothing_twice():
    rng = np.random.default_rng(2)
    trains = SpikeBatch.of(SpikeTrain(rng.random(3000) * DURATION, rng.integers(5, size=3000)) for _ in range(2))
    lif = Lif(threshold=0.4, inhibition=0.0, refractory=0.0)
    cores = [CompiledCore(a_device(EVERYTHING, rows=5, cols=4), lif, Stdp(), np.float64) for _ in range(2)]
    together = cores[0].present_batch(trains, DURATION, True)
    assert together.sum() > 4096
    assert np.array_equal(together, [cores[1].present(trains[k], DURATION, True).counts(4) for k in range(2)])
    assert cores[0].device.drawn == cores[1].device.drawn


def test_single_precision_learns_what_double_does_under_noise():
    lif, trains = Lif(threshold=8.0), SpikeBatch.of(busy_trains(150, rows=40, spikes=300))
    cores = [CompiledCore(a_device(EVERYTHING, rows=40, cols=20), lif, Stdp(), dtype)
             for dtype in (np.float32, np.float64)]  # fmt: skip
    counts = [core.present_batch(trains, DURATION, True) for core in cores]
    assert abs(counts[0].sum() - counts[1].sum()) < 0.02 * counts[1].sum()
    weights = [core.device.weights for core in cores if core.flush() is None]
    assert np.abs(weights[0].mean(axis=1) - weights[1].mean(axis=1)).max() < 0.05


# ---- closed forms


@pytest.mark.parametrize(("reference", "noise", "mean", "cells"), [
    ("exact", 0.05, 0.5, (0.5 + 1 / 99,)),
    ("none", 0.05, 0.5 + 1 / 99, (0.5 + 1 / 99,)),
    ("column", 0.3, 0.5, (0.5 + 1 / 99, 1 / 99)),
])  # fmt: skip
@pytest.mark.parametrize("make", [HostCore, CompiledCore])
def test_one_input_reaches_a_threshold_as_often_as_its_noise_says(reference, noise, mean, cells, make):
    """A single input adds a current with noise of its cell, and of the reference's where there is one."""
    sigma, neurons = noise * np.linalg.norm(cells), 400
    spike = SpikeTrain(np.zeros(1), np.zeros(1, int))
    for above in (-1.0, 0.5, 1.5):
        lif = Lif(threshold=mean + above * sigma, inhibition=0.0, reference=reference)
        device = open_device("sim:rram?w0=0.5&seed=4", rows=1, cols=neurons + (reference == "column"), threads=1)
        device.set_weights(np.append(np.full(neurons, 0.5), [0.0] * (reference == "column"))[None])
        noisy = open_device(f"sim:rram?w0=0.5&seed=4&read_noise={noise}", rows=1, cols=device.cols, threads=1)
        noisy.set_weights(device.weights)
        fired = sum(len(core_spikes) for core_spikes in shown(make(noisy, lif, Stdp()), spike, 25))
        expected = stats.norm.sf(above)
        # Neurons share the reference's noise: their variance is that of presentations then.
        share = 0.0 if reference != "column" else (noise * cells[1] / sigma) ** 2
        spread = np.sqrt(expected * (1 - expected) / 25 * (1 / neurons + share))
        assert fired / (25 * neurons) == pytest.approx(expected, abs=4 * spread)


def shown(core, spike, times):
    return [core.present(spike, DURATION, False) for _ in range(times)]


@pytest.mark.parametrize("make", [HostCore, CompiledCore])
def test_steps_of_a_neurons_cells_are_spread_as_told(make):
    """An output spike potentiates rows that have spiked and depresses the others, each cell by a step of its own."""
    rows, sigma, alpha = 4000, 0.4, 0.01
    device = open_device(f"sim:rram?alpha={alpha}&c2c={sigma}&seed=6", rows=rows, cols=1, threads=1)
    core = make(device, Lif(threshold=0.4 * rows / 2), Stdp())
    core.present(SpikeTrain(np.linspace(1e-6, 2e-6, rows // 2), np.arange(rows // 2)), DURATION, True)
    core.flush()
    change = device.weights[:, 0] - 0.5
    spiked = np.arange(rows) < 0.8 * rows / 2
    for sign, moved in ((1, change[spiked]), (-1, change[~spiked & (np.arange(rows) >= rows // 2)])):
        factor = sign * moved / alpha
        assert factor.mean() == pytest.approx(1.0, abs=4 * sigma / np.sqrt(factor.size))
        assert factor.std() == pytest.approx(sigma, rel=4 / np.sqrt(2 * factor.size))
        assert stats.kstest((factor - 1) / sigma, "norm").pvalue > 1e-3


def test_weights_that_are_set_stay_where_no_pulse_is():
    """Cells at rest must not return to where noise has last left them."""
    device = open_device("sim:rram?c2c=0.3&alpha=0.01", rows=3, cols=2, threads=1)
    device.program(np.ones((3, 2)))
    weights = np.linspace(0.1, 0.9, 6).reshape(3, 2)
    device.set_weights(weights)
    one = np.zeros((3, 2), int)
    one[1, 0] = 1
    device.program(one)
    device.mvm(np.full(3, 0.1))
    assert np.array_equal((device.weights != weights), one == 1)
