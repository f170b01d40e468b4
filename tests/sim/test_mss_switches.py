"""Metastable switches one by one: their distribution in closed form, whatever the cuts; their mean; circuits."""

import numpy as np
import pytest
from scipy import stats

from hil import Waveform
from hil.backends import open_device
from hil.device import Unsupported
from hil.limits import LimitError
from sim.export.job import Export

CELLS = 4000
BETA = 1.602176634e-19 / (1.380649e-23 * 298.5)


def probabilities(v, width, tau=1e-4):
    """That a switch that is off is on after `width`, and that one that is on is off, from the two-state chain."""
    on, off = 1 / (1 + np.exp(-BETA * (v - 0.27))), 1 - 1 / (1 + np.exp(-BETA * (v + 0.27)))
    moved = -np.expm1(-(on + off) * width / tau)
    return on / (on + off) * moved, off / (on + off) * moved


def distribution(switches, begun, pulses):
    """Probability of 0..N switches on after (v, width) pulses: binomial draws of those on and those off."""
    p = np.zeros(switches + 1)
    p[begun] = 1.0
    for v, width in pulses:
        up, down = probabilities(v, width)
        after = np.zeros_like(p)
        for n, share in enumerate(p):
            stay = stats.binom.pmf(np.arange(n + 1), n, 1 - down)
            gain = stats.binom.pmf(np.arange(switches - n + 1), switches - n, up)
            after += share * np.convolve(stay, gain)
        p = after
    return p


def switches_on(device, switches):
    x = device.state("x").ravel() * switches
    assert np.abs(x - np.rint(x)).max() < 1e-9
    return np.rint(x).astype(int)


def fits(counts, expected):
    """p value of chi square, cells of fewer than five taken together."""
    kept = expected * counts.sum() >= 5
    seen = np.append(counts[kept], counts[~kept].sum())
    told = np.append(expected[kept], max(expected[~kept].sum(), 1e-12)) * counts.sum()
    use = told > 1
    return stats.chisquare(seen[use], told[use] * seen[use].sum() / told[use].sum()).pvalue


def held(v, width, rows, cols=1, pieces=1):
    """All rows at a voltage, measured in every piece."""
    lines = np.full((pieces, rows), v), np.zeros((pieces, cols))
    return Waveform(np.full(pieces, width / pieces), *lines, measure=np.ones(pieces, bool))


PULSES = [(0.25, 6e-5), (0.0, 1e-3), (-0.24, 3e-5), (0.3, 1e-5)]


@pytest.mark.parametrize("pulses", [PULSES[:1], PULSES, [(0.0, 40.0)]])
def test_the_number_of_switches_on_has_the_distribution_of_binomial_draws(pulses):
    with open_device("sim:mss-switches?number=12&x0=0.25", rows=CELLS) as device:
        assert (switches_on(device, 12) == 3).all()
        for v, width in pulses:
            device.apply(held(v, width, CELLS))
        counts = np.bincount(switches_on(device, 12), minlength=13)
    expected = distribution(12, 3, pulses)
    assert expected.sum() == pytest.approx(1)
    assert fits(counts, expected) > 1e-3
    assert fits(counts, distribution(12, 3, [*pulses, (0.25, 2e-5)])) < 1e-6  # which the test can tell from another


def test_a_pulse_that_is_cut_does_the_same_to_the_last_bit():
    ends, charges = [], []
    for pieces in (1, 7):
        with open_device("sim:mss-switches?c2c=0.3&d2d=0.2", rows=40, cols=2) as device:
            charges.append(device.apply(held(0.26, 2.1e-4, 40, 2, pieces)).charge.sum(axis=0))
            ends.append(device.state("x"))
    assert ends[0].tolist() == ends[1].tolist()
    assert charges[1] == pytest.approx(charges[0], rel=1e-12)
    assert len(np.unique(ends[0])) > 30


@pytest.mark.parametrize(("switches", "cells"), [(100, 3000), (10_000, 100)])
def test_the_mean_is_that_of_very_many_and_the_deviation_falls_with_the_root(switches, cells):
    v, width = 0.26, 7e-5
    with open_device(f"sim:mss-switches?number={switches}", rows=cells) as device:
        answer = device.apply(held(v, width, cells))
        x, energy = device.state("x").ravel(), answer.energy[0] / cells
    with open_device("sim:mss") as mean:
        whole = mean.apply(Waveform.pulse(v, width=width, measure=True))
        expected = mean.state("x")[0, 0]
    variance = expected * (1 - expected) / switches
    error = np.sqrt(variance / cells)
    assert x.mean() == pytest.approx(expected, abs=4 * error)
    assert x.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / cells))
    assert energy == pytest.approx(whole.energy[0], rel=4 * error)


def test_a_diode_beside_the_switches_conducts_as_in_the_mean():
    told = "phi=0.6&a_f=2e-5&b_f=4&a_r=1e-5&b_r=2&x0=0.5"
    v = np.array([[-0.4], [-0.1], [0.2], [0.5]])
    with open_device(f"sim:mss-switches?{told}") as device, open_device(f"sim:mss?{told}") as mean:
        assert device.mvm(v) == pytest.approx(mean.mvm(v), rel=1e-12)


def test_at_rest_the_switches_of_a_cell_forget_as_they_do_in_the_mean():
    """Correlation over time of a cell in equilibrium: e^(-2 P t / tau), as the retention of the mean."""
    p = 1 / (1 + np.exp(BETA * 0.27))
    with open_device("sim:mss-switches?number=50&x0=0.5", rows=CELLS) as device:
        device.apply(held(0.0, 20.0, CELLS))
        before = device.state("x").ravel()
        device.apply(held(0.0, 1.0, CELLS))
        seen = np.corrcoef(before, device.state("x").ravel())[0, 1]
    assert before.var() == pytest.approx(0.25 / 50, rel=0.12)
    assert seen == pytest.approx(np.exp(-2 * p / 1e-4), abs=4 / np.sqrt(CELLS))


def test_what_is_drawn_depends_on_seed_and_cell_and_goes_on_from_a_snapshot():
    pulse = held(0.25, 8e-5, 30)

    def played(device, times=1):
        for _ in range(times):
            device.apply(pulse)
        return device.state("x").tolist()

    with open_device("sim:mss-switches", rows=30, seed=3) as device:
        first = played(device)
        kept = device.snapshot()
        second = played(device)
        device.restore(kept)
        assert played(device) == second
        device.reset()
        assert played(device) == first
    with open_device("sim:mss-switches", rows=30, seed=3, threads=1) as again:
        again.restore(kept)
        assert played(again) == second
    with open_device("sim:mss-switches", rows=30, seed=4) as other:
        assert played(other) != first
    assert len({x for (x,) in first}) > 10


def test_cells_between_floating_lines_are_those_of_the_mean_within_their_chance(monkeypatch):
    """Two cells in series through a floating column: voltages are solved after every flip."""
    wave = Waveform([2e-4], [[0.8, 0.0]], [[np.nan]], measure=[True])
    with open_device("sim:mss-switches?number=400&x0=0.3", rows=2) as device:
        answer = device.apply(wave)
        x, flips = device.state("x").ravel(), device.state("flips").sum()
    with open_device("sim:mss?x0=0.3", rows=2) as mean:
        whole = mean.apply(wave)
        expected = mean.state("x").ravel()
    assert 200 < flips < 1000
    assert x == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(400))
    assert answer.energy == pytest.approx(whole.energy, rel=0.05)
    monkeypatch.setattr("sim.crossbar.coupled.MOST_STEPS", 100)
    with open_device("sim:mss-switches?number=400&x0=0.3", rows=2) as device:
        with pytest.raises(LimitError, match="jump more than 100 times"):
            device.apply(wave)
        assert device.state("x").ravel().tolist() == [0.3, 0.3]


def test_limits_are_told():
    with open_device("sim:mss-switches?number=1000000&x0=0.5") as device:
        with pytest.raises(LimitError, match="flips more than 20,000,000 of its 1,000,000 switches"):
            device.apply(Waveform.rest(1e3))
        assert device.state("x")[0, 0] == 0.5
    with pytest.raises(Unsupported, match=r"flip by chance.*sim:mss"):
        Export.of("sim:mss-switches").text("spice")
