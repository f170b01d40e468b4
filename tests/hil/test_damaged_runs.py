"""A damaged run folder is told in one sentence, and the others are listed; nothing is written in part."""

import json
import shutil
import stat

import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from hil import files
from hil.cli.main import build
from hil.errors import InputError
from hil.runs.results import Row
from hil.runs.run import Run, summary
from hil.sweeps.sweep import run_task


def hil(*arguments):
    done = CliRunner().invoke(build(), [str(a) for a in arguments])
    assert done.exception is None or isinstance(done.exception, (InputError, SystemExit)), repr(done.exception)
    return done


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two finished runs, one of a training kind with metrics and a checkpoint."""
    root = tmp_path_factory.mktemp("runs")
    for name in ("good", "bad"):
        with Run.create(root / name, "train stdp", {"train": {"seed": 1}}) as run:
            run.metric(step=1)
            run.save_checkpoint({"a": np.arange(100.0)}, {"stage": 0, "done": 0, "outcomes": {}})
            run.save_results([Row("accuracy", 91.5, "%", n=3)])
            run.set_state("finished")
    return root


@pytest.fixture
def root(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "runs")


def folder_for(path):
    path.unlink()
    path.mkdir()


def locked(path):
    folder_for(path)


CONTENTS = {
    "empty": lambda p: p.write_bytes(b""),
    "binary": lambda p: p.write_bytes(bytes(range(256))),
    "cut": lambda p: p.write_bytes(p.read_bytes()[:-9]),
    "folder": folder_for,
    "a number": lambda p: p.write_text("7"),
    "a list of it": lambda p: p.write_text("[3]"),
    "deep": lambda p: p.write_text("[" * 100_000),
    "long": lambda p: p.write_text("1" * 5000),
    "other keys": lambda p: p.write_text('{"state": 4, "x": [1]}'),
    "no text": lambda p: p.write_text('[{"name": 4, "value": null}]'),
    "bytes": lambda p: p.write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("harm", CONTENTS)
@pytest.mark.parametrize("file", ["results.json", "meta.json"])
def test_runs_lists_the_others_and_says_what_is_wrong_with_one(root, file, harm):
    CONTENTS[harm](root / "bad" / file)
    done = hil("runs", "--root", root, "--json", root / "rows.json")
    assert done.exit_code == 0
    rows = {row["name"]: row for row in json.loads((root / "rows.json").read_text())["rows"]}
    assert rows["good"]["value"] == 91.5
    assert rows["bad"]["value"] is None
    assert rows["bad"]["note"].startswith("damaged: ") and file in rows["bad"]["note"]
    assert "\n" not in rows["bad"]["note"]
    shown = hil("runs", "--root", root, "show", "bad")
    assert file in str(shown.exception) and "\n" not in str(shown.exception)
    assert summary(root / "bad")[0]["state"] == "damaged"
    assert hil("runs", "--root", root, "show", "good").exit_code == 0


@pytest.mark.parametrize("file", ["results.json", "config.toml"])
def test_a_file_that_is_gone_is_told(root, file):
    (root / "bad" / file).unlink()
    hil("runs", "--root", root, "--json", root / "rows.json")
    rows = {row["name"]: row for row in json.loads((root / "rows.json").read_text())["rows"]}
    assert file in rows["bad"]["note"]
    assert rows["good"]["value"] == 91.5


@pytest.mark.parametrize("harm", ["binary", "bytes", "folder", "a number"])
def test_a_damaged_configuration_is_told(root, harm):
    CONTENTS[harm](root / "bad/config.toml")
    hil("runs", "--root", root, "--json", root / "rows.json")
    rows = {row["name"]: row for row in json.loads((root / "rows.json").read_text())["rows"]}
    assert "config.toml" in rows["bad"]["note"] and rows["good"]["value"] == 91.5
    with pytest.raises(InputError, match="bad"):
        Run.resume(root / "bad", "train stdp")


@pytest.mark.parametrize("harm", ["empty", "binary", "cut", "folder", "a number"])
@pytest.mark.parametrize("file", ["checkpoint.npz", "metrics.jsonl", "meta.json"])
def test_a_resume_of_a_damaged_run_is_one_sentence(root, file, harm):
    if (file, harm) in {("metrics.jsonl", "empty"), ("metrics.jsonl", "cut"), ("metrics.jsonl", "a number")}:
        return  # as a crash leaves it: the last line has no end
    CONTENTS[harm](root / "bad" / file)
    with pytest.raises(InputError, match=file) as caught:
        Run.resume(root / "bad", "train stdp")
    assert "\n" not in str(caught.value)
    Run.resume(root / "good", "train stdp").close()


@pytest.mark.parametrize("text", ["7\n", "{\n", "[" * 100_000 + "\n", '{"a": ' + "1" * 5000 + "}\n"])
def test_a_damaged_line_of_metrics_is_named(root, text):
    with (root / "bad/metrics.jsonl").open("a") as file:
        file.write(text)
    with pytest.raises(InputError, match=r"metrics\.jsonl, line 2 is damaged"):
        Run.resume(root / "bad", "train stdp")
    assert "line 2 is damaged" in str(hil("runs", "--root", root, "show", "bad").exception)


def test_a_checkpoint_of_another_run_is_refused(root):
    with Run.create(root / "other", "train stdp", {"train": {"seed": 2}}) as run:
        run.save_checkpoint({"a": np.arange(3)}, {"stage": 5})
    shutil.copy(root / "other/checkpoint.npz", root / "bad/checkpoint.npz")
    with pytest.raises(InputError, match="belongs to a run of another configuration"):
        Run.resume(root / "bad", "train stdp")
    text = (root / "good/config.toml").read_text()
    (root / "good/config.toml").write_text(text.replace("seed = 1", "seed = 7"))
    with pytest.raises(InputError, match=r"config\.toml was changed, or the checkpoint is another run's"):
        Run.resume(root / "good", "train stdp")


def test_a_task_whose_rows_are_damaged_is_not_taken_as_one_without_rows(root):
    (root / "bad/results.json").write_text("{")
    with pytest.raises(InputError, match=r"bad is damaged: .*results\.json is not a valid JSON file"):
        run_task(None, {}, root / "bad")


@pytest.mark.parametrize("name", ["records.sqlite", "meta.json"])
@pytest.mark.parametrize("harm", ["empty", "binary", "folder", "cut"])
def test_a_fit_of_a_damaged_run_is_one_sentence(tmp_path, name, harm):
    done = hil("characterize", "iv", "--device", "sim:flca", "--set", "stairs=8", "--run", tmp_path / "run")
    assert done.exit_code == 0
    CONTENTS[harm](tmp_path / "run" / name)
    done = hil("fit", tmp_path / "run", "--model", "flca", "--no-profile", "--run", tmp_path / "fit")
    if name == "records.sqlite":
        assert done.exception is not None
        assert "\n" not in str(done.exception)
        assert "records" in str(done.exception)


@pytest.mark.parametrize("harm", ["empty", "binary", "folder", "cut"])
def test_a_plot_of_a_damaged_sweep_is_one_sentence(tmp_path, harm):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep/results.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 200)
    CONTENTS[harm](tmp_path / "sweep/results.sqlite")
    done = hil("plot", "brivio2021", tmp_path / "sweep")
    assert done.exception is not None and "\n" not in str(done.exception)


# ---- files are whole or not there


def fails(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("write", [
    lambda p: files.write_text(p, "new"), lambda p: files.write_json(p, {"new": 1}),
    lambda p: files.write_figure(p.with_suffix(".png"), Figure(), 40),
])  # fmt: skip
def test_an_old_file_stays_whole_until_the_new_one_is(tmp_path, monkeypatch, write):
    for name in ("x.json", "x.png"):
        (tmp_path / name).write_text("old")
    monkeypatch.setattr(files.os, "fsync", fails)
    with pytest.raises(InputError, match=r"x\.(json|png) cannot be written: no space left on device$"):
        write(tmp_path / "x.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.json", "x.png"]
    assert {p.read_text() for p in tmp_path.iterdir()} == {"old"}
    monkeypatch.undo()
    write(tmp_path / "x.json")
    assert sorted(p.read_bytes() != b"old" for p in tmp_path.iterdir()) == [False, True]


def test_an_interruption_leaves_the_old_file(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(KeyboardInterrupt), files.replacing(tmp_path / "x") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_links_stay_links_and_pipes_are_written_to(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    files.write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"
    files.write_text("/dev/null", "new")
    from pathlib import Path

    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize(("make", "words"), [
    (lambda p: p / "no/x.json", "no such file or directory"), (lambda p: p, "is a directory"),
])  # fmt: skip
def test_a_place_that_cannot_be_written_is_named(tmp_path, make, words):
    with pytest.raises(InputError, match=f"cannot be written: {words}"):
        files.write_json(make(tmp_path), [])


def test_a_picture_of_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no picture is written as '\.foo'.*png"):
        files.write_figure(tmp_path / "x.foo", Figure(), 40)
    assert list(tmp_path.iterdir()) == []
