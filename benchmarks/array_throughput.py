"""What noise costs a spiking network, and what one product or one pulse for every cell costs an array, beside numpy.

    python benchmarks/array_throughput.py [--quick] [--json FILE]

Processor time, all threads of numpy's included, least of several turns in which all that is compared is measured one
after the other.
Networks learn the same spike trains of `digits` and `mnist-slice`, noisy and clean; the host's way of doing it is
measured on a few digits. numpy computes what it can of the same thing: the product alone, the steps of all cells alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

import numpy as np

from hil.backends import open_device
from hil.data.datasets import load
from hil.runs.results import Row, report
from hil.spiking.encoding import SpikeCode
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeBatch
from hil.training.wta_settings import THRESHOLD_SHARE
from sim.crossbar.pulse_step import PulseStepArray

NOISES = {
    "c2c": {"c2c": 0.1},
    "read noise": {"read_noise": 0.02},
    "stuck cells": {"stuck_on": 0.01, "stuck_off": 0.01},
    "spread of memristance": {"d2d_r": 0.1},
    "all of these": {"c2c": 0.1, "read_noise": 0.02, "stuck_on": 0.01, "stuck_off": 0.01, "d2d_r": 0.1},
}
NETWORKS = (("digits", 30, 1000), ("mnist-slice", 100, 300), ("mnist-slice", 500, 300))
PRODUCTS = ((784, 20, 1), (784, 20, 64), (784, 500, 1), (784, 500, 64))
PROGRAMMED = (784, 200)
STEPS = {
    "L-HB": {},
    "L-HB, c2c": {"c2c": 0.3},
    "NL-HB, gamma 3": {"model": "nlhb", "alpha": 0.03, "gamma": 3.0},
    "NL-HB, gamma 1.02": {"model": "nlhb", "alpha": 0.004, "gamma": 1.02},
}
TURNS, CODE = 7, SpikeCode()


def least(actions: Mapping[str, Callable[[], object]], repeats: int = 1) -> dict[str, float]:
    """Least processor time of each action, s, of `TURNS` turns."""
    seconds = dict.fromkeys(actions, np.inf)
    for _ in range(TURNS):
        for name, action in actions.items():
            begun = time.process_time()
            for _ in range(repeats):
                action()
            seconds[name] = min(seconds[name], (time.process_time() - begun) / repeats)
    return seconds


def network(dataset: str, neurons: int, digits: int, host: int) -> list[Row]:
    """A clean network beside noisy ones, with encoding, as in training."""
    data = load(dataset)
    numbers = np.arange(min(digits, len(data.train_images)))
    images = data.train_images[numbers].reshape(len(numbers), -1)
    lif = Lif(threshold=THRESHOLD_SHARE * float(data.train_images.sum()) / data.full_scale / len(data.train_images))

    def opened(noise: Mapping[str, float]) -> PulseStepArray:
        device = open_device("sim:rram?alpha=0.01&w0=0.8", rows=data.inputs, cols=neurons, threads=1, **noise)
        assert isinstance(device, PulseStepArray)
        return device

    def encoded() -> SpikeBatch:
        return CODE.encode(images, data.full_scale, 0, numbers)

    cores = {name: opened(noise).spiking(lif, Stdp()) for name, noise in ({"clean": {}} | NOISES).items()}
    for core in cores.values():
        core.present_batch(encoded(), CODE.duration, True)
    times = least(
        {name: lambda core=core: core.present_batch(encoded(), CODE.duration, True) for name, core in cores.items()}
    )
    spent = {name: seconds / len(numbers) * 1e6 for name, seconds in times.items()}
    title = f"{data.inputs} x {neurons}"
    rows = [Row(f"{title}, clean", spent["clean"], "us/digit", n=len(numbers), note=f"{dataset}, encoding included")]
    for name in NOISES:
        note = " ".join(f"{key}={value:g}" for key, value in NOISES[name].items())
        rows.append(Row(f"  {name}", spent[name], "us/digit", n=len(numbers), note=note))
        rows.append(Row(f"  {name} / clean", spent[name] / spent["clean"], "x", reference="at most 3"))
    slow, few, begun = HostCore(opened(NOISES["c2c"]), lif, Stdp()), encoded(), time.process_time()
    for k in range(host):
        slow.present(few[k], CODE.duration, True)
    by_host = (time.process_time() - begun) / host * 1e6
    return [*rows, Row("  c2c by the host", by_host, "us/digit", n=host, note="HostCore, as without a compiled core")]


def product(rows: int, cols: int, batch: int) -> list[Row]:
    """`mvm` beside the product of the same matrices."""
    device = open_device("sim:rram", rows=rows, cols=cols, threads=1)
    v = np.random.default_rng(0).uniform(0, 0.1, (batch, rows))
    g = device.read()
    times = least({"ours": lambda: device.mvm(v), "numpy": lambda: v @ g}, repeats=20 if batch == 1 else 3)
    title = f"mvm, {rows} x {cols}, batch {batch}"
    return [
        Row(title, times["ours"] * 1e6, "us"),
        Row("  v @ g in numpy", times["numpy"] * 1e6, "us"),
        Row("  ours / numpy", times["ours"] / times["numpy"], "x"),
    ]


def programming(name: str, rows: int, cols: int) -> list[Row]:
    """A signed pulse for every cell, beside the step of every cell in numpy."""
    device = open_device("sim:rram", rows=rows, cols=cols, threads=1, **STEPS[name])
    assert isinstance(device, PulseStepArray)
    signs = np.random.default_rng(0).choice([-1, 1], (rows, cols))
    (a, gamma, s), (b, delta, t) = device.pulse_step.up, device.pulse_step.down
    rising, w, noise, rng = signs > 0, device.weights, device.parameters.c2c, np.random.default_rng(0)

    def step() -> object:
        moved = np.where(rising, a * (1 - w * s) ** gamma, -b * (1 - (1 - w) * t) ** delta)
        if noise:
            moved = moved * (1 + noise * rng.standard_normal(moved.shape))
        return np.clip(w + moved, 0, 1)

    device.program(signs)
    times = least({"ours": lambda: device.program(signs), "numpy": step})
    return [
        Row(f"program, {rows} x {cols}, {name}", times["ours"] * 1e3, "ms", reference="at most 5", note="a pulse each"),
        Row("  the steps in numpy", times["numpy"] * 1e3, "ms"),
        Row("  ours / numpy", times["ours"] / times["numpy"], "x"),
    ]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smallest sizes: shows that it runs, measures nothing")
    parser.add_argument("--json", help="write the rows to this file, - for standard output")
    given = parser.parse_args()
    if given.quick:
        globals().update(TURNS=1, NETWORKS=(("digits", 4, 2),), PRODUCTS=((4, 3, 2),), PROGRAMMED=(20, 3))
    rows: list[Row] = []
    for sizes in NETWORKS:
        rows += network(*sizes, host=2)
    for shape in PRODUCTS:
        rows += product(*shape)
    for name in STEPS:
        rows += programming(name, *PROGRAMMED)
    report(rows, "Noise, products and programming: processor time", given.json)


if __name__ == "__main__":
    main()
