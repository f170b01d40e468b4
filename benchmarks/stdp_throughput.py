"""Images per second of the STDP perceptron through the public Device API, beside plain numpy and torch.

    python benchmarks/stdp_throughput.py [--images 60000] [--json FILE]

Everything runs in this process, one thread each unless a row says otherwise, on the same random images (19 % of the
pixels lit, as in MNIST), and must end with the same weights. The peers are what one would write without this project:
whole (784, 10) arrays, one expression after the other. They play fewer images; the ratio is per image.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

from hil.backends import open_device
from hil.device import Device
from hil.runs.results import Row, report
from hil.training.protocol import Protocol

ROWS, COLS, BATCH = 784, 10, 256
PROTOCOL = Protocol()


def images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random pixel intensities (count, ROWS) and targets (count, COLS)."""
    rng = np.random.default_rng(0)
    pixels = rng.random((count, ROWS)) * (rng.random((count, ROWS)) < 0.19)
    return pixels, rng.integers(COLS, size=count)[:, None] == np.arange(COLS)


def ours(device: Device, count: int, pool: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Seconds for `count` images: in `Device.apply` alone, and with the building of waveforms."""
    pixels, targets = pool
    inside, begun = 0.0, time.perf_counter()
    for start in range(0, count, BATCH):
        chosen = np.arange(start, min(start + BATCH, count)) % len(pixels)
        waveform = PROTOCOL.waveform(pixels[chosen], targets[chosen])
        entered = time.perf_counter()
        device.apply(waveform)
        inside += time.perf_counter() - entered
    return inside, time.perf_counter() - begun


def plain_step(xp: ModuleType, device: Device) -> Callable:
    """One image of the reduced model (sim/cells/flca_step.py), written plainly in `xp` (numpy or torch)."""
    p = device.parameters
    width, early = PROTOCOL.width, PROTOCOL.other_delay
    between = PROTOCOL.target_delay - early - width
    after = PROTOCOL.interval - PROTOCOL.target_delay - 2 * width
    tau, tau_v = (1 - np.exp(-p.D * width)) / p.D, (1 - np.exp(-p.Dv * width)) / p.Dv

    def pulse(phi, trace, v):
        opposed = xp.clip(xp.where(v >= 0, -trace, trace), 0, None)
        rate = p.A * v * (1 + p.k / p.flux_ref * opposed) - p.D * phi
        rate = xp.where(v >= 0, xp.clip(rate, 0, None), rate)
        return xp.clip(phi + tau * rate, 0, None), trace * np.exp(-p.Dv * width) + p.A * v * tau_v

    def image(phi, trace, pixels, target):
        phi, trace = pulse(phi, trace, (-PROTOCOL.amplitude * pixels)[:, None] + xp.zeros_like(phi))
        phi, trace = pulse(phi, trace * np.exp(-p.Dv * early), PROTOCOL.amplitude * ~target + xp.zeros_like(phi))
        phi, trace = pulse(phi, trace * np.exp(-p.Dv * between), PROTOCOL.amplitude * target + xp.zeros_like(phi))
        return phi, trace * np.exp(-p.Dv * after)

    return image


def plain_pair(xp: ModuleType, device: Device, steps: int) -> Callable:
    """One image of the full pair, by the midpoint rule in plain `xp`, `steps` steps a pulse."""
    p = device.parameters
    width, early = PROTOCOL.width, PROTOCOL.other_delay
    between = PROTOCOL.target_delay - early - width
    after = PROTOCOL.interval - PROTOCOL.target_delay - 2 * width

    def memristance(r, phi):
        magnitude, total = xp.abs(phi), 0.0
        for coefficient in reversed(r):
            total = total * magnitude + coefficient
        return total

    def rates(x, y, v):
        mn = memristance(p.Rn, y)
        across = v * mn / (memristance(p.Rv, x) + mn)
        rate = across - p.Dn * y
        return v - across - p.Dv * x, xp.where(v >= 0, xp.clip(rate, 0, None), rate)

    def pulse(y, x, v):
        h = width / steps
        for _ in range(steps):
            dx, dy = rates(x, y, v)
            dx, dy = rates(x + h / 2 * dx, y + h / 2 * dy, v)
            x, y = x + h * dx, xp.clip(y + h * dy, 0, None)
        return y, x

    def image(y, x, pixels, target):
        y, x = pulse(y, x, (-PROTOCOL.amplitude * pixels)[:, None] + xp.zeros_like(y))
        y, x = pulse(y, x * np.exp(-p.Dv * early), PROTOCOL.amplitude * ~target + xp.zeros_like(y))
        y, x = pulse(y, x * np.exp(-p.Dv * between), PROTOCOL.amplitude * target + xp.zeros_like(y))
        return y, x * np.exp(-p.Dv * after)

    return image


def peer(xp: ModuleType, image: Callable, weight: float, pool: tuple, count: int) -> tuple[float, np.ndarray]:
    """Seconds for `count` images and the weights they end with."""
    convert = (lambda a: a) if xp is np else xp.from_numpy
    phi, trace = convert(np.full((ROWS, COLS), weight)), convert(np.zeros((ROWS, COLS)))
    pixels, targets = convert(pool[0]), convert(pool[1])
    begun = time.perf_counter()
    for k in range(count):
        phi, trace = image(phi, trace, pixels[k], targets[k])
    return time.perf_counter() - begun, np.asarray(phi)


def compare(uri: str, state: str, count: int, peer_count: int, plain: Callable) -> list[Row]:
    """Rows of one device: ours on one thread and on all, numpy, torch, with ratios and the agreement of weights."""
    pool = images(2048)
    device = open_device(uri, rows=ROWS, cols=COLS, threads=1)
    ours(device, peer_count, pool)
    reached = device.snapshot()[state].T
    rows, unit = [], "images/s"
    inside, total = ours(device, count, pool)
    single = count / inside
    rows.append(Row(f"{uri}, one thread", single, unit, n=count, note=f"{inside:.2f} s in apply, {total:.2f} s in all"))
    with open_device(uri, rows=ROWS, cols=COLS) as every:
        ours(every, peer_count, pool)
        inside, total = ours(every, count, pool)
    cores = os.cpu_count()
    note = f"{inside:.2f} s in apply, {total:.2f} s in all"
    rows.append(Row(f"{uri}, {cores} threads", count / inside, unit, n=count, note=note))
    for name, xp in peers().items():
        with like_numpy(xp):
            image = plain(xp, device)
            peer(xp, image, device.parameters.phi0, pool, 2)
            seconds, weights = peer(xp, image, device.parameters.phi0, pool, peer_count)
        error = np.abs(weights - reached).max() / (PROTOCOL.amplitude * PROTOCOL.width)
        rate = peer_count / seconds
        note = f"weights differ from ours by {error:.1e} of one pulse after {peer_count} images"
        rows.append(Row(f"  plain {name}, one thread", rate, unit, n=peer_count, note=note))
        rows.append(Row(f"  ours / {name}, both on one thread", single / rate, "x"))
    return rows


def peers() -> dict[str, ModuleType]:
    """Array libraries to compare with; torch where it is installed."""
    found: dict[str, ModuleType] = {"numpy": np}
    try:
        import torch

        found["torch"] = torch
    except ImportError:
        print("torch is not installed: `make bench` installs it")
    return found


@contextmanager
def like_numpy(library: ModuleType) -> Iterator[None]:
    """Hold torch to one thread and to double precision for a while."""
    if library.__name__ != "torch":
        yield
        return
    threads, precision = library.get_num_threads(), library.get_default_dtype()
    library.set_num_threads(1)
    library.set_default_dtype(library.float64)
    try:
        yield
    finally:
        library.set_num_threads(threads)
        library.set_default_dtype(precision)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60_000, help="images for the reduced model")
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--quick", action="store_true", help="smallest sizes: shows that it runs, measures nothing")
    arguments = parser.parse_args()
    images, step_images, pair_images = (12, 4, 1) if arguments.quick else (arguments.images, 512, 8)
    rows = compare("sim:flca-step", "phi", images, step_images, plain_step)
    rows += compare("sim:flca-pair", "phi_n", images // 6, pair_images, lambda xp, d: plain_pair(xp, d, 100))
    report(rows, "STDP perceptron, 784 x 10 cells, input and response pulses", arguments.json)


if __name__ == "__main__":
    main()
