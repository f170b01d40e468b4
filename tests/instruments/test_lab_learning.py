"""What docs/lab.md shows: a training that learns through the virtual bench."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hil.backends import open_device
from hil.cli.main import main
from hil.data.datasets import load
from hil.pill.pairs import PairedInputs
from hil.pill.protocol import PillProtocol
from hil.runs.document import load_json
from hil.runs.results import warnings_in
from hil.spiking.encoding import intensities
from hil.training.pill_lines import line_labels

BARE, VIRTUAL = "sim:flca?preset=pill", "visa:virtual?dut=sim:flca;preset=pill"
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


LIT = 511
"""Image of which all pixels are lit: with its response its only pulse is the last one of any other line, 0.2 V."""


def shown(uri, images):
    """Pairs on a device at the default interval; images, and which of them have a line."""
    data = load("lines3x3")
    device = open_device(uri, defaults={"rows": 36, "cols": 1})
    shown = data.train_images[images]
    pixels, lines = intensities(shown, data.full_scale), line_labels(shown, 3)[:, None]
    return PairedInputs(device, 9, PillProtocol(timing="serial")), pixels, lines


def test_every_image_can_be_shown_one_voltage_after_another_at_the_default_interval():
    """Where equal pulses of two images met, a run was refused in its middle; all of it is legal before it begins."""
    order = np.array([[image, LIT] for image in np.random.default_rng(0).permutation(512)]).ravel()
    core, pixels, lines = shown(f"{VIRTUAL}&watchdog=false", order)
    with core.device as device:
        device._compile(core.protocol.waveform(pixels, lines))


def test_equal_pulses_of_two_images_are_two_pulses_to_the_cells():
    line, seen = 0b100100100, []
    for uri in (BARE, f"{VIRTUAL}&watchdog=false"):
        core, pixels, lines = shown(uri, np.array([line, LIT, line, LIT]))
        assert lines.all()
        with core.device as device:
            truth = device if uri == BARE else device.bench.dut.truth
            before = truth.conductance.copy()
            core.present(pixels, lines)
            seen.append(truth.conductance)
            assert np.ptp(seen[-1] / before) > 1e-3
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-9)
