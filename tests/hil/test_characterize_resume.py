"""A resume never drives a sample again because a file is gone, cut short, changed or another's; full disks."""

import errno
import json
import os
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hil import files
from hil.cli.main import build
from hil.device import Unsupported
from hil.errors import HilError, InputError
from hil.experiments import continuing
from hil.experiments.characterization import KIND, Characterization, MeasurementPlan
from hil.experiments.records import CharacterizationRun, Recorder, load
from sim.crossbar.array import SimulatedArray

SETTINGS = {"pulses": 4, "cycles": 2}
URI = "sim:rram?c2c=0.2&seed=3"


class PowerCut(BaseException):
    pass


def complete(path, plan=None, play_again=False):
    if (path / "config.toml").exists():
        with CharacterizationRun.resume(path, KIND) as run:
            return Characterization(MeasurementPlan(run.config), run, play_again).complete()
    plan = plan or MeasurementPlan({"experiment": "ltp", "device": {"uri": [URI]}, "ltp": SETTINGS})
    with CharacterizationRun.create(path, KIND, plan.dump()) as run:
        return Characterization(plan, run).complete()


def cut(path, after, monkeypatch, plan=None, note=False):
    """A run that ends after some blocks; with `note`, as after Ctrl-C."""
    from hil.runs.interrupt import Interrupted, StopRequest

    with monkeypatch.context() as patch:
        original = Recorder.add_block

        def ends(self, device, number, *rest):
            original(self, device, number, *rest)
            if number + 1 == after:
                if not note:
                    raise PowerCut
                stop.requested = True

        stop = None
        enter = StopRequest.__enter__

        def entered(self):
            nonlocal stop
            stop = enter(self)
            return stop

        patch.setattr(StopRequest, "__enter__", entered)
        patch.setattr(Recorder, "add_block", ends)
        with pytest.raises(Interrupted if note else PowerCut):
            complete(path, plan)


@pytest.fixture
def driven(monkeypatch):
    """Waveforms that any device was given."""
    calls, play = [], SimulatedArray._play
    monkeypatch.setattr(SimulatedArray, "_play", lambda self, w: calls.append(w) or play(self, w))
    return calls


def refused(path, driven, words, ended=InputError):
    driven.clear()
    with pytest.raises(ended, match=words) as caught:
        complete(path)
    assert "\n" not in str(caught.value)
    assert driven == []


def without_records(path):
    for file in path.glob("records.sqlite*"):
        file.unlink()


def rows_gone(path, table, where="1"):
    with sqlite3.connect(path / "records.sqlite") as db:
        db.execute(f"DELETE FROM {table} WHERE {where}")
    db.close()


def config(path, old, new):
    file = path / "config.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "cut off"])
def test_records_that_are_gone_are_not_measured_again(tmp_path, monkeypatch, driven, finished):
    if finished:
        complete(tmp_path / "run")
    else:
        cut(tmp_path / "run", 2, monkeypatch)
    without_records(tmp_path / "run")
    words = (
        rf"run has {'finished' if finished else 'driven'} .*c2c.*records \(records.sqlite\) are gone: nothing is driven"
    )
    refused(tmp_path / "run", driven, words)
    assert not (tmp_path / "run/records.sqlite").exists()


DAMAGE = {
    "all points": (lambda p: rows_gone(p, "record"), "points of .* missing"),
    "one point": (lambda p: rows_gone(p, "record", "pulse = 2 AND block = 1"), "1 points of .* of device 0 missing"),
    "a block": (lambda p: rows_gone(p, "block", "block = 0"), "block 1 of device 0 missing"),
    "the last block": (lambda p: rows_gone(p, "block", "block = 2"), "block 3 of device 0 has points but no end"),
    "the device": (lambda p: rows_gone(p, "device"), "3 blocks of .* were measured, its records hold 3"),
    "all blocks": (lambda p: [rows_gone(p, t) for t in ("block", "record")], "3 blocks of .*, its records hold 0"),
    "uri": (lambda p: config(p, "c2c=0.2", "c2c=0.3"), "has driven 'sim:rram.*c2c=0.2.*', its config.toml now"),
    "settings": (lambda p: config(p, "pulses = 4", "pulses = 5"), "config.toml was changed: pulses = 5 now, 4 when"),
    "cycles": (lambda p: config(p, "cycles = 2", "cycles = 1"), "config.toml was changed: cycles = 1 now, 2 when"),
    "experiment": (lambda p: config(p, 'experiment = "ltp"', 'experiment = "iv"'), "the records of another experiment"),
    "limits": (lambda p: config(p, "[device]", "[device]\nv_max = 3.0"), "were changed: v_cell = 6.0 now, 10.0 when"),
    "form": (lambda p: sql(p, "PRAGMA user_version = 0"), "recorded by another version of this program"),
    "state": (lambda p: sql(p, "UPDATE block SET state = NULL"), "the state in which it left sim:rram is missing"),
    "garbled state": (lambda p: sql(p, "UPDATE block SET state = x'504b0304'"), "records.sqlite is damaged"),
    "names": (lambda p: sql(p, "UPDATE block SET name = 'x' WHERE block = 1"), "block 2 of sim:rram was 'x', it would"),
    "device text": (lambda p: sql(p, "UPDATE device SET info = '{'"), "is damaged: what it notes about a device"),
    "a text": (lambda p: sql(p, "UPDATE record SET conductance = 'x'"), "a record is no number"),
    "table": (lambda p: sql(p, "DROP TABLE block"), "block 3 of device 0 has points but no end"),
    "junk": (lambda p: (p / "records.sqlite").write_bytes(b"junk" * 999), "is damaged: file is not a"),
    "nothing": (lambda p: (p / "records.sqlite").write_bytes(b""), "3 blocks of .* were measured"),
    "folder": (lambda p: [without_records(p), (p / "records.sqlite").mkdir()], "cannot be written: unable"),
}  # fmt: skip


def sql(path, text):
    with sqlite3.connect(path / "records.sqlite") as db:
        db.execute(text)
    db.close()


@pytest.mark.parametrize("name", DAMAGE)
def test_a_run_that_is_not_whole_or_not_its_own_does_not_go_on(name, tmp_path, monkeypatch, driven):
    harm, words = DAMAGE[name]
    cut(tmp_path / "run", 3, monkeypatch, note=True)
    for extra in ("-wal", "-shm"):
        (tmp_path / f"run/records.sqlite{extra}").unlink(missing_ok=True)
    harm(tmp_path / "run")
    refused(tmp_path / "run", driven, words)


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        (
            "identity",
            "KEITHLEY,2450,2,1",
            "another instrument answers at sim:rram.*: None now, 'KEITHLEY,2450,1,1' when",
        ),
        ("rows", 3, "another device answers .*: 1 now, 3 when it began"),
        ("limits", {"v_max": 9.0}, "limits of sim:rram.* were changed: .* when it began"),
        ("parameters", {"seed": 4}, "parameters of sim:rram.* were changed"),
    ],
)
def test_another_instrument_does_not_go_on_with_a_run(part, value, words, tmp_path, monkeypatch, driven):
    cut(tmp_path / "run", 3, monkeypatch)
    with Recorder(
        tmp_path / "run/records.sqlite", MeasurementPlan({"experiment": "ltp"}).experiment.columns
    ) as recorder:
        info = recorder.device_info(0)
        changed = (
            "KEITHLEY,2450,1,1" if part == "identity" else {**info[part], **value} if isinstance(value, dict) else value
        )
        recorder.add_device(0, URI, {**info, part: changed})
    refused(tmp_path / "run", driven, words)


def test_a_whole_run_goes_on_and_a_finished_one_is_only_evaluated_again(tmp_path, monkeypatch, driven):
    complete(tmp_path / "calm")
    for note in (False, True):
        path = tmp_path / f"rough{note}"
        cut(path, 3, monkeypatch, note=note)
        complete(path)
        for name, column in load(tmp_path / "calm").items():
            assert load(path)[name].tobytes() == column.tobytes()
    driven.clear()
    complete(tmp_path / "calm")
    assert driven == []


def test_a_run_may_be_moved_before_it_goes_on(tmp_path, monkeypatch):
    complete(tmp_path / "calm")
    cut(tmp_path / "here", 2, monkeypatch)
    shutil.move(tmp_path / "here", tmp_path / "there")
    complete(tmp_path / "there")
    assert load(tmp_path / "there")["conductance"].tobytes() == load(tmp_path / "calm")["conductance"].tobytes()


# ---- a full disk


Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def sample(monkeypatch):
    """Simulated devices that cannot tell their state, as samples on a probe; which of them were closed."""
    closed, release = [], SimulatedArray._release

    def refuse(self, *_):
        raise Unsupported("state lives in the sample")

    monkeypatch.setattr(SimulatedArray, "snapshot", refuse)
    monkeypatch.setattr(SimulatedArray, "restore", refuse)
    monkeypatch.setattr(SimulatedArray, "_release", lambda self: closed.append(self) or release(self))
    return closed


def test_nothing_is_driven_that_there_is_no_room_for(tmp_path, monkeypatch, driven, sample):
    room = iter([10**9, 10**9, 100_000])
    with monkeypatch.context() as patch:
        patch.setattr(continuing.shutil, "disk_usage", lambda path: Usage(1, 1, next(room)))
        words = r"no room for .* 100 kB are free, 2\d\d kB may be needed; it was not driven, the outputs are off, .*"
        with pytest.raises(HilError, match=words + "continue with: hil characterize --resume .*run"):
            complete(tmp_path / "run")
    assert len(driven) == 2
    assert len(sample) == 1
    assert json.loads((tmp_path / "run/meta.json").read_text())["state"] == "stopped"
    complete(tmp_path / "run")
    assert len(driven) == 5
    assert sorted(set(load(tmp_path / "run")["block"])) == [0, 1, 2, 3, 4]


def test_a_database_that_cannot_grow_ends_the_run_in_one_sentence(tmp_path, monkeypatch, driven, sample):
    """SQLite's own limit on pages answers just as a full disk does: SQLITE_FULL."""
    original = Recorder.add_block

    def full(self, device, number, *rest):
        if number == 2:
            pages = self._db.execute("PRAGMA page_count").fetchone()[0]
            self._db.execute(f"PRAGMA max_page_count = {pages}")
        original(self, device, number, *rest)

    plan = MeasurementPlan({"experiment": "ltp", "device": {"uri": [URI]}, "ltp": {"pulses": 400, "cycles": 2}})
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "add_block", full)
        words = "records.sqlite cannot be written: database or disk is full; what was recorded is kept; make room and "
        with pytest.raises(HilError, match=words + "continue with: hil characterize --resume"):
            complete(tmp_path / "run", plan)
    assert len(sample) == 1
    assert sorted(set(load(tmp_path / "run")["block"])) == [0, 1]
    refused(
        tmp_path / "run", driven, "has driven .* on .*database or disk is full; it is not driven again, .* begin a new"
    )
    complete(tmp_path / "run", play_again=True)
    assert sorted(set(load(tmp_path / "run")["block"])) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("file", ["results.json", "meta.json", "data.nc", "ltp.png"])
def test_a_file_that_cannot_be_written_leaves_the_old_one_and_says_how_to_go_on(tmp_path, monkeypatch, file):
    original, left = os.fsync, []

    def full(handle):
        name = str(Path(f"/proc/self/fd/{handle}").readlink())
        if f"/{file}.part" in name and armed:
            left.append(name)
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(handle)

    armed = file != "meta.json"
    monkeypatch.setattr(files.os, "fsync", full)
    play = SimulatedArray._play

    def arm(self, waveform):
        nonlocal armed
        armed = True
        return play(self, waveform)

    monkeypatch.setattr(SimulatedArray, "_play", arm)
    arguments = ["characterize", "ltp", "--set", "pulses=4", "--run", str(tmp_path / "run")]
    done = CliRunner().invoke(build(), arguments)
    told = str(done.exception) if done.exception else done.output
    assert f"{file} cannot be written: no space left on device" in told
    if file != "data.nc":
        assert isinstance(done.exception, HilError)
        assert "continue with: hil characterize --resume" in told
    assert left and not list((tmp_path / "run").rglob("*.part"))
    assert len(load(tmp_path / "run")["pulse"]) == 25
    monkeypatch.undo()
    assert CliRunner().invoke(build(), ["characterize", "--resume", str(tmp_path / "run")]).exit_code == 0
    assert json.loads((tmp_path / "run/meta.json").read_text())["state"] == "finished"
    assert np.isfinite(load(tmp_path / "run")["conductance"]).all()
