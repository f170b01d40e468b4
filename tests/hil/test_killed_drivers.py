"""kill -9 in the middle of a training, for every driver that is registered: resumed, it ends in the same bits."""

import json
import re
import signal
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

SPREAD = "c2c=0.3&d2d=0.1&read_noise=0.01"
TINY = {
    "ann2snn": "train.epochs=2 train.layers=64,12,10 train.steps=8",
    "backprop": "train.epochs=0.5 train.layers=64,12,10 train.momentum=0.5 train.curve=4",
    "binary-snn": "train.epochs=2 train.layers=64,12,10 train.steps=4",
    "hybrid": "train.epochs=0.5 train.layers=64,12,10 train.software_epochs=1",
    "lifelong": "train.targets=4,7 train.images=40 train.batch=8 train.frames=3",
    "lstm": "train.epochs=2 train.units=6",
    "noise-injection": "train.epochs=2 train.layers=64,12,10",
    "patterns": "train.iterations=4 train.neurons=5 train.tests=1",
    "pavlov": "",
    "perceptron": "train.epochs=8",
    "pill": "train.epochs=0.05 train.batch=20 data.holdout=0.2",
    "prune": "train.epochs=0.4 train.neurons=10 train.batch=50 train.curve=2 data.holdout=0.2",
    "recall": "train.epochs=1 train.count=3 train.cues=1",
    "reservoir": "train.epochs=1",
    "rstdp": "train.epochs=0.2 train.neurons=1 train.batch=50 train.rate=1.0",
    "som": "train.epochs=0.2 train.side=4 train.batch=50 train.curve=2",
    "stdp": "train.epochs=0.1 train.batch=16",
    "stellar": "train.epochs=0.1 train.layers=64,12,10",
    "surrogate": "train.epochs=2 train.layers=64,12,10 train.steps=4 train.mend=100",
    "tour": "train.epochs=6 train.units=2 train.batch=16",
    "wta": "train.epochs=0.2 train.neurons=8 train.batch=25 train.labelling=200 data.holdout=0.1",
}
"""Settings of a short run of every driver; one that is added needs a line here."""

QUICK = ("backprop",)
NEEDS_TORCH = ("binary-snn", "lstm", "surrogate")
REGISTERED = sorted(each.name for each in entry_points(group="hil.drivers"))
DRIVERS = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in REGISTERED]


def train(folder, fatal, *words):
    """`hil train`, killed behind its batch number `fatal`; how many it has shown, or None where it was killed."""
    script = Path(__file__).with_name("killed_driver.py")
    done = subprocess.run([sys.executable, script, str(fatal), *words], cwd=folder, capture_output=True, text=True)
    if fatal:
        assert done.returncode == -signal.SIGKILL, done.stderr
        return None
    assert done.returncode == 0, done.stderr
    return int(re.findall(r"batches shown: (\d+)", done.stdout)[-1])


def left_behind(run):
    """Everything that a run found: its checkpoint bit by bit, its curve (empty is as none), its rows."""
    with np.load(run / "checkpoint.npz") as file:
        arrays = {name: (file[name].dtype.str, file[name].shape, file[name].tobytes()) for name in file.files}
    curve = run / "metrics.jsonl"
    rows = json.loads((run / "results.json").read_text())["rows"]
    return arrays, curve.read_text() if curve.exists() else "", rows


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_driver_that_was_killed_twice_ends_in_the_same_bits(driver, tmp_path):
    if driver in NEEDS_TORCH:
        pytest.importorskip("torch")
    settings = [word for each in TINY[driver].split() for word in ("--set", each)]
    words = [driver, "--seeds", "1", *settings]
    batches = train(tmp_path, 0, *words, "--run", "whole")
    assert batches >= 4
    train(tmp_path, batches // 3, *words, "--run", "cut")
    train(tmp_path, max(1, batches // 4), driver, "--resume", "cut")
    train(tmp_path, 0, driver, "--resume", "cut")
    whole, cut = left_behind(tmp_path / "whole"), left_behind(tmp_path / "cut")
    assert cut[0].keys() == whole[0].keys()
    for name, array in whole[0].items():
        assert cut[0][name] == array, name
    assert cut[1:] == whole[1:]
