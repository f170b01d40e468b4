"""Plans for two channels, and what the sample's limits say of them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import InputError
from hil.limits import LimitError
from instruments.plan import PairPlan
from instruments.safety.limits import GateLimits, SafetyLimits


def pair(*levels, width=1e-3):
    return PairPlan(levels, [width] * len(levels), [[True, True]] * len(levels))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([1.0], [1e-3], [True]), r"level, duration, measure of shapes \(1,\), \(1,\), \(1,\)"),
        (([[1.0, np.nan]], [1e-3], [[True, True]]), "step 0: a source cannot float"),
        (([[1.0, 0.0]], [0.0], [[True, True]]), "step 0: durations must be positive"),
        ((np.zeros((0, 2)), [], np.zeros((0, 2))), "a plan needs steps"),
    ],
)
def test_a_plan_that_is_none_says_why(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        PairPlan(*arguments)


@pytest.mark.parametrize(
    ("limits", "plan", "sentence"),
    [
        ({}, pair((0.6, -0.6)), "step 0 of 1: 1.2 V is beyond the sample's v_max 1 V"),
        # The cell sees nothing, but would see 1.1 V if one output went off before the other.
        ({}, pair((0, 0), (1.1, 1.1)), "step 1 of 2: 1.1 V is beyond"),
        ({}, pair((0, -1.1)), "-1.1 V is beyond"),
        ({"width_max": 1e-3}, pair((1, 0), (1, 1), (0, 1)), "step 1 of 3: 0.002 s is beyond the sample's width_max"),
        ({"energy_max": 1.2e-6}, pair((0.5, -0.5), (0.5, 0)), "step 1 of 2: 1.5e-06 J is beyond"),
        # Pre alone, nothing, post alone: two pulses of a cell between the two.
        ({"pulses_max": 1}, pair((1, 0), (1, 1), (0, 1)), "2 pulses in this session"),
    ],
)
def test_both_terminals_and_their_difference_are_held_against_the_limits(limits, plan, sentence):
    with pytest.raises(LimitError, match=sentence):
        SafetyLimits(v_max=1.0, i_max=1e-3, v_read=0.1, **limits).check(plan)


def test_pulses_are_those_of_the_cell_that_has_most():
    limits = SafetyLimits(1.0, 1e-3, v_read=0.1)
    assert limits.check(pair((0.5, -0.5), (0, 0), (0.5, -0.5), (0, 0)), played=3) == 5
    assert limits.check(pair((0.1, 0), (0, 0), (0, -0.1))) == 0


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (pair((0, 3.1)), r"3\.1 V is beyond the sample's v_gate 3 V, gate to LO"),
        (pair((-0.5, 2.6)), r"3\.1 V is beyond the sample's v_gate 3 V, gate to HI of channel 1"),
        (pair((1.1, 2.0)), "v_max 1 V"),
    ],
)
def test_a_gate_has_limits_of_its_own(plan, sentence):
    limits = SafetyLimits(1.0, 1e-3, gate=GateLimits(3.0))
    assert limits.check(pair((1.0, 3.0), (0, 0), (-0.5, 2.5))) == 2
    with pytest.raises(LimitError, match=sentence):
        limits.check(plan)


volts = st.floats(-2.0, 2.0)


@given(st.lists(st.tuples(volts, volts), min_size=1, max_size=8), st.floats(0.1, 3.0))
def test_no_plan_puts_a_terminal_or_the_difference_beyond_the_limit(levels, v_max):
    """Also between two steps, where one channel may move before the other does."""
    states = [(0.0, 0.0), *levels, (0.0, 0.0)]
    seen = [
        abs(v)
        for before, after in pairwise(states)
        for a, b in (after, (before[0], 0.0), (0.0, before[1]))
        for v in (a, b, a - b)
    ]
    fine = max(seen) <= v_max * (1 + 1e-9)
    try:
        SafetyLimits(v_max, 1e-3).check(pair(*levels))
    except LimitError:
        assert not fine
    else:
        assert fine
