"""Where the search for a curve stops is no measurement of a device."""

import numpy as np
import pytest
from experiment_runner import play

from hil.experiments.fits import exponential, nonlinear_train


def test_the_exponent_of_a_train_that_saturates_at_once_is_not_measured():
    g = 1e-6 + 9e-6 * (1 - np.exp(-np.arange(60) / 1.5))
    assert nonlinear_train(g).stopped
    assert not nonlinear_train(np.linspace(1e-6, 1e-5, 60)).stopped
    experiment, records, _ = play("ltp", "sim:rram?model=nlsb&alpha=0.5", pulses=60, cycles=2)
    (row,) = (row for row in experiment.analyse(records) if row.name.endswith("alpha_p"))
    assert (row.value, row.std) == ("at the bound 10", None)
    assert "in 2 of 2 trains, and not measured" in row.note


def test_a_time_constant_beyond_the_points_is_not_measured():
    t = np.linspace(0.1, 1.0, 30)
    slow = exponential(t, 2.0 + 1e-3 * t)
    assert slow.row("tau", "s").value.startswith("at the bound 9")
    assert "tau is too long for these points; add longer ones" in slow.row("tau", "s").note
    assert slow.other("C", slow.amplitude).value is None
    fast = exponential(t, np.append(2.0, np.ones(29)))
    assert "too short for these points" in fast.row("tau", "s").note
    good = exponential(t, 1 + np.exp(-t / 0.3))
    assert good.limit == ""
    assert good.row("tau", "s").value == pytest.approx(0.3, rel=1e-6)
    assert good.other("C", good.amplitude).value == pytest.approx(1.0, rel=1e-6)
