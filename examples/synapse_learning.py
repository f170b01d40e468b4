"""Every synapse learns lines without labels, beside its controls: python examples/synapse_learning.py [NAME ...]

Four rows and columns of a 4 x 4 image are eight classes, 8 % of their pixels turned over. Neurons of `hil train wta`
get them as spikes; each then stands for the class that it answers most. Controls: the same neurons before training, and
trained ones with permuted labels. A weight moves by pulses of `sim:rram`, or behind a transistor by gate steps of
`sim:vteam`.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from hil.data.datasets import Dataset
from hil.reproduction.papers import Scope
from hil.training.wta import WtaTraining

SIDE, TRAINING, TEST, TURNED = 4, 120, 60, 0.08
STEPS = "sim:rram?alpha=0.05&w0=0.7&threads=1"
SYNAPSES = {
    "single": f"{STEPS}&synapse=single",
    "differential": f"{STEPS}&synapse=differential",
    "several": f"{STEPS}&synapse=several&synapse.count=3",
    "by turns": f"{STEPS}&synapse=several&synapse.count=3&synapse.update=turn",
    "ratio": f"{STEPS}&synapse=ratio",
    "bridge": f"{STEPS}&synapse=bridge",
    "transistor": "sim:vteam?r_off=1e5&alpha_on=1&set=positive&threads=1&synapse=transistor&synapse.steps=20",
}


def lines(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 16) of a row or a column each, with noise, and which of the eight it is."""
    labels = rng.integers(0, 2 * SIDE, count)
    images = np.zeros((count, SIDE, SIDE), bool)
    for image, label in zip(images, labels, strict=True):
        if label < SIDE:
            image[label] = True
        else:
            image[:, label - SIDE] = True
    return (images.reshape(count, -1) ^ (rng.random((count, SIDE**2)) < TURNED)).astype(np.uint8), labels


def dataset() -> Dataset:
    """The lines, always the same."""
    rng = np.random.default_rng(5)
    names = tuple(f"{kind} {k}" for kind in ("row", "column") for k in range(SIDE))
    return Dataset("lines4x4", (SIDE, SIDE), 1, names, *lines(TRAINING, rng), *lines(TEST, rng))


def learned(name: str, seeds: int = 2, neurons: int = 12) -> tuple[list[float], list[float], list[float]]:
    """Test accuracies, %, of every seed: trained, untrained, and trained with permuted labels."""
    config = {
        "data": {"dataset": "digits"},
        "device": {"uri": SYNAPSES[name]},
        "train": {"neurons": neurons, "seeds": seeds, "epochs": 1.0, "curve": 0, "labelling": TRAINING},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        run = Scope(path, path).train(WtaTraining, config, name.replace(" ", "-"), dataset(), draw=False)
        outcomes = [(run.measured(seed, True), run.measured(seed, False)) for seed in range(seeds)]
    trained, before = zip(*outcomes, strict=True)
    return [o["accuracy"] for o in trained], [o["accuracy"] for o in before], [o["shuffled"] for o in trained]


def main() -> None:
    """Print a row a synapse."""
    for name in sys.argv[1:] or SYNAPSES:
        after, before, shuffled = learned(name)
        told = ", ".join(
            f"{what} {np.mean(values):.1f} ± {np.std(values, ddof=1):.1f} %"
            for what, values in (("trained", after), ("untrained", before), ("shuffled labels", shuffled))
        )
        print(f"{name}: {told} ({len(after)} seeds)", flush=True)


if __name__ == "__main__":
    main()
