"""The table of docs/models.md has every law that is registered, and says of each what the law says of itself."""

import re
import sys
from pathlib import Path

import pytest

from hil.backends import open_device
from sim.catalogue import backend
from sim.cells.law import OhmicLaw
from sim.crossbar.parameters import JoinedParameters

ROOT = Path(__file__).parents[2]
COLUMNS = "source", "moved by", "threshold", "not ohmic", "forgets", "by chance", "ns a step", "presets", "cannot"


def table():
    """Cells of the table's rows by the name of the law."""
    lines = re.findall(r"^\| `([\w-]+)` \| (.*) \|$", (ROOT / "docs/models.md").read_text(), re.M)
    rows = {name: [cell.strip() for cell in re.split(r" \| ", rest)] for name, rest in lines}
    return {name: dict(zip(COLUMNS, cells, strict=True)) for name, cells in rows.items()}


LAWS = {kind.name: kind for kind in backend.kinds() if issubclass(kind.parameters, JoinedParameters)}


def test_every_law_has_a_row_and_no_row_is_of_another():
    assert table().keys() == LAWS.keys()


@pytest.mark.parametrize("name", LAWS)
def test_a_row_says_what_the_law_says(name):
    row, kind = table()[name], LAWS[name]
    with open_device(f"sim:{name}") as device:
        law = device.law
    assert [preset for preset in row["presets"].split(", ") if preset] == list(kind.presets)
    assert (row["not ohmic"] == "no") == isinstance(law, OhmicLaw)
    assert row["by chance"].startswith("yes") == any(state.drawn for state in law.states)
    assert law.thresholds is None or row["threshold"] == "yes"
    assert float(row["ns a step"].replace(",", "")) > 0
    assert row["source"] and row["moved by"] and row["forgets"] and row["cannot"]


def test_the_figure_shows_every_law():
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        from model_loops import MODELS
    finally:
        sys.path.pop(0)
    assert {address.partition("?")[0] for address in MODELS} == LAWS.keys()
