"""Example scripts say what the documentation quotes."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_trace_of_a_presentation_is_the_documented_one(capsys):
    runpy.run_path(str(ROOT / "examples" / "spiking_trace.py"), run_name="__main__")
    printed = capsys.readouterr().out
    quoted = (ROOT / "docs" / "training.md").read_text().split("```\nweights at first")[1].split("```")[0]
    assert printed.startswith("weights at first" + quoted)
    assert printed.count("read ") == 5
    assert "neuron 1 fired at 1 us\nneuron 1 fired at 20 us" in printed
