"""Rows for machines: one documented form with a version, names without conditions, older files still read."""

import json
import math
import re
from pathlib import Path

import pytest
from experiment_runner import play
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import InputError
from hil.experiments.catalogue import EXPERIMENTS
from hil.runs.document import VERSION, Document, document, load_json, save_json
from hil.runs.results import CONDITIONS, Row, Rows, beside, repeated

ROOT = Path(__file__).parents[2]

SMALL = {
    "iv": {"stairs": 8, "cycles": 1},
    "ltp": {"pulses": 4, "amplitudes": [1.0, 1.2]},
    "stdp": {"delays": [-0.01, 0.01, 0.02]},
    "ppf": {"intervals": [0.01, 0.1]},
    "desensitisation": {"pulses": 3, "pauses": [0.1, 1.0]},
    "retention": {"reads": 4},
    "endurance": {"cycles": 2, "pulses": 5},
    "ispp": {"levels": 2, "max_pulses": 1},
    "forming": {"allowed": True, "stop": 1.0},
}

CONDITION_INSIDE = re.compile(r"[1-9] ?(V|mV|s|ms|µs|Hz|S|%)\b|\b(sim|fpga|visa):|^\s|\s$|\bcontrol: |\breadout [a-z]")
"""What a name must not hold."""


def require_plain(rows):
    """Check rows against the documented form."""
    told = document(rows)
    Document.model_validate(json.loads(json.dumps(told, allow_nan=False)))
    for row in told["rows"]:
        assert not CONDITION_INSIDE.search(row["name"]), row["name"]
        assert set(row["conditions"]) <= set(told["conditions"])


def test_the_documented_schema_is_that_of_the_code():
    kept = json.loads((ROOT / "docs/results.schema.json").read_text())
    assert kept == Document.model_json_schema(by_alias=True)
    page = (ROOT / "docs/results-schema.md").read_text()
    assert f'"version": {VERSION},' in page
    example = json.loads(re.search(r"```json\n(.*?)```", page, re.S).group(1))
    Document.model_validate(example)
    for name in CONDITIONS:
        assert f"`{name}`" in page


@pytest.mark.parametrize("name", EXPERIMENTS.names())
def test_rows_of_every_experiment_are_plain(name):
    experiment, records, _ = play(name, "sim:rram?rows=1&cols=1", **SMALL.get(name, {}))
    rows = [row.under(device="sim:rram") for row in experiment.analyse(records)]
    require_plain(rows)
    assert any(row.headline for row in rows)
    assert len({(row.name, json.dumps(row.conditions)) for row in rows}) == len(rows), "told apart by conditions"


def test_rows_of_runs_of_every_kind_are_plain(hil, tmp_path):
    train = ["train", "stdp", "--seeds", "1", "--epochs", "0.02", "--set", "train.curve=0"]
    assert hil(*train, "--run", "runs/train")[0] == 0
    assert hil("characterize", "ltp", "--set", "pulses=10", "--device", "sim:rram", "--device", "sim:flca", "--run",
               "runs/ltp")[0] == 0  # fmt: skip
    assert hil("fit", "runs/ltp", "--model", "lhb,nlsb", "--no-profile", "--run", "runs/fit")[0] == 0
    assert hil("characterize", "array", "--set", "sizes=[2,3]", "--run", "runs/array")[0] == 0
    for name in ("train", "ltp", "fit", "array"):
        rows = load_json(tmp_path / f"runs/{name}/results.json")
        require_plain(rows)
    for words in (["runs"], ["devices", "sim:rram"], ["runs", "compare", "ltp", "train"]):
        code, out, err = hil(*words, "--json", "-")
        assert code == 0, err
        Document.model_validate(json.loads(out))
    listed = {row["label"]: row for row in json.loads(hil("runs", "--json", "-")[1])["rows"]}
    assert listed["ltp"]["name"] == "ltp" and listed["ltp"]["conditions"]["quantity"] == "on/off ratio"
    assert "nonlinearity alpha_p" in listed["ltp"]["note"]
    assert listed["train"]["control"] is not None


def test_runs_are_compared_side_by_side(hil):
    for name, device, sample in (("a", "sim:rram", "S7"), ("b", "sim:rram?alpha=0.1", "S8")):
        hil(
            "characterize", "ltp", "--set", "pulses=20", "--device", device, "--sample", sample, "--run", f"runs/{name}"
        )
    code, out, err = hil("runs", "compare", "a", "b")
    assert code == 0, err
    (ratio,) = (line for line in out.splitlines() if "on/off ratio" in line)
    assert len([cell for cell in ratio.split("│") if "±" in cell]) == 2, "one line, a column a run"
    assert re.search(r"sample +│ +S7 │ +S8", out) and re.search(r"device.uri +│ +sim:rram │ +sim:rram\?alpha=0.1", out)
    assert "ltp.gap" not in out, "what is alike is not told"
    assert hil("runs", "compare", "a")[0] == 2


@settings(max_examples=30)
@given(
    st.floats() | st.integers(-(2**53), 2**53) | st.text(),
    st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), st.floats() | st.text()),
)
def test_any_row_survives(tmp_path_factory, value, conditions):
    path = tmp_path_factory.mktemp("rows") / "rows.json"
    row = Row("a", value, "V", math.inf, 3, "10 %", None, "NaN", conditions, True, "1 V: a")
    save_json([row], path)
    (read,) = load_json(path)
    texts = {"NaN", "Infinity", "-Infinity"}
    if not {value, *conditions.values()} & texts:
        assert repr(read) == repr(row)


def test_rows_of_the_first_version_are_read(tmp_path):
    old = [{"name": "  control: untrained", "value": 10.0, "unit": "%", "std": None, "n": 1, "control": None,
            "reference": None, "note": ""}]  # fmt: skip
    (tmp_path / "old.json").write_text(json.dumps(old))
    (row,) = load_json(tmp_path / "old.json")
    assert (row.name, row.text) == ("control: untrained", "  control: untrained")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "is of version 3 of its schema, this program reads up to 2"),
        ({"version": 1}, "version"),
        ({"rows": [{"name": "a", "value": 1}]}, r"is damaged: rows\.0\.unit: field required"),
        ({"rows": 4}, "is damaged: rows"),
        ({"schema": "other"}, "holds no list of result rows"),
    ],
)
def test_another_document_is_refused(tmp_path, change, message):
    (tmp_path / "x.json").write_text(json.dumps(document([Row("a", 1.0)]) | change))
    with pytest.raises(InputError, match=message) as caught:
        load_json(tmp_path / "x.json")
    assert "\n" not in str(caught.value)


def test_a_row_is_found_by_what_is_shown_and_by_its_name():
    rows = Rows(
        [Row("ratio", 2.0).under("1 V: ", amplitude=1.0), beside(repeated("control accuracy", [1.0]), "control", "x")]
    )
    assert rows["1 V: ratio"] is rows["ratio"] is rows[0]
    assert rows["control: x"].conditions == {"control": "x"}
