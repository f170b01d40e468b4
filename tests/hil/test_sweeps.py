import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from hil.cli.sweep import dask_client
from hil.errors import HilError, InputError
from hil.runs.interrupt import Interrupted
from hil.sweeps import file as sweep_file
from hil.sweeps import sweep as sweeps
from hil.training.catalogue import DRIVERS

COMMAND = "from hil.cli.main import main; main()"
BASE = """
kind = "train stdp"
[base.train]
epochs = 0.05
controls = false
seeds = 1
curve = 0
[base.device]
uri = "sim:flca-pair?threads=1"
[[axis]]
key = "train.seed"
values = [0, 1, 2]
"""
MODELS = """
[[axis]]
name = "model"
points = [
    { label = "pair", "device.uri" = "sim:flca-pair" },
    { label = "step", device = { uri = "sim:flca-step" } },
]
"""


@pytest.fixture(scope="module")
def client():
    with dask_client(workers=2) as client:
        yield client


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "grid.toml"
        path.write_text(text)
        return path

    return write


def wait_for(condition, limit=60.0):
    end = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def attempts(folder):
    """Ids of the processes that worked on each task, by task."""
    logs = folder.glob("tasks/*/log.txt")
    return {log.parent.name: re.findall(r"^process (\d+) on", log.read_text(), re.M) for log in logs}


def at_work(folder):
    """Process that works on a task right now, or None."""
    for task, processes in attempts(folder).items():
        if processes and sweeps.summary(folder / "tasks" / task)[0]["state"] != "finished":
            return int(processes[-1])
    return None


def done(folder):
    with suppress(InputError):
        return {task.id for task in sweeps.saved_tasks(folder) if task.done}
    return set()


def assert_complete(folder, count):
    tasks, rows = sweeps.saved_tasks(folder), sweeps.load(folder)
    assert len(tasks) == count
    assert all(task.done for task in tasks)
    assert len({(row["task"], row["row"]) for row in rows}) == len(rows)
    lengths = [sum(row["task"] == task.id for row in rows) for task in tasks]
    assert len(set(lengths)) == 1
    assert lengths[0] > 5


def test_axes_multiply_and_points_set_several_keys(write):
    name, tasks = sweep_file.read(write(BASE + MODELS))
    assert name == "grid"
    assert len({task.id for task in tasks}) == 6
    assert tasks[1].label == "train.seed=0, model=step"
    assert tasks[1].config["device"] == {"uri": "sim:flca-step"}
    assert [task.config["train"]["seed"] for task in tasks[::2]] == [0, 1, 2]
    assert all(task.config["train"]["epochs"] == 0.05 and task.config["protocol"]["width"] == 1e-3 for task in tasks)


def test_a_task_is_known_by_its_resolved_configuration(write):
    plain = sweep_file.read(write(BASE))[1]
    named = sweep_file.read(write(BASE.replace("[base.train]", "[base.data]\ndataset = 'digits'\n[base.train]")))[1]
    labelled = sweep_file.read(write(BASE + 'labels = ["a", "b", "c"]'))[1]
    other = sweep_file.read(write(BASE.replace("0.05", "0.06")))[1]
    assert [t.id for t in plain] == [t.id for t in named] == [t.id for t in labelled]
    assert labelled[2].label == "train.seed=c"
    assert not {t.id for t in plain} & {t.id for t in other}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "train stdp",
            "train stpd",
            f"kind = 'train stpd': no driver 'stpd' (known: {', '.join(DRIVERS.names())}); did you mean 'stdp'?",
        ),
        ("train stdp", "stdp", "kind = 'stdp' must be 'train stdp'"),
        ("[[axis]]", "[[axes]]", "grid.toml: unknown parameter 'axes'"),
        ("values", "valeus", "axis 1: unknown parameter 'valeus'"),
        ("values = [0, 1, 2]", "", "axis 1: give key and values, or name and points"),
        ("values = [0, 1, 2]", "points = [{}]", "axis 1: give key and values, or name and points"),
        ("[0, 1, 2]", '[0, 1]\nlabels = ["a"]', "axis 1: 1 labels for 2 values"),
        ("[0, 1, 2]", "[0, -1]", "point 'train.seed=-1': train.seed = -1 must be >= 0"),
        ("[0, 1, 2]", "[0, 0]", "points 'train.seed=0' and 'train.seed=0' are the same configuration"),
        ("train.seed", "train.sead", "point 'train.sead=0': unknown parameter 'train.sead'"),
        ("train.seed", "train.epochs.x", "train.epochs.x: 'epochs' is a value, not a section"),
        ("epochs", "epoch", "unknown parameter 'train.epoch'"),
        ("[[axis]]", '[[axis]]\nname = "value"', "'value' is the name of another axis or of a result column"),
        ("[[axis]]", '[[axis]]\nname="a"\npoints=[{"train.seed"=1}]\n[[axis]]', "'a' and 'train.seed' both set"),
    ],
)
def test_a_bad_sweep_file_is_one_sentence_and_exit_code_2(hil, write, tmp_path, old, new, message):
    code, out, err = hil("sweep", write(BASE.replace(old, new)))
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "sweeps").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a sweep file"),
        (["--resume", "absent"], "absent holds no sweep"),
        (["--resume", "x", "grid.toml"], "leave out FILE.toml"),
        (["grid.toml", "--workers", "0"], "--workers 0: give 1 or more processes"),
        (["grid.toml", "--scheduler", "tcp://127.0.0.1:8786", "--workers", "1"], "no --scheduler beside them"),
    ],
)
def test_bad_options_are_one_sentence(hil, write, words, message):
    write(BASE)
    code, out, err = hil("sweep", *words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err


def test_dry_run_prints_the_grid_and_makes_nothing(hil, write, tmp_path):
    code, out, _ = hil("sweep", write(BASE + MODELS), "--dry-run")
    assert code == 0
    assert out.count("to do") == 6
    assert "device.uri=sim:flca-step" in out
    assert [path.name for path in tmp_path.iterdir()] == ["grid.toml"]


def test_the_example_is_valid():
    name, tasks = sweep_file.read(Path(__file__).parents[2] / "examples" / "stdp_sweep.toml")
    assert (name, len(tasks)) == ("stdp-models", 6)


def test_a_finished_sweep_resumed_does_nothing(hil, write, tmp_path):
    text = BASE.replace("[0, 1, 2]", "[0, 1]")
    code, out, err = hil("sweep", write(text), "--json", "-")
    assert code == 0, err
    folder = tmp_path / "sweeps/grid-001"
    assert_complete(folder, 2)
    accuracies = [row["value"] for row in sweeps.load(folder) if row["name"] == "test accuracy"]
    assert f'"value": {sum(accuracies) / 2}' in out
    assert '"n": 2' in out
    before = attempts(folder)
    assert hil("sweep", "--resume", folder, "--json", "-")[1] == out
    assert attempts(folder) == before
    assert hil("sweep", "--resume", folder, "--dry-run")[1].count("done") == 2
    code, _, err = hil("sweep", write(text), "--folder", folder)
    assert code == 2
    assert "already holds a sweep: continue it with --resume" in err
    children = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not [child for child in children if "resource_tracker" not in child]


def test_an_interrupted_sweep_runs_only_what_is_missing(client, write, tmp_path):
    folder = tmp_path / "one"
    with sweeps.Sweep.create(folder, sweep_file.read(write(BASE))[1]) as sweep:
        with pytest.raises(InputError, match="in use by another process"):
            sweeps.Sweep.resume(folder)

        def interrupt():
            wait_for(lambda: done(folder))
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        with pytest.raises(Interrupted, match=r"stopped after \d of 3 tasks; continue with: hil sweep --resume"):
            sweeps.play(sweep, client)
    kept = done(folder)
    assert 1 <= len(kept) < 3
    before = {row["task"]: row for row in sweeps.load(folder)}
    with sweeps.Sweep.resume(folder) as sweep:
        sweeps.play(sweep, client)
    assert_complete(folder, 3)
    assert all(len(attempts(folder)[task]) == 1 for task in kept)
    assert {row["task"]: row for row in sweeps.load(folder) if row["task"] in kept} == before


def test_a_killed_worker_costs_only_its_task(client, write, tmp_path):
    folder = tmp_path / "one"

    def kill():
        wait_for(lambda: done(folder))
        os.kill(wait_for(lambda: at_work(folder)), signal.SIGKILL)

    threading.Thread(target=kill).start()
    with sweeps.Sweep.create(folder, sweep_file.read(write(BASE))[1]) as sweep:
        sweeps.play(sweep, client)
    assert_complete(folder, 3)
    assert sorted(len(found) for found in attempts(folder).values()) == [1, 1, 2]


def test_a_task_that_cannot_run_leaves_the_others(client, write, tmp_path):
    uris = '[[axis]]\nkey = "device.uri"\nvalues = ["sim:flca-step", "sim:flca-pair?rows=3"]'
    text = BASE.replace("[0, 1, 2]", "[0]") + uris
    with (
        sweeps.Sweep.create(tmp_path / "one", sweep_file.read(write(text))[1]) as sweep,
        pytest.raises(
            HilError,
            match=r"1 of all tasks failed, the first 'train.seed=0, device.uri=sim:flca-pair\?rows=3': .*3 rows",
        ),
    ):
        sweeps.play(sweep, client)
    assert [task.done for task in sweeps.saved_tasks(tmp_path / "one")] == [True, False]


def start(*words, **options):
    return subprocess.Popen(words, text=True, start_new_session=True, **options)


def command(*words):
    return start(sys.executable, "-c", COMMAND, "sweep", *map(str, words), stdout=-1, stderr=-1)


@pytest.mark.slow
def test_a_killed_sweep_leaves_no_process_and_resumes(write, tmp_path):
    folder = tmp_path / "one"
    process = command(write(BASE), "--folder", folder, "--workers", 2)
    wait_for(lambda: done(folder))
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    assert len(family) >= 2
    assert not psutil.wait_procs(family, timeout=30)[1]
    kept = done(folder)
    process = command("--resume", folder, "--workers", 2)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert_complete(folder, 3)
    assert all(len(attempts(folder)[task]) == 1 for task in kept)


@pytest.mark.slow
def test_ctrl_c_at_the_terminal_is_one_sentence(write, tmp_path):
    folder = tmp_path / "one"
    process = command(write(BASE), "--folder", folder, "--workers", 2)
    wait_for(lambda: done(folder))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert f"continue with: hil sweep --resume {folder}" in err.splitlines()[-1]


@pytest.mark.slow
def test_a_killed_scheduler_stops_the_sweep_which_resumes(write, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    place = ["--host", "127.0.0.1", "--port", address.rsplit(":")[-1], "--no-dashboard"]
    scheduler = start(*dask, *place, **quiet)
    worker = start(sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", **quiet)
    folder = tmp_path / "one"
    try:
        process = command(write(BASE), "--folder", folder, "--scheduler", address)
        wait_for(lambda: done(folder))
        os.killpg(scheduler.pid, signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    finally:
        for each in (scheduler, worker):
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()
    assert process.returncode == 2
    assert "Traceback" not in err
    assert re.fullmatch(rf"hil: the Dask scheduler was lost after \d tasks; .* {folder}", err.splitlines()[-1])
    process = command("--resume", folder, "--workers", 2)
    assert process.wait(timeout=120) == 0
    assert_complete(folder, 3)


@pytest.mark.slow
def test_no_scheduler_is_one_sentence(write, tmp_path):
    process = command(write(BASE), "--folder", tmp_path / "one", "--scheduler", "tcp://127.0.0.1:1")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.splitlines()[-1] == "hil: --scheduler tcp://127.0.0.1:1 cannot be reached: connection refused"
    assert "Traceback" not in err
