"""`hil train stdp` on a crossbar behind a switch matrix: trained by the same driver, it ends with the same map."""

import signal

import numpy as np
import pytest

from hil.backends import open_device
from hil.data.datasets import load
from hil.limits import LimitError
from hil.training.loop import Stage
from hil.training.protocol import Protocol, WaveformTrainee
from hil.training.stdp import StdpTraining
from hil.waveform import Waveform
from instruments.virtual.k2450 import OVERHEAD
from instruments.virtual.matrices import SETTLING, Relays

CELLS = "preset=figure3&Dv=70&Dn=0.03"
"""Cells that 12 images move by 13 to 42 %, depending on the row.

Reading 9 x 2 cells takes 0.4 s of relays: a slow volatile part would relax meanwhile (Dv). A negative voltage, however
small, lets the non-volatile one relax (Dn, eq 4), and cells of several columns are read with both signs.
"""

BARE = f"sim:flca-pair?{CELLS}"
VIRTUAL = f"visa:virtual?dut=sim:flca-pair;{CELLS.replace('&', ';')}"

PROTOCOL = Protocol(other_delay=0.06)
"""Delays that leave time for relays: a 707B may take 50 ms."""

TIMING = 0.01 / 50 + OVERHEAD
"""Length of a reading of the 2450 at 0.01 power line cycles, s: one at 0 V ends, and so times, a train of pulses."""


@pytest.fixture
def relays(monkeypatch):
    """Relays of every matrix that is set up."""
    found, init = [], Relays.__init__

    def spy(self, *arguments):
        init(self, *arguments)
        found.append(self)
        self.moves, change = 0, self.change

        def counted(closed):
            self.moves += set(closed) != self.closed
            change(closed)

        self.change = counted

    monkeypatch.setattr(Relays, "__init__", spy)
    return found


def trained(uri, cols, images=12, protocol=PROTOCOL):
    """The device after some images of 3 x 3 pixels; a column's target are those with, and without, a line."""
    data = load("lines3x3")
    order = np.random.default_rng(1).permutation(len(data.train_images))[:images]
    targets = data.train_labels[order][:, None] == np.arange(data.classes)[::-1][:cols]
    device = open_device(uri, defaults={"rows": data.inputs, "cols": cols})
    trainee = WaveformTrainee(device, protocol, data.train_images, data.full_scale)
    stage = Stage("trained", 0, True, order, targets)
    trainee.check(stage)
    trainee.reset()
    trainee.show(stage, slice(0, images))
    return device


@pytest.mark.parametrize("cols", [1, 2])
def test_a_crossbar_behind_a_matrix_ends_with_the_map_of_the_bare_device(relays, cols):
    with (
        trained(BARE, cols) as bare,
        trained(f"{VIRTUAL}&watchdog=false", cols) as device,
    ):
        want, truth = rested(bare, cols), device.bench.dut.truth.conductance
        assert truth == pytest.approx(want, rel=1e-9), "what the sample went through is the same"
        seen = device.read()
        assert seen == pytest.approx(want, rel=1e-3 * cols)
        assert np.ptp(want) / want.mean() > 0.1, "the map says something"
        assert want.max() < 0.9 * untrained(), "and it is not the one it began with"
        assert device.lateness == 0.0
        (matrix,) = relays
        assert matrix.moves > 2 * 12
        assert matrix.hot_switches == 0


def rested(device, cols):
    """Conductances after the reading at 0 V that times the last train, in which the cells go on relaxing."""
    device.apply(Waveform.samples(np.zeros((1, 9)), np.zeros((1, cols)), dwell=TIMING))
    return device.conductance


def untrained():
    with open_device(BARE) as device:
        return float(device.conductance.max())


def test_noise_of_the_instrument_does_not_reach_the_cells():
    with (
        trained(BARE, 1) as bare,
        trained(f"{VIRTUAL}&watchdog=false&relative_noise=0.01", 1) as device,
    ):
        assert device.bench.dut.truth.conductance == pytest.approx(rested(bare, 1), rel=1e-9)
        off = device.read() / bare.conductance - 1
        assert 0.001 < np.abs(off).max() < 0.05


def test_relays_that_are_too_slow_for_the_delay_say_so():
    """The matrix settles in 15 ms, and only when the output is off: after the tick at 0 V that times a single pulse.

    A pulse of 1 ms is one tick, too short to be timed at its half, so it is followed by another tick of 1 ms. Without
    leave to be late, it refuses.
    """
    quick = Protocol(other_delay=0.01)
    with trained(f"{VIRTUAL}&watchdog=false", 1, 2, quick) as device:
        assert device.lateness == pytest.approx(SETTLING + quick.width - quick.other_delay) == pytest.approx(6e-3)
    with pytest.raises(LimitError, match=r"the relays need 0.05 s at 0 V before it, the waveform gives 0.01 s"):
        trained(f"{VIRTUAL}&watchdog=false&gaps=false", 1, 2, quick)


# ---- the command

WORDS = [
    "train", "stdp", "--dataset", "lines3x3", "--seeds", 1, "--epochs", 0.03, "--set", "train.controls=false",
    "--set", "train.curve=0", "--set", "protocol.other_delay=0.06", "--set", "train.batch=4",
    "--set", "data.holdout=0", "--readout", "raw",
]  # fmt: skip


@pytest.fixture
def undrawn(monkeypatch):
    monkeypatch.setattr(StdpTraining, "draw", lambda self: [])


def map_of(run):
    with np.load(run / "checkpoint.npz") as file:
        return file["g/untrained #0"], file["g/trained #0"]


def test_the_command_trains_a_virtual_crossbar_like_the_bare_device(hil, relays, tmp_path, undrawn):
    for uri, run in ((BARE, "bare"), (VIRTUAL, "lab")):
        code, _, err = hil(*WORDS, "--device", uri, "--run", run)
        assert code == 0, err
    before, want = map_of(tmp_path / "bare")
    _, seen = map_of(tmp_path / "lab")
    assert want.shape == (9, 2)
    assert seen == pytest.approx(want, rel=2e-3)
    assert np.abs(want / before - 1).min() > 0.2
    assert np.ptp(want, axis=0).min() / want.mean() > 0.1
    assert [matrix.hot_switches for matrix in relays] == [0]


def test_a_training_that_is_stopped_goes_on_with_a_pristine_crossbar(hil, tmp_path, monkeypatch, undrawn):
    """It cannot be given back the state in which it was stopped, so the stage begins anew."""
    assert hil(*WORDS, "--device", BARE, "--run", "whole")[0] == 0
    show, shown, virtual = WaveformTrainee.show, [], f"{VIRTUAL}&watchdog=false"

    def stopped(self, stage, here):
        show(self, stage, here)
        shown.append(here)
        if len(shown) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(WaveformTrainee, "show", stopped)
    code, _, err = hil(*WORDS, "--device", virtual, "--run", "part")
    assert (code, "stopped after 8 of 15 images" in err) == (130, True), err
    assert hil("train", "stdp", "--resume", "part")[0] == 0
    assert [here.start for here in shown] == [0, 4, 0, 4, 8, 12]
    assert map_of(tmp_path / "part")[1] == pytest.approx(map_of(tmp_path / "whole")[1], rel=2e-3)


@pytest.mark.slow
def test_the_whole_command_with_the_device_it_takes_by_itself(hil, relays, tmp_path):
    """Two classes, 435 images; a real delay of 10 ms cannot be had behind relays, 15 ms is what comes out."""
    words = ["train", "stdp", "--dataset", "lines3x3", "--seeds", 1, "--set", "train.curve=0"]
    words += ["--set", "train.controls=false"]
    for uri, run in (("sim:flca-pair", "bare"), ("visa:virtual", "lab")):
        code, _, err = hil(*words, "--device", uri, "--run", run)
        assert code == 0, err
    (_, want), (_, seen) = map_of(tmp_path / "bare"), map_of(tmp_path / "lab")
    assert seen == pytest.approx(want, rel=2e-3)
    assert [matrix.hot_switches for matrix in relays] == [0]
