"""At the compliance: a read raises or is NaN, a train may end there; lost sense leads; the other channel."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from lab_bench import LOW, MODELS, PULSE, currents_of, virtual

from hil.backends import open_device
from hil.errors import InputError
from hil.experiments.characterization import Characterization, MeasurementPlan
from hil.experiments.records import KIND, CharacterizationRun, load
from hil.waveform import Waveform
from instruments.link.errors import ComplianceError, ContactError
from instruments.smu.session import Smu
from instruments.virtual.bench import Bench

# ---- compliance


@pytest.mark.parametrize("model", MODELS)
def test_a_read_at_the_compliance_raises_and_names_the_cell(model):
    with virtual(model, LOW, i_max=1e-6, v_read=0.1) as device:
        sentence = (
            r"row 0, column 0: 1e-06 A at 0.1 V is at the compliance, i_max = 1e-06 A.*raise i_max, or lower v_read"
        )
        with pytest.raises(ComplianceError, match=sentence):
            device.read()
        with pytest.raises(ComplianceError, match=sentence):
            device.mvm([[0.1]])
        with pytest.raises(ComplianceError):
            device.mvm([[0.0005], [0.1]])
        assert device.mvm([[0.0005]])[0, 0] == pytest.approx(0.0005 * 1.5e-3, rel=1e-4)
        response = device.apply(Waveform.samples([1.0, 5e-4], dwell=2e-3, measure=True))
        assert response.tripped.tolist() == [True, False]
        assert response.currents[0, 0] == pytest.approx(1e-6), "the current itself is what flowed"
        assert np.isnan(response.energy[0]), "the voltage at the sample is not known"
        assert response.energy[1] == pytest.approx(5e-4**2 * 1.5e-3 * 2e-3, rel=1e-4)


def test_a_cell_of_a_crossbar_at_the_compliance_is_named():
    with open_device(f"visa:virtual?dut={LOW}&rows=2&cols=2&i_max=1e-4&v_max=2&v_read=0.1&watchdog=false") as device:
        with pytest.raises(ComplianceError, match=r"^row 0: 0.0001 A at 0.1 V"):
            device.read()
        with pytest.raises(ComplianceError):
            device.mvm([[0.1, 0.0]])
    column = f"visa:virtual?dut={LOW}&rows=2&cols=1&i_max=1e-4&v_max=2&v_read=0.1&watchdog=false"
    with open_device(column) as device, pytest.raises(ComplianceError, match=r"^row 0, column 0: 0.0001 A"):
        device.read()


def test_measured_segments_of_a_crossbar_at_the_compliance_are_not_known():
    uri = f"visa:virtual?dut={LOW}&rows=2&cols=2&i_max=1e-4&v_max=2&v_read=1e-3&serial=true&watchdog=false"
    with open_device(uri) as device:
        wave = Waveform.samples([[1e-3, 0.0], [0.2, 0.0]], np.zeros((2, 2)), dwell=2e-3, measure=True)
        response = device.apply(wave)
        assert response.tripped.tolist() == [False, True]
        np.testing.assert_allclose(response.currents[0], 1e-3 * 1.5e-3, rtol=1e-4)
        assert np.isnan(response.currents[1]).all() and np.isnan(response.energy[1])


@pytest.mark.parametrize("model", MODELS)
def test_abort_on_compliance_plays_no_excursion_after_the_one_that_reached_it(model):
    heights = [0.2, 0.4, 1.0, 0.2, 0.2]
    wave = Waveform.concat([Waveform.pulse(v, width=2e-3) + Waveform.rest(2e-3) for v in heights])
    wave = wave + Waveform.pulse(0.1, width=2e-3, measure=True)
    with virtual(model, LOW, i_max=1e-3, v_read=0.01, abort_on_compliance="true") as device:
        seen = currents_of(device.bench.dut)
        with pytest.raises(
            ComplianceError, match=r"reached in segments 4 to 5 .* 3 more excursions .* are left out"
        ) as told:
            device.apply(wave)
        np.testing.assert_allclose(sorted({round(i, 6) for i in seen if i > 0}), [0.0003, 0.0006, 0.001], rtol=0.01)
        assert np.isnan(told.value.response.currents).all() and not told.value.response.tripped.any()
        assert not device.bench.smu.instrument.output
        device.apply(wave[:4])


@pytest.mark.parametrize("amplitudes", [[1.0], [0.2, 1.0]])
def test_a_block_that_was_ended_at_the_compliance_is_not_played_again(monkeypatch, tmp_path, amplitudes):
    """The sample has had its voltages up to there, and a resume would give it those again."""
    trains, play = [], Smu.play

    def counted(self, script, clock=None):
        trains.append(script)
        return play(self, script, clock)

    monkeypatch.setattr(Smu, "play", counted)
    device = {"uri": ["visa:virtual?dut=sim:rram&abort_on_compliance=true&watchdog=false"], "v_max": 1.2, "i_max": 3e-5}
    settings = {"amplitudes": amplitudes, "frequencies": [5.0], "stairs": 16, "cycles": 1}
    plan = MeasurementPlan({"experiment": "iv", "device": device, "iv": settings})
    with CharacterizationRun.create(tmp_path / "run", KIND, plan.dump()) as run, pytest.raises(ComplianceError):
        Characterization(plan, run).complete()
    played = len(trains)
    assert played >= len(amplitudes)
    for _ in range(2):
        with CharacterizationRun.resume(tmp_path / "run", KIND) as run:
            assert run.meta()["state"] == "stopped"
            words = "has driven '1 V.*' on .* in part, without records: the compliance, 3e-05 A, was reached"
            with pytest.raises(InputError, match=words + ".*; it is not driven again, .* begin a new run"):
                Characterization(MeasurementPlan(run.config), run).complete()
    assert len(trains) == played
    assert set(load(tmp_path / "run")["block"]) == set(range(len(amplitudes) - 1))


# ---- four wires


@pytest.mark.parametrize("model", MODELS)
def test_a_lost_sense_lead_is_found_before_the_first_train_at_little_more_than_the_read_voltage(model):
    more = {"four_wire": "true", "overvoltage": 2 if model in ("2450", "2461") else 250, "v_read": 0.1}
    for lost in (False, True):
        with virtual(model, LOW, i_max=1e-2, sense_check="true", **more) as device:
            dut, volts = device.bench.dut, []
            dut.port("1").sense_open = lost
            solve = dut._step
            dut._step = lambda n, d, solve=solve, volts=volts: [
                volts.append(abs(o.current) / 1.5e-3) or o for o in solve(n, d)
            ]
            if not lost:
                device.apply(PULSE)
                assert device.smu.settings.compliance == 1e-2 and device.smu.settings.four_wire
                continue
            for _ in range(2):
                with pytest.raises(ContactError, match="a sense lead is off"):
                    device.apply(PULSE)
            assert max(volts) <= 0.1501


def test_a_lost_sense_lead_ends_at_the_overvoltage_protection():
    with virtual("2450", LOW, i_max=1e-2, v_max=2, four_wire="true") as device:
        device.bench.dut.port("1").sense_open = True
        assert device.apply(Waveform.pulse(0.5, width=2e-3, measure=True)).currents[0, 0] == pytest.approx(
            2 * 1.5e-3, rel=0.01
        )


# ---- the neighbour


@pytest.mark.parametrize(("model", "on"), [("2602B", "smub.source.output = 1"), ("B2902A", ":OUTP2 ON")])
def test_the_other_channel_is_left_as_it_is(model, on):
    with Bench(model, "sim:rram") as bench:
        instrument = bench.smu.instrument
        for message in ("smub.source.levelv = 0.5",) if model == "2602B" else (":SOUR2:VOLT 0.5",):
            instrument.handle(message)
        instrument.handle(on)

        def neighbour():
            port = "print(smub.source.output)" if model == "2602B" else ":OUTP2?"
            level = "print(smub.source.levelv)" if model == "2602B" else ":SOUR2:VOLT?"
            return float(instrument.handle(port)), float(instrument.handle(level))

        assert neighbour() == (1.0, 0.5)
        with open_device(f"visa:{bench.smu.resource}?v_max=2&i_max=1e-3") as device:
            device.apply(PULSE)
            device.smu.off()
            assert neighbour() == (1.0, 0.5)
            device.smu._guard._tell("arm")  # and no sign of life: the watchdog acts
            time.sleep(2.5)
            assert b"fired" in os.read(device.smu._guard._process.stdout.fileno(), 100)
            assert neighbour() == (1.0, 0.5)
        assert neighbour() == (1.0, 0.5)
        with open_device(f"visa:{bench.smu.resource}?v_max=2&i_max=1e-3&all_channels=true") as device:
            device.apply(PULSE)
        assert neighbour()[0] == 0.0


# ---- the watchdog's own end


def test_a_watchdog_whose_program_is_gone_says_nothing():
    order = {"resource": "TCPIP::127.0.0.1::1::SOCKET", "off": [], "sync": "scpi", "query": "*OPC?", "lease": 1.0,
             "parent": 1, "persistence": 0.2, "reach": {}}  # fmt: skip
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(
        [sys.executable, "-m", "instruments.safety.watchdog"],
        stdin=subprocess.PIPE,
        stdout=write,
        stderr=subprocess.PIPE,
    ) as dog:
        os.close(write)
        _, said = dog.communicate(json.dumps(order).encode() + b"\narm\n", timeout=30)
    assert said == b"" and dog.returncode == 0


EXPERIMENTS = {
    "endurance": {"amplitude": 1.0, "width": 2e-3, "cycles": 4, "pulses": 2},
    "forming": {"allowed": True, "stop": 1.2, "width": 2e-3},
    "ltp": {"amplitude": 1.0, "width": 2e-3, "pulses": 4, "cycles": 1},
    "retention": {"amplitude": 1.0, "width": 2e-3, "reads": 3, "pulses": 2, "last": 2.0},
    "ispp": {"levels": 2, "width": 2e-3, "max_pulses": 5},
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_records_nan_and_a_flag_where_a_read_is_at_the_compliance(name, tmp_path):
    plan = MeasurementPlan({"experiment": name, "device": {"uri": "visa:virtual"}, name: EXPERIMENTS[name]})
    with virtual("2450", LOW, i_max=5e-7) as device:
        experiment, bench, blocks = plan.ready(device)
        found = []
        for number, block in enumerate(blocks):
            records = {c: np.array([r[c] for r in found]) for c in experiment.columns}
            if number and experiment.finished(records):
                break
            found += experiment.measure(block, bench, records)
    records = {c: np.array([r[c] for r in found], dtype=float) for c in experiment.columns}
    columns = [c for c in ("conductance", "after_positive", "after_negative") if c in records]
    assert columns and all(np.isnan(records[c]).all() for c in columns), "1 nS is no conductance of a cell of 1.5 mS"
    assert records["tripped"].all()
    rows = {row.text: row for row in experiment.analyse(records)}
    if name == "endurance":
        assert len(found) == 4 and rows["failed at cycle"].value is None, "a window that is not known has not closed"
    if name == "ispp":
        assert (records["reached"] == -1).all() and not np.nansum(records["burst"]), "not one pulse on such a read"
    type(experiment).draw({"one": records}, tmp_path / "figure.png")


@pytest.mark.parametrize("name", ["ppf", "desensitisation", "iv", "stdp"])
def test_no_number_comes_of_currents_that_are_all_at_the_compliance(name, tmp_path):
    """Ratios of a limit to itself are 1, areas and differences 0: neither is a property of the cell."""
    plan = MeasurementPlan({"experiment": name, "device": {"uri": "visa:virtual"}})
    with virtual("2450", LOW, i_max=5e-7) as device:
        experiment, bench, blocks = plan.ready(device)
        found = [record for block in blocks[:2] for record in experiment.measure(block, bench, {})]
    records = {c: np.array([r[c] for r in found], dtype=float) for c in experiment.columns}
    assert records["tripped"].any()
    flagged = records["tripped"] > 0
    for column in {"ratio", "response", "change"} & records.keys():
        assert np.isnan(records[column][flagged]).all()
    rows = [row for row in experiment.analyse(records) if row.value is not None]
    assert any(row.name == "points at compliance" for row in rows)
    allowed = ("points at compliance", "current at 0 V")
    told = [row for row in rows if not row.text.endswith(allowed) and row.unit != "s"]
    assert not told, f"numbers of clipped currents: {told}"
    type(experiment).draw({"one": records}, tmp_path / "figure.png")
