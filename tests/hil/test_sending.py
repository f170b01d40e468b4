"""What a sample was being given when a run ended is never given again unasked, whatever ended it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hil.backends import open_device
from hil.device import Unsupported
from hil.errors import InputError
from hil.experiments.characterization import KIND, Characterization, MeasurementPlan
from hil.experiments.records import CharacterizationRun, load
from hil.runs import sending
from hil.runs.devices import Devices
from hil.runs.interrupt import Interrupted
from hil.runs.run import Run
from hil.training.loop import Stage, Trainee, TrainingLoop
from hil.waveform import Waveform
from sim.crossbar.array import SimulatedArray
from sim.fitting.records import load_run

PLAN = {
    "experiment": "ispp",
    "device": {"uri": ["sim:rram?c2c=0.2"]},
    "ispp": {"levels": 3, "max_pulses": 20, "tolerance": 0.2},
}


class PowerCut(BaseException):
    pass


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr("hil.experiments.figures.save", lambda figure, path: None)


@pytest.fixture
def sample(monkeypatch):
    """Simulated devices that cannot be set back or reset, as samples on a probe; waveforms that they were given."""
    given, play = [], SimulatedArray._play

    def refuse(self, *_):
        raise Unsupported("state lives in the sample")

    for name in ("snapshot", "restore", "reset"):
        monkeypatch.setattr(SimulatedArray, name, refuse)
    monkeypatch.setattr(SimulatedArray, "_play", lambda self, wave: given.append(wave) or play(self, wave))
    return given


def characterized(path, play_again=False, plan=PLAN):
    if (path / "config.toml").exists():
        with CharacterizationRun.resume(path, KIND) as run:
            return Characterization(MeasurementPlan(run.config), run, play_again).complete()
    made = MeasurementPlan(plan)
    with CharacterizationRun.create(path, KIND, made.dump()) as run:
        return Characterization(made, run).complete()


def dies_at(monkeypatch, given, count, error=PowerCut):
    """The waveform with this number is played, and the program ends."""
    play = SimulatedArray._play

    def fatal(self, wave):
        response = play(self, wave)
        if len(given) == count:
            raise error
        return response

    monkeypatch.setattr(SimulatedArray, "_play", fatal)


def test_a_block_that_was_cut_off_between_two_of_its_waveforms_is_not_played_again(tmp_path, monkeypatch, sample):
    characterized(tmp_path / "calm")
    blocks = load(tmp_path / "calm")["block"]
    assert np.bincount(blocks).max() > 1 and len(set(blocks)) == 3, "blocks of several waveforms"
    sample.clear()
    with monkeypatch.context() as patch:
        dies_at(patch, sample, 3)
        with pytest.raises(PowerCut):
            characterized(tmp_path / "run")
    assert len(sample) == 3
    for _ in range(2):
        with pytest.raises(InputError, match=r"has driven '.*' on sim:rram\?c2c=0.2 perhaps in part.*--play-again"):
            characterized(tmp_path / "run")
    assert len(sample) == 3, "nothing was played"
    rows, _ = characterized(tmp_path / "run", play_again=True)
    assert len(set(load(tmp_path / "run")["block"])) == 3
    assert any("was cut off and played again" in row.note for row in rows)
    assert not any("played again" in row.note for row in characterized(tmp_path / "calm")[0])


def test_a_fit_of_what_was_played_again_says_so(tmp_path, monkeypatch, sample):
    plan = {"experiment": "ltp", "device": {"uri": ["sim:rram"]}, "ltp": {"pulses": 4, "cycles": 1}}
    with monkeypatch.context() as patch:
        dies_at(patch, sample, 2)
        with pytest.raises(PowerCut):
            characterized(tmp_path / "run", plan=plan)
    characterized(tmp_path / "run", play_again=True)
    (note,) = load_run(tmp_path / "run").notes
    assert note.startswith("sim:rram: '") and "the cells have had some of it twice" in note


def test_a_block_whose_records_are_there_is_not_taken_for_one_that_was_cut_off(tmp_path, monkeypatch, sample):
    """The program is killed between the records and the end of the note on what is being sent."""
    characterized(tmp_path / "calm")
    whole = len(sample)
    sample.clear()
    with monkeypatch.context() as patch:
        patch.setattr(sending, "forget", lambda path: (_ for _ in ()).throw(PowerCut))
        with pytest.raises(PowerCut):
            characterized(tmp_path / "run")
    assert sending.left(tmp_path / "run") is not None
    characterized(tmp_path / "run")
    assert len(sample) == whole, "every waveform once"
    assert sending.left(tmp_path / "run") is None
    assert "again" not in json.loads((tmp_path / "run/meta.json").read_text())


def test_the_note_is_on_disk_before_the_first_waveform(tmp_path, monkeypatch, sample):
    seen, play = [], SimulatedArray._play

    def look(self, wave):
        seen.append(sending.left(tmp_path / "run"))
        return play(self, wave)

    monkeypatch.setattr(SimulatedArray, "_play", look)
    characterized(tmp_path / "run")
    assert [sent.place[1] for sent in seen] == sorted(sent.place[1] for sent in seen)
    assert {sent.place for sent in seen} == {(0, 0), (0, 1), (0, 2)}
    assert all(sent.device == PLAN["device"]["uri"][0] and "pulses and reads of up to" in sent.dose for sent in seen)


def test_a_device_that_can_be_set_back_goes_on_by_itself(tmp_path, monkeypatch):
    given, play = [], SimulatedArray._play
    monkeypatch.setattr(SimulatedArray, "_play", lambda self, wave: given.append(wave) or play(self, wave))
    characterized(tmp_path / "calm")
    given.clear()
    with monkeypatch.context() as patch:
        dies_at(patch, given, 3)
        with pytest.raises(PowerCut):
            characterized(tmp_path / "run")
    assert not (tmp_path / "run" / sending.FILE).exists()
    characterized(tmp_path / "run")
    for name, column in load(tmp_path / "calm").items():
        assert load(tmp_path / "run")[name].tobytes() == column.tobytes()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"place": [0, "x"]}', '{"place": [0, 0], "colour": "red"}'])
def test_a_damaged_note_is_one_sentence(tmp_path, monkeypatch, sample, text):
    dies_at(monkeypatch, sample, 1)
    with pytest.raises(PowerCut):
        characterized(tmp_path / "run")
    (tmp_path / "run" / sending.FILE).write_text(text)
    with pytest.raises(InputError, match=r"sending\.json is (damaged|not a valid JSON file)"):
        characterized(tmp_path / "run")
    assert len(sample) == 1


def test_a_block_that_an_earlier_version_noted_is_not_played_either(tmp_path, monkeypatch, sample):
    dies_at(monkeypatch, sample, 1)
    with pytest.raises(PowerCut):
        characterized(tmp_path / "run")
    sending.forget(tmp_path / "run")
    with CharacterizationRun.resume(tmp_path / "run", KIND) as run:
        (device,) = run.meta()["devices"]
        run.note(devices=[{**device, "unanswered": {"block": "level 1", "error": "it was late"}}])
    with pytest.raises(
        InputError, match=r"has driven 'level 1' on .* to its end, without records: it was late; it is not"
    ):
        characterized(tmp_path / "run")
    assert len(sample) == 1


def test_a_request_to_stop_within_a_block_says_how_to_go_on(tmp_path, monkeypatch, sample):
    dies_at(monkeypatch, sample, 2, KeyboardInterrupt)
    words = rf"interrupted; '.*' on .* was played .*begin a new run, or .*--resume {tmp_path / 'run'} --play-again"
    with pytest.raises(Interrupted, match=words):
        characterized(tmp_path / "run")
    assert json.loads((tmp_path / "run/meta.json").read_text())["state"] == "stopped"


@pytest.mark.parametrize("verb", [["characterize", "ltp"], ["train", "stdp"]])
def test_to_play_again_needs_a_run(hil, verb):
    code, _, err = hil(*verb, "--play-again")
    assert (code, "--play-again is about what a run was cut off at: it needs --resume" in err) == (2, True)


# ---- training


class Shown(Trainee):
    """Images are numbers of pulses on one cell."""

    def check(self, stage):
        pass

    def show(self, stage, here):
        for _ in stage.order[here]:
            self.device.apply(Waveform.pulse(1.0, width=1e-6))


def trained(path, fresh=False, play_again=False, images=6):
    """A run without a reset before its first stage, as a driver for samples has."""
    stages = [Stage(name, 0, fresh, np.arange(images)) for name in ("first", "second")]
    with Run.resume(path, "train x") if path.exists() else Run.create(path, "train x", {}) as run:
        sending.require_answered(run, "train x", play_again)
        loop = TrainingLoop(run, lambda seed: Shown(Devices({"device": open_device("sim:rram")})), 2)
        loop.play(stages, lambda *_: None, lambda *_: None, "continue")
        run.set_state("finished")


def test_a_training_that_can_neither_set_its_cells_back_nor_reset_them_is_not_repeated(tmp_path, monkeypatch, sample):
    with monkeypatch.context() as patch:
        dies_at(patch, sample, 5)
        with pytest.raises(PowerCut):
            trained(tmp_path / "run")
    for _ in range(2):
        with pytest.raises(InputError, match=r"has driven 'first #0' on sim:rram .* train x --resume .* --play-again"):
            trained(tmp_path / "run")
    assert len(sample) == 5
    trained(tmp_path / "run", play_again=True)
    assert len(sample) == 5 + 12
    assert not (tmp_path / "run" / sending.FILE).exists()
    trained(tmp_path / "run")
    assert len(sample) == 5 + 12, "a finished one plays nothing"


def test_an_orderly_stop_of_such_a_training_says_so_too(tmp_path, monkeypatch, sample):
    show = Shown.show

    def stopped(self, stage, here):
        show(self, stage, here)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Shown, "show", stopped)
    with pytest.raises(Interrupted, match=r"^stopped after 2 of 12 images; 'first #0' .* begin a new run, or .*again$"):
        trained(tmp_path / "run")
    with pytest.raises(InputError, match="without records: stopped after 2 of 12 images; it is not driven again"):
        trained(tmp_path / "run")
    assert len(sample) == 2


def test_a_training_that_resets_its_cells_first_begins_anew(tmp_path, monkeypatch, sample):
    resets = []
    monkeypatch.setattr(SimulatedArray, "reset", lambda self: resets.append(len(sample)))
    with monkeypatch.context() as patch:
        dies_at(patch, sample, 9)
        with pytest.raises(PowerCut):
            trained(tmp_path / "run", fresh=True)
    trained(tmp_path / "run", fresh=True)
    assert resets == [0, 6, 9] and len(sample) == 9 + 6


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_sending
from hil.device import Unsupported
from sim.crossbar.array import SimulatedArray

def refuse(self, *_):
    raise Unsupported("state lives in the sample")

for name in ("snapshot", "restore", "reset"):
    setattr(SimulatedArray, name, refuse)
play, count = SimulatedArray._play, 0

def fatal(self, wave):
    global count
    count += 1
    if count == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return play(self, wave)

SimulatedArray._play = fatal
getattr(test_sending, sys.argv[2])(Path(sys.argv[3]))
"""


@pytest.mark.parametrize("what", ["characterized", "trained"])
def test_a_killed_program_leaves_the_note(tmp_path, sample, what):
    words = [sys.executable, "-c", KILLED, str(Path(__file__).parent), what, str(tmp_path / "run")]
    assert subprocess.run(words, stderr=subprocess.DEVNULL).returncode == -signal.SIGKILL
    with pytest.raises(InputError, match="without records: the program was killed, or the power failed; it is not dri"):
        globals()[what](tmp_path / "run")
    assert sample == []
