"""Images per second of winner-take-all learning on the emulator: simulated here, and on a board by its clock cycles.

    python benchmarks/emulator_training.py [--carrier cxxrtl] [--rows 784] [--cols 64] [--lanes 16] [--images 200]
        [--clock 50] [--grey-bits 5] [--build DIR] [--json FILE]

Images of `mnist-slice` (or the bundled digits for 64 rows), 350 us each in ticks of 1 us, once with spikes sent by the
host and once encoded on chip. The emulator counts the cycles in which it works; a board takes as many at its clock,
which is the Fmax of a build (`hil fpga build`) where one is given. What comes through the link is a model, not a
measurement: the golden model behind an FTDI chip in virtual time (`gateware.host.ftdi`), at the latency timers and baud
rates that such boards have.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gateware.backend import Carrier, open_emulator
from gateware.device import FpgaDevice
from gateware.geometry import Geometry
from gateware.host.ftdi import FtdiChip, FtdiModel
from gateware.parameters import FpgaParameters
from gateware.spiking import FpgaCore
from hil.backends import open_device
from hil.data.datasets import Dataset, load
from hil.runs.results import Row, report
from hil.spiking.encoding import SpikeCode
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.training.wta_settings import THRESHOLD_SHARE

LINKS = {
    "1 Mbaud, latency timer 16 ms (default)": FtdiChip(1e6, 16e-3),
    "1 Mbaud, 1 ms (as set on Linux)": FtdiChip(1e6, 1e-3),
    "3 Mbaud, 16 ms": FtdiChip(3e6, 16e-3),
    "3 Mbaud, 1 ms": FtdiChip(3e6, 1e-3),
}
"""Between host and board."""

TOGETHER = 500
"""Images in one exchange, as many as `hil train wta` shows at once."""

CODES = {"spikes by the host": SpikeCode(), "encoded on chip": SpikeCode(kind="poisson")}


def dataset_for(rows: int) -> Dataset:
    """Images with one pixel a row."""
    return load("mnist-slice") if rows == 784 else load("digits")


def neurons(device: FpgaDevice, images: NDArray[np.uint8], data: Dataset) -> FpgaCore:
    """On the columns of the emulator."""
    share = images.sum(axis=1).mean() / data.full_scale
    core = device.spiking(Lif(threshold=THRESHOLD_SHARE * share), Stdp())
    assert isinstance(core, FpgaCore)
    return core


def learn(core: FpgaCore, name: str, images: NDArray[np.uint8], data: Dataset) -> Iterator[float]:
    """Learn `images`, `TOGETHER` at a time; output spikes of each part."""
    for first in range(0, len(images), TOGETHER):
        part = images[first : first + TOGETHER]
        numbers = np.arange(first, first + len(part))
        yield float(core.present_images(part, data.full_scale, CODES[name], 0, numbers, True).sum())


def parameters(arguments: argparse.Namespace) -> dict[str, int | float | bool]:
    """Of the emulator."""
    size = {"rows": arguments.rows, "cols": arguments.cols, "lanes": min(arguments.lanes, arguments.cols)}
    return size | {"alpha": 0.01, "w0": 0.8, "encoder": True, "grey_bits": arguments.grey_bits}


def simulated(name: str, images: NDArray[np.uint8], data: Dataset, arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds, cycles and spikes of learning `images` on the simulated logic."""
    with open_device(f"fpga:{arguments.carrier}", **parameters(arguments)) as device:
        core = neurons(device, images, data)
        before = device.client.read_registers("cycles")["cycles"]
        begun, cycles, spikes = time.perf_counter(), 0, 0.0
        for part in learn(core, name, images, data):
            now = device.client.read_registers("cycles")["cycles"]
            cycles, before, spikes = cycles + (now - before) % 2**32, now, spikes + part
        return {"seconds": time.perf_counter() - begun, "cycles": cycles, "spikes": spikes}


def modelled(
    name: str, images: NDArray[np.uint8], data: Dataset, arguments: argparse.Namespace, clock: float, chip: FtdiChip
) -> tuple[float, float]:
    """Virtual seconds and bytes sent of learning `images` on a board behind `chip`."""
    models: list[FtdiModel] = []

    def board(geometry: Geometry) -> FtdiModel:
        models.append(FtdiModel(geometry, clock, chip))
        return models[-1]

    asked = FpgaParameters(**parameters(arguments))
    with open_emulator("fpga:model", asked, Carrier("", board)) as device:
        (model,), core = models, neurons(device, images, data)
        start, sent = model.time, model.sent
        for _ in learn(core, name, images, data):
            pass
        return model.time - start, model.sent - sent


def rows_of(name: str, arguments: argparse.Namespace, fmax: float) -> list[Row]:
    """What is reported of one way to send images."""
    data, n = dataset_for(arguments.rows), arguments.images
    images = data.train_images[np.arange(n) % len(data.train_images)].reshape(n, -1)
    found = simulated(name, images, data, arguments)
    cycles = found["cycles"] / n
    rows = [
        Row(f"{name}: simulated", n / found["seconds"], "images/s", n=n, note=f"fpga:{arguments.carrier}"),
        Row("  output spikes an image", found["spikes"] / n),
        Row("  cycles an image", cycles or None, note="" if cycles else "the golden model does not count cycles"),
    ]
    if cycles:
        rows += [
            Row("  simulated clock", found["cycles"] / found["seconds"] / 1e6, "MHz"),
            Row("  logic alone", fmax / cycles, "images/s", note=f"at {fmax / 1e6:.1f} MHz"),
        ]
    for link, chip in LINKS.items():
        seconds, sent = modelled(name, images, data, arguments, fmax, chip)
        rows.append(Row(f"  board, model: {link}", n / seconds, "images/s", note=f"{sent / n:.0f} B an image"))
    return rows


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--carrier", default="cxxrtl", choices=["cxxrtl", "golden"])
    parser.add_argument("--rows", type=int, default=784, choices=[784, 64])
    parser.add_argument("--cols", type=int, default=64)
    parser.add_argument("--lanes", type=int, default=16)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--clock", type=float, default=50.0, help="of a board's logic, MHz")
    parser.add_argument("--grey-bits", type=int, default=5, help="bits of a grey value on the link, 4 to 8")
    parser.add_argument("--build", type=Path, help="folder of `hil fpga build`: its Fmax is the clock")
    parser.add_argument("--json", help="write the rows here")
    arguments = parser.parse_args()
    fmax = arguments.clock * 1e6
    if arguments.build:
        from gateware.build import load as load_build

        fmax = min(clock.achieved for clock in load_build(arguments.build).placed.clocks)
    rows = [row for name in CODES for row in rows_of(name, arguments, fmax)]
    title = f"learning on the emulator, {arguments.rows} x {arguments.cols}, {arguments.lanes} lanes"
    report(rows, title, arguments.json)


if __name__ == "__main__":
    main()
