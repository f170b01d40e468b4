"""A farm: samples share the tasks of a sweep, one task on each at a time, whatever happens to workers and samples."""

import os
import re
import signal
import threading
from itertools import pairwise

import pytest
from test_sweeps import BASE, assert_complete, at_work, attempts, done, wait_for

from hil.cli.sweep import dask_client
from hil.config import load_toml
from hil.errors import HilError, InputError
from hil.sweeps import file as sweep_file
from hil.sweeps import sweep as sweeps
from hil.sweeps.farm import Farm

ONE, TWO = "sim:flca-pair?threads=1&seed=1", "sim:flca-pair?threads=1&seed=2"
FARM = BASE.replace('[base.device]\nuri = "sim:flca-pair?threads=1"\n', "").replace(
    'kind = "train stdp"', f'kind = "train stdp"\nfarm = ["{ONE}", "{TWO}"]'
)


@pytest.fixture(scope="module")
def client():
    with dask_client(workers=2) as client:
        yield client


def grid(tmp_path, text=FARM):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    return sweep_file.read(path)[1], sweep_file.farm(path)


def device_of(folder, task):
    return load_toml(folder / "tasks" / task / "config.toml")["device"]["uri"]


def spans(folder):
    """(begin, end) of every task by device, from the files of its run folder."""
    found = {}
    for task in attempts(folder):
        here = folder / "tasks" / task
        begin, end = (here / "config.toml").stat().st_mtime, (here / "results.json").stat().st_mtime
        found.setdefault(device_of(folder, task), []).append((begin, end))
    return {device: sorted(times) for device, times in found.items()}


def test_no_device_has_two_tasks_and_one_that_fails_gets_no_other(tmp_path):
    tasks, uris = grid(tmp_path)
    farm = Farm(uris, tmp_path)
    assert [farm.config(task)["device"]["uri"] for task in tasks[:2]] == [ONE, TWO]
    assert farm.full and farm.config(tasks[2]) is None
    farm.release(tasks[1])
    assert farm.config(tasks[2])["device"]["uri"] == TWO
    farm.lose(tasks[0], "the link is lost")
    assert farm.device(tasks[0]) is None and farm.lost == {ONE: "the link is lost"}
    assert farm.config(tasks[0]) is None and not farm.hopeless(tasks[0])
    farm.lose(tasks[2], "the link is lost")
    assert farm.hopeless(tasks[0])


def test_a_task_that_was_cut_short_waits_for_its_own_device(tmp_path):
    tasks, uris = grid(tmp_path)
    (tmp_path / tasks[0].id).mkdir()
    (tmp_path / tasks[0].id / "config.toml").write_text(f'[device]\nuri = "{TWO}"\n')
    farm = Farm(uris, tmp_path)
    assert farm.config(tasks[1])["device"]["uri"] == ONE
    assert farm.config(tasks[2])["device"]["uri"] == TWO
    farm.release(tasks[1])
    assert farm.config(tasks[0]) is None
    farm.lose(tasks[2], "dead")
    assert farm.hopeless(tasks[0]) and not farm.hopeless(tasks[1])


def test_samples_share_the_tasks_and_a_killed_worker_costs_only_its_task(client, tmp_path):
    tasks, uris = grid(tmp_path, FARM.replace("[0, 1, 2]", "[0, 1, 2, 3, 4]"))
    folder = tmp_path / "one"

    def kill():
        wait_for(lambda: done(folder))
        os.kill(wait_for(lambda: at_work(folder)), signal.SIGKILL)

    threading.Thread(target=kill).start()
    with sweeps.Sweep.create(folder, tasks, uris) as sweep:
        sweeps.play(sweep, client)
    assert_complete(folder, 5)
    assert sorted(len(found) for found in attempts(folder).values()) == [1, 1, 1, 1, 2]
    times = spans(folder)
    assert set(times) == {ONE, TWO}
    for each in times.values():
        assert all(before[1] <= after[0] for before, after in pairwise(each)), "two at a time"
    named = {row["task"]: re.search(r'"device": "([^"]*)"', row["conditions"])[1] for row in sweeps.load(folder)}
    assert named == {task.id: device_of(folder, task.id) for task in tasks}


def test_a_sample_that_fails_leaves_its_tasks_to_the_others(client, tmp_path, capsys):
    tasks, _ = grid(tmp_path)
    broken = "sim:flca-pair?rows=3"
    with sweeps.Sweep.create(tmp_path / "one", tasks, [broken, ONE]) as sweep:
        sweeps.play(sweep, client)
    assert_complete(tmp_path / "one", 3)
    assert {device_of(tmp_path / "one", task.id) for task in tasks} == {ONE}
    assert capsys.readouterr().err.count(f"{broken} is out of the farm") == 1
    with (
        sweeps.Sweep.create(tmp_path / "two", tasks, [broken]) as sweep,
        pytest.raises(HilError, match=r"3 of all tasks failed.*3 rows"),
    ):
        sweeps.play(sweep, client)


@pytest.mark.slow
def test_virtual_benches_share_the_tasks_of_a_sweep_through_their_drivers(client, tmp_path):
    bench = "visa:virtual?model={}&dut=sim:flca;preset=pill"
    text = f"""
kind = "train pill"
farm = ["{bench.format("2450")}", "{bench.format("2461")}"]
[base.data]
dataset = "lines3x3"
[base.protocol]
timing = "serial"
interval = 3e-3
[base.train]
epochs = 1
seeds = 1
controls = false
[[axis]]
key = "train.seed"
values = [0, 1, 2]
"""
    tasks, uris = grid(tmp_path, text)
    with sweeps.Sweep.create(tmp_path / "one", tasks, uris) as sweep:
        sweeps.play(sweep, client)
    assert_complete(tmp_path / "one", 3)
    assert set(spans(tmp_path / "one")) == set(uris)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (TWO, ONE, "is in the farm twice"),
        (TWO, "sim:flca-pear", "farm: .*flca-pear"),
        ("[[axis]]", '[base.device]\nuri = "sim:rram"\n[[axis]]', "both give tasks their device"),
        ('"train.seed"\nvalues = [0, 1, 2]', '"device.uri"\nvalues = ["sim:rram"]', "the farm gives every task its"),
    ],
)
def test_a_farm_that_cannot_be_is_refused(old, new, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        grid(tmp_path, FARM.replace(old, new))
