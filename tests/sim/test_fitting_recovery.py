"""A fit finds what a simulated device was made of, and its intervals hold what they promise."""

import json

import numpy as np
import pytest
from fitted_cells import CELLS, LHB, NLHB
from scipy.optimize import least_squares

from hil import presets
from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from sim.fitting import catalogue
from sim.fitting.data import decay, sweep, train
from sim.fitting.fitting import Noise, fit

NOISE = 0.01
UP_DOWN = np.repeat([1.2, -1.1], 50)


def played(device, volts, width=1e-3, rest=1e-3):
    """Conductance after every pulse, read from the device itself; a voltage of 0 is a pause."""
    seen = []
    for v in volts:
        device.apply(Waveform.pulse(v, width=width) + Waveform.rest(rest))
        seen.append(device.read()[0, 0])
    return np.array(seen)


def rram_train(parameters, rng=None, volts=UP_DOWN):
    with open_device("sim:rram", **parameters) as device:
        g = played(device, volts)
    if rng is not None:
        g = g * (1 + NOISE * rng.standard_normal(len(g)))
    return train(volts, np.full(len(volts), 1e-3), g, rest=1e-3)


def fitted(name, measurement, profile=False, **held):
    return fit(catalogue.model(name, measurement).hold(held), Noise(NOISE), profile=profile)


def off_by(result, truth):
    """Distance to the truth of every fitted parameter, in standard errors."""
    return {
        e.parameter.name: (e.value - truth[e.parameter.name]) / e.error
        for e in result.estimates
        if e.parameter.held is None
    }


# ---- the fit computes what the device computes


def test_the_curve_of_a_step_model_is_the_device():
    g = rram_train(NLHB)
    model = catalogue.model("nlhb", g)
    assert model.curve({k: v for k, v in NLHB.items() if k != "model"}) == pytest.approx(g.conductance, rel=1e-12)


@pytest.mark.parametrize("kind", ["nonvolatile", "volatile"])
def test_the_curve_of_an_flca_model_is_the_device(kind):
    volts = np.repeat([0.5, 0.0, -0.2, 0.0], 6)
    given = {"A": 1.0, "D": 30.0, "phi0": 1e-3}
    with open_device("sim:flca", kind=kind, R=(1e4, 4e6, 1e8), **given) as device:
        g = played(device, volts)
    model = catalogue.model(
        "flca" if kind == "nonvolatile" else "flca-volatile", train(volts, [1e-3] * 24, g, rest=1e-3), 2
    )
    assert model.curve(given | {"R0": 1e4, "R1": 4e6, "R2": 1e8}) == pytest.approx(g, rel=1e-12)


@pytest.mark.parametrize("name", ["vteam", "vteam-biolek"])
def test_the_curve_of_vteam_is_the_device(name):
    volts = np.repeat([1.0, 0.0, -1.2], 5)
    given = {"v_on": -0.6, "v_off": 0.5, "k_on": -60.0, "k_off": 40.0, "alpha_on": 2.0, "alpha_off": 1.5,
             "r_on": 1e4, "r_off": 1e5, "x0": 0.3} | ({"p": 1.5} if name == "vteam-biolek" else {})  # fmt: skip
    window = "biolek" if name == "vteam-biolek" else "none"
    with open_device("sim:vteam", window=window, **given) as device:
        g = played(device, volts)
    assert catalogue.model(name, train(volts, [1e-3] * 15, g, rest=1e-3)).curve(given) == pytest.approx(g, rel=1e-12)


# ---- coverage


def test_truth_is_within_two_standard_errors_in_nine_of_ten_parameters_of_40_trains():
    """95.4 % of 200 is expected of normal errors; w0 and kinks of hard bounds cost a little."""
    rng = np.random.default_rng(20261)
    found = [off_by(fitted("lhb", rram_train(LHB, rng)), LHB) for _ in range(40)]
    distances = np.abs([list(one.values()) for one in found])
    assert distances.shape == (40, 5)
    assert 0.90 <= (distances < 2.0).mean() <= 0.995
    assert 0.55 <= (distances < 1.0).mean() <= 0.82
    assert (distances < 2.0).mean(axis=0).min() >= 0.8


def test_profile_intervals_cover_what_they_say():
    """68 % and 95 % intervals of alpha and g_max on 30 trains: within three standard deviations of a binomial."""
    rng = np.random.default_rng(8)
    hits = {0.68: 0, 0.95: 0}
    for _ in range(30):
        result = fitted("lhb", rram_train(LHB, rng), profile=True)
        for e in result.estimates:
            for level in hits if e.parameter.name in ("alpha", "g_max") else ():
                low, high = e.intervals[level]
                hits[level] += low <= LHB[e.parameter.name] <= high
    assert 0.50 <= hits[0.68] / 60 <= 0.86
    assert 0.86 <= hits[0.95] / 60 <= 1.0


def test_the_richest_step_model_is_recovered():
    result = fitted("nlhb", rram_train(NLHB, np.random.default_rng(3)), profile=True)
    assert max(np.abs(list(off_by(result, NLHB).values()))) < 3.0
    for e in result.estimates:
        low, high = e.intervals[0.95]
        assert e.intervals[0.95][0] <= e.intervals[0.68][0] <= e.value <= e.intervals[0.68][1] <= high
        assert low <= NLHB[e.parameter.name] <= high
    assert 0.7 < result.reduced < 1.35


def test_the_profile_agrees_with_scipy():
    """Hold alpha at the end of its interval, fit the rest with scipy: chi^2 rises by what the F test says."""
    result = fitted("lhb", rram_train(LHB, np.random.default_rng(5)), profile=True)
    model, m = result.model, result.model.measurement
    names = [n for n in result.names if n != "alpha"]
    best = np.array([result.values[n] for n in names])
    bounds = {p.name: (p.low, p.high) for p in model.parameters}
    for end in result.estimates[0].intervals[0.95]:

        def residuals(x, end=end):
            return (m.conductance - model.curve({"alpha": end} | dict(zip(names, x, strict=True)))) / result.uncertainty

        low, high = np.array([bounds[n] for n in names]).T
        inside = np.clip(best, low + 1e-12, high - 1e-12)
        scale = np.maximum(np.abs(best), 1e-3)
        solved = least_squares(
            lambda y, s=scale: residuals(y * s), inside / scale,
            bounds=(low / scale, high / scale), x_scale="jac",
        )  # fmt: skip
        rise = (2 * solved.cost / result.chi_square - 1) * (len(m) - 5)
        assert rise == pytest.approx(1.986**2, rel=0.06)


def test_a_volatile_cell_is_recovered_from_a_decay_and_from_pulses():
    rng = np.random.default_rng(11)
    truth = {"A": 1.0, "D": 20.0, "R0": 1e4, "R1": 4e7, "phi0": 1e-3}
    t = np.geomspace(1e-3, 0.5, 50)
    with open_device("sim:flca?kind=volatile&D=20&R=1e4,4e7&phi0=1e-3") as device:
        g = []
        for wait in np.diff(t, prepend=0.0):
            device.apply(Waveform.rest(float(wait)))
            g.append(device.read()[0, 0])
    first = decay(t - t[0], np.array(g) * (1 + NOISE * rng.standard_normal(50)))
    result = fitted("flca-volatile", first, phi0=1e-3 * np.exp(-20 * t[0]))
    assert max(np.abs(list(off_by(result, truth).values()))) < 3.0
    volts = np.repeat([0.5, 0.0], [15, 25])
    with open_device("sim:flca?kind=volatile&D=20&R=1e4,4e6") as device:
        g = played(device, volts, rest=4e-3)
    second = train(volts, np.full(40, 1e-3), g * (1 + NOISE * rng.standard_normal(40)), rest=4e-3)
    result = fitted("flca-volatile", second)
    assert max(np.abs(list(off_by(result, truth | {"R1": 4e6}).values()))) < 3.0


def test_a_nonvolatile_cell_is_recovered_where_its_train_clips_at_zero_flux():
    rng = np.random.default_rng(12)
    truth = {"D": 100.0, "R0": 1e4, "R1": 4e6, "phi0": 1e-3}
    volts = np.repeat([0.5, -0.5, 0.5], 25)
    with open_device("sim:flca?D=100&R=1e4,4e6&phi0=1e-3") as device:
        g = played(device, volts)
    result = fitted("flca", train(volts, np.full(75, 1e-3), g * (1 + NOISE * rng.standard_normal(75)), rest=1e-3))
    assert max(np.abs(list(off_by(result, truth).values()))) < 3.0


def test_vteam_is_recovered_from_a_sweep():
    truth = {"v_on": -0.6, "v_off": 0.5, "k_on": -100.0, "k_off": 60.0, "alpha_on": 2.0, "alpha_off": 2.0,
             "r_on": 1e4, "r_off": 1e6, "x0": 0.9}  # fmt: skip
    v = np.sin(np.linspace(0, 4 * np.pi, 201))[1:]
    with open_device("sim:vteam", **truth) as device:
        r = device.apply(Waveform.samples(v, dwell=4e-3, measure=True))
    i = r.currents[:, 0] * (1 + NOISE * np.random.default_rng(1).standard_normal(200))
    result = fitted("vteam", sweep(r.time, v, i))
    assert result.reduced < 1.4
    z = off_by(result, truth)
    assert all(abs(z[name]) < 3.5 for name in ("v_off", "k_off", "alpha_off", "r_on", "r_off")), z


# ---- robust loss


def test_soft_l1_shrugs_off_what_misleads_plain_least_squares():
    clean = rram_train(LHB, np.random.default_rng(2))
    g = clean.conductance.copy()
    g[[7, 20, 21, 60, 70]] *= [3.0, 2.0, 0.4, 3.0, 2.5]
    spoilt = train(UP_DOWN, np.full(100, 1e-3), g, rest=1e-3)
    wrong = []
    for loss in ("linear", "soft_l1"):
        values = fit(catalogue.model("lhb", spoilt), Noise(NOISE), loss, profile=False).values
        wrong.append(max(abs(values[name] / LHB[name] - 1) for name in ("alpha", "g_max")))
    assert wrong[1] < 0.03
    assert wrong[0] > 0.2


# ---- presets


def test_a_preset_replayed_on_the_simulator_is_the_fit(tmp_path):
    result = fitted("nlhb", rram_train(NLHB, np.random.default_rng(4)))
    file = tmp_path / "nlhb.json"
    presets.write(file, "rram", result.preset())
    with open_device(f"sim:rram?preset={file}", **result.began()) as device:
        assert played(device, UP_DOWN) == pytest.approx(result.curve, rel=1e-9)


def test_a_preset_replayed_on_the_emulator_is_the_fit_within_its_steps(tmp_path):
    result = fitted("nlhb", rram_train(NLHB, np.random.default_rng(4)))
    file = tmp_path / "nlhb.json"
    presets.write(file, "rram", result.preset())
    with open_device(f"fpga:golden?preset={file}&state_bits=16&rounding=nearest", **result.began()) as device:
        window = result.values["g_max"] - result.values["g_min"]
        # 256 entries of a table hold for a 256th of the range each
        assert np.abs(played(device, UP_DOWN) - result.curve).max() < 0.01 * window
    with open_device(f"fpga:golden?preset={file}&rounding=nearest", **result.began()) as device:
        assert device.parameters.alpha == result.values["alpha"]
        assert device.parameters.nstop_dep == result.values["nstop_dep"]
        assert np.abs(played(device, UP_DOWN) - result.curve).max() < 0.06 * window


def test_flca_and_vteam_presets_load_as_well(tmp_path):
    volts = np.repeat([0.5, -0.5, 0.5], 10)
    with open_device("sim:flca?D=100&R=1e4,4e6&phi0=1e-3") as device:
        g = played(device, volts)
    result = fitted("flca", train(volts, np.full(30, 1e-3), g, rest=1e-3))
    presets.write(tmp_path / "flca.json", "flca", result.preset())
    with open_device(f"sim:flca?preset={tmp_path / 'flca.json'}", **result.began()) as device:
        assert played(device, volts) == pytest.approx(result.curve, rel=1e-9)
    with open_device(f"fpga:golden?preset={tmp_path / 'flca.json'}&v_step=1e-4", **result.began()) as device:
        assert played(device, volts) == pytest.approx(result.curve, rel=5e-3)
    content = {"format": presets.FORMAT, "model": "vteam", "parameters": {"v_on": -0.3, "w0": 0.25}}
    (tmp_path / "v.json").write_text(json.dumps(content))
    with open_device(f"sim:vteam?preset={tmp_path / 'v.json'}") as device:
        assert device.parameters.v_on == -0.3
        assert device.state("x")[0, 0] == 0.25


def test_a_cell_that_positive_pulses_depress_is_turned_round():
    volts = -UP_DOWN
    m = rram_train(LHB)
    turned = train(volts, np.full(100, 1e-3), m.conductance, rest=1e-3)
    result = fitted("lhb", turned)
    assert result.values["alpha"] == pytest.approx(LHB["alpha"], rel=1e-6)
    assert any("terminals swapped" in note for note in result.model.notes)
    assert result.preset()["v_set"] == 1.2


def test_every_model_is_among_the_cells():
    """But for those that describe a decay in time and have no cell."""
    assert {*CELLS, "exponential", "power-law"} == set(catalogue.FITS.names("memhil"))


@pytest.mark.parametrize("name", CELLS)
def test_a_preset_is_the_cell_and_not_the_state_that_a_trace_began_in(tmp_path, name):
    cell, state, pristine = CELLS[name]
    volts = np.repeat([0.5, -0.5], 20)
    model = catalogue.model(name, train(volts, np.full(40, 1e-3), np.geomspace(2e-5, 1e-5, 40)))
    contents = []
    for begin in (1e-3, 2e-3):
        values, file = cell | {state: begin}, tmp_path / f"{begin}.json"
        presets.write(file, model.kind, model.preset(values), model.began(values), ["words"])
        contents.append(json.loads(file.read_text()))
        assert contents[-1]["measured"] == {state: begin}
        assert contents[-1]["warnings"] == ["words"]
        for given, expected in (({}, pristine), ({state: 5e-4}, 5e-4)):
            with open_device(f"sim:{model.kind}?preset={file}", **given) as device:
                assert getattr(device.parameters, state) == expected
            with open_device(f"sim:{model.kind}?preset={file}", defaults=given) as device:
                assert getattr(device.parameters, state) == expected
        if name in ("lhb", "nlsb", "nlhb", "flca"):
            with open_device(f"fpga:golden?preset={file}&v_step=1e-4") as device:
                assert getattr(device.parameters, state) == type(device.parameters)().model_dump()[state]
    cells = [content["parameters"] for content in contents]
    assert {k: v for k, v in cells[0].items() if k != "phi_max"} == {
        k: v for k, v in cells[1].items() if k != "phi_max"
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"format": presets.FORMAT, "model": ["rram"], "parameters": {}}, "unknown model"),
        ({"format": presets.FORMAT, "model": "rram", "parameters": {}, "measurd": {}}, "did you mean 'measured'"),
        ({"format": "other", "model": "rram", "parameters": {}}, "no device model"),
        ({"format": presets.FORMAT, "model": "flca", "parameters": {}}, "is a model for sim:flca, not for sim:rram"),
        ({"format": presets.FORMAT, "model": "rrram", "parameters": {}}, "unknown model 'rrram'.*did you mean 'rram'"),
        ({"format": presets.FORMAT, "model": "curve", "potentiation": []}, "a measured curve"),
        ({"format": presets.FORMAT, "model": "rram"}, "needs 'parameters'"),
        ({"format": presets.FORMAT, "model": "rram", "parameters": {"alfa": 1}}, "unknown parameter 'alfa'"),
    ],
)
def test_presets_of_another_form_are_refused(tmp_path, content, words):
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=words):
        open_device(f"sim:rram?preset={tmp_path / 'x.json'}")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_a_train_that_ends_inside_the_window_leaves_the_window_open_and_the_rate_with_it(seed):
    """Step and window trade along a valley that bends; from a kink at its end a walk along the rate sees a wall."""
    truth = {"alpha": 0.03, "gamma": 2.0, "alpha_dep": 0.03, "gamma_dep": 2.0, "g_min": 1e-5, "g_max": 1e-4}
    volts = np.concatenate([np.repeat([1.2, -1.1], 60)] * 2)
    with open_device("sim:rram", model="nlhb", w0=0.45, **truth) as device:
        g = played(device, volts) * (1 + 0.002 * np.random.default_rng(seed).standard_normal(len(volts)))
    found = fit(catalogue.model("nlhb", train(volts, np.full(len(volts), 1e-3), g, rest=1e-3)), Noise(0.002))
    spans = {e.parameter.name: e.intervals[0.95] for e in found.estimates}
    assert all(spans[name][0] <= value <= spans[name][1] for name, value in truth.items()), spans
    wide = {name: (high - low) / truth[name] for name, (low, high) in spans.items() if name in truth}
    assert wide["alpha"] > 0.1 and wide["g_min"] > 0.5 and wide["gamma"] < 0.3
    for held in ({"alpha": truth["alpha"]}, {"g_min": truth["g_min"], "g_max": truth["g_max"]}):
        other = fit(catalogue.model("nlhb", found.model.measurement).hold(held), Noise(0.002), profile=False)
        assert other.chi_square < found.chi_square * (1 + 8.0 / (len(volts) - 9)), "what is held lies inside"
