"""docs/circuits.md: its example runs, its tables say what the code gives, its figures are drawn."""

import re
from pathlib import Path

import numpy as np
import pytest

from sim.circuits import figures
from sim.circuits.bidirectional import pulse_pair
from sim.circuits.desensitisation import desensitisation
from sim.circuits.minimum import MinimumModel, minimum_error_map, timing_errors
from sim.circuits.pill_cell import pill_cell
from sim.circuits.valved import valved

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "circuits.md").read_text()


def cell(row, column):
    """Numbers in one cell of the table row that contains `row`."""
    line = next(line for line in TEXT.splitlines() if line.startswith("|") and row in line)
    return [float(x) for x in re.findall(r"(?<![\w.])\d+\.?\d*(?:e-?\d+)?", line.strip("|").split("|")[column])]


def test_the_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names = {}
    exec(example, names)
    ohm, joule = map(float, capsys.readouterr().out.split())
    run = names["run"]
    assert 1100 < ohm == run.memristance["weight"][-1]
    assert 0 < joule < 1e-5
    assert run.time.shape == (303,)
    assert np.abs(run.current["slow"][-101:]).max() < 1e-15


def test_the_table_of_the_papers_circuits():
    assert cell("`valved(0.1, 0.0).flux`", 2) == pytest.approx(
        [1e6 * valved(0.1, 0).flux, 100 * valved(0.1, 0).suppression], rel=5e-4
    )
    assert cell("`valved(0.1, 0.1).flux`", 2) == pytest.approx([1e6 * valved(0.1, 0.1).flux], rel=1e-4)
    assert cell("memristors=False", 2) == pytest.approx([1e6 * valved(0.1, 0, memristors=False).flux], rel=1e-4)
    assert cell("`desensitisation(", 2) == pytest.approx(desensitisation([0, 0.1, 0.5, 1, 2, 5, 10]), abs=0.5)
    assert cell("`pulse_pair(0.01)", 2) == pytest.approx(pulse_pair(0.01).memristance["weight"][[0, 1, -1]], abs=0.05)
    images = pill_cell([[0.1], [0.1], [0.1]], [[0.1], [0.0], [0.1]], [[0], [0], [-0.1]]).flux[:, 0]
    assert cell("`pill_cell(", 2) == pytest.approx(1e6 * images, rel=2e-3)


@pytest.mark.parametrize(
    ("refine", "row"), [(0.25, "| 0.25 |"), (0.5, "| 0.5 |"), (1, "| **1** |"), (2, "| 2 |"), (4, "| 4 |")]
)
def test_the_table_of_convergence(refine, row):
    error = abs(valved(0.1, 0.0, refine=refine).flux - valved(0.1, 0.0, refine=32).flux) / 1e-4
    assert cell(row, 2) == pytest.approx([error], rel=0.05)


def test_the_table_of_the_analog_minimum():
    plain, floor = minimum_error_map(model=MinimumModel.of(leak=False)), minimum_error_map()
    assert cell("| plain minimum", 1) == pytest.approx([100 * plain.worst], abs=0.006)
    assert cell("| plain minimum", 2) == pytest.approx([100 * plain.mean], abs=0.006)
    assert cell("| with the floor", 1)[0] == pytest.approx(100 * floor.worst, abs=0.006)
    assert cell("| with the floor", 2) == pytest.approx([100 * floor.mean], abs=0.006)
    assert cell("miss each other", 1) == pytest.approx(-100 * timing_errors([1e-4, 1e-3]).error, abs=0.06)


@pytest.mark.pictures
def test_the_figures_are_drawn(tmp_path):
    figures.main(tmp_path)
    drawn = sorted(f.name for f in tmp_path.iterdir())
    assert drawn == sorted(re.findall(r"images/(circuits-\w+\.png)", TEXT))
    assert all(5_000 < (tmp_path / name).stat().st_size < 60_000 for name in drawn)
    assert all((DOCS / "images" / name).exists() for name in drawn)
