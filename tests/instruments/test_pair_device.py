"""Two channels of one virtual instrument on one cell, and on a crossbar: the same as the bare device sees, exactly."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.biasing import select
from hil.errors import InputError
from hil.experiments.stdp_window import spike_pair
from hil.limits import LimitError
from hil.programming import Programming, pulse_trains
from hil.waveform import Waveform
from instruments.link.errors import ComplianceError, ContactError, LinkError

CELL = "sim:rram;alpha=0.01"
HALF = "sim:ion-drift"
"""Cells without a threshold: half of the voltage moves them as well."""

PULSES = Programming(0.8, 0.8, 1e-3, 1e-6, 1e-4)

MODELS = ("2602B", "B2902A")


def bare(dut, **more):
    return open_device(dut.replace(";", "?", 1).replace(";", "&"), defaults=more)


def pair(model="2602B", dut=CELL, **more):
    words = {"model": model, "channels": 2, "dut": dut, "i_max": 1e-2, "v_max": 2, "watchdog": "false"} | more
    return open_device("visa:virtual?" + "&".join(f"{k}={v}" for k, v in words.items()))


def at_ends(spikes):
    """Spikes that are measured where one of the two pulses ends."""
    after = np.vstack([np.hstack([spikes.rows, spikes.cols])[1:], np.zeros(2)])
    now = np.hstack([spikes.rows, spikes.cols])
    return Waveform(spikes.duration, spikes.rows, spikes.cols, ((now != 0) & (after == 0)).any(axis=1))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("delay", [0.5e-3, -0.5e-3, 0.37e-3, -0.11e-3, 0.0, 2.345e-3, -5e-3])
def test_a_pair_of_pulses_with_any_delay_is_what_the_cell_sees(model, delay):
    spikes = at_ends(spike_pair(1.0, 1.1, 1e-3, delay))
    with bare(CELL) as want, pair(model) as device:
        asked, given = want.apply(spikes), device.apply(spikes)
        assert device.bench.dut.truth.conductance == pytest.approx(want.conductance, rel=1e-12)
        assert given.currents == pytest.approx(asked.currents, rel=1e-6, abs=1e-12)
        assert given.time == pytest.approx(asked.time, abs=1e-9)
        assert not given.tripped.any()


@pytest.mark.parametrize("model", MODELS)
def test_trains_with_rests_and_reads_go_through_alike(model):
    one = Waveform.pulse(0.1, width=2e-3, measure=True) + Waveform.rest(1e-3)
    whole = one + (at_ends(spike_pair(1.0, 0.9, 1e-3, 0.23e-3)) + Waveform.rest(3e-3)) * 3 + one
    with bare(CELL) as want, pair(model) as device:
        asked, given = want.apply(whole), device.apply(whole)
        assert device.bench.dut.truth.conductance == pytest.approx(want.conductance, rel=1e-12)
        assert given.currents == pytest.approx(asked.currents, rel=1e-6, abs=1e-12)
        assert device.leakage < 1e-12


@pytest.mark.parametrize("model", MODELS)
def test_reads_and_pulses_of_different_heights_are_one_train(model):
    """In ticks of 1 ms it would be 4000 points, of 2500; as pulses of the instrument it is 40."""
    read = Waveform.pulse(0.1, width=1e-3, measure=True) + Waveform.rest(99e-3)
    whole = (read + Waveform.pulse(0.7, -0.4, width=1e-3, measure=True) + Waveform.rest(99e-3)) * 20
    with bare(CELL) as want, pair(model) as device:
        assert not [line for line in device.explain(whole) if line.startswith("# train")]
        asked, given = want.apply(whole), device.apply(whole)
        assert device.bench.dut.truth.conductance == pytest.approx(want.conductance, rel=1e-12)
        assert given.currents == pytest.approx(asked.currents, rel=1e-5)
        assert device.lateness == 0.0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("cells", [(3, 1), (4, 2), (1, 3)])
def test_a_passive_crossbar_learns_by_half_selects_as_in_simulation(model, cells):
    """Programming pulses with V/2, as `Device.program` drives them: what half-selected cells see is in it."""
    counts = np.random.default_rng(3).integers(-3, 4, cells)
    only = np.zeros(cells, int)
    only[0, 0] = 3
    with bare(HALF, rows=cells[0], cols=cells[1]) as want, pair(model, HALF, rows=cells[0], cols=cells[1]) as device:
        assert device.limits.channels == 2
        for table in (counts, only):
            before = want.conductance.copy()
            for one in (want, device):
                for waveform in pulse_trains(table, PULSES, device.limits.channels):
                    one.apply(waveform)
        moved = np.abs(want.conductance / before - 1)
        assert max(moved[-1, 0], moved[0, -1]) > 1e-4, "half of the voltage disturbs cells that share a line"
        assert device.bench.dut.truth.conductance == pytest.approx(want.conductance, rel=1e-9)
        assert device.read() == pytest.approx(want.conductance, rel=1e-2)
        assert device.bench.matrix.instrument.hot_switches == 0


def test_a_cell_is_read_by_one_read_without_sneak_paths():
    """All lines are held: row by channel 1, column by channel 2, the others by LO."""
    with pair(dut="sim:rram;g_min=1e-6;g_max=1e-3", rows=3, cols=3) as device:
        truth = device.bench.dut.truth
        truth.restore(truth.snapshot() | {"weight": np.random.default_rng(0).random((3, 3))})
        routes = device._router._dialogue.say
        seen = []
        device._router._dialogue.say = lambda *m: (seen.append(m), routes(*m))[1]
        assert device.read() == pytest.approx(truth.conductance, rel=1e-5)  # six digits on the wire
        assert len(seen) <= 9 + 1


def test_the_current_of_the_only_column_is_measured_in_a_half_selected_array():
    waveform = select(1, 0, 1.2, cells=(3, 1), width=1e-3, measure=True)
    with bare(CELL, rows=3, cols=1) as want, pair(rows=3, cols=1) as device:
        asked, given = want.apply(waveform), device.apply(waveform)
        assert given.currents == pytest.approx(asked.currents, rel=1e-6)
        assert given.energy == pytest.approx(asked.energy, rel=1e-3)


@pytest.mark.parametrize("channels", [1, 2])
def test_into_a_floating_column_flows_nothing_but_its_rows_cost_energy(channels):
    """Of three cells on it one is driven: its current comes back out of the two others, V^2 / (R1 + (R2 | R3))."""
    width = 5e-3
    with pair(model="2602B", channels=channels, dut="sim:rram;g_min=1e-6;g_max=1e-3", rows=3, cols=1) as device:
        truth = device.bench.dut.truth
        truth.restore(truth.snapshot() | {"weight": np.array([[0.1, 0.5, 0.9]])})
        g = truth.conductance[:, 0]
        response = device.apply(Waveform.pulse([0.1, 0.0, 0.0], np.nan, width=width, measure=True))
        sneak = 1 / (1 / g[0] + 1 / (g[1] + g[2]))
        assert response.energy == pytest.approx(0.1**2 * sneak * width, rel=1e-5)
        assert response.currents.item() == response.charge.item() == 0.0
        held = device.apply(Waveform.pulse([0.1, 0.0, 0.0], 0.0, width=width, measure=True))
        assert held.currents == pytest.approx(0.1 * g[0], rel=1e-5)


def test_several_columns_are_told_apart_by_reads():
    waveform = Waveform.pulse([0.5, 0.5, 0.0], [0.0, 0.0], width=1e-3, measure=True)
    with pair(rows=3, cols=2) as device, pytest.raises(LimitError, match="one channel measures one column, 2"):
        device.apply(waveform)
    with bare(CELL, rows=3, cols=2) as want, pair(rows=3, cols=2, serial="true") as device:
        assert device.apply(waveform).currents == pytest.approx(want.apply(waveform).currents, rel=1e-6)
        columns = Waveform.pulse([0.0, 0.0, 0.0], [0.5, 0.0], width=1e-3, measure=True)
        assert device.apply(columns).currents == pytest.approx(want.apply(columns).currents, rel=1e-6, abs=1e-12)
        both = Waveform.pulse([0.5, 0.0, 0.0], [-0.5, 0.0], width=1e-3, measure=True)
        with pytest.raises(LimitError, match="two voltages besides 0 V at once"):
            device.apply(both)


@pytest.mark.parametrize(
    ("waveform", "sentence"),
    [
        (Waveform.pulse(1.5, -1.0, width=1e-3), "2.5 V across the cell is outside -2 V .. 2 V"),
        (Waveform.pulse(2.5, 2.5, width=1e-3), "2.5 V is outside -2 V .. 2 V"),
        (Waveform.pulse(np.nan, 0.0, width=1e-3), "there is no relay to open it"),
    ],
)
def test_a_waveform_beyond_the_limits_sends_nothing(waveform, sentence):
    with pair() as device:
        device.bench.smu.instrument.handle = None  # any message would raise in the server
        with pytest.raises(LimitError, match=sentence):
            device.apply(waveform)
        del device.bench.smu.instrument.handle


def test_three_voltages_are_one_too_many_for_a_crossbar():
    with pair(rows=2, cols=2) as device, pytest.raises(LimitError, match="3 different voltages at once"):
        device.apply(select(0, 0, 0.9, cells=(2, 2), width=1e-3, scheme="V/3"))


def test_a_pulse_is_never_cut_for_a_relay():
    moved = Waveform.samples([[0.5, 0.0], [0.5, 0.4]], [[0.0, 0.0], [0.0, 0.4]], dwell=1e-3)
    moved += Waveform.samples([[0.5, 0.4]], [[0.2, 0.2]], dwell=1e-3)
    with pair(rows=2, cols=2) as device, pytest.raises(LimitError):
        device.apply(moved)


def test_a_channel_at_the_compliance_is_told():
    with pair(dut="sim:rram;g_min=1e-3;g_max=2e-3", i_max=1e-4) as device:
        with pytest.raises(ComplianceError, match="at the compliance"):
            device.read(0.5)
        response = device.apply(Waveform.pulse(0.5, -0.5, width=1e-3, measure=True))
        assert response.tripped.all() and np.isnan(response.energy).all()
        assert abs(response.currents[0, 0]) == pytest.approx(1e-4, rel=0.02)


def test_a_broken_contact_of_either_terminal_is_found():
    for port in ("1", "2"):
        with pair(contact_floor=1e-9) as device:
            device.bench.dut.port(port).contact_open = True
            with pytest.raises(ContactError, match="is open"):
                device.apply(Waveform.pulse(0.5, width=1e-3))


def test_a_row_that_leaks_elsewhere_is_found():
    """A second cell, from the same row to LO: the row's current is not the column's."""
    with pair(dut="sim:rram", rows=1, cols=2) as array:
        array.bench.dut.connect({0}, {2}, "1")
        array.bench.dut.connect({1}, {2}, "2")
        with pair(contact_floor=1e-9) as device:
            device.bench.dut.__dict__.update(array.bench.dut.__dict__)
            with pytest.raises(ContactError, match="do not flow from row to column"):
                device.apply(Waveform.pulse(0.5, width=1e-3))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"model": "2450"}, "channel 2: a 2450 has channels 1 .. 1"),
        ({"channel": 2}, "channels = 2 takes both"),
        ({"sense_check": "true"}, "sense_check looks at the sense leads of four_wire=true, which is not given"),
        (
            {"four_wire": "true", "overvoltage": 40},
            "puts up to 42 V between the terminals; accept it with overvoltage=42",
        ),
        ({"channels": 3}, "channels"),
    ],
)
def test_what_cannot_go_together_is_one_sentence(more, sentence):
    with pytest.raises(InputError, match=sentence):
        pair(**more)


def test_a_wrong_order_of_the_two_starts_never_ends_well():
    """smua before smub: smub misses the first event. The virtual instrument shows it, and all outputs go off."""
    with pair() as device:
        instrument = device.bench.smu.instrument
        handle = instrument.handle

        def swapped(message):
            first, last = "smub.trigger.initiate()", "smua.trigger.initiate()"
            return handle(message.replace(f"{first}; {last}", f"{last}; {first}"))

        instrument.handle = swapped
        device.smu._line.timeout = 0.3
        with pytest.raises(LinkError):
            device.apply(Waveform.train(0.5, -0.5, width=1e-3, period=2e-3, count=3, measure=True))
        assert not instrument.output


@pytest.mark.parametrize("cells", [(3, 1), (1, 3)])
def test_v_3_of_one_line_of_cells_needs_two_sources_and_is_played(cells):
    """Selected row at V, the others at V / 3, the column at 0 V; in a larger crossbar 2 V / 3 would be the third."""
    waveform = select(0, 0, 0.9, cells=cells, width=1e-3, scheme="V/3")
    with bare(HALF, rows=cells[0], cols=cells[1]) as want, pair(dut=HALF, rows=cells[0], cols=cells[1]) as device:
        before = want.conductance.copy()
        for one in (want, device):
            one.apply(waveform)
        moved = (want.conductance / before - 1).ravel()
        assert moved[1:] == pytest.approx(moved[0] / 3, rel=0.01), "a third of the voltage, and of what it does"
        assert device.bench.dut.truth.conductance == pytest.approx(want.conductance, rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_a_long_pulse_that_is_not_measured_is_no_late_train(model):
    """A B2900A plays one more pulse, of 0 V, behind it: as long, and no part of what was asked for."""
    with pair(model, rows=3) as device:
        long = Waveform.pulse([0.0, 0.0, -0.5], 0.0, width=1.5) * 2
        device.apply(Waveform.rest(1e-3, 3, 1) + long + Waveform.rest(1e-3, 3, 1))
        assert not device.bench.smu.instrument.output
