"""What can be read, what is refused, and what a fit says about data that tell too little."""

import builtins
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hil.backends import open_device
from hil.cli.main import build
from hil.errors import InputError
from hil.experiments.bench import Driven
from hil.waveform import Waveform
from sim.fitting import catalogue
from sim.fitting.advice import advice
from sim.fitting.comparison import comparison, verdict
from sim.fitting.data import load_csv, train
from sim.fitting.fitting import Noise, criteria, fit, robust
from sim.fitting.records import _measurement, load_run

HEAD = "pulse,voltage_V,width_s,conductance_S\n"


def write(tmp_path, text):
    file = tmp_path / "data.csv"
    file.write_text(text)
    return file


def unlike_its_mirror(volts):
    """Conductances that say which way round a cell is: positive pulses raise them."""
    return 1e-6 * (1 + 0.01 * (np.cumsum(volts) - np.cumsum(volts).min()))


def step_train(parameters, count=60, noise=0.01, seed=1, volts=None):
    volts = np.repeat([1.0, -1.0], count // 2) if volts is None else volts
    model = catalogue.model("nlhb", train(volts, np.full(len(volts), 1e-6), unlike_its_mirror(volts)))
    g = model.curve({"gamma": 1.0, "nstop": 1e6, "gamma_dep": 1.0, "nstop_dep": 1e6, **parameters})
    g *= 1 + noise * np.random.default_rng(seed).standard_normal(len(g))
    return train(volts, np.full(len(volts), 1e-6), g)


# ---- files


def test_a_train_is_read_with_polarity_rest_comments_and_columns_in_any_order(tmp_path):
    file = write(
        tmp_path,
        "# made by hand\nconductance_S,width_s,pulse,polarity,voltage_V,rest_s,operator\n"
        "1e-6,0,0,+,0,0.5,me\n2e-6,1e-3,1,1,1.5,0.2,me\n\n1.5e-6,2e-3,2,-,1.2,0.1,me\n",
    )
    m = load_csv(file)
    assert m.kind == "train"
    assert m.voltage.tolist() == [0, 0, 1.5, 0, -1.2, 0]
    assert m.duration.tolist() == [0, 0.5, 1e-3, 0.2, 2e-3, 0.1]
    assert m.conductance.tolist() == [1e-6, 2e-6, 1.5e-6]
    assert m.time == pytest.approx([0.5, 0.701, 0.803])
    assert m.axis.tolist() == [0, 1, 2]
    assert m.amplitudes(1).tolist() == [1.5]
    assert m.amplitudes(-1).tolist() == [1.2]


def test_a_decay_and_a_sweep_are_known_by_their_columns(tmp_path):
    m = load_csv(write(tmp_path, "time_s,conductance_S\n0.5,1e-6\n1.5,2e-6\n"))
    assert (m.kind, m.duration.tolist()) == ("decay", [0.0, 1.0])
    m = load_csv(write(tmp_path, "time_s,voltage_V,current_A\n1,0.5,1e-6\n2,0.001,1e-6\n3,-0.5,-2e-6\n"))
    assert (m.kind, m.seen.tolist()) == ("sweep", [0, 2])
    assert m.conductance.tolist() == [2e-6, 4e-6]
    assert m.duration.tolist() == [1.0, 1.0, 1.0]


REFUSED = [
    ("", "is empty"),
    (HEAD, "is empty"),
    ("pulse,voltage,width_s,conductance_S\n1,1,1,1\n", "no column 'voltage_V'.*did you mean 'voltage'"),
    ("time_s,volts\n1,1\n", "no column 'conductance_S'"),
    (HEAD + "1,1,1e-3,nan\n", "no readings cannot be fitted"),
    (HEAD + "1,1,1e-3,1e-6\n2,1,1e-3,-1e-6\n", "line 3: conductance_S is -1e-6, it must be > 0"),
    (HEAD + "1,1,1e-3,0\n", "conductance_S is 0, it must be > 0"),
    (HEAD + "1,1,-1e-3,1e-6\n", "width_s is -1e-3, it must be >= 0"),
    (HEAD + "1,inf,1e-3,1e-6\n", "voltage_V is 'inf', an instrument's code for no reading; what drove"),
    (HEAD + "1,one,1e-3,1e-6\n", "voltage_V is 'one', not a number"),
    (HEAD + "1,1\n", "line 2: 2 values, but 4 columns are named"),
    (HEAD + "1,1,1e-3,1e-6\n2,1,1e-3,1e-6,7\n", "line 3: 5 values, but 4 columns are named"),
    (HEAD + "# a comment\n1,1,,1e-6\n", "line 3: width_s is empty; what drove the cell there is not known"),
    (HEAD + "1,9.91E37,1e-3,1e-6\n", "voltage_V is '9.91E37', an instrument's code for no reading"),
    (HEAD + "1,1,9.9E37,1e-6\n", "width_s is '9.9E37', an instrument's code"),
    (HEAD + ",1,1e-3,1e-6\n", "pulse is empty; number the pulses"),
    (HEAD + "1,1,1e-3,10e6\n", "conductance_S is 10e6, beyond 1000 S: is the column in another unit than S"),
    (HEAD + "1,2e5,1e-3,1e-6\n", "voltage_V is 2e5, beyond 10000 V"),
    (HEAD + "1,1,1e-3," + "7" * 5000 + "\n", r"conductance_S is '7{20}\.\.\. \(5,000 letters\)', not a number"),
    (HEAD + "1,1,1e-3,1_000\n", "'1_000', not a number"),
    (HEAD + "1,1,1e-3," + "x" * 140_000 + "\n", "line 2: a cell of more than 131,072 letters"),
    (HEAD + '1,1,1e-3,1e-6\n"' + "y" * 140_000, "line 3: a cell of more than 131,072 letters"),
    (HEAD + "1,1,1e-3,1e-6\n2,1,1e-3,\0\n", "line 3: a NUL byte"),
    ("pulse,voltage_V,width_s,conductance_S,voltage_V\n1,1,1,1,1\n", "columns 2 and 5 are both called 'voltage_V'"),
    ("time_s,voltage_V,current_A\n1,,1e-6\n2,1,1e-6\n", "line 2: voltage_V is empty; what drove the cell"),
    ("time_s,voltage_V,current_A\n9.91e37,1,1e-6\n2,1,1e-6\n", "line 2: time_s is '9.91e37', an instrument's code"),
    ("time_s,voltage_V,current_A\n1,1,9.9e37\n2,1,NaN\n", "no readings cannot be fitted; give at least 2"),
    (HEAD + "1,1,1e-3,1e-6\n", "1 reading cannot be fitted"),
    (HEAD.replace("pulse,", "pulse,polarity,") + "1,1,-1.0,1e-3,1e-6\n2,1,1,1e-3,1e-6\n", "they must agree"),
    (HEAD.replace("pulse,", "pulse,polarity,") + "1,2,1.0,1e-3,1e-6\n", "polarity is 2, it must be 1 or -1"),
    ("time_s,conductance_S\n1,1e-6\n1,1e-6\n", "must be above the one before"),
    ("time_s,voltage_V,current_A\n1,1,-1e-6\n2,1,1e-6\n", "no positive conductance"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_cannot_be_fitted_is_refused_in_one_sentence(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as caught:
        load_csv(write(tmp_path, text))
    assert "\n" not in str(caught.value)


CODES = ["9.91e37", "-9.91E+37", "9.9E37", "+9.9e+37", "199.999E+99", "9.91e307", "7E22", "NaN", "nan",
         "inf", "-inf", "", "1e400"]  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_a_code_for_no_reading_is_dropped_and_told_and_its_line_drives_the_cell(tmp_path, code):
    m = load_csv(write(tmp_path, HEAD + f"1,1,1e-3,1e-6\n2,1.5,2e-3,{code}\n\n3,-1,1e-3,2e-6\n4,-1,1e-3,{code}\n"))
    assert m.voltage.tolist() == [1, 0, 1.5, 0, -1, 0, -1, 0]
    assert m.duration.tolist() == [1e-3, 0, 2e-3, 0, 1e-3, 0, 1e-3, 0]
    assert m.seen.tolist() == [1, 5]
    assert (m.conductance.tolist(), m.axis.tolist()) == ([1e-6, 2e-6], [1, 3])
    shown = code.upper() or "empty"
    assert m.notes == (f"2 readings of conductance_S dropped, no reading of the instrument ({shown} x 2): lines 3, 6",)
    m = load_csv(write(tmp_path, f"time_s,voltage_V,current_A\n1,1,1e-6\n2,0.9,{code}\n3,1,3e-6\n"))
    assert (m.voltage.tolist(), m.duration.tolist(), m.seen.tolist()) == ([1, 0.9, 1], [1, 1, 1], [0, 2])
    assert m.notes == (f"1 reading of current_A dropped, no reading of the instrument ({shown}): line 3",)
    m = load_csv(write(tmp_path, f"time_s,conductance_S\n1,1e-6\n2,{code}\n{code},5e-6\n4,2e-6\n"))
    assert (m.time.tolist(), m.conductance.tolist()) == ([0, 3], [1e-6, 2e-6])
    assert [note.rpartition(": ")[2] for note in m.notes] == ["line 4", "line 3"]


def test_lines_that_say_nothing_are_left_out_and_told(tmp_path):
    m = load_csv(write(tmp_path, HEAD + "1,1,1e-3,1e-6\nnan,,NaN,9.91e37\n,,,\n2,1,1e-3,2e-6\n"))
    assert m.voltage.tolist() == [1, 0, 1, 0]
    assert m.notes == ("2 lines without any value left out: 3-4",)


def test_columns_that_nobody_reads_may_be_called_alike_and_hold_anything(tmp_path):
    m = load_csv(write(tmp_path, "x,x,time_s,conductance_S\n9e99,a,1,1e-6\n,,2,2e-6\n"))
    assert (m.conductance.tolist(), m.notes) == ([1e-6, 2e-6], ())


def sweep_with_codes(file, codes, seed=3):
    """A VTEAM loop with 0.5 % noise; at some lines the instrument had no reading."""
    truth = {"v_on": -0.7, "v_off": 0.7, "k_on": -20.0, "k_off": 20.0, "alpha_on": 2.0, "alpha_off": 2.0,
             "r_on": 1e4, "r_off": 2e5, "w0": 0.9}  # fmt: skip
    v = 1.5 * np.sin(np.linspace(0, 4 * np.pi, 241))[1:]
    with open_device("sim:vteam", **truth) as device:
        r = device.apply(Waveform.samples(v, dwell=1e-2, measure=True))
    i = r.currents[:, 0] * (1 + 0.005 * np.random.default_rng(seed).standard_normal(len(v)))
    cells = [f"{x:.8g}" for x in i]
    for line, code in codes.items():
        cells[line - 2] = code
    text = "".join(f"{t:.8g},{x:.8g},{c}\n" for t, x, c in zip(r.time, v, cells, strict=True))
    file.write_text("time_s,voltage_V,current_A\n" + text)
    return truth


def test_a_loop_with_codes_gives_the_truth(tmp_path):
    truth = sweep_with_codes(
        tmp_path / "loop.csv", {22: "9.91E+37", 71: "-9.91E+37", 140: "NaN", 141: "", 210: "199.999E+99"}
    )
    m = load_csv(tmp_path / "loop.csv")
    assert m.notes[0].endswith("lines 22, 71, 140-141, 210")
    result = fit(catalogue.model("vteam", m), Noise(0.005), profile=False)
    for e in result.estimates:
        name = e.parameter.name
        assert abs(e.value - truth[name]) < 3.0 * e.error, name
    assert result.values["v_off"] == pytest.approx(0.7, rel=0.01)
    assert result.values["r_on"] == pytest.approx(1e4, rel=0.005)


def test_a_binary_file_and_none_at_all_are_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="is no text file"):
        load_csv(tmp_path / "x.csv")
    with pytest.raises(InputError, match="no data file"):
        load_csv(tmp_path / "nowhere.csv")


def test_fewer_readings_than_parameters_are_refused():
    m = step_train({"alpha": 0.1, "alpha_dep": 0.1, "g_min": 1e-6, "g_max": 1e-5, "w0": 0.1}, count=8)
    with pytest.raises(InputError, match="8 readings cannot tell the 9 parameters of NL-HB; give more than 9"):
        fit(catalogue.model("nlhb", m))
    assert fit(catalogue.model("lhb", m), profile=False).names


@pytest.mark.parametrize(("name", "words"), [("nlhbb", "did you mean 'nlhb'"), ("prodromakis", "no model")])
def test_an_unknown_model_is_refused(name, words):
    with pytest.raises(InputError, match=words):
        catalogue.model(name, step_train({"alpha": 0.1, "alpha_dep": 0.1, "g_min": 1e-6, "g_max": 1e-5, "w0": 0.1}))


# ---- honesty


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["lhb", "nlsb", "flca"])
def test_noise_alone_is_called_noise(name, seed):
    g = 1e-5 * (1 + 0.01 * np.random.default_rng(seed).standard_normal(80))
    m = train(np.repeat([1.0, -1.0], 40), np.full(80, 1e-3), g)
    result = fit(catalogue.model(name, m), Noise(0.01), profile=False)
    assert "no model is better than a constant" in verdict([result])
    assert result.r_squared < 0.25


SATURATING = {"alpha": 0.08, "alpha_dep": 0.06, "g_min": 1e-6, "g_max": 1e-5, "w0": 0.2}


def linear_train(seed=4):
    """L-HB: 40 pulses up, 40 down, at its bounds half of the time."""
    volts = np.repeat([1.0, -1.0], 40)
    m = train(volts, np.full(80, 1e-6), unlike_its_mirror(volts))
    g = catalogue.model("lhb", m).curve(SATURATING)
    return train(volts, np.full(80, 1e-6), g * (1 + 0.01 * np.random.default_rng(seed).standard_normal(80)))


def test_the_right_model_wins_and_the_table_has_the_constant():
    m = linear_train()
    fits = [fit(catalogue.model(name, m), Noise(0.01), profile=False) for name in ("nlsb", "lhb")]
    assert verdict(fits).startswith("L-HB wins")
    table = comparison(fits)
    assert [row.name for row in table] == ["AIC lhb", "AIC nlsb", "AIC constant"]
    lhb = fits[1]
    chi_square = float(np.sum(lhb.residuals**2))
    assert lhb.aic == pytest.approx(80 * np.log(chi_square / 80) + 10)
    assert lhb.bic == pytest.approx(80 * np.log(chi_square / 80) + 5 * np.log(80))
    assert criteria(chi_square, 80, 5) == pytest.approx((lhb.aic, lhb.bic))


def test_models_that_differ_in_nothing_are_not_ranked():
    m = linear_train()
    fits = [fit(catalogue.model("lhb", m), Noise(0.01), profile=False) for _ in range(2)]
    assert "cannot tell" in verdict(fits)


def test_a_train_that_never_saturates_is_told_to():
    volts = np.repeat([1.0, -1.0], 20)
    m = train(volts, np.full(40, 1e-6), unlike_its_mirror(volts))
    g = catalogue.model("lhb", m).curve({**SATURATING, "alpha": 0.01, "alpha_dep": 0.008, "w0": 0.4})
    result = fit(catalogue.model("lhb", train(volts, np.full(40, 1e-6), g)), Noise(0.01), profile=False)
    assert any("add a train that saturates" in sentence for sentence in advice(result))
    assert not any(
        "saturates" in sentence for sentence in advice(fit(catalogue.model("lhb", linear_train()), Noise(0.01)))
    )


def test_one_amplitude_holds_threshold_and_exponent_and_says_so():
    volts = np.repeat([1.0, -1.0], 20)
    m = train(volts, np.full(40, 1e-3), np.geomspace(1e-5, 1e-6, 40))
    model = catalogue.model("vteam", m)
    held = {p.name for p in model.parameters if p.held is not None}
    assert held == {"v_on", "v_off", "alpha_on", "alpha_off"}
    assert sum("add a second amplitude" in note for note in model.notes) == 2


def test_a_short_rest_of_a_volatile_cell_asks_for_a_longer_one():
    t = np.linspace(0, 2e-3, 40)
    with open_device("sim:flca?kind=volatile&D=20&R=1e4,4e7&phi0=1e-3") as device:
        g = [device.read()[0, 0]]
        for wait in np.diff(t):
            device.apply(Waveform.rest(float(wait)))
            g.append(device.read()[0, 0])
    rows = "".join(f"{a},{b}\n" for a, b in zip(t, np.array(g) * (1 + 1e-3 * np.sin(np.arange(40) * 7)), strict=True))
    result = fit(catalogue.model("flca-volatile", load_csv_text("time_s,conductance_S\n" + rows)), profile=False)
    assert any("add a longer rest" in sentence for sentence in advice(result))


def load_csv_text(text):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return load_csv(write(Path(folder), text))


def test_residuals_that_drift_are_noticed():
    m = linear_train()
    g = m.conductance * (1 + 0.08 * np.sin(np.arange(80) / 8))
    result = fit(catalogue.model("lhb", train(m.voltage[::2], m.duration[::2], g)), Noise(0.01), profile=False)
    sentences = " ".join(advice(result))
    assert "neighbouring residuals are alike" in sentences
    assert "times the uncertainty" in sentences


def test_the_robust_residual_is_the_cost_of_scipy():
    r = np.array([-30.0, -1.0, 0.0, 1e-3, 2.0])
    assert robust(r, "soft_l1") ** 2 == pytest.approx(2 * (np.sqrt(1 + r**2) - 1))
    assert np.array_equal(np.sign(robust(r, "soft_l1")), np.sign(r))


def test_without_lmfit_one_sentence_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "lmfit":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install memhil\[lab\]"):
        fit(catalogue.model("lhb", linear_train()))


# ---- runs of `hil characterize`


def characterized(tmp_path, experiment, device, *settings):
    arguments = [experiment, "--device", device, "--run", str(tmp_path / "run")]
    for setting in settings:
        arguments += ["--set", setting]
    done = CliRunner().invoke(build(), ["characterize", *arguments])
    assert done.exit_code == 0, done.output
    return tmp_path / "run"


def test_a_run_of_pulse_trains_is_rebuilt_exactly(tmp_path):
    device = "sim:rram?model=nlhb&alpha=0.06&gamma=2&nstop=30&gamma_dep=3&w0=0.3"
    run = characterized(tmp_path, "ltp", device, "ltp.pulses=40", "ltp.cycles=1")
    m = load_run(run)
    model = catalogue.model("nlhb", m)
    truth = {"alpha": 0.06, "gamma": 2.0, "nstop": 30.0, "alpha_dep": 0.06, "gamma_dep": 3.0, "nstop_dep": 30.0,
             "g_min": 1e-6, "g_max": 1e-4, "w0": 0.3}  # fmt: skip
    assert len(m) == 3 * 41
    assert model.curve(truth) == pytest.approx(m.conductance, rel=1e-9)


def test_reads_and_gaps_of_a_run_drive_a_cell_that_feels_them(tmp_path):
    run = characterized(
        tmp_path, "ltp", "sim:flca?kind=volatile&D=20&R=1e4,4e6", "ltp.pulses=10", "ltp.cycles=1",
        "ltp.read_voltage=0.02", "ltp.amplitude=0.2", "ltp.amplitude_negative=0.1",
    )  # fmt: skip
    m = load_run(run)
    truth = {"A": 1.0, "D": 20.0, "R0": 1e4, "R1": 4e6, "phi0": 0.0}
    assert catalogue.model("flca-volatile", m).curve(truth) == pytest.approx(m.conductance, rel=1e-6)


def test_a_retention_run_and_a_loop_are_rebuilt(tmp_path):
    device = "sim:flca?kind=volatile&D=20&R=1e4,4e6"
    truth = {"A": 1.0, "D": 20.0, "R0": 1e4, "R1": 4e6, "phi0": 0.0}
    m = load_run(characterized(tmp_path / "a", "retention", device, "retention.last=1"))
    assert m.kind == "decay"
    model = catalogue.model("flca-volatile", m)
    assert model.curve(truth) == pytest.approx(m.conductance, rel=1e-6)
    assert {p.name for p in model.free} == {"D", "R0", "R1"}
    m = load_run(characterized(tmp_path / "b", "iv", device))
    assert m.kind == "sweep"
    assert catalogue.model("flca-volatile", m).curve(truth) == pytest.approx(m.conductance, rel=1e-6)


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no records"):
        load_run(tmp_path)
    run = characterized(tmp_path, "ppf", "sim:flca?kind=volatile&D=20")
    with pytest.raises(InputError, match="only runs of ltp, iv, retention can be fitted"):
        load_run(run)
    run = characterized(tmp_path / "b", "iv", "sim:flca")
    with pytest.raises(InputError, match="no device 3; it has 1"):
        load_run(run, 3)


# ---- the command


def hil(*arguments):
    return CliRunner().invoke(build(), ["fit", *map(str, arguments)])


def csv_of(m, file):
    lines = zip(m.axis, m.voltage[::2], m.duration[::2], m.conductance, strict=True)
    file.write_text(HEAD + "".join(f"{n:g},{v:g},{w:g},{g:.9g}\n" for n, v, w, g in lines))
    return file


def test_the_command_writes_results_details_presets_and_a_picture(tmp_path):
    file, run = csv_of(linear_train(), tmp_path / "data.csv"), tmp_path / "run"
    done = hil(file, "--model", "lhb,nlsb", "--noise", "0.01", "--run", run, "--no-profile", "--fix", "gamma=1")
    assert done.exit_code == 0, done.output
    assert "L-HB" in done.output
    rows = {row["name"]: row for row in json.loads((run / "results.json").read_text())}
    assert rows["lhb alpha"]["value"] == pytest.approx(0.08, rel=0.05)
    assert rows["nlsb gamma"]["note"] == "held: given"
    assert "L-HB" in rows["verdict"]["value"]
    first = json.loads((run / "fits.json").read_text())[0]
    assert first["model"] == "lhb"
    assert len(first["readings"]["residual"]) == 80
    assert np.shape(first["correlation"]["matrix"]) == (5, 5)
    with open_device(f"sim:rram?preset={run / 'lhb.json'}") as device:
        assert device.parameters.alpha == first["parameters"]["alpha"]["value"]
    from PIL import Image

    with Image.open(run / "figures" / "fit.png") as picture:
        assert min(picture.size) > 600


def test_a_bad_file_ends_the_command_with_one_sentence_and_2(tmp_path):
    bad = write(tmp_path, HEAD + "1,1,1e-3,-1\n")
    done = subprocess.run(
        [sys.executable, "-c", "from hil.cli.main import main; main()", "fit", bad],
        capture_output=True, text=True, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip() == f"hil: {bad}, line 2: conductance_S is -1, it must be > 0"
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "lhb,lhb"], "name one model, or several different"),
        (["--noise", "a"], "--noise a: write a fraction"),
        (["--noise", "0"], "relative and absolute are both 0"),
        (["--noise", "-0.1"], "relative = -0.1 must be finite and >= 0"),
        (["--loss", "huber"], "--loss huber"),
        (["--fix", "w0"], "--fix w0: write NAME=VALUE"),
        (["--fix", "w00=1"], "no parameter 'w00'.*did you mean 'w0'"),
        (["--fix", "w0=2"], "w0 = 2 must be in 0 .. 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, arguments, words):
    file = csv_of(linear_train(), tmp_path / "data.csv")
    done = hil(file, "--run", tmp_path / "run", "--no-profile", "--model", "lhb", *arguments)
    assert isinstance(done.exception, InputError)
    import re

    assert re.search(words, str(done.exception))
    assert not (tmp_path / "run").exists()


def test_a_fit_takes_what_was_driven_and_not_what_was_asked(tmp_path):
    """0.104 V is driven as 0.10 V: the flux of the truth with 0.10 V is the run, with 0.104 V it is 4 % off."""
    run = characterized(
        tmp_path, "ltp", "fpga:golden?cell=flca&v_step=0.01&phi_max=0.02&D=2&R=1e4,1e7", "ltp.pulses=20",
        "ltp.cycles=1", "ltp.amplitude=0.104", "ltp.amplitude_negative=0.056",
    )  # fmt: skip
    m = load_run(run)
    assert (m.amplitudes(1).tolist(), m.amplitudes(-1).tolist()) == ([0.10], [0.06])
    truth = {"A": 1.0, "D": 2.0, "R0": 1e4, "R1": 1e7, "phi0": 0.0}
    assert catalogue.model("flca", m).curve(truth) == pytest.approx(m.conductance, rel=5e-3)


def test_readings_at_the_compliance_are_dropped_and_told_and_drive_the_cell():
    volts, width = [0.0, 0.1, 0.0, 1.0, 0.0, 0.1, 0.0, 1.0, 0.0, 0.1], np.full(10, 1e-3)
    measured = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1.0])
    current = np.where(measured > 0, 1e-6, np.nan)
    current[[1, 5, 9]] = 1e-6, 2e-6, np.nan
    block = Driven(
        np.array(volts), width, measured, current, np.array([0, 0, 0, 1.0, 0, 1, 0, 0, 0, 0]), np.zeros(0, int)
    )
    with pytest.raises(InputError, match=r"1 reading cannot be fitted.*1 reading at the compliance dropped: number 2"):
        _measurement("train", {"pulse": np.array([0.0, 1, 2])}, [block], "a run")
    joined = _measurement("train", {"pulse": np.array([0.0, 1, 2, 0, 1, 2])}, [block, block], "a run")
    assert joined.seen.tolist() == [1, 11]
    assert joined.pulses[[3, 7]].tolist() == [1.0, 1.0] and joined.pulses[[1, 5, 9]].tolist() == [0, 0, 0]
    assert joined.notes == (
        "2 readings at the compliance dropped: number 2, 5",
        "2 readings without a value dropped: number 3, 6",
        "2 pulses met the compliance: the cell had less than their voltage, the fit takes all of it",
    )


def test_a_run_of_an_older_version_is_refused_in_one_sentence(tmp_path):
    run = characterized(tmp_path, "iv", "sim:flca")
    with sqlite3.connect(run / "records.sqlite") as db:
        db.execute("ALTER TABLE block DROP COLUMN driven")
        db.execute("PRAGMA user_version = 0")
    with pytest.raises(
        InputError, match="recorded by another version of this program, which did not keep what was driven"
    ):
        load_run(run)


def test_the_command_shows_progress(tmp_path, monkeypatch):
    monkeypatch.setattr("hil.runs.progress.LINE_EVERY", 0.0)
    file = csv_of(linear_train(), tmp_path / "data.csv")
    done = hil(file, "--model", "lhb,nlsb", "--noise", "0.01", "--run", tmp_path / "run")
    lines = [line for line in done.stderr.splitlines() if " steps, " in line]
    assert any(line.startswith("L-HB: interval of g_max: ") for line in lines)
    assert any(line.startswith("NL-SB: start 3 of ") for line in lines)
    counts = [int(line.split(": ")[2].split(" ")[0]) for line in lines]
    assert counts == sorted(counts)
    total = int(lines[-1].split(" of ")[-1].split(" ")[0])
    assert counts[-1] == total
