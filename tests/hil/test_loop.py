"""`hil loop`: every stage is a command of its own, the page shows all, and what is done stays done."""

import html
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import hil
from hil.errors import HilError, InputError
from hil.loop import play
from hil.loop.plan import LoopPlan
from hil.runs.interrupt import Interrupted

CELL = "sim:rram?model=nlhb&alpha=0.08&gamma=2&nstop=40&read_noise=0.01"
SMALL = {
    "models": ("nlhb",), "dataset": "lines3x3", "neurons": 3, "epochs": 2.0, "seeds": 2, "emulators": ("golden",),
    "pulses": 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole loop from a measured cell, as `hil loop` makes it."""
    folder = tmp_path_factory.mktemp("loop")
    measured = hil.characterize("ltp", device=CELL, pulses=40, cycles=1, run=folder / "measured")
    return play.start(LoopPlan(source=str(measured.path), **SMALL), folder / "loop")


def test_every_number_of_the_answer_stands_beside_its_control(finished):
    rows = {row.name: row for row in finished.rows}
    for device in ("the model", "fpga:golden"):
        accuracy = finished.rows[f"{device}: test accuracy"]
        assert accuracy.control is not None and accuracy.n == 2
    controls = [row.conditions for row in finished.rows if row.conditions.get("control") == "shuffled labels"]
    assert [found["device"].partition("?")[0] for found in controls] == ["sim:rram", "fpga:golden"]
    assert rows["model"].value == "nlhb"
    assert 3 * rows["held-back error"].value < rows["held-back error"].control
    differences = [row for row in finished.rows if row.text.startswith("fpga:golden against the model")]
    assert {row.unit for row in differences} == {"steps"} and all(row.value < 20 for row in differences)


def test_the_network_is_made_of_the_fitted_cell(finished):
    fitted = json.loads((finished.path / "fit" / "nlhb.json").read_text())["parameters"]
    assert fitted["alpha"] == pytest.approx(0.08, rel=0.1)
    for name in ("sim", "golden"):
        config = (finished.path / f"train-{name}" / "config.toml").read_text()
        assert f"preset={finished.path}/fit/nlhb.json" in config


def test_the_page_needs_no_network_and_names_every_command(finished):
    page = finished.figures[0].read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)""", page) and "http" not in page.replace("http-equiv", "")
    ran = json.loads((finished.path / "stages.json").read_text())
    assert list(ran) == ["fit", "check", "curves", "compare-golden", "train-sim", "train-golden"]
    for stage in ran.values():
        assert stage["state"] == "finished"
        assert f"hil {' '.join(stage['command'][:2])}" in page
    assert page.count("<img") >= 5


def test_a_command_of_the_page_repeats_its_part(finished, tmp_path):
    command = json.loads((finished.path / "stages.json").read_text())["fit"]["command"]
    again = [word if word != str(finished.path / "fit") else str(tmp_path / "fit") for word in command]
    subprocess.run([sys.executable, "-m", "hil", *again], check=True, capture_output=True)
    first, second = (json.loads((folder / "fit" / "nlhb.json").read_text()) for folder in (finished.path, tmp_path))
    assert first["parameters"] == second["parameters"]


def test_a_check_that_tests_nothing_and_steps_that_are_another_device_are_told(finished):
    from hil.loop.report import doubts
    from hil.runs.results import Row

    assert doubts(finished.rows) == []
    assert "do not test the model" in doubts([Row("held-back error", 0.104, "%", control=0.108)])[0]
    assert "not of the device" in doubts([Row("R^2 of the steps", 0.62)])[0]
    assert doubts([Row("R^2 of the steps", 0.999)]) == []


@pytest.fixture
def two_engines(finished, tmp_path):
    """Folders of two trainings on emulators; the second is the first's copy, to be spoiled."""
    shutil.copytree(finished.path / "train-golden", tmp_path / "other", ignore=shutil.ignore_patterns("lock"))
    return tmp_path / "other", finished.path / "train-golden"


def test_an_engine_that_learns_the_same_is_told_from_one_that_does_not(two_engines):
    from hil.loop.agreement import agreement
    from hil.loop.report import doubts

    other, golden = two_engines
    same = list(agreement("fpga:cxxrtl", other, "fpga:golden", golden))
    assert [row.value for row in same] == [0.0, 0.0] and doubts(same) == []
    assert same[0].note.startswith("54 weights") and "seed 0, 1" in same[1].note
    with np.load(other / "checkpoint.npz") as file:
        arrays = dict(file)
    weights = sorted(key for key in arrays if key.startswith("w/"))
    assert len(weights) == 2
    arrays[weights[1]][0, 0] += np.float32(1 / 255)
    np.savez(other / "checkpoint.npz", **arrays)
    metrics = (other / "metrics.jsonl").read_text().splitlines()
    last = json.loads(metrics[-1])
    metrics[-1] = json.dumps(last | {"accuracy": last["accuracy"] + 2.5})
    (other / "metrics.jsonl").write_text("\n".join([*metrics, ""]))
    spoiled = list(agreement("fpga:cxxrtl", other, "fpga:golden", golden))
    assert [row.value for row in spoiled] == pytest.approx([1 / 255, 2.5], rel=1e-4)
    assert ["golden model does" in told for told in doubts(spoiled)] == [True, True]


def test_trainings_without_a_common_seed_are_not_compared(two_engines):
    from hil.loop.agreement import agreement

    other, golden = two_engines
    (other / "metrics.jsonl").write_text("")
    with pytest.raises(InputError, match="share no seed"):
        list(agreement("fpga:cxxrtl", other, "fpga:golden", golden))


def test_engines_after_the_first_train_few_seeds_at_the_size_that_is_compiled_once(finished):
    from hil.loop.loop import Loop
    from hil.loop.stages import stages

    plan = LoopPlan(source="x", **SMALL | {"emulators": ("golden", "cxxrtl"), "seeds": 5}, board="icebreaker")
    loop = Loop(plan, finished.path)
    commands = {stage.name: stage.command(loop) for stage in stages(loop) if stage.wanted(loop)}
    seeds = {name: words[words.index("--seeds") + 1] for name, words in commands.items() if "--seeds" in words}
    assert seeds == {"train-sim": "5", "train-golden": "5", "train-cxxrtl": "1"}
    assert f"fpga:cxxrtl?preset={finished.path}/fit/nlhb.json&rows=9&cols=3" in commands["curves"]
    assert commands["build"][2:10] == [
        "--board", "icebreaker", "--rows", "9", "--cols", "3", "--preset", f"{finished.path}/fit/nlhb.json"
    ]  # fmt: skip


def test_time_and_processor_time_of_every_stage_are_told(finished):
    ran = json.loads((finished.path / "stages.json").read_text())
    assert all(stage["processor"] > 0 for stage in ran.values())
    row = finished.rows["time"]
    assert row.value == round(sum(stage["seconds"] for stage in ran.values()))
    assert f"{sum(stage['processor'] for stage in ran.values()):.0f} s of processor time" in row.note


@pytest.fixture
def stopped(finished, tmp_path, monkeypatch):
    """A loop that was stopped before its last two stages, and what is run for it from now on."""
    path = tmp_path / "loop"
    shutil.copytree(finished.path, path, ignore=shutil.ignore_patterns("lock"))
    ran = json.loads((path / "stages.json").read_text())
    for name in ("train-sim", "train-golden"):
        shutil.move(path / name, tmp_path / name)
        del ran[name]
    (path / "stages.json").write_text(json.dumps(ran))
    run = []

    def played(words, output):
        run.append(words)
        target = Path(words[words.index("--run") + 1])
        shutil.copytree(tmp_path / target.name, target)
        return 0

    monkeypatch.setattr(play, "_run", played)
    return path, run, monkeypatch


def test_what_is_done_is_kept_and_the_rest_is_run(stopped):
    path, run, _ = stopped
    rows = play.restart(path).rows
    assert [words[:2] for words in run] == [["train", "wta"]] * 2
    assert rows["fpga:golden: test accuracy"].value is not None
    play.restart(path)
    assert len(run) == 2


def test_a_stage_that_fails_is_named_with_the_command_that_goes_on(stopped):
    path, _, monkeypatch = stopped
    monkeypatch.setattr(play, "_run", lambda words, output: 2)
    with pytest.raises(HilError, match=rf"'train-sim' failed.*hil loop --resume {path}"):
        play.restart(path)


def test_a_stage_that_was_stopped_goes_on_by_its_own_resume(finished, stopped):
    path, run, monkeypatch = stopped
    (path / "train-sim").mkdir()
    shutil.copy(finished.path / "train-sim" / "config.toml", path / "train-sim")
    meta = json.loads((finished.path / "train-sim" / "meta.json").read_text())
    (path / "train-sim" / "meta.json").write_text(json.dumps({**meta, "state": "stopped"}))
    monkeypatch.setattr(play, "_run", lambda words, output: run.append(words) or 2)
    with pytest.raises(HilError):
        play.restart(path)
    assert run == [["train", "wta", "--resume", str(path / "train-sim")]]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give measured data"),
        ({"source": "a", "device": "sim:rram"}, "one of the two"),
        ({"source": "nowhere.csv"}, "no run folder and no file nowhere.csv"),
        ({"device": "sim:nothing"}, "no device 'sim:nothing'"),
        ({"device": "sim:rram", "emulators": ("gold",)}, "no device 'fpga:gold'"),
        ({"device": "sim:rram", "hold_back": 1.5}, "hold_back = 1.5"),
        ({"device": "sim:rram", "dataset": "dogs"}, "dogs"),
        ({"device": "sim:rram", "board": "spartan"}, "no board 'spartan'"),
        (
            {"device": "sim:rram", "program": "visa:virtual?rows=2&cols=2&matrix=707B"},
            "--program visa:virtual?rows=2&cols=2&matrix=707B: segment 0: one source measures one current",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(given, told, tmp_path, monkeypatch):
    from hil.config import validated

    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=re.escape(told)):
        play.start(validated(LoopPlan, given, "hil loop"))
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_loop_from_an_instrument_to_an_instrument(tmp_path):
    """A virtual cell is measured, fitted, emulated and trained, and its values are written into a virtual crossbar."""
    dut = "dut=sim:rram%3Falpha%3D0.05"
    crossbar = "visa:virtual?dut=sim:rram&rows=2&cols=2&matrix=707B&serial=true"
    asked = SMALL | {"models": ("lhb", "nlsb"), "program": crossbar}
    plan = LoopPlan(device=f"visa:virtual?{dut}", limits=("--set", "pulses=60"), **asked)
    done = play.start(plan, tmp_path / "loop")
    rows = {row.text: row.value for row in done.rows}
    assert rows["model"] == "lhb"
    assert json.loads((done.path / "fit" / "lhb.json").read_text())["parameters"]["alpha"] == pytest.approx(
        0.05, rel=0.01
    )
    assert rows["program: levels reached"] == 16 and rows["program: largest final error"] <= 2
    assert rows["fpga:golden against the model: largest difference on the way"] < 8
    assert html.escape(f"ispp --device '{crossbar}'") in done.figures[0].read_text(encoding="utf-8")


@pytest.mark.slow
def test_sigterm_stops_the_stage_too_and_resume_finishes(finished, tmp_path):
    source = finished.path.parent / "measured"
    words = ["loop", str(source), "--quick", "--model", "nlhb", "--run", str(tmp_path / "loop")]
    process = subprocess.Popen([sys.executable, "-m", "hil", *words], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    while not (tmp_path / "loop" / "train-sim").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=180)[1]
    assert process.returncode == 130 and "hil loop --resume" in told.splitlines()[-1]
    lock = tmp_path / "loop" / "train-sim" / "lock"
    assert not lock.exists() or subprocess.run(["fuser", str(lock)], capture_output=True).returncode
    subprocess.run([sys.executable, "-m", "hil", "loop", "--resume", str(tmp_path / "loop")], check=True, cwd=tmp_path)
    assert (tmp_path / "loop" / "report.html").exists()


SLEEPER = "import sys, time, pathlib; time.sleep({0}); pathlib.Path(sys.argv[1]).write_text('[]'); sys.exit({1})"


def slow_command(seconds, code=0):
    """What begins a process that writes the rows of a build after a while."""
    import hil.loop.running

    def begin(words, output):
        rows = words[words.index("--json") + 1]
        return hil.loop.running.subprocess.Popen([sys.executable, "-c", SLEEPER.format(seconds, code), rows])

    return begin


@pytest.fixture
def with_a_board(stopped, monkeypatch):
    """The stopped loop, with a bitstream wanted too."""
    path, run, _ = stopped
    config = (path / "config.toml").read_text()
    assert 'board = ""' in config
    (path / "config.toml").write_text(config.replace('board = ""', 'board = "icebreaker"'))
    return path, run, monkeypatch


def test_a_bitstream_is_built_beside_the_trainings(with_a_board):
    path, _, monkeypatch = with_a_board
    played, order = play._run, []

    def slowly(words, output):
        order.append(words[1])
        time.sleep(0.3)
        return played(words, output)

    monkeypatch.setattr(play, "_run", slowly)
    monkeypatch.setattr(play, "begun", slow_command(0.1))
    rows = play.restart(path).rows
    ran = json.loads((path / "stages.json").read_text())
    assert ran["build"]["state"] == "finished" and ran["build"]["seconds"] < 0.6
    assert ran["build"]["waited"] < 0.1 and order == ["wta", "wta"]
    spent = sum(stage.get("waited", stage["seconds"]) for stage in ran.values())
    assert rows["time"].value == round(spent)
    assert ran["build"]["command"][:4] == ["fpga", "build", "--board", "icebreaker"]


def test_a_bitstream_that_fails_ends_the_loop_before_the_next_training(with_a_board):
    path, run, monkeypatch = with_a_board
    played = play._run

    def slowly(words, output):
        time.sleep(0.6)
        return played(words, output)

    monkeypatch.setattr(play, "_run", slowly)
    monkeypatch.setattr(play, "begun", slow_command(0.0, 2))
    with pytest.raises(HilError, match="'build' failed"):
        play.restart(path)
    assert len(run) == 1 and json.loads((path / "stages.json").read_text())["build"]["state"] == "failed"


def test_a_loop_that_is_stopped_ends_what_runs_beside_it(with_a_board):
    path, _, monkeypatch = with_a_board
    children = []

    def begin(words, output):
        children.append(slow_command(60)(words, output))
        return children[0]

    monkeypatch.setattr(play, "begun", begin)
    monkeypatch.setattr(play, "_run", lambda words, output: 130)
    with pytest.raises(Interrupted):
        play.restart(path)
    assert children[0].poll() is not None
    assert json.loads((path / "stages.json").read_text())["build"]["state"] == "stopped"


def test_many_cells_make_networks_that_differ_and_an_emulator_of_the_median(tmp_path):
    from hil import presets
    from hil.backends import check_address
    from hil.files import write_json
    from hil.loop.loop import Loop
    from hil.loop.stages import stages
    from sim.fitting.report import write_presets

    fit = tmp_path / "loop" / "fit"
    fit.mkdir(parents=True)
    cell = {"model": "nlhb", "alpha": 0.08, "gamma": 2.0, "nstop": 40.0, "d2d": 0.15, "d2d_r": 0.1, "c2c": 0.05}
    write_presets(fit, "nlhb", "rram", cell, None, [])
    write_json(fit / "populations.json", [{"model": "nlhb", "cells": {"D1": {}}, "spreads": {}}])
    loop = Loop(LoopPlan(source="x", **SMALL, board="icebreaker"), tmp_path / "loop")
    assert presets.read(loop.median(loop.fitted)).parameters() == {
        name: value for name, value in cell.items() if name not in ("d2d", "d2d_r", "c2c")
    }
    wanted = {stage.name: stage.command(loop) for stage in stages(loop) if stage.wanted(loop) and stage.name != "fit"}
    assert "check" not in wanted and "steps" not in wanted
    assert f"sim:rram?preset={fit}/nlhb.json" in wanted["train-sim"]
    for name in ("curves", "compare-golden", "train-golden", "build"):
        words = " ".join(wanted[name])
        assert "nlhb-median.json" in words and "nlhb.json" not in words
    for name in ("sim", "golden"):
        check_address(loop.uri(name))


def test_data_without_steps_are_refused_before_anything_is_fitted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "stdp.csv"
    file.write_text("dt (ms),dW (%)\n" + "".join(f"{t},{40 / t:.3f}\n" for t in (-40, -20, -10, -5, 5, 10, 20, 40)))
    from hil.importing.play import import_data

    run = import_data([file]).path
    for source in (str(run), str(file)):
        began = time.monotonic()
        with pytest.raises(InputError, match=r"a spike-timing window.*needs trains of pulses or sweeps"):
            play.start(LoopPlan(source=source, **SMALL), tmp_path / f"loop{began}")
        assert not list(tmp_path.glob("loop*/fit"))


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_a_browser_shows_the_page_with_all_its_pictures(finished, tmp_path):
    from matplotlib.image import imread

    page, shot = finished.figures[0], tmp_path / "page.png"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={tmp_path / 'user'}"]
    size, address = "--window-size=1100,2600", page.resolve().as_uri()
    subprocess.run(
        [BROWSER, *flags, size, f"--screenshot={shot}", address], check=True, capture_output=True, timeout=120
    )
    drawn = imread(shot)[..., :3]
    assert drawn.shape[:2] == (2600, 1100)
    inked = (drawn < 0.9).any(axis=2)
    assert inked[:300].any() and inked[-600:].any() and not inked[:, :20].any() and not inked[:, -20:].any()
    seen = subprocess.run(
        [BROWSER, *flags, "--dump-dom", address], check=True, capture_output=True, text=True, timeout=120
    )
    assert seen.stdout.count("<img") == page.read_text().count("<img") >= 5
