import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.waveform import FLOATING, Waveform

HARMLESS = Waveform.rest(1e-3, 2, 2)


def pulse(rows, cols=(0.0, 0.0), width=1e-3):
    return Waveform.pulse(rows, cols, width=width)


# ---- each limit, and how it says so

REFUSED = {
    "v_max row": (
        Limits(v_max=0.5),
        pulse([0.5, 0.6]),
        "segment 1, row 1: 0.6 V is outside -inf V .. 0.5 V",
    ),
    "v_min row": (
        Limits(v_min=-0.5, v_max=1.0),
        pulse([-0.51, 0.0]),
        "segment 1, row 0: -0.51 V is outside -0.5 V .. 1 V",
    ),
    "v_max column": (
        Limits(v_max=0.5),
        pulse([0.0, 0.0], [0.0, 0.75]),
        "segment 1, column 1: 0.75 V is outside -inf V .. 0.5 V",
    ),
    "v_min column": (
        Limits(v_min=-0.5),
        pulse([0.0, 0.0], [-2.0, 0.0]),
        "segment 1, column 0: -2 V is outside -0.5 V .. inf V",
    ),
    "v_cell": (
        Limits(v_cell=1.0),
        pulse([0.0, 0.6], [-0.5, 0.0]),
        "segment 1, row 1, column 0: 1.1 V across the cell is outside -1 V .. 1 V",
    ),
    "v_cell backwards": (
        Limits(v_cell=1.0),
        pulse([0.0, -0.6], [-0.5, 0.75]),
        "segment 1, row 1, column 1: -1.35 V across the cell is outside -1 V .. 1 V",
    ),
    "width_min": (
        Limits(width_min=1e-4),
        pulse([0.0, 0.0], width=5e-5),
        "segment 1: duration 5e-05 s is outside 0.0001 s .. inf s",
    ),
    "width_max": (
        Limits(width_max=0.5),
        pulse([0.0, 0.0], width=0.75),
        "segment 1: duration 0.75 s is outside 0 s .. 0.5 s",
    ),
    "time_step": (
        Limits(time_step=1e-4),
        pulse([0.0, 0.0], width=2.5e-4),
        "segment 1: duration 0.00025 s is not a multiple of the time step 0.0001 s; "
        "round it with Waveform.quantised(limits)",
    ),
    "v_step row": (
        Limits(v_step=0.01),
        pulse([0.02, 0.025]),
        "segment 1, row 1: 0.025 V is not a multiple of the voltage step 0.01 V; "
        "round it with Waveform.quantised(limits)",
    ),
    "v_step column": (
        Limits(v_step=0.01),
        pulse([0.0, 0.0], [-0.015, 0.0]),
        "segment 1, column 0: -0.015 V is not a multiple of the voltage step 0.01 V; "
        "round it with Waveform.quantised(limits)",
    ),
    "channels": (
        Limits(channels=2),
        pulse([0.1, 0.2], [0.3, 0.1]),
        "segment 1: 3 different voltages at once, the device drives at most 2 besides 0 V",
    ),
}


@pytest.mark.parametrize(("limits", "bad", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_waveform_beyond_a_limit_is_refused(limits, bad, message):
    with pytest.raises(LimitError) as caught:
        limits.check(HARMLESS + bad + bad)
    assert str(caught.value) == message


@pytest.mark.parametrize(("limits", "bad", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_without_limits_it_is_accepted(limits, bad, message):
    Limits().check(HARMLESS + bad)


def test_limit_errors_are_input_errors():
    assert issubclass(LimitError, InputError)


def test_the_first_offender_is_named():
    limits = Limits(v_min=-1.0, v_max=1.0)
    with pytest.raises(LimitError, match="segment 1, row 1: 2 V"):
        limits.check(HARMLESS + pulse([0.0, 2.0]) + pulse([-3.0, 0.0]))
    with pytest.raises(LimitError, match="segment 1, row 1: -2 V"):
        limits.check(HARMLESS + pulse([0.0, -2.0]) + pulse([3.0, 0.0]))


def test_the_worst_cell_of_the_first_offending_segment_is_named():
    with pytest.raises(LimitError, match=r"segment 0, row 1, column 1: 1\.75 V"):
        Limits(v_cell=1.0).check(pulse([0.75, 1.0], [0.0, -0.75]) + pulse([5.0, 0.0]))


# ---- what is allowed


def test_the_bounds_themselves_are_allowed():
    limits = Limits(-0.5, 1.0, 1.5, width_min=1e-4, width_max=0.1, channels=2)
    limits.check(pulse([1.0, -0.5], width=1e-4) + pulse([0.0, 1.0], [-0.5, 0.0], width=0.1))


def allows(limits, waveform):
    try:
        limits.check(waveform)
    except LimitError:
        return False
    return True


def test_bounds_on_the_grid_are_allowed_however_they_round():
    """0.3 V is allowed by v_max = 0.3 V although 3 * 0.1 is a little more in floating point."""
    reach = {count: round(count * 0.1, 1) for count in range(1, 60)}
    refused = [v for n, v in reach.items() if not allows(Limits(-v, v, v_step=0.1), pulse([n * 0.1, -n * 0.1]))]
    assert refused == []


def test_a_cell_at_its_bound_is_allowed_however_it_rounds():
    """0.2 V - (-0.1 V) is a little more than 0.3 V in floating point."""
    across = {n: round(0.1 * n + 0.1, 1) for n in range(60)}
    refused = [v for n, v in across.items() if not allows(Limits(v_cell=v), pulse([n / 10, 0.0], [-0.1, 0.0]))]
    assert refused == []


def test_grid_voltages_that_round_differently_are_one_voltage():
    Limits(v_step=0.1, channels=1).check(pulse([0.3, 3 * 0.1]))


@pytest.mark.parametrize("step", [0.1, 1e-3, 7e-4, 1 / 3])
def test_rounding_errors_are_on_the_grid(step):
    steps = np.arange(1, 2001)
    Limits(v_step=step, time_step=step).check(Waveform.samples(steps * step, dwell=steps * step))
    sums = np.cumsum(np.full(2000, step))
    Limits(v_step=step, time_step=step).check(Waveform.samples(sums, dwell=sums))


@pytest.mark.parametrize("off", [2e-6, -2e-6, 0.5])
def test_more_than_rounding_is_off_the_grid(off):
    with pytest.raises(LimitError, match="segment 0, row 0"):
        Limits(v_step=0.01).check(pulse([(3 + off) * 0.01, 0.0]))
    with pytest.raises(LimitError, match="segment 0: duration"):
        Limits(time_step=1e-3).check(pulse([0.0, 0.0], width=(3 + off) * 1e-3))


def test_floating_lines_are_within_all_limits():
    limits = Limits(-1.0, 1.0, 0.5, v_step=0.1, channels=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        limits.check(pulse([FLOATING, 0.5], [FLOATING, 0.0]) + pulse([FLOATING, FLOATING], [FLOATING, FLOATING]))


def test_floating_lines_hide_nothing():
    with pytest.raises(LimitError, match="segment 0, row 1: 2 V"):
        Limits(v_max=1.0).check(pulse([FLOATING, 2.0], [FLOATING, 0.0]))
    with pytest.raises(LimitError, match="segment 0, row 1, column 1"):
        Limits(v_cell=1.0).check(pulse([FLOATING, 2.0], [FLOATING, 0.0]))
    with pytest.raises(LimitError, match=r"segment 0, row 1: 0\.25 V"):
        Limits(v_step=0.1).check(pulse([FLOATING, 0.25]))
    with pytest.raises(LimitError, match="2 different voltages"):
        Limits(channels=1).check(pulse([FLOATING, 0.1], [FLOATING, 0.2]))


def test_zero_volts_takes_no_channel():
    Limits(channels=1).check(pulse([0.3, 0.0], [0.0, 0.3]))
    Limits(channels=1).check(pulse([-0.0, 0.0], [0.0, -0.0]))


def test_an_empty_waveform_is_within_all_limits():
    Limits(-1.0, 1.0, 0.5, 1e-3, 1e-3, 1.0, 1e-3, 0.1, 1).check(HARMLESS[:0])


def test_the_compliance_is_not_a_property_of_a_waveform():
    Limits(i_max=1e-12).check(pulse([5.0, 0.0]))


# ---- limits that make no sense


@pytest.mark.parametrize(
    ("given_limits", "message"),
    [
        ({"v_min": 0.1}, "v_min 0.1 V .. v_max inf V must include 0 V"),
        ({"v_max": -0.1}, "v_min -inf V .. v_max -0.1 V must include 0 V"),
        ({"v_max": np.nan}, "v_min -inf V .. v_max nan V must include 0 V"),
        ({"width_min": 2.0, "width_max": 1.0}, "width_min 2.0 s .. width_max 1.0 s is not a range of durations"),
        ({"width_min": -1.0}, "width_min -1.0 s .. width_max inf s is not a range of durations"),
        ({"v_cell": -1.0}, "v_cell -1.0 must not be negative"),
        ({"i_max": np.nan}, "i_max nan must not be negative"),
        ({"time_step": -1e-3}, "time_step -0.001 must not be negative"),
        ({"v_step": -0.1}, "v_step -0.1 must not be negative"),
        ({"channels": 0}, "channels 0: a device drives at least one voltage"),
    ],
)
def test_limits_that_nothing_can_satisfy_are_refused(given_limits, message):
    with pytest.raises(InputError) as caught:
        Limits(**given_limits)
    assert str(caught.value) == message


# ---- against a plain reading of the rules

LEVELS = st.sampled_from([FLOATING, 0.0, 0.1, -0.1, 0.25, 0.3, -0.5, 0.6, 0.62, 1.0, -1.5])


@st.composite
def cases(draw):
    limits = Limits(
        v_min=draw(st.sampled_from([-np.inf, -0.55, -1.0, 0.0])),
        v_max=draw(st.sampled_from([np.inf, 0.7, 0.45])),
        v_cell=draw(st.sampled_from([np.inf, 0.75, 1.15])),
        width_min=draw(st.sampled_from([0.0, 1.5e-4])),
        width_max=draw(st.sampled_from([np.inf, 0.2])),
        time_step=draw(st.sampled_from([0.0, 1e-4])),
        v_step=draw(st.sampled_from([0.0, 0.1])),
        channels=draw(st.sampled_from([None, 1, 2])),
    )
    count = draw(st.integers(1, 3))
    waveform = Waveform(
        draw(hnp.arrays(float, count, elements=st.sampled_from([1e-4, 2e-4, 2.5e-4, 0.1, 0.5]))),
        draw(hnp.arrays(float, (count, 2), elements=LEVELS)),
        draw(hnp.arrays(float, (count, 2), elements=LEVELS)),
        np.zeros(count, dtype=bool),
    )
    return limits, waveform


def within(limits: Limits, waveform: Waveform) -> bool:
    """Read the limits line by line, cell by cell; all numbers here are far from a bound or on it."""
    for t in range(len(waveform)):
        duration, rows, cols = waveform.duration[t], waveform.rows[t].tolist(), waveform.cols[t].tolist()
        if duration < limits.width_min or duration > limits.width_max:
            return False
        if limits.time_step and abs(duration / limits.time_step - round(duration / limits.time_step)) > 0.01:
            return False
        driven = [v for v in rows + cols if v == v]
        for v in driven:
            if v < limits.v_min or v > limits.v_max:
                return False
            if limits.v_step and abs(v / limits.v_step - round(v / limits.v_step)) > 0.01:
                return False
        for row in rows:
            for col in cols:
                if row == row and col == col and abs(row - col) > limits.v_cell:
                    return False
        if limits.channels is not None and len({v for v in driven if v != 0}) > limits.channels:
            return False
    return True


@settings(max_examples=300)
@given(cases())
def test_check_passes_exactly_what_the_rules_allow(case):
    limits, waveform = case
    before = waveform * 1
    if within(limits, waveform):
        limits.check(waveform)
    else:
        with pytest.raises(LimitError, match=r"^segment \d"):
            limits.check(waveform)
    assert waveform == before
