"""Every benchmark runs, with the smallest sizes, and reports finite numbers; every example configuration trains."""

import importlib.util
import json
import math
import sys
from pathlib import Path

import pytest

from hil.config import load_toml

ROOT = Path(__file__).parents[2]
SMALLEST = {
    "alpha_network": ["--quick", "--without-brian2"],
    "pill_throughput": ["--quick"],
    "stdp_throughput": ["--quick"],
    "wta_throughput": ["--quick", "--without-brian2"],
    "lab_trains": ["--quick"],
    "wires": ["--quick"],
    "scaling": ["--quick"],
    "torch_layers": ["--quick"],
    "insitu_training": ["--quick"],
    "trained_network": ["--quick"],
    "energy_estimates": ["--quick"],
    "array_throughput": ["--quick"],
    "law_steps": ["--quick"],
    "emulator_training": ["--carrier", "golden", "--rows", "64", "--cols", "4", "--lanes", "4", "--images", "2"],
    "emulator_simulators": ["--rows", "4", "--cols", "2", "--lanes", "1", "--ticks", "1", "--repeats", "2"],
    "select_stdp": ["--quick", "--epochs", "0.02"],
}
"""Arguments of every benchmark."""

SLOW = ("emulator_simulators", "select_stdp")
"""Those that compile the gateware, or train at full size."""

NEEDS = {"torch_layers": "torch", "insitu_training": "torch", "trained_network": "torch"}
"""Extras without which one has nothing to measure."""


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_benchmark_is_forgotten():
    assert {path.stem for path in (ROOT / "benchmarks").glob("*.py")} == SMALLEST.keys()
    for name in SMALLEST:
        load(name)  # every name that it imports is there


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in SMALLEST],
)
def test_a_benchmark_runs_with_the_smallest_sizes(name, tmp_path, monkeypatch, capsys):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    file = tmp_path / "rows.json"
    monkeypatch.setattr(sys, "argv", [name, *SMALLEST[name], "--json", str(file)])
    load(name).main()
    rows = json.loads(file.read_text())["rows"]
    assert rows
    assert all(math.isfinite(row["value"]) for row in rows if isinstance(row["value"], int | float))
    assert rows[0]["label"][:20] in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_an_example_configuration_is_accepted(path):
    from hil.config import validated
    from hil.sweeps.file import find_driver

    content = load_toml(path)
    if "axis" in content:
        find_driver(content["kind"])
        return
    kind = next((kind for kind in ("pill", "wta") if path.stem.startswith(kind)), "stdp")
    validated(find_driver(f"train {kind}").config_model, content, path.name)
