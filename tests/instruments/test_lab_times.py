"""Trains that take too long, are cut off, not played, or answered with nonsense: none passes without a word."""

import os
import re
import signal
import time

import numpy as np
import pytest
from lab_bench import MODELS, PULSE, TRAIN, hear, virtual

from hil.errors import InputError
from hil.experiments.characterization import Characterization, MeasurementPlan
from hil.experiments.records import KIND, CharacterizationRun, load
from hil.limits import LimitError
from hil.runs.interrupt import Interrupted
from hil.waveform import Waveform
from instruments.link.command_log import CommandLog
from instruments.link.errors import ProtocolError, TimingError
from instruments.smu.session import Smu

# ---- time


def slowed(monkeypatch, factor):
    import instruments.virtual.k2400 as k2400
    import instruments.virtual.k2450 as k2450

    for module in (k2400, k2450):
        monkeypatch.setattr(module, "OVERHEAD", module.OVERHEAD * factor)


WAVES = {
    "train": TRAIN,
    "list": (Waveform.pulse(1.0, width=2e-3) + Waveform.pulse(0.1, width=2e-3, measure=True) + Waveform.rest(2e-3)) * 5,
    "one": PULSE,
    "unmeasured": Waveform.pulse(1.0, width=2e-3),
    "unmeasured list": Waveform.pulse(1.0, width=2e-3) + Waveform.pulse(-1.0, width=4e-3),
}


@pytest.mark.parametrize("model", ["2400", "2450"])
@pytest.mark.parametrize("wave", WAVES)
def test_an_instrument_slower_than_assumed_is_told(monkeypatch, model, wave):
    slowed(monkeypatch, 8)
    with virtual(model) as device:
        with pytest.raises(TimingError, match=f"the {model} took .* s were asked for .tolerance 10% and"):
            device.apply(WAVES[wave])
        assert not device.bench.smu.instrument.output


def test_times_are_the_instruments_own(monkeypatch):
    slowed(monkeypatch, 3)
    with virtual("2450", time_tolerance=5) as device:
        before, began = device.time, device.bench.dut.clock
        response = device.apply(WAVES["list"])
        took = device.bench.dut.clock - began
        assert response.time[-1] - before == pytest.approx(took * 14 / 15, rel=0.08)
        assert response.time[-1] - before > 1.4 * WAVES["list"].total * 14 / 15


@pytest.mark.parametrize("model", MODELS)
def test_a_train_without_readings_that_takes_too_long_is_told(model):
    """The instrument stands still for a second in the middle of it."""
    with virtual(model) as device:
        device.read()

        def stall(message, handle):
            answer = handle(message)
            if "INIT" in message or "READ?" in message or "initiate" in message:
                device.bench.dut.advance(1.0)
            return answer

        if model == "2602B":  # one line: its own timer is stalled
            timer = device.bench.smu.instrument.scope["timer"].fixed["measure"]
            timer.fixed["t"] = lambda: 1.1
            stall = None
        restore = hear(device, stall) if stall else lambda: None
        with pytest.raises(TimingError, match=f"the {model} took 1"):
            device.apply(Waveform.train(1.0, width=2e-4 if model == "2461" else 2e-3, period=4e-3, count=3))
        restore()
        assert not device.bench.smu.instrument.output


# ---- pulses, stale readings, error numbers


def test_a_train_that_is_cut_off_counts():
    with virtual("2450", pulses_max=5) as device:
        device.read()

        def interrupt(message, handle):
            answer = handle(message)
            if message.startswith("*OPC?"):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.3)
            return answer

        restore = hear(device, interrupt)
        with pytest.raises(Interrupted):
            device.apply(TRAIN)
        restore()
        for _ in range(2):
            with pytest.raises(LimitError, match="8 pulses in this session are more than pulses_max = 5"):
                device.apply(TRAIN)
        device.apply(PULSE)


def test_a_session_that_appends_to_a_log_goes_on_counting(tmp_path):
    log = tmp_path / "commands.log"
    with virtual("2450", pulses_max=5, log=log) as device:
        device.apply(TRAIN)
    with virtual("2450", pulses_max=5, log=log) as device:
        with pytest.raises(LimitError, match="8 pulses"):
            device.apply(TRAIN)
        device.apply(PULSE)
    with virtual("2450", pulses_max=5, log=log) as device, pytest.raises(LimitError, match="6 pulses"):
        device.apply(PULSE)


STARTS = {"2450": "INIT", "2461": "INIT", "B2901A": ":OUTP1 ON;:INIT (@1)"}


@pytest.mark.parametrize("model", STARTS)
@pytest.mark.parametrize("wave", ["train", "one"])
def test_a_start_that_was_lost_never_gives_the_readings_of_the_train_before(model, wave):
    with virtual(model) as device:
        first = device.apply(WAVES[wave]).currents
        restore = hear(device, lambda m, handle: None if m == STARTS[model] else handle(m))
        with pytest.raises(ProtocolError, match=r"not played|older train"):
            device.apply(WAVES[wave])
        restore()
        assert np.isfinite(device.apply(WAVES[wave]).currents).all()
        assert np.isfinite(first).all()


@pytest.mark.parametrize(
    ("model", "start"), [("2450", "INIT"), ("2461", "INIT"), ("B2901A", ":OUTP1 ON;:INIT:TRAN (@1)")]
)
def test_a_start_that_was_lost_is_noticed_without_readings(model, start):
    with virtual(model) as device:
        device.read()
        hear(device, lambda m, handle: None if m == start else handle(m))
        with pytest.raises(ProtocolError, match="not played"):
            device.apply(Waveform.train(1.0, width=2e-3, period=4e-3, count=3))


@pytest.mark.parametrize("model", ["2400", "2450", "B2901A", "2602B"])
def test_a_list_that_was_lost_is_noticed_by_its_voltages(model):
    """The instrument plays the list of the train before."""
    stairs = [Waveform.samples([0.1 * k, 0.2, 0.3 * k], dwell=2e-3, measure=True) for k in (1, 2)]
    with virtual(model) as device:
        device.apply(stairs[0])
        hear(device, lambda m, handle: None if "LIST:VOLT " in m or "listv(" in m else handle(m))
        with pytest.raises(ProtocolError, match=r"reading 1 is of a source at 0\.1 V, not at 0\.2 V"):
            device.apply(stairs[1])


NONSENSE = ("1e999", "-inf", "nan", "abc", "-1e400", "")


@pytest.mark.parametrize("model", MODELS)
def test_an_error_number_that_is_none_is_told_with_the_output_off(model):
    with virtual(model) as device:
        device.read()
        query, instrument, left = device.smu.driver.error_query, device.bench.smu.instrument, []

        def answer(message, handle):
            if message == query and left:
                # The worst moment: the output is on, and stays so unless it is switched off.
                handle("smua.source.output = 1" if model == "2602B" else ":OUTP ON")
                assert instrument.output
                return left.pop()
            return handle(message)

        hear(device, answer)
        for word in NONSENSE:
            left.append(f"{word}\tx\t0\t0" if model == "2602B" else f'{word},"x"')
            with pytest.raises(ProtocolError, match="entry of an error queue"):
                device.apply(PULSE)
            assert not instrument.output and not left


def test_a_late_train_ends_the_experiment_and_what_was_measured_is_kept(hil, tmp_path, monkeypatch):
    """The blocks before it are records; its own readings are no record, but the end of the log has them."""
    play, trains = Smu.play, []

    def tiring(self, script, clock=None):
        trains.append(script)
        if len(trains) == 3:
            slowed(monkeypatch, 8)
        return play(self, script, clock)

    monkeypatch.setattr(Smu, "play", tiring)
    words = ["--set", "pulses=3", "--set", "cycles=1", "--set", "width=2e-3", "--run", "late"]
    code, _, err = hil("characterize", "ltp", "--device", "visa:virtual?v_max=2&watchdog=false", *words)
    assert code == 2, err
    assert re.search(r"the 2450 took .* s were asked for.*; what it read stands at the end of \S*commands.log", err)
    records = load(tmp_path / "late")
    assert np.unique(records["block"]).tolist() == [0, 1] and np.isfinite(records["conductance"]).all()
    said = CommandLog(tmp_path / "late" / "commands.log").entries
    asked = [k for k, entry in enumerate(said) if entry.text.startswith("TRAC:DATA?")]
    late = np.array(said[asked[-1] + 1].text.split(","), float).reshape(-1, 4)
    read = late[late[:, 0] != 0]
    assert len(asked) == 3 and len(read) >= 7, "a read, and three pulses with a read each"
    known = records["conductance"]
    assert ((read[:, 1] / read[:, 0] > 0.5 * known.min()) & (read[:, 1] / read[:, 0] < 2 * known.max())).all()
    assert late[-1, 2] - late[0, 2] > 1.1 * trains[-1].plan.total, "with the times that it took"


@pytest.mark.parametrize("block", [0, 1])
def test_a_block_that_was_played_late_is_not_played_again(monkeypatch, tmp_path, block):
    """A sample keeps what it has had, so a resume would give it the block twice."""
    late, trains, play = block + 1, [], Smu.play

    def counted(self, script, clock=None):
        trains.append(script)
        with monkeypatch.context() as patch:
            slowed(patch, 8 if len(trains) == late else 1)
            return play(self, script, clock)

    monkeypatch.setattr(Smu, "play", counted)
    endurance = {"cycles": 6, "cycles_per_block": 2, "pulses": 3, "width": 2e-3, "amplitude": 1.1, "min_ratio": 1}
    device = {"uri": ["visa:virtual?dut=sim:rram&watchdog=false"], "v_max": 1.2, "i_max": 1e-3}
    plan = MeasurementPlan({"experiment": "endurance", "device": device, "endurance": endurance})
    with CharacterizationRun.create(tmp_path / "run", KIND, plan.dump()) as run, pytest.raises(TimingError):
        Characterization(plan, run).complete()
    assert len(trains) == late
    for _ in range(2):
        with CharacterizationRun.resume(tmp_path / "run", KIND) as run:
            assert run.meta()["state"] == "stopped"
            words = (
                f"has driven 'cycles {2 * block + 1} to {2 * block + 2}' .* to its end, without records: the 2450 took"
            )
            with pytest.raises(InputError, match=words + ".*; it is not driven again, .* begin a new run"):
                Characterization(MeasurementPlan(run.config), run).complete()
    assert len(trains) == late
    assert set(load(tmp_path / "run")["block"]) == set(range(block))
