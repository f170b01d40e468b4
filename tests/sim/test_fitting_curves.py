"""Windows and paired pulses: against scipy, against what made them, and the rule that plays a window."""

import tomllib

import numpy as np
import pytest
from scipy.optimize import curve_fit

from hil.backends import open_device
from hil.errors import InputError
from hil.spiking.rules import PairStdp
from hil.training.wta_settings import WtaConfig
from sim.fitting import ppf
from sim.fitting.playing import PlayedOnSpikes, as_waveforms, play_on_spikes, pulses_for
from sim.fitting.window import fit_window

DELAYS = np.geomspace(2e-3, 80e-3, 12)
DELAYS = np.concatenate([-DELAYS[::-1], DELAYS])


def window(noise=0.0, seed=1, plus=0.45, minus=-0.28):
    change = np.where(DELAYS > 0, plus * np.exp(-DELAYS / 0.017), minus * np.exp(-np.abs(DELAYS) / 0.034))
    return change + noise * np.random.default_rng(seed).standard_normal(len(DELAYS))


def test_both_sides_of_a_window_are_those_of_scipy_and_intervals_hold():
    hits = []
    for seed in range(25):
        found = fit_window(DELAYS, window(0.01, seed), "x")
        for fit, sign, truth in ((found.plus, 1, (0.45, 0.017)), (found.minus, -1, (-0.28, 0.034))):
            side = sign * DELAYS > 0
            expected, covariance = curve_fit(
                lambda t, a, tau: a * np.exp(-t / tau), np.abs(DELAYS[side]), window(0.01, seed)[side], truth
            )
            assert [fit["A"].value, fit["tau"].value] == pytest.approx(expected, rel=1e-4)
            assert [fit["A"].error, fit["tau"].error] == pytest.approx(np.sqrt(np.diag(covariance)), rel=0.02)
            for name, value in zip(("A", "tau"), truth, strict=True):
                low, high = fit[name].intervals[0.95]
                hits.append(low <= value <= high)
    assert 0.88 <= np.mean(hits) <= 0.99


def test_paired_pulses_give_back_their_time_constant_and_amplitude():
    t = np.geomspace(5e-3, 1.28, 9)
    fit = ppf.fit_pairs(t, 1.0 + 0.6 * np.exp(-t / 0.08), "x")
    rows = {row.name: row for row in ppf.rows(fit)}
    assert rows["tau"].value == pytest.approx(0.08, rel=1e-4)
    assert rows["C"].value == pytest.approx(0.6, rel=1e-4)
    assert rows["D = 1 / tau"].value == pytest.approx(12.5, rel=1e-4)
    with pytest.raises(InputError, match="3 points cannot tell 3 parameters"):
        ppf.fit_pairs(t[:3], np.array([1.5, 1.2, 1.0]), "x")


def test_ratios_that_do_not_change_are_told_to_be_a_constant():
    t = np.geomspace(5e-3, 1.28, 20)
    fit = ppf.fit_pairs(t, 1.0 + 0.01 * np.random.default_rng(4).standard_normal(20), "x")
    assert fit.over_constant < 6


def test_the_rule_asks_for_the_pulses_that_make_the_window_on_that_device():
    found = fit_window(DELAYS, window(), "x")
    played = play_on_spikes(found, "sim:rram?alpha=0.01")
    assert isinstance(played, PlayedOnSpikes)
    config = WtaConfig.model_validate(tomllib.loads(played.toml("from a test")))
    rule = config.stdp.learning_rule()
    assert isinstance(rule, PairStdp)
    assert (rule.tau_plus, rule.tau_minus) == pytest.approx((0.017, 0.034), rel=1e-3)
    with open_device("sim:rram?alpha=0.01") as device:
        for delay in DELAYS:
            windows = rule.potentiating if delay > 0 else rule.depressing
            count = sum(abs(delay) <= w for w in windows) * int(np.sign(delay))
            device.reset()
            before = device.read()[0, 0]
            device.program([[count]])
            # half a pulse of rounding, 0.01 of the window of which the cell is at the middle
            assert device.read()[0, 0] / before - 1 == pytest.approx(window()[delay == DELAYS][0], abs=0.011)
    assert config.code.kind == "latency"
    assert config.code.duration == config.neuron.inhibition == pytest.approx(1.5 * 0.017, rel=1e-3)


def test_a_window_that_no_rule_plays_is_refused_in_a_sentence():
    assert "swap pre and post" in play_on_spikes(fit_window(DELAYS, -window(), "x"), "sim:rram")
    one = fit_window(DELAYS[DELAYS > 0], window()[DELAYS > 0], "x")
    assert one.minus is None and "side -: 0 delays" in one.doubts[0]
    assert "one side" in play_on_spikes(one, "sim:rram")
    with pytest.raises(InputError, match="tell no window"):
        fit_window(DELAYS[:2], window()[:2], "x")
    small = play_on_spikes(fit_window(DELAYS, window(), "x"), "sim:rram?alpha=0.0001")
    assert "take a device with larger steps" in small.notes[0]


def test_pulses_for_a_change_are_counted_between_whole_ones():
    with open_device("sim:rram?alpha=0.01&g_min=1e-6&g_max=1e-4") as device:
        count, reached = pulses_for(device, 0.45)
    assert (count, reached) == (pytest.approx(0.45 * 50.5 / 0.99), 0.45)


def test_waveforms_are_for_windows_that_change_their_sign_after_the_input():
    assert "cannot play it" in as_waveforms(fit_window(DELAYS, window(), "x"))
    both = np.where(DELAYS > 0.02, -0.1, window())
    assert "target_delay" in as_waveforms(fit_window(DELAYS, both, "x")._replace(plus=None))
