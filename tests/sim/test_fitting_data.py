"""What can be read, what is refused, and what a fit says about data that tell too little."""

import builtins
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from measured_trains import HEAD, unlike_its_mirror, write
from typer.testing import CliRunner

from hil.backends import open_device
from hil.cli.main import build
from hil.errors import InputError
from hil.experiments.bench import Driven
from hil.waveform import Waveform
from sim.fitting import catalogue
from sim.fitting.advice import advice
from sim.fitting.comparison import comparison, verdict
from sim.fitting.data import train
from sim.fitting.files import load_csv
from sim.fitting.fitting import Noise, criteria, fit, robust
from sim.fitting.records import _measurement, load_run

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
    assert [row.text for row in table] == ["AIC lhb", "AIC nlsb", "AIC constant"]
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


@pytest.mark.pictures
def test_the_command_writes_results_details_presets_and_a_picture(tmp_path):
    file, run = csv_of(linear_train(), tmp_path / "data.csv"), tmp_path / "run"
    done = hil(file, "--model", "lhb,nlsb", "--noise", "0.01", "--run", run, "--no-profile", "--fix", "gamma=1")
    assert done.exit_code == 0, done.output
    assert "L-HB" in done.output
    rows = {row["label"]: row for row in json.loads((run / "results.json").read_text())["rows"]}
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
