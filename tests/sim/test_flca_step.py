"""`sim:flca-step` against its formulae, written again cell by cell, and against numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.backends import open_device
from hil.waveform import Waveform
from sim.crossbar.threads import WORTH_A_THREAD


def by_formula(phi, trace, segments, *, a, d, dv, k, flux_ref):
    """Flux and trace of one cell after segments (V, T), of which neighbours at one voltage are one pulse."""

    def relaxed(start, rate, target_slope, length):
        """Solution of dx/dt = target_slope - rate x."""
        if rate == 0:
            return start + target_slope * length
        end = target_slope / rate
        return end + (start - end) * math.exp(-rate * length)

    before = 0.0
    for v, length in segments:
        if v != before:
            opposed = -trace if v > 0 else trace
        before = v
        opposed = opposed if v else 0.0
        boosted = v * (1 + k * max(opposed, 0) / flux_ref)
        if v < 0 or a * boosted > d * phi:
            phi = max(relaxed(phi, d, a * boosted, length), 0)
        trace = relaxed(trace, dv, a * v, length)
    return phi, trace


def step(**parameters):
    """Cells with parameters that do not follow the defaults."""
    plain = {"A": 1.0, "D": 0.1, "Dv": 70.0, "k": 1.0, "flux_ref": 1e-4, "R": (5e3, 1.5e4), "phi0": 0.5}
    return open_device("sim:flca-step", threads=1, **(plain | parameters))


@pytest.mark.parametrize("pieces", [2, 7])
@pytest.mark.parametrize("measure", [False, True])
def test_what_sensitises_a_pulse_is_the_trace_it_began_with(pieces, measure):
    """However the pulse is cut; a second call is a pulse of its own, and meets the trace that the first one left."""
    ends = []
    for number in (1, pieces):
        device = step(rows=2, cols=3)
        device.apply(Waveform.pulse([-0.1, -0.05], np.zeros(3), width=1e-3) + Waveform.rest(5e-3, 2, 3))
        cut = Waveform.pulse([0.1, 0.1], np.zeros(3), width=1e-3 / number, measure=measure) * number
        device.apply(cut + Waveform.rest(1e-3, 2, 3))
        ends.append(state(device)[0])
    assert ends[1] == pytest.approx(ends[0], rel=1e-12)
    calls = step(rows=2, cols=3)
    calls.apply(Waveform.pulse([-0.1, -0.05], np.zeros(3), width=1e-3) + Waveform.rest(5e-3, 2, 3))
    for _ in range(pieces):
        calls.apply(Waveform.pulse([0.1, 0.1], np.zeros(3), width=1e-3 / pieces))
    assert (state(calls)[0] < ends[0] - 1e-6).all()


def state(device):
    """Flux and trace (rows, cols) of all cells now."""
    arrays = device.snapshot()
    return arrays["phi"].T, (arrays["trace"] * np.exp(-device.parameters.Dv * arrays["idle"])[:, None]).T


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    a=st.sampled_from([1.0, 0.2, 5.0]),
    d=st.sampled_from([0.0, 0.1, 1.0, 300.0]),
    dv=st.sampled_from([0.0, 1.0, 70.0]),
    k=st.sampled_from([0.0, 0.2, 1.0, 30.0]),
    phi0=st.sampled_from([0.0, 1e-4, 0.5]),
)
def test_any_waveform_follows_the_formulae(seed, a, d, dv, k, phi0):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 12)
    rows = rng.uniform(-0.1, 0.1, (count, 3)) * rng.integers(0, 2, (count, 3))
    cols = rng.choice([0.0, 0.1, -0.1], (count, 2))
    length = 10 ** rng.uniform(-4, -0.5, count)
    device = step(rows=3, cols=2, A=a, D=d, Dv=dv, k=k, phi0=phi0)
    device.apply(Waveform.samples(rows, cols, dwell=length))
    phi, trace = state(device)
    for r in range(3):
        for c in range(2):
            segments = list(zip(rows[:, r] - cols[:, c], length, strict=True))
            expected = by_formula(phi0, 0.0, segments, a=a, d=d, dv=dv, k=k, flux_ref=1e-4)
            assert phi[r, c] == pytest.approx(expected[0], rel=1e-10, abs=1e-16)
            assert trace[r, c] == pytest.approx(expected[1], rel=1e-10, abs=1e-16)
    assert device.conductance == pytest.approx(1 / (5e3 + 1.5e4 * phi), rel=1e-12)


def test_sensitised_pulse_by_hand():
    """After a pixel of -100 mV and 10 ms of rest, the trace of -0.1 mV s is down to 0.0480 mV s (Dv = 70 /s).

    The pixel lowers phi = 0.5 by 1 ms * (0.1 V + 0.1 /s * 0.5 V s) = 0.15 mV s, less 5e-5 of it for D T / 2. The trace
    is 0.1 V * (1 - exp(-0.07)) / 70 /s = 0.096580 mV s after the pulse and times exp(-0.7) = 0.047960 mV s after the
    rest. So a response of +100 mV acts as 147.960 mV: it raises phi by 1 ms * (0.147960 V - 0.1 /s * 0.49985 V s) =
    0.097975 mV s. Without a pixel it would be 0.05 mV s.
    """
    device = step()
    device.apply(Waveform.pulse(-0.1, width=1e-3))
    assert state(device)[0][0, 0] - 0.5 == pytest.approx(-0.15e-3, rel=1e-4)
    assert state(device)[1][0, 0] == pytest.approx(-0.096580e-3, rel=1e-5)
    device.apply(Waveform.rest(0.01))
    assert state(device)[1][0, 0] == pytest.approx(-0.047960e-3, rel=1e-5)
    before = state(device)[0][0, 0]
    device.apply(Waveform.pulse(0.1, width=1e-3))
    assert state(device)[0][0, 0] - before == pytest.approx(0.097975e-3, rel=1e-4)
    unsensitised = step()
    unsensitised.apply(Waveform.pulse(0.1, width=1e-3))
    assert state(unsensitised)[0][0, 0] - 0.5 == pytest.approx(0.05e-3, rel=1e-4)


def test_a_trace_of_flux_ref_and_k_of_two_triple_an_opposite_pulse():
    device = step(D=0.0, Dv=0.0, k=2)
    device.apply(Waveform.pulse(-0.1, width=1e-3))
    device.apply(Waveform.pulse(0.1, width=1e-3))
    assert state(device)[0][0, 0] - 0.5 == pytest.approx(-1e-4 + 3e-4, rel=1e-9)
    assert state(device)[1][0, 0] == pytest.approx(0.0, abs=1e-18)


def test_a_trace_does_not_sensitise_pulses_of_its_own_sign():
    device = step(D=0.0, Dv=0.0, k=2)
    device.apply(Waveform.pulse(0.1, width=1e-3) * 3)
    assert state(device)[0][0, 0] - 0.5 == pytest.approx(3e-4, rel=1e-9)


def test_sensitisation_fades_with_the_delay():
    moved = []
    for delay in (1e-3, 0.01, 0.25):
        device = step()
        device.apply(Waveform.pulse(-0.1, width=1e-3) + Waveform.rest(delay))
        before = state(device)[0][0, 0]
        device.apply(Waveform.pulse(0.1, width=1e-3))
        moved.append(state(device)[0][0, 0] - before)
    assert moved[0] > 1.3 * moved[1] > 1.3 * 1.3 * moved[2]
    assert moved[2] == pytest.approx(0.05e-3, rel=1e-3)


def test_a_cell_held_at_0_v_beside_driven_ones_keeps_its_flux():
    device = step(rows=2)
    device.apply(Waveform.pulse([0.1, 0.0], width=1e-3))
    phi, trace = state(device)
    assert phi[1, 0] == 0.5 < phi[0, 0]
    assert trace[1, 0] == 0.0 < trace[0, 0]


def test_threads_share_columns_without_changing_a_bit(monkeypatch):
    rng = np.random.default_rng(0)
    count = WORTH_A_THREAD // 2000 + 20
    waveform = Waveform.samples(
        rng.uniform(-0.1, 0.1, (count, 200)) * rng.integers(0, 2, (count, 1)),
        rng.choice([0.0, -0.1], (count, 10)),
        dwell=rng.choice([1e-3, 0.01, 0.35], count),
    )
    states = []
    for threads in (1, 2):
        device = open_device("sim:flca-step?rows=200&cols=10", threads=threads)
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
    assert np.unique(states[0]["phi"]).size > 1000
