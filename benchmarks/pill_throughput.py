"""Microseconds a layer-image of paired-input learning (PILL), 784 inputs, 306,936 weights, beside numpy and torch.

    python benchmarks/pill_throughput.py [--images 60000] [--data-dir FOLDER] [--json FILE]

All run in this process on the same digits, in float32, and must end with the same fluxes. The peers are what one would
write without this project: `dense` keeps the whole 784 x 784 matrix, one expression an image; `gather` keeps the pairs
and looks up the two pixels of each. Each time is the least of several; where one thread works it is the processor time
of that thread, which other programs on the machine disturb less.

The last rows are the whole way: bytes of images to trained layers, ten layers, all cores, and the memory that it took.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.backends import open_device
from hil.data.datasets import Dataset, load
from hil.pill.protocol import PillProtocol, pair_count, pair_indices
from hil.runs.results import Row, report
from hil.spiking.encoding import intensities

INPUTS, LAYERS, IMAGES, REPEATS, PEER_IMAGES = 784, 10, 512, 9, 32
PAIRS = pair_count(INPUTS)
URI, PHI0 = "sim:pill", 0.05
PROTOCOL = PillProtocol()
FRACTIONS = {"a response on every image": 1.0, "responses on 10 % of the images": 0.1, "no response": 0.0}


def least(clock: Callable[[], float], action: Callable[[], object], repeats: int | None = None) -> float:
    """Least time of some runs, s."""
    times = []
    for _ in range(repeats or REPEATS):
        begun = clock()
        action()
        times.append(clock() - begun)
    return min(times)


def digits(data: Dataset) -> NDArray[np.float64]:
    """Images that every row but the last is measured on."""
    return intensities(data.train_images[:IMAGES], data.full_scale)


def responses(fraction: float, layers: int = 1) -> NDArray[np.bool_]:
    """Which of the images are responded to, (IMAGES, layers): evenly spread, another set for each layer."""
    return (np.arange(IMAGES)[:, None] + np.arange(layers)) % 10 < round(10 * fraction)


def ours(pixels: NDArray[np.float64]) -> list[Row]:
    """One layer on one thread; ten on all."""
    rows = []
    for what, fraction in FRACTIONS.items():
        rows += one_layer(what, PROTOCOL, pixels, responses(fraction))
    opposing = PROTOCOL.model_copy(update={"polarity": "opposing"})
    rows += one_layer("an opposing response on every image", opposing, pixels, responses(1.0))
    core = open_device(URI, inputs=INPUTS, phi0=PHI0, threads=1).paired(INPUTS, PROTOCOL)
    core.currents(pixels[:2])
    seconds = least(time.process_time, lambda: core.currents(pixels))
    rows.append(Row("reading", seconds / IMAGES * 1e6, "us", n=REPEATS, note="currents of one layer; one thread"))
    many = open_device(URI, inputs=INPUTS, cols=LAYERS, phi0=PHI0).paired(INPUTS, PROTOCOL)
    response = responses(0.1, LAYERS)
    many.present(pixels[:2], response[:2])
    seconds = least(time.perf_counter, lambda: many.present(pixels, response))
    note = f"{LAYERS} layers on {os.cpu_count()} threads; wall clock, {busy()}"
    rows.append(Row("responses on 10 %, all cores", seconds / IMAGES / LAYERS * 1e6, "us", n=REPEATS, note=note))
    return rows


def one_layer(what: str, protocol: PillProtocol, pixels: NDArray[np.float64], response: NDArray[np.bool_]) -> list[Row]:
    """Time of learning with one layer and thread."""
    core = open_device(URI, inputs=INPUTS, phi0=PHI0, threads=1).paired(INPUTS, protocol)
    core.present(pixels[:2], response[:2])
    seconds = least(time.process_time, lambda: core.present(pixels, response))
    return [Row(what, seconds / IMAGES * 1e6, "us", n=REPEATS, note=f"one thread; {busy()}")]


def busy() -> str:
    """What else the machine does."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def constants() -> tuple[float, float, float]:
    """Flux that a full pixel adds (V s), flux that a response adds, fraction lost to relaxation: of one pulse."""
    p = open_device(URI, inputs=2).parameters
    tau = (1 - np.exp(-p.D * PROTOCOL.width)) / p.D
    return p.A * tau * PROTOCOL.amplitude, p.A * tau * PROTOCOL.response, p.D * tau


def dense(xp: ModuleType, phi: NDArray, x: NDArray, responds: bool) -> NDArray:
    """One image on the whole matrix, plainly."""
    full, extra, decay = constants_of_run
    drive = xp.minimum(x[:, None], x[None, :]) * full + extra * responds
    return phi + xp.clip(drive - decay * phi, 0, None)


def gather(xp: ModuleType, phi: NDArray, x: NDArray, responds: bool, first: NDArray, second: NDArray) -> NDArray:
    """One image on the pairs alone, plainly."""
    full, extra, decay = constants_of_run
    drive = xp.minimum(x[first], x[second]) * full + extra * responds
    return phi + xp.clip(drive - decay * phi, 0, None)


constants_of_run = constants()


def peers(pixels: NDArray[np.float64], own: float) -> list[Row]:
    """Numpy and torch with a response on every image; `own` is our time for that, us."""
    found: list[tuple[str, ModuleType, int]] = [("numpy", np, 1)]
    try:
        import torch

        found += [("torch", torch, 1), ("torch", torch, torch.get_num_threads())]
    except ImportError:
        print("torch is not installed: `make bench` installs it")
    core = open_device(URI, inputs=INPUTS, phi0=PHI0, threads=1).paired(INPUTS, PROTOCOL)
    core.present(pixels[:PEER_IMAGES], np.ones((PEER_IMAGES, 1), bool))
    reached, rows = core.device.fluxes()[0], []
    for name, xp, threads in found:
        convert = (lambda a: a) if xp is np else xp.from_numpy
        if xp is not np:
            xp.set_num_threads(threads)
        x = convert(pixels[:PEER_IMAGES].astype(np.float32))
        pairs = [convert(index.copy()) for index in pair_indices(INPUTS)]
        kinds = {
            "dense 784 x 784": ((INPUTS, INPUTS), lambda phi, x, xp=xp: dense(xp, phi, x, True)),
            "gather": ((PAIRS,), lambda phi, x, xp=xp, pairs=pairs: gather(xp, phi, x, True, *pairs)),
        }
        for kind, (shape, image) in kinds.items():
            ended = []

            def play(shape=shape, image=image, x=x, ended=ended, convert=convert) -> None:
                phi = convert(np.full(shape, PHI0, np.float32))
                for k in range(PEER_IMAGES):
                    phi = image(phi, x[k])
                ended[:] = [np.asarray(phi)]

            clock = time.process_time if threads == 1 else time.perf_counter
            seconds = least(clock, play, 5) / PEER_IMAGES * 1e6
            flux = ended[0][np.triu_indices(INPUTS, 1)] if len(shape) == 2 else ended[0]
            note = f"fluxes differ from ours by {np.abs(flux - reached).max() / PHI0:.0e} after {PEER_IMAGES} images"
            note += f"; wall clock, {busy()}" if threads > 1 else ""
            label = f"plain {name}, {kind}, {threads} thread{'s' * (threads > 1)}"
            rows.append(Row(label, seconds, "us", n=5, note=note))
            rows.append(Row("  over ours on one thread", seconds / own, "x"))
    return rows


@njit(fastmath=True)
def _scale(array, factor, times):
    for _ in range(times):
        for k in range(array.size):
            array[k] *= factor


def roofline(own: dict[str, float]) -> list[Row]:
    """Reading and writing every flux once an image, beside what memory and cache do."""
    moved, rows = 2 * 4 * PAIRS, []
    for where, layers, times in (("cache, one layer (1.2 MB)", 1, 200), ("memory, 100 layers (123 MB)", 100, 2)):
        array = np.ones(PAIRS * layers, np.float32)
        _scale(array, np.float32(1.0), 1)
        seconds = least(time.process_time, lambda a=array, t=times: _scale(a, np.float32(1.0), t)) / times / layers
        note = f"reads and writes {moved / seconds / 1e9:.0f} GB/s; one thread"
        rows.append(Row(f"roofline: every flux once from {where}", seconds * 1e6, "us", note=note))
    for what in list(FRACTIONS)[:2]:
        rate = moved / own[what] * 1e6 / 1e9
        note = "64 images on a row of pairs while it is in the first-level cache, rows of dark pixels left out"
        rows.append(Row(f"  ours, {what}, as if so", rate, "GB/s", note=note))
    return rows


def end_to_end(data: Dataset, images: int) -> list[Row]:
    """Bytes of images to ten trained layers and their answers, with the memory taken since the modules were loaded."""
    before, begun = memory("VmRSS"), time.perf_counter()
    with open_device(URI, inputs=INPUTS, cols=LAYERS, phi0=PHI0) as device:
        core = device.paired(INPUTS, PROTOCOL)
        for start in range(0, images, IMAGES):
            chosen = np.arange(start, min(start + IMAGES, images)) % len(data.train_images)
            pixels = intensities(data.train_images[chosen], data.full_scale)
            core.present(pixels, data.train_labels[chosen, None] == np.arange(LAYERS))
        core.conductances()
        core.currents(pixels)
    seconds = time.perf_counter() - begun
    note = f"{data.name}, {LAYERS} layers, {os.cpu_count()} threads; {busy()}"
    return [
        Row(f"end to end, {images} images x {LAYERS} layers", seconds, "s", note=note),
        Row("  growth of the process", memory("VmHWM") - before, "MB", note="at most; compiled code included"),
    ]


def memory(name: str) -> float:
    """Memory of this process in MB as Linux counts it: VmRSS now, VmHWM at most; NaN elsewhere."""
    status = Path("/proc/self/status")
    return int(status.read_text().partition(f"{name}:")[2].split()[0]) * 1024 / 1e6 if status.exists() else np.nan


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60_000, help="images of the last rows")
    parser.add_argument("--data-dir", type=Path, metavar="FOLDER", help="MNIST (default: the bundled slice, repeated)")
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--quick", action="store_true", help="smallest sizes: shows that it runs, measures nothing")
    arguments = parser.parse_args()
    if arguments.quick:
        globals().update(IMAGES=8, REPEATS=1, PEER_IMAGES=2)
    data = load("mnist", arguments.data_dir) if arguments.data_dir else load("mnist-slice")
    whole = end_to_end(data, min(arguments.images, IMAGES) if arguments.quick else arguments.images)
    pixels = digits(data)
    rows = ours(pixels)
    own = {row.name: row.value for row in rows}
    rows += peers(pixels, own[next(iter(FRACTIONS))]) + roofline(own) + whole
    report(rows, f"Paired-input learning, {INPUTS} inputs, {PAIRS} weights a layer: time a layer-image", arguments.json)


if __name__ == "__main__":
    main()
