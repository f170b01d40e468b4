"""Neuron models against closed forms, LSODA on equations written anew in published units, and ngspice."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from hil.errors import InputError
from hil.neurons.catalogue import NEURONS, make
from hil.neurons.currents import current
from hil.neurons.recording import firing_rates, trace
from sim import ngspice

ODE = {"rtol": 1e-11, "atol": 1e-12, "method": "LSODA"}


def solved(slope, start, time, **more):
    return solve_ivp(slope, (time[0], time[-1]), start, t_eval=time, **(ODE | more)).y.T


# Perfect and leaky neurons: closed forms, whatever the step.


@pytest.mark.parametrize("dt", [1e-4, 3.7e-3, 0.05])
def test_leaky_neurons_fire_at_the_rate_of_the_closed_form_in_any_step(dt):
    drives = np.array([1e-9, 2.4e-9, 2.6e-9, 3e-9, 8e-9])
    neurons = make("lif", count=5)
    steps = round(5.0 / dt)
    spikes = neurons.play(dt, np.tile(drives, (steps, 1)), record=False)[0].sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        period = 2e-3 + 20e-3 * np.log(1e7 * drives / (1e7 * drives - 25e-3))
    # the first spike comes a refractory time early
    expected = np.where(1e7 * drives > 25e-3, np.floor((steps * dt + 2e-3) / period + 1e-9), 0)
    assert spikes.tolist() == expected.tolist()


def test_a_leaky_membrane_is_exact_through_a_spike_in_the_middle_of_a_step():
    neurons = make("lif")
    assert neurons.advance(0.05, 3e-9)[0] == 1
    at = 20e-3 * np.log(30 / 5)
    assert neurons.state("v")[0] == pytest.approx(30e-3 * -np.expm1(-(0.05 - at - 2e-3) / 20e-3), rel=1e-12)


def test_perfect_neurons_count_charge():
    neurons = make("if", {"refractory": 0.0})
    assert neurons.advance(1.0, 10.01e-9)[0] == int(10.01e-9 / (1e-9 * 25e-3))
    assert neurons.state("v")[0] == pytest.approx(10.01e-9 / 1e-9 % 25e-3, rel=1e-9)


# Differential equations.


def alpha_current(t, size, starts, tau=10e-9):
    s = np.maximum(t - starts, 0) / tau
    return size * (s * np.exp(-s)).sum()


def mif_slope(size, starts):
    def slope(t, x):
        v, x1, x2 = x
        g1, g2 = x1 / 1e3 + (1 - x1) / 1e5, x2 / 1e3 + (1 - x2) / 1e5

        def moved(x, u):
            return ((1 - x) / (1 + np.exp((0.1 - u) / 0.015)) - x / (1 + np.exp(u / 0.015))) / 1e-6

        return [(alpha_current(t, size, starts) - g1 * v - g2 * (v - 0.05)) / 1e-10, moved(x1, v), moved(x2, v - 0.05)]

    return slope


@pytest.mark.parametrize("size", [50e-6, 300e-6])
def test_mif_within_a_tenth_of_a_millivolt_of_lsoda_under_eight_synaptic_spikes(size):
    neurons = make("mif")
    rest = neurons.x[0, :3].copy()
    assert np.abs(mif_slope(0, np.zeros(1))(0, rest)).max() * 1e-6 < 1e-9  # at rest nothing moves
    assert rest[0] == pytest.approx(15.307e-3, abs=1e-6)
    ours = trace(neurons, current(f"alpha:{size}*8@1us/0.4us"), 8e-6, 4000)
    exact = solved(mif_slope(size, 1e-6 + 0.4e-6 * np.arange(8)), rest, ours.time, max_step=5e-9)
    assert np.abs(ours.states[:, 0] - exact[:, 0]).max() < 0.1e-3
    assert np.abs(ours.states[::10, 0] - exact[::10, 0]).max() > 0  # two computations


def test_mif_has_the_three_phases_and_rests_below_its_threshold():
    neurons = make("mif")
    course = trace(neurons, current("alpha:300uA*4@1us/0.4us"), 15e-6, 7500).states[:, 0]
    peak = course.argmax()
    assert course[0] < 25e-3 < course[peak] == pytest.approx(84.5e-3, abs=0.3e-3)
    low = peak + course[peak:].argmin()
    assert course[low] < course[0] - 9e-3  # hyperpolarised
    assert course[-1] > course[low] + 5e-3  # and back


def test_mif_as_printed_would_rest_at_its_own_threshold():
    """With v - E_rest in equation 1c both memristors are one: the divider is symmetric and rests half way, at 25 mV."""

    def printed(_, x):
        fast = mif_slope(0, np.zeros(1))(0, [x[0], x[1], x[1]])
        return fast[:2]

    assert solved(printed, [0.0, 0.0], np.linspace(0, 1e-3, 3))[-1, 0] == pytest.approx(25e-3, abs=1e-5)


@pytest.mark.skipif(not ngspice.installed(), reason="needs ngspice")
@pytest.mark.parametrize("size", [50e-6, 300e-6])
def test_mif_is_the_circuit_that_ngspice_solves(size):
    starts = [1e-6 + 0.4e-6 * k for k in range(4)]
    kicks = "+".join(f"(time>{s} ? {size}*(time-{s})/10n*exp(-(time-{s})/10n) : 0)" for s in starts)
    x1, x2 = make("mif").x[0, 1:3]

    def state(n, u):
        return (
            f"C{n} x{n} 0 1u\nB{n} 0 x{n} I=(1-V(x{n}))/(1+exp((0.1-({u}))/0.015))-V(x{n})/(1+exp(({u})/0.015))\n"
            f"G{n} m{n} v cur='0'\n"
        ).partition("G")[0]

    netlist = (
        f"* MIF of Zhou et al. 2022, equation 1\nCm v 0 100p\nBi 0 v I={kicks}\n"
        "Bm1 v 0 I=V(v)*(V(x1)/1k+(1-V(x1))/100k)\nBm2 v 0 I=(V(v)-0.05)*(V(x2)/1k+(1-V(x2))/100k)\n"
        + state(1, "V(v)") + state(2, "V(v)-0.05")
        + f".ic V(v)={make('mif').x[0, 0]} V(x1)={x1} V(x2)={x2}\n"
        ".options reltol=1e-6 abstol=1e-15 vntol=1e-9 method=gear\n.control\ntran 1n 8u 0 1n uic\n"
        "wrdata out.txt V(v)\nquit\n.endc\n.end\n"
    )  # fmt: skip
    done = ngspice.run({"mif.cir": netlist}, "mif.cir", wanted=["out.txt"])
    assert "out.txt" in done.files, done.stdout
    t, v = np.loadtxt(done.files["out.txt"].splitlines()).T[:2]
    ours = trace(make("mif"), current(f"alpha:{size}*4@1us/0.4us"), 8e-6, 4000)
    assert np.abs(np.interp(ours.time, t, v) - ours.states[:, 0]).max() < 0.1e-3
    assert v.max() > 30e-3


def hodgkin_huxley(drive):
    """In mV, ms, mS/cm^2 and uA/cm^2."""

    def slope(_, x):
        v, m, h, n = x
        current = 120 * m**3 * h * (v - 50) + 36 * n**4 * (v + 77) + 0.3 * (v + 54.387)
        a_m, b_m = 0.1 * (v + 40) / (1 - np.exp(-(v + 40) / 10)), 4 * np.exp(-(v + 65) / 18)
        a_h, b_h = 0.07 * np.exp(-(v + 65) / 20), 1 / (1 + np.exp(-(v + 35) / 10))
        a_n, b_n = 0.01 * (v + 55) / (1 - np.exp(-(v + 55) / 10)), 0.125 * np.exp(-(v + 65) / 80)
        return [drive - current, a_m * (1 - m) - b_m * m, a_h * (1 - h) - b_h * h, a_n * (1 - n) - b_n * n]

    return slope


def in_published_units(name, drive, duration):
    """A course with a constant current, (time, states), one number a state in SI."""
    made = make(name)
    return made, trace(made, current(f"step:{drive}", made.drive_unit), duration, 500)


def test_hodgkin_huxley_is_what_lsoda_makes_of_1952():
    made, ours = in_published_units("hh", 0.1, 0.05)
    exact = solved(hodgkin_huxley(10.0), [-65.0, *ours.states[0, 1:]], ours.time * 1e3)
    assert np.abs(ours.states[:, 0] - 1e-3 * exact[:, 0]).max() < made.accuracy.bound
    assert ours.spikes.sum() == ((exact[1:, 0] >= 0) & (exact[:-1, 0] < 0)).sum() == 4


def test_hodgkin_huxley_fires_from_a_current_of_about_6_3_on_at_a_rate_that_is_not_small():
    drives = np.array([0.05, 0.06, 0.065, 0.07, 0.10])
    rates = firing_rates(make("hh", count=5), 0.5, 100, drives)
    assert rates[:2].tolist() == [0, 0]  # class 2: nothing, then at once 50 spikes a second
    assert (rates[2:] > 50).all() and (np.diff(rates[2:]) > 0).all()
    assert rates[4] == pytest.approx(68.3, abs=1.5)


def test_fitzhugh_nagumo_and_hindmarsh_rose_are_what_lsoda_makes_of_their_papers():
    def fhn(_, x):
        return [x[0] - x[0] ** 3 / 3 - x[1] + 0.5, 0.08 * (x[0] + 0.7 - 0.8 * x[1])]

    def hr(_, x):
        return [x[1] + 3 * x[0] ** 2 - x[0] ** 3 - x[2] + 2, 1 - 5 * x[0] ** 2 - x[1], 6e-3 * (4 * (x[0] + 1.6) - x[2])]

    for name, slope, drive, duration in (("fhn", fhn, 0.5, 0.2), ("hr", hr, 2.0, 0.3)):
        made, ours = in_published_units(name, drive, duration)
        exact = solved(slope, made.start(), ours.time * 1e3)
        assert np.abs(ours.states - exact).max() < made.accuracy.bound, name
        assert ours.spikes.sum() >= 4, name


def test_izhikevich_between_and_at_spikes_is_what_lsoda_makes_of_it():
    def slope(_, x):
        return [0.04 * x[0] ** 2 + 5 * x[0] + 140 - x[1] + 14, 0.02 * (0.2 * x[0] - x[1])]

    def peak(_, x):
        return x[0] - 30

    peak.terminal = True
    made, ours = in_published_units("izhikevich", 14, 0.1)
    x, t, spikes = np.array([-70.0, -14.0]), 0.0, []
    while True:
        part = solve_ivp(slope, (t, 100.0), x, events=peak, **ODE)
        if part.status == 0:
            break
        t, x = part.t[-1], np.array([-65.0, part.y[1, -1] + 6])
        spikes.append(t)
    assert ours.states[-1, 0] == pytest.approx(1e-3 * part.y[0, -1], abs=made.accuracy.bound)
    assert len(ours.spike_times) == len(spikes) == 6
    assert (np.abs(ours.spike_times - 1e-3 * np.array(spikes)) <= ours.time[1]).all()


def test_srm_is_the_convolution_of_its_kernels():
    made = make("srm")
    ours = trace(made, current("step:2nA@5ms"), 0.1, 2000)
    t, spikes = ours.time, ours.spike_times
    assert len(spikes) >= 3
    s = np.maximum(t - 5e-3, 0)
    fed = 1e7 * 2e-9 / 8e-3 * (10e-3 * -np.expm1(-s / 10e-3) - 2e-3 * -np.expm1(-s / 2e-3))
    last = np.array([max([x for x in spikes if x <= now], default=-np.inf) for now in t])
    kernel = np.where(np.isfinite(last), -15e-3 * np.exp(-(t - last) / 10e-3), 0.0)
    assert np.abs(ours.states[:, 0] - fed - kernel).max() < 15e-3 * t[1] / 10e-3  # spikes are told to one interval


def test_an_adaptive_threshold_settles_where_the_closed_form_says():
    """Once periodic with T: the threshold is up by alpha / (exp(T / tau_a) - 1) just before a spike."""
    made = make("alif")
    spikes = trace(made, current("step:4nA"), 3.0, 30_000).spike_times
    period = np.diff(spikes)[-5:].mean()
    needed = 15e-3 + 5e-3 / np.expm1(period / 200e-3)
    assert 40e-3 * -np.expm1(-(period - 2e-3) / 20e-3) == pytest.approx(needed, rel=2e-3)
    assert np.diff(spikes)[0] < 0.7 * period  # adapted
    assert np.diff(trace(make("alif", {"alpha": 0.0}), current("step:4nA"), 0.2).spike_times).std() < 2e-5  # control


def test_multi_timescale_threshold_leaves_the_membrane_alone():
    ours = trace(make("mat"), current("step:0.6nA"), 0.3, 3000)
    assert len(ours.spike_times) > 3
    free = 5e7 * 0.6e-9 * -np.expm1(-ours.time / 5e-3)
    assert ours.states[:, 0] == pytest.approx(free, abs=made_bound("mat"))


def made_bound(name):
    return NEURONS.find(name).accuracy.bound


def test_stochastic_neurons_fire_as_often_as_their_hazard_says():
    """A membrane that is fast and held at v: a Poisson process with rho(v), dead for the refractory time."""
    values = {"tau": 1e-6, "reset": -1.0, "refractory": 2e-3}
    made = make("stochastic", values, count=1500, seed=3)
    drives = np.full(1500, 1.4e-9)
    spikes = made.play(1e-4, np.tile(drives, (2000, 1)), record=False)[0].sum(axis=0)
    rho = made.rate(14e-3)
    expected = 0.2 / (2e-3 + 1 / rho)
    assert spikes.mean() == pytest.approx(expected, rel=0.03)
    again = make("stochastic", values, count=1500, seed=3)
    assert (again.play(1e-4, np.tile(drives, (2000, 1)), record=False)[0].sum(axis=0) == spikes).all()
    assert spikes.var() > 1.0  # and each by itself


# The protocol.


@pytest.mark.parametrize("name", NEURONS.names())
def test_every_model_keeps_the_protocol(name):
    made = make(name, count=3)
    duration = made.demonstration.duration
    drive = made.demonstration.drives[1]
    spikes = sum(made.advance(duration / 100, [0.0, drive, drive]) for _ in range(100))
    assert spikes.shape == (3,) and spikes[0] <= spikes[1] and spikes[1] > 0
    if name not in ("stochastic",):
        assert spikes[1] == spikes[2]
    assert made.x.shape == (3, len(made.states)) and np.isfinite(made.x).all()
    before = made.x.copy()
    made.reset()
    assert (made.x == made.start()).all() and (made.x != before).any()
    assert made.state(made.plane[0]).shape == (3,)
    for field in type(made.parameters).model_fields.values():
        assert field.description
    with pytest.raises(InputError, match="dt = 0"):
        made.advance(0.0, 0.0)
    with pytest.raises(InputError, match="finite"):
        made.advance(1e-6, np.nan)


@pytest.mark.parametrize("name", ["hh", "fhn", "mif", "izhikevich", "srm"])
def test_a_course_does_not_depend_on_the_clock(name):
    made, other = make(name), make(name)
    duration, drive = made.demonstration.duration / 4, made.demonstration.drives[1]
    spikes = [sum(n.advance(duration / k, drive)[0] for _ in range(k)) for n, k in ((made, 7), (other, 400))]
    assert spikes[0] == spikes[1] > 0
    scale = [state.scale for state in made.states]
    assert np.abs(made.x - other.x).max(0) == pytest.approx(np.zeros(len(scale)), abs=1e-3 * max(scale))


def test_currents_are_means_that_keep_the_charge():
    t = np.linspace(0, 1e-6, 4)
    assert (current("alpha:50uA").means(t) * np.diff(t)).sum() == pytest.approx(50e-6 * 10e-9, rel=1e-12)
    assert current("pulse:2nA*5ms@20ms").charge(np.array([1.0]))[0] == pytest.approx(1e-11)
    assert current("ramp:15@30ms", "V/s").charge(np.array([0.13]))[0] == pytest.approx(15 * 0.1**2 / 2)
    assert current("sine:1nA*50Hz").charge(np.array([0.01]))[0] == pytest.approx(2e-9 / (100 * np.pi))
    assert current("step:1nA+step:-1nA@1s").charge(np.array([5.0]))[0] == pytest.approx(1e-9)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("alpha", "write KIND:SIZE@TIME"),
        ("alfa:50uA", "one of alpha, pulse"),
        ("step:50uV", "write a number in A"),
        ("pulse:1nA", r"give \*WIDTH"),
        ("step:1nA*3", "omit"),
        ("alpha:1uA*4", "COUNT@TIME/INTERVAL"),
        ("step:1nA@-3ms", "must be >= 0"),
        ("sine:1nA*0Hz", "is no sine"),
    ],
)
def test_a_current_that_cannot_be_read_says_how_one_is_written(text, sentence):
    with pytest.raises(InputError, match=sentence):
        current(text)


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("lif", {"tau": -1}, "tau = -1 must be > 0"),
        ("lif", {"reset": 1.0}, "must be below the threshold"),
        ("mif", {"x": 1}, "unknown parameter 'x'"),
    ],
)
def test_bad_parameters_are_one_sentence(name, values, sentence):
    with pytest.raises(InputError, match=sentence):
        make(name, values)


def test_the_command_lists_models_and_plays_one(hil, tmp_path):
    code, out, _ = hil("neuron")
    assert code == 0 and all(name in out for name in NEURONS.names())
    code, out, err = hil("neuron", "--model", "lif", "--samples", 500, "--figure", "lif.png")
    assert code == 0 and "spikes" in out and "picture: lif.png" in err
    assert (tmp_path / "lif.png").stat().st_size > 10_000
    code, out, _ = hil("neuron", "--help")
    assert code == 0 and "alpha:50uA" in out and "izhikevich" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--model", "lief"), "did you mean 'lif'"),
        (("--current", "step:1nA"), "name the neuron"),
        (("--model", "lif", "--duration", "-1"), "must be > 0"),
        (("--model", "lif", "--set", "tau=0"), "tau = 0 must be > 0"),
        (("--model", "lif", "--preset", "x"), "no preset 'x'"),
    ],
)
def test_the_command_refuses_in_one_sentence(hil, words, sentence):
    code, _, err = hil("neuron", *words)
    assert code == 2 and sentence in err and err.count("\n") == 1
