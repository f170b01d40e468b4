import dataclasses
import json
import math
import os
import signal
import sys
from importlib.metadata import EntryPoint

import pytest

from hil import plugins
from hil.cli.main import main
from hil.errors import InputError
from hil.reproduction import papers as papers_module
from hil.reproduction.findings import Finding, Verdict, above, below, near, repeated, rounds_to
from hil.reproduction.papers import Paper, PaperFigure, Scope
from hil.reproduction.play import FINDINGS, KIND, ReproduceConfig, Reproduction, as_json, finished, listing, markdown
from hil.runs.interrupt import Interrupted
from hil.runs.run import Run, summary
from hil.training.stdp import StdpTraining
from sim import papers as sim_papers

SOUND = Finding(
    "1", "x", "50 V", 50.2, "V", near(50, 0.02), open={"other": 49.5}, check=50.2, check_by="c", control=3.0
)


def changed(**values):
    return dataclasses.replace(SOUND, **values).verdict


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.REPRODUCED),
        ({"ours": 52.0, "check": 52.0}, Verdict.OPEN),  # the other reading is still inside
        ({"ours": 52.0, "check": 52.0, "open": {}}, Verdict.DIFFERS),
        ({"ours": 51.0, "check": 51.0, "open": {}}, Verdict.DIFFERS),  # bounds are outside
        ({"open": {"other": 52.0}}, Verdict.OPEN),
        ({"open": {"a": 49.5, "b": 40.0}}, Verdict.OPEN),
        ({"check": 50.3}, Verdict.UNCONFIRMED),
        ({"check": 50.3, "check_tolerance": 0.01}, Verdict.REPRODUCED),
        ({"check": None}, Verdict.REPRODUCED),
        ({"control": 50.0}, Verdict.UNDECIDED),
        ({"control": None}, Verdict.REPRODUCED),
        ({"accept": None}, Verdict.OPEN),
        ({"ours": None, "check": None}, Verdict.OPEN),
        ({"std": 0.51, "n": 4}, Verdict.UNDECIDED),  # 0.8 to the bound; t(3) = 3.18
        ({"std": 0.49, "n": 4}, Verdict.REPRODUCED),
        ({"std": 0.9, "n": 2}, Verdict.UNDECIDED),
        ({"std": 0.088, "n": 2}, Verdict.REPRODUCED),  # t(1) = 12.7
        ({"std": 0.09, "n": 2}, Verdict.UNDECIDED),
        ({"std": None, "n": 1}, Verdict.UNDECIDED),
        ({"std": 0.0, "n": 2}, Verdict.REPRODUCED),
        ({"std": 1.0, "n": 4, "ours": 60.0, "check": None, "open": {}}, Verdict.DIFFERS),
        ({"std": 8.0, "n": 1}, Verdict.UNDECIDED),
        ({"stand_in": "digits"}, Verdict.NOT_RUN),
        ({"accept": above(50.0), "control": None}, Verdict.OPEN),
        ({"accept": above(49.0)}, Verdict.REPRODUCED),
        ({"accept": below(49.0), "open": {}}, Verdict.DIFFERS),
        ({"follows": 50.2}, Verdict.FOLLOWS),
        ({"follows": 50.3}, Verdict.UNCONFIRMED),
        ({"follows": 50.2, "open": {"other": 52.0}}, Verdict.OPEN),
        ({"follows": 50.2, "control": 50.0}, Verdict.UNDECIDED),
        ({"follows": 52.0, "ours": 52.0, "check": 52.0, "open": {}}, Verdict.DIFFERS),
        ({"check": 50.3, "check_margin": 0.2}, Verdict.REPRODUCED),
        ({"check": 50.5, "check_margin": 0.2}, Verdict.UNCONFIRMED),
        ({"open": {"other": (52.0, 52.1, 51.9)}}, Verdict.OPEN),
        ({"open": {"other": (51.0, 53.0, 50.0)}}, Verdict.UNDECIDED),  # its own spread reaches over the bound
        ({"open": {"a": (51.0, 53.0, 50.0), "b": 60.0}}, Verdict.OPEN),  # ours and b disagree, whatever a is
        ({"ours": 60.0, "check": None, "open": {"a": (51.0, 53.0, 50.0)}}, Verdict.UNDECIDED),
        ({"std": 0.51, "n": 4, "open": {"a": 49.5, "b": 60.0}}, Verdict.OPEN),
        ({"control": (50.0, 50.1, 49.9)}, Verdict.UNDECIDED),
        ({"control": (49.0, 53.0, 50.0)}, Verdict.REPRODUCED),  # a control that may as well lie outside
    ],
)
def test_verdict_follows_from_the_numbers(change, verdict):
    assert changed(**change) is verdict


def test_reasons_name_the_numbers():
    open_ = dataclasses.replace(SOUND, open={"load 1": 52.0, "load 2": 50.0})
    assert open_.reason == "50.2 is in 49 to 51 V; outside are load 1: 52; inside are load 2: 50"
    assert dataclasses.replace(SOUND, control=50.0, open={}).reason.endswith("but so is the control")
    assert dataclasses.replace(SOUND, check=50.6).reason == "c gives 50.6"
    assert dataclasses.replace(SOUND, accept=above(306_935.5)).rule == "> 306,935.5 V"
    assert "is within 95% confidence (Student's t, 8.985) of a bound" in dataclasses.replace(SOUND, std=1, n=2).reason
    assert "a single repeat, 50.2, has no known spread" in dataclasses.replace(SOUND, n=1).reason
    unclear = dataclasses.replace(SOUND, open={"a": (40.0, 60.0), "b": 49.5})
    assert unclear.reason.endswith("inside are b: 49.5; too near to a bound are a: 50 ± 14")
    assert dataclasses.replace(SOUND, follows=40.0, follows_by="eq 1").reason == "eq 1 gives 40"
    assert dataclasses.replace(SOUND, ours=None).reason == "no value can be computed"


def test_intervals():
    assert rounds_to(3.2, 0.1) == pytest.approx((3.15, 3.25))
    assert near(-2.0, 0.1) == pytest.approx((-2.2, -1.8))


def test_repeats_have_mean_and_spread():
    row = repeated("1", "x", None, [1.0, 2.0, 6.0])
    assert (row.ours, row.n) == (3.0, 3) and row.std == pytest.approx(math.sqrt(7))
    assert repeated("1", "x", None, [1.0]).std is None


def test_what_is_no_number_has_no_verdict():
    for name in ("ours", "check", "control"):
        with pytest.raises(ValueError, match=f"{name} = nan is not finite"):
            dataclasses.replace(SOUND, **{name: math.nan})
    with pytest.raises(ValueError, match="other = inf"):
        dataclasses.replace(SOUND, open={"other": math.inf})


@pytest.mark.parametrize("accept", [near(50, 0.02), above(1.0), below(100.0), None])
def test_json_and_back(accept):
    row = dataclasses.replace(SOUND, accept=accept, control=(1.0, 2.0), open={"a": 1.0, "b": (2.0, 3.0)}, follows=50.2)
    text = json.dumps(row.as_json(), allow_nan=False)
    assert Finding.from_json(json.loads(text)) == row
    older = {name: value for name, value in row.as_json().items() if not name.startswith("follows")}
    assert Finding.from_json(older) == dataclasses.replace(row, follows=None)
    with pytest.raises(KeyError):
        Finding.from_json({"figure": "1"})


class Example:
    """A paper of three figures that counts what is made, and may be interrupted in the second."""

    def __init__(self, interrupt=False):
        self.made, self.interrupt = [], interrupt
        self.paper = Paper("example", "Nobody (2000)", tuple(PaperFigure(
            key, f"figure {key}", lambda scope, key=key: self.make(scope, key)) for key in "ABC"))  # fmt: skip

    def make(self, scope, key):
        self.made.append(key)
        if key == "B" and self.interrupt:
            os.kill(os.getpid(), signal.SIGINT)
            scope.pause()
        (scope.folder / f"{key}.png").write_bytes(b"\x89PNG")
        return [dataclasses.replace(SOUND, figure=key)]


def played(example, path, **config):
    values = ReproduceConfig(paper="example", **config)
    if (path / "config.toml").exists():
        run = Run.resume(path, KIND)
    else:
        run = Run.create(path, KIND, values.model_dump(mode="json"))
    with run:
        reproduction = Reproduction(example.paper, values, run)
        reproduction.play(lambda line: None)
    return reproduction


def test_interrupted_run_keeps_what_is_finished(tmp_path):
    example = Example(interrupt=True)
    with pytest.raises(Interrupted, match=r"stopped after 1 of 3 figures; continue with: hil reproduce --resume"):
        played(example, tmp_path / "r")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert summary(tmp_path / "r")[0]["state"] == "stopped"
    assert list(finished(tmp_path / "r")) == ["A"]
    example.interrupt = False
    reproduction = played(example, tmp_path / "r")
    assert example.made == ["A", "B", "B", "C"]
    assert [row.figure for row in reproduction.rows()] == ["A", "B", "C"]
    meta, rows = summary(tmp_path / "r")
    assert meta["state"] == "finished" and rows[0].note.startswith("reproduced: 50.2 is in 49 to 51 V")


def test_interrupt_after_the_last_instruction_of_a_figure_keeps_it(tmp_path):
    example = Example()
    make = example.make

    def interrupted(scope, key):
        rows = make(scope, key)
        os.kill(os.getpid(), signal.SIGINT)
        return rows

    example.make = interrupted
    with pytest.raises(Interrupted, match="stopped after 1 of 3"):
        played(example, tmp_path / "r")
    assert list(finished(tmp_path / "r")) == ["A"]


def test_verdict_is_computed_from_the_file_not_read_from_it(tmp_path):
    example = Example()
    played(example, tmp_path / "r")
    file = tmp_path / "r" / FINDINGS
    values = json.loads(file.read_text())
    values["B"][0]["ours"] = values["B"][0]["check"] = 70.0
    values["B"][0]["open"] = {}
    file.write_text(json.dumps(values))
    assert values["B"][0]["verdict"] == "reproduced"
    assert [row.verdict for row in played(example, tmp_path / "r").rows()] == ["reproduced", "differs", "reproduced"]
    file.write_text("[1]")
    with pytest.raises(InputError, match="holds no findings of this program"):
        finished(tmp_path / "r")


def test_list_shows_the_newest_state(tmp_path):
    example = Example()
    states = [row.value for row in listing({"example": example.paper}, tmp_path)]
    assert states == ["not run"] * 3
    played(example, tmp_path / "r", only=("A",), quick=True)
    rows = listing({"example": example.paper}, tmp_path)
    assert [row.value for row in rows] == ["1 reproduced", "not run", "not run"]
    assert rows[0].note == f"figure A ({tmp_path / 'r'}, quick)" and rows[2].note == "figure C"


@pytest.mark.parametrize(
    ("name", "text"), [(FINDINGS, "[1"), (FINDINGS, '{"A": [{"x": 1}]}'), ("config.toml", 'paper = "x"\nold = 1\n')]
)
def test_a_damaged_run_is_told_and_the_others_are_listed(tmp_path, capsys, name, text):
    example = Example()
    played(example, tmp_path / "good")
    played(example, tmp_path / "bad")
    (tmp_path / "bad" / name).write_text(text)
    assert [row.value for row in listing({"example": example.paper}, tmp_path)] == ["1 reproduced"] * 3
    err = capsys.readouterr().err
    assert f"{tmp_path / 'bad'} is left out: " in err and name in err


def test_a_finished_training_is_opened_and_not_run_again(monkeypatch, tmp_path):
    config = {"data": {"holdout": 0.0}, "device": {"uri": "sim:flca-step"},
              "train": {"epochs": 0.02, "seeds": 1, "readout": "raw", "curve": 0}}  # fmt: skip
    scope = Scope(tmp_path, tmp_path / "work")
    first = scope.train(StdpTraining, config, "a", draw=False)
    assert not list((tmp_path / "work" / "a" / "figures").iterdir())
    monkeypatch.setattr(StdpTraining, "complete", lambda *_: pytest.fail("run again"))
    again = scope.train(StdpTraining, config, "a")
    assert again.accuracies("trained", "test", "raw") == first.accuracies("trained", "test", "raw")


def test_every_row_has_its_command(tmp_path):
    config = ReproduceConfig(paper="example", quick=True, data_dir="/home/user")
    text = "`hil reproduce example --only 1 --quick --data-dir DIR`"
    table = markdown([SOUND, dataclasses.replace(SOUND, quantity="P(a | b)")], config)
    assert table.count(text) == 2 and "/home" not in table
    assert "| P(a \\| b) |" in table
    assert {line.replace("\\|", "").count("|") for line in table.splitlines()} == {9}
    assert as_json([SOUND], config)[0]["command"] == text.strip("`")


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["hil", "reproduce", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code or 0


@pytest.fixture
def example(monkeypatch):
    found = Example()
    monkeypatch.setattr(papers_module._PAPERS, "found", lambda only=None: ({"example": found.paper}, {}))
    return found


def test_command_line(monkeypatch, tmp_path, capsys, example):
    assert command(monkeypatch, "example", "--run", tmp_path / "r", "--json", "-", "--only", "b,A") == 0
    out, err = capsys.readouterr()
    assert [(row["figure"], row["verdict"]) for row in json.loads(out)] == [("A", "reproduced"), ("B", "reproduced")]
    assert f"picture: {tmp_path / 'r' / 'figures' / 'A.png'}" in err
    assert command(monkeypatch, "--resume", tmp_path / "r") == 0
    assert example.made == ["A", "B"]
    assert command(monkeypatch, "--root", tmp_path) == 0
    assert "1 reproduced" in capsys.readouterr().out


def test_ctrl_c_on_the_command_line(monkeypatch, tmp_path, capsys, example):
    example.interrupt = True
    assert command(monkeypatch, "example", "--run", tmp_path / "r") == 130
    assert capsys.readouterr().err.endswith(f"continue with: hil reproduce --resume {tmp_path / 'r'}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["exampel"], "no paper 'exampel' (known: example); did you mean 'example'?"),
        (["example", "--only", "Z"], "'example' has no figure 'Z'"),
        (["example", "--only", ","], "--only ',' names no figure"),
        (["example", "--data-dir", "nowhere"], "--data-dir nowhere is no folder"),
        (["--quick"], "--quick without a paper: name one of example"),
        (["example", "--resume", "r"], "leave out PAPER"),
        (["--resume", "nowhere"], "nowhere holds no run to resume"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(monkeypatch, tmp_path, capsys, example, words, message):
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, *words) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/*"))


def test_installed_papers(monkeypatch, capsys):
    found = papers_module.papers()
    assert {"brivio2021", "flca"} <= set(found)
    assert found["flca"].from_sweep is None
    monkeypatch.setattr(sys, "argv", ["hil", "plot", "flca", "nowhere"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "'flca' is not drawn from a sweep: use hil reproduce flca" in capsys.readouterr().err


def test_a_paper_is_a_folder(monkeypatch, tmp_path):
    """Whoever adds one touches nothing else: the folder is found, and a third package may offer its own papers."""
    (tmp_path / "nobody2000").mkdir()
    (tmp_path / "nobody2000" / "__init__.py").write_text(
        "from hil.reproduction.papers import Paper\nPAPER = Paper('n', 'N', ())\n"
    )
    monkeypatch.setattr(sim_papers, "__path__", [*sim_papers.__path__, str(tmp_path)])
    ours = {"brivio2021", "flca", "msnn2022", "peng2024", "xu2021"}
    assert {paper.key for paper in sim_papers.catalogue()} == ours | {"n"}
    point = EntryPoint("sim", "sim.papers:catalogue", papers_module.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    assert set(papers_module.papers()) == ours | {"n"}
    del sys.modules["sim.papers.nobody2000"]
