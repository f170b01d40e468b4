"""A 784-100-10 network trained in torch, then put into devices: accuracy lost step by step, beside shuffled weights.

    python benchmarks/trained_network.py --data-dir DIR [--seeds 3] [--epochs 3] [--only NAME] [--json FILE]
    python benchmarks/trained_network.py --quick          # 64-20-10 on the bundled digits, one seed, one device

Every seed trains a network of its own and draws devices of its own; control: the same weights at other places.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from hil.data.datasets import Dataset, load
from hil.evaluation import play
from hil.runs.results import Row, repeated, report

CELLS = "d2d=10%&c2c=30%&read_noise=0.5%"
DEVICES = {
    "pairs": (f"sim:rram?{CELLS}", {}),
    "wires": ("sim:rram?r_wire=1&read_noise=0.5%", {"exact": True}),
    "drift": ("sim:rram?drift=0.02&drift_spread=0.3&read_noise=0.5%", {"exact": True, "after": "1h,1d,30d"}),
    "emulator": ("fpga:golden", {"exact": True}),
}
"""Address and settings: ideal lines as behind transistors, wires of 1 ohm a cell, drift, the emulator."""


def trained(data: Dataset, hidden: int, seed: int, epochs: int, path: Path) -> Path:
    """Train a network of one hidden layer with Adam, and save it."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    x = torch.tensor(data.train_images, dtype=torch.float32) / data.full_scale
    y = torch.tensor(data.train_labels)
    model = nn.Sequential(nn.Linear(data.inputs, hidden), nn.ReLU(), nn.Linear(hidden, data.classes))
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(100):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            optimiser.step()
    torch.save(model, path)
    return path


def evaluated(model: Path, name: str, data: argparse.Namespace, seed: int, run: Path) -> list[Row]:
    """Rows of `hil evaluate` for one network on one device."""
    uri, more = DEVICES[name]
    sections = {
        "evaluate": {"source": str(model), "seeds": 1, "seed": seed, "images": data.images, **more},
        "device": {"uri": uri},
        "data": {"dataset": data.dataset, "dir": data.data_dir},
    }
    return play.start(sections, run).rows


def together(name: str, seeds: list[list[Row]]) -> list[Row]:
    """Mean and spread over seeds of all rows of a device, with its mean control."""
    found = []
    for same in zip(*seeds, strict=True):
        if not isinstance(same[0].value, int | float):
            continue
        control = [row.control for row in same if isinstance(row.control, int | float)]
        mean = float(np.mean(control)) if control else None
        row = repeated(same[0].name, [float(row.value) for row in same], same[0].unit, control=mean, note=same[0].note)
        found.append(row.under(f"{name}: ", device=DEVICES[name][0]))
    return found


def main() -> None:
    """Parse, train, evaluate, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", metavar="DIR")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int)
    parser.add_argument("--only", choices=DEVICES)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the trained networks there")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args()
    given.dataset, hidden = ("digits", 20) if given.quick else ("mnist", 100)
    if given.quick:
        given.seeds, given.images, given.only = 1, 50, "pairs"
    data = load(given.dataset, given.data_dir)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        place = given.keep or Path(folder)
        models = [trained(data, hidden, s, given.epochs, place / f"net{s}.pt") for s in range(given.seeds)]
        for name in [given.only] if given.only else DEVICES:
            seeds = [evaluated(m, name, given, s, Path(folder) / f"{name}{s}") for s, m in enumerate(models)]
            rows += together(name, seeds)
    report(rows, f"{data.inputs}-{hidden}-{data.classes} on '{data.name}', {given.seeds} seeds", given.json)


if __name__ == "__main__":
    main()
