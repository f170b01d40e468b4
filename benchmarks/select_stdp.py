"""Choose the settings of the STDP perceptron on held-out MNIST training images; the test set is never read.

    python benchmarks/select_stdp.py DIR [--json FILE]

DIR holds the MNIST files. Every setting is trained on a part of the training images and scored on held-out ones.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

from hil.config import validated
from hil.data.datasets import Dataset, load
from hil.runs.results import Row, report
from hil.runs.run import Run
from hil.training.readout import READOUTS
from hil.training.stdp import StdpConfig, StdpTraining

PULSE = 1e-4
"""Flux of a full-scale pulse, V s."""


def pair(order: int, bend: float, depth: float, eta: float) -> str:
    """`sim:flca-pair` with M_v = R0 (1 + bend (phi / PULSE)^order), M_n(saturation) = R0 (1 + depth), eta = Dn T."""
    rate = eta / 1e-3
    saturation = 0.1 / rate
    rv = ["5e3"] + ["0"] * (order - 1) + [f"{5e3 * bend / PULSE**order:g}"]
    return (
        f"sim:flca-pair?Dv=70&Dn={rate:g}&Rv={','.join(rv)}&Rn=5e3,{5e3 * depth / saturation:g}&phi0={saturation / 2:g}"
    )


def step(k: float, depth: float, eta: float) -> str:
    """`sim:flca-step` with sensitisation k, R(saturation) = R0 (1 + depth), eta = D T."""
    rate = eta / 1e-3
    return f"sim:flca-step?k={k:g}&D={rate:g}&R=5e3,{5e3 * depth * rate / 0.1:g}&phi0={0.05 / rate:g}"


def candidates() -> list[str]:
    """Every setting that is tried."""
    depths, etas = (3, 9), (1e-5, 3e-5, 1e-4, 3e-4)
    volatile = ((1, 10), (1, 30), (3, 100), (3, 1000))
    pairs = [pair(*v, d, e) for v, d, e in itertools.product(volatile, depths, etas)]
    return pairs + [step(k, d, e) for k, d, e in itertools.product((0.2, 1, 3, 10, 30), depths, etas)]


def held_out(uri: str, dataset: Dataset, epochs: float, folder: Path) -> dict[str, float]:
    """Held-out accuracy in % by readout after training on one seed."""
    settings = {
        "data": {"dataset": dataset.name, "holdout": 1 / 6, "evaluate": "holdout"},
        "device": {"uri": uri},
        "train": {"seeds": 1, "epochs": epochs, "controls": False, "curve": 0},
    }
    config = validated(StdpConfig, settings, "selection")
    with Run.create(folder, StdpTraining.kind, settings) as run:
        training = StdpTraining(config, dataset, run)
        training.play()
    return {name: training.accuracies("trained", "holdout", name)[0] for name in READOUTS}


def main() -> None:
    """Try all candidates and list them, best first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, nargs="?", help="folder with the MNIST files")
    parser.add_argument("--epochs", type=float, default=0.3, help="passes through the 50,000 images trained on")
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--quick", action="store_true", help="one candidate on the bundled slice: shows that it runs")
    arguments = parser.parse_args()
    if arguments.directory is None and not arguments.quick:
        parser.error("name the folder with the MNIST files")
    dataset = load("mnist-slice") if arguments.quick else load("mnist", arguments.directory)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for k, uri in enumerate(candidates()[: 1 if arguments.quick else None]):
            scores = held_out(uri, dataset, arguments.epochs, Path(folder) / str(k))
            best = max(scores, key=scores.__getitem__)
            listing = ", ".join(f"{name} {score:.2f}" for name, score in scores.items())
            rows.append(Row(uri, scores[best], "%", n=1, note=listing))
            print(f"{uri}: {listing}", flush=True)
    rows.sort(key=lambda row: -row.value)
    report(rows, "accuracy on held-out training images, a sixth of all, best readout", arguments.json)


if __name__ == "__main__":
    main()
