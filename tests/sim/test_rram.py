import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.backends import open_device
from hil.errors import InputError
from hil.limits import LimitError
from hil.waveform import Waveform
from sim.cells.rram import RramParameters, stop_weight

SET, RESET = 1.2, -1.2


def rram(**parameters):
    return open_device("sim:rram", **parameters)


def pulses(voltage, count=1):
    return Waveform.train(voltage, width=1e-6, period=2e-6, count=count)


def weights_after_each(device, voltage, count):
    curve = []
    for _ in range(count):
        device.apply(pulses(voltage))
        curve.append(device.weights[0, 0])
    return np.array(curve)


# ---- equations 1 to 3 of Brivio et al. (2021), pulse by pulse


def step_lhb(w, up, alpha, gamma, nstop):
    return alpha if up else -alpha


def step_nlsb(w, up, alpha, gamma, nstop):
    return alpha * (1 - w) ** gamma if up else -alpha * w**gamma


def step_nlhb(w, up, alpha, gamma, nstop):
    if gamma == 1:
        ws = 1 - 2.718281828459045 ** (-alpha * nstop)
    else:
        ws = 1 - (1 + (gamma - 1) * alpha * nstop) ** (-1 / (gamma - 1))
    return alpha / ws * (1 - w * ws) ** gamma if up else -alpha / ws * (1 - (1 - w) * ws) ** gamma


STEPS = {"lhb": step_lhb, "nlsb": step_nlsb, "nlhb": step_nlhb}


@settings(deadline=None)
@given(
    model=st.sampled_from(sorted(STEPS)),
    w0=st.floats(0, 1),
    potentiation=st.tuples(st.floats(1e-3, 0.5), st.sampled_from([1.0, 1.02, 2.0, 5.5]), st.floats(3, 500)),
    depression=st.tuples(st.floats(1e-3, 0.5), st.sampled_from([1.0, 1.02, 2.0, 5.5]), st.floats(3, 500)),
    directions=st.lists(st.booleans(), min_size=1, max_size=40),
)
def test_weights_follow_the_equations(model, w0, potentiation, depression, directions):
    names = ("alpha", "gamma", "nstop")
    separate = {f"{name}_dep": value for name, value in zip(names, depression, strict=True)}
    device = rram(model=model, w0=w0, **dict(zip(names, potentiation, strict=True)), **separate)
    w = w0
    for up in directions:
        device.apply(pulses(SET if up else RESET))
        w = min(max(w + STEPS[model](w, up, *(potentiation if up else depression)), 0.0), 1.0)
        assert device.weights[0, 0] == pytest.approx(w, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("model", STEPS)
def test_depression_takes_the_values_of_potentiation_unless_told(model):
    plain = rram(model=model, alpha=0.05, gamma=3.0, nstop=40.0)
    told = rram(model=model, alpha=0.05, gamma=3.0, nstop=40.0, alpha_dep=0.05, gamma_dep=3.0, nstop_dep=40.0)
    assert np.array_equal(weights_after_each(plain, RESET, 10), weights_after_each(told, RESET, 10))


@pytest.mark.parametrize("name", ["alpha_dep", "gamma_dep", "nstop_dep"])
def test_depression_values_of_its_own_leave_potentiation_alone(name):
    value = {"alpha_dep": 0.01, "gamma_dep": 5.0, "nstop_dep": 10.0}[name]
    plain, own = (rram(model="nlhb", alpha=0.05, gamma=3.0, nstop=40.0, **given) for given in ({}, {name: value}))
    assert np.array_equal(weights_after_each(plain, SET, 5), weights_after_each(own, SET, 5))
    assert not np.isclose(weights_after_each(plain, RESET, 5), weights_after_each(own, RESET, 5)).any()


@pytest.mark.parametrize("model", STEPS)
@pytest.mark.parametrize("w0", [0.0, 0.2, 0.5, 1.0])
def test_depression_mirrors_potentiation(model, w0):
    parameters = {"model": model, "alpha": 0.05, "gamma": 2.5, "nstop": 40.0}
    up = weights_after_each(rram(w0=w0, **parameters), SET, 60)
    down = weights_after_each(rram(w0=1 - w0, **parameters), RESET, 60)
    assert down == pytest.approx(1 - up, abs=1e-12)


@pytest.mark.parametrize("gamma", [1.0, 2.0, 5.5])
def test_soft_bounds_approach_the_closed_solution_as_alpha_shrinks(gamma):
    """dw/dn = alpha (1 - w)^gamma has w(n) = 1 - ((1 - w0)^(1 - gamma) + (gamma - 1) alpha n)^(1 / (1 - gamma))."""
    w0, spent = 0.1, 3.0
    errors = []
    for alpha in (0.02, 0.01, 0.005):
        count = round(spent / alpha)
        n = np.arange(1, count + 1)
        if gamma == 1:
            exact = 1 - (1 - w0) * np.exp(-alpha * n)
        else:
            exact = 1 - ((1 - w0) ** (1 - gamma) + (gamma - 1) * alpha * n) ** (1 / (1 - gamma))
        errors.append(
            np.abs(weights_after_each(rram(model="nlsb", alpha=alpha, gamma=gamma, w0=w0), SET, count) - exact).max()
        )
        assert errors[-1] < gamma * alpha
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.1)


def test_soft_bounds_are_never_reached():
    curve = weights_after_each(rram(model="nlsb", alpha=0.1, gamma=2.0, w0=0.0), SET, 500)
    assert (np.diff(curve) > 0).all()
    assert curve[-1] < 1.0


@pytest.mark.parametrize(("voltage", "w0", "bound"), [(SET, 0.0, 1.0), (RESET, 1.0, 0.0)])
@pytest.mark.parametrize(("gamma", "nstop"), [(1.0, 100), (1.02, 300), (4.0, 200)])
def test_hard_bounds_are_reached_in_about_nstop_pulses(voltage, w0, bound, gamma, nstop):
    curve = weights_after_each(rram(model="nlhb", alpha=0.01, gamma=gamma, nstop=nstop, w0=w0), voltage, 2 * nstop)
    assert curve[-1] == bound
    assert np.flatnonzero(curve == bound)[0] + 1 == pytest.approx(nstop, rel=0.05)


def test_linear_steps_reach_the_bounds_and_stay():
    assert weights_after_each(rram(alpha=0.3, w0=0.5), SET, 4).tolist() == [0.8, 1.0, 1.0, 1.0]
    assert weights_after_each(rram(alpha=0.3, w0=0.5), RESET, 3) == pytest.approx([0.2, 0.0, 0.0])


@pytest.mark.parametrize("gamma", [1.0, 1.02, 4.0])
def test_the_stop_weight_is_where_soft_bounds_are_after_nstop(gamma):
    ws = stop_weight(0.001, gamma, 400.0)
    soft = weights_after_each(rram(model="nlsb", alpha=0.001, gamma=gamma, w0=0.0), SET, 400)
    assert soft[-1] == pytest.approx(ws, rel=2e-3)


def test_the_stop_weight_is_continuous_in_gamma():
    assert stop_weight(0.01, 1.0 + 1e-9, 100.0) == pytest.approx(stop_weight(0.01, 1.0, 100.0), rel=1e-6)


def test_the_wang_preset_is_the_fit_that_brivio_gives():
    p = rram(preset="wang2016").parameters
    assert (p.model, p.alpha, p.gamma, p.nstop) == ("nlhb", 0.004, 1.02, 300.0)
    curve = weights_after_each(rram(preset="wang2016", w0=0.0), SET, 310)
    assert curve[0] == pytest.approx(0.004 / (1 - 1.024**-50), rel=1e-12)
    assert curve[-1] == 1.0
    assert np.flatnonzero(curve == 1.0)[0] == pytest.approx(300, abs=6)


# ---- what counts as a pulse


@pytest.fixture
def cell():
    """One step up is +0.1, one step down is -0.01."""
    return rram(alpha=0.1, alpha_dep=0.01, v_set=1.0, v_reset=0.8, w0=0.5)


@pytest.mark.parametrize(
    ("voltage", "change"),
    [(0.999, 0), (1.0, 0.1), (5.0, 0.1), (-0.799, 0), (-0.8, -0.01), (-0.9, -0.01), (-5.0, -0.01), (0.0, 0)],
)
def test_thresholds(cell, voltage, change):
    cell.apply(pulses(voltage))
    assert cell.weights[0, 0] - 0.5 == pytest.approx(change, abs=1e-12)
    assert change != 0 or cell.weights[0, 0] == 0.5


@pytest.mark.parametrize("width", [1e-9, 1e-3, 10.0])
def test_length_does_not_matter(cell, width):
    cell.apply(Waveform.pulse(1.5, width=width))
    assert cell.weights[0, 0] == pytest.approx(0.6)


@pytest.mark.parametrize("measure", [False, True])
def test_a_pulse_cut_into_segments_is_one_step(cell, measure):
    cell.apply(Waveform.samples([1.0, 2.0, 1.5, 3.0], dwell=[1e-3, 1e-6, 1.0, 1e-3], measure=measure))
    assert cell.weights[0, 0] == pytest.approx(0.6)


def test_every_call_is_a_pulse_of_its_own(cell):
    for count in range(1, 5):
        cell.apply(Waveform.pulse(1.5, width=1e-3))
        assert cell.weights[0, 0] == pytest.approx(0.5 + 0.1 * count)


def test_a_snapshot_knows_of_no_pulse(cell):
    cell.apply(Waveform.pulse(1.5, width=1e-3))
    state = cell.snapshot()
    assert state.keys() == {"weight", "time", "counters"}
    cell.restore(state)
    cell.apply(Waveform.pulse(1.5, width=1e-3))
    assert cell.weights[0, 0] == pytest.approx(0.7)


def test_a_snapshot_from_when_pulses_went_on_opens(cell):
    cell.apply(Waveform.pulse(1.5, width=1e-3))
    cell.restore(cell.snapshot() | {"beyond": np.ones((1, 1), np.int8)})
    cell.apply(Waveform.pulse(1.5, width=1e-3))
    assert cell.weights[0, 0] == pytest.approx(0.7)


@pytest.mark.parametrize("between", [0.0, 0.999, -0.799])
def test_a_rest_between_makes_two(cell, between):
    cell.apply(Waveform.samples([1.5, between, 1.5], dwell=[1e-3, 1e-9, 1e-3]))
    assert cell.weights[0, 0] == pytest.approx(0.7)


def test_a_swing_from_set_to_reset_counts_both(cell):
    cell.apply(Waveform.samples([1.5, -1.5, 1.5], dwell=1e-3))
    assert cell.weights[0, 0] == pytest.approx(0.5 + 0.1 - 0.01 + 0.1)


def test_a_rest_changes_nothing(cell):
    cell.apply(Waveform.rest(1e9))
    assert cell.weights[0, 0] == 0.5


def test_reset_forgets_a_pulse_that_was_on(cell):
    cell.apply(Waveform.pulse(1.5, width=1e-3))
    cell.reset()
    cell.apply(Waveform.pulse(1.5, width=1e-3))
    assert cell.weights[0, 0] == pytest.approx(0.6)


# ---- in a crossbar


def changed(device, rows, cols):
    before = device.weights
    device.apply(Waveform.pulse(rows, cols, width=1e-6) + Waveform.rest(1e-6, device.rows, device.cols))
    return np.argwhere(device.weights != before).tolist()


@pytest.mark.parametrize("sign", [1, -1])
def test_half_select_programs_only_the_selected_cell(sign):
    device = rram(rows=4, cols=3)
    rows, cols = np.zeros(4), np.zeros(3)
    rows[2], cols[1] = sign * 0.6, -sign * 0.6
    assert changed(device, rows, cols) == [[2, 1]]


def test_third_select_programs_only_the_selected_cell():
    device = rram(rows=4, cols=3)
    rows, cols = np.full(4, 0.4), np.full(3, 0.8)
    rows[2], cols[1] = 1.2, 0.0
    assert changed(device, rows, cols) == [[2, 1]]


def test_a_full_voltage_programs_the_whole_row():
    assert changed(rram(rows=4, cols=3), [0, 0, 1.2, 0], np.zeros(3)) == [[2, 0], [2, 1], [2, 2]]


def test_every_cell_counts_its_own_pulses():
    device = rram(rows=2, cols=2, alpha=0.1)
    device.apply(Waveform.samples([[1.2, 0.0], [1.2, 1.2]], np.zeros((2, 2)), dwell=1e-3))
    assert device.weights == pytest.approx(np.full((2, 2), 0.6))


def test_conductance_is_linear_in_the_weight():
    device = rram(g_min=2e-6, g_max=1e-4, w0=0.25)
    assert device.read()[0, 0] == pytest.approx(2e-6 + 0.25 * 9.8e-5, rel=1e-12)
    assert rram(w0=0.0).read()[0, 0] == pytest.approx(1e-6)
    assert rram(w0=1.0).read()[0, 0] == pytest.approx(1e-4)


def test_spread_of_sensitivity_multiplies_the_step():
    device = rram(rows=5, cols=4, alpha=0.01, d2d=0.2, seed=4)
    device.apply(Waveform.pulse(np.full(5, SET), np.zeros(4), width=1e-6))
    gain, _ = device.variability.device_to_device.draw((4, 5), 4)
    assert device.weights == pytest.approx(0.5 + 0.01 * gain.T)


# ---- what is refused


def test_voltages_beyond_the_device_are_refused():
    device = rram(v_max=1.5, w0=0.5)
    with pytest.raises(LimitError, match=r"segment 1, row 0: 1\.6 V is outside -1\.5 V \.\. 1\.5 V"):
        device.apply(pulses(SET)[:1] + Waveform.pulse(1.6, width=1e-6))
    assert device.weights[0, 0] == 0.5


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"alpha": 0.0}, "alpha = 0.0 must be > 0 (a fraction: 0.1 for 10 %)"),
        ({"alpha": 1.5}, "alpha = 1.5 must be <= 1 (a fraction: 0.1 for 10 %)"),
        ({"gamma": 0.5}, "gamma = 0.5 must be >= 1"),
        ({"nstop": 0}, "nstop = 0 must be > 0"),
        ({"gamma_dep": 0.9}, "gamma_dep = 0.9 must be >= 1"),
        ({"v_set": 0.0}, "v_set = 0.0 must be > 0"),
        ({"v_reset": -1.0}, "v_reset = -1.0 must be > 0"),
        ({"w0": 1.1}, "w0 = 1.1 must be <= 1 (a fraction: 0.1 for 10 %)"),
        ({"g_min": 1e-4}, "g_min 0.0001 S must be below g_max 0.0001 S"),
        ({"model": "ideal"}, "model = 'ideal' must be 'lhb', 'nlsb', 'nlhb' or 'exp'"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, text):
    with pytest.raises(InputError) as caught:
        rram(**parameters)
    assert str(caught.value) == f"sim:rram: {text}"


def test_parameters_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        RramParameters().alpha = 0.5
