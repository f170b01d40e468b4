"""Laws given by their equations, and cells that are not ohmic, against scipy."""

import numpy as np
import pytest
import rate_laws
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import root

from hil.backends import open_device
from hil.contract import DeviceContract
from hil.device import Device
from hil.limits import LimitError
from hil.waveform import Waveform
from sim.cells.law import Law, StateVariable
from sim.cells.rates import Equations, RateLaw, rate_equation
from sim.crossbar.kinds import simulated
from sim.fitting.data import Measurement
from sim.fitting.fitting import fit
from sim.fitting.law import LawModel
from sim.fitting.trace import segments

WIDTH = 2e-2


def opened(kind, **parameters) -> Device:
    return kind.build(f"sim:{kind.name}", kind.parameters(**parameters))


def reference(device, v, width, start, gain=1.0):
    """States and charge of one cell after a pulse, by scipy."""
    law, n = device.law, len(device.law.states)
    rate, current = (equation.py_func for equation in law.equations)
    p = np.array(law.constants())
    low, high = (np.array([getattr(state, end) for state in law.states]) for end in ("low", "high"))

    def slopes(_, y):
        x, out = np.clip(y[:n], low, high), np.zeros(n)
        rate(v, x, p, out)
        out[0] *= gain
        outward = ((y[:n] >= high) & (out > 0)) | ((y[:n] <= low) & (out < 0))
        return [*np.where(outward, 0.0, out), current(v, x, p)]

    method = "Radau" if n > 1 else "LSODA"
    found = solve_ivp(slopes, (0, width), [*start, 0.0], method=method, rtol=1e-9, atol=1e-13, max_step=width / 200)
    return np.clip(found.y[:n, -1], low, high), found.y[n, -1]


class TestContract(DeviceContract):
    drive_voltage = 0.8
    tolerance = 1e-4

    def open(self, rows, cols):
        return opened(rate_laws.sinh, rows=rows, cols=cols)


@pytest.mark.parametrize("kind", [rate_laws.sinh, rate_laws.hard, rate_laws.hot], ids=lambda kind: kind.name)
@pytest.mark.parametrize("v", [0.9, -0.7, -0.9, 1.5, 0.02])
def test_a_pulse_is_that_of_the_equations(kind, v):
    with opened(kind) as device:
        start = [state.pristine for state in device.law.states]
        answer = device.apply(Waveform.pulse(v, width=WIDTH, measure=True))
        found = [device.state(state.name)[0, 0] for state in device.law.states]
        states, charge = reference(device, v, WIDTH, start)
    assert found == pytest.approx(states, rel=1e-6, abs=1e-8)
    assert answer.charge[0, 0] == pytest.approx(charge, rel=1e-6)
    assert answer.energy[0] == pytest.approx(v * charge, rel=1e-6)


def test_a_state_meets_its_bound_exactly_and_leaves_it():
    with opened(rate_laws.hard, x0=0.5) as device:
        answer = device.apply(Waveform.pulse(1.0, width=0.1, measure=True))
        assert device.state("x")[0, 0] == 1.0
        g = device.parameters.g
        assert answer.charge[0, 0] == pytest.approx(g * (0.025 * (0.01 + 0.75) + 0.075 * 1.01), rel=1e-9)
        device.apply(Waveform.pulse(-1.0, width=0.01))
        assert device.state("x")[0, 0] == pytest.approx(0.8, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6), st.sampled_from([0.6, -0.9, 2.0]))
def test_cutting_a_pulse_changes_nothing(parts, v):
    widths = np.array(parts) * 0.01
    for kind in (rate_laws.sinh, rate_laws.hot):
        with opened(kind) as whole, opened(kind) as cut:
            one = whole.apply(Waveform.pulse(v, width=float(widths.sum()), measure=True))
            many = cut.apply(Waveform.samples(np.full(len(widths), v), dwell=widths, measure=True))
            assert cut.state("x") == pytest.approx(whole.state("x"), rel=1e-7)
        assert many.charge.sum() == pytest.approx(one.charge.sum(), rel=1e-6)


def test_measuring_does_not_move_a_bit():
    with opened(rate_laws.sinh, d2d=0.2, rows=3) as looked, opened(rate_laws.sinh, d2d=0.2, rows=3) as blind:
        for device, measure in ((looked, True), (blind, False)):
            device.apply(Waveform.pulse([0.8, -0.5, 0.0], width=1e-2, measure=measure))
        assert np.array_equal(looked.state("x"), blind.state("x"))


def test_spread_of_sensitivity_multiplies_the_rate_and_that_of_memristance_divides_the_current():
    with opened(rate_laws.sinh, d2d=0.5, d2d_r=0.5, rows=2) as device, opened(rate_laws.sinh) as plain:
        gain, g = device.sensitivity[0, 0], device.conductance
        scale = plain.conductance[0, 0] / g[0, 0]
        answer = device.apply(Waveform.pulse([0.8, 0.0], width=1e-2, measure=True))
        (x,), charge = reference(device, 0.8, 1e-2, [0.3], gain)
        assert device.state("x")[:, 0] == pytest.approx([x, 0.3], rel=1e-8)
    assert answer.charge[0, 0] == pytest.approx(charge / scale, rel=1e-6)


def test_cycle_to_cycle_spread_scales_what_a_pulse_changes_and_its_charge_follows_the_path():
    with opened(rate_laws.sinh, c2c=0.4, seed=3) as device, opened(rate_laws.sinh) as plain:
        parts = 400
        train = Waveform.samples(np.full(parts, 0.8), dwell=1e-2 / parts, measure=True)
        course = plain.apply(train).currents[:, 0] / (plain.parameters.g * np.sinh(3 * 0.8) / 3)
        given = device.apply(train)
        path = given.currents[:, 0] / (device.parameters.g * np.sinh(3 * 0.8) / 3)
    factor = (path[-1] - 0.3) / (course[-1] - 0.3)
    assert abs(factor - 1) > 0.05
    assert path == pytest.approx(0.3 + factor * (course - 0.3), rel=1e-9)
    with opened(rate_laws.sinh, c2c=0.4, seed=3) as device:
        whole = device.apply(Waveform.pulse(0.8, width=1e-2, measure=True))
    assert whole.charge[0, 0] == pytest.approx(given.charge.sum(), rel=1e-6)


def test_what_is_read_is_current_over_read_voltage_and_products_add_currents():
    x = np.random.default_rng(1).uniform(0.1, 0.9, (3, 4))
    with opened(rate_laws.sinh, rows=3, cols=4, k=1e-6) as device:
        kept = device.snapshot()
        device.restore(kept | {"x": np.ascontiguousarray(x.T)})
        g, b = device.parameters.g, device.parameters.b

        def current(v):
            return g * x * np.sinh(b * v) / b

        assert device.conductance == pytest.approx(current(device.read_voltage) / device.read_voltage, rel=1e-12)
        rows, cols = np.array([[0.5, -1.0, 0.2], [1.0, np.nan, 0.0]]), np.array([[0.3, -0.8, 1.0, 0.1]])
        expected = [current(np.nan_to_num(v)[:, None]).sum(axis=0) for v in rows]
        assert device.mvm(rows) == pytest.approx(np.array(expected), rel=1e-12)
        assert device.mvm(cols, reverse=True) == pytest.approx(-current(-cols).sum(axis=1)[None], rel=1e-12)
        assert Device.mvm(device, rows[:1]) == pytest.approx(device.mvm(rows[:1]), rel=1e-6)
        assert device.read(0.5) == pytest.approx(current(0.5) / 0.5, rel=1e-6)


def floating_reference(x, v, width, g=1e-4, b=3.0, k=20.0):
    """(3, 3) states and the charges of columns 0 and 2; row 0 at v, row 1 and column 1 floating, the rest at 0 V."""

    def across(x):
        def currents(lines):
            rows, cols = np.array([v, lines[0], 0.0]), np.array([0.0, lines[1], 0.0])
            drop = rows[:, None] - cols
            return drop, g * x * np.sinh(b * drop) / b

        def net(lines):
            _, i = currents(lines)
            return [1e4 * i[1].sum(), 1e4 * i[:, 1].sum()]

        return currents(root(net, [v / 3, v / 3], tol=1e-13).x)

    def slopes(_, y):
        x = y[:9].reshape(3, 3)
        drop, i = across(x)
        moved = k * np.sinh(b * drop) * np.where(drop > 0, 1 - x, x)
        return [*moved.ravel(), i[:, 0].sum(), i[:, 2].sum(), (drop * i).sum()]

    found = solve_ivp(slopes, (0, width), [*x.ravel(), 0, 0, 0], method="LSODA", rtol=1e-9, atol=1e-14)
    return found.y[:9, -1].reshape(3, 3), found.y[9:, -1]


def test_sneak_paths_of_cells_that_are_not_ohmic():
    x = np.random.default_rng(2).uniform(0.2, 0.8, (3, 3))
    rows, cols = [0.9, np.nan, 0.0], [0.0, np.nan, 0.0]
    with opened(rate_laws.sinh, rows=3, cols=3) as device:
        device.restore(device.snapshot() | {"x": np.ascontiguousarray(x.T)})
        answer = device.apply(Waveform([4e-3], [rows], [cols], [True]))
        states, (first, last, energy) = floating_reference(x, 0.9, 4e-3)
        assert device.state("x") == pytest.approx(states, rel=1e-6)
    assert answer.charge[0] == pytest.approx([first, 0.0, last], rel=1e-6)
    assert answer.energy[0] == pytest.approx(energy, rel=1e-6)
    assert answer.currents[0, 1] == pytest.approx(0.0, abs=1e-12 * np.abs(answer.currents).max())
    assert answer.currents.sum() + answer.row_currents.sum() == pytest.approx(0.0, abs=1e-15)


def test_stuck_cells_are_ohmic():
    with opened(rate_laws.sinh, rows=1, cols=2, stuck_on=1.0, g_on=2e-5) as device:
        assert device.conductance == pytest.approx(np.full((1, 2), 2e-5))
        answer = device.apply(Waveform.pulse(1.5, np.zeros(2), width=1e-3, measure=True))
        assert device.mvm([[1.5]]) == pytest.approx(np.full((1, 2), 3e-5))
    assert answer.currents == pytest.approx(np.full((1, 2), 3e-5))
    assert answer.charge == pytest.approx(np.full((1, 2), 3e-8))


@rate_equation
def _wild_rate(v, x, p, out):
    out[0] = np.exp(1000.0 * v * v) * (1.0 - x[0]) if v > 0.0 else 1e6 * np.sin(1e12 * x[0]) - 2e6 * x[0]


class WildLaw(RateLaw[rate_laws.SinhParameters]):
    """Beyond float64 at some positive voltages, without a smooth right-hand side at negative ones."""

    programmed, equations = "x", Equations(_wild_rate, rate_laws.SinhLaw.equations.current)
    constants = rate_laws.SinhLaw.constants

    @property
    def states(self):
        return (StateVariable("x", 0.3, 0.0, 1.0),)


wild = simulated("wild", "a law that cannot be integrated", WildLaw, rate_laws.SinhParameters)


def test_a_law_that_cannot_be_integrated_is_refused_and_the_cell_stays_as_it_was():
    with opened(wild) as device:
        with pytest.raises(
            LimitError, match=r"a segment of 0\.001 s with 1 V on a cell: the rates .* range of float64"
        ):
            device.apply(Waveform.pulse(1.0, width=1e-3))
        with pytest.raises(LimitError, match=r"a segment of 1 s with -1 V on a cell takes more than 20,000 steps"):
            device.apply(Waveform.pulse(-1.0, width=1.0))
        assert device.state("x")[0, 0] == 0.3 and device.time == 0


@rate_equation
def _refusing(v, x, p, out):
    if v > 0.5:
        raise ValueError("no rate there")
    out[0] = v


class RefusingLaw(rate_laws.SinhLaw):
    equations = Equations(_refusing, rate_laws.SinhLaw.equations.current)


def test_an_equation_that_raises_an_exception_is_no_number():
    kind = simulated("refusing", "raises beyond 0.5 V", RefusingLaw, rate_laws.SinhParameters)
    with opened(kind) as device:
        device.apply(Waveform.pulse(0.4, width=WIDTH))
        with pytest.raises(LimitError, match="leave the range of float64"):
            device.apply(Waveform.pulse(0.6, width=WIDTH))


def test_a_law_may_not_take_the_name_of_an_array_s_parameter():
    class Rows(rate_laws.SinhParameters):
        rows: int = 3

    with pytest.raises(TypeError, match="every array has a parameter rows"):
        simulated("rows", "wrong", rate_laws.SinhLaw, Rows)


def test_a_fit_finds_the_parameters_that_a_law_was_played_with():
    truth = {"g": 3e-4, "b": 2.2, "k": 45.0, "x0": 0.15}
    volts = np.repeat([0.5, -0.5, 0.9, -0.7], 8)
    with opened(rate_laws.sinh, **truth) as device:
        answer = device.apply(Waveform.samples(volts, dwell=1e-3, measure=True))
    conductance, count = answer.currents[:, 0] / volts, len(volts)
    measurement = Measurement(
        "train", "a train", volts, np.full(count, 1e-3), np.arange(count), conductance, np.arange(count), volts
    )
    model = LawModel(rate_laws.sinh, measurement)
    assert model.state == "x0" and [p.name for p in model.free] == ["g", "b", "k", "x0"]
    assert model.curve(truth) == pytest.approx(conductance, rel=1e-6)
    found = fit(model, profile=False)
    assert found.values == pytest.approx(truth, rel=1e-3)
    assert found.preset() == {name: found.values[name] for name in ("g", "b", "k")}


def test_a_trace_is_what_an_array_of_one_cell_does():
    volts, widths = np.array([0.8, 0.8, 0.0, -0.6, 0.9]), np.array([1e-3, 2e-3, 5e-3, 1e-3, 0.0])
    start = np.array([0.3, np.nan, np.nan, 0.5, np.nan])
    for law in (rate_laws.sinh.parameters().law(), open_device("sim:vteam?v_off=0.3&v_on=-0.3").law):
        states = law.trace(segments(volts, widths), start)["x"]
        assert states.shape == (1, 5) and states[0, 4] == states[0, 3] != 0.5
        assert states == pytest.approx(Law.trace(law, segments(volts, widths), start)["x"], rel=1e-9)
