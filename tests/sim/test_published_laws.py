"""Published laws against numbers of an independent solution (scipy's LSODA at 1e-10), closed forms, and scipy itself.

Numbers marked "sine" belong to v = V sin(2 pi f t): the waveform here is of its values in the middle of 20,000 steps,
which is within 1e-7 of it.
"""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

from hil.backends import open_device
from hil.waveform import Waveform

STEPS = 20_000
PER_KT = 1.6021918e-19 / (1.3806226e-23 * 300)
"""1/V, by the constants of Wang & Roychowdhury."""


def sine(amplitude, frequency, until):
    """A sine from 0 to `until` s."""
    steps = round(STEPS * until * frequency) or 1
    middle = (np.arange(steps) + 0.5) * until / steps
    return Waveform.samples(amplitude * np.sin(2 * np.pi * frequency * middle), dwell=until / steps)


def states_after(uri, amplitude, frequency, times, name):
    """State of a cell at some times of a sine, each from the start."""
    found = []
    for t in times:
        with open_device(uri) as device:
            device.apply(sine(amplitude, frequency, t))
            found.append(device.state(name)[0, 0])
    return found


@pytest.mark.parametrize(
    ("window", "x"),
    [
        ("none", (0.47862899, 0.72659213, 0.31446541)),
        ("strukov", (0.34724815, 0.38342924, 0.31446541)),
        ("joglekar", (0.46739923, 0.69340866, 0.31446541)),
        ("biolek", (0.45138068, 0.60206327, 0.34164911)),
        ("prodromakis", (0.34724815, 0.38342924, 0.31446541)),
        ("zha", (0.34746000, 0.38126603, 0.33586537)),
    ],
)
def test_ion_drift_under_a_sine(window, x):
    assert states_after(f"sim:ion-drift?window={window}", 1.0, 1.0, (0.25, 0.5, 1.0), "x") == pytest.approx(x, rel=1e-6)


@pytest.mark.parametrize(
    ("window", "x"),
    [
        ("joglekar", (0.47862899, 0.72659212)), ("biolek", (0.47862898, 0.72652712)),
        ("prodromakis", (0.46570716, 0.68273233)), ("zha", (0.46140232, 0.64996009)),
    ],
)  # fmt: skip
def test_windows_of_power_ten_under_a_sine(window, x):
    found = states_after(f"sim:ion-drift?window={window}&p=10", 1.0, 1.0, (0.25, 0.5), "x")
    assert found == pytest.approx(x, rel=1e-6)


def test_ion_drift_without_a_window_is_its_closed_form():
    with open_device("sim:ion-drift?window=none") as film:
        p = film.parameters
        k, start = p.mu * p.r_on / p.d**2, 1 / film.read()[0, 0]
        answer = film.apply(Waveform.pulse(0.7, width=0.3, measure=True))
        end = np.sqrt(start**2 - 2 * k * (p.r_off - p.r_on) * 0.7 * 0.3)
        assert 1 / film.read()[0, 0] == pytest.approx(end, rel=1e-8)
    assert answer.charge[0, 0] == pytest.approx(0.7 * 0.3 * 2 / (start + end), rel=1e-8)


@pytest.mark.parametrize(("v", "w", "i"), [(1.0, 0.83201838, 3.02274378), (0.9, 0.60029599, 0.37687661)])
def test_nonlinear_drift_at_a_constant_voltage(v, w, i):
    with open_device("sim:nonlinear-drift?i_scale=1") as film:
        answer = film.apply(Waveform.pulse(v, width=0.1, measure=True))
        assert film.state("w")[0, 0] == pytest.approx(w, rel=1e-7)
        assert film.state("w")[0, 0] == pytest.approx(1 / (1 + np.exp(-4 * 4 * v**13 * 0.1)), rel=1e-8)
    assert answer.currents[0, 0] == pytest.approx(i, rel=1e-7)


@pytest.mark.parametrize(
    ("current", "start", "end"), [(200e-6, 1.0e-9, 1.02710057e-9), (-30e-6, 2.0e-9, 1.87346891e-9)]
)
def test_team_at_a_constant_current(current, start, end):
    """Driven by voltages that follow the resistance, as a current source would."""
    with open_device(f"sim:team?x0={start}&v_max=100") as cell:
        for _ in range(400):
            cell.apply(Waveform.pulse(current / cell.read()[0, 0], width=0.25))
        assert cell.state("x")[0, 0] == pytest.approx(end, rel=2e-5)


def test_yakopcic_under_a_sine():
    times, x = (1e-3, 2.5e-3, 5e-3, 7.5e-3, 10e-3), (0.21967737, 0.87087266, 0.96973705, 0.17306449, 0.09292522)
    assert states_after("sim:yakopcic", 0.45, 100.0, times, "x") == pytest.approx(x, rel=1e-6)


def test_yakopcic_conducts_by_a_sinh():
    with open_device("sim:yakopcic?x0=0.87087266") as cell:
        answer = cell.mvm([[0.45]])
    assert answer[0, 0] == pytest.approx(3.3313690e-3, rel=1e-7)


def test_metastable_switches_under_a_sine():
    times, x = (1e-3, 2.5e-3, 5e-3, 7.5e-3, 10e-3), (0.70279599, 0.99999987, 0.99997732, 1.3035e-7, 2.2679573e-5)
    found = states_after("sim:mss?temperature=298.5", 0.5, 100.0, times, "x")
    assert found == pytest.approx(x, rel=1e-5, abs=1e-9)


def test_metastable_switches_forget_at_rest():
    with open_device("sim:mss?x0=0.9") as cell:
        cell.apply(Waveform.rest(1.80957))
        assert cell.state("x")[0, 0] == pytest.approx(0.5 + 0.4 * np.exp(-1), rel=1e-5)


@pytest.mark.parametrize(
    ("v", "start", "end", "width"),
    [(1.5, 1.3e-9, 0.5e-9, 17.9347e-9), (1.2, 1.0e-9, 0.5e-9, 285.858e-9), (-1.5, 0.5e-9, 1.5e-9, 46.6331e-9)],
)
def test_stanford_moves_its_gap(v, start, end, width):
    with open_device(f"sim:stanford?gap0={start}") as cell:
        cell.apply(Waveform.pulse(v, width=width))
        assert cell.state("gap")[0, 0] == pytest.approx(end, rel=1e-4)


def test_stanford_conducts_and_stands_still_below_its_field():
    with open_device("sim:stanford?gap0=1.5e-9") as cell:
        assert cell.mvm([[1.5]])[0, 0] == pytest.approx(4.9999693e-4, rel=1e-7)
    with open_device("sim:stanford?gap0=0.5e-9") as cell:
        cell.apply(Waveform.pulse(1.0, width=1.0))
        assert cell.state("gap")[0, 0] == 0.5e-9


def memtorch_stanford(volts, step, gap=2e-10):
    """MemTorch's Stanford_PKU written anew: forward Euler, heat by the current of the step before; its constants."""
    q, k = 1.6e-19, 1.3806503e-23
    lowest, highest = (0.25e-9 * np.log(1e-3 * np.sinh(0.1 / 0.25) / (0.1 / ohm)) for ohm in (542, 218586))
    gap, i, currents = max(gap, lowest), 0.0, []
    for v in volts:
        gamma = 16 - 0.8 * (gap / 1e-9) ** 3
        gamma = gamma if gamma * abs(v) / 12e-9 >= 1.4e9 else 0.0
        t = 298 + abs(v * i) * 2.1e3
        rate = -10 * np.exp(-q * 0.6 / k / t) * np.sinh(gamma * 0.25e-9 / 12e-9 * q * v / k / t)
        gap = min(max(gap + rate * step, lowest), highest)
        i = 1e-3 * np.exp(-gap / 0.25e-9) * np.sinh(v / 0.25)
        currents.append(i)
    return np.array(currents), gap


def stanford_beside_memtorch(amplitude, frequency, steps):
    """Currents of a period, ours and those of MemTorch's steps."""
    volts = amplitude * np.sin(2 * np.pi * np.arange(steps) / steps)
    with open_device("sim:stanford?preset=memtorch&gap0=2.0008e-10") as cell:
        given = cell.apply(Waveform.samples(volts, dwell=1 / (steps * frequency), measure=True))
        p = cell.parameters
    assert (p.gap_min, p.gap_max) == pytest.approx((0.20008e-9, 1.70000e-9), rel=1e-4)
    return given.currents[:, 0], memtorch_stanford(volts, 1 / (steps * frequency))[0]


def test_stanford_gives_the_loop_that_memtorch_plots():
    """1.5 V at 10 Hz, where the gap crosses its range faster than a step of MemTorch's.

    It does so at the same steps, and both halves agree but for where the gap opens: one forward step takes it to its
    widest, past the gap at which its field falls to F_min; with the equations it stays there and follows the voltage.
    """
    ours, theirs = stanford_beside_memtorch(1.5, 10.0, 400)
    volts = 1.5 * np.sin(2 * np.pi * np.arange(400) / 400)
    apart = np.flatnonzero(np.abs(ours - theirs) > 1e-3 * np.abs(theirs))
    assert len(apart) < 30 and np.all((apart > 200) & (apart < 300)) and np.all(np.diff(apart) == 1)
    gap = 0.25 * np.log(1e-3 * np.sinh(volts[apart] / 0.25) / ours[apart])
    assert (16 - 0.8 * gap**3) * np.abs(volts[apart]) / 12e-9 == pytest.approx(np.full(len(apart), 1.4e9), rel=1e-3)
    assert ours[230] / ours[370] > 1e2


def test_memtorch_s_steps_lead_to_ours_as_they_grow_shorter():
    """At 1 MHz the gap moves for many steps: the error of forward Euler halves with its step."""
    errors = []
    for steps in (250, 500, 1000):
        ours, theirs = stanford_beside_memtorch(1.6, 1e6, steps)
        errors.append(np.abs(ours - theirs).max() / np.abs(ours).max())
    assert errors[0] > 1.7 * errors[1] > 2.9 * errors[2]
    assert errors[2] < 2e-3


@pytest.mark.parametrize(("v", "start", "width"), [(1.3, 1.3e-9, 5e-8), (-1.2, 0.4e-9, 2e-7), (1.1, 0.9e-9, 1e-6)])
def test_the_well_posed_gap_is_stanford_s_away_from_its_bounds(v, start, width):
    """Without F_min and heat, at the temperature at which both papers' constants give one q / kT."""
    alike = 300 * (1.6e-19 / 1.3806503e-23) / (1.6021918e-19 / 1.3806226e-23)
    with (
        open_device(f"sim:well-posed-rram?gap0={start}") as smooth,
        open_device(f"sim:stanford?gap0={start}&F_min=0&R_th=0&T_0={alike}") as hard,
    ):
        for cell in (smooth, hard):
            cell.apply(Waveform.pulse(v, width=width))
        assert smooth.state("gap")[0, 0] == pytest.approx(hard.state("gap")[0, 0], rel=1e-6)
        assert abs(smooth.state("gap")[0, 0] - start) > 3e-11
        assert smooth.mvm([[0.3]])[0, 0] == pytest.approx(hard.mvm([[0.3]])[0, 0], rel=1e-5)


@pytest.mark.parametrize("v", [3.0, 1.0, -1.5, -3.0])
def test_the_well_posed_gap_rests_where_its_bound_balances_the_field(v):
    """The root of dg/dt, typed anew in nm and m/s."""

    def speed(g):
        drive = 10 * np.exp(-0.6 * PER_KT) * np.sinh((16 - 0.8 * g**3) * 0.25 / 12 * PER_KT * v)
        below, above = (0.5 * (1 + x / np.hypot(x, 1e-4)) for x in (-g, g - 1.7))
        return -drive * (1 - below - above) + np.exp(-50 * g) * below - np.exp(50 * (g - 1.7)) * above

    end = brentq(speed, -0.3, 1.0, xtol=1e-16) if v > 0 else brentq(speed, 1.0, 2.0, xtol=1e-16)
    with open_device("sim:well-posed-rram") as cell:
        cell.apply(Waveform.pulse(v, width=10.0))
        assert cell.state("gap")[0, 0] == pytest.approx(end * 1e-9, abs=1e-15)


def test_the_well_posed_gap_leaves_its_bounds_at_rest():
    """dx/dt = s^2 / (4 x^2) e^(-K x) u from x = 0 on, with K = 50 / nm and s = 1e-4 nm: x^2 e^(K x) grows with time."""
    with open_device("sim:well-posed-rram?gap0=1.7e-9") as cell:
        cell.apply(Waveform.rest(1.0))
        x = 1.7 - cell.state("gap")[0, 0] * 1e9
    spent = quad(lambda y: 4 * y**2 / 1e-8 * np.exp(50 * y), 0, x)[0]
    assert spent == pytest.approx(1e9, rel=1e-3)


def test_hysteretic_device_under_a_sine():
    times, s = (2.5e-3, 5e-3, 7.5e-3, 10e-3), (1.32471745, 1.00155275, -1.32471745, -1.00155275)
    assert states_after("sim:hysteretic", 1.0, 100.0, times, "s") == pytest.approx(s, rel=3e-6)


def test_hysteretic_device_folds_where_its_closed_form_says():
    fold = 2 / (3 * np.sqrt(3))
    for v, switched in ((0.999 * fold, False), (1.01 * fold, True)):
        with open_device("sim:hysteretic?s0=-1") as device:
            device.apply(Waveform.pulse(v, width=0.1))
            assert bool(device.state("s")[0, 0] > 0) is switched


@pytest.mark.parametrize(("t", "m"), [(5e-9, 8909.06), (5.6e-9, 10000.0), (10e-9, 10000.0), (20e-9, 3181.87)])
def test_threshold_model_under_a_sine(t, m):
    (found,) = states_after("sim:threshold?preset=biolek-r2", 5.0, 50e6, (t,), "M")
    assert found == pytest.approx(m, rel=1e-5)


def test_diffusive_switch_fills_and_relaxes():
    expected = {0.1: (0.08857556, 0.00168658, 4.0548e9), 1.0: (0.0976303, 0.02641688, 2.8922e9)}
    with open_device("sim:diffusive") as cell:
        for width, (f, r, resistance) in expected.items():
            cell.reset()
            cell.apply(Waveform.pulse(0.3, width=width))
            assert cell.state("f")[0, 0] == pytest.approx(f, rel=1e-6)
            assert cell.state("r")[0, 0] == pytest.approx(r, rel=1e-5)
            assert 1 / cell.read()[0, 0] == pytest.approx(resistance, rel=1e-4)
        f = cell.state("f")[0, 0]
        cell.apply(Waveform.rest(0.1))
        assert cell.state("f")[0, 0] == pytest.approx(f * np.exp(-50.35 * 0.1), rel=1e-6)


def equations(law, **parameters):
    """Law, its constants, and a function that gives the rate of its only state."""
    with open_device(f"sim:{law}", **parameters) as device:
        found, p = device.law, np.array(device.law.constants())

    def rate(v, x):
        out = np.zeros(1)
        found.equations.rate(float(v), np.array([x]), p, out)
        return out[0]

    return found, p, rate


@pytest.mark.parametrize(
    ("gap", "i", "rate"),
    [
        (1.2e-9, 150e-6, 3.8367877e-11), (1.5e-9, 150e-6, 2.3847748e-17), (1.5e-9, -30e-6, -8.4156496e-17),
        (1.8e-9, -30e-6, -1.1208287e-11),
    ],
)  # fmt: skip
def test_simmons_gap_moves_with_the_current(gap, i, rate):
    from sim.cells.simmons import gap_rate

    assert gap_rate(i, gap, equations("simmons")[1]) == pytest.approx(rate, rel=1e-7)


def test_simmons_current_and_series_resistance_share_the_voltage():
    from sim.cells.simmons import simmons_current, through

    for v in (0.01, 0.3, 0.8):
        for w in (1.05, 1.3, 1.9):
            i = through(v, w, 215.0, 0.95, 0.1261, 1.0)
            assert simmons_current(v - 215.0 * i, w, 0.95, 0.1261, 1.0) == pytest.approx(i, rel=1e-9)


@pytest.mark.parametrize(
    ("v", "n", "i", "t"),
    [
        (-0.35, 0.008, -3.752017e-6, 313.341), (-0.35, 20.0, -2.200822e-4, 454.561), (0.35, 20.0, 2.166184e-4, 340.379),
    ],
)  # fmt: skip
def test_jart_solves_current_and_temperature_together(v, n, i, t):
    from sim.cells.jart_vcm import operating_point

    found = operating_point(v, n, equations("jart-vcm")[1])
    assert found[0] == pytest.approx(i, rel=1e-6)
    assert found[1] == pytest.approx(t, abs=1e-3)


def test_jart_sets_at_a_negative_voltage():
    assert equations("jart-vcm")[2](-0.7, 0.008) == pytest.approx(2.562791, rel=1e-6)
    with open_device("sim:jart-vcm") as cell:
        cell.apply(Waveform.pulse(-0.9, width=388e-9))
        before = cell.state("N")[0, 0]
        cell.apply(Waveform.pulse(-0.9, width=2e-9))
        assert before < 1.0 < cell.state("N")[0, 0]


@pytest.mark.parametrize(
    ("u", "r", "heat", "i0"), [(0.05, 13161.176, 1.5782775e-5, 34.62935e-6), (0.3, 408.1112, None, 310.2027e-6)]
)
def test_mott_switch_rests_where_heat_and_conduction_balance(u, r, heat, i0):
    law, _, rate = equations("mott", u0=u)
    assert 1 / law.current(np.ones((1, 1)), {"u": np.full((1, 1), u)})[0, 0] == pytest.approx(r, rel=1e-6)
    across = i0 * r
    assert abs(rate(across, u)) < 1e-5 * abs(rate(1.1 * across, u))
    if heat is not None:
        assert across**2 / r == pytest.approx(heat, rel=1e-6)


def test_mott_switch_at_a_constant_current():
    law, _, rate = equations("mott")

    def slope(_, y):
        u = float(y[0])
        return [rate(60e-6 / law.current(np.ones((1, 1)), {"u": np.full((1, 1), u)})[0, 0], u)]

    found = solve_ivp(slope, (0, 1e-7), [0.05], method="LSODA", rtol=1e-9, atol=1e-12)
    assert found.y[0, -1] == pytest.approx(0.08196841, rel=1e-6)
