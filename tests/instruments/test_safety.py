import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import InputError
from hil.limits import LimitError
from instruments.plan import Plan
from instruments.safety.limits import SafetyLimits
from instruments.smu.driver import Spec

SPEC = Spec("9999", ("9999",), 20.0, 1.0, 1e-9, 0.0, 1e-3, 1e-3, 10.0, 1e-3, 2500, 1, (20.0,), (1.0,), "this test")


def train(*levels, width=1e-3):
    return Plan(levels, [width] * len(levels), [True] * len(levels))


@pytest.mark.parametrize(
    ("limits", "plan", "sentence"),
    [
        ({}, train(0, 0.5, 1.001), "step 2 of 3: 1.001 V is beyond the sample's v_max 1 V"),
        ({}, train(-1.001), "-1.001 V is beyond"),
        ({"width_max": 2e-3}, train(1, -1, 1, 0), "step 2 of 4: 0.003 s is beyond the sample's width_max 0.002 s"),
        ({"energy_max": 1.5e-6}, train(0.5, 0.5, 0.6), "step 2 of 3: 1.6e-06 J is beyond the sample's energy_max"),
        ({"pulses_max": 2}, train(1, 0, 1, 0, 0.1, 0, -1), "3 pulses in this session are more than pulses_max = 2"),
        ({"pulses_max": 1}, train(1, -1), "2 pulses"),
    ],
)
def test_a_plan_beyond_a_limit_is_refused_by_step_value_and_limit(limits, plan, sentence):
    with pytest.raises(LimitError, match=sentence):
        SafetyLimits(v_max=1.0, i_max=1e-3, v_read=0.1, **limits).check(plan)


def test_what_is_within_all_limits_is_counted():
    limits = SafetyLimits(1.0, 1e-3, width_max=3e-3, energy_max=3e-6, pulses_max=5, v_read=0.1)
    assert limits.check(train(1, 1, 1, 0, 0.1, 0, -1, 0, 1), played=2) == 5


def test_forming_raises_the_ceiling_and_nothing_else():
    formed = SafetyLimits(1.0, 1e-3, forming=True, v_forming=3.0)
    assert formed.check(train(3.0)) == 1
    with pytest.raises(LimitError, match="v_max 3 V"):
        formed.check(train(3.01))
    with pytest.raises(LimitError, match="v_max 1 V"):
        SafetyLimits(1.0, 1e-3, forming=False, v_forming=3.0).check(train(3.0))
    with pytest.raises(InputError, match=r"v_forming = 0\.5 V must be > v_max = 1 V"):
        SafetyLimits(1.0, 1e-3, forming=True, v_forming=0.5)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"v_max": 21.0}, "v_max = 21 V: the 9999 sources at most 20 V"),
        ({"i_max": 2.0}, "i_max = 2 A: the 9999 limits the current at 1e-09 A .. 1 A"),
        ({"i_max": 1e-10}, "i_max = 1e-10 A"),
    ],
)
def test_more_than_the_instrument_has_is_refused(limits, sentence):
    with pytest.raises(LimitError, match=sentence):
        SafetyLimits(**{"v_max": 1.0, "i_max": 1e-3} | limits).against(SPEC)


@pytest.mark.parametrize("field", ["v_max", "i_max", "width_max", "energy_max"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_limits_must_be_some(field, value):
    with pytest.raises(InputError, match=field):
        SafetyLimits(**{"v_max": 1.0, "i_max": 1e-3, field: value})


steps = st.lists(
    st.tuples(st.sampled_from([0.0, 0.05, -0.05, 0.4, -0.7, 1.0, 1.3]), st.sampled_from([1e-3, 2e-3]), st.booleans()),
    min_size=1,
    max_size=12,
)


@given(steps, st.sampled_from([2e-3, 4e-3, np.inf]), st.sampled_from([1e-6, 3e-6, np.inf]))
def test_whatever_passes_is_within_every_limit(table, width_max, energy_max):
    """Judged by cutting the plan at every step at 0 V, which the limits do not do."""
    plan = Plan(*zip(*table, strict=True))
    limits = SafetyLimits(1.0, 1e-3, width_max=width_max, energy_max=energy_max, v_read=0.1)
    excursions, current = [], []
    for level, duration, _ in table:
        if level == 0.0:
            excursions.append(current)
            current = []
        else:
            current.append((level, duration))
    excursions.append(current)
    fine = all(abs(v) <= 1.0 for v, _, _ in table) and all(
        sum(d for _, d in e) <= width_max * (1 + 1e-9)
        and sum(abs(v) * 1e-3 * d for v, d in e) <= energy_max * (1 + 1e-9)
        for e in excursions
    )
    if fine:
        limits.check(plan)
    else:
        with pytest.raises(LimitError):
            limits.check(plan)
