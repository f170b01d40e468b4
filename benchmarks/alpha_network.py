"""What a presentation of 50 us costs the network of Zhou et al. (2022), one thread, beside Brian2.

    python benchmarks/alpha_network.py [--quick] [--json FILE] [--peers FOLDER | --without-brian2]

1,024 inputs and 320 memristive neurons with an inhibitory partner each (Type 2), or 1,024 recurrent ones (Type 1), with
learning, steps of 50 ns; processor time, least of several presentations. The same Type 2 network in Brian2 (C++
standalone, one thread) takes the same step by its exponential Euler rule, whatever its error, or steps of 1 ns by its
Euler rule, with which the error of a membrane under spikes of 50 uA is 0.08 mV; ours is 0.09 mV
(tests/hil/test_alpha_network.py). Brian2 is installed with pip
into an environment of its own in FOLDER.
"""

from __future__ import annotations

import argparse
import inspect
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hil.data.outlines import four, thin
from hil.runs.results import Row, report
from hil.spiking.alpha.network import AlphaNetwork
from hil.spiking.alpha.settings import AlphaNetworkSettings
from hil.training.patterns import NETWORK

NEURONS, TURNS, BRIAN2_PRESENTATIONS = 320, 12, 10


def measured(network: AlphaNetwork, pattern: np.ndarray) -> tuple[float, float]:
    """Least processor time of a presentation, s, and mean spikes of the layer."""
    rng, seconds, spikes = np.random.default_rng(0), [], []
    network.present(pattern, rng, True)
    for _ in range(TURNS):
        begun = time.process_time()
        evoked = network.present(pattern, rng, True)
        seconds.append(time.process_time() - begun)
        spikes.append(int(evoked.counts.sum()))
    return min(seconds), float(np.mean(spikes))


def ours() -> list[Row]:
    """Both networks."""
    two = AlphaNetwork(NETWORK, 1024, NEURONS, False, 0)
    seconds, spikes = measured(two, thin()[0].astype(float))
    rows = [Row(f"Type 2, 1024 -> {NEURONS}", 1e3 * seconds, "ms", note=f"a presentation; {spikes:.0f} output spikes")]
    one = AlphaNetwork(AlphaNetworkSettings(), 1024, 1024, True, 0)
    seconds, spikes = measured(one, four()[0].astype(float))
    rows.append(Row("Type 1, 1024 recurrent", 1e3 * seconds, "ms", note=f"a presentation; {spikes:.0f} output spikes"))
    return rows


def brian2_network(folder, presentations, neurons, dt_ns, method, rate, lit):
    """Type 2 in Brian2; its source runs in another environment, so it uses nothing from this file."""
    import json
    import resource

    import brian2 as b
    import numpy as np

    b.set_device("cpp_standalone", directory=f"{folder}/code", build_on_run=False)
    us = b.usecond
    b.defaultclock.dt = dt_ns * b.nsecond
    b.prefs.devices.cpp_standalone.openmp_threads = 0
    names = {
        "us": us, "tau": 1 * us,
        "tsyn": 10 * b.nsecond, "C": 100 * b.pfarad, "er": 50 * b.mV, "k": 15 * b.mV, "von": 100 * b.mV,
        "ron": 1e3 * b.ohm, "roff": 1e5 * b.ohm, "tst": 3 * us, "upre": 10 * b.nA, "upost": -0.1 * b.nA,
        "top": 24 * b.uA, "rate": rate * b.Hz,
    }  # fmt: skip
    mif = """
    dv/dt = (I - (x1/ron + (1-x1)/roff)*v - (x2/ron + (1-x2)/roff)*(v-er))/C : volt
    dx1/dt = ((1-x1)/(1+exp((von-v)/k)) - x1/(1+exp(v/k)))/tau : 1
    dx2/dt = ((1-x2)/(1+exp((von-v+er)/k)) - x2/(1+exp((v-er)/k)))/tau : 1
    dI/dt = (a - I)/tsyn : amp
    da/dt = -a/tsyn : amp
    """
    trace = """
    dT/dt = -T/tst : amp
    dA/dt = (T - A)/tst : amp
    """
    inputs = b.NeuronGroup(
        1024, trace + "lit : 1", threshold="rand() < lit*rate*dt*int(t % (50*us) < 35*us)", reset="T += upre",
        method="euler", namespace=names,
    )  # fmt: skip
    pixels = np.zeros(1024)
    pixels[lit] = 1
    inputs.lit = pixels
    spike = {"threshold": "v > 25*mV", "refractory": 3 * us, "method": method, "namespace": names}
    exc = b.NeuronGroup(neurons, mif + trace, reset="T += upost", **spike)
    inh = b.NeuronGroup(neurons, mif, reset="", **spike)
    for group in (exc, inh):
        group.v, group.x1, group.x2 = 15.307 * b.mV, 0.013106, 0.000138
    plastic = b.Synapses(
        inputs, exc, "w : amp",
        on_pre={"arrive": "a_post += w", "learn": "w = clip(w + A_post, 0*amp, top)"},
        on_post="w = clip(w + A_pre, 0*amp, top)", namespace=names,
    )  # fmt: skip
    plastic.connect()
    plastic.w = "rand()*12*uA"
    plastic.arrive.delay = "(i % 40)*0.05*us"
    partner = b.Synapses(exc, inh, on_pre="a_post += 300*uA")
    partner.connect(j="i")
    others = b.Synapses(inh, exc, on_pre="a_post -= 200*uA")
    others.connect(condition="i != j")
    monitor = b.SpikeMonitor(exc, record=False)
    b.run(presentations * 50 * us)
    b.device.build(directory=f"{folder}/code", compile=True, run=False)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    b.device.run(f"{folder}/code", with_output=False, run_args=[])
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    print(json.dumps({"seconds": seconds, "spikes": int(monitor.num_spikes)}))


def in_brian2(home: Path, mine: float) -> list[Row]:
    """Brian2 as a process of its own, at the same step and at about the same error."""
    home = home.resolve()
    python, quietly = home / "env" / "bin" / "python", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    rows, lit = [], np.flatnonzero(thin()[0]).tolist()
    try:
        if not python.exists() or subprocess.run([python, "-c", "import brian2"], check=False, **quietly).returncode:
            print(f"installing Brian2 into {home / 'env'}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", home / "env"], check=True, **quietly)
            subprocess.run([python, "-m", "pip", "install", "brian2>=2.9", "numpy<2.4"], check=True, **quietly)
        for dt, method, told in ((50, "exponential_euler", "the same step"), (1, "euler", "about the same error")):
            asked = (str(home), BRIAN2_PRESENTATIONS, NEURONS, dt, method, float(NETWORK.rate), lit)
            program = f"{inspect.getsource(brian2_network)}\nbrian2_network(*{asked!r})\n"
            print(f"compiling and running Brian2, {told} ...", file=sys.stderr)
            done = subprocess.run([python, "-c", program], check=True, text=True, capture_output=True, cwd=home)
            found = json.loads(done.stdout.strip().splitlines()[-1])
            each = found["seconds"] / BRIAN2_PRESENTATIONS
            ratio = each / mine
            note = (
                f"{ratio:.0f} times ours; {found['spikes'] / BRIAN2_PRESENTATIONS:.0f} output spikes; {dt} ns, {method}"
            )
            rows.append(Row(f"Brian2, {told}", 1e3 * each, "ms", note=note))
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError) as error:
        said = (getattr(error, "stderr", "") or repr(error)).strip().splitlines()
        rows.append(Row("Brian2", None, note=f"left out: {said[-1] if said else error!r}"))
    return rows


def main() -> None:
    """Measure, and report rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="smallest sizes, to see that it runs")
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON; - for standard output")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="where Brian2 is kept (default: temporary files)")
    parser.add_argument("--without-brian2", action="store_true", help="do not install or run Brian2")
    arguments = parser.parse_args()
    if arguments.quick:
        globals().update(NEURONS=32, TURNS=1, BRIAN2_PRESENTATIONS=1)
    rows = ours()
    if not arguments.without_brian2:
        home = arguments.peers or Path(tempfile.gettempdir()) / "memhil-alpha-peers"
        home.mkdir(parents=True, exist_ok=True)
        rows += in_brian2(home, float(rows[0].value or 0) / 1e3)
    report(rows, "A presentation of 50 us with learning, one thread", arguments.json)


if __name__ == "__main__":
    main()
