"""A fit's check on readings that it has not seen."""

import numpy as np
import pytest

from hil.errors import InputError
from sim.fitting import catalogue, data
from sim.fitting.fitting import fit
from sim.fitting.heldback import held_back, prediction, without


def _train(noise=0.0, cycles=2, pulses=40, gamma=3.0):
    """Soft-bound steps, written down here: w += a (1 - w)^g, w -= a w^g."""
    rng = np.random.default_rng(1)
    w, found, volts = 0.0, [], []
    for _ in range(cycles):
        for sign in (1, -1):
            for _ in range(pulses):
                w += 0.06 * (1 - w) ** gamma if sign > 0 else -0.06 * w**gamma
                found.append(5e-6 + 75e-6 * w)
                volts.append(1.2 * sign)
    g = np.array(found) * (1 + noise * rng.standard_normal(len(found)))
    return data.train(volts, np.full(len(g), 1e-4), g)


def test_the_end_of_every_train_is_held_back_and_nothing_else():
    held = held_back(_train(), 0.25)
    expected = np.tile(np.r_[np.zeros(30, bool), np.ones(10, bool)], 4)
    assert np.array_equal(held, expected)


def test_what_is_left_to_fit_has_the_same_history():
    m = _train()
    part = without(m, held_back(m, 0.25))
    assert np.array_equal(part.voltage, m.voltage) and len(part) == 120
    assert np.isin(part.seen, m.seen).all()


def test_the_right_law_foretells_what_it_has_not_seen_and_the_wrong_one_does_not():
    m = _train(noise=0.005)
    held = held_back(m, 0.25)
    found = {}
    for name in ("nlsb", "lhb"):
        part = fit(catalogue.model(name, without(m, held)), profile=False)
        found[name] = {row.name: row for row in prediction(part, catalogue.model(name, m), held)}
    right, wrong = found["nlsb"]["held-back error"], found["lhb"]["held-back error"]
    assert right.value < 1.0 < right.control
    assert wrong.value > 5 * right.value
    assert found["nlsb"]["held-back R^2"].value > 0.999 > found["lhb"]["held-back R^2"].value


def test_held_back_readings_do_not_touch_the_fit():
    m = _train(noise=0.01)
    held = held_back(m, 0.25)
    spoilt = np.where(held, 3 * m.conductance, m.conductance)
    other = data.train(m.voltage[::2], m.duration[::2], spoilt)
    values = [fit(catalogue.model("nlsb", without(x, held)), profile=False).values for x in (m, other)]
    assert values[0] == values[1]


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_share_that_leaves_nothing_is_refused(share):
    m = data.train([1.2] * 6, [1e-4] * 6, np.linspace(1e-6, 2e-6, 6))
    with pytest.raises(InputError, match="--hold-back"):
        held_back(m, share)
