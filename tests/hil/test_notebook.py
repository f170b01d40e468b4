"""What notebooks show is well-formed, escaped and small, whatever is shown."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hil.device import Response
from hil.runs.results import Row, Rows, warning
from hil.waveform import FLOATING, Waveform

MNIST = Waveform.samples(
    np.linspace(0, 0.1, 600 * 784).reshape(600, 784), np.zeros((600, 10)), dwell=1e-3, measure=True
)
WAVEFORMS = {
    "one pulse": Waveform.pulse(1.0, width=1e-3),
    "a train of 1e5 pulses": Waveform.train(1.0, width=1e-6, period=1e-3, count=50_000, measure=True),
    "784 x 10 lines": MNIST,
    "six lines of many voltages": Waveform.samples(np.random.default_rng(1).random((5000, 6)), dwell=1e-3),
    "all floating": Waveform.pulse([FLOATING] * 3, FLOATING, width=1.0),
    "floating at times": Waveform.pulse(1.0, width=1.0) + Waveform.pulse(FLOATING, width=1.0),
    "no segments": MNIST[:0],
}


def parsed(html: str) -> ElementTree.Element:
    assert len(html) < 60_000, f"{len(html)} characters for one cell of a notebook"
    return ElementTree.fromstring(html)


def cells(root: ElementTree.Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in line] for line in root.iter("tr")]


def paths(root: ElementTree.Element, colour: str) -> list[str]:
    return [path.get("d") for path in root.iter("{http://www.w3.org/2000/svg}path") if path.get("stroke") == colour]


def answered(count: int, columns: int, amperes: float = 1e-6) -> Response:
    table = np.full((count, columns), amperes)
    return Response(
        np.arange(count), np.arange(count) * 1e-3, table, table * 1e-3, np.full(count, 1e-9), np.zeros(count, bool)
    )


@pytest.mark.parametrize("name", WAVEFORMS)
def test_waveforms_are_sketched_in_little_well_formed_html(name):
    waveform = WAVEFORMS[name]
    root = parsed(waveform._repr_html_())
    assert len(cells(root)) == 1 + min(len(waveform), 8)
    assert repr(waveform) in "".join(root.find("table/caption").itertext())


def test_segments_are_told_in_numbers():
    waveform = Waveform.pulse([0.5, FLOATING], 0.25, width=1e-3, measure=True) + Waveform.rest(1.0, 2, 1)
    assert cells(parsed(waveform._repr_html_())) == [
        ["segment", "start, s", "duration, s", "rows, V", "columns, V", "measured"],
        ["0", "0", "0.001", "0.5, floating", "0.25", "yes"],
        ["1", "0.001", "1", "0, 0", "0", ""],
    ]


def test_many_lines_are_summarised():
    root = parsed(WAVEFORMS["784 x 10 lines"]._repr_html_())
    assert cells(root)[1][3:5] == ["784 lines: 0 .. 0.0001665", "10 lines: 0"]
    assert root.findtext("p") == "and 592 more segments"


def test_the_sketch_of_a_pulse_has_its_height_and_width():
    """1 V for 1 s of 4 s, on a canvas of 480 x 96 pixels with a margin of 4: up 88 pixels, a quarter of the width."""
    waveform = Waveform.rest(1.0) + Waveform.pulse(1.0, width=1.0) + Waveform.rest(2.0)
    (path,) = paths(parsed(waveform._repr_html_()), "#1f77b4")
    assert path == "M0 92H120V4H240V92H480"


def test_floating_stretches_are_left_blank():
    waveform = Waveform.pulse(1.0, width=1.0) + Waveform.pulse(FLOATING, width=2.0) + Waveform.pulse(1.0, width=1.0)
    (path,) = paths(parsed(waveform._repr_html_()), "#1f77b4")
    assert path == "M0 4H120M360 4H480"


def test_a_long_sketch_keeps_its_extremes():
    """One segment of 5,000 at 3 V is seen in the range of its interval."""
    voltages = np.zeros(5000)
    voltages[2500] = 3.0
    (path,) = paths(parsed(Waveform.samples(voltages, dwell=1e-3)._repr_html_()), "#1f77b4")
    assert "V4H" in path and path.endswith("Z")


def test_responses_say_what_was_answered():
    response = answered(3, 2)
    assert repr(response) == "Response(3 measured segments, 2 columns, 1e-06..1e-06 A, 3e-09 J)"
    assert cells(parsed(response._repr_html_()))[1] == ["0", "0", "1e-06, 1e-06", "1e-09, 1e-09", "1e-09", ""]


@pytest.mark.parametrize("response", [answered(0, 2), answered(1, 1, np.nan), answered(2000, 784)])
def test_any_response_is_shown_in_little_html(response):
    assert repr(response).startswith("Response(")
    parsed(response._repr_html_())


def test_texts_are_escaped():
    evil = "<script>alert('&')</script>\x00"
    html = Rows([Row(evil, 1.0, evil, note=evil), warning(evil)], evil)._repr_html_()
    assert "<script" not in html
    assert "<script>alert('&')</script>" in "".join(parsed(html).itertext())


def test_tables_of_any_size_are_small():
    rows = Rows([Row(f"row {k}", float(k), "S") for k in range(10_000)])
    root = parsed(rows._repr_html_())
    assert len(cells(root)) == 101
    assert root.findtext("p") == "and 9,900 more rows"
    parsed(Rows([Row("n" * 10_000_000, 1.0)])._repr_html_())
    parsed(Rows()._repr_html_())


def test_rows_are_found_by_name_and_printed_as_a_table():
    rows = Rows([Row("accuracy", 81.5, "%", std=0.25, n=3), warning("no cell moved")], "runs/stdp")
    assert rows["accuracy"].value == 81.5 and rows[0] is rows["accuracy"] and rows[:1] == [rows[0]]
    assert "81.5 ± 0.25" in str(rows) and "warning: no cell moved" in str(rows)
    with pytest.raises(KeyError, match="did you mean 'accuracy'"):
        rows["acuracy"]
