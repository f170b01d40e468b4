"""A run on an instrument notes what it sends right before the output goes on: what was refused before was not sent."""

import json

import numpy as np
import pytest
from lab_bench import MODELS, PULSE, TRAIN, hear, virtual

from hil.errors import InputError
from hil.experiments import characterization
from hil.experiments.characterization import Characterization, MeasurementPlan
from hil.experiments.records import KIND, CharacterizationRun, load
from hil.runs import sending
from hil.waveform import Waveform
from instruments.link.errors import ContactError, InstrumentError, ProtocolError


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("wave", [PULSE, TRAIN, Waveform.samples([0.4, 0.7, 1.0], dwell=2e-3)])
def test_it_is_told_with_the_output_off_before_every_train(model, wave):
    with virtual(model) as device:
        device.read()
        instrument, told = device.bench.smu.instrument, []
        device.before_train = lambda: told.append(instrument.output)
        before = device.bench.dut.truth.conductance.copy()
        device.read()
        assert told == [], "a read is no train of a waveform"
        device.apply(wave)
        assert told == [False]
        assert (device.bench.dut.truth.conductance != before).any()


@pytest.mark.parametrize("model", MODELS)
def test_what_is_not_noted_is_not_played(model):
    def no_room():
        raise InputError("no room")

    with virtual(model) as device:
        device.read()
        device.before_train, before = no_room, device.bench.dut.truth.conductance.copy()
        with pytest.raises(InputError, match="no room"):
            device.apply(TRAIN)
        assert not device.bench.smu.instrument.output
        assert np.array_equal(device.bench.dut.truth.conductance, before)
        device.before_train = None
        device.apply(TRAIN)
        assert (device.bench.dut.truth.conductance != before).all()


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr("hil.experiments.figures.save", lambda figure, path: None)


SETTINGS = {"cycles": 6, "cycles_per_block": 2, "pulses": 3, "width": 2e-3, "amplitude": 1.1, "min_ratio": 1}


def begin(path, uri="visa:virtual?watchdog=false"):
    device = {"uri": [uri], "v_max": 1.2, "i_max": 1e-3}
    plan = MeasurementPlan({"experiment": "endurance", "device": device, "endurance": SETTINGS})
    with CharacterizationRun.create(path, KIND, plan.dump()) as run:
        return Characterization(plan, run).complete()


def resume(path, play_again=False):
    with CharacterizationRun.resume(path, KIND) as run:
        return Characterization(MeasurementPlan(run.config), run, play_again).complete()


def disturbed(monkeypatch, change):
    """Every bench has `change(message, handle)` on its wire."""
    original = characterization.open_device

    def opened(uri, **named):
        device = original(uri, **named)
        hear(device, change)
        return device

    monkeypatch.setattr(characterization, "open_device", opened)


def on_second_train(message, extra):
    """Beside the second of these messages, the instrument hears something else."""
    count = 0

    def change(heard, handle):
        nonlocal count
        count += heard == message
        if heard == message and count == 2:
            handle(extra)
        return handle(heard)

    return change


def test_a_train_that_ends_before_it_begins_was_not_sent(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        disturbed(patch, on_second_train('TRAC:CLE "defbuffer1"', "SOUR:VOLT:ILIM 1e-6"))
        with pytest.raises(ProtocolError, match="reads back"):
            begin(tmp_path / "run")
    assert sending.left(tmp_path / "run") is None
    assert json.loads((tmp_path / "run/meta.json").read_text())["state"] == "stopped"
    assert set(load(tmp_path / "run")["block"]) == {0}
    resume(tmp_path / "run")
    assert set(load(tmp_path / "run")["block"]) == {0, 1, 2}


def test_a_train_that_the_instrument_ends_with_an_error_may_have_been_played(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        disturbed(patch, on_second_train("INIT", "NONSENSE"))
        with pytest.raises(InstrumentError, match="error -113"):
            begin(tmp_path / "run")
    words = "has driven 'cycles 3 to 4' on visa:virtual.* perhaps .*, without records: the instrument refuses .*-113"
    with pytest.raises(InputError, match=f"{words}.*; it is not driven again, .*--play-again"):
        resume(tmp_path / "run")
    assert set(load(tmp_path / "run")["block"]) == {0}
    rows, _ = resume(tmp_path / "run", play_again=True)
    assert set(load(tmp_path / "run")["block"]) == {0, 1, 2}
    assert sum("'cycles 3 to 4' was cut off and played again" in row.note for row in rows) == 1


def test_a_sample_that_is_refused_was_only_read(tmp_path):
    with pytest.raises(ContactError):
        begin(tmp_path / "run", "visa:virtual?watchdog=false&contact_floor=1e-3")
    with pytest.raises(ContactError):
        resume(tmp_path / "run")
