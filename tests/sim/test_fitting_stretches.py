"""A train that begins anew is fitted with a start of its own, and together with the others as one cell."""

import numpy as np
import pytest

from hil.errors import InputError
from sim.fitting import catalogue
from sim.fitting.data import decay, joined, train
from sim.fitting.descent import derivative
from sim.fitting.fitting import Noise, fit
from sim.fitting.solving import box_around

CELL = {"alpha": 0.05, "gamma": 3.0, "nstop": 60.0, "g_min": 5e-6, "g_max": 8e-5}
DEPRESSED = {f"{name}_dep": CELL[name] for name in ("alpha", "gamma", "nstop")}
STARTS = (0.05, 0.5, 0.9)
VOLTS = np.repeat([1.2, -1.2], 60)


def stretches(noise=0.01, seed=0, volts=VOLTS):
    """Three trains of one cell, each from where nobody knows how the cell came."""
    rng, parts = np.random.default_rng(seed), []
    for w0 in STARTS:
        rising = train(volts, np.full(len(volts), 1e-4), 1e-6 * (1 + np.abs(np.cumsum(np.sign(volts)))))
        g = catalogue.model("nlhb", rising).curve(CELL | DEPRESSED | {"w0": w0})
        parts.append(train(volts, np.full(len(volts), 1e-4), g * (1 + noise * rng.standard_normal(len(g)))))
    return joined(parts, "three trains")


def test_each_stretch_has_its_own_start_and_all_have_one_cell():
    m = stretches()
    assert m.begins == (0, 240, 480)
    assert m.readings == [(0, 120), (120, 240), (240, 360)]
    result = fit(catalogue.model("nlhb", m), Noise(0.01))
    for e in result.estimates:
        name = e.parameter.name
        truth = dict(zip(("w0", "w0_2", "w0_3"), STARTS, strict=True)) | CELL | DEPRESSED
        assert abs(e.value - truth[name]) < 3.5 * e.error, name
    assert result.began() == {name: result.values[name] for name in ("w0", "w0_2", "w0_3")}
    assert not {"w0", "w0_2", "w0_3"} & result.preset().keys()


def test_read_as_one_history_the_same_data_are_not_explained():
    m = stretches()
    one = train(np.tile(VOLTS, 3), np.full(360, 1e-4), m.conductance)
    assert fit(catalogue.model("nlhb", one), Noise(0.01), profile=False).reduced > 100
    assert fit(catalogue.model("nlhb", m), Noise(0.01), profile=False).reduced < 1.4


def test_derivatives_of_all_starts_in_one_evaluation_are_those_of_one_by_one():
    model = catalogue.model("nlhb", stretches())
    names = [p.name for p in model.free]
    x = np.array([(CELL | DEPRESSED | dict.fromkeys(model.states, 0.4))[name] for name in names])
    asked = []

    def residuals(x):
        asked.append(x)
        return model.curve(dict(zip(names, x.tolist(), strict=True))) * 1e6

    box = box_around(x, model.free)
    r = residuals(x)
    together = derivative(residuals, x, r, box)
    assert len(asked) == 1 + len(names) - 3 + 1
    each = derivative(residuals, x, r, box._replace(alone=(None,) * len(names)))
    assert together == pytest.approx(each, rel=1e-9, abs=1e-12)
    assert (together[:120, names.index("w0_2")] == 0).all()


def test_a_start_that_is_held_is_that_of_all_unless_they_are_named():
    model = catalogue.model("nlhb", stretches()).hold({"w0": 0.1, "w0_3": 0.2})
    assert {p.name: p.held for p in model.parameters if p.name.startswith("w0")} == {
        "w0": 0.1, "w0_2": 0.1, "w0_3": 0.2,
    }  # fmt: skip


def test_the_former_name_of_a_start_is_still_read():
    model = catalogue.model("vteam", stretches()).hold({"w0": 0.1, "w0_3": 0.2}, freed=["w0_2"])
    assert {p.name: p.held for p in model.parameters if p.role == "initial state"} == {
        "x0": 0.1, "x0_2": None, "x0_3": 0.2,
    }  # fmt: skip


def test_of_potentiation_alone_the_lowest_start_is_taken_for_the_bound():
    model = catalogue.model("nlhb", stretches(volts=np.full(40, 1.2)))
    assert [p.held for p in model.parameters if p.name.startswith("w0")] == [0.0, None, None]


def test_what_cannot_be_one_cell_is_refused():
    with pytest.raises(InputError, match="decay and train are fitted apart"):
        joined([train([1, 1], [1, 1], [1e-6, 2e-6]), decay([0, 1], [1e-6, 2e-6])], "x")
