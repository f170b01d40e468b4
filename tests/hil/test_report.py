"""`hil report`: one page of a run, complete and without a network; several side by side."""

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
