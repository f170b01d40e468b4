"""Charge and energy of a measured segment against quadrature and LSODA, from 1 us to 100 s, for every law."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from oracles import polynomial
from scipy.integrate import solve_ivp

from hil.backends import open_device
from hil.waveform import FLOATING, Waveform

LENGTHS = [1e-6, 1e-3, 0.03, 1.0, 100.0]
NODES, WEIGHTS = leggauss(16)


def over_time(function, length, *kinks):
    """Integral of a function of time by Gauss's rule on panels that shrink towards both ends of every smooth part."""
    marks = [0.0, *sorted(t for t in kinks if 0 < t < length), length]
    total = 0.0
    for start, end in pairwise(marks):
        half = np.concatenate([[0.0], np.geomspace(1e-12, 0.5, 60)])
        edges = start + (end - start) * np.concatenate([half, 1 - half[-2::-1]])
        middle, radius = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        total += float((radius[:, None] * WEIGHTS * function(middle[:, None] + radius[:, None] * NODES)).sum())
    return total


def measured(uri, v, length, before=()):
    """Charge and energy of a pulse on one cell, after unmeasured segments (V, s)."""
    with open_device(uri, threads=1) as device:
        for volts, seconds in before:
            device.apply(Waveform.pulse(volts, width=seconds))
        response = device.apply(Waveform.pulse(v, width=length, measure=True))
    assert response.energy[0] == pytest.approx(v * response.charge[0, 0], rel=1e-12)
    return response.charge[0, 0]


def flux(t, start, v, d, low, high, volatile=True):
    """Eqs 3 and 4 in closed form, from the paper."""
    rate = v - d * start
    if not volatile and v >= 0:
        rate = max(rate, 0.0)
    return np.clip(start + rate * (-np.expm1(-d * t) / d if d else t), low, high)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("v", [1.0, -0.7, 5.0, 1e-3])
@pytest.mark.parametrize(
    ("kind", "d", "r", "start", "low", "high"),
    [
        ("nonvolatile", 1.0, (100.0, 1e6), 0.0, 0.0, np.inf),
        ("nonvolatile", 30.0, (100.0, 1e6), 2e-3, 0.0, 0.01),
        ("volatile", 1.0, (100.0, 1e6), 3e-4, -np.inf, np.inf),
        ("volatile", 0.0, (5e3, 0.0, 0.0, 5e17), -2e-5, -1e-3, 5e-4),
        ("volatile", 1e5, (100.0, 790.0, 1e8), 1e-3, -np.inf, np.inf),
    ],
)
def test_flca(kind, d, r, start, low, high, v, length):
    """Also through phi = 0, onto both bounds, and where eq 4 holds."""
    bounds = f"&phi_min={low}&phi_max={high}"
    uri = f"sim:flca?kind={kind}&D={d}&R={','.join(map(str, r))}&phi0={start}{bounds}"

    def path(t):
        return flux(t, start, v, d, low, high, kind == "volatile")

    marks = []
    for level in (0.0, low, high):
        share = (level - start) / (v - d * start)
        if 0 < share * d < 1 or (d == 0 and share > 0):
            marks.append(-np.log1p(-d * share) / d if d else share)
    expected = v * over_time(lambda t: 1 / polynomial(r, abs(path(t))), length, *marks)
    assert measured(uri, v, length) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("v", "pre"), [(0.1, -0.1), (-0.1, 0.1), (1.0, 1.0), (-1.0, 1.0)])
def test_flca_step(v, pre, length):
    d, dv, k, ref, r, start = 0.03, 70.0, 3.0, 1e-4, (5e3, 4.5e3), 0.05
    uri = f"sim:flca-step?D={d}&Dv={dv}&k={k}&flux_ref={ref}&phi0={start}"
    trace = pre * -np.expm1(-dv * 1e-3) / dv
    after = flux(1e-3, start, pre, d, 0.0, np.inf, False)
    drive = v * (1 + k * max(-np.sign(v) * trace, 0.0) / ref)
    empty = (drive - d * after) / -after
    expected = v * over_time(
        lambda t: 1 / polynomial(r, flux(t, after, drive, d, 0.0, np.inf, False)),
        length,
        *([np.log1p(d / (empty - d)) / d] if empty > d else []),
    )
    assert measured(uri, v, length, [(pre, 1e-3)]) == pytest.approx(expected, rel=1e-7)


def pair_charge(v, length, x, y, dv, dn, rv, rn):
    """Eqs 3 and 4 of the series pair with its charge, by LSODA."""

    def slopes(_t, state):
        mv, mn = polynomial(rv, abs(state[0])), polynomial(rn, max(state[1], 0.0))
        rate = v * mn / (mv + mn) - dn * state[1]
        if rate < 0 and (v >= 0 or state[1] <= 0):
            rate = 0.0
        return [v * mv / (mv + mn) - dv * state[0], rate, v / (mv + mn)]

    solution = solve_ivp(
        slopes, (0, length), [x, y, 0.0], method="LSODA", rtol=1e-9, atol=[1e-13, 1e-13, 1e-19], max_step=length / 20
    )
    return solution.y[2, -1]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(
    ("uri", "dv", "dn", "rv", "rn", "start"),
    [
        ("preset=figure3", 1.0, 1.0, (100.0, 1e6), (100.0, 1e6), 1e-3),
        ("Dv=0&Dn=0&Rv=100,2e5&Rn=100,1e6&phi0=2e-4", 0.0, 0.0, (100.0, 2e5), (100.0, 1e6), 2e-4),
        ("preset=lifelong", 70.0, 3.0, (5e3, 0.0, 0.0, 5e17), (5e3, 4.5e5), 1 / 60),
    ],
)
@pytest.mark.parametrize(("v", "x"), [(1.0, 0.0), (-1.0, 2e-4), (0.3, -4e-4), (1e-3, 1e-5)])
def test_flca_pair(uri, dv, dn, rv, rn, start, v, x, length):
    """Through phi_v = 0 and into the clip at phi_n = 0 as well."""
    with open_device(f"sim:flca-pair?{uri}", threads=1) as device:
        device.restore(device.snapshot() | {"phi_v": np.array([[x]])})
        response = device.apply(Waveform.pulse(v, width=length, measure=True))
    expected = pair_charge(v, length, x, start, dv, dn, rv, rn)
    assert response.charge[0, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("v", "start"), [(-1.4, 0.5), (1.4, 0.5), (2.0, 0.0), (-2.0, 1.0), (0.5, 0.3)])
@pytest.mark.parametrize("resistance", ["linear", "exponential"])
@pytest.mark.parametrize(("window", "p"), [("none", 1.0), ("biolek", 1.0), ("biolek", 3.0), ("biolek", 0.5)])
def test_vteam(window, p, resistance, v, start, length):
    def ohm(x):
        return 1e4 * 100.0**x if resistance == "exponential" else 1e4 + 9.9e5 * x

    rate = (100.0 if v > 0 else -100.0) * (abs(v) / 0.7 - 1) ** 3 if abs(v) > 0.7 else 0.0

    def slopes(_t, state):
        x = min(max(state[0], 0.0), 1.0)
        f = 1.0 if window == "none" else 1 - (x if rate > 0 else 1 - x) ** (2 * p)
        return [rate * f, v / ohm(x)]

    reached = (1.0 if rate > 0 else 0.0) - start
    moving = min(reached / rate, length) if window == "none" and rate else min(length, 50 / max(abs(rate), 1e-9))
    solution = solve_ivp(slopes, (0, moving), [start, 0.0], method="LSODA", rtol=1e-11, atol=[1e-15, 1e-21])
    expected = solution.y[1, -1] + v / ohm(np.clip(solution.y[0, -1], 0, 1)) * (length - moving)
    uri = f"sim:vteam?x0={start}&window={window}&p={p}&resistance={resistance}"
    assert measured(uri, v, length) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_rram_conducts_all_through_a_pulse_as_after_its_edge(length):
    assert measured("sim:rram?alpha=0.5&w0=0", 1.0, length) == pytest.approx(length * (1e-6 + 0.5 * 9.9e-5), rel=1e-12)


@pytest.mark.parametrize("length", LENGTHS)
def test_pill(length):
    expected = over_time(lambda t: 1 / (5e3 + 4.5e5 * flux(t, 1e-3, 1.0, 1.0, 0.0, np.inf, False)), length)
    assert measured("sim:pill?phi0=1e-3", 1.0, length) == pytest.approx(expected, rel=1e-6)


NOISY = [
    "sim:flca?phi0=1e-3",
    "sim:flca-step?phi0=0.01",
    "sim:flca-pair?preset=figure3",
    "sim:vteam",
    "sim:rram?alpha=0.1",
]


@pytest.mark.parametrize(
    "uri", [*NOISY, "sim:vteam?window=biolek", "sim:pill?phi0=1e-3", "sim:flca?kind=volatile&D=30"]
)
@pytest.mark.parametrize("v", [1.2, -1.2])
@pytest.mark.parametrize("length", [1e-3, 0.2])
@pytest.mark.parametrize("c2c", [0.0, 0.4])
def test_a_pulse_cut_into_pieces_gives_the_same(uri, v, length, c2c):
    """Uneven ones, with spread of the pulse as well, which is one whatever the cuts."""
    parts = np.array([0.3, 0.05, 0.4, 0.25]) * length
    found = []
    for pieces in ([length], parts):
        joint = "&" if "?" in uri else "?"
        with open_device(f"{uri}{joint}c2c={c2c}&d2d=0.2&d2d_r=0.2&seed=4&cols=3", rows=3, threads=1) as device:
            rows = np.tile([v, 0.0, v / 1.1], (len(pieces), 1))
            response = device.apply(Waveform(pieces, rows, np.zeros((len(pieces), 3)), np.ones(len(pieces), bool)))
        found.append((response.charge.sum(axis=0), response.energy.sum()))
    assert found[1][0] == pytest.approx(found[0][0], rel=2e-6)
    assert found[1][1] == pytest.approx(found[0][1], rel=2e-6)


@pytest.mark.parametrize("uri", ["sim:flca?phi0=1e-3", "sim:flca-pair?preset=figure3", "sim:vteam", "sim:pill"])
def test_a_gentle_read_conducts_what_the_cell_did(uri):
    with open_device(uri, threads=1) as device:
        before = device.conductance[0, 0]
        response = device.apply(Waveform.pulse(1e-3, width=1e-6, measure=True))
        mean = (before + device.conductance[0, 0]) / 2
    assert response.charge[0, 0] == pytest.approx(1e-9 * mean, rel=1e-7)


def test_stuck_cells_and_spread_of_memristance_count():
    uri = "sim:flca?phi0=1e-3&stuck_on=0.3&stuck_off=0.2&d2d_r=0.3&seed=2&threads=1"
    with open_device(uri, rows=8, cols=2) as device:
        g = device.conductance
        response = device.apply(Waveform.pulse(np.full(8, 1e-6), np.zeros(2), width=1e-9, measure=True))
    assert response.charge[0] == pytest.approx(1e-15 * g.sum(axis=0), rel=1e-6)


@pytest.mark.parametrize("length", [1e-4, 3e-3, 0.1, 10.0])
@pytest.mark.parametrize("kind", ["volatile", "nonvolatile"])
def test_floating_lines_by_lsoda(kind, length):
    """2 x 3 cells, a row and a column floating: fluxes, charge of every column, energy."""
    rows, cols = np.array([0.8, FLOATING]), np.array([0.0, FLOATING, 0.3])
    start = np.array([[2e-3, 1e-3, 5e-4], [1.5e-3, 4e-3, 1e-4]])
    with open_device(f"sim:flca?kind={kind}&threads=1", rows=2, cols=3) as device:
        device.restore(device.snapshot() | {"phi": np.ascontiguousarray(start.T)})
        response = device.apply(Waveform.pulse(rows, cols, width=length, measure=True))
        ohm = 1 / device.conductance

    def volts(g):
        """Row 1 and column 1 by hand: no current flows into them."""
        a = np.array([[g[1].sum(), -g[1, 1]], [-g[1, 1], g[:, 1].sum()]])
        row, col = np.linalg.solve(a, [g[1, 2] * 0.3, g[0, 1] * 0.8])
        return np.array([0.8, row])[:, None] - np.array([0.0, col, 0.3])

    def slopes(_t, state):
        phi = state[:6].reshape(2, 3)
        g = 1 / (100 + 1e6 * abs(phi))
        v = volts(g)
        rate = v - phi
        if kind == "nonvolatile":
            # Falling flux is held at v >= 0 and at the bound, which it comes to smoothly, or LSODA crawls.
            rate = np.where(rate < 0, np.where(v >= 0, 0.0, rate * np.clip(phi / 1e-11, 0, 1)), rate)
        return np.concatenate([rate.ravel(), (v * g).sum(axis=0), [(v * v * g).sum()]])

    first = np.concatenate([start.ravel(), np.zeros(4)])
    end = solve_ivp(slopes, (0, length), first, method="LSODA", rtol=1e-10, atol=1e-13, max_step=length / 50).y[:, -1]
    assert ohm == pytest.approx(100 + 1e6 * abs(end[:6].reshape(2, 3)), rel=1e-5)
    assert response.charge[0] == pytest.approx(end[6:9], rel=1e-6, abs=1e-7 * abs(end[6:9]).max())
    assert response.energy[0] == pytest.approx(end[9], rel=1e-6)


def test_floating_lines_among_many_cells_and_any_law():
    """Cut in two or not; the order of the cuts would show an error of the steps."""
    rng = np.random.default_rng(3)
    rows, cols = np.where(rng.random(12) < 0.5, FLOATING, 1.0), np.where(rng.random(7) < 0.5, FLOATING, 0.0)
    for uri in ("sim:flca-pair?preset=figure3", "sim:vteam", "sim:flca-step?phi0=0.05", "sim:pill?phi0=1e-3"):
        many = 15 if "pill" in uri else 12
        ends = []
        for parts in ([0.01], [0.004, 0.006]):
            with open_device(uri, rows=many, cols=7, d2d=0.3, seed=1, threads=1) as device:
                driven = np.resize(rows, many)
                for part in parts:
                    response = device.apply(Waveform.pulse(driven, cols, width=part, measure=len(parts) == 1))
                ends.append(device.conductance)
                if len(parts) == 1:
                    assert abs(response.charge[0, np.isnan(cols)]).max() == 0
        if uri != "sim:flca-step?phi0=0.05":  # whose pulse ends with the call
            assert ends[1] == pytest.approx(ends[0], rel=2e-6)


def test_jumping_cells_between_floating_lines_settle():
    """Row 0 at 1.5 V, column 0 at 0 V: the cell on the way sees it, the sneak path too little."""
    with open_device("sim:rram?alpha=0.1&w0=0.2", rows=2, cols=2, threads=1) as device:
        response = device.apply(Waveform.pulse([1.5, FLOATING], [0.0, FLOATING], width=2.0, measure=True))
        g = device.conductance
    weight = (g - 1e-6) / 9.9e-5
    assert weight[0, 0] == pytest.approx(0.3) and weight[1, 1] == pytest.approx(0.2)
    path = 1 / (1 / g[0, 1] + 1 / g[1, 1] + 1 / g[1, 0])
    assert response.charge[0] == pytest.approx([2 * 1.5 * (g[0, 0] + path), 0.0], rel=1e-9, abs=1e-15)
