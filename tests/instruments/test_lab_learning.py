"""What docs/lab.md shows: a training that learns through the virtual bench."""

import re
import shlex
from pathlib import Path

import pytest

from hil.cli.main import main
from hil.results import load_json, warnings_in

DOCS = Path(__file__).parents[2] / "docs" / "lab.md"


@pytest.mark.slow
def test_the_training_of_the_docs_learns(tmp_path, monkeypatch):
    """Above its control by more than the margin: no warning."""
    text = DOCS.read_text(encoding="utf-8").replace("\\\n", " ")
    words = shlex.split(re.search(r"^hil (train .*)$", text, re.MULTILINE)[1])
    monkeypatch.setattr("sys.argv", ["hil", *words, "--run", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    rows = load_json(tmp_path / "run" / "results.json")
    told = next(row for row in rows if "recognised" in row.name)
    assert told.value == pytest.approx(91.3, abs=1.5)
    assert told.control == pytest.approx(81.3, abs=1)
    assert told.n == 3
    assert not warnings_in(rows)
