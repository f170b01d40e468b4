"""`sim:flca-pair` against LSODA, closed forms without relaxation, and the protocols of the paper's Figures 3 and 4."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import Pair, pair_without_relaxation

from hil.backends import open_device
from hil.waveform import Waveform
from sim.crossbar.threads import WORTH_A_THREAD

MS = 1e-3
PULSE = 1e-3
"""Flux of a pulse of Figure 3, 1 V for 1 ms, in V s."""

PERCEPTRON_PULSE = 1e-4
"""Flux of a full-scale pulse of the perceptron, 100 mV for 1 ms, in V s."""


def pair(preset="figure3", start=None, **parameters):
    """One cell, with (phi_v, phi_n) in V s if `start` is given."""
    device = open_device(f"sim:flca-pair?preset={preset}", threads=1, **parameters)
    if start is not None:
        phi_v, phi_n = np.reshape(start, (2, 1, 1))
        device.restore(device.snapshot() | {"phi_v": phi_v, "phi_n": phi_n})
    return device


def reference(device):
    """The same elements, for LSODA."""
    p = device.parameters
    return Pair(p.A, p.Dv, p.Dn, p.Rv, p.Rn)


def fluxes_of(device):
    """Volatile and non-volatile flux linkage of every cell, (2, rows, cols)."""
    return np.array([device.state("phi_v"), device.state("phi_n")])


def play(device, segments, measure=False):
    """Drive the only cell with segments (V, T) and return its fluxes (phi_v, phi_n)."""
    v, length = zip(*segments, strict=True)
    device.apply(Waveform.samples(v, dwell=length, measure=measure))
    return np.ravel(fluxes_of(device))


def two_pulses(first, second, delay):
    rest = [(0.0, delay)] if delay else []
    return [(first, MS), *rest, (second, MS)]


@pytest.mark.parametrize(
    ("separation", "ohm"),
    [(0, 1099), (0.1, 1120), (0.5, 1197), (1, 1278), (2, 1380), (5, 1452), (10, 1456)],
)
def test_desensitisation(separation, ohm):
    """The second of two pulses adds the more the longer the volatile element has had to forget the first."""
    segments = two_pulses(1, 1, separation)
    device = pair(phi0=0)
    fluxes = play(device, segments)
    assert fluxes == pytest.approx(reference(device).run(0, 0, segments)[-1], rel=2e-8)
    assert round(100 + 1e6 * fluxes[1]) == ohm


@pytest.mark.parametrize(("delay", "ohm"), [(0.01, 1096.79), (0.05, 1095.49), (0.25, 1090.57), (1, 1086.25)])
def test_post_undoes_pre_and_more_the_later(delay, ohm):
    """Figure 3C at 1100 ohm: the pulse after a delay takes back more than the first one gave."""
    segments = two_pulses(1, -1, delay)
    device = pair()
    assert 100 + 1e6 * play(device, segments[:1])[1] == pytest.approx(2015.2, abs=0.05)
    fluxes = play(device, segments[1:])
    assert fluxes == pytest.approx(reference(device).run(0, 1e-3, segments)[-1], rel=0, abs=2e-6 * PULSE)
    assert 100 + 1e6 * fluxes[1] == pytest.approx(ohm, abs=0.01)


@pytest.mark.parametrize("dv", [1.0, 70.0])
@pytest.mark.parametrize("first", [1, -1])
@pytest.mark.parametrize("delay", [0, 1e-3, 5e-3, 0.01, 0.015, 0.05, 0.25, 1, 5])
def test_spike_timing_window_agrees_with_lsoda(dv, first, delay):
    segments = two_pulses(first, -first, delay)
    device = pair(Dv=dv)
    fluxes = play(device, segments)
    expected = reference(device).run(0, 1e-3, segments)[-1]
    assert fluxes == pytest.approx(expected, rel=0, abs=(1e-5 if dv == 1 else 2e-4) * PULSE)


@pytest.mark.parametrize(("dv", "earliest", "latest"), [(1.0, 0.5, 1.0), (70.0, 0.008, 0.018)])
def test_spike_timing_window_has_its_sign_and_its_peak(dv, earliest, latest):
    """Pre before post raises the conductance, post before pre lowers it, most of all after some ln(2) / Dv."""
    delays = np.array([0.03, 0.1, 0.3, 0.5, 0.6, 0.8, 1.0, 1.25, 2.0, 5.0]) / dv
    for first in (1, -1):
        change = []
        for delay in delays:
            device = pair(Dv=dv)
            before = device.conductance[0, 0]
            play(device, [*two_pulses(first, -first, delay), (0.0, 40 / dv)])
            change.append(device.conductance[0, 0] / before - 1)
        assert (np.sign(change) == first).all()
        assert earliest <= delays[np.argmax(np.abs(change))] <= latest


@pytest.mark.parametrize("start", [(0.0, 1e-3), (3e-4, 2e-3), (-5e-4, 3e-3)])
@pytest.mark.parametrize("first", [1, -1])
def test_opposite_pulses_without_delay_or_relaxation_cancel(start, first):
    device = pair(Dv=0, Dn=0, start=start)
    assert play(device, [(first, MS)])[1] == pytest.approx(start[1], abs=PULSE)
    assert play(device, [(-first, MS)]) == pytest.approx(start, abs=1e-6 * PULSE)


def pulses(most):
    """Up to `most` segments of 1 mV to 1 V or 0 V."""
    volts = st.one_of(st.just(0.0), st.floats(1e-3, 1), st.floats(-1, -1e-3))
    return st.lists(st.tuples(volts, st.floats(1e-5, 1e-3)), min_size=1, max_size=most)


fluxes_to_start_from = st.tuples(st.floats(-1e-3, 1e-3), st.floats(0, 2e-3))


@settings(max_examples=60, deadline=None)
@example(start=(0.0, 0.0), segments=[(0.25, 1e-3), (-1.0, 0.0009647967793759898)], r1=(2e5, 1e6))
@given(
    start=fluxes_to_start_from,
    segments=pulses(5),
    r1=st.sampled_from([(1e6, 1e6), (1e6, 3e5), (2e5, 1e6)]),
)
def test_closed_form_without_relaxation(start, segments, r1):
    """Also for elements that differ, through the kink at phi_v = 0 and into the clip at phi_n = 0."""
    rv, rn = ((100.0, x) for x in r1)
    expected = start
    for v, length in segments:
        expected = pair_without_relaxation(*expected, v * length, rv, rn)
    fluxes = play(pair(Dv=0, Dn=0, Rv=rv, Rn=rn, start=start), segments)
    assert fluxes == pytest.approx(expected, rel=0, abs=1e-3 * PULSE)


@settings(max_examples=30, deadline=None)
@given(
    start=fluxes_to_start_from,
    segments=pulses(3),
)
def test_both_oracles_agree(start, segments):
    expected = start
    for v, length in segments:
        expected = pair_without_relaxation(*expected, v * length, Pair().rv, Pair().rn)
    lsoda = Pair(dv=0.0, dn=0.0).run(*start, segments)[-1]
    assert lsoda == pytest.approx(expected, rel=1e-8, abs=1e-8 * PULSE)


@pytest.mark.parametrize(
    ("start", "v", "e_folds", "crosses"),
    [
        pytest.param((0.0, 1e-3), 1.0, 10, False, id="growing"),
        pytest.param((6e-4, 6e-4), -0.4, 4, False, id="unwinding"),
        pytest.param((2e-4, 2e-3), -1.0, 2, True, id="down through the kink"),
        pytest.param((1e-4, 2e-3), -1.0, 1, True, id="down through the kink early"),
        pytest.param((-2e-4, 1e-4), 1.0, 2, True, id="up through the kink"),
    ],
)
def test_fourth_order_convergence(start, v, e_folds, crosses):
    """Doubling the steps divides the error by 16, also where |phi_v| has its kink within the pulse.

    To the kink phi_v passes R1 |phi_v| / R0 = `e_folds` of memristance, so that takes 2, 4, 8 and 16 steps; where there
    is none, `e_folds` is half of what the flux of the pulse makes, which takes twice as many.
    """
    segment = (v, 2e-3)
    expected = Pair(dv=30.0).run(*start, [segment])[-1]
    assert (start[0] * expected[0] < 0) == crosses
    errors = []
    for whole_steps in (2, 4, 8, 16):
        device = pair(start=start, Dv=30, steps=(whole_steps - 0.5) / e_folds)
        errors.append(abs(play(device, [segment]) - expected))
    order = np.log2(np.divide(errors[:-1], errors[1:]))
    assert order.mean(axis=0) == pytest.approx([4.0, 4.0], abs=0.5)
    assert errors[-1].max() < 1e-6 * PULSE


def perceptron_sequence(rng):
    """Up to a dozen pulses of at most 100 mV, 1 ms and of either sign, with rests as in training or none."""
    segments = []
    for _ in range(rng.integers(2, 13)):
        segments.append((rng.choice([-1, 1]) * rng.choice([0.1, rng.uniform(0, 0.1)]), MS))
        rest = rng.choice([0, 1e-3, 0.01, 0.05, 0.25, 0.35])
        segments += [(0.0, rest)] if rest else []
    return segments


@pytest.mark.parametrize("preset", ["perceptron", "lifelong"])
@pytest.mark.parametrize("seed", range(30))
def test_cubic_volatile_element_within_a_thousandth_of_a_pulse(preset, seed):
    rng = np.random.default_rng(seed)
    segments = perceptron_sequence(rng)
    device = pair(preset)
    start = (0.0, device.parameters.phi0 * rng.choice([1, 1e-3, 0.2, 1.8]))
    expected = reference(device).run(*start, segments)[-1]
    device = pair(preset, start)
    assert play(device, segments) == pytest.approx(expected, rel=0, abs=1e-3 * PERCEPTRON_PULSE)


@pytest.mark.parametrize("pixel", [0.02, 0.1])
def test_mirrored_orientation_over_many_images(pixel):
    """Pixels drive negatively and the response positively, as in the perceptron: eq 4 acts in full on every pixel."""
    segments = [(-pixel, MS), (0.0, 0.01), (0.1, MS), (0.0, 0.35)] * 15
    device = pair("perceptron")
    fluxes = play(device, segments)
    expected = reference(device).run(0.0, device.parameters.phi0, segments)[-1]
    assert fluxes == pytest.approx(expected, rel=0, abs=1e-3 * PERCEPTRON_PULSE)
    assert abs(fluxes[1] - device.parameters.phi0) > 0.5 * PERCEPTRON_PULSE


def test_a_column_at_plus_v_is_a_row_at_minus_v():
    rows = np.array([0.8, 0.0, -0.5, 0.0, 0.3])
    by_row, by_column = pair(), pair()
    by_row.apply(Waveform.samples(rows, dwell=MS))
    by_column.apply(Waveform.samples(np.zeros(5), -rows, dwell=MS))
    assert np.array_equal(fluxes_of(by_row), fluxes_of(by_column))
    assert (fluxes_of(by_row)[0] != 0).any()


@pytest.mark.parametrize(
    ("start", "segments"),
    [
        pytest.param((0.0, 0.0), [(-1.0, MS)], id="already clipped"),
        pytest.param((0.0, 0.0), [(-0.4, MS), (0.0, 0.3), (-1.0, MS), (0.5, 2e-3)], id="clipped for long"),
        pytest.param((0.0, 1e-4), [(-1.0, MS)], id="reaches the clip"),
        pytest.param((3e-4, 2e-4), [(-1.0, 2e-3), (1.0, MS)], id="through zero, then the clip"),
        pytest.param((0.0, 2e-4), two_pulses(-1, 1, 0.3), id="post before pre"),
    ],
)
@pytest.mark.parametrize("dv", [0.0, 1.0, 70.0])
def test_clip_at_no_flux(start, segments, dv):
    device = pair(Dv=dv, start=start)
    trace = reference(device).run(*start, segments)
    assert trace[:, 1].min() == 0
    for segment, expected in zip(segments, trace[1:], strict=True):
        assert play(device, [segment]) == pytest.approx(expected, rel=0, abs=1e-3 * PULSE)
        assert (fluxes_of(device)[1] == 0) == (expected[1] == 0)


@pytest.mark.parametrize(("steps", "error"), [(0.75, 1e-3), (12, 1e-5)])
def test_held_state_starts_to_move_within_the_pulse(steps, error):
    """Eq 4 holds phi_n at first; as phi_v unwinds, the share of the voltage on it grows beyond D phi."""
    rn, start = (100.0, 700.0), (-3e-4, 1.5)
    device = pair(Dn=0.5, Rn=rn, steps=steps, start=start)
    trace = reference(device).run(*start, [(1.0, 3e-5), (1.0, 1e-3 - 3e-5)])
    assert trace[1][0] > trace[0][0]
    assert trace[1][1] == 1.5 < trace[2][1]
    assert play(device, [(1.0, MS)]) == pytest.approx(trace[2], rel=0, abs=error * PULSE)


def test_rest_touches_no_cell_and_relaxes_all_the_same():
    device = pair(Dv=3.0, start=(7e-4, 2e-3))
    before = device.snapshot()
    fluxes = play(device, [(0.0, 0.1)] * 5)
    after = device.snapshot()
    assert all(np.array_equal(after[name], before[name]) for name in ("phi_v", "phi_n"))
    assert fluxes == pytest.approx([7e-4 * np.exp(-1.5), 2e-3], rel=1e-12)
    mv, mn = reference(device).memristance(*fluxes)
    assert device.conductance[0, 0] == pytest.approx(1 / (mv + mn), rel=1e-12)


def test_a_cell_at_rest_beside_a_driven_one_only_forgets():
    device = open_device("sim:flca-pair?preset=figure3&rows=2&threads=1")
    device.apply(Waveform.pulse([1.0, 1.0], width=MS))
    device.apply(Waveform.pulse([1.0, 0.0], width=MS))
    trace = Pair().run(0, 1e-3, [(1.0, MS), (1.0, MS)])
    assert np.column_stack(fluxes_of(device))[0] == pytest.approx(trace[2], rel=1e-6)
    forgotten = [trace[1][0] * np.exp(-MS), trace[1][1]]
    assert np.column_stack(fluxes_of(device))[1] == pytest.approx(forgotten, rel=1e-6)


@pytest.mark.parametrize(("preset", "volts", "pulse"), [("figure3", 1.0, PULSE), ("perceptron", 0.1, PERCEPTRON_PULSE)])
def test_splitting_changes_less_than_the_error_and_measuring_nothing(preset, volts, pulse):
    segments = [(volts, MS), (0.0, 0.02), (-volts, MS), (volts / 2, MS), (0.0, 0.3), (-volts, MS)]
    whole = play(pair(preset), segments)
    split = play(pair(preset), [(v, part * length) for v, length in segments for part in (0.3, 0.7)])
    measured = play(pair(preset), segments, measure=True)
    assert split == pytest.approx(whole, rel=0, abs=1e-3 * pulse)
    assert np.array_equal(measured, whole)
    assert not np.array_equal(split, whole)


def test_measured_current_of_a_pulse():
    device = pair()
    response = device.apply(Waveform.pulse(1.0, width=MS, measure=True))
    assert response.currents[0, 0] == pytest.approx(1 / sum(Pair().memristance(*Pair().run(0, 1e-3, [(1.0, MS)])[-1])))


def test_threads_share_columns_without_changing_a_bit(monkeypatch):
    rng = np.random.default_rng(0)
    count = WORTH_A_THREAD // 2000 + 20
    rows = rng.uniform(-0.1, 0.1, (count, 200)) * rng.integers(0, 2, (count, 1))
    cols = rng.choice([0.0, -0.1], (count, 10))
    waveform = Waveform.samples(rows, cols, dwell=rng.choice([MS, 0.01, 0.35], count))
    states = []
    for threads in (1, 2):
        device = open_device("sim:flca-pair?preset=perceptron&rows=200&cols=10", threads=threads)
        shares, advance = [], type(device.law).advance
        with monkeypatch.context() as patch:
            patch.setattr(
                type(device.law), "advance", lambda *a, shares=shares, advance=advance: (shares.append(a), advance(*a))
            )
            device.apply(waveform)
        assert len(shares) == threads
        states.append(device.snapshot())
        device.close()
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])
    assert np.unique(states[0]["phi_n"]).size > 1000
