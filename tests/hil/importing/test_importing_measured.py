import re

import numpy as np
import pytest

from hil.errors import InputError
from hil.importing.measured import FIELDS, MeasuredFile, cell_data


def two_trains():
    volts = np.array([1.2, 1.2, -1.4, 1.2, -1.4, -1.4])
    return cell_data(
        "train", {"pulse": np.arange(1.0, 7), "voltage": volts, "width": 1e-4, "conductance": np.arange(1.0, 7) * 1e-6},
        6, cell="D01", stretch=[0, 0, 0, 1, 1, 1], cycle=[0, 0, 0, 1, 1, 1], source="a.csv",
    )  # fmt: skip


def test_a_column_that_is_left_out_is_nan_but_for_those_that_nobody_needs_to_say():
    data = two_trains()
    assert set(data.columns) == set(FIELDS["train"]) and len(data) == 6
    assert np.isnan(data["spread"]).all() and not data["rest"].any() and not data["tripped"].any()


def test_stretches_and_cycles_come_one_by_one():
    first, second = two_trains().stretches()
    assert first["voltage"].tolist() == [1.2, 1.2, -1.4] and second["voltage"].tolist() == [1.2, -1.4, -1.4]
    assert [c["pulse"].tolist() for c in two_trains().cycles()] == [[1, 2, 3], [4, 5, 6]]
    assert second.lines.tolist() == [4, 5, 6]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"voltage": np.array([1.0, np.nan])}, "a.csv, line 8: voltage is not known"),
        ({"stretch": [1, 0]}, "stretches must follow each other"),
    ],
)
def test_what_drove_the_cell_is_known(change, sentence):
    columns = {"time": np.array([0.0, 1.0]), "voltage": np.zeros(2), "current": np.zeros(2)}
    columns |= {k: v for k, v in change.items() if k in columns}
    with pytest.raises(InputError, match=re.escape(sentence)):
        cell_data("sweep", columns, 2, lines=[7, 8], stretch=change.get("stretch", 0), source="a.csv")


def test_a_cell_is_found_by_its_name():
    file = MeasuredFile("a.csv", (two_trains(),))
    assert file.kind == "train" and file.cell("D01") is file.cells[0]
    with pytest.raises(InputError, match=r"a\.csv: no cell 'D02'"):
        file.cell("D02")
