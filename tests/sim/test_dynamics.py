"""Eqs 4 and 5 of Brivio et al. (2021): closed forms, quadrature over the weight, and as printed, over pulses."""

from math import atan, hypot, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread
from scipy.integrate import solve_ivp

from hil.backends import open_device
from sim.cells.dynamics import (
    INVESTIGATED,
    metrics,
    nonlinearity,
    potentiation,
    resolution,
    rows,
    save_dynamics_figure,
    trajectory,
)
from sim.cells.rram import RramParameters

LONG = 1e9
"""Pulses after which a soft-bound weight is taken to have arrived."""

by_name = pytest.mark.parametrize("entry", INVESTIGATED, ids=lambda entry: entry.name)


def named(name):
    return next(entry for entry in INVESTIGATED if entry.name == name)


def over_pulses(model, alpha, gamma, nstop):
    """(weight arrived at, eta, lambda) from eqs 1-5 as printed: the ODE and its integrals over n, nothing of `sim`."""
    if model == "lhb":
        rate, slope, end = (lambda w: alpha), (lambda w: 0.0), 1 / alpha
    else:
        end = LONG if model == "nlsb" else nstop
        exponent = np.inf if gamma == 1 else 1 / (gamma - 1)
        cut = np.exp(-alpha * end) if gamma == 1 else (1 + (gamma - 1) * alpha * end) ** -exponent
        ws = 1.0 if model == "nlsb" else 1 - cut

        def rate(w):
            return alpha / ws * max(1 - w * ws, 0.0) ** gamma

        def slope(w):
            return -alpha * gamma * max(1 - w * ws, 0.0) ** (gamma - 1)

    def grow(n, state):
        first = rate(state[0])
        second = slope(state[0]) * first
        return first, first**2 / alpha, abs(second) / (1 + first**2) ** 1.5 / alpha

    solved = solve_ivp(grow, (0, end), (0.0, 0.0, 0.0), method="LSODA", rtol=1e-10, atol=1e-13)
    w, squares, curvature = solved.y[:, -1]
    return w, 1 / (squares * alpha), 4 / pi * curvature * alpha


@by_name
def test_closed_forms_are_the_integrals_over_pulses(entry):
    arrived, eta, lam = over_pulses(entry.model, entry.alpha, entry.gamma, entry.nstop)
    assert arrived == pytest.approx(1, abs=5e-3 if entry.model == "nlsb" else 1e-8)
    assert metrics(entry.parameters) == pytest.approx((eta, lam), rel=1e-6, abs=1e-12)


@by_name
def test_quadrature_is_the_closed_form(entry):
    f = potentiation(entry.parameters)
    assert (resolution(f), nonlinearity(f)) == pytest.approx(metrics(entry.parameters), rel=1e-11, abs=1e-15)


@settings(deadline=None)
@given(
    model=st.sampled_from(["lhb", "nlsb", "nlhb"]),
    alpha=st.floats(1e-4, 1),
    gamma=st.one_of(st.just(1.0), st.floats(1, 20)),
    nstop=st.floats(2, 1e5),
)
def test_quadrature_is_the_closed_form_everywhere(model, alpha, gamma, nstop):
    parameters = RramParameters(model=model, alpha=alpha, gamma=gamma, nstop=nstop)
    f = potentiation(parameters)
    eta, lam = metrics(parameters)
    assert resolution(f) == pytest.approx(eta, rel=1e-10)
    assert nonlinearity(f) == pytest.approx(lam, rel=1e-9, abs=1e-11)


@settings(deadline=None, max_examples=15)
@given(alpha=st.floats(1e-3, 1), gamma=st.one_of(st.just(1.0), st.floats(1.01, 6)), nstop=st.floats(2, 3000))
def test_closed_form_of_nlhb_is_the_integral_over_pulses_everywhere(alpha, gamma, nstop):
    parameters = RramParameters(model="nlhb", alpha=alpha, gamma=gamma, nstop=nstop)
    assert metrics(parameters) == pytest.approx(over_pulses("nlhb", alpha, gamma, nstop)[1:], rel=1e-6)


@pytest.mark.parametrize("alpha", [1, 0.02, 0.002])
def test_linear_cell_has_as_many_levels_as_steps(alpha):
    parameters = RramParameters(model="lhb", alpha=alpha)
    f = potentiation(parameters)
    assert metrics(parameters) == (1 / alpha, 0)
    assert nonlinearity(f) == 0
    assert resolution(f) == pytest.approx(1 / alpha, rel=1e-12)


def test_a_weight_that_rises_and_falls_in_rate():
    def f(w):
        return 0.01 + 0.05 * np.sin(pi * w)

    assert resolution(f) == pytest.approx(1 / (0.01 + 0.1 / pi), rel=1e-12)
    assert nonlinearity(f) == pytest.approx(8 / pi * (0.06 / hypot(1, 0.06) - 0.01 / hypot(1, 0.01)), rel=1e-5)


def test_rate_that_vanishes_with_infinite_slope():
    def f(w):
        return 0.2 * np.sqrt(w * (1 - w))

    assert resolution(f) == pytest.approx(40 / pi, rel=1e-12)
    assert nonlinearity(f) == pytest.approx(8 / pi * 0.1 / hypot(1, 0.1), rel=1e-5)


def test_constant_rate_may_be_a_plain_number():
    assert (resolution(lambda w: 0.01), nonlinearity(lambda w: 0.01)) == pytest.approx((100, 0))


def test_wang_2016_needs_297_pulses_for_the_levels_of_the_paper():
    entry = named("Wang 2016")
    assert metrics(entry.parameters).eta == pytest.approx(268.0, abs=0.05)
    assert round(metrics(entry.parameters.model_copy(update={"nstop": 297})).eta) == entry.eta == 266


def test_most_efficient_dynamics_of_the_paper():
    entry = named("NL-HB 1")
    assert metrics(entry.parameters) == pytest.approx((89.8, 0.0463), rel=1e-3)
    eta, lam = metrics(entry.parameters.model_copy(update={"gamma": 3.13, "nstop": 511}))
    assert (round(eta), round(lam, 3)) == (entry.eta, entry.lam) == (90, 0.047)


@by_name
def test_what_the_text_says_of_eta(entry):
    if entry.eta is not None:
        assert metrics(entry.parameters).eta == pytest.approx(
            entry.eta, rel=0.01 if entry.name == "Wang 2016" else 2e-3
        )


@by_name
def test_curvature_along_the_arc_is_nearly_the_same(entry):
    f0, f1 = potentiation(entry.parameters)(np.array([0.0, 1.0]))
    assert metrics(entry.parameters).lam == pytest.approx(4 / pi * (atan(f0) - atan(f1)), rel=3e-4, abs=1e-15)


@by_name
def test_trajectory_follows_the_rate_from_bound_to_bound(entry):
    end = min(entry.pulses, 1e4)
    n = np.linspace(0, end, 5001)
    w = trajectory(entry.parameters, n)
    assert w[0] == 0
    assert w[-1] == pytest.approx(1, abs=0.2 if entry.model == "nlsb" else 1e-12)
    rate = np.broadcast_to(potentiation(entry.parameters)(w), w.shape)
    np.testing.assert_allclose(np.gradient(w, n)[1:-1], rate[1:-1], rtol=2e-3, atol=1e-9)


@by_name
def test_address_opens_the_device_of_the_row(entry):
    with open_device(entry.uri) as device:
        assert device.law.parameters == entry.parameters


def test_addresses_name_what_the_model_uses():
    assert named("NL-HB 1").uri == "sim:rram?model=nlhb&alpha=0.03&gamma=3&nstop=500"
    assert named("NL-SB 2").uri == "sim:rram?model=nlsb&alpha=0.006&gamma=2"
    assert named("L-HB 4").uri == "sim:rram?model=lhb&alpha=0.002"
    assert len({entry.uri for entry in INVESTIGATED}) == len(INVESTIGATED) == 14


def test_rows_carry_the_references_of_the_text():
    by_quantity = {row.text: row for row in rows()}
    assert len(by_quantity) == 28
    assert by_quantity["Wang 2016 eta"].reference == 266
    assert (by_quantity["NL-HB 1 eta"].reference, by_quantity["NL-HB 1 lambda"].reference) == (90, 0.047)
    assert by_quantity["NL-HB 2 eta"].reference is None
    assert "candidate" in by_quantity["NL-HB 2 lambda"].note


@pytest.mark.pictures
def test_figure_is_drawn(tmp_path):
    save_dynamics_figure(tmp_path / "dynamics.png")
    picture = imread(tmp_path / "dynamics.png")
    assert picture.shape[:2] == (845, 1170)
    assert picture[..., :3].std() > 0.05
