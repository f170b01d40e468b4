"""Telegraph and 1/f noise: their distributions and spectra against closed forms, in time and however it is cut."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from sim.crossbar.nonideal.flicker import FlickerNoise, FlickerParameters, rates
from sim.crossbar.nonideal.part import CellGroup
from sim.crossbar.nonideal.rtn import RtnParameters, TelegraphNoise

TRAP = RtnParameters(rtn=0.2, rtn_empty=3e-3, rtn_full=1e-3)
RATE, FULL = 1 / 3e-3 + 1 / 1e-3, 0.25


def cells(rows=60, cols=50, seed=4):
    return CellGroup((cols, rows), seed, 1e-6, 1e-4)


def spectrum(samples, dt):
    """One-sided spectral density of (T, ...) samples, 1/Hz, averaged over the rest, and frequencies; Hann window."""
    window = np.hanning(len(samples)).reshape(-1, *[1] * (samples.ndim - 1))
    power = 2 * dt / (window**2).sum() * np.abs(np.fft.rfft(window * samples, axis=0)) ** 2
    return np.fft.rfftfreq(len(samples), dt)[1:-1], power[1:-1].reshape(len(power) - 2, -1).mean(axis=1)


def test_a_trap_is_full_for_its_part_of_the_time():
    noise = TelegraphNoise(TRAP, cells())
    full = np.array([noise.at(t) for t in (0.0, 0.1, 7.3, 1e4)]) < 1
    assert full.mean() == pytest.approx(FULL, abs=4 * np.sqrt(FULL * (1 - FULL) / full.size))
    assert set(np.unique(noise.at(0.5))) == {0.8, 1.0}


@pytest.mark.parametrize("dt", [1e-4, 7e-4, 3e-3])
@pytest.mark.parametrize("since", [0.0, 0.2, 1e5])
def test_two_looks_at_a_trap_are_correlated_as_a_chain_of_two_states_is(since, dt):
    noise = TelegraphNoise(TRAP, cells(200, 200))
    one, other = noise.at(since) < 1, noise.at(since + dt) < 1
    expected = 2 * FULL * (1 - FULL) * (1 - np.exp(-RATE * dt))
    assert (one != other).mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / one.size))


def test_times_in_a_state_are_exponential():
    noise, dt = TelegraphNoise(TRAP, cells(1, 8)), 2e-5
    full = np.array([noise.at(dt * k).ravel() for k in range(60_000)]) < 1
    for state, mean in ((True, 1e-3), (False, 3e-3)):
        times = np.concatenate([_runs(column == state) for column in full.T]) * dt
        assert times.mean() == pytest.approx(mean, rel=4 / np.sqrt(len(times)) + dt / mean)
        assert times.std() == pytest.approx(mean, rel=8 / np.sqrt(len(times)) + dt / mean)


def _runs(state):
    """Lengths of all stretches of True, but for those at the ends."""
    edges = np.flatnonzero(np.diff(state.astype(int)))
    starts = edges[~state[edges]]
    return np.array([edges[np.searchsorted(edges, s) + 1] - s for s in starts if s < edges[-1]])


def test_the_spectrum_of_a_trap_is_a_lorentzian():
    dt = 1e-4
    noise = TelegraphNoise(TRAP, cells(20, 20))
    samples = np.array([noise.at(k * dt).ravel() for k in range(2048)])
    f, power = spectrum(samples - samples.mean(), dt)
    lorentzian = 4 * 0.2**2 * FULL * (1 - FULL) * RATE / (RATE**2 + (2 * np.pi * f) ** 2)
    slow = f < 0.05 / dt  # beyond, sampling folds the spectrum back
    ratio = power[slow] / lorentzian[slow]
    bands = [band.mean() for band in np.array_split(ratio, 8)]
    assert bands == pytest.approx(np.ones(8), abs=0.08)
    rho = np.exp(-RATE * dt)
    folded = 2 * dt * 0.2**2 * FULL * (1 - FULL) * (1 - rho**2) / (1 - 2 * rho * np.cos(2 * np.pi * f * dt) + rho**2)
    assert [b.mean() for b in np.array_split(power / folded, 8)] == pytest.approx(np.ones(8), abs=0.03)


def test_cells_differ_in_their_times_and_in_whether_they_have_a_trap():
    some = RtnParameters(rtn=0.2, rtn_spread=1.0, rtn_cells=0.3)
    noise = TelegraphNoise(some, cells())
    ever = np.min([noise.at(t) for t in np.arange(400) * 0.1], axis=0) < 1
    assert ever.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / ever.size))


def test_the_spectrum_of_flicker_noise_falls_as_one_over_f():
    low, high, dt, strength = 0.1, 500.0, 1e-3, 0.01  # more would be folded back by sampling at 1 kHz
    noise = FlickerNoise(FlickerParameters(noise_1f=strength, noise_1f_low=low, noise_1f_high=high), cells(16, 16))
    samples = np.log([noise.at(k * dt).ravel() for k in range(2048)])
    f, power = spectrum(samples - samples.mean(axis=0), dt)
    band = (f > 2.0) & (f < 0.06 / dt)
    slope, level = np.polyfit(np.log(f[band]), np.log(power[band]), 1)
    assert slope == pytest.approx(-1.0, abs=0.05)
    assert np.exp(level) == pytest.approx(strength**2, rel=0.1)


def test_flicker_noise_is_correlated_as_its_fluctuators_are():
    parameters = FlickerParameters(noise_1f=0.01, noise_1f_low=1e-2, noise_1f_high=1e3)
    noise, rate = FlickerNoise(parameters, cells(300, 200)), rates(parameters)
    variance = 0.01**2 * np.log(10) / 2
    one = np.log(noise.at(3.0))
    assert one.mean() == pytest.approx(0, abs=5 * one.std() / np.sqrt(one.size))
    for dt in (0.0, 1e-3, 0.1, 10.0):
        expected = variance * np.exp(-rate * dt).sum()
        spread = 4 * variance * len(rate) / np.sqrt(one.size)
        assert (one * np.log(noise.at(3.0 + dt))).mean() == pytest.approx(expected, abs=1.5 * spread)
    assert variance * len(rate) == pytest.approx(0.01**2 * np.log(1e5), rel=0.15)


@pytest.mark.parametrize("uri", ["sim:rram?rtn=0.3&rtn_empty=2&rtn_full=3", "sim:stanford?gap0=5e-10&noise_1f=0.02"])
def test_waiting_may_be_cut_and_looked_at(uri):
    with open_device(uri, rows=7, cols=5) as whole, open_device(uri, rows=7, cols=5) as cut:
        whole.apply(Waveform.rest(8.0, rows=7, cols=5))
        for part in (1.0, 0.5, 2.5, 4.0):
            cut.apply(Waveform.rest(part, rows=7, cols=5))
            cut.read()
        assert np.array_equal(whole.read(), cut.read())
        assert np.array_equal(whole.read(), whole.read())


def test_reads_products_and_measured_pulses_see_the_same_noise():
    uri = "sim:rram?rows=3&cols=2&rtn=0.4&rtn_empty=1&rtn_full=1&noise_1f=0.02&noise_1f_high=1"
    with open_device(uri) as device:
        device.apply(Waveform.rest(4.0, rows=3, cols=2))
        seen = device.read()
        assert not np.allclose(seen, device.conductance)
        assert device.mvm(np.eye(3) * 0.1) == pytest.approx(0.1 * seen)
        assert device.mvm(np.eye(2) * 0.1, reverse=True) == pytest.approx(0.1 * seen.T)
        pulse = Waveform.pulse([0.1, 0, 0], [0, 0], width=1e-9, measure=True)
        answer = device.apply(pulse)
        assert answer.currents[0] == pytest.approx(0.1 * device.read()[0])
        assert answer.row_currents[0, 0] == pytest.approx(-answer.currents.sum())
        assert answer.charge[0] == pytest.approx(1e-10 * device.conductance[0])


def test_a_floating_column_carries_no_noise():
    with open_device("sim:rram?rows=3&cols=2&rtn=0.4&noise_1f=0.05") as device:
        answer = device.apply(Waveform.pulse([0.1, 0, 0.05], [0, np.nan], width=1e-3, measure=True))
    assert answer.currents[0, 1] == pytest.approx(0, abs=1e-15)
    assert answer.currents.sum() + answer.row_currents.sum() == pytest.approx(0, abs=1e-15)


def test_an_instrument_sees_the_noise_of_the_cell():
    trap = "sim:rram?rtn=0.3%26rtn_empty=3e-3%26rtn_full=3e-3"
    with open_device(f"visa:virtual?dut={trap}") as bench:
        seen = np.array([bench.read()[0, 0] for _ in range(30)])
    levels = np.unique(np.round(seen / seen.max(), 2))
    assert levels == pytest.approx([0.7, 1.0], abs=0.02)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("rtn=1", "rtn"),
        ("rtn=0.1&rtn_full=0", "rtn_full"),
        ("rtn_full=1", "rtn_full = 1.0: give rtn as well"),
        ("rtn=0.1&rtn_cells=2", "rtn_cells"),
        ("noise_1f=0.5", "noise_1f"),
        ("noise_1f=0.01&noise_1f_low=10&noise_1f_high=1", "noise_1f_low 10 Hz must be below noise_1f_high 1 Hz"),
        ("noise_1f_low=1", "noise_1f_low = 1.0: give noise_1f as well"),
    ],
)
def test_what_makes_no_noise_is_refused(given, told):
    with pytest.raises(InputError, match="sim:rram") as refused:
        open_device(f"sim:rram?{given}")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
