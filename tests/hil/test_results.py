import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hil.errors import InputError
from hil.runs.document import load_json, save_json
from hil.runs.results import Row, repeated, report, table


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_repeats_give_mean_and_sample_deviation(values):
    row = repeated("x", values)
    assert row.value == pytest.approx(np.mean(values), abs=1e-6)
    assert row.std == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert row.n == len(values)


def test_one_value_has_no_spread():
    assert repeated("x", [3.0]).std is None


def test_rows_survive_json(tmp_path):
    rows = [Row("a", 1.5, "V", 0.1, 3, "10 %", None, "note"), Row("b", None, note="no number")]
    save_json(rows, tmp_path / "rows.json")
    assert load_json(tmp_path / "rows.json") == rows


def test_dash_puts_json_on_stdout_and_the_table_on_stderr(capsys):
    report([Row("quantity of note", 1.0, "A")], "title", "-")
    out, err = capsys.readouterr()
    assert json.loads(out)["rows"][0]["unit"] == "A"
    assert "quantity of note" in err


def test_an_unwritable_json_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"--json .*absent/rows.json cannot be written: no such file"):
        save_json([], tmp_path / "absent" / "rows.json")


def test_table_shows_spread_and_leaves_empty_columns_out():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table([Row("accuracy", 81.234, "%", 0.12, 3)], "results", {"value": "mean"}))
    text = console.export_text()
    assert "81.23 ± 0.12" in text
    assert "mean" in text
    assert "reference" not in text


def test_a_narrow_terminal_lists_notes_below_the_table(monkeypatch, capsys):
    monkeypatch.setattr("rich.console.Console.width", 80)
    report([Row("accuracy", 81.2, "%", note="a long remark on how it was measured [seed 0]")], "title")
    shown, listed = capsys.readouterr().out.split("└", 1)
    assert "remark" not in shown
    assert "accuracy: a long remark on how it was measured [seed 0]" in listed


def test_brackets_are_shown_as_they_are(capsys):
    report([Row("a [b]", "c [d]", note="pip install memhil[lab]")], "title")
    out = capsys.readouterr().out
    assert "a [b]" in out and "c [d]" in out and "memhil[lab]" in out


@pytest.mark.parametrize("name", ["prefix", "self", "label"])
def test_a_condition_may_have_any_name(name):
    """As the axes of a sweep have, which the user names."""
    row = Row("accuracy", 91.0).under("at 1 V: ", **{name: "a"})
    assert row.conditions == {name: "a"} and row.label == "at 1 V: accuracy"
