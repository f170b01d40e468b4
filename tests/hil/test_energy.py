"""Energy of a run: what the meter counts beside what devices integrate, closed forms, and resumed runs."""

import numpy as np
import pytest
from metered_devices import images, metered, only

from hil.backends import open_device
from hil.biasing import select_lines
from hil.device import Device, Response
from hil.energy.account import Account
from hil.energy.dissipation import Dissipation, ohmic, settled, solved
from hil.energy.figures import EnergySettings
from hil.energy.meter import attach, during, metering
from hil.energy.report import energy_section
from hil.limits import Limits
from hil.runs.results import Rows
from hil.waveform import Waveform

RNG = np.random.default_rng(7)


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
