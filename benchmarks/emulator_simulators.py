"""Clock cycles per second of the emulator's logic, compiled by CXXRTL and in Amaranth's own simulator.

    python benchmarks/emulator_simulators.py [--ticks 2] [--repeats 100] [--json FILE]

Both play the same frames, from the coded bytes on the line on: an image that is encoded on chip, with input spikes,
output spikes and learning. Both must end with the same counters. The compiled one plays the image more often, because
once would take it milliseconds. Compiling and setting up are left out; seconds are those of the CPU.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from gateware.geometry import Geometry
from gateware.host.client import Client
from gateware.host.cxxrtl import open_cxxrtl
from gateware.host.pysim import open_pysim
from gateware.host.transport import Transport
from gateware.protocol import Flag, Space
from hil.runs.results import Row, report

COUNTERS = ("cycles", "events", "spikes", "updates")
ENTRIES = np.arange(256)


def set_up(client: Client, geometry: Geometry, ticks: int) -> None:
    """Cells that depress and potentiate, neurons that fire several times in a presentation, a random image."""
    rng = np.random.default_rng(0)
    client.write_memory(Space.MEMDUCTANCE, 0, 64 + ENTRIES // 2)
    client.write_memory(Space.POTENTIATION, 0, np.full(256, 900))
    client.write_memory(Space.DEPRESSION, 0, np.full(256, 100))
    client.write_memory(Space.CODE, 0, ENTRIES * 64)
    pixels = rng.integers(256, size=geometry.rows) * (rng.random(geometry.rows) < 0.19)
    client.write_memory(Space.DRIVE, 0, pixels)
    flags = 1 << Flag.LEARN | 1 << Flag.RESET_ALL | 1 << Flag.STOCHASTIC
    client.write_registers({"flags": flags, "threshold": 1000, "keep": 64000, "window": 10, "duration": ticks})


def measure(transport: Transport, geometry: Geometry, ticks: int, repeats: int) -> tuple[float, int, dict[str, int]]:
    """Clock cycles a second, all cycles, and the counters after the first presentation."""
    with transport:
        client = Client(transport)
        set_up(client, geometry, ticks)
        before, start = transport.cycles, time.process_time()
        client.present()
        counters = client.read_registers(*COUNTERS)
        for _ in range(repeats - 1):
            client.present()
        seconds = time.process_time() - start
        return (transport.cycles - before) / seconds, transport.cycles - before, counters


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=784)
    parser.add_argument("--cols", type=int, default=10)
    parser.add_argument("--lanes", type=int, default=10)
    parser.add_argument("--ticks", type=int, default=2, help="ticks of a presentation")
    parser.add_argument("--repeats", type=int, default=100, help="presentations in the compiled simulation")
    parser.add_argument("--json", help="write the rows here")
    arguments = parser.parse_args()
    geometry = Geometry(arguments.rows, arguments.cols, lanes=arguments.lanes)
    rates, rows, seen = {}, [], []
    for name, open_transport, repeats in (("CXXRTL", open_cxxrtl, arguments.repeats), ("pysim", open_pysim, 1)):
        rates[name], cycles, counters = measure(open_transport(geometry), geometry, arguments.ticks, repeats)
        note = (
            f"{cycles} cycles; until the first presentation ends: {', '.join(f'{v} {k}' for k, v in counters.items())}"
        )
        rows.append(Row(name, rates[name], "cycles/s", n=repeats, note=note))
        seen.append(counters)
    if seen[0] != seen[1]:
        raise SystemExit(f"the simulators differ: {seen[0]} and {seen[1]}")
    rows.append(Row("CXXRTL / pysim", rates["CXXRTL"] / rates["pysim"], "x"))
    title = f"simulation of the emulator, {geometry.rows} x {geometry.cols}, {geometry.lanes} lanes"
    report(rows, title, arguments.json)


if __name__ == "__main__":
    main()
