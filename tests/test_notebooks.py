"""The notebooks run as they stand, from the first cell to the last, and show what they were saved with."""

import json
import sys
from pathlib import Path

import matplotlib
import pytest

FOLDER = Path(__file__).parents[1] / "docs/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(path):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def shown(cell):
    """Texts that a cell was saved with: what it printed, and the plain form of its last value."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell["outputs"]]
    return "".join(text if isinstance(text, str) else "".join(text) for text in texts)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_what_it_was_saved_with(path, monkeypatch, tmp_path, capsys):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "IPython.display", type(sys)("IPython.display"))
    sys.modules["IPython.display"].Image = lambda file: Path(file).read_bytes()[:8]
    matplotlib.use("agg")
    names = {}
    for cell in cells(path):
        exec(compile("".join(cell["source"]), str(path), "exec"), names)
        printed = capsys.readouterr().out
        if printed:
            assert printed.split() == shown(cell).split()


def test_notebooks_were_saved_after_a_run_without_errors_and_are_small():
    assert len(NOTEBOOKS) == 4
    for path in NOTEBOOKS:
        assert path.stat().st_size < 200_000
        for number, cell in enumerate(cells(path), 1):
            assert cell["execution_count"] == number, f"{path.name} was edited after it ran"
            assert not any(output["output_type"] == "error" for output in cell["outputs"])
