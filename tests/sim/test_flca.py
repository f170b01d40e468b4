"""`sim:flca` against LSODA, quadrature and numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import Single, polynomial
from scipy.integrate import quad

from hil.backends import open_device
from hil.waveform import Waveform

PLAIN = (1e-9, 1.0)
"""R_0, R_1 of a cell whose memristance in ohm is the magnitude of its flux in V s (and 1e-9 ohm)."""

UNBOUNDED = -1e9
"""A lower bound of the flux, V s, that no drive here reaches."""

MIXED = [(0.3, 0.2), (0.0, 0.5), (-0.2, 0.3), (0.5, 0.05), (0.0, 0.2), (-0.9, 0.1), (0.1, 1.0), (0.02, 0.4)]


def cell(**parameters):
    return open_device("sim:flca", threads=1, **{"R": PLAIN, **parameters})


def play(device, segments, measure=False):
    """Drive the only cell of `device` with segments (V, T)."""
    v, length = zip(*segments, strict=True)
    return device.apply(Waveform.samples(v, dwell=length, measure=measure))


def magnitude(device):
    """|phi| of all cells of a device with `PLAIN` memristance, in V s."""
    return 1 / device.conductance - PLAIN[0]


@pytest.mark.parametrize("kind", ["nonvolatile", "volatile"])
@pytest.mark.parametrize(
    ("parameters", "scale"),
    [
        ({"A": 1.0, "D": 0.0}, 1.0),
        ({"A": 1.0, "D": 0.3}, 1.0),
        ({"A": 1.0, "D": 1.0}, 1.0),
        ({"A": 3.0, "D": 70.0}, 1.0),
        ({"A": 5e4, "D": 1e3}, 1e-3),
        ({"A": 1.0, "D": 1.0, "phi_max": 0.12}, 1.0),
        ({"A": 1.0, "D": 0.0, "phi_max": 0.12}, 1.0),
        ({"A": 1.0, "D": 5.0, "phi_min": -0.01, "phi_max": 0.06}, 1.0),
        ({"A": 2.0, "D": 1.0, "phi_min": UNBOUNDED}, 1.0),
    ],
)
@pytest.mark.parametrize("phi0", [0.0, 0.05])
def test_closed_form_agrees_with_lsoda(kind, parameters, scale, phi0):
    device = cell(kind=kind, phi0=phi0, **parameters)
    segments = [(v, scale * length) for v, length in MIXED]
    oracle = Single(
        kind == "volatile",
        parameters["A"],
        parameters["D"],
        parameters.get("phi_min", UNBOUNDED if kind == "volatile" else 0.0),
        parameters.get("phi_max", np.inf),
    ).run(phi0, segments)
    for segment, expected in zip(segments, oracle[1:], strict=True):
        play(device, [segment])
        assert magnitude(device)[0, 0] == pytest.approx(abs(expected), rel=1e-8, abs=1e-13)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_closed_form_agrees_with_lsoda_for_any_parameters(data):
    volatile = data.draw(st.booleans(), "volatile")
    a = data.draw(st.sampled_from([1.0, 0.1, 7.0, 5e4]), "A")
    d = data.draw(st.one_of(st.just(0.0), st.floats(-3, 3).map(lambda x: 10**x)), "D")
    low = data.draw(st.sampled_from([0.0, -0.02 * a, UNBOUNDED]), "phi_min")
    high = data.draw(st.sampled_from([0.05 * a, np.inf]), "phi_max")
    phi0 = a * data.draw(st.floats(0.0, 0.05), "phi0 / A")
    # LSODA itself does not keep its tolerance where a flux is nearer to 0 than its absolute one.
    volts = st.one_of(st.just(0.0), st.floats(-1, 1).filter(lambda v: abs(v) > 1e-9), st.sampled_from([-1e-3, 1e-3]))
    lengths = st.floats(-6, 0).map(lambda x: 10**x)
    segments = data.draw(st.lists(st.tuples(volts, lengths), min_size=1, max_size=8), "segments")
    device = cell(kind="volatile" if volatile else "nonvolatile", A=a, D=d, phi_min=low, phi_max=high, phi0=phi0)
    play(device, segments)
    oracle = Single(volatile, a, d, low, high).run(phi0, segments)
    assert magnitude(device)[0, 0] == pytest.approx(abs(oracle[-1]), rel=1e-6, abs=1e-11 * abs(oracle).max() + 1e-18)


def test_every_cell_sees_its_own_row_minus_column():
    rng = np.random.default_rng(3)
    device = cell(rows=3, cols=4, D=2.0, kind="volatile", phi_min=UNBOUNDED)
    rows, cols = rng.uniform(-0.5, 0.5, (10, 3)), rng.uniform(-0.5, 0.5, (10, 4))
    cols[2:5, 1] = rows[2:5, :] = 0.3
    rows[6], cols[6] = 0.0, 0.0
    length = rng.uniform(1e-3, 0.3, 10)
    device.apply(Waveform.samples(rows, cols, dwell=length))
    for r in range(3):
        for c in range(4):
            segments = list(zip(rows[:, r] - cols[:, c], length, strict=True))
            expected = Single(volatile=True, d=2.0, low=UNBOUNDED).run(0.0, segments)[-1]
            assert magnitude(device)[r, c] == pytest.approx(abs(expected), rel=1e-8)


@pytest.mark.parametrize("r", [(7.0,), (100.0, 1e6), (5e3, 0.0, 3e9), (10.0, 200.0, 3e5, 4e8), (5e3, 0, 0, 5e12)])
def test_memristance_is_the_polynomial(r):
    device = cell(R=r, D=0.0, phi_min=-1.0)
    flux = 0.0
    for v, length in [(1.0, 1e-3), (0.5, 4e-3), (-1.0, 7e-3), (1.0, 4e-3)]:
        flux += v * length
        play(device, [(v, length)])
        assert device.conductance[0, 0] == pytest.approx(1 / polynomial(r, abs(flux)), rel=1e-12)
    assert flux == pytest.approx(0.0, abs=1e-17)


@pytest.mark.parametrize("kind", ["nonvolatile", "volatile"])
def test_rest_touches_no_cell_and_relaxes_all_the_same(kind):
    device = cell(kind=kind, rows=2, D=2.0, phi0=0.04)
    before = device.snapshot()["phi"]
    device.apply(Waveform.rest(0.3, rows=2) * 5)
    assert np.array_equal(device.snapshot()["phi"], before)
    left = 0.04 * np.exp(-2.0 * 1.5) if kind == "volatile" else 0.04
    assert magnitude(device) == pytest.approx(np.full((2, 1), left), rel=1e-12)
    device.apply(Waveform.pulse([0.5, 0.0], width=0.1))
    driven = Single(kind == "volatile", d=2.0).run(left, [(0.5, 0.1)])[-1]
    resting = Single(kind == "volatile", d=2.0).run(left, [(0.0, 0.1)])[-1]
    assert magnitude(device)[:, 0] == pytest.approx([driven, resting], rel=1e-8)


def test_negative_side_of_a_nonvolatile_cell_relaxes():
    device = cell(D=2.0, phi_min=-1.0)
    play(device, [(-0.3, 0.1)])
    reached = -0.15 * -np.expm1(-0.2)
    assert magnitude(device)[0, 0] == pytest.approx(-reached, rel=1e-12)
    play(device, [(0.0, 0.7)])
    assert magnitude(device)[0, 0] == pytest.approx(-reached * np.exp(-1.4), rel=1e-12)


def test_small_negative_read_disturbs_and_positive_does_not():
    """At 0.3 of the flux at which 100 mV saturate (phi = 0.03 V s for A = D = 1), 1 ms at -1 mV takes 31 % of 0.1 mV s.

    tau (A v - D phi) = 0.99950 ms * (-1 mV - 30 mV) = -30.985 uV s.
    """
    device = cell(rows=2, cols=2, phi0=0.03)
    start = device.snapshot()["phi"]
    device.read(1e-3)
    assert np.array_equal(device.snapshot()["phi"], start)
    device.read(-1e-3)
    change = magnitude(device) - 0.03
    assert change / (0.1 * 1e-3) == pytest.approx(np.full((2, 2), -0.309845), abs=2e-6)


@pytest.mark.parametrize("kind", ["nonvolatile", "volatile"])
def test_no_relaxation_is_the_limit_of_little(kind):
    with_none, with_little = (cell(kind=kind, D=d, phi_min=UNBOUNDED, phi0=0.01) for d in (0.0, 1e-9))
    for device in (with_none, with_little):
        play(device, MIXED)
    assert magnitude(with_little) == pytest.approx(magnitude(with_none), rel=1e-7)
    assert not np.array_equal(magnitude(with_little), magnitude(with_none))
    flux = 0.01 + sum(v * length for v, length in MIXED)
    assert magnitude(with_none)[0, 0] == pytest.approx(abs(flux), rel=1e-12)


@pytest.mark.parametrize("kind", ["nonvolatile", "volatile"])
@pytest.mark.parametrize("at", [1e-6, 0.3, 0.5])
def test_splitting_segments_changes_nothing(kind, at):
    whole, split = (cell(kind=kind, D=3.0, phi0=0.02, phi_max=0.2) for _ in range(2))
    play(whole, MIXED)
    play(split, [(v, part * length) for v, length in MIXED for part in (at, 1 - at)])
    assert magnitude(split) == pytest.approx(magnitude(whole), rel=1e-12)


def exact_current(t, v, r):
    """Of a fresh volatile cell with A = 1, D = 2 /s after `t` seconds at `v` volts."""
    return v / polynomial(r, abs(np.expm1(-2.0 * t) * v / 2.0))


@pytest.mark.parametrize(("v", "fall"), [(0.4, 0.5), (0.04, 0.09), (-0.04, 0.09), (0.004, 0.01)])
def test_charge_is_the_integral_of_the_current_however_it_is_cut(v, fall):
    """1, 2, 4 and 8 equal parts of a pulse in which the current falls by the fraction `fall`."""
    length, r = 0.5, (100.0, 790.0)
    assert 1 - exact_current(length, v, r) / exact_current(0, v, r) == pytest.approx(fall, rel=0.02)
    exact = quad(exact_current, 0, length, (v, r), epsabs=0, epsrel=1e-12)[0]
    for parts in (1, 2, 4, 8):
        device = cell(D=2.0, R=r, kind="volatile", phi_min=UNBOUNDED)
        response = play(device, [(v, length / parts)] * parts, measure=True)
        ends = length / parts * np.arange(1, parts + 1)
        assert response.currents[:, 0] == pytest.approx(exact_current(ends, v, r), rel=1e-12)
        assert response.time == pytest.approx(ends)
        assert response.energy == pytest.approx(v * response.charge[:, 0], rel=1e-12)
        assert response.charge.sum() == pytest.approx(exact, rel=1e-8)


def test_energy_and_charge_sum_over_all_cells():
    r = (100.0, 790.0)
    device = cell(rows=2, cols=2, D=2.0, R=r, kind="volatile", phi_min=UNBOUNDED)
    rows, cols = np.array([0.3, 0.2]), np.array([0.0, 0.25])
    device.apply(Waveform.rest(1.0, 2, 2))
    response = device.apply(Waveform.pulse(rows, cols, width=0.01, measure=True))
    v = rows[:, None] - cols
    charges = np.array([[quad(exact_current, 0, 0.01, (x, r))[0] for x in row] for row in v])
    assert response.charge[0] == pytest.approx(charges.sum(axis=0), rel=1e-9)
    assert response.energy[0] == pytest.approx((v * charges).sum(), rel=1e-9)


def test_measuring_changes_no_state():
    measured, unmeasured = (cell(D=3.0, phi0=0.02) for _ in range(2))
    play(measured, MIXED, measure=True)
    play(unmeasured, MIXED)
    assert np.array_equal(measured.snapshot()["phi"], unmeasured.snapshot()["phi"])


def test_saturation_stays_at_the_bound_until_driven_back():
    device = cell(D=1.0, phi_max=0.01)
    play(device, [(0.5, 1.0)])
    assert magnitude(device)[0, 0] == pytest.approx(0.01, rel=1e-12)
    play(device, [(-0.5, 1e-3)])
    assert magnitude(device)[0, 0] == pytest.approx(0.01 - 0.51 * -np.expm1(-1e-3), rel=1e-12)
