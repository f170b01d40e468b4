"""Images per second of winner-take-all learning on the emulator: simulated here, and on a board by its clock cycles.

    python benchmarks/emulator_training.py [--carrier cxxrtl] [--rows 784] [--cols 64] [--lanes 16] [--images 200]
        [--build DIR] [--json FILE]

Images of `mnist-slice` (or the bundled digits for 64 rows), 350 us each in ticks of 1 us, once with spikes sent by the
host and once encoded on chip. The emulator counts the cycles in which it works; a board takes as many at its clock,
which is the Fmax of a build (`hil fpga build`) where one is given. Sending takes 10 bits a byte at the board's baud
rate, and the host waits for nothing else; the smaller of both rates counts.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gateware.host.client import Client
from gateware.spiking import FpgaCore
from hil.backends import open_device
from hil.datasets import Dataset, load
from hil.encoding import SpikeCode
from hil.results import Row, report
from hil.spiking import Lif, Stdp
from hil.training.wta_settings import THRESHOLD_SHARE

BAUD = 1_000_000
CODES = {"spikes by the host": SpikeCode(), "encoded on chip": SpikeCode(kind="poisson")}


class Tapped:
    """A transport that counts what is sent."""

    def __init__(self, transport) -> None:
        self._transport, self.sent = transport, 0

    def __getattr__(self, name: str):
        """Pass everything else on."""
        return getattr(self._transport, name)

    def send(self, data: bytes) -> None:
        """Count and send."""
        self.sent += len(data)
        self._transport.send(data)


def dataset_for(rows: int) -> Dataset:
    """Images with one pixel a row."""
    return load("mnist-slice") if rows == 784 else load("digits")


def measured(name: str, images: NDArray[np.uint8], data: Dataset, arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds, cycles, bytes and spikes of learning `images`."""
    size = {"rows": arguments.rows, "cols": arguments.cols, "lanes": min(arguments.lanes, arguments.cols)}
    uri = f"fpga:{arguments.carrier}?alpha=0.01&w0=0.8&encoder=on"
    with open_device(uri, defaults=size) as device:
        share = images.sum(axis=1).mean() / data.full_scale
        core = device.spiking(Lif(threshold=THRESHOLD_SHARE * share), Stdp())
        assert isinstance(core, FpgaCore)
        tap = Tapped(device.client.transport)
        device.client = Client(tap)
        before = device.client.read_registers("cycles")["cycles"]
        begun, cycles = time.perf_counter(), 0
        counts = 0
        for first in range(0, len(images), 20):
            part = images[first : first + 20]
            counts += core.present_images(
                part, data.full_scale, CODES[name], 0, np.arange(first, first + len(part)), True
            ).sum()
            now = device.client.read_registers("cycles")["cycles"]
            cycles, before = cycles + (now - before) % 2**32, now
        return {
            "seconds": time.perf_counter() - begun, "cycles": cycles, "sent": tap.sent, "spikes": float(counts),
        }  # fmt: skip


def rows_of(name: str, arguments: argparse.Namespace, fmax: float) -> list[Row]:
    """What is reported of one way to send images."""
    data = dataset_for(arguments.rows)
    images = data.train_images[np.arange(arguments.images) % len(data.train_images)].reshape(arguments.images, -1)
    found, n = measured(name, images, data, arguments), arguments.images
    cycles, sent = found["cycles"] / n, found["sent"] / n
    rows = [
        Row(f"{name}: simulated", n / found["seconds"], "images/s", n=n, note=f"fpga:{arguments.carrier}"),
        Row("  bytes an image", sent, "B"),
        Row("  output spikes an image", found["spikes"] / n),
    ]
    if not cycles:
        return [*rows, Row("  cycles an image", None, note="the golden model does not count cycles")]
    logic, link = fmax / cycles, BAUD / 10 / sent
    return [
        *rows,
        Row("  cycles an image", cycles),
        Row("  simulated clock", found["cycles"] / found["seconds"] / 1e6, "MHz"),
        Row("  board: logic alone", logic, "images/s", note=f"at {fmax / 1e6:.1f} MHz"),
        Row("  board: link alone", link, "images/s", note=f"at {BAUD} baud"),
        Row("  board", min(logic, link), "images/s", note="the slower of both"),
    ]


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--carrier", default="cxxrtl", choices=["cxxrtl", "golden"])
    parser.add_argument("--rows", type=int, default=784, choices=[784, 64])
    parser.add_argument("--cols", type=int, default=64)
    parser.add_argument("--lanes", type=int, default=16)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--build", type=Path, help="folder of `hil fpga build`, for its Fmax; 50 MHz if not given")
    parser.add_argument("--json", help="write the rows here")
    arguments = parser.parse_args()
    fmax = 50e6
    if arguments.build:
        from gateware.build import load as load_build

        fmax = min(clock.achieved for clock in load_build(arguments.build).placed.clocks)
    rows = [row for name in CODES for row in rows_of(name, arguments, fmax)]
    title = f"learning on the emulator, {arguments.rows} x {arguments.cols}, {arguments.lanes} lanes"
    report(rows, title, arguments.json)


if __name__ == "__main__":
    main()
