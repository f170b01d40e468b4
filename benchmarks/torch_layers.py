"""What forward and backward through a crossbar cost in torch, beside torch's own layer of the same size.

    python benchmarks/torch_layers.py [--quick] [--json FILE]

Wall-clock time, least of several turns in which both are measured one after the other, one thread of torch. Nothing is
pulsed between turns, as in an evaluation; `with a pulse` gives every cell one first, as in training.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

import numpy as np

from hil.runs.results import Row, report

SIZES = ((784, 100, 1), (784, 100, 50), (784, 500, 1), (784, 500, 50))
SMALL = ((20, 5, 1),)
DEVICES = ("sim:rram?synapse=differential", "sim:rram?read_noise=0.5%&synapse=differential")
TURNS = 15


def least(actions: Mapping[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Least time of each action, s."""
    seconds = dict.fromkeys(actions, np.inf)
    for _ in range(turns):
        for name, action in actions.items():
            begun = time.perf_counter()
            action()
            seconds[name] = min(seconds[name], time.perf_counter() - begun)
    return seconds


def measured(uri: str, inputs: int, outputs: int, batch: int, turns: int) -> list[Row]:
    """Rows of one size on one device."""
    import torch
    from torch import nn

    from hil.torch import CrossbarLinear

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.rand(batch, inputs)
    ours, theirs = CrossbarLinear(inputs, outputs, uri), nn.Linear(inputs, outputs)
    once = np.ones((inputs, outputs), np.int64)
    sign = [1]

    def both(layer: nn.Module) -> Callable[[], object]:
        def action() -> None:
            layer.zero_grad()
            layer(x).square().sum().backward()

        return action

    def pulsed() -> None:
        ours.array.program(once * sign[0])
        sign[0] = -sign[0]
        ours.read()
        both(ours)()

    actions = {"crossbar": both(ours), "torch": both(theirs), "crossbar with a pulse": pulsed}
    for action in actions.values():
        action()
    seconds = least(actions, turns)
    size = f"{inputs} x {outputs}, batch {batch}"
    note = f"{uri}; control: torch.nn.Linear"
    return [
        Row("forward and backward", 1e3 * seconds["crossbar"], "ms", control=1e3 * seconds["torch"], note=note).under(
            f"{size}: ", device=uri, inputs=inputs, outputs=outputs, batch=batch
        ),
        Row("with a pulse of every cell", 1e3 * seconds["crossbar with a pulse"], "ms", note=note).under(
            f"{size}: ", device=uri, inputs=inputs, outputs=outputs, batch=batch
        ),
    ]


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small layer")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args()
    sizes, turns, devices = (SMALL, 2, DEVICES[:1]) if given.quick else (SIZES, TURNS, DEVICES)
    rows = [row for uri in devices for size in sizes for row in measured(uri, *size, turns)]
    report(rows, "layers of torch", given.json)


if __name__ == "__main__":
    main()
