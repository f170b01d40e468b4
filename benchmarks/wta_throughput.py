"""Digits per second of winner-take-all learning (Brivio et al. 2021) on one thread, beside plain torch and Brian2.

    python benchmarks/wta_throughput.py [--digits 6000] [--peers FOLDER] [--json FILE]

784 inputs, 500 neurons, 350 us a digit, digits of `mnist-slice`. All play the same spike trains from the same weights
on one thread each, one after the other; the peers get them rounded down to their step of 1 us and for nothing, so they
are compared with our core alone, on the same digits. Every rate is the best of three.

Brian2 is installed with pip into an environment of its own in FOLDER and compiled there (C++ standalone, -O3
-march=native, float32); where that fails, a line says so and its rows are left out.
"""

from __future__ import annotations

import argparse
import inspect
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hil.backends import open_device
from hil.data.datasets import Dataset, load
from hil.runs.results import Row, report
from hil.spiking.core import SpikingCore
from hil.spiking.encoding import SpikeCode
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeBatch

ROWS, NEURONS, PRISTINE, ALPHA, BATCH, REPEATS = 784, 500, 0.8, 0.002, 500, 3
LIF, STDP, CODE, STEP = Lif(), Stdp(), SpikeCode(), 1e-6
STEPS = round(CODE.duration / STEP)
DEVICES = {
    "L-HB": f"sim:rram?model=lhb&alpha={ALPHA}",
    "NL-HB, gamma 3": "sim:rram?model=nlhb&alpha=0.03&gamma=3&nstop=500",
    "NL-HB, gamma 1.02 (Wang 2016)": "sim:rram?model=nlhb&alpha=0.004&gamma=1.02&nstop=300",
}
TORCH_DIGITS, BRIAN2_DIGITS = 150, 1000
UNIT = "digits/s"


def new_core(uri: str) -> SpikingCore:
    """Neurons on pristine cells."""
    return open_device(uri, rows=ROWS, cols=NEURONS, w0=PRISTINE).spiking(LIF, STDP)


@cache
def dataset() -> Dataset:
    """Digits that are shown."""
    return load("mnist-slice")


def encode(first: int, count: int) -> SpikeBatch:
    """Spikes of presentations first, first + 1, ...; the digits come round again."""
    data, numbers = dataset(), np.arange(first, first + count)
    images = data.train_images[numbers % len(data.train_images)].reshape(count, -1)
    return CODE.encode(images, data.full_scale, 0, numbers)


def fastest(action: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs."""
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def train(core: SpikingCore, digits: int) -> tuple[float, float, float]:
    """Seconds in the core, seconds with encoding, output spikes a digit."""
    inside, fired, begun = 0.0, 0, time.perf_counter()
    for first in range(0, digits, BATCH):
        spikes = encode(first, min(BATCH, digits - first))
        entered = time.perf_counter()
        fired += core.present_batch(spikes, CODE.duration, True).sum()
        inside += time.perf_counter() - entered
    return inside, time.perf_counter() - begun, fired / digits


def ours(digits: int) -> list[Row]:
    """Rates of every synapse, taken in turn."""
    for uri in DEVICES.values():
        train(new_core(uri), BATCH)
    taken = [{name: train(new_core(uri), digits) for name, uri in DEVICES.items()} for _ in range(REPEATS)]
    rows, linear = [], 0.0
    for name, uri in DEVICES.items():
        core, whole, fired = (min(column) for column in zip(*(turn[name] for turn in taken), strict=True))
        note = f"{uri}; {fired:.1f} output spikes a digit"
        rows.append(Row(f"ours, {name}: encode and core", digits / whole, UNIT, n=digits, note=note))
        rows.append(Row("  core alone", digits / core, UNIT, n=digits))
        linear = linear or whole
        if whole != linear:
            slower = (whole / linear - 1) * 100
            rows.append(Row("  slower than L-HB", slower, "%", reference="at most 20", note="time with encoding"))
    return rows


@njit(fastmath=True)
def _read(array, times):
    total = np.float32(0)
    for _ in range(times):
        for k in range(array.size):
            total += array[k]
        array[0] = total
    return total


def roofline(rate: float, digits: int) -> list[Row]:
    """What the core with L-HB does per second at `rate` digits/s, beside the memory."""
    core, events, integrated, fired, batch = new_core(DEVICES["L-HB"]), 0, 0, 0, encode(0, digits)
    for b in range(digits):
        spikes = batch[b]
        out = core.present(spikes, CODE.duration, True).time
        latest = np.append(-np.inf, out)[np.searchsorted(out, spikes.time, side="left")]
        events, fired = events + len(spikes), fired + len(out)
        integrated += int((spikes.time >= latest + LIF.inhibition).sum())
    events, integrated, fired = (n / digits for n in (events, integrated, fired))
    operations, moved = integrated * NEURONS + fired * ROWS, 4 * (integrated * NEURONS + 2 * fired * ROWS)
    array, times = np.ones(ROWS * NEURONS, np.float32), 2000
    _read(array, 1)
    bandwidth = times * array.nbytes / fastest(lambda: _read(array, times))
    note = f"a digit: {events:.0f} input spikes, {integrated:.0f} integrated, {fired:.1f} output spikes"
    return [
        Row("L-HB core: synaptic operations", rate * operations / 1e9, "G/s", note=note),
        Row("L-HB core: weights moved", rate * moved / 1e9, "GB/s", note="4 bytes a read, 8 a programmed cell"),
        Row("  reading the 1.6 MB of weights", bandwidth / 1e9, "GB/s", note="a sum over the array, again and again"),
        Row("  part of that bandwidth", rate * moved / bandwidth * 100, "%"),
    ]


def compared(peer: str, count: int, rate: float, spikes: float, weights: NDArray, note: str) -> list[Row]:
    """Rows of a peer beside our core on the same digits, with the evidence that both learned."""
    batch, cores = encode(0, count), [new_core(DEVICES["L-HB"]) for _ in range(REPEATS)]
    core, outcomes = cores[0], []
    own = count / fastest(lambda: outcomes.append(cores.pop().present_batch(batch, CODE.duration, True)))
    likeness = np.corrcoef(weights.mean(axis=1), core.weights().mean(axis=1))[0, 1]
    moved, own_moved = (np.abs(w - PRISTINE).mean() for w in (weights, core.weights()))
    evidence = (
        f"{spikes:.1f} output spikes a digit (ours {outcomes[0].sum() / count:.1f}), weights moved by {moved:.3f} "
        f"(ours {own_moved:.3f}), mean fields correlate by {likeness:.3f}"
    )
    return [
        Row(f"{peer}, L-HB", rate, UNIT, n=count, note=f"{note}; {evidence}"),
        Row("  our core on these digits", own, UNIT, n=count),
        Row(f"  ours / {peer.split()[0]}", own / rate, "x"),
    ]


def in_torch() -> list[Row]:
    """Step by step in plain torch."""
    try:
        import torch
    except ImportError:
        print("torch is not installed: `make bench` installs it")
        return []
    torch.set_num_threads(1)
    trains = [(t.line, (t.time / STEP).astype(int)) for t in encode(0, TORCH_DIGITS)]
    digits = [[torch.from_numpy(line[step == k]) for k in range(STEPS)] for line, step in trains]
    decay, window, blocked = np.exp(-STEP / LIF.leak), round(STDP.window / STEP), round(LIF.inhibition / STEP)

    def play() -> None:
        weights.fill_(PRISTINE)
        fired.clear()
        for digit in digits:
            membrane, last, until, winner = torch.zeros(NEURONS), torch.full((ROWS,), -1e9), 0, 0
            for k, rows in enumerate(digit):
                membrane *= decay
                if not len(rows):
                    continue
                last[rows] = k
                if k < until:
                    membrane[winner] += weights[rows, winner].sum()
                else:
                    membrane += weights[rows].sum(dim=0)
                ready = membrane >= LIF.threshold
                if ready.any():
                    winner, until = int(ready.nonzero()[0]), k + blocked
                    fired.append(winner)
                    weights[:, winner] += torch.where(k - last <= window, ALPHA, -ALPHA)
                    weights[:, winner].clamp_(0, 1)
                    membrane.zero_()

    weights, fired = torch.empty(ROWS, NEURONS), []
    rate = TORCH_DIGITS / fastest(play)
    note = f"{torch.__version__}, 1 us a step, float32, all inputs of a step at once, ties by index"
    return compared("torch loop", TORCH_DIGITS, rate, len(fired) / TORCH_DIGITS, weights.numpy(), note)


def brian2_network(folder, settings):
    """The same network in Brian2; its source runs in another environment, so it uses nothing from this file."""
    import json
    import time

    import brian2 as b
    import numpy as np

    b.set_device("cpp_standalone", directory=f"{folder}/code", build_on_run=False)
    b.prefs.core.default_float_dtype = np.float32
    b.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-ffast-math", "-march=native", "-std=c++17"]
    b.defaultclock.dt = settings["step"] * b.second
    spikes = np.load(f"{folder}/spikes.npz")
    digit, times = settings["duration"] * b.second, (spikes["step"] + 0.5) * settings["step"] * b.second
    names = {name: settings[name] for name in ("threshold", "alpha", "blocked", "window")}
    names["leak"] = settings["leak"] * b.second

    code = "static int _won = -1;\ninline int first_ready(int ready, int step) {"
    code += " if (!ready || step == _won) return 0; _won = step; return 1; }"

    @b.implementation("cpp", code)
    @b.check_units(ready=1, step=1, result=1)
    def first_ready(ready, step):
        raise NotImplementedError

    first_ready.stateless, names["first_ready"] = False, first_ready
    inputs = b.SpikeGeneratorGroup(settings["rows"], spikes["line"], times, when="start")
    seen = b.NeuronGroup(settings["rows"], "last : integer")
    neurons = b.NeuronGroup(
        settings["neurons"], "dv/dt = -v / leak : 1\nfree_at : integer", method="exact", namespace=names,
        threshold="first_ready(int(v >= threshold), t_in_timesteps) > 0", reset="v = 0",
    )  # fmt: skip
    note = b.Synapses(inputs, seen, on_pre="last_post = t_in_timesteps")
    note.connect(j="i")
    cells = b.Synapses(
        inputs, neurons, "w : 1", namespace=names, on_pre="v_post += w * int(t_in_timesteps >= free_at_post)",
        on_post="w = clip(w + alpha * (2 * int(t_in_timesteps - last_seen <= window) - 1), 0, 1)",
    )  # fmt: skip
    cells.variables.add_reference("last_seen", seen, "last", index="_presynaptic_idx")
    cells.connect()
    cells.w = settings["pristine"]
    others = b.Synapses(neurons, neurons, namespace=names, on_pre="v_post = 0\nfree_at_post = t_in_timesteps + blocked")
    others.connect(condition="i != j")
    note.pre.when = cells.pre.when = "before_thresholds"
    neurons.run_regularly("v = 0\nfree_at = 0", dt=digit, when="before_start")
    seen.run_regularly("last = -1000000", dt=digit, when="before_start")
    output = b.SpikeMonitor(neurons, record=False)
    b.Network(b.collect()).run(settings["digits"] * digit)
    begun = time.perf_counter()
    b.device.build(directory=f"{folder}/code", compile=True, run=False)
    compiled, seconds = time.perf_counter() - begun, []
    for _ in range(settings["repeats"]):
        b.device.run(f"{folder}/code", with_output=False, run_args=[])
        seconds.append(b.device._last_run_time)
    weights = np.zeros((settings["rows"], settings["neurons"]))
    weights[np.asarray(cells.i), np.asarray(cells.j)] = np.asarray(cells.w)
    np.save(f"{folder}/weights.npy", weights)
    result = {"seconds": seconds, "compile": compiled, "fired": int(output.num_spikes), "version": b.__version__}
    print("RESULT " + json.dumps(result))


def in_brian2(home: Path) -> list[Row]:
    """Brian2 as a process of its own."""
    home, batch = home.resolve(), encode(0, BRIAN2_DIGITS)
    python, digit = home / "env" / "bin" / "python", np.repeat(np.arange(BRIAN2_DIGITS), np.diff(batch.start))
    settings = {
        "step": STEP, "duration": CODE.duration, "rows": ROWS, "neurons": NEURONS, "pristine": PRISTINE, "alpha": ALPHA,
        "threshold": LIF.threshold, "leak": LIF.leak, "blocked": round(LIF.inhibition / STEP),
        "window": round(STDP.window / STEP), "digits": BRIAN2_DIGITS, "repeats": REPEATS,
    }  # fmt: skip
    quietly = {"capture_output": True, "text": True, "timeout": 300}
    program = f"{inspect.getsource(brian2_network)}\nbrian2_network({str(home)!r}, {settings!r})\n"
    try:
        home.mkdir(parents=True, exist_ok=True)
        np.savez(home / "spikes.npz", line=batch.line, step=digit * STEPS + (batch.time / STEP).astype(int))
        if not python.exists() or subprocess.run([python, "-c", "import brian2"], **quietly).returncode:
            print(f"installing Brian2 into {home / 'env'}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", "--clear", home / "env"], check=True, **quietly)
            subprocess.run([python, "-m", "pip", "install", "brian2>=2.9", "numpy<2.4"], check=True, **quietly)
        ran = subprocess.run([python, "-c", program], check=True, **quietly)
        result, weights = json.loads(ran.stdout.rpartition("RESULT ")[2]), np.load(home / "weights.npy")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        print(
            f"Brian2 left out, it cannot be installed, compiled or run here: {said[-1] if said else error!r}",
            file=sys.stderr,
        )
        return []
    note = (
        f"{result['version']}, C++ standalone, 1 us a step, float32, all inputs of a step at once, ties by index (by a "
        f"C++ function); simulation alone, without {result['compile']:.0f} s to generate and compile the code"
    )
    rate = BRIAN2_DIGITS / min(result["seconds"])
    return compared("Brian2", BRIAN2_DIGITS, rate, result["fired"] / BRIAN2_DIGITS, weights, note)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=int, default=6000, help="digits that ours learns")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="where Brian2 is kept (default: temporary files)")
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--quick", action="store_true", help="smallest sizes: shows that it runs, measures nothing")
    parser.add_argument("--without-brian2", action="store_true", help="do not install or run Brian2")
    arguments = parser.parse_args()
    if arguments.quick:
        globals().update(NEURONS=8, BATCH=2, REPEATS=1, TORCH_DIGITS=1, BRIAN2_DIGITS=2)
    digits = BATCH if arguments.quick else arguments.digits
    rows = ours(digits)
    rows += roofline(rows[1].value, digits) + in_torch()
    if arguments.without_brian2:
        print("Brian2 is left out: --without-brian2", file=sys.stderr)
    else:
        rows += in_brian2(arguments.peers or Path(tempfile.gettempdir()) / "memhil-wta-peers")
    report(rows, f"Winner-take-all learning, {ROWS} x {NEURONS} cells, one thread each", arguments.json)


if __name__ == "__main__":
    main()
