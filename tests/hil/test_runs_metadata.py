"""What a run is of: said with the run or afterwards, kept in meta.json, and what runs are listed by."""

import json
from pathlib import Path

import pytest

from hil.errors import InputError
from hil.runs.listing import Listed, Wanted, find_run
from hil.runs.metadata import Metadata, checked, metadata_in
from hil.runs.results import Row
from hil.runs.run import Run

QUICK = ["characterize", "retention", "--set", "reads=4", "--device", "sim:flca"]
SAID = ["--name", "first cell", "--sample", "S7", "--wafer", "W3", "--die", "D2", "--operator", "AB", "--comment",
        "after 200 °C", "--tag", "annealed", "--tag", "good"]  # fmt: skip
KEPT = {
    "name": "first cell", "sample": "S7", "wafer": "W3", "die": "D2", "operator": "AB", "comment": "after 200 °C",
    "tags": ["annealed", "good"],
}  # fmt: skip


def names(out):
    return {row["label"] for row in json.loads(out)["rows"]}


@pytest.fixture
def folder(tmp_path):
    """Three runs: two labelled, one as an older version left it."""
    for name, kind, metadata in (
        ("a", "train stdp", {"sample": "S7", "tags": ["good"]}),
        ("b", "fit", {"sample": "S8", "tags": ["good", "annealed"]}),
        ("c", "fit", None),
    ):
        with Run.create(tmp_path / name, kind, {"x": 1}, checked(metadata)) as run:
            run.save_results([Row("accuracy", 80.0, "%")])
            run.set_state("finished")
    return tmp_path


def test_what_is_said_with_a_measurement_is_kept_and_shown(hil, tmp_path):
    code, _, err = hil(*QUICK, *SAID, "--run", "runs/one")
    assert code == 0, err
    assert json.loads((tmp_path / "runs/one/meta.json").read_text())["metadata"] == KEPT
    shown = hil("runs", "show", "one")[1]
    assert "sample S7\n" in shown and "tags annealed, good\n" in shown
    assert "sample S7" in hil("runs")[1]


def test_a_training_knows_what_it_is_of(hil, tmp_path, monkeypatch):
    words = ["train", "stdp", "--seeds", "1", "--epochs", "0.01", "--set", "train.controls=false", "--run", "runs/one"]
    assert hil(*words, "--tag", "first", "--comment", "a try")[0] == 0
    assert json.loads((tmp_path / "runs/one/meta.json").read_text())["metadata"] == {
        "comment": "a try",
        "tags": ["first"],
    }
    assert names(hil("runs", "--tag", "first", "--kind", "stdp", "--json", "-")[1]) == {"one"}
    code, _, err = hil("train", "stdp", "--resume", "runs/one", "--tag", "second")
    assert code == 2 and "leave out --tag" in err


def test_nothing_said_leaves_nothing(hil, tmp_path):
    hil(*QUICK, "--run", "runs/one")
    assert "metadata" not in json.loads((tmp_path / "runs/one/meta.json").read_text())


def test_a_resume_keeps_what_was_said_and_takes_nothing_new(hil, tmp_path):
    hil(*QUICK, *SAID, "--run", "runs/one")
    code, _, err = hil("characterize", "--resume", "runs/one", "--sample", "S9")
    assert code == 2 and "leave out --sample" in err
    code, _, err = hil("characterize", "--resume", "runs/one", "--tag", "x")
    assert code == 2 and "leave out --tag\n" in err
    assert hil("characterize", "--resume", "runs/one")[0] == 0
    assert json.loads((tmp_path / "runs/one/meta.json").read_text())["metadata"] == KEPT


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tag", "a,b"], "a tag is one word or several, without a comma, not 'a,b'"),
        (["--tag", " "], "a tag is one word or several"),
        (["--sample", "two\nlines"], "a line break"),
        (["--sample", "x" * 201], "200 characters"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_driven(hil, tmp_path, words, message):
    code, _, err = hil(*QUICK, *words, "--run", "runs/one")
    assert (code, message in err, err.count("\n")) == (2, True, 1), err
    assert not (tmp_path / "runs").exists()


def test_in_python_it_is_a_mapping(tmp_path, monkeypatch):
    import hil

    monkeypatch.chdir(tmp_path)
    made = hil.characterize("retention", device="sim:flca", reads=4, run="one", metadata={"die": "D4", "tags": ["x"]})
    assert Listed.read(made.path).metadata == Metadata(die="D4", tags=("x",))
    with pytest.raises(InputError, match=r"metadata: unknown parameter 'simple' .*did you mean 'sample'"):
        hil.characterize("retention", device="sim:flca", run="two", metadata={"simple": "S7"})
    with pytest.raises(InputError, match="leave out metadata"):
        hil.characterize(resume="one", metadata={"die": "D5"})


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], {"a", "b", "c"}),
        (["--tag", "good"], {"a", "b"}),
        (["--tag", "good", "--tag", "anneal*"], {"b"}),
        (["--sample", "s?"], {"a", "b"}),
        (["--sample", "S7", "--tag", "annealed"], {"no such run"}),
        (["--kind", "fit"], {"b", "c"}),
        (["--kind", "stdp"], {"a"}),
        (["--kind", "train stdp", "--state", "finished"], {"a"}),
        (["--state", "running"], {"no such run"}),
    ],
)
def test_runs_are_chosen_by_what_they_are(hil, folder, words, found):
    assert names(hil("runs", "--root", str(folder), *words, "--json", "-")[1]) == found


def test_a_kind_is_an_experiment_too():
    run = Listed(Path("x"), {"state": "finished", "kind": "characterize", "experiment": "ltp"}, [])
    for kind, fits in (("ltp", True), ("characterize", True), ("characterize ltp", True), ("iv", False)):
        assert Wanted(kind, None, {}).fits(run) is fits


def test_a_choice_without_a_run_names_the_tags_there_are(hil, folder):
    assert "annealed, good" in hil("runs", "--root", str(folder), "--tag", "bad")[1]


def test_a_run_is_labelled_afterwards(hil, folder):
    before = json.loads((folder / "c/meta.json").read_text())
    code, out, _ = hil("runs", "--root", str(folder), "label", "c", "--sample", "S9", "--tag", "x", "--tag", "y")
    assert (code, out) == (0, f"{folder / 'c'}: sample S9; tags x, y\n")
    hil("runs", "--root", str(folder), "label", "c", "--clear", "sample", "--untag", "x", "--die", "D1")
    after = json.loads((folder / "c/meta.json").read_text())
    assert after.pop("metadata") == {"die": "D1", "tags": ["y"]}
    assert after == before
    code, _, err = hil("runs", "--root", str(folder), "label", "c", "--untag", "z")
    assert code == 2 and "has no such tag (known: y)" in err
    assert find_run("c", folder) == folder / "c"


@pytest.mark.parametrize("damage", ["[]", '{"sample": 7}', '{"tags": "x"}'])
def test_damaged_metadata_is_told(folder, damage):
    meta = json.loads((folder / "a/meta.json").read_text())
    meta["metadata"] = json.loads(damage)
    (folder / "a/meta.json").write_text(json.dumps(meta))
    assert "meta.json is damaged" in Listed.read(folder / "a").problem


def test_keys_of_a_later_version_are_left_alone():
    assert metadata_in({"metadata": {"sample": "S7", "shelf": 4}}, "x") == Metadata(sample="S7")
