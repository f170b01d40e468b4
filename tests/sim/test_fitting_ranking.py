"""Many models in one ranking: laws that lose clearly are searched coarsely, and neither winner nor numbers change."""

import numpy as np
import pytest
from law_sweeps import SWEEPS, played

from sim.fitting import catalogue
from sim.fitting.data import joined, sweep, train
from sim.fitting.fitting import fit
from sim.fitting.ranking import MANY, NEAR, SHORT, hopeless, ranked, surveyed_only
from sim.fitting.solving import solve


def told_nothing(progress, title):
    return lambda what, count: progress.advance(count)


def pulses():
    """A train of a cell with hard bounds, 1 % noise."""
    rng, w, g = np.random.default_rng(3), 0.05, []
    volts = np.r_[np.full(30, 1.2), np.full(30, -1.4)]
    for v in volts:
        w += 0.08 * np.exp(-3.0 * w) if v > 0 else -0.08 * np.exp(-3.0 * (1 - w))
        g.append((5e-6 + 7e-5 * w) * (1 + 0.01 * rng.standard_normal()))
    return train(volts, np.full(60, 1e-4), g)


def ranking(measurement, names):
    models = [catalogue.model(name, measurement) for name in names]
    for m in models:
        m.thorough = False
    return models, ranked(models, None, "linear", False, told_nothing)


def test_a_law_that_loses_clearly_is_not_searched_and_the_winner_is_as_if_alone():
    m = pulses()
    models, fits = ranking(m, ("nlhb", "ion-drift"))
    alone = fit(catalogue.model("nlhb", m), profile=False)
    assert fits[0].model.name == "nlhb" and not fits[0].surveyed
    assert fits[0].values == alone.values and fits[0].aicc == alone.aicc
    assert fits[1].surveyed and fits[1].r_squared < 0.99
    assert models[1].curves < 1200
    ((name, sentence),) = surveyed_only(fits).items()
    assert name == "ion-drift" and "--model ion-drift" in sentence


@pytest.mark.slow
def test_of_many_models_those_near_the_best_are_profiled_and_the_best_as_if_alone():
    m = pulses()
    models = [catalogue.model(name, m) for name in ("flca-volatile", "lhb", "nlsb", "nlhb")]
    fits = ranked(models, None, "linear", True, told_nothing)
    alone = fit(catalogue.model("nlhb", m))
    assert [f.model.name for f in fits if f.profiled] == ["nlhb", "nlsb"]
    assert [f.aicc - fits[0].aicc <= NEAR for f in fits] == [True, True, False, False]
    assert fits[0].values == alone.values
    assert [e.intervals for e in fits[0].estimates] == [e.intervals for e in alone.estimates]


def test_a_law_that_a_survey_finds_near_the_leader_is_searched_to_its_end():
    measurement = played("threshold", 1, 120)
    _, fits = ranking(measurement, ("lhb", "threshold"))
    assert fits[0].model.name == "threshold" and not fits[0].surveyed
    alone = catalogue.model("threshold", measurement)
    alone.thorough = False
    assert fits[0].values == fit(alone, profile=False).values


def test_what_is_hopeless_is_judged_by_what_a_search_could_still_gain():
    m = pulses()
    leader, near, far = (fit(catalogue.model(name, m), profile=False) for name in ("nlhb", "nlsb", "flca-volatile"))
    gain = 2 * len(m) * np.log(SHORT)
    assert near.aicc - leader.aicc < gain < far.aicc - leader.aicc
    assert hopeless(far, leader) and not hopeless(near, leader) and not hopeless(far, far)


def test_a_survey_takes_few_evaluations():
    counted = [0]

    def residuals(x):
        counted[0] += 1
        return np.array([x[0] - 1.0, 10 * (x[1] - x[0] ** 2), 0.1 * x[1]])

    from sim.fitting.parameter import Parameter

    free = (Parameter("a", "", -5.0, 5.0, "a"), Parameter("b", "", -5.0, 5.0, "b"))
    starts = [{"a": -1.2, "b": 1.0}]
    whole = solve(free, residuals, starts, 3, profile=False)
    thorough, counted[0] = counted[0], 0
    survey = solve(free, residuals, starts, 3, profile=False, survey=True)
    assert counted[0] < 0.5 * thorough and survey.chi_square >= whole.chi_square


@pytest.mark.parametrize("name", ["ion-drift", "team"])
def test_any_law_is_searched_on_several_stretches_each_with_its_own_start(name):
    """A KeyError 'w0_2' once: the search knew the first start alone."""
    parts = [played(name, seed, 60) for seed in (1, 2)]
    model = catalogue.model(name, joined(parts, "two loops"))
    model.survey = True
    begun = next(iter(model.starts()))
    assert set(model.states) <= begun.keys() and len(model.states) == 2
    assert np.isfinite(model.curve(begun)).all()


def test_pulse_steps_are_searched_as_a_law_on_several_loops():
    t = 0.02 * np.arange(1, 81)
    v = 1.5 * np.sin(2 * np.pi * t / 1.6)
    g = 1e-5 + 4e-5 / (1 + np.exp(-6 * np.sin(2 * np.pi * (t - 0.3) / 1.6)))
    loops = joined([sweep(t, v, g * v), sweep(t, v, g * v)], "two loops")
    model = catalogue.model("rram", loops)
    model.survey = True
    assert {"w0", "w0_2"} <= fit(model, profile=False).values.keys()


def test_a_law_that_a_glance_would_drop_is_looked_at_longer():
    """Stanford's own sweep went to another law once: ten parameters are more than a glance finds."""
    measurement, clean = played("stanford", 1, 160), played("stanford", None, 160)
    glance, longer = (catalogue.model("stanford", measurement) for _ in range(2))
    glance.survey, longer.survey = 1, 2
    first, second = (fit(m, profile=False) for m in (glance, longer))
    own = float(np.sum(((measurement.conductance - clean.conductance) / first.uncertainty) ** 2))
    assert first.surveyed and second.surveyed and len(second.names) > MANY
    assert first.chi_square > 100.0 * own and second.chi_square < 1.5 * own


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", list(SWEEPS))
def test_among_all_laws_the_winner_is_that_of_whole_searches(name, seed):
    measurement = played(name, seed, 160)
    models, _ = catalogue.applicable(measurement)
    quick = ranked(models, None, "linear", False, told_nothing)
    best = quick[0]
    assert not best.surveyed
    for f in quick:
        if f.surveyed:
            assert fit(f.model, profile=False).aicc > best.aicc, f.model.name
