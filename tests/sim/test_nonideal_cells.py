"""Drift, relaxation, few levels, write noise and endurance, on several laws: against their closed forms."""

import numpy as np
import pytest
from scipy import integrate

import hil
from hil.backends import open_device
from hil.errors import InputError
from hil.experiments.fits import power
from hil.experiments.retention import decay
from hil.programming import pulse_trains, whole_counts
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.waveform import Waveform
from sim.crossbar.nonideal.inverse import conductance, state_at
from sim.crossbar.spiking_core import CompiledCore

MOVES = {
    "rram": (1.2, 1e-3),
    "vteam?set=positive": (1.0, 2e-2),
    "yakopcic": (0.4, 1e-4),
    "stanford?gap0=1e-9": (1.2, 1e-7),
}
"""Pulses that move cells of these laws part of their way up: V, s."""


def joined(law, options, rows=1, cols=1):
    return open_device(f"sim:{law}{'&' if '?' in law else '?'}rows={rows}&cols={cols}&{options}")


def rest(device, seconds):
    device.apply(Waveform.rest(seconds, rows=device.rows, cols=device.cols))


def pulse(device, v, width):
    device.apply(Waveform.pulse([v] * device.rows, [0.0] * device.cols, width=width))


@pytest.mark.parametrize("law", MOVES)
def test_drift_is_a_power_law_of_the_time_since_programming(law):
    with joined(law, "drift=0.08&drift_t0=0.01") as device:
        rest(device, 5.0)
        pulse(device, *MOVES[law])
        start = device.conductance[0, 0]
        for t in (0.01, 1.0, 10.0, 1e6):
            rest(device, t - (device.time - 5.0 - MOVES[law][1]))
            assert device.conductance[0, 0] == pytest.approx(start * (t / 0.01) ** -0.08, rel=1e-9)


@pytest.mark.parametrize("law", MOVES)
def test_waiting_twice_is_waiting_once_and_a_pulse_goes_on_from_what_is_left(law):
    v, width = MOVES[law]
    options = "drift=0.05&drift_t0=1e-3&relax=0.3&relax_tau=4"
    with joined(law, options) as once, joined(law, options) as twice:
        for device, parts in ((once, [20.0]), (twice, [10.0, 10.0])):
            pulse(device, v, width)
            for part in parts:
                rest(device, part)
        assert twice.conductance == pytest.approx(once.conductance, rel=1e-14)
        left = once.conductance[0, 0]
        pulse(once, v, 1e-3 * width)  # next to nothing, unless a cell counts pulses
        if law != "rram":
            assert once.conductance[0, 0] == pytest.approx(left, rel=0.02)


def test_exponents_are_spread_and_come_back_from_a_fit():
    with joined("rram", "drift=0.05&drift_spread=0.3&drift_t0=1e-3&seed=5", rows=50, cols=40) as device:
        pulse(device, 1.2, 1e-3)
        seen = []
        times = np.geomspace(0.1, 1e4, 7)
        for t in times:
            rest(device, t - (device.time - 1e-3))
            seen.append(device.conductance)
    nu = -np.polyfit(np.log(times), np.log(seen).reshape(7, -1), 1)[0]
    assert np.median(nu) == pytest.approx(0.05, rel=4 * 0.3 * 1.25 / np.sqrt(nu.size))
    assert np.log(nu).std() == pytest.approx(0.3, rel=0.05)


def test_the_retention_experiment_and_its_fit_give_the_exponent_back(tmp_path):
    found = hil.characterize(
        "retention", device="sim:rram?drift=0.06&drift_t0=1e-3", first=0.01, last=1e4, reads=15, run=tmp_path / "run"
    )
    t, g, _ = decay(found.records)
    assert -power(t, g).exponent == pytest.approx(0.06, rel=2e-3)
    (row,) = [row for row in found.rows if row.name == "drift exponent nu"]
    assert row.value == pytest.approx(0.06, rel=2e-3)


def test_a_saturated_cell_that_has_drifted_is_brought_back():
    """Each pulse of the train finds the cell as it has drifted since the last one, at its bound or not."""
    with joined("rram?alpha=0.1&w0=1", "drift=0.2&drift_t0=1e-3") as device:
        rest(device, 10.0)
        g = 1e-4 * 1e4**-0.2
        assert device.conductance[0, 0] == pytest.approx(g)
        for _ in range(7):
            pulse(device, 1.2, 1e-6)
            g = min(g + 0.1 * 99e-6, 1e-4)
            assert device.conductance[0, 0] == pytest.approx(g)
        assert g < 1e-4
        for _ in range(4):
            pulse(device, 1.2, 1e-6)
        assert device.conductance[0, 0] == pytest.approx(1e-4)


@pytest.mark.parametrize("law", MOVES)
def test_a_pulse_moves_a_drifted_cell_as_one_that_was_put_there(law):
    v, width = MOVES[law]
    with joined(law, "drift=0.1&drift_t0=1e-2&c2c=0.1") as device, joined(law, "c2c=0.1") as twin:
        pulse(device, v, width)
        pulse(twin, v, width)
        rest(device, 100.0)
        twin.array.put(state_at(twin.law, twin.array.copied_state(), device.conductance.T))
        for each in (device, twin):
            pulse(each, v, width)
        assert device.conductance == pytest.approx(twin.conductance, rel=1e-7)


def test_retention_after_pulses_that_no_longer_move_a_cell(tmp_path):
    device = "sim:stanford?gap0=5e-10&drift=0.05&drift_t0=1e-4"
    found = hil.characterize("retention", device=device, reads=10, run=tmp_path / "run")
    (row,) = [row for row in found.rows if row.name == "drift exponent nu"]
    assert row.value == pytest.approx(0.05, rel=2e-3)


def test_charge_of_a_long_read_follows_the_drift():
    with joined("rram", "drift=0.1&drift_t0=0.5&relax=0.2&relax_tau=3") as device:
        pulse(device, 1.2, 1e-3)
        g0 = 1e-6 + 0.502 * 99e-6
        part = 0.2 * 0.002 * 99e-6 / g0
        answer = device.apply(Waveform.pulse(0.1, width=100.0, measure=True))

    def current(t):
        return 0.1 * g0 * (max(t, 0.5) / 0.5) ** -0.1 * (1 - part * (1 - np.exp(-t / 3)))

    expected = integrate.quad(current, 0, 100, points=[0.5, 3], limit=200, epsabs=0, epsrel=1e-12)[0]
    assert answer.charge[0, 0] == pytest.approx(expected, rel=1e-8)
    assert answer.currents[0, 0] == pytest.approx(current(100.0), rel=1e-12)


def test_floating_lines_see_cells_that_age():
    """A column that floats is a divider of cells that age alike: its neighbour's current ages as they do."""
    with joined("rram", "drift=0.1&drift_t0=1", rows=2, cols=2) as device:
        rest(device, 1.0)
        pulses = Waveform.pulse([0.1, 0.0], [0.0, np.nan], width=99.0, measure=True)
        before, answer = device.conductance, device.apply(pulses)
    assert device.conductance == pytest.approx(before * 100**-0.1, rel=1e-12)
    assert answer.currents[0, 0] == pytest.approx(0.1 * before[0, 0] * 100**-0.1, rel=1e-9)
    mean = integrate.quad(lambda t: t**-0.1, 1, 100, epsabs=0)[0]
    assert answer.charge[0, 0] == pytest.approx(0.1 * before[0, 0] * mean, rel=1e-6)


@pytest.mark.parametrize("law", MOVES)
def test_what_relaxes_is_a_part_of_the_change(law):
    v, width = MOVES[law]
    with joined(law, "relax=0.25&relax_tau=0.1") as device:
        before = device.conductance[0, 0]
        pulse(device, v, width)
        after = device.conductance[0, 0]
        for t in (0.05, 0.1, 1.0):
            rest(device, t - (device.time - width))
            expected = after - 0.25 * (after - before) * (1 - np.exp(-t / 0.1))
            assert device.conductance[0, 0] == pytest.approx(expected, rel=1e-9)
        rest(device, 100.0)
        assert device.conductance[0, 0] == pytest.approx(after - 0.25 * (after - before), rel=1e-9)


def test_what_is_still_to_go_back_is_not_forgotten_by_the_next_pulse():
    with joined("rram?alpha=0.1", "relax=0.5&relax_tau=1") as device:
        g0 = device.conductance[0, 0]
        pulse(device, 1.2, 1e-6)
        g1 = device.conductance[0, 0]
        rest(device, np.log(2.0))
        half = device.conductance[0, 0]
        assert half == pytest.approx(g1 - 0.25 * (g1 - g0))
        pulse(device, 1.2, 1e-6)
        g2 = device.conductance[0, 0]
        rest(device, 50.0)
        assert device.conductance[0, 0] == pytest.approx(g2 - 0.25 * (g1 - g0) - 0.5 * (g2 - half), rel=1e-5)


def test_the_part_that_relaxes_is_drawn_for_every_pulse():
    with joined("rram?alpha=0.1", "relax=0.3&relax_spread=0.2&relax_tau=1", rows=60, cols=50) as device:
        parts = []
        for _ in range(2):
            before = device.conductance
            pulse(device, 1.2, 1e-6)
            after = device.conductance
            rest(device, 60.0)
            parts.append((after - device.conductance) / (after - before))
    assert np.mean(parts) == pytest.approx(0.3, rel=0.01)
    assert np.std(parts) == pytest.approx(0.06, rel=0.05)
    assert abs(np.corrcoef(parts[0].ravel(), parts[1].ravel())[0, 1]) < 0.08


@pytest.mark.parametrize("law", MOVES)
def test_cells_know_as_many_levels_as_they_are_told(law):
    v, width = MOVES[law]
    with joined(law, "levels=16&g_off=1e-6", rows=30, cols=1) as device:
        for k in range(12):
            height = v * np.linspace(0.9, 1.1, 30) * (-1 if k % 4 == 3 else 1)
            device.apply(Waveform.pulse(height, 0.0, width=width))
        low, high = device.parameters.bounded_range()
        moved = device.array.history.writes.T > 0
        at = (device.conductance[moved] - low) / (high - low) * 15
    assert np.abs(at - np.round(at)).max() < 2e-3  # less than what counts as programmed
    assert moved.mean() > 0.5
    assert len(np.unique(np.round(at))) >= 2


def test_rounding_is_right_on_average_or_has_a_dead_zone():
    for rounding, change in (("stochastic", 0.02), ("nearest", 0.0)):
        options = f"levels=11&rounding={rounding}"
        with joined("rram?alpha=0.02", options, rows=100, cols=100) as device:
            for _ in range(2):
                pulse(device, 1.2, 1e-6)
            weight = device.state("weight")
        assert weight.mean() == pytest.approx(0.5 + 2 * change, abs=4 * 0.06 / 100 if change else 1e-12)
        assert np.abs(weight * 10 - np.round(weight * 10)).max() < 1e-9


def test_write_noise_is_a_fraction_of_the_range():
    with joined("rram?alpha=0.02", "write_noise=0.03", rows=100, cols=100) as device:
        steps = []
        for _ in range(2):
            before = device.state("weight")
            pulse(device, 1.2, 1e-6)
            steps.append((device.state("weight") - before).ravel())
    assert np.mean(steps) == pytest.approx(0.02, abs=4 * 0.03 / np.sqrt(2e4))
    assert np.std(steps) == pytest.approx(0.03, rel=0.03)
    assert abs(np.corrcoef(*steps)[0, 1]) < 0.04


def test_a_window_closes_as_its_formula_says():
    low, high, lasts = 1e-6, 1e-4, 50.0
    with joined("rram?alpha=1", "endurance=50&endurance_shape=1.5&endurance_end=0.25&w0=0") as device:
        cycles, before = 0.0, low
        for k in range(200):
            pulse(device, 1.2 if k % 2 == 0 else -1.2, 1e-6)
            ideal = high if k % 2 == 0 else low
            cycles += abs(ideal - before) / (2 * (high - low))
            gone = 1 - 0.5 ** ((cycles / lasts) ** 1.5)
            bounds = low * 100 ** (0.25 * gone), high * 100 ** (-0.75 * gone)
            before = float(np.clip(ideal, *bounds))
            assert device.conductance[0, 0] == pytest.approx(before, rel=1e-9)
        assert bounds[1] / bounds[0] < 30


def test_the_endurance_experiment_sees_the_window_close(tmp_path):
    found = hil.characterize(
        "endurance",
        device="sim:rram?alpha=0.2&w0=0&endurance=20&endurance_shape=4",
        amplitude=1.2, width=1e-6, pulses=5, cycles=200, min_ratio=3.0, run=tmp_path / "run",
    )  # fmt: skip
    ratio = found.records["ratio"]
    assert ratio[0] == pytest.approx(100, rel=0.02)
    # A cycle in a narrower window is less than one: half of it is gone a little later than after 20.
    half = int(np.argmax(ratio < 10)) + 1
    assert 20 <= half <= 30
    assert ratio[-1] < 3
    assert any(row.name == "failed at cycle" and row.value for row in found.rows)


def test_cells_differ_in_how_long_they_last():
    with joined("rram?alpha=1", "endurance=10&endurance_spread=0.5&endurance_shape=20&w0=0", 30, 30) as device:
        for k in range(20):
            pulse(device, -1.2 if k % 2 else 1.2, 1e-6)
        worn = device.conductance > 2e-6
    assert worn.mean() == pytest.approx(0.5, abs=0.1)  # half of them last less than the median


@pytest.mark.parametrize("law", [*MOVES, "flca?phi0=1e-3", "simmons", "ion-drift", "diffusive", "mss", "flca-pair"])
def test_a_conductance_is_led_back_to_a_state(law):
    with joined(law, "seed=1", 3, 40) as device:
        state, rng = device.array.copied_state(), np.random.default_rng(3)
        low, high = device.law.bounds()
        shape = state[device.law.programmed].shape
        high = min(high, 0.05)
        x = low + (high - low) * rng.uniform(0.05, 0.95, shape)
        target = conductance(device.law, {**state, device.law.programmed: x})
        found = state_at(device.law, state, target)
        again = conductance(device.law, {**state, device.law.programmed: found})
    assert again == pytest.approx(target, rel=1e-11)


def test_beyond_the_bounds_is_the_bound():
    with joined("rram", "") as device:
        x = state_at(device.law, device.array.copied_state(), np.array([[1.0]]))
        assert x == 1.0
        assert state_at(device.law, device.array.copied_state(), np.array([[1e-12]])) == 0.0


@pytest.mark.parametrize(
    "option", ["noise_1f=0.01", "rtn=0.1", "levels=4", "write_noise=0.1", "drift=0.1", "relax=0.1", "endurance=10"]
)
def test_no_compiled_layer_leaves_them_out(option):
    with joined("rram", option, 2, 2) as device, open_device("sim:rram", rows=2, cols=2) as plain:
        assert isinstance(device.spiking(Lif(), Stdp()), HostCore)
        assert isinstance(plain.spiking(Lif(), Stdp()), CompiledCore)


@pytest.mark.parametrize("option", ["levels=40", "drift=0.1&drift_t0=1e-6", "relax=0.5&relax_tau=1e-5", "endurance=3"])
def test_programming_is_played_pulse_by_pulse(option):
    """`program` is compiled for cells without a past: these get the pulses that a host would send."""
    counts = np.array([[3, -2], [0, 4]])
    with joined("rram?alpha=0.1", option, 2, 2) as device, joined("rram?alpha=0.1", option, 2, 2) as host:
        device.program(counts)
        for waveform in pulse_trains(whole_counts(counts, (2, 2), "it"), host.programming, None, None, once=False):
            host.apply(waveform)
        assert np.array_equal(device.conductance, host.conductance)
        assert device.time == pytest.approx(host.time)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("rram?drift=2", "drift"),
        ("rram?drift_t0=2", "drift_t0 = 2.0: give drift as well"),
        ("rram?relax=1.5", "relax"),
        ("rram?levels=1", "levels"),
        ("rram?levels=2.5", "levels"),
        ("rram?rounding=nearest", "rounding = nearest: give levels as well"),
        ("rram?write_noise=-1", "write_noise"),
        ("rram?endurance=0", "endurance"),
        ("flca?D=0&levels=8", "levels = 8: nothing bounds the resistance of this cell: give g_off"),
        ("yakopcic?endurance=8", "give g_off"),
    ],
)
def test_what_makes_no_sense_is_refused(address, told):
    with pytest.raises(InputError) as refused:
        open_device(f"sim:{address}")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
