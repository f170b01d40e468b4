"""`hil report`: one page of a run, complete and without a network; several side by side."""

import json
import re
from html.parser import HTMLParser

import pytest


class Loaded(HTMLParser):
    """Everything that a page asks for, and what it shows."""

    def __init__(self, text):
        super().__init__()
        self.places, self.pictures, self.open = [], 0, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href"):
                self.pictures += tag == "img"
                if not value.startswith("data:image/"):
                    self.places.append(value)


@pytest.fixture
def runs(hil):
    for name, seed in (("one", 0), ("two", 1)):
        words = f"train stdp --dataset lines3x3 --seeds 1 --epochs 0.02 --seed {seed} --run {name} --sample <S7>"
        code, _, err = hil(*words.split(), "--set", "data.holdout=0.2")
        assert code == 0, err
    return hil


def test_a_page_holds_results_figures_and_how_to_repeat_it(runs, tmp_path):
    code, out, err = runs("report", "one")
    page = (tmp_path / "one" / "report.html").read_text()
    assert (code, out) == (0, "page: one/report.html\n"), err
    asked = Loaded(page)
    assert asked.places == [] and asked.pictures == len(list((tmp_path / "one" / "figures").glob("*")))
    for word in ("test accuracy", "shuffled labels", "hil train stdp", "&lt;S7&gt;", "[protocol]", "numpy", "lines3x3"):
        assert word in page, word
    assert "<S7>" not in page and not re.search(r"https?://", page)


def test_several_runs_stand_side_by_side(runs, tmp_path):
    code, _, err = runs("report", "one", "two")
    assert code == 2 and "name a file, --out FILE" in err
    code, _, err = runs("report", "one", "two", "--out", "both.html")
    page = (tmp_path / "both.html").read_text()
    assert code == 0 and "<th>one</th><th>two</th>" in page, err
    assert "<td>train.seed</td><td>0</td><td>1</td>" in page


def test_runs_that_are_not_whole_are_told(runs, tmp_path):
    code, _, err = runs("report", "three")
    assert code == 2 and err.count("\n") == 1
    meta = tmp_path / "one" / "meta.json"
    meta.write_text(meta.read_text().replace('"finished"', '"stopped"'))
    code, _, _ = runs("report", "one")
    assert code == 0 and "numbers may be missing" in (tmp_path / "one" / "report.html").read_text()
    meta.write_text("{")
    code, _, err = runs("report", "one")
    assert code == 2 and "damaged" in err


GRID = """
kind = "train stdp"
[base.data]
dataset = "lines3x3"
holdout = 0.2
[base.train]
epochs = 0.02
seeds = 1
[base.device]
uri = "sim:flca-pair?threads=1"
[[axis]]
key = "protocol.amplitude"
values = [0.05, 0.1]
[[axis]]
key = "train.seed"
values = [0, 1]
"""


def test_a_sweep_has_a_page_with_its_points_and_their_picture(hil, tmp_path):
    from hil.sweeps import file
    from hil.sweeps.sweep import Sweep, run_task
    from hil.training.catalogue import find_driver

    (tmp_path / "grid.toml").write_text(GRID)
    _, tasks = file.read(tmp_path / "grid.toml", [])
    driver = find_driver("stdp")
    with Sweep.create(tmp_path / "grid", tasks) as sweep:
        for task in tasks[:2]:
            sweep.finish(task, run_task(driver, task.config, tmp_path / "grid" / "tasks" / task.id))
    code, out, err = hil("report", "grid")
    page = (tmp_path / "grid" / "report.html").read_text()
    assert (code, out) == (0, "page: grid/report.html\n"), err
    assert "2 of 4 tasks done" in page and "2 tasks are missing" in page and Loaded(page).pictures == 0
    with Sweep.resume(tmp_path / "grid") as sweep:
        for task in tasks[2:]:
            sweep.finish(task, run_task(driver, task.config, tmp_path / "grid" / "tasks" / task.id))
    assert hil("report", "grid", "--out", "page.html")[0] == 0
    asked = Loaded((tmp_path / "page.html").read_text())
    assert (asked.places, asked.pictures) == ([], 1)
    assert "<td>protocol.amplitude=0.05</td>" in (tmp_path / "page.html").read_text()


def test_a_build_has_a_page_with_what_it_takes_and_how_fast_it_is(hil, tmp_path):
    from gateware.build import BuildResult
    from gateware.geometry import Geometry
    from gateware.placement import ClockTiming, PlaceAndRoute, Step

    steps = (Step(0.5e-9, "clk-to-q", "", "a"), Step(2e-9, "routing", "sum", "b"), Step(0.2e-9, "setup", "", "b"))
    placed = PlaceAndRoute({"LUT": 5000}, {"LUT": 83640}, (ClockTiming("clk", 48.5e6, 50e6),), steps)
    built = BuildResult(
        tmp_path / "built", "ulx3s-85f", Geometry(8, 4, clock=50e6), 1, "ab12" * 16, {"yosys": "0.70"}, {"yosys": 31.0},
        "2026-11-30", "0.2.0", "top.bit", placed,
    )  # fmt: skip
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "build.json").write_text(json.dumps(built.to_json()))
    code, out, err = hil("report", "built")
    page = (tmp_path / "built" / "report.html").read_text()
    assert (code, out) == (0, "page: built/report.html\n"), err
    for words in ("8 x 4 cells for ulx3s-85f", "The clock clk is missed", "83640", "48.5", "yosys", "<td>2.00</td>"):
        assert words in page, words
    (tmp_path / "built" / "build.json").write_text("{}")
    code, _, err = hil("report", "built")
    assert code == 2 and err.count("\n") == 1
