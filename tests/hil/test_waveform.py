import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hil.errors import InputError
from hil.limits import Limits
from hil.waveform import FLOATING, Waveform

VOLTS = st.one_of(st.floats(-10, 10), st.just(FLOATING))
SECONDS = st.floats(1e-9, 1e3)


@st.composite
def waveforms(draw, lines=None, volts=VOLTS, seconds=SECONDS, longest=5):
    count = draw(st.integers(1, longest))
    rows, cols = lines or (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    return Waveform(
        draw(hnp.arrays(float, count, elements=seconds)),
        draw(hnp.arrays(float, (count, rows), elements=volts)),
        draw(hnp.arrays(float, (count, cols), elements=volts)),
        draw(hnp.arrays(bool, count)),
    )


def two_segments():
    return Waveform([1e-3, 2e-3], [[0.1, 0.2], [0.3, FLOATING]], [[0.0], [-0.1]], [True, False])


# ---- making one


def test_a_table_is_kept_as_it_is():
    w = two_segments()
    assert (len(w), w.lines, w.total) == (2, (2, 1), 3e-3)
    assert w.rows.tolist()[0] == [0.1, 0.2]
    assert w.rows[1, 0] == 0.3
    assert np.isnan(w.rows[1, 1])
    assert w.starts.tolist() == [0.0, 1e-3]
    assert {a.dtype for a in (w.duration, w.rows, w.cols)} == {np.dtype(np.float64)}
    assert w.measure.dtype == np.bool_


@pytest.mark.parametrize(
    ("rows", "cols", "lines"), [(0.5, 0.0, (1, 1)), ([0.5, 0.1], 0.0, (2, 1)), ([0.5], [0, 0, FLOATING], (1, 3))]
)
def test_pulse_is_one_segment(rows, cols, lines):
    w = Waveform.pulse(rows, cols, width=2e-3, measure=True)
    assert (len(w), w.lines, w.total) == (1, lines, 2e-3)
    assert np.array_equal(w.rows[0], np.atleast_1d(rows))
    assert np.array_equal(w.cols[0], np.atleast_1d(cols), equal_nan=True)
    assert w.measure.tolist() == [True]


def test_rest_holds_all_lines_at_zero():
    assert Waveform.rest(0.5, 3, 2) == Waveform([0.5], np.zeros((1, 3)), np.zeros((1, 2)), [False])


def test_train_rests_between_pulses():
    w = Waveform.train([0.5, 0.0], -0.5, width=1e-3, period=4e-3, count=3, measure=True)
    assert w.duration == pytest.approx([1e-3, 3e-3] * 3)
    assert w.rows[:, 0].tolist() == [0.5, 0.0] * 3
    assert w.cols[:, 0].tolist() == [-0.5, 0.0] * 3
    assert w.measure.tolist() == [True, False] * 3


def test_train_without_a_gap_is_back_to_back():
    w = Waveform.train(0.5, width=1e-3, period=1e-3, count=4)
    assert w.rows[:, 0].tolist() == [0.5] * 4
    assert w.duration.tolist() == [1e-3] * 4


def test_triangle_goes_up_down_and_back():
    w = Waveform.triangle(0.3, -0.2, step=0.1, dwell=2e-3)
    assert w.rows[:, 0] == pytest.approx([0, 0.1, 0.2, 0.3, 0.2, 0.1, 0, -0.1, -0.2, -0.1, 0], abs=1e-15)
    assert w.cols[:, 0].tolist() == [0.0] * 11
    assert w.duration.tolist() == [2e-3] * 11
    assert w.measure.all()


def test_triangle_is_symmetric_unless_told_otherwise():
    assert Waveform.triangle(1.0, step=0.25, dwell=1) == Waveform.triangle(1.0, -1.0, step=0.25, dwell=1)
    assert Waveform.triangle(1.0, 0.0, step=0.25, dwell=1).rows.min() == 0.0
    assert Waveform.triangle(-1.0, step=0.25, dwell=1).rows[1, 0] == -0.25


def test_triangle_repeats():
    once = Waveform.triangle(1.0, step=0.5, dwell=1)
    assert Waveform.triangle(1.0, step=0.5, dwell=1, cycles=3) == once + once + once


@given(peak=st.floats(0.01, 5), trough=st.just(0.0) | st.floats(-5, -0.01), step=st.floats(0.01, 20))
def test_triangle_reaches_its_turning_points_in_even_stairs(peak, trough, step):
    stairs = Waveform.triangle(peak, trough, step=step, dwell=1).rows[:, 0]
    assert stairs[0] == stairs[-1] == 0.0
    assert stairs.max() == peak
    assert stairs.min() == trough
    assert np.abs(np.diff(stairs)).max() <= step * (1 + 1e-6)
    rising = np.diff(stairs[: stairs.argmax() + 1])
    assert rising == pytest.approx(np.full(len(rising), peak / len(rising)))


def test_samples_takes_one_value_or_one_a_sample():
    w = Waveform.samples([0.1, 0.2, 0.3], [0.0, -0.1, 0.0], dwell=1e-3, measure=[True, False, True])
    assert w.lines == (1, 1)
    assert w.duration.tolist() == [1e-3] * 3
    assert w.measure.tolist() == [True, False, True]
    wide = Waveform.samples(np.eye(3), np.zeros((3, 2)), dwell=[1, 2, 3], measure=True)
    assert wide.lines == (3, 2)
    assert wide.duration.tolist() == [1, 2, 3]
    assert wide.measure.all()
    assert Waveform.samples(0.1, dwell=1.0) == Waveform.pulse(0.1, width=1.0)


def test_samples_of_no_segment_are_empty():
    empty = Waveform.samples(np.zeros((0, 3)), np.zeros((0, 2)), dwell=1e-3)
    assert (len(empty), empty.lines, empty.total) == (0, (3, 2), 0.0)


def test_fan_out_scales_and_floats_lines():
    w = Waveform.samples([1.0, -0.5], [0.2, 0.0], dwell=1).fan_out([1.0, 0.5, FLOATING], [1.0, FLOATING])
    assert np.array_equal(w.rows, [[1.0, 0.5, FLOATING], [-0.5, -0.25, FLOATING]], equal_nan=True)
    assert np.array_equal(w.cols, [[0.2, FLOATING], [0.0, FLOATING]], equal_nan=True)
    assert w.duration.tolist() == [1, 1]


# ---- what is refused, and in which words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Waveform.pulse(1.0, width=0.0), "segment 0: duration 0.0 s must be positive and finite"),
        (lambda: Waveform.pulse(1.0, width=-1e-3), "segment 0: duration -0.001 s must be positive and finite"),
        (lambda: Waveform.samples([1, 2], dwell=[1, np.nan]), "segment 1: duration nan s must be positive and finite"),
        (lambda: Waveform.samples([1, 2], dwell=[1, np.inf]), "segment 1: duration inf s must be positive and finite"),
        (
            lambda: Waveform.samples([[0, 0], [0, np.inf]], dwell=1),
            "segment 1, row 1: inf V must be finite, or NaN to float",
        ),
        (
            lambda: Waveform.pulse([FLOATING, 0], [FLOATING, -np.inf], width=1),
            "segment 0, column 1: -inf V must be finite, or NaN to float",
        ),
        (
            lambda: Waveform([1.0], np.zeros((2, 1)), np.zeros((1, 1)), [True]),
            "duration, rows, cols and measure differ in their number of segments: ((1,), (2, 1), (1, 1), (1,))",
        ),
        (
            lambda: Waveform([[1.0]], np.zeros((1, 1)), np.zeros((1, 1)), [True]),
            "a waveform needs duration (T,), rows (T, R), cols (T, C), measure (T,), "
            "not ((1, 1), (1, 1), (1, 1), (1,))",
        ),
        (lambda: Waveform.rest(1.0, 0, 2), "a waveform needs at least one row and one column, not 0 x 2"),
        (
            lambda: Waveform.train(1.0, width=1e-3, period=2e-3, count=0),
            "count 0: a train needs at least one pulse",
        ),
        (
            lambda: Waveform.train(1.0, width=2e-3, period=1e-3, count=2),
            "period 0.001 s is shorter than the pulse width 0.002 s",
        ),
        (lambda: Waveform.triangle(1.0, step=0.0, dwell=1), "step 0.0 V must be positive"),
        (lambda: Waveform.triangle(1.0, step=np.nan, dwell=1), "step nan V must be positive"),
        (lambda: Waveform.triangle(1.0, step=0.1, dwell=1, cycles=0), "cycles 0: a sweep needs at least one loop"),
        (lambda: Waveform.concat([]), "nothing to concatenate: give at least one waveform"),
        (
            lambda: Waveform.rest(1.0, 2, 1) + Waveform.rest(1.0, 1, 2),
            "cannot join waveforms of (2, 1) and (1, 2) (rows, columns)",
        ),
        (lambda: two_segments() * 0, "cannot repeat a waveform 0 times: give a whole number >= 1"),
        (lambda: two_segments().fan_out([1.0]), "fan_out spreads a 1 x 1 waveform, this one drives 2 x 1"),
        (
            lambda: Waveform.rest(4e-4).quantised(Limits(time_step=1e-3)),
            "segment 0: 0.0004 s is below half a time step of 0.001 s",
        ),
    ],
)
def test_errors_are_read_by_people(make, message):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "make",
    [
        lambda: Waveform.samples([0.1, 0.2], dwell=[1, 2, 3]),
        lambda: Waveform.samples([0.1, 0.2], dwell=1, measure=[True, False, True]),
        lambda: Waveform.samples([0.1, 0.2], [0.0, 0.0, 0.0], dwell=1),
    ],
    ids=["dwell", "measure", "cols"],
)
def test_samples_refuses_another_number_of_values(make):
    with pytest.raises(InputError, match=r"\b3\b.*\b2\b|\b2\b.*\b3\b"):
        make()


@pytest.mark.parametrize("peak", [np.inf, np.nan])
def test_triangle_refuses_a_peak_that_is_no_voltage(peak):
    with pytest.raises(InputError, match=f"{peak}"):
        Waveform.triangle(peak, step=0.1, dwell=1)


def test_triangle_never_leaves_out_its_peak():
    with pytest.raises(InputError, match="inf"):
        Waveform.triangle(1.0, step=np.inf, dwell=1)


@pytest.mark.parametrize("combine", [lambda w: w * 1.5, lambda w: w + 1.0, lambda w: w["a"]])
def test_other_types_are_type_errors(combine):
    with pytest.raises(TypeError):
        combine(two_segments())


# ---- nothing changes under a waveform


@pytest.mark.parametrize("field", ["duration", "rows", "cols", "measure"])
def test_arrays_are_read_only(field):
    with pytest.raises(ValueError, match="read-only"):
        getattr(two_segments(), field)[:] = 0


def test_fields_cannot_be_replaced():
    with pytest.raises(AttributeError):
        two_segments().rows = np.zeros((2, 2))


def test_what_the_caller_does_with_his_arrays_changes_nothing():
    duration, rows, cols, measure = np.ones(2), np.ones((2, 2)), np.zeros((2, 1)), np.ones(2, dtype=bool)
    made = {
        "constructor": Waveform(duration, rows, cols, measure),
        "samples": Waveform.samples(rows, cols, dwell=duration, measure=measure),
        "pulse": Waveform.pulse(rows[0], cols[0], width=1.0),
    }
    before = {name: w * 1 for name, w in made.items()}
    assert before == made
    duration[:], rows[:], cols[:], measure[:] = 7.0, 7.0, 7.0, False
    assert {name for name in made if made[name] != before[name]} == set()


def test_a_read_only_view_of_a_writeable_array_is_copied_too():
    rows = np.ones((2, 1))
    view = rows.view()
    view.flags.writeable = False
    w = Waveform(np.ones(2), view, np.zeros((2, 1)), np.ones(2, dtype=bool))
    rows[:] = 7.0
    assert w.rows.tolist() == [[1.0], [1.0]]


def test_a_waveform_is_not_hashable():
    with pytest.raises(TypeError):
        hash(two_segments())


# ---- arithmetic


@st.composite
def pairs(draw):
    lines = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    return draw(waveforms(lines)), draw(waveforms(lines))


@given(pairs())
def test_a_sum_is_one_after_the_other(pair):
    a, b = pair
    both = a + b
    assert len(both) == len(a) + len(b)
    assert both[: len(a)] == a
    assert both[len(a) :] == b
    assert both.total == pytest.approx(a.total + b.total)
    assert Waveform.concat([a, b, a]) == a + b + a


@given(waveforms(), st.integers(1, 4))
def test_a_multiple_is_a_repeated_sum(w, count):
    assert count * w == w * count == Waveform.concat([w] * count)
    assert (count * w).total == pytest.approx(count * w.total)


@pytest.mark.parametrize("count", [np.int64(3), np.uint8(3)])
def test_counts_may_be_numpy_integers(count):
    assert two_segments() * count == count * two_segments() == 3 * two_segments()


@given(waveforms(), st.integers(-6, 6), st.integers(-6, 6))
def test_slices_are_those_of_a_list(w, start, stop):
    segments = list(range(len(w)))[start:stop]
    cut = w[start:stop]
    assert len(cut) == len(segments)
    assert all(cut[k] == w[t] for k, t in enumerate(segments))


@given(waveforms())
def test_an_index_is_one_segment(w):
    assert Waveform.concat(w[t] for t in range(len(w))) == w
    assert w[-1] == w[len(w) - 1 :]
    for beyond in (len(w), -len(w) - 1):
        with pytest.raises(IndexError):
            w[beyond]


@given(waveforms())
def test_starts_and_total_are_sums_of_durations(w):
    assert w.starts == pytest.approx([w.duration[:t].sum() for t in range(len(w))])
    assert w.total == pytest.approx(w.starts[-1] + w.duration[-1])


@given(waveforms(), st.data())
def test_equality_sees_every_entry(w, data):
    assert w == Waveform(w.duration.copy(), w.rows.copy(), w.cols.copy(), w.measure.copy())
    field = data.draw(st.sampled_from(["duration", "rows", "cols", "measure"]))
    arrays = {f: np.array(getattr(w, f)) for f in ("duration", "rows", "cols", "measure")}
    where = tuple(data.draw(st.integers(0, n - 1)) for n in arrays[field].shape)
    old = arrays[field][where]
    arrays[field][where] = not old if field == "measure" else (2.0 if np.isnan(old) else 2 * abs(old) + 1)
    assert w != Waveform(**arrays)


def test_other_things_are_not_equal():
    assert two_segments() != 3
    assert two_segments() != two_segments()[:1]


@given(waveforms(lines=(1, 1)), st.lists(st.floats(-2, 2), min_size=1, max_size=4))
def test_fan_out_multiplies_line_by_line(w, factors):
    spread = w.fan_out(factors, factors)
    for line, factor in enumerate(factors):
        assert np.array_equal(spread.rows[:, line], factor * w.rows[:, 0], equal_nan=True)
        assert np.array_equal(spread.cols[:, line], factor * w.cols[:, 0], equal_nan=True)
    assert np.array_equal(spread.measure, w.measure)


# ---- rounding to what a device resolves


@st.composite
def grids(draw):
    v_step = draw(st.sampled_from([0.0, 1e-3, 0.01, 0.1, 0.3, 0.025]))
    time_step = draw(st.sampled_from([0.0, 1e-6, 1e-3, 0.1, 7e-4]))
    steps = draw(st.integers(1, 400))
    reach = round(steps * v_step, 6) if v_step else draw(st.floats(0.1, 10))  # 0.3 V, not 3 * 0.1 V
    return Limits(
        -reach, reach, v_step=v_step, time_step=time_step, width_min=time_step, width_max=1000 * time_step or 1e9
    )


@given(waveforms(), grids())
def test_rounding_is_idempotent_and_within_half_a_step(w, limits):
    assume((w.duration >= limits.time_step).all())
    rounded = w.quantised(limits)
    assert rounded.quantised(limits) == rounded
    assert np.array_equal(rounded.measure, w.measure)
    for kind in ("rows", "cols"):
        old, new = getattr(w, kind), getattr(rounded, kind)
        assert np.array_equal(np.isnan(old), np.isnan(new))
        off = np.abs(new - old)[~np.isnan(old)]
        assert (off <= limits.v_step * 0.5 * (1 + 1e-9)).all()
    assert (np.abs(rounded.duration - w.duration) <= limits.time_step * 0.5 * (1 + 1e-9)).all()


@given(waveforms(), grids())
def test_a_rounded_waveform_in_range_passes_the_limits(w, limits):
    inside = Waveform(
        w.duration.clip(limits.width_min, limits.width_max),
        w.rows.clip(limits.v_min, limits.v_max),
        w.cols.clip(limits.v_min, limits.v_max),
        w.measure,
    )
    limits.check(inside.quantised(limits))


def test_no_grid_changes_nothing():
    assert two_segments().quantised(Limits()) == two_segments()


# ---- in one line


@pytest.mark.parametrize(
    ("waveform", "text"),
    [
        (Waveform.pulse(0.5, -0.5, width=2e-3), "Waveform(1 segment, 1 x 1 lines, 0.002 s, -0.5..0.5 V, 0 measured)"),
        (
            two_segments(),
            "Waveform(2 segments, 2 x 1 lines, 0.003 s, -0.1..0.3 V, 1 measured, 1 lines floating at times)",
        ),
        (
            Waveform.pulse(FLOATING, FLOATING, width=1),
            "Waveform(1 segment, 1 x 1 lines, 1 s, 0 measured, 2 lines floating at times)",
        ),
        (two_segments()[:0], "Waveform(0 segments, 2 x 1 lines, 0 s, 0 measured)"),
    ],
)
def test_repr_says_what_is_driven(waveform, text):
    assert repr(waveform) == text
