"""Energy of whole runs and of what devices do by themselves: neurons, pairs, programs, resumes, settings."""

import os

import numpy as np
import pytest
from metered_devices import images, metered, only

import hil
from hil.backends import open_device
from hil.config import validated
from hil.data.datasets import load
from hil.energy.figures import EnergySettings
from hil.energy.report import energy_section
from hil.runs.interrupt import Interrupted
from hil.runs.run import Run
from hil.spiking.host import HostCore

RNG = np.random.default_rng(7)


def test_pulses_of_program_are_those_of_waveforms():
    """Compiled pulses, beside the same pulses played and measured."""
    counts = np.array([[3, -2, 0], [0, 1, 5], [-4, 0, 2]])
    device, account = metered("sim:rram?w0=0.4", rows=3, cols=3)
    device.program(counts)
    slow, played = metered("sim:rram?w0=0.4", EnergySettings(exact=True), rows=3, cols=3)
    super(type(slow), slow).program(counts)
    one, other = only(account), only(played)
    assert np.allclose(device.conductance, slow.conductance, rtol=1e-12)
    assert one.meant == pytest.approx(other.meant, rel=0.02) and one.half == pytest.approx(other.half, rel=0.02)
    assert (one.pulses, one.dac) == (other.pulses, other.dac)
    assert one.seconds == pytest.approx(other.seconds) and one.rows == pytest.approx(other.rows)
    assert one.cols == pytest.approx(other.cols)


def test_compiled_neurons_take_what_those_on_the_host_take():
    """The same spikes, reads and pulses, one counted after the fact and the other pulse by pulse."""
    from hil.spiking.encoding import SpikeCode
    from hil.spiking.neurons import Lif
    from hil.spiking.rules import Stdp

    shown = np.random.default_rng(3).integers(0, 255, (3, 9)).astype(np.uint8)
    tallies = []
    for core in (None, HostCore):
        device, account = metered("sim:rram?alpha=0.01", EnergySettings(exact=core is not None), rows=9, cols=4)
        lif, rule = Lif(threshold=3.0, seed=1), Stdp()
        neurons = device.spiking(lif, rule) if core is None else core(device, lif, rule)
        assert isinstance(neurons, HostCore) == (core is HostCore)
        neurons.present_images(shown, 255, SpikeCode(), 0, np.arange(3), True)
        tallies.append(only(account))
    one, other = tallies
    assert one.pulses == other.pulses > 10
    assert one.meant == pytest.approx(other.meant, rel=0.1) and one.half == pytest.approx(other.half, rel=0.1)
    assert one.looks == other.looks and one.look_energy == pytest.approx(other.look_energy, rel=0.1)
    assert one.dac == other.dac and one.rows == pytest.approx(other.rows) and one.cols == pytest.approx(other.cols)


def test_compiled_pairs_take_what_waveforms_take():
    from hil.pill.pairs import PairedCore, PairedInputs
    from hil.pill.protocol import PillProtocol

    rng = np.random.default_rng(5)
    pixels, response, protocol = rng.random((4, 6)), rng.random((4, 3)) < 0.4, PillProtocol()
    uri = "sim:pill?inputs=6&cols=3&phi0=0.02"
    fast, account = metered(uri)
    own = fast.offer(PairedCore, 6, protocol)
    own.present(pixels, response)
    slow, played = metered(uri, EnergySettings(exact=True))
    PairedInputs(slow, 6, protocol).present(pixels, response)
    one, other = only(account), only(played)
    assert one.meant == pytest.approx(other.meant, rel=0.05) and one.half == pytest.approx(other.half, rel=0.05)
    assert one.half > 0 and other.estimated == 0
    assert (one.pulses, one.dac, one.sampled) == (other.pulses, other.dac, 0)
    own.present(np.repeat(pixels, 5, axis=0), np.repeat(response, 5, axis=0))
    assert only(account).sampled == 16 and only(account).pulses == 6 * other.pulses


def test_a_layer_of_very_many_pairs_is_worked_out_from_some_of_them(monkeypatch):
    import sim.pill.array as pill
    from hil.pill.protocol import PillProtocol

    device = open_device("sim:pill?inputs=100&cols=2&phi0=0.02&d2d=0.2")
    pixels = np.random.default_rng(2).random((3, 100))
    wave = PillProtocol().waveform(pixels, np.array([[True, False]] * 3))
    whole = device.dissipation(wave.duration, wave.rows, wave.cols)
    monkeypatch.setattr(pill, "METERED_ROWS", 800)
    part = device.dissipation(wave.duration, wave.rows, wave.cols)
    assert part.meant != whole.meant
    assert part.meant == pytest.approx(whole.meant, rel=0.05) and part.half == pytest.approx(whole.half, rel=0.05)


def test_the_emulator_tells_the_energy_of_the_cells_that_it_emulates():
    pytest.importorskip("amaranth")
    wave = images(3, 4, 2, 0.5, True)
    with open_device("fpga:golden", rows=4, cols=2) as plain:
        told = float(plain.apply(wave).energy.sum())
    device, account = metered("fpga:golden", rows=4, cols=2)
    with device:
        device.apply(images(3, 4, 2, 0.5))
        device.read()
        device.mvm(np.full((2, 4), 1e-3))
    tally = only(account)
    assert tally.meant + tally.half == pytest.approx(told, rel=1e-9)
    assert (tally.looks, tally.adc, tally.dac) == (
        6,
        12,
        4 + 8 + np.count_nonzero(wave.rows) + np.count_nonzero(wave.cols),
    )
    rows = energy_section(account, EnergySettings())
    assert any("what the emulator itself takes is not known" in row.note for row in rows)


def test_a_stopped_and_resumed_run_has_the_same_energy_to_the_bit(tmp_path, monkeypatch):
    settings = {"device": "sim:flca-pair?d2d=0.1", "dataset": "lines3x3", "seeds": 2, "epochs": 0.2}
    more = {"config": {"train": {"batch": 16, "readout": "raw"}, "data": {"holdout": 0.2}}}
    whole = hil.train("stdp", run=tmp_path / "whole", **settings, **more)
    from hil.training.protocol import WaveformTrainee

    shown, show = 0, WaveformTrainee.show

    def stopping(self, stage, here):
        nonlocal shown
        show(self, stage, here)
        shown += 1
        if shown in (3, 8):
            os.kill(os.getpid(), 2)

    monkeypatch.setattr(WaveformTrainee, "show", stopping)
    with pytest.raises(Interrupted):
        hil.train("stdp", run=tmp_path / "parts", **settings, **more)
    with pytest.raises(Interrupted):
        hil.train("stdp", resume=tmp_path / "parts")
    parts = hil.train("stdp", resume=tmp_path / "parts")
    mine, other = ([(r.text, r.value, r.std) for r in o.rows if "part" in r.conditions] for o in (whole, parts))
    assert mine == other and len(mine) > 8
    with Run.resume(tmp_path / "parts", "train stdp") as run:
        assert set(run.account.parts()) == {"evaluation", "trained", "shuffled"}


def test_what_a_checkpoint_undoes_is_not_counted_again(tmp_path, monkeypatch):
    """A reference column is depressed whenever neurons are put on a device, and set back by a checkpoint."""
    from hil.training.wta_trainee import SpikingTrainee

    settings = {"device": "sim:rram", "dataset": "lines3x3", "seeds": 1, "epochs": 0.02, "neurons": 2}
    more = {"config": {"neuron": {"reference": "column"}, "train": {"batch": 4, "labelling": 6, "curve": 0}}}
    whole = hil.train("wta", run=tmp_path / "whole", **settings, **more)
    show = SpikingTrainee.show

    def stopping(self, stage, here):
        show(self, stage, here)
        os.kill(os.getpid(), 2)

    monkeypatch.setattr(SpikingTrainee, "show", stopping)
    with pytest.raises(Interrupted):
        hil.train("wta", run=tmp_path / "parts", **settings, **more)
    monkeypatch.setattr(SpikingTrainee, "show", show)
    parts = hil.train("wta", resume=tmp_path / "parts")
    mine, other = ([(r.text, r.value) for r in o.rows if "part" in r.conditions] for o in (whole, parts))
    assert mine == other
    assert any(text == "preparation: energy" and value > 0 for text, value in mine)


def test_every_driver_has_the_section_without_a_line_of_its_own(tmp_path):
    """A driver of another package, with several devices."""
    from two_devices import TwoDevices

    config = validated(TwoDevices.config_model, {"energy": {"adc": 1e-9}}, "test")
    with Run.create(tmp_path / "two", TwoDevices.kind, config.model_dump(mode="json")) as run:
        rows, _ = TwoDevices(config, load("lines3x3"), run).complete()
    told = [row for row in rows if "part" in row.conditions]
    total = {row.conditions["part"]: row.value for row in told if row.name == "energy"}
    assert set(total) == {"first", "second", "evaluation"} and min(total.values()) > 0
    reads = next(row for row in told if row.name == "energy of converters" and row.conditions["part"] == "evaluation")
    assert reads.value == pytest.approx(2 * (9 * 2 + 2 * 1) * 1e-9, rel=0.01)
    arrays = {row.conditions["array"] for row in rows if "array" in row.conditions}
    assert arrays == {"sim:rram, 9 x 2", "sim:flca, 2 x 1"}


def test_figures_of_a_write_are_set_as_everywhere_and_unknown_sections_are_refused(tmp_path, monkeypatch, capsys):
    from hil.cli.main import main

    np.save(tmp_path / "w.npy", np.full((2, 2), 0.7))

    def run(*settings):
        asked = [part for setting in settings for part in ("--set", setting)]
        call = ["hil", "program", str(tmp_path / "w.npy"), "--device", "sim:rram", "--run", str(tmp_path / "run")]
        monkeypatch.setattr("sys.argv", [*call, *asked])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, capsys.readouterr()

    code, told = run("energy.dac=-1")
    assert code == 2 and "energy.dac = -1 must be >= 0" in told.err
    code, told = run("enrgy.dac=1")
    assert code == 2 and "no section 'enrgy'" in told.err
    code, told = run("energy.dac=0", "energy.adc=0")
    assert code == 0 and "programming: energy" in told.out and "of converters" not in told.out
