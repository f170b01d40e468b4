import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.plan import Plan
from instruments.wiring import ALL, Wiring, passages


def cut(waveform, **changes):
    options = {"serial": False, "gaps": False, "points": 100, "time_step": 1e-3, "host_rest": 1.0} | changes
    return passages(waveform, **options)


def test_a_single_cell_sees_the_difference_of_its_lines():
    waveform = Waveform.samples([[0.5], [0.0], [0.2]], [[0.0], [0.3], [0.2]], dwell=1e-3, measure=[True, False, True])
    (passage,) = cut(waveform)
    assert passage.plan.level.tolist() == [0.5, -0.3, 0.0]
    assert [(r.segment, r.sign) for r in passage.readings] == [(0, 1), (2, 1)]
    with pytest.raises(LimitError, match="segment 0: a line is left floating"):
        cut(Waveform.pulse(np.nan, 0.0, width=1e-3))


def test_lines_at_the_voltage_are_on_hi_and_those_at_zero_on_lo():
    rows, cols = np.array([[0.5, 0.0, np.nan], [0, 0, 0], [0, 0, 0]]), np.array([[0.0], [0.0], [0.5]])
    waveform = Waveform.samples(rows, cols, dwell=[1e-3, 5e-3, 1e-3], measure=[True, False, True])
    pre, post = cut(waveform)
    assert pre.wiring == Wiring((0,), (1, 3))
    assert post.wiring == Wiring((3,), (0, 1, 2))
    assert (pre.rest, post.rest) == (0.0, pytest.approx(5e-3))
    assert pre.readings[0].sign == 1
    assert post.readings[0].sign == -1


def test_relays_move_only_in_a_rest():
    waveform = Waveform.samples([[0.5, 0.0], [0.0, 0.5]], 0.0, dwell=1e-3)
    with pytest.raises(LimitError, match="segment 1: other lines are driven than just before"):
        cut(waveform)
    assert len(cut(waveform, gaps=True)) == 2


def test_long_rests_are_left_to_the_host_and_short_ones_are_played():
    pulse = Waveform.pulse(0.5, width=1e-3)
    found = cut(pulse + Waveform.rest(0.5e-1) + pulse + Waveform.rest(2.0) + pulse + Waveform.rest(3e-3))
    assert [passage.rest for passage in found] == [0.0, 2.0]
    assert [len(passage.plan) for passage in found] == [3, 2]
    found = cut(pulse + Waveform.rest(2.0))
    assert [(passage.rest, passage.plan is None) for passage in found] == [(0.0, False), (2.0, True)]


def test_a_train_that_is_too_long_is_cut_at_a_rest():
    period = Waveform.pulse(0.5, width=1e-3) + Waveform.rest(9e-3)
    found = cut(period * 25)
    assert sum(int((p.plan.level != 0).sum()) for p in found if p.plan is not None) == 25
    assert all(round(p.plan.total / 1e-3) <= 100 for p in found if p.plan is not None)
    assert sum(p.rest + (p.plan.total if p.plan is not None else 0.0) for p in found) == pytest.approx(0.25)
    with pytest.raises(LimitError, match=r"need 101 points of 0.001 s, a train has 100"):
        cut(Waveform.samples(np.linspace(0.1, 0.5, 101), dwell=1e-3))


def test_two_columns_are_told_apart_by_reads_if_the_caller_says_so():
    waveform = Waveform.pulse([0.5, 0.0], [0.0, 0.0], width=1e-3, measure=True)
    with pytest.raises(LimitError, match="segment 0: one source measures one current, 2 columns are wanted"):
        cut(waveform)
    first, second = cut(waveform + Waveform.rest(1e-3, 2, 2) + waveform, serial=True)
    for passage in (first, second):
        assert passage.wiring == Wiring((0,), (1, 2, 3))
        assert [r.col for r in passage.readings] == [ALL]
    with pytest.raises(LimitError, match="segment 0: a line is left floating"):
        cut(Waveform.pulse([0.5, np.nan], [0.0, 0.0], width=1e-3, measure=True), serial=True)


def test_no_pulse_is_cut_into_two():
    """By reads after a part of it, by relays, or by the length of a list; unless a cut elsewhere will do."""
    one, both = [0.5, 0.0], [0.5, 0.5]
    measured = Waveform.samples([one, one], np.zeros((2, 2)), dwell=1e-3, measure=[True, False])
    with pytest.raises(LimitError, match=r"segment 1: a pulse of 0\.5 V goes on .* segment 0 are told apart"):
        cut(measured, serial=True, gaps=True)
    (passage,) = cut(Waveform.samples([one, one], np.zeros((2, 2)), dwell=1e-3, measure=[False, True]), serial=True)
    assert len(passage.plan) == 2
    with pytest.raises(LimitError, match=r"segment 1: a pulse of 0\.5 V goes on .* relays move at 0 V only"):
        cut(Waveform.samples([one, both], np.zeros((2, 2)), dwell=1e-3), gaps=True)
    assert len(cut(Waveform.samples([one, one[::-1]], np.zeros((2, 2)), dwell=1e-3), gaps=True)) == 2
    turned = Waveform.samples([one, [0.0, 0.0]], [[0.0, 0.0], [-0.5, 0.0]], dwell=1e-3)
    with pytest.raises(LimitError, match=r"segment 1: a pulse of -0\.5 V goes on .* relays move at 0 V only"):
        cut(turned, gaps=True)
    reverse = Waveform.samples([one, [0.0, 0.0]], [[0.0, 0.0], [0.5, 0.0]], dwell=1e-3)
    assert [passage.plan.level.tolist() for passage in cut(reverse, gaps=True)] == [[0.5], [0.5]]
    levels = np.array([0.2, 0.3, 0.3, 0.3, 0.1])
    trains = cut(Waveform.samples(levels, dwell=1e-3), gaps=True, points=3)
    assert [train.plan.level.tolist() for train in trains] == [[0.2], [0.3, 0.3, 0.3], [0.1]]
    with pytest.raises(LimitError, match="segments 1 to 3 need 3 points"):
        cut(Waveform.samples(levels, dwell=1e-3), gaps=True, points=2)


@settings(derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(-1, 4), st.sampled_from([1, 2, 50, 1500]), st.booleans(), st.booleans()),
        min_size=1,
        max_size=20,
    ),
    st.booleans(),
)
def test_every_cell_gets_every_pulse_once_whatever_is_cut(table, measure_all):
    """Summed over the passages, every cell of 3 x 2 sees the same volt-seconds of each sign as by the waveform."""
    rows, cols = np.zeros((len(table), 3)), np.zeros((len(table), 2))
    for t, (line, _, negative, _) in enumerate(table):
        if line >= 0:
            (rows if line < 3 else cols)[t, line % 3] = -0.5 if negative else 0.5
        before, after = (rows[k, :, None] - cols[k, None, :] for k in (t - 1, t))
        if t > 0 and ((before == after) & (after != 0)).any():
            rows[t], cols[t] = 0.0, 0.0
    dwell = np.array([steps for _, steps, _, _ in table]) * 1e-3
    measure = [measure_all and m for _, _, _, m in table]
    waveform = Waveform.samples(rows, cols, dwell=dwell, measure=measure)
    found = passages(waveform, serial=True, gaps=True, points=2000, time_step=1e-3, host_rest=1.0)
    seen = np.zeros((2, 3, 2))
    for passage in found:
        if passage.plan is None:
            continue
        for level, duration in zip(passage.plan.level, passage.plan.duration, strict=True):
            lines = np.full(5, np.nan)
            lines[list(passage.wiring.high)], lines[list(passage.wiring.low)] = level, 0.0
            across = np.nan_to_num(lines[:3, None] - lines[None, 3:]) * duration
            seen += np.maximum([across, -across], 0.0)
    across = (rows[:, :, None] - cols[:, None, :]) * dwell[:, None, None]
    wanted = [np.maximum(across, 0.0).sum(axis=0), np.maximum(-across, 0.0).sum(axis=0)]
    np.testing.assert_allclose(seen, wanted, atol=1e-12)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_ticks_give_the_durations_back(steps):
    plan = Plan([0.1] * len(steps), np.array(steps) * 5e-5, [True] * len(steps))
    tick, counts = plan.ticks(5e-5)
    np.testing.assert_allclose(tick * counts, plan.duration, rtol=1e-12)
    assert np.gcd.reduce(counts) == 1


def test_a_regular_train_is_seen_as_one():
    train = Plan.train(1.0, 1e-3, 5e-3, 7, base=0.1)
    assert train.pulses() == pytest.approx((0.1, 1.0, 1e-3, 5e-3, 7))
    assert Plan([1.0, 0.0, 0.9, 0.0], [1e-3] * 4, [True, False] * 2).pulses() is None
    assert Plan([1.0, 0.0] * 2, [1e-3] * 4, [True] * 4).pulses() is None
