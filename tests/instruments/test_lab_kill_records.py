"""However `hil characterize` ends in a train: the output is off, records are kept, nothing is played twice unasked."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kill_bench import DEATHS, WITHIN, wait_until

from hil.backends import open_device
from hil.experiments.records import load
from hil.waveform import Waveform
from instruments.link.command_log import CommandLog
from instruments.virtual.dut import Dut
from instruments.virtual.k2450 import K2450
from instruments.virtual.server import Server

PROGRAM = """
import ctypes, os, signal, sys
from hil.cli.main import main

death = sys.argv.pop(1)

def die(number, frame):
    if death == "exception":
        raise RuntimeError("a mistake in somebody's script")
    if death == "os._exit":
        os._exit(3)
    ctypes.string_at(0)

signal.signal(signal.SIGUSR1, die)
main()
"""
"""SIGUSR1 stands for what ends a program from inside."""

CYCLES, PER_BLOCK, HANGS_AT = 12, 2, 4
"""The cell drifts from cycle to cycle, so that no two blocks are alike."""

CELL = "sim:rram?model=nlsb&alpha=0.1&alpha_dep=0.05"
SETTINGS = [
    f"cycles={CYCLES}", f"cycles_per_block={PER_BLOCK}", "pulses=3", "min_ratio=1", "width=1e-3", "amplitude=1.1",
]  # fmt: skip
COMMAND = ["characterize", "endurance", "--v-max", "1.2", "--i-max", "1e-3"]
COMMAND += [word for setting in SETTINGS for word in ("--set", setting)]


class Hanging(K2450):
    """A 2450 that hangs with its output on in one of its trains, and keeps what it heard."""

    def __init__(self, dut):
        super().__init__(dut)
        self.hangs_at, self.trains, self.heard = None, 0, []
        self.before_first = lambda: None

    @property
    def hung(self):
        return self.trains == self.hangs_at and self.output

    def handle(self, message):
        self.heard.append(message)
        if message == "INIT":
            self.trains += 1
            if self.trains == 1:
                self.before_first()
            if self.trains == self.hangs_at:
                return super().handle("OUTP ON")
        if message == "*OPC?" and self.output:
            return None
        return super().handle(message)


@pytest.fixture
def bench():
    with open_device(CELL) as device:
        device.apply(Waveform.rest(1e-3))  # loads the compiled model, which takes longer than a link may wait
        with Server(Hanging(Dut(device))) as server:
            yield server


@pytest.fixture(scope="module")
def undisturbed():
    """What is measured when nothing happens."""
    with open_device(CELL) as device:
        cycle = [1.1] * 3, [-1.1] * 3
        found = []
        for _ in range(CYCLES):
            for part in cycle:
                for v in part:
                    device.apply(Waveform.pulse(v, width=1e-3) + Waveform.rest(1e-3))
                found.append(device.read()[0, 0])
    return np.array(found).reshape(CYCLES, 2)


@pytest.mark.parametrize("death", DEATHS)
def test_nothing_is_lost_and_nothing_is_played_again_unasked(bench, undisturbed, hil, tmp_path, monkeypatch, death):
    instrument, run = bench.instrument, tmp_path / "run"
    instrument.hangs_at = HANGS_AT
    words = [*COMMAND, "--device", f"visa:{bench.resource}", "--run", str(run)]
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, death, *words],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert wait_until(lambda: instrument.hung, 30.0), "the train did not begin"
        assert wait_until(lambda: instrument.heard[-1] == "*OPC?", 1.0)
        from_inside = death in ("exception", "os._exit", "SIGSEGV")
        os.kill(program.pid, signal.SIGUSR1 if from_inside else getattr(signal, death))
        assert wait_until(lambda: not instrument.output, WITHIN), f"still on {WITHIN} s after {death}"
        heard = list(instrument.heard)
        assert death == "SIGSTOP" or wait_until(lambda: program.poll() is not None, 10.0)
    finally:
        program.kill()
        program.wait()

    finished = HANGS_AT - 1
    kept = load(run)
    assert kept["block"].tolist() == [k // PER_BLOCK for k in range(finished * PER_BLOCK)]
    assert kept["cycle"].tolist() == list(range(1, finished * PER_BLOCK + 1))
    assert kept["after_positive"] == pytest.approx(undisturbed[: len(kept["cycle"]), 0], rel=1e-6)
    before = CommandLog(run / "commands.log").sent
    hung = [k for k, message in enumerate(heard) if message == "*OPC?"][finished] + 1
    assert before[:hung] == heard[:hung], "all that the instrument heard is in the log"

    instrument.hangs_at = None
    monkeypatch.setattr("hil.experiments.figures.save", lambda figure, path: None)
    heard = list(instrument.heard)
    for _ in range(2):
        code, _, err = hil("characterize", "--resume", run)
        first, last = finished * PER_BLOCK + 1, (finished + 1) * PER_BLOCK
        assert code == 2
        assert (
            f"has driven 'cycles {first} to {last}' on visa:{bench.resource} perhaps in part, perhaps to its end" in err
        )
        assert "it is not driven again" in err and "16 pulses and reads of up to 1.1 V" in err
        assert f"continue with: hil characterize --resume {run} --play-again" in err and err.count("\n") == 1
    assert instrument.heard == heard, "a refused resume says nothing to the instrument"

    code, _, err = hil("characterize", "--resume", run, "--play-again")
    assert code == 0, err
    assert not instrument.output
    whole = load(run)
    assert whole["cycle"].tolist() == list(range(1, CYCLES + 1))
    for column, name in enumerate(("after_positive", "after_negative")):
        assert whole[name] == pytest.approx(undisturbed[:, column], rel=1e-6)
    sent = CommandLog(run / "commands.log").sent
    assert sent[: len(before)] == before
    assert sent.count("INIT") == HANGS_AT + CYCLES // PER_BLOCK - finished
    meta = json.loads((run / "meta.json").read_text())
    assert (meta["state"], [sent["place"] for sent in meta["again"]]) == ("finished", [[0, finished]])
    assert "was cut off and played again (--play-again)" in (run / "results.json").read_text()
    assert not (run / "sending.json").exists()


def test_the_run_is_described_on_disk_before_the_output_goes_on(bench, hil, tmp_path, monkeypatch):
    events, fsync = [], os.fsync

    def watched(number):
        fsync(number)
        path = Path(f"/proc/self/fd/{number}").readlink()
        events.append((path.name, json.loads(path.read_text()) if "meta.json" in path.name else None))

    meta = tmp_path / "run/meta.json"
    bench.instrument.before_first = lambda: events.append(("on", json.loads(meta.read_text())))
    monkeypatch.setattr(os, "fsync", watched)
    monkeypatch.setattr("hil.experiments.figures.save", lambda figure, path: None)
    code, _, err = hil(*COMMAND, "--device", f"visa:{bench.resource}", "--run", "run")
    assert code == 0, err
    names = [name for name, _ in events]
    before = events[: names.index("on")]
    (there,) = (told for name, told in events if name == "on")
    synced = [told for name, told in before if name == "meta.json.part"]
    assert synced[-1] == there, "what was there when the output went on had been fsynced"
    assert names.index("run", names.index("meta.json.part")) < names.index("on"), "so had its name in the folder"
    (device,) = there["devices"]
    assert device["identity"] == bench.instrument.identity
    assert device["uri"] == f"visa:{bench.resource}"
    assert (device["limits"]["v_max"], device["limits"]["i_max"]) == (1.2, 1e-3)
    assert (device["settings"]["amplitude"], device["settings"]["cycles"]) == (1.1, CYCLES)
    assert (device["parameters"]["v_max"], device["parameters"]["nplc"]) == (1.2, 0.01)
    assert there["units"]["after_positive"] == "S"
    assert there["versions"]["pyvisa"][0].isdigit()
    assert CommandLog(tmp_path / "run/commands.log").sent == bench.instrument.heard


def test_a_run_that_never_began_leaves_no_folder(bench, hil, tmp_path):
    words = ["--device", f"visa:{bench.resource}", "--set", "row=3", "--run", "run"]
    code, _, err = hil(*COMMAND, *words)
    assert (code, "row = 3" in err) == (2, True)
    assert not (tmp_path / "run").exists()
    assert not any(message.startswith(("OUTP", "INIT", "SOUR")) for message in bench.instrument.heard)


# ---- what a dry run promises


@pytest.mark.parametrize(
    "uri",
    ["visa:virtual", "visa:virtual?model=2461&transport=hislip", "visa:virtual?model=2602B", "visa:virtual?rows=2"],
)
def test_a_dry_run_prints_what_a_run_puts_on_the_wire(hil, tmp_path, monkeypatch, uri):
    monkeypatch.setattr("hil.experiments.figures.save", lambda figure, path: None)
    words = ["characterize", "ltp", "--device", uri, "--set", "pulses=4", "--set", "cycles=2", "--v-max", 2]
    code, out, _ = hil(*words, "--dry-run", "--commands", "-")
    assert code == 0
    assert not (tmp_path / "runs").exists()
    lines = [line.strip() for line in out.splitlines() if line.startswith("      ")]
    promised = [line for line in lines if not line.startswith("#")]
    code, _, err = hil(*words, "--run", "run")
    assert code == 0, err
    questions = {"*IDN?", "*LANG?", "print(localnode.model)", "SYST:ERR?", "print(errorqueue.next())"}
    # Opening a device asks for the mains and the terminals as well, which the user did not give.
    questions |= {"SYST:LFR?", "print(localnode.linefreq)"}
    sent = [message for message in CommandLog(tmp_path / "run/commands.log").sent if message not in questions]
    if sent[0] == "ROUT:TERM?":
        del sent[0]
    assert sent == promised
    assert len(promised) > 40
