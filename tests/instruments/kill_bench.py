"""Programs that die in the middle of a train, and virtual instruments whose trains last until somebody stops them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

from instruments.virtual.b2900 import B2900
from instruments.virtual.k2450 import K2450
from instruments.virtual.k2600 import K2600

WITHIN = 2.5
"""Seconds in which every output is off."""

SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGSTOP"]
DEATHS = ["exception", "os._exit", "SIGSEGV", *SIGNALS]

PROGRAM = """
import ctypes, os, signal, sys, threading
from contextlib import ExitStack
from hil.backends import open_device
from hil.waveform import Waveform

death, *uris = sys.argv[1:]

def die(number, frame):
    if death == "exception":
        raise RuntimeError("a mistake in somebody's script")
    if death == "os._exit":
        os._exit(3)
    ctypes.string_at(0)

def play(device):
    row, col = [0.5] + [0.0] * (device.rows - 1), [-0.3] + [0.0] * (device.cols - 1)
    measure = device.cells == (1, 1)
    device.apply(Waveform.pulse(row, col, width=60.0, measure=measure))

signal.signal(signal.SIGUSR1, die)
with ExitStack() as stack:
    first, *others = [stack.enter_context(open_device(uri)) for uri in uris]
    print("open", flush=True)
    for other in others:
        threading.Thread(target=play, args=(other,), daemon=True).start()
    play(first)
"""


class SlowTrains(K2450):
    """A 2450 whose trains take their time, as real ones do: the output stays on until somebody stops it."""

    def handle(self, message):
        if message == "INIT":
            return super().handle("OUTP ON")
        if message == "*OPC?" and self.output:
            return None
        return super().handle(message)


class _Pair:
    """Both channels, and the levels that stood whenever an output went off while both were on."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.levels_at_off = []
        for channel in self.channels:
            self._spy(channel)

    def _spy(self, channel):
        switch = channel.switch

        def switched(on, **more):
            if not on and self.every_output:
                self.levels_at_off.append([one.level for one in self.channels])
            return switch(on, **more)

        channel.switch = switched

    @property
    def every_output(self):
        return all(one.output for one in self.channels)


class SlowPairs(_Pair, K2600):
    """A 2602B whose line of Lua that plays a train takes its time: both outputs stay on until somebody stops it."""

    @property
    def channels(self):
        return [smu.channel for smu in self.smus]

    def handle(self, message):
        if "waitcomplete()" in message:
            begin = (
                "smua.source.output = 1; smub.source.output = 1; smua.source.levelv = 0.5; smub.source.levelv = -0.3"
            )
            super().handle(begin)
            self.stalled = True
            return None
        return super().handle(message)


class SlowKeysight(_Pair, B2900):
    """A B2902A whose triggers take their time."""

    def __init__(self, dut):
        super().__init__(dut, model="B2902A")

    @property
    def channels(self):
        return [unit.channel for unit in self.units]

    def handle(self, message):
        if ":INIT" in message:
            return super().handle(":OUTP1 ON;:OUTP2 ON;:SOUR1:VOLT 0.5;:SOUR2:VOLT -0.3")
        if message == "*OPC?" and self.output:
            return None
        return super().handle(message)


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def program(death, *uris):
    """A process that plays a train of a minute on every device; gone at the end, whatever happens."""
    words = [sys.executable, "-c", PROGRAM, death, *uris]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def dies(death, uris, on, off):
    """A program dies in the middle of a train: `off()` comes within `WITHIN` s, which is said by the return value."""
    with program(death, *uris) as process:
        assert process.stdout.readline() == b"open\n", process.stderr.read().decode()
        assert off()
        assert wait_until(on, 20.0), "the train did not begin"
        time.sleep(0.3)
        assert on()
        os.kill(process.pid, getattr(signal, death) if death in SIGNALS else signal.SIGUSR1)
        dead = time.monotonic()
        assert wait_until(off, WITHIN), f"still on {WITHIN} s after {death}"
        return time.monotonic() - dead
