"""Memory and time of winner-take-all learning against the number of synapses, and what 10^9 would need.

    python benchmarks/scaling.py [--most 1e8] [--digits 200] [--json FILE]

784 inputs and ever more neurons on `sim:rram`, one thread, spikes encoded beforehand, digits of `mnist-slice`. Every
size runs in a process of its own, whose peak of memory is that size's; the time is that of learning alone. The last
rows carry the largest size on to 10^9 synapses on paper: nothing of that size was run.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from hil.backends import open_device
from hil.data.datasets import load
from hil.runs.results import Row, report
from hil.spiking.encoding import SpikeCode
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp

ROWS = 784
LARGEST = 10**9
"""Synapses to which the law is carried on."""

MACHINE = 64e9
"""Memory of the machines that are counted, bytes."""


def measure(neurons: int, digits: int) -> dict[str, float]:
    """Peak memory of this process, bytes, and seconds a digit of learning with so many neurons."""
    data, code = load("mnist-slice"), SpikeCode()
    images = data.train_images[:digits].reshape(digits, ROWS)
    core = open_device("sim:rram?model=lhb&alpha=0.002&threads=1", rows=ROWS, cols=neurons, w0=0.8).spiking(
        Lif(), Stdp()
    )
    batch = code.encode(images, data.full_scale, 0, np.arange(digits))
    core.present_batch(batch, code.duration, True)
    start = time.perf_counter()
    core.present_batch(batch, code.duration, True)
    seconds = (time.perf_counter() - start) / digits
    return {"bytes": 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "seconds": seconds}


def apart(neurons: int, digits: int) -> dict[str, float]:
    """`measure` in a process of its own."""
    words = [sys.executable, __file__, "--one", str(neurons), "--digits", str(digits)]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def rows(most: float, digits: int) -> list[Row]:
    """A row a size, then what the largest asks for on paper."""
    base = apart(1, 2)["bytes"]
    found: list[Row] = []
    synapses = 10**4
    while synapses <= most:
        neurons = max(round(synapses / ROWS), 1)
        shown = max(2, min(digits, round(digits * 1e6 / synapses)))
        one = apart(neurons, shown)
        cells, taken, seconds = neurons * ROWS, one["bytes"] - base, one["seconds"]
        told = {
            "memory": (taken / 1e6, "MB", f"{taken / cells:.1f} bytes a synapse, {base / 1e6:.0f} MB without any"),
            "time of a digit": (seconds, "s", f"{1e9 * seconds / cells:.2f} ns a synapse and digit, {shown} digits"),
        }
        for name, (value, unit, note) in told.items():
            found.append(Row(name, value, unit, note=note).under(f"{cells:.3g} synapses: ", synapses=cells))
        synapses *= 10
    memory, slow = LARGEST * taken / cells, LARGEST * seconds / cells
    words = f"on paper, in proportion to {cells:.3g} synapses"
    machines = f"{-(-memory // MACHINE):.0f} of {MACHINE / 1e9:.0f} GB"
    found.append(Row("memory of 1e9 synapses", memory / 1e9, "GB", note=f"{words}; machines: {machines}"))
    note = f"{words}, one thread; columns share nothing but who fired"
    found.append(Row("time of 60,000 digits on 1e9 synapses", 60_000 * slow / 86400, "days", note=note))
    return found


def main() -> None:
    """Measure all sizes and report them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=float, default=1e8, help="synapses of the largest size")
    parser.add_argument("--digits", type=int, default=200, help="digits at most; fewer for many synapses")
    parser.add_argument("--quick", action="store_true", help="two small sizes, a few digits")
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one, asked.digits)))
        return
    found = rows(1e5, 4) if asked.quick else rows(asked.most, asked.digits)
    report(found, "winner-take-all learning, one thread", asked.json)


if __name__ == "__main__":
    main()
