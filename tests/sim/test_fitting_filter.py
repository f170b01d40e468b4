"""The filter that tells cycle-to-cycle spread from read noise, against closed forms and simulated arrays."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from hil.backends import open_device
from hil.waveform import Waveform
from sim.fitting import catalogue
from sim.fitting.data import joined, train
from sim.fitting.filters import Spread, _within
from sim.fitting.likelihood import CellLikelihood, climb, deviance

CELLS = {
    "lhb": ({"model": "lhb", "alpha": 0.02, "g_min": 5e-6, "g_max": 8e-5, "w0": 0.1}, "rram", 1.2),
    "nlhb": ({"model": "nlhb", "alpha": 0.05, "gamma": 3.0, "nstop": 60.0, "g_min": 5e-6, "g_max": 8e-5, "w0": 0.02},
             "rram", 1.2),
    "vteam": ({"v_on": -0.5, "v_off": 0.5, "k_on": -30.0, "k_off": 30.0, "alpha_on": 1.0, "alpha_off": 1.0,
               "r_on": 1e4, "r_off": 1e5, "x0": 0.9}, "vteam", -1.0),
    "flca": ({"A": 1.0, "D": 20.0, "R": (1e4, 4e7), "phi0": 1e-3}, "flca", -1.0),
}  # fmt: skip


def cells(name, count, seed, pulses=40, **spread):
    """Trains of an array's cells, read after every pulse, as the array itself gives them."""
    parameters, kind, first = CELLS[name]
    volts = np.repeat([first, -first, first], pulses)
    with open_device(f"sim:{kind}", rows=count, cols=1, seed=seed, **spread, **parameters) as device:
        g = []
        for v in volts:
            device.apply(Waveform.samples(np.full((1, count), v), np.zeros((1, 1)), dwell=1e-3))
            g.append(device.read()[:, 0])
    return [train(volts, np.full(len(volts), 1e-3), np.array(g)[:, c]) for c in range(count)]


def truth(name):
    """Parameters of the cell as the model calls them."""
    values = dict(CELLS[name][0])
    if "R" in values:
        values |= {f"R{n}": r for n, r in enumerate(values.pop("R"))}
    values |= {f"{key}_dep": values[key] for key in ("alpha", "gamma", "nstop") if key in values}
    return values


@pytest.mark.parametrize(
    ("mean", "deviation"), [(0.5, 0.05), (0.02, 0.03), (-0.1, 0.04), (1.02, 0.2), (0.5, 2.0), (-9, 1.0)]
)
def test_moments_of_a_normal_state_between_its_bounds(mean, deviation):
    """Against numerical integration."""
    x = np.linspace(mean - 12 * deviation, mean + 12 * deviation, 400_001)
    weight = norm.pdf(x, mean, deviation) * (x[1] - x[0])
    held = np.clip(x, 0.0, 1.0)
    expected = float(weight @ held)
    variance = float(weight @ (held - expected) ** 2)
    assert _within(mean, deviation**2, 0.0, 1.0) == pytest.approx((expected, variance), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("c2c", [0.0, 0.5])
def test_of_equal_steps_away_from_the_bounds_it_is_the_exact_likelihood(c2c):
    """Readings less the first are normal numbers of covariance c2c^2 step^2 min(i, j) + floor^2 (1 + (i = j))."""
    step, low, high, floor, count = 0.01, 1e-6, 1e-4, 3e-8, 30
    rng = np.random.default_rng(1)
    w = 0.3 + np.cumsum(step * (1.0 + c2c * rng.standard_normal(count)))
    g = low + w * (high - low) + floor * rng.standard_normal(count)
    m = train(np.full(count, 1.2), np.full(count, 1e-3), g)
    values = {"alpha": step, "g_min": low, "g_max": high, "w0": 0.3}
    likelihood = CellLikelihood(catalogue.model("lhb", m), values, floor)
    found = deviance(likelihood.evaluate(likelihood.at, Spread(c2c, 0.0)))
    n = np.arange(1, count)
    covariance = (c2c * step * (high - low)) ** 2 * np.minimum.outer(n, n) + floor**2 * (1.0 + np.eye(count - 1))
    exact = multivariate_normal(n * step * (high - low), covariance, allow_singular=False).logpdf(g[1:] - g[0])
    assert found == pytest.approx(-2 * exact - (count - 1) * np.log(2 * np.pi), abs=0.02)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("c2c", [0.0, 0.1])
def test_at_the_truth_what_readings_are_off_by_is_white_and_as_large_as_it_says(name, c2c):
    standard = []
    for m in cells(name, 6, 3, c2c=c2c, read_noise=0.005):
        likelihood = CellLikelihood(catalogue.model(name, m), truth(name))
        off, total = likelihood.evaluate(likelihood.at, Spread(c2c, 0.005))
        assert np.isnan(off[0]) and np.isfinite(off[1:]).all()
        standard.append(off[1:] / np.sqrt(total[1:]))
    z = np.array(standard)
    assert abs(z.mean()) < 0.15
    assert z.std() == pytest.approx(1.0, abs=0.12)
    assert abs(np.mean(z[:, 1:] * z[:, :-1])) < 0.15
    blind = [
        CellLikelihood(catalogue.model(name, m), truth(name)) for m in cells(name, 2, 3, c2c=0.3, read_noise=0.005)
    ]
    assert all(
        deviance(c.evaluate(c.at, Spread(0.3, 0.005))) < deviance(c.evaluate(c.at, Spread(0.0, 0.005))) for c in blind
    )


def test_every_stretch_begins_with_its_first_reading_and_a_cell_has_its_factors():
    first, second = cells("nlhb", 2, 5, d2d=0.3, d2d_r=0.2, read_noise=0.001)
    one = CellLikelihood(catalogue.model("nlhb", first), truth("nlhb"))
    both = CellLikelihood(catalogue.model("nlhb", joined([first, first], "twice")), truth("nlhb"))
    spread = Spread(0.0, 0.001, 1.1)
    off, total = both.evaluate(both.at, spread, 0.9)
    alone = one.evaluate(one.at, spread, 0.9)
    assert np.array_equal(off, np.tile(alone[0], 2), equal_nan=True)
    assert np.array_equal(total, np.tile(alone[1], 2), equal_nan=True)
    with open_device("sim:rram", rows=2, seed=5, d2d=0.3, d2d_r=0.2, **CELLS["nlhb"][0]) as device:
        gain, scale = device.sensitivity[:, 0], (5e-6 + 0.02 * 7.5e-5) / device.conductance[:, 0]
    for own, m in enumerate((first, second)):
        likelihood = CellLikelihood(catalogue.model("nlhb", m), truth("nlhb"))
        top = climb(
            lambda z, of=likelihood: of.evaluate(of.at, Spread(0.0, 0.001, float(np.exp(z[0]))), float(np.exp(z[1]))),
            np.zeros(2), np.full(2, -2.0), np.full(2, 2.0),
        )  # fmt: skip
        assert np.exp(top.at) == pytest.approx([gain[own], scale[own]], rel=2e-3)
        assert np.abs(top.at - np.log([gain[own], scale[own]])).max() < 4 * np.sqrt(np.diag(top.covariance)).max()
