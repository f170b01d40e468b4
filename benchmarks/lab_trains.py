"""A train of pulses played on the instrument, beside loops that send every pulse from the host.

    python benchmarks/lab_trains.py [--pulses 100] [--json FILE]

One virtual 2450 in a process of its own, on a loopback socket, with a memristor behind it; all talk to it one after
another. It plays in virtual time, so what is compared is the talking, and what the virtual instrument computes: some
50 ms of a train of 100 pulses, where a real one takes the length of the train. The loops do nothing else than source
and measure: no error is asked for, no limit is read back. The loop on a default socket waits for timers, our
train for the processor: the factor between them is that of an idle machine only.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pyvisa

from hil.backends import open_device
from hil.runs.results import Row, report
from hil.waveform import Waveform
from instruments.virtual.bench import Bench

WIDTH, PERIOD, VOLTAGE, REPEATS = 1e-3, 2e-3, 1.0, 20


def serve() -> None:
    """Run the virtual bench until standard input ends."""
    with Bench("2450", "sim:rram") as bench:
        print(bench.smu.resource, flush=True)
        sys.stdin.read()


def fastest(action: Callable[[], np.ndarray], pulses: int, repeats: int) -> float:
    """Seconds of the fastest of some runs, each of which must bring a current for every pulse."""
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        currents = action()
        seconds.append(time.perf_counter() - begun)
        assert len(currents) == pulses
        assert (currents > 0).all()
    return min(seconds)


def ours(resource: str, pulses: int) -> float:
    """Through `SmuDevice`: limits checked, errors asked for after every message, watched by the watchdog."""
    train = Waveform.train(VOLTAGE, width=WIDTH, period=PERIOD, count=pulses, measure=True)
    with open_device(f"visa:{resource}?v_max=2&i_max=1e-3") as device:
        device.apply(Waveform.pulse(VOLTAGE, width=WIDTH))  # sets it up, once in a session
        return fastest(lambda: device.apply(train).currents[:, 0], pulses, REPEATS)


def loop(resource: str, pulses: int, *, nodelay: bool, compound: bool) -> float:
    """Pulse by pulse from the host, over a plain pyvisa socket."""
    instrument = pyvisa.ResourceManager("@py").open_resource(
        resource, read_termination="\n", write_termination="\n", timeout=5000
    )
    if nodelay:
        # pyvisa-py refuses the attribute of the same name on a socket.
        connection = instrument.visalib.sessions[instrument.session].interface
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for text in ("*RST", "SOUR:FUNC VOLT", "SOUR:VOLT:RANG 2", "SOUR:VOLT:ILIM 1e-3", 'SENS:FUNC "CURR"'):
            instrument.write(text)
        assert instrument.query("*OPC?") == "1"

        def one() -> str:
            if compound:
                return instrument.query(f"SOUR:VOLT {VOLTAGE};:OUTP ON;:READ?")
            instrument.write(f"SOUR:VOLT {VOLTAGE}")
            instrument.write("OUTP ON")
            return instrument.query("READ?")

        return fastest(lambda: np.array([float(one()) for _ in range(pulses)]), pulses, 3)
    finally:
        instrument.write("OUTP OFF")
        instrument.close()


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pulses", type=int, default=100, help="pulses in the train")
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--quick", action="store_true", help="smallest sizes: shows that it runs, measures nothing")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    if arguments.quick:
        globals().update(REPEATS=1)
    pulses = 2 if arguments.quick else arguments.pulses
    with subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        resource = server.stdout.readline().strip()
        seconds = {
            "on the instrument, through SmuDevice": ours(resource, pulses),
            "three messages a pulse, default socket": loop(resource, pulses, nodelay=False, compound=False),
            "three messages a pulse, TCP_NODELAY": loop(resource, pulses, nodelay=True, compound=False),
            "one compound message a pulse": loop(resource, pulses, nodelay=False, compound=True),
        }
        server.stdin.close()
    rows, own, length = [], next(iter(seconds.values())), pulses * PERIOD
    for name, taken in seconds.items():
        rows.append(Row(name, taken * 1e3, "ms", n=pulses))
        if taken is not own:
            asked = "at least 50, idle" if "default" in name else None
            note = f"{(taken + length) / (own + length):.1f} x with the {length:g} s that a real train lasts"
            rows.append(Row("  ours is faster by", taken / own, "x", reference=asked, note=note))
    report(rows, f"A train of {pulses} pulses on a virtual Keithley 2450, loopback socket", arguments.json)


if __name__ == "__main__":
    main()
