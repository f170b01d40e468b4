"""What the search stops at is no measurement: of every parameter of every model, in every output."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fitted_cells import CELLS

from sim.fitting import catalogue
from sim.fitting.advice import advice
from sim.fitting.data import train
from sim.fitting.estimate import Estimate
from sim.fitting.fitting import Noise, fit, steps
from sim.fitting.parameter import Parameter
from sim.fitting.report import details, rows

BEGIN = {"lhb": 0.3, "nlsb": 0.3, "nlhb": 0.3, "flca": 1e-3, "flca-volatile": 1e-3, "vteam": 0.4, "vteam-biolek": 0.4}
VOLTS = np.repeat([0.8, -0.9, 0.6, -1.0, 1.0, -0.7], 12)


def known(name):
    """A noisy train of a cell, the model on it with every parameter but its gain free, and the truth."""
    cell, state, _ = CELLS[name]
    truth = cell | {state: BEGIN[name]}
    volts = VOLTS if name.startswith("vteam") else np.repeat([0.9, -0.9, 0.9, -0.9], 18)
    if name.startswith("vteam"):
        truth |= {"k_on": -300.0, "k_off": 200.0, "alpha_on": 2.0, "alpha_off": 1.5}
    sign = 1.0 if name in ("lhb", "nlsb", "nlhb") else -1.0
    shape = 1e-5 * (1 + sign * 0.01 * (np.cumsum(volts) - np.cumsum(volts).min()))
    model = catalogue.model(name, train(volts, np.full(len(volts), 1e-3), np.abs(shape), rest=1e-3))
    g = model.curve(truth) * (1 + 2e-3 * np.random.default_rng(7).standard_normal(len(volts)))
    model = catalogue.model(name, train(volts, np.full(len(volts), 1e-3), g, rest=1e-3))
    model.hold({}, [p.name for p in model.parameters if p.held is not None and p.name != "A"])
    return model, truth


CASES = [(name, p.name) for name in CELLS for p in known(name)[0].parameters if p.name != "A"]


ELSEWHERE = {
    ("nlsb", "gamma_dep", "high"), ("nlsb", "g_min", "low"), ("nlsb", "w0", "high"), ("vteam", "v_on", "high"),
    ("vteam", "alpha_on", "high"), ("vteam-biolek", "v_on", "low"),
}  # fmt: skip
"""Where the narrowed search finds another minimum, inside its bounds."""


@pytest.mark.parametrize("side", ["low", "high"])
@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_a_search_that_stops_short_of_the_truth_is_no_measurement(name, parameter, side, monkeypatch):
    model, truth = known(name)
    value = truth[parameter]
    short = value + (0.2 if side == "low" else -0.2) * abs(value)
    model.parameters = tuple(
        replace(p, **{side: short}, ends=(False, False)) if p.name == parameter else p for p in model.parameters
    )
    monkeypatch.setattr(model, "starts", lambda: [truth])
    result = fit(model, Noise(2e-3), profile=False)
    (found,) = (e for e in result.estimates if e.parameter.name == parameter)
    if found.value != pytest.approx(short, rel=1e-3):
        assert (name, parameter, side) in ELSEWHERE or not found.told  # others make up for it, and that is told
        return
    assert found.stopped
    row = next(row for row in rows(result) if row.name == parameter)
    assert (row.value, row.std) == (f"at the bound {short:.4g}", None)
    assert f"at the bound {short:.4g} of the search, not measured" in row.note
    told = details(result)["parameters"][parameter]
    assert (told["error"], told["intervals"]) == (None, {})
    assert told["at_bound"] == {"of": "search", "bound": short}
    if not any(parameter in group for group in result.blind):
        assert any(
            sentence.startswith(f"{parameter} is at the bound") and "--fix" in sentence for sentence in advice(result)
        )
    json.dumps(details(result), allow_nan=False)


def test_most_parameters_are_stopped_on_both_sides():
    assert len(CASES) > 40
    assert len(ELSEWHERE) < 0.1 * 2 * len(CASES)


P = Parameter("x", "", 0.0, 20.0, "exponent", ends=(True, False))


@pytest.mark.parametrize(
    ("value", "error", "bound", "stopped"),
    [
        (20.0, 3e-14, 20.0, True),
        (20.0, np.inf, 20.0, True),
        (19.999, 4.0, 20.0, True),
        (19.99, np.inf, 20.0, True),
        (19.9, 0.01, None, False),
        (19.999, 1e-5, None, False),
        (10.0, 5.0, None, False),
        (0.0, 0.1, 0.0, False),
        (0.004, 0.1, 0.0, False),
        (0.03, 0.1, None, False),
    ],
)
def test_a_value_at_a_bound_is_known_by_its_error(value, error, bound, stopped):
    e = Estimate(P, value, error, {0.95: (0.0, 20.0)})
    assert (e.bound, e.stopped) == (bound, stopped)
    assert Estimate(replace(P, held=value), value, error, {}).bound is None


def test_an_interval_that_ends_with_the_search_is_open_and_one_that_ends_with_the_model_is_not():
    e = Estimate(P, 12.0, 6.0, {0.95: (0.0, 20.0)})
    assert (e.open(0.0), e.open(20.0), e.open(7.0)) == (False, True, False)
    assert not e.told
    assert Estimate(P, 12.0, 6.0, {0.95: (3.0, 20.0)}).told


# ---- progress


@pytest.mark.parametrize("profile", [True, False])
@pytest.mark.parametrize("name", ["lhb", "flca", "vteam"])
def test_a_fit_says_what_it_does_and_never_more_than_its_steps(name, profile):
    model, _ = known(name)
    told = []
    fit(model, Noise(2e-3), profile=profile, watch=lambda what, count: told.append((what, count)))
    done = sum(count for _, count in told)
    assert 5 < done <= steps(model, profile)
    words = {what.split(" ")[0] for what, _ in told}
    assert {"start", "best"} <= words
    assert ("search" in words) == (name == "vteam")
    assert ("interval" in words) == profile
    if profile:
        assert {f"interval of {p.name}" for p in model.free} <= {what for what, _ in told}
