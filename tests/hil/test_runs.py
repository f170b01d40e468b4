import json
import subprocess
import sys

import numpy as np
import pytest

from hil.errors import InputError
from hil.runs.results import Row
from hil.runs.run import Run, find_runs, new_path, read_metrics, summary

CONFIG = {"data": {"dataset": "digits", "dir": None}, "train": {"seed": 7}}


@pytest.fixture
def run(tmp_path):
    with Run.create(tmp_path / "one", "train stdp", CONFIG) as run:
        yield run


def test_a_new_run_notes_what_it_was_told_and_with_what(run):
    assert run.config == {"data": {"dataset": "digits"}, "train": {"seed": 7}}
    meta = run.meta()
    assert meta["kind"] == "train stdp"
    assert meta["state"] == "running"
    assert meta["versions"]["numpy"] == np.__version__


def test_checkpoint_keeps_arrays_bit_for_bit_without_pickle(run):
    arrays = {"a": np.array([0.1, np.nan, -0.0, 5e-324]), "g/trained #0": np.arange(6, dtype=np.int8).reshape(2, 3)}
    run.save_checkpoint(arrays, {"stage": 2, "outcomes": {"x": 0.1}})
    loaded, info = run.checkpoint()
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].tobytes() == array.tobytes()
    assert (info["stage"], info["outcomes"]) == (2, {"x": 0.1})
    assert b"pickle" not in (run.path / "checkpoint.npz").read_bytes()


def test_a_crash_while_writing_leaves_the_old_checkpoint(run, monkeypatch):
    run.save_checkpoint({"a": np.arange(3)}, {})

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(InputError, match=r"checkpoint\.npz cannot be written: no space left"):
        run.save_checkpoint({"a": np.arange(9)}, {})
    assert np.array_equal(run.checkpoint()[0]["a"], [0, 1, 2])


def test_metrics_after_the_last_checkpoint_are_dropped_on_resume(run):
    run.metric(step=1)
    run.save_checkpoint({}, {})
    run.metric(step=2)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3')
    run.close()
    with Run.resume(run.path, "train stdp") as again:
        assert again.metrics() == [{"step": 1}]
        again.metric(step=20)
    assert read_metrics(run.path) == [{"step": 1}, {"step": 20}]


def test_a_second_process_is_refused(run):
    script = (
        "import sys; from pathlib import Path; from hil.runs.run import Run; from hil.errors import InputError\n"
        "try:\n    Run.resume(Path(sys.argv[1]), 'train stdp')\nexcept InputError as e:\n    print(e)"
    )
    told = subprocess.run([sys.executable, "-c", script, str(run.path)], capture_output=True, text=True, check=True)
    assert "is in use by another process" in told.stdout
    run.close()
    told = subprocess.run([sys.executable, "-c", script, str(run.path)], capture_output=True, text=True, check=True)
    assert told.stdout == ""


def test_an_existing_run_is_never_overwritten(run):
    run.close()
    with pytest.raises(InputError, match=r"already holds a run \(interrupted\): continue it with --resume"):
        Run.create(run.path, "train stdp", CONFIG)


def test_a_run_nobody_works_on_any_more_is_interrupted(run):
    assert summary(run.path)[0]["state"] == "running"
    run.close()
    assert summary(run.path)[0]["state"] == "interrupted"


def test_a_run_that_never_began_gives_its_name_back(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    for name in ("mine", "new"):
        Run.create(tmp_path / name, "train stdp", CONFIG).discard()
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    assert not (tmp_path / "new").exists()


def test_a_folder_left_before_its_configuration_was_written_can_be_used(tmp_path):
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "lock").touch()
    Run.create(tmp_path / "early", "train stdp", CONFIG).close()


def test_resume_says_what_is_wrong(run, tmp_path):
    run.close()
    with pytest.raises(InputError, match="holds no run to resume"):
        Run.resume(tmp_path / "nowhere", "train stdp")
    with pytest.raises(InputError, match="is a run of 'hil train stdp', not of 'hil train lifelong'"):
        Run.resume(run.path, "train lifelong")
    (run.path / "checkpoint.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(InputError, match="is not a checkpoint of this program"):
        Run.resume(run.path, "train stdp")


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        Run.create(tmp_path / "file", "train stdp", CONFIG)


def test_finding_and_summarising_runs(run, tmp_path):
    rows = [Row("accuracy", 81.5, "%", 0.2, 3)]
    run.save_results(rows)
    run.set_state("finished")
    assert find_runs(tmp_path) == [run.path]
    meta, found = summary(run.path)
    assert (meta["state"], found) == ("finished", rows)
    assert json.loads((run.path / "results.json").read_text())["rows"][0]["std"] == 0.2


def test_new_paths_count_up(tmp_path):
    first = new_path("stdp-digits", tmp_path)
    first.mkdir()
    assert (first.name, new_path("stdp-digits", tmp_path).name) == ("stdp-digits-001", "stdp-digits-002")
