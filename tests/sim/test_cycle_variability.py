"""Spread from cycle to cycle: its distribution, its independence, and that it belongs to a pulse."""

import numpy as np
import pytest
from array_drives import EVERYTHING, KINDS, all_rows, assert_same_state, random_drive, state_of
from hypothesis import given, settings
from hypothesis import strategies as st
from ideal_sources import IdealSources
from scipy import stats

from hil.backends import open_device
from hil.waveform import Waveform
from sim.crossbar.variability import cycle_factor


def draws(sigma=1.0, seed=3, events=60, cols=60, rows=60):
    table = [
        cycle_factor(sigma, seed, event, col, row)
        for event in range(events)
        for col in range(cols)
        for row in range(rows)
    ]
    return np.array(table).reshape(events, cols, rows)


def test_cycle_factors_are_normal_around_one():
    factors = draws(sigma=0.2)
    normal = (factors.ravel() - 1) / 0.2
    assert normal.mean() == pytest.approx(0, abs=4 / np.sqrt(normal.size))
    assert normal.std() == pytest.approx(1, rel=0.01)
    assert stats.skew(normal) == pytest.approx(0, abs=0.03)
    assert stats.kurtosis(normal) == pytest.approx(0, abs=0.05)
    assert stats.kstest(normal, "norm").pvalue > 1e-3


def test_cycle_factors_are_independent_in_every_direction():
    normal = draws() - 1
    bound = 5 / np.sqrt(normal.size)
    for axis in range(3):
        shifted = np.roll(normal, 1, axis=axis)
        assert abs(np.mean(normal * shifted)) < bound
        assert abs(np.mean((normal**2 - 1) * (shifted**2 - 1))) < 2 * bound
    assert abs(np.mean(normal * normal.transpose(0, 2, 1)[:, ::-1])) < bound
    assert np.unique(normal).size == normal.size


def test_cycle_factors_depend_on_every_argument():
    one = cycle_factor(0.1, 3, 5, 7, 11)
    assert one == cycle_factor(0.1, 3, 5, 7, 11)
    others = [(4, 5, 7, 11), (3, 6, 7, 11), (3, 5, 8, 11), (3, 5, 7, 12), (3, 5, 11, 7), (5, 3, 7, 11)]
    assert len({one, *(cycle_factor(0.1, *arguments) for arguments in others)}) == 7


def test_no_spread_is_a_factor_of_one():
    assert (draws(sigma=0.0, events=5, cols=5, rows=5) == 1).all()


@pytest.mark.parametrize("sigma", [0.05, 0.3])
def test_every_step_of_an_rram_cell_is_spread(sigma):
    device = open_device("sim:rram", rows=100, cols=100, alpha=1e-3, w0=0.5, c2c=sigma, seed=2)
    changes = []
    for _ in range(4):
        before = device.weights
        device.apply(all_rows(device, 1.2) + all_rows(device, 0.0))
        changes.append(device.weights - before)
    changes = np.array(changes)
    assert changes.std() == pytest.approx(sigma * 1e-3, rel=0.02)
    assert changes.mean() == pytest.approx(1e-3, rel=4 * sigma / np.sqrt(changes.size))
    assert abs(np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1]) < 0.04


def test_every_change_of_flux_is_spread():
    device = open_device("sim:flca?D=0&R=100,1e6", rows=100, cols=100, c2c=0.1, seed=2)
    device.apply(all_rows(device, 0.5))
    flux = (1 / device.read() - 100) / 1e6
    assert flux.std() == pytest.approx(0.1 * 0.5e-3, rel=0.02)
    assert flux.mean() == pytest.approx(0.5e-3, rel=0.004)


def test_a_rest_is_not_a_programming_change():
    spread, plain = (open_device("sim:flca?kind=volatile&phi0=1e-3", rows=4, cols=3, c2c=c2c) for c2c in (0.5, 0.0))
    for device in (spread, plain):
        device.apply(all_rows(device, 0.0, width=0.7))
    assert np.array_equal(spread.read(), plain.read())


@pytest.mark.parametrize("uri", ["sim:flca?D=0&phi0=1e-3", "sim:rram?alpha=0.9&w0=0.3"])
def test_a_pulse_far_beyond_a_bound_ends_at_the_bound(uri):
    """The spread is of the pulse's effect, not of where the bound is."""
    device = open_device(uri, rows=10, cols=10, c2c=0.1)
    device.apply(all_rows(device, -3.0))
    bound = 1 / 100 if "flca" in uri else 1e-6
    assert device.read() == pytest.approx(np.full((10, 10), bound))


@pytest.mark.parametrize("uri", KINDS)
@settings(deadline=None, max_examples=10, derandomize=True)
@given(cuts=st.lists(st.integers(1, 29), max_size=4, unique=True).map(sorted))
def test_the_spread_does_not_depend_on_how_the_work_is_cut(uri, cuts):
    """Into calls, at a rest: where a call ends all lines are at 0 V."""
    whole, pieces = (open_device(uri, rows=4, cols=3, threads=1, **EVERYTHING) for _ in range(2))
    waveform, rest = random_drive(whole, 30), Waveform.rest(1e-3, 4, 3)
    parts = [waveform[start:stop] + rest for start, stop in zip([0, *cuts], [*cuts, 30], strict=True)]
    whole.apply(Waveform.concat(parts))
    for part in parts:
        pieces.apply(part)
    assert_same_state(whole, pieces)
    assert np.array_equal(whole.read(), pieces.read())


@pytest.mark.parametrize(("uri", "voltage"), [
    ("sim:flca?D=0", 1.0), ("sim:flca?kind=volatile&phi0=1e-3", 1.0), ("sim:flca?D=200&phi0=5e-3", -0.4),
    ("sim:flca-pair?preset=perceptron", 0.1), ("sim:flca-step", 0.1), ("sim:vteam?k_off=10", 1.2),
    ("sim:vteam?window=biolek&k_off=10", 1.2), ("sim:rram?alpha=0.01", 1.2), ("sim:pill?rows=45", 0.1),
])  # fmt: skip
@pytest.mark.parametrize("measured", [False, True])
def test_a_pulse_has_one_factor_however_it_is_cut(uri, voltage, measured):
    """In one piece, 64 pieces, and 8 pieces while another line changes; against the course without noise."""
    ends = []
    for pieces, c2c in ((1, 0.0), (1, 0.3), (64, 0.3)):
        device = open_device(uri, cols=40, threads=1, c2c=c2c, seed=2, **({} if "rows" in uri else {"rows": 45}))
        device.apply(all_rows(device, voltage, width=1e-3 / pieces, measure=measured) * pieces)
        ends.append(1 / device.conductance)
    pristine = 1 / open_device(uri).conductance[0, 0]
    change = [end - pristine for end in ends]
    assert change[2] == pytest.approx(change[1], rel=2e-4, abs=1e-6 * np.abs(change[0]).max())
    if "flca-pair" not in uri:  # its resistance holds the volatile element as well, which has no spread
        factor = change[1] / change[0]
        assert factor.std() == pytest.approx(0.3, rel=0.06 if "window" not in uri else 0.15)
        assert factor.mean() == pytest.approx(1.0, abs=0.03)


def test_a_pulse_goes_on_while_other_lines_change():
    """Cells of row 0 see one pulse whatever row 1 does; cells of row 1 see three."""
    quiet, busy = (open_device("sim:flca?D=0", rows=2, cols=500, threads=1, c2c=0.3, seed=2) for _ in range(2))
    columns = np.zeros(500)
    quiet.apply(Waveform.pulse([1.0, 0.0], columns, width=3e-3))
    busy.apply(Waveform.concat(Waveform.pulse([1.0, v], columns, width=1e-3) for v in (0.5, 0.0, 0.5)))
    assert busy.read()[0] == pytest.approx(quiet.read()[0], rel=1e-12)
    flux = (1 / busy.read()[1] - 100) / 1e6
    assert flux.std() / flux.mean() == pytest.approx(0.3 / 2**0.5, rel=0.1)


def test_relaxation_at_rest_has_no_spread():
    """A volatile flux that noise has moved decays from there exactly, at whatever moment the rest is cut."""
    device = open_device("sim:flca?kind=volatile&D=50", rows=10, cols=10, threads=1, c2c=0.5, seed=2)
    device.apply(all_rows(device, 1.0))
    flux = 1 / device.conductance - 100
    device.apply(all_rows(device, 0.0, width=7e-3) + all_rows(device, 0.0, width=3e-3, measure=True))
    assert 1 / device.conductance - 100 == pytest.approx(flux * np.exp(-0.5), rel=1e-9)


def test_a_pulse_may_go_backwards():
    """With the 3.4 of a published preset every third step does, by as much as the distribution says."""
    device = open_device("sim:rram?alpha=0.001&c2c=3.4", rows=100, cols=100, seed=5)
    device.apply(all_rows(device, 1.2))
    factor = (device.weights - 0.5) / 0.001
    assert factor.std() == pytest.approx(3.4, rel=0.03)
    assert (factor < 0).mean() == pytest.approx(stats.norm.cdf(-1 / 3.4), abs=0.015)


@pytest.mark.parametrize("uri", KINDS)
def test_a_floating_line_does_not_cut_a_pulse(uri):
    """Its voltage moves with the cells, but the segment is one pulse to them; so are two alike, measured or not."""
    floating = np.array([1.2, np.nan, 0.0, 1.2])
    ends = []
    for pieces, measure in ((1, False), (4, False), (4, True)):
        device = open_device(uri, rows=4, cols=30, threads=1, c2c=0.3, seed=2)
        device.apply(Waveform.pulse(floating, np.zeros(30), width=1e-5 / pieces, measure=measure) * pieces)
        ends.append(1 / device.conductance)
    assert ends[1] == pytest.approx(ends[0], rel=1e-4)
    assert ends[2] == pytest.approx(ends[0], rel=1e-4)


@pytest.mark.parametrize("uri", KINDS)
def test_following_in_steps_is_one_pulse(uri):
    """What steps a circuit around an array goes back and forth within a pulse, to the same end."""
    waveform = Waveform.pulse(np.full(3, 1.2), np.zeros(4), width=1e-3)
    whole, held = (open_device(uri, rows=3, cols=4, threads=1, c2c=0.3, seed=2) for _ in range(2))
    whole.apply(waveform)
    circuit = IdealSources(waveform.rows[0], waveform.cols[0])
    held.follow(circuit, 4e-4)
    moment = held.moment()
    held.follow(circuit, 9e-4)
    held.recall(moment)
    held.follow(circuit, 6e-4)
    assert held.conductance == pytest.approx(whole.conductance, rel=1e-4)
    state = held.snapshot()
    held.restore(state)
    assert np.array_equal(held.snapshot()["counters"], state["counters"])
    for device in (held, whole):
        device.apply(waveform)
    assert held.conductance == pytest.approx(whole.conductance, rel=1e-4)


@pytest.mark.parametrize("uri", KINDS)
def test_the_spread_does_not_depend_on_threads(uri):
    results = []
    for threads in (1, 2, 3):
        with open_device(uri, rows=50, cols=20, threads=threads, **EVERYTHING) as device:
            device.apply(random_drive(device, 250))
            results.append(state_of(device))
    for other in results[1:]:
        assert all(np.array_equal(results[0][name], other[name]) for name in results[0])
