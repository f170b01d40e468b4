"""What training in the array costs beside the same network in plain torch: 64-54-10, minibatches of 50.

    python benchmarks/insitu_training.py [--quick] [--json FILE]

Three loops over the same images: torch.nn.Linear with torch.optim.SGD; CrossbarLinear with PulseSGD, in the same lines
of torch; and the loop of `hil train backprop`. Wall-clock time a minibatch, least of several turns taken one after the
other, one thread; forward, backward and update, in the array by pulses.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from hil.insitu.layers import ArrayLayer
from hil.insitu.network import ArrayNetwork, starting_weights
from hil.insitu.updates import GradientPulses, TrainingStep
from hil.runs.results import Row, report

SIZES, BATCH = (64, 54, 10), 50
URI = "sim:rram?alpha=0.01&c2c=0.3&d2d=0.1&threads=1&synapse=differential"
LARGER = (784, 100, 10)


def torch_loop(sizes: tuple[int, ...], x: np.ndarray, y: np.ndarray, arrays: bool) -> Callable[[], None]:
    """Show all batches once: layers of torch, or layers in arrays whose steps are pulses."""
    import torch
    from torch import nn

    from hil.torch import CrossbarLinear, PulseSGD

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        plain = nn.Linear(a, b, bias=False)
        layers += [CrossbarLinear.from_linear(plain, URI) if arrays else plain, nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimiser = PulseSGD(model, lr=0.3, most=3) if arrays else torch.optim.SGD(model.parameters(), lr=0.3)
    images, labels, loss = torch.tensor(x, dtype=torch.float32), torch.tensor(y), nn.CrossEntropyLoss()

    def play() -> None:
        for at in range(0, len(images), BATCH):
            optimiser.zero_grad()
            loss(model(images[at : at + BATCH]), labels[at : at + BATCH]).backward()
            optimiser.step()

    return play


def driver_loop(sizes: tuple[int, ...], x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """Show all batches once, as `hil train backprop` does."""
    from hil.backends import open_device

    layers = [
        ArrayLayer(open_device(URI, defaults={"rows": a, "cols": b, "seed": k}), a, b)
        for k, (a, b) in enumerate(pairwise(sizes))
    ]
    for layer, w in zip(layers, starting_weights(sizes, False, 0, 1.0), strict=True):
        layer.calibrate()
        layer.start(w)
    network, rule, one_hot = ArrayNetwork(layers), GradientPulses(0.3), np.eye(sizes[-1])[y]

    def play() -> None:
        for at in range(0, len(x), BATCH):
            rule.learn(network, x[at : at + BATCH], one_hot[at : at + BATCH], TrainingStep(at, 0.0, 0))

    return play


def measured(sizes: tuple[int, ...], batches: int, turns: int) -> list[Row]:
    """Rows of one network."""
    luck = np.random.default_rng(0)
    x, y = luck.random((batches * BATCH, sizes[0])), luck.integers(0, sizes[-1], batches * BATCH)
    plays = {
        "plain torch": torch_loop(sizes, x, y, False),
        "CrossbarLinear and PulseSGD": torch_loop(sizes, x, y, True),
        "hil train backprop": driver_loop(sizes, x, y),
    }
    seconds = dict.fromkeys(plays, np.inf)
    for turn in range(turns + 1):  # the first compiles
        for name, play in plays.items():
            begun = time.perf_counter()
            play()
            if turn:
                seconds[name] = min(seconds[name], (time.perf_counter() - begun) / batches)
    shape, plain = "-".join(map(str, sizes)), seconds["plain torch"]
    return [
        Row(
            "minibatch", 1e3 * each, "ms", control=1e3 * plain, note=f"{each / plain:.2g} times plain torch"
        ).under(f"{shape}, {name}: ", network=shape, loop=name)
        for name, each in seconds.items()
    ]  # fmt: skip


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few batches of the small network")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args()
    networks, batches, turns = ((SIZES,), 2, 1) if given.quick else ((SIZES, LARGER), 40, 9)
    report([row for sizes in networks for row in measured(sizes, batches, turns)], "training in place", given.json)


if __name__ == "__main__":
    main()
