import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROW = {
    "name", "value", "unit", "std", "n", "control", "reference", "note", "conditions", "headline", "label",
}  # fmt: skip
QUICK = ["train", "stdp", "--seeds", "1", "--epochs", "0.2"]


def test_training_prints_controls_and_names_its_pictures(hil, tmp_path):
    code, out, err = hil(*QUICK, "--run", "runs/one")
    assert code == 0
    for word in ("test accuracy", "control: untrained", "shuffled labels", "nearest class mean"):
        assert word in out
    assert "picture: runs/one/figures/maps.png" in err
    assert (tmp_path / "runs/one/figures/maps.png").is_file()


def test_past_runs_are_listed_and_shown(hil):
    hil(*QUICK, "--set", "train.controls=false", "--run", "runs/one")
    assert "one" in hil("runs")[1]
    code, out, _ = hil("runs", "show", "one")
    assert code == 0
    assert "epochs = 0.2" in out
    assert "picture: runs/one/figures/maps.png" in out
    assert hil("runs", "show", "onne") == (2, "", "hil: no run 'onne' (known: one); did you mean 'one'?\n")


def test_every_verb_writes_its_rows_as_json(hil, tmp_path):
    hil(*QUICK, "--set", "train.controls=false", "--run", "runs/one", "--json", "rows.json")
    assert json.loads((tmp_path / "rows.json").read_text())["rows"][0]["name"] == "test accuracy"
    for words in (["runs"], ["runs", "show", "one"], ["devices"], ["devices", "sim:rram"]):
        code, out, _ = hil(*words, "--json", "-")
        assert code == 0
        assert json.loads(out)["rows"][0].keys() == ROW


def test_devices_list_parameters_with_units_defaults_and_limits(hil):
    _, out, _ = hil("devices")
    for word in ("sim:flca-pair", "sim:rram", "relaxation rate", "1/s", "perceptron", "-5 .. 5 V a line"):
        assert word in out
    _, out, _ = hil("devices", "sim:flca-step", "--json", "-")
    k = next(row for row in json.loads(out)["rows"] if row["label"] == "sim:flca-step k")
    assert (k["reference"], k["note"]) == (">= 0", "sensitisation by a trace of flux_ref")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["train", "stdp", "--device", "simm:flca"],
            "back end 'simm' (known: arc, fpga, pmu, sim, visa); did you mean 'sim'?",
        ),
        (["train", "stdp", "--device", "sim:flca-pare"], "no device 'sim:flca-pare'"),
        (["train", "stdp", "--device", "sim:flca?rows=ten"], "sim:flca: rows = 'ten' is not a whole number"),
        (["train", "stdp", "--dataset", "digit"], "did you mean 'digits'?"),
        (["train", "stdp", "--dataset", "mnist"], "--data-dir"),
        (["train", "stdp", "--epochs", "-1"], "train.epochs = -1.0 must be > 0"),
        (["train", "stdp", "--readout", "best"], "train.readout = 'best' must be"),
        (["train", "stdp", "--set", "train.sead=1"], "unknown parameter 'train.sead'"),
        (["train", "stdp", "--set", "nonsense"], "setting 'nonsense': write section.key=value"),
        (["train", "stdp", "--config", "absent.toml"], "no configuration file absent.toml"),
        (["train", "stdp", "--resume", "absent"], "absent holds no run to resume"),
        (["train", "stdp", "--resume", "x", "--epochs", "2"], "leave out train.epochs"),
        (["loop", "--resume", "x", "--quick"], "leave out --quick"),
        (["reproduce", "--resume", "x", "--quick"], "leave out --quick"),
        (["train", "lifelong", "--targets", "four"], "no class 'four'"),
        (["train", "stdp", "--device", "sim:flca-pair?rows=63"], "has 63 rows, the images of 'digits' have 64 pixels"),
        (["train", "stdp", "--set", "protocol.amplitude=9"], "row 0: -9 V is outside -5 V .. 5 V"),
        (["devices", "asic"], "no back end 'asic' (known: arc, fpga, pmu, sim, visa)"),
        (["devices", "sim:flcaa"], "did you mean 'flca'?"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(hil, words, message, tmp_path):
    code, out, err = hil(*words)
    last = err.strip().splitlines()[-1]
    assert (code, out) == (2, "")
    assert message in last
    assert "Traceback" not in err
    assert not list(tmp_path.glob("runs/*"))


def test_an_existing_run_is_refused(hil):
    hil(*QUICK, "--set", "train.controls=false", "--run", "runs/one")
    code, _, err = hil(*QUICK, "--run", "runs/one")
    assert code == 2
    assert "runs/one already holds a run (finished): continue it with --resume runs/one" in err


def test_resuming_a_finished_run_reports_it_again(hil):
    first = hil(*QUICK, "--run", "runs/one", "--json", "-")[1]
    assert hil("train", "stdp", "--resume", "runs/one", "--json", "-")[1] == first


def test_example_configuration_is_valid(hil):
    example = Path(__file__).parents[2] / "examples" / "stdp_digits.toml"
    code, _, err = hil("train", "stdp", "--config", example, "--seeds", 1, "--set", "train.epochs=0.2")
    assert code == 0, err


def test_help_imports_nothing_heavy():
    script = (
        "import sys\nfrom hil.cli.main import build\nsys.argv = ['hil', '--help']\n"
        "try:\n    build()()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'numba', 'matplotlib', 'pydantic', 'torch'} & sys.modules.keys()))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "Train a network on any device" in told
    assert told.strip().splitlines()[-1] == "[]"


def start(folder, *words):
    """Start `hil` as its own process."""
    return subprocess.Popen(
        [sys.executable, "-c", "from hil.cli.main import main; main()", *map(str, words)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def weights(folder):
    with np.load(folder / "checkpoint.npz") as file:
        return {name: file[name] for name in file.files if name.startswith(("g/", "device/"))}


def assert_same_weights(one, two):
    assert one.keys() == two.keys()
    for name, array in one.items():
        assert np.array_equal(array, two[name]), name


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    words = ["train", "stdp", "--seeds", 1, "--epochs", 1, "--set", "train.batch=16"]
    process = start(tmp_path, *words, "--run", "cut")
    while not (tmp_path / "cut" / "metrics.jsonl").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "continue with: hil train stdp --resume cut" in err
    assert "Traceback" not in err
    assert start(tmp_path, "train", "stdp", "--resume", "cut").wait() == 0
    assert start(tmp_path, *words, "--run", "whole").wait() == 0
    assert_same_weights(weights(tmp_path / "cut"), weights(tmp_path / "whole"))


def survive_kills(tmp_path, kills, seed, epochs):
    """Kill a run `kills` times at random moments, resuming each time, and compare with an uninterrupted one.

    The moments lie so that the run would end soon after the last of them, were nothing lost.
    """
    words = ["train", "stdp", "--seeds", 1, "--epochs", epochs, "--set", "train.batch=16"]
    words += ["--device", "sim:flca-pair?c2c=0.05&read_noise=0.01"]
    begun, whole = time.monotonic(), start(tmp_path, *words, "--run", "whole")
    while not (tmp_path / "whole" / "config.toml").exists():
        assert whole.poll() is None, whole.communicate()
        time.sleep(0.02)
    opened = time.monotonic() - begun
    assert whole.wait() == 0
    share = (time.monotonic() - begun - opened) / (kills + 1)
    rng, killed = np.random.default_rng(seed), 0
    while killed < kills:
        resume = (tmp_path / "cut" / "config.toml").exists()
        process = start(tmp_path, "train", "stdp", *(["--resume", "cut"] if resume else [*words[2:], "--run", "cut"]))
        time.sleep(rng.uniform(0.0, opened + 2 * share))
        if ended := process.poll() is not None:
            assert killed >= kills / 2, "the run ended before half of the kills"
        else:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
        if ended:
            break
    last = start(tmp_path, "train", "stdp", "--resume", "cut")
    _, err = last.communicate()
    assert last.returncode == 0, err
    assert_same_weights(weights(tmp_path / "cut"), weights(tmp_path / "whole"))
    lines = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("cut", "whole")]
    assert lines[0] == lines[1]


def test_two_kills_change_nothing(tmp_path):
    survive_kills(tmp_path, 2, seed=1, epochs=1)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_twenty_kills_change_nothing(tmp_path):
    survive_kills(tmp_path, 20, seed=2, epochs=20)


def test_devices_are_listed_without_what_some_of_them_need(hil, monkeypatch):
    """A fresh installation has no pyvisa: its devices say what is missing, and all others are listed."""
    for name in ("opening", "wire"):  # where pyvisa is imported
        monkeypatch.setitem(sys.modules, f"instruments.link.{name}", None)
    code, out, _ = hil("devices", "--json", "-")
    assert code == 0
    notes = {row["label"]: row["note"] for row in json.loads(out)["rows"]}
    assert "memhil[lab]" in notes["visa:virtual limits"]
    assert "V a line" in notes["sim:rram limits"]
