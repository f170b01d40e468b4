"""A 784-100-10 network trained in torch, then put into devices: accuracy lost step by step, beside shuffled weights.

    python benchmarks/trained_network.py --data-dir DIR [--seeds 3] [--epochs 3] [--only NAME] [--json FILE]
    python benchmarks/trained_network.py --small          # 64-20-10 on the bundled digits, written on the slow devices
    python benchmarks/trained_network.py --quick          # the same, one seed, one device

Every seed trains a network of its own and draws devices of its own; control: the same weights at other places.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from hil.data.datasets import Dataset, load
from hil.evaluation import play
from hil.runs.results import Row, repeated, report
from hil.writing import play as writing

CELLS = "d2d=10%&c2c=30%&read_noise=0.5%"
DEVICES = {
    "pairs": (f"sim:rram?{CELLS}", {}),
    "wires": ("sim:rram?r_wire=1&read_noise=0.5%", {"exact": True}),
    "both ends": ("sim:rram?r_wire=1&row_ends=2&col_ends=2&read_noise=0.5%", {"exact": True}),
    "drift": ("sim:rram?drift=0.02&drift_spread=0.3&read_noise=0.5%", {"exact": True, "after": "1h,1d,30d"}),
    "emulator": ("fpga:golden", {}),
}
"""Address and settings: ideal lines as behind transistors (1T1R), passive arrays with wires of 1 ohm a cell, drift,
the emulator."""

SMALL = {"pairs": DEVICES["pairs"], "wires": (f"sim:rram?r_wire=1&{CELLS}", {}), "emulator": ("fpga:golden", {})}
"""Devices on which a small network is written as well."""

PIECE, BENCH, SIDE = "piece", "visa:virtual?dut=sim:rram;d2d=0.1;c2c=0.3", 4
"""What is written on a virtual bench, its address, and rows and columns of weights."""


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
    uri, more = data.devices[name]
    sections = {
        "evaluate": {"source": str(model), "seeds": 1, "seed": seed, "images": data.images, **more},
        "device": {"uri": uri},
        "data": {"dataset": data.dataset, "dir": data.data_dir},
    }
    return play.start(sections, run).rows


def piece_written(model: Path, data: argparse.Namespace, seed: int, run: Path) -> list[Row]:
    """Write the SIDE x SIDE heaviest weights of the last layer on a bench; what the network does with them as they are.

    Control: these weights at other places of the piece.
    """
    import torch

    network, rng = torch.load(model, weights_only=False), np.random.default_rng(seed)
    weights = network[-1].weight.detach().numpy().T.astype(np.float64)
    heavy = np.abs(weights)
    place = np.ix_(np.argsort(heavy.sum(axis=1))[-SIDE:], np.argsort(heavy.sum(axis=0))[-SIDE:])
    block, largest = weights[place], heavy.max()
    run.parent.mkdir(parents=True, exist_ok=True)
    np.save(run.with_suffix(".npy"), block / largest)
    plan = {"source": str(run.with_suffix(".npy")), "device": BENCH, "synapse": "differential"}
    told = {row.name: row for row in writing.start(plan, run).rows}
    with np.load(run / "written.npz") as cells:
        target, found = (cells[key][:, ::2] - cells[key][:, 1::2] for key in ("target", "conductance"))
    reached = found / np.abs(target).max() * np.abs(block).max()
    images = data.loaded.test_images[: data.images]
    labels = data.loaded.test_labels[: len(images)]
    x = torch.tensor(images, dtype=torch.float32) / data.loaded.full_scale

    def accuracy(piece: np.ndarray) -> float:
        changed = weights.copy()
        changed[place] = piece
        with torch.no_grad():
            hidden = network[:-1](x)
            answers = hidden @ torch.tensor(changed, dtype=torch.float32) + network[-1].bias
        return float((answers.argmax(dim=1).numpy() == labels).mean() * 100)

    exact, written = accuracy(block), accuracy(reached)
    control = accuracy(rng.permutation(block.ravel()).reshape(block.shape))
    note = f"{SIDE} x {SIDE} weights, two cells each; {len(labels):,} images; control: these weights at other places"
    kept = ("cells within tolerance", "error", "pulses a cell", "device time", "error of the weights", "verifications")
    return [
        Row("accuracy floating point", exact, "%"),
        Row("accuracy programmed", written, "%", control=control, note=note),
        Row("lost from floating point to programmed", exact - written, "%", note="points of accuracy"),
        *(told[name] for name in kept),
    ]


def together(name: str, uri: str, seeds: list[list[Row]]) -> list[Row]:
    """Mean and spread over seeds of all rows of a device, with its mean control."""
    found = []
    for same in zip(*seeds, strict=True):
        if not isinstance(same[0].value, int | float):
            continue
        control = [row.control for row in same if isinstance(row.control, int | float)]
        mean = float(np.mean(control)) if control else None
        first = same[0]
        row = repeated(
            first.name, [float(row.value) for row in same], first.unit, control=mean, note=first.note,
            label=first.text.strip(), conditions=first.conditions,
        )  # fmt: skip
        found.append(row.under(f"{name}: ", device=uri))
    return found


def main() -> None:
    """Parse, train, evaluate, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", metavar="DIR")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int)
    parser.add_argument("--only", choices=[*DEVICES, PIECE])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the trained networks there")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args()
    given.small |= given.quick
    given.dataset, hidden = ("digits", 20) if given.small else ("mnist", 100)
    given.devices = SMALL if given.small else DEVICES
    if given.quick:
        given.seeds, given.images, given.only = 1, 50, "pairs"
    given.loaded = data = load(given.dataset, given.data_dir)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        place = given.keep or Path(folder)
        epochs = 10 * given.epochs if given.small else given.epochs
        models = [trained(data, hidden, s, epochs, place / f"net{s}.pt") for s in range(given.seeds)]
        for name in [given.only] if given.only else [*given.devices, PIECE]:
            make = piece_written if name == PIECE else partial(evaluated, name=name)
            uri = BENCH if name == PIECE else given.devices[name][0]
            seeds = [make(m, data=given, seed=s, run=Path(folder) / name / f"{s}") for s, m in enumerate(models)]
            rows += together(name, uri, seeds)
    report(rows, f"{data.inputs}-{hidden}-{data.classes} on '{data.name}', {given.seeds} seeds", given.json)


if __name__ == "__main__":
    main()
