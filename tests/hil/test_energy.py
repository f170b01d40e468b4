"""Energy of a run: what the meter counts beside what devices integrate, closed forms, and resumed runs."""

import os

import numpy as np
import pytest

import hil
from hil.backends import open_device
from hil.biasing import select_lines
from hil.config import validated
from hil.data.datasets import load
from hil.device import Device, Response
from hil.energy.account import Account
from hil.energy.dissipation import Dissipation, ohmic, settled, solved
from hil.energy.figures import EnergySettings
from hil.energy.meter import attach, during, metering
from hil.energy.report import energy_section
from hil.limits import Limits
from hil.runs.interrupt import Interrupted
from hil.runs.results import Rows
from hil.runs.run import Run
from hil.spiking.host import HostCore
from hil.training.protocol import Protocol
from hil.waveform import Waveform

RNG = np.random.default_rng(7)


def metered(uri, figures=None, **parameters):
    """A device with a meter, and the account."""
    account = Account()
    with metering(account, figures or EnergySettings()):
        return open_device(uri, **parameters), account


def only(account):
    """The one tally of an account."""
    (tally,) = account.tallies.values()
    return tally


def images(count, rows, cols, amplitude=0.1, measure=False):
    """Waveform of some images by the two-pulse protocol."""
    rng = np.random.default_rng(1)
    pixels = rng.random((count, rows)) * (rng.random((count, rows)) < 0.4)
    targets = rng.integers(0, cols, count)[:, None] == np.arange(cols)
    return Protocol(amplitude=amplitude).waveform(pixels, targets, measure)


@pytest.mark.parametrize("uri", ["sim:flca-pair", "sim:vteam?d2d=0.1&c2c=0.1", "sim:rram?r_wire=5", "sim:stanford"])
def test_measured_energies_are_the_devices_own(uri):
    """Also with `exact`, where the waveform does not ask for any, and then nothing is told that was not asked for."""
    wave = images(3, 4, 3, 1.0)
    plain = open_device(uri, rows=4, cols=3)
    told = float(plain.apply(images(3, 4, 3, 1.0, True)).energy.sum())
    device, account = metered(uri, rows=4, cols=3)
    device.apply(images(3, 4, 3, 1.0, True))
    assert only(account).meant + only(account).half + only(account).between == pytest.approx(told, rel=1e-9)
    exact, account = metered(uri, EnergySettings(exact=True), rows=4, cols=3)
    assert len(exact.apply(wave).segments) == 0
    tally = only(account)
    assert tally.meant + tally.half + tally.between == pytest.approx(told, rel=1e-9)
    assert tally.estimated == 0 and tally.pulses == 9 and tally.unknown == 0


@pytest.mark.parametrize(
    ("uri", "amplitude", "tolerance"),
    [("sim:rram", 0.5, 1e-9), ("sim:rram", 1.0, 0.01), ("sim:vteam", 1.0, 0.01), ("sim:flca-pair", 0.1, 0.05)],
)
def test_energies_that_are_not_measured_follow_from_the_conductances(uri, amplitude, tolerance):
    """To rounding where no cell moves, and to a few percent where cells do, within pulses too; cells end alike."""
    told = open_device(uri, rows=8, cols=2)
    energy = float(told.apply(images(24, 8, 2, amplitude, True)).energy.sum())
    device, account = metered(uri, rows=8, cols=2)
    device.apply(images(24, 8, 2, amplitude))
    tally = only(account)
    assert tally.meant == pytest.approx(energy, rel=tolerance) and tally.estimated == tally.meant
    plain = open_device(uri, rows=8, cols=2)
    plain.apply(images(24, 8, 2, amplitude))
    assert np.array_equal(device.conductance, plain.conductance), "metering moves nothing"
    assert device.time == pytest.approx(plain.time, rel=1e-12)


def test_a_half_selected_cell_takes_a_quarter_of_a_selected_one_of_its_conductance():
    """Closed form: V/2 on the cells of the chosen row and column, nothing on others; V/3 a ninth on all."""
    v, width, g = 0.3, 2e-6, 1e-5
    for scheme, part in (("V/2", 1 / 4), ("V/3", 1 / 9)):
        device, account = metered("sim:rram", rows=5, cols=4)
        device.put(np.full((5, 4), g))
        g = float(device.conductance[0, 0])
        device.apply(select_lines(np.arange(5) == 2, np.arange(4) == 1, v, width=width, scheme=scheme))
        tally, others = only(account), {"V/2": 4 + 3, "V/3": 19}[scheme]
        assert tally.meant == pytest.approx(v**2 * g * width, rel=1e-12)
        assert tally.half == pytest.approx(part * v**2 * g * width * others, rel=1e-9)
        assert tally.between == 0


def test_sums_over_cells_are_those_of_a_loop():
    g = RNG.random((4, 3))
    t, rows, cols = RNG.random(20), RNG.normal(size=(20, 4)), RNG.normal(size=(20, 3))
    rows[::4] = 0
    cols[1::4] = 0
    meant = half = 0.0
    for k in range(20):
        v = rows[k][:, None] - cols[k]
        own = rows[k][:, None] * cols[k] < 0
        energy = t[k] * v**2 * g
        meant += energy[own].sum() if own.any() else energy.sum()
        half += energy[~own].sum() if own.any() else 0.0
    found = ohmic(g, t, rows, cols)
    assert found.meant == pytest.approx(meant, rel=1e-12) and found.half == pytest.approx(half, rel=1e-12)

    def power(row, col):
        v = row[:, None] - col
        return v**2 * g, float((v**2 * g).sum())

    few = solved(power, t[:8], rows[:8], cols[:8])
    same = ohmic(g, t[:8], rows[:8], cols[:8])
    assert few.sampled == 0 and few.meant == pytest.approx(same.meant) and few.half == pytest.approx(same.half)
    assert solved(power, t, rows, cols).sampled == 12


def test_floating_lines_settle_as_the_simulation_lets_them():
    g = RNG.random((4, 3)) * 1e-5 + 1e-6
    device, account = metered("sim:rram", rows=4, cols=3)
    device.put(g)
    wave = Waveform.pulse([0.4, np.nan, np.nan, 0.1], [0.0, np.nan, np.nan], width=1e-6, measure=True)
    told = float(device.apply(wave).energy[0])
    cells, given = settled(device.conductance, wave.rows[0], wave.cols[0])
    assert given * 1e-6 == pytest.approx(told, rel=1e-9) and given == pytest.approx(cells.sum())
    tally = only(account)
    assert tally.meant == pytest.approx((cells[0, 0] + cells[3, 0]) * 1e-6, rel=1e-6)
    assert tally.meant + tally.half == pytest.approx(told, rel=1e-9)


def test_wires_take_what_the_cells_do_not():
    """A row of cells behind one resistance: a voltage divider."""
    r, g = 2e3, 1e-4
    uri = f"sim:rram?r_wire=1e-6&r_row_driver={r}"
    device, account = metered(uri, rows=1, cols=1)
    device.put(np.full((1, 1), g))
    g = float(device.conductance[0, 0])
    device.apply(Waveform.pulse([0.2], [0.0], width=1e-6))
    current = 0.2 / (r + 1 / g)
    tally = only(account)
    assert tally.meant == pytest.approx(current**2 / g * 1e-6, rel=1e-6)
    assert tally.between == pytest.approx(current**2 * r * 1e-6, rel=1e-6)


def test_reads_count_their_lines_cells_and_conversions():
    device, account = metered("sim:rram?adc_bits=6", EnergySettings(read_time=1e-8), rows=6, cols=3)
    array = device.array
    v = np.array([[1e-3, 0, 0, 2e-3, 0, 0], [0, 0, 0, 0, 0, 1e-3]])
    device.mvm(v)
    tally = only(account)
    assert tally.look_energy == pytest.approx(1e-8 * float((v**2 @ array.conductance).sum()), rel=1e-12)
    assert (tally.looks, tally.dac, tally.adc) == (2, 3, 6)
    device.read()
    assert only(account).looks == 8 and only(account).adc == 6 + 18
    assert only(account).rows == pytest.approx(2 * (v**2).sum() + 12 * array.read_voltage**2)
    rows = Rows(energy_section(account, EnergySettings(read_time=1e-8)))
    assert rows["energy of converters"].value == pytest.approx(24 * 16e-3 / 9.6e9 / 4 + 9 * 0.39e-12)


def test_line_capacitances_are_charged_and_discharged():
    device, account = metered("sim:rram?r_wire=1&c_wire=1e-15", rows=4, cols=3)
    device.apply(Waveform.pulse([0.3, 0, 0, 0], [0, 0, -0.2], width=1e-6) + Waveform.rest(1e-6, 4, 3))
    rows = Rows(energy_section(account, EnergySettings()))
    assert rows["energy of line capacitances"].value == pytest.approx(3e-15 * 0.3**2 + 4e-15 * 0.2**2)


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


class Sample(Device):
    """Ohmic cells that say nothing of themselves but by measured segments."""

    name, rows, cols, limits = "sample", 2, 2, Limits(-1.0, 1.0, 1.0)
    identity, time = "a maker's", 0.0
    g = np.array([[1e-5, 2e-5], [3e-5, 4e-5]])

    def reset(self):
        pass

    def _play(self, waveform):
        told = np.flatnonzero(waveform.measure)
        v = waveform.rows[told][:, :, None] - waveform.cols[told][:, None, :]
        power = (v**2 * self.g).sum(axis=(1, 2))
        currents = (v * self.g).sum(axis=1)
        t = waveform.duration[told]
        return Response(told, t, currents, currents * t[:, None], power * t, np.zeros(len(told), bool))


def test_pulses_on_a_sample_whose_conductances_were_never_read_are_counted_as_unknown():
    account, device = Account(), Sample()
    with metering(account, EnergySettings()):
        attach(device, 4, 4.0, None)
    pulse = Waveform.pulse([0.5, 0.0], [0.0, 0.0], width=1e-3)
    device.apply(pulse)
    assert only(account).unknown == 1 and only(account).meant == 0
    rows = Rows(energy_section(account, EnergySettings()))
    assert rows["area"].value is None and "not known" in rows["area"].note
    assert rows["run: energy"].note.count("AT LEAST") == 1 and "1 pulses or reads NOT in it" in rows["run: energy"].note
    assert np.allclose(device.read(), device.g)
    read = only(account).meant
    assert read == pytest.approx(device.read_voltage**2 * device.g.sum() * device.read_width)
    device.apply(pulse)
    assert only(account).unknown == 1
    assert only(account).meant - read == pytest.approx(0.25 * 3e-5 * 1e-3)


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


def test_figures_are_settings_of_the_user():
    cheap, dear = EnergySettings(adc=0.0, dac=0.0), EnergySettings(adc_columns=4, cell_area=20.0, feature=1e-8)
    device, account = metered("sim:rram?r_wire=2&c_wire=1e-15&adc_bits=4", rows=16, cols=8)
    device.mvm(np.full((1, 16), 1e-3))
    assert "energy of converters" not in [row.name for row in energy_section(account, cheap)]
    rows = Rows(energy_section(account, dear))
    assert rows["area"].value == pytest.approx(128 * 20e-16 + 2 * 1.2e-9 + 24 * 0.166e-12)
    facts = next(iter(account.arrays.values()))
    delay = 1e-15 * 2 * (8 * 9 / 2 + 16 * 17 / 2)
    assert facts.line_delay == pytest.approx(delay)
    assert rows["latency of a product"].value == pytest.approx(np.log(2) * 5 * delay + 4 / 1.2e9)


def test_accounts_come_back_from_json_to_the_bit():
    import json

    account = Account()
    account.arrays = metered("sim:rram", rows=2, cols=2)[1].arrays
    with metering(account, EnergySettings()), during("trained", 3):
        account.of("sim:rram, 2 x 2").add(meant=1 / 3, pulses=7)
        account.count("image", 5)
    back = Account.from_json(json.loads(json.dumps(account.as_json())))
    assert (back.tallies, back.arrays, back.counts) == (account.tallies, account.arrays, account.counts)
    assert Dissipation(1.0, 2.0, 3.0).plus(Dissipation(1.0)).times(2.0).total == 14.0


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
