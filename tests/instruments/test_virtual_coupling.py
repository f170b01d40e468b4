"""Cells behind resistances and in compliance, against quadrature and LSODA of the same circuits: resistances to 1e-6.

A single VTEAM cell behind a source is an equation dx/dt = f(x) of its state alone, so the time it takes to any state is
an integral of 1 / f. LSODA integrates the networks of several cells.
"""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

from hil.backends import open_device
from hil.waveform import Waveform
from instruments.virtual.dut import Dut
from instruments.virtual.network import PortDrive

R_ON, R_OFF, THRESHOLD = 1e4, 1e6, 0.7


def resistance(x, exponential):
    return R_ON * (R_OFF / R_ON) ** x if exponential else R_ON + (R_OFF - R_ON) * x


def end_of_pulse(x0, v, series, compliance, length, k, alpha, exponential):
    """Resistance at the end of one pulse, from the integral of 1 / (dx/dt)."""

    def rate(x):
        r = resistance(x, exponential)
        seen = min(abs(v) / (r + series), compliance) * r
        return k * max(seen / THRESHOLD - 1.0, 0.0) ** alpha

    bound, sign = (1.0, 1.0) if v > 0 else (0.0, -1.0)
    stop = bound
    if rate(bound) == 0.0:  # the voltage falls to the threshold on the way
        stop = brentq(lambda x: 1.0 if rate(x) else -1.0, x0, bound, xtol=1e-16)
        stop -= sign * 1e-14
    way = sign * (stop - x0)
    # Ever shorter pieces towards the stop, where the rate may fall to 0, and one edge where the limit comes into force.
    edges = np.concatenate([[0.0], way * (1.0 - np.geomspace(1.0, 1e-12, 60)[1:])])
    if np.isfinite(compliance):
        gap = [abs(v) / (resistance(x0 + sign * y, exponential) + series) - compliance for y in edges]
        turn = np.flatnonzero(np.diff(np.sign(gap)))
        for j in turn:
            at = brentq(
                lambda y: abs(v) / (resistance(x0 + sign * y, exponential) + series) - compliance,
                edges[j], edges[j + 1], xtol=1e-18,
            )  # fmt: skip
            edges = np.sort(np.append(edges, at))

    def takes(a, b):
        return quad(lambda y: 1.0 / rate(x0 + sign * y), a, b, epsabs=0, epsrel=1e-11)[0]

    passed = 0.0
    for a, b in pairwise(edges):
        whole = takes(a, b)
        if passed + whole >= length:
            y = brentq(lambda y, a=a, passed=passed: passed + takes(a, y) - length, a, b, xtol=1e-17)
            return resistance(x0 + sign * y, exponential)
        passed += whole
    return resistance(x0 + sign * edges[-1], exponential)


@pytest.mark.filterwarnings("ignore:.*:scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize(
    "x0, v, series, compliance, length, k, alpha, exponential",
    [
        pytest.param(0.9, -1.5, 1e5, np.inf, 0.1, 100.0, 3, False, id="set behind a resistance"),
        pytest.param(0.1, 1.5, 2e4, np.inf, 1e-3, 100.0, 3, False, id="reset that runs away behind a resistance"),
        pytest.param(0.02, 1.42, 2.98e4, np.inf, 0.0145, 1e4, 3, False, id="reset from just above the threshold"),
        pytest.param(0.9, -1.5, 0.0, 5e-6, 0.03, 100.0, 3, False, id="set into compliance"),
        pytest.param(0.9, -1.5, 1e4, 1e-5, 0.01, 100.0, 3, False, id="behind a resistance into compliance"),
        pytest.param(0.9, -1.2, 1e3, 2e-5, 0.1, 1e3, 1, True, id="down to the threshold in compliance"),
        pytest.param(0.489, -2.1304, 1e4, 1e-5, 0.42, 2.1e4, 1, False, id="held at the threshold"),
        pytest.param(0.948, -1.539, 1e3, 1e-6, 0.0209, 1.27e4, 3, True, id="a first part would overshoot"),
    ],
)  # fmt: skip
def test_a_switching_cell_agrees_with_quadrature(x0, v, series, compliance, length, k, alpha, exponential):
    law = "exponential" if exponential else "linear"
    dut = Dut(
        open_device(f"sim:vteam?w0={x0}&k_on=-{k}&k_off={k}&alpha_on={alpha}&alpha_off={alpha}&resistance={law}"),
        series=series,
    )
    seen = dut.play([v], [length], compliance=compliance)
    expected = end_of_pulse(x0, v, series, compliance, length, k, alpha, exponential)
    assert R_ON < expected < R_OFF and abs(np.log(expected / resistance(x0, exponential))) > 0.05, "it moved"
    assert 1 / dut.truth.conductance[0, 0] == pytest.approx(expected, rel=1e-6)
    assert abs(seen.current[0]) == pytest.approx(min(abs(v) / (expected + series), compliance), rel=1e-6)
    assert seen.tripped[0] == (abs(v) / (expected + series) >= compliance)


def test_a_cell_under_a_current_is_an_exponential():
    """With |I| = Ic the cell sees Ic M(phi): dphi/dt = Ic (R0 + R1 phi)."""
    dut = Dut(open_device("sim:flca?D=0&R=1000,1e6&phi0=0"))
    seen = dut.play([5.0], [1e-2], compliance=1e-4)
    assert seen.voltage[0] == pytest.approx(1e-4 * 1000 * np.exp(1e6 * 1e-4 * 1e-2), rel=1e-7)


def filament(compliance):
    """Gap at which the filament of sim:stanford stops in compliance: gamma(g) |v| / t_ox = F_min.

    v is the voltage that the compliance needs at that gap, v = V_0 asinh(Ic / (I_0 e^(-g / g_0))).
    """

    def excess(gap):
        v = 0.25 * np.arcsinh(compliance / (1e-3 * np.exp(-gap / 0.25e-9)))
        return (16.0 - 0.8 * (gap * 1e9) ** 3) * v / 12e-9 - 1.4e9

    return brentq(excess, 0.2e-9, 1.7e-9, xtol=1e-18)


@pytest.mark.slow
@pytest.mark.parametrize("compliance", [3e-4, 1e-3])
def test_a_compliance_stops_a_filament_where_its_field_falls_to_the_smallest(compliance):
    """The rate jumps to 0 there, so a cell goes on to the end of its step: 1e-3 of the gap."""
    dut = Dut(open_device("sim:stanford"))
    seen = dut.play([1.5], [1e-3], compliance=compliance)
    assert dut.truth.state("gap")[0, 0] == pytest.approx(filament(compliance), rel=1e-3)
    assert seen.current[0] == pytest.approx(compliance, rel=1e-9) and seen.tripped[0]


def test_a_single_cell_that_is_not_ohmic_does_not_step_over_its_circuit():
    """Held at the first voltage until the end, which an ideal source does, it closes the gap to the bound."""
    dut = Dut(open_device("sim:stanford?gap0=0.95e-9"))
    seen = dut.play([1.5], [1e-3], compliance=1e-3)
    with open_device("sim:stanford?gap0=0.95e-9", i_max=1e-3) as ideal:
        response = ideal.apply(Waveform.pulse(1.5, width=1e-3, measure=True))
        assert ideal.state("gap")[0, 0] == pytest.approx(0.2e-9, rel=1e-3)
    assert response.tripped[0] and response.currents[0, 0] > 0.09, "it says so, and limits nothing"
    assert dut.truth.state("gap")[0, 0] == pytest.approx(filament(1e-3), rel=2e-3)
    assert seen.current[0] == pytest.approx(1e-3, rel=1e-9) and seen.tripped[0]


@pytest.mark.parametrize("compliance", [np.inf, 2.2e-4])
def test_a_crossbar_behind_a_source_agrees_with_lsoda(compliance):
    """HI of one port on row 0, of another on row 1, LO on column 0; column 1 floats. All four cells move."""
    phi, drive, series = np.array([[2e-3, 1e-3], [1.5e-3, 4e-3]]), np.array([0.6, -0.2]), 700.0

    def slopes(_t, state):
        g = 1.0 / (100.0 + 1e6 * state.reshape(2, 2))
        limited = False
        for _ in range(2):
            # Unknown: row 0, row 1, column 1; every line's currents add up to what its port gives.
            matrix = np.diag([g[0].sum(), g[1].sum(), g[:, 1].sum()])
            matrix[:2, 2] = matrix[2, :2] = -g[:, 1]
            matrix[1, 1] += 1 / series
            matrix[0, 0] += 0.0 if limited else 1 / series
            right = [compliance if limited else drive[0] / series, drive[1] / series, 0.0]
            u = np.linalg.solve(matrix, right)
            if limited or (drive[0] - u[0]) / series <= compliance:
                break
            limited = True
        v = u[:2, None] - np.array([0.0, u[2]])
        return v.ravel()  # D = 0: eq 4 without relaxation

    expected = solve_ivp(slopes, (0, 4e-3), phi.ravel(), method="LSODA", rtol=1e-10, atol=1e-14).y[:, -1].reshape(2, 2)
    assert (np.abs(expected - phi) > 1e-5).all()
    device = open_device("sim:flca?D=0&R=100,1e6&rows=2&cols=2&threads=1")
    device.restore(device.snapshot() | {"phi": np.ascontiguousarray(phi.T)})
    dut = Dut(device, series=series)
    dut.connect({0}, {2}, "1")
    dut.connect({1}, {}, "2")
    tracks = {"1": ([drive[0]], [4e-3]), "2": ([drive[1]], [4e-3])}
    seen = dut.play_together(tracks, {"1": PortDrive(0.0, compliance)})
    assert 1 / device.conductance == pytest.approx(100.0 + 1e6 * expected, rel=1e-6)
    assert seen["1"].tripped[0] == np.isfinite(compliance)


def test_a_port_sees_an_array_through_its_wires():
    """2 x 2 equal cells of r, HI on row 0, LO on both columns, row 1 floating: two cells in parallel behind wires."""
    dut = Dut(open_device("sim:rram?g_min=1e-5&g_max=1e-4&rows=2&cols=2&r_wire=100&r_driver=400"), series=1e3)
    dut.connect({0}, {2, 3})
    near, far = sneak_between(1 / dut.truth.conductance[0, 0])
    assert dut.play([0.3], [1e-3]).current[0] == pytest.approx(0.3 * (near + far), rel=1e-9)


def sneak_between(r):
    """Currents in A for 1 V, out of both columns, by dense nodal analysis with unknown rows (4) and columns (4)."""
    names = ["00", "01", "10", "11"]
    at = {f"{line}{name}": k for k, (line, name) in enumerate((line, name) for line in "rc" for name in names)}
    matrix, right = np.zeros((8, 8)), np.zeros(8)
    joins = [(f"r{n}", f"c{n}", r) for n in names]
    joins += [("r00", "r01", 100.0), ("r10", "r11", 100.0), ("c00", "c10", 100.0), ("c01", "c11", 100.0)]
    for a, b, ohm in joins:
        for one, other in ((at[a], at[b]), (at[b], at[a])):
            matrix[one, one] += 1 / ohm
            matrix[one, other] -= 1 / ohm
    matrix[at["r00"], at["r00"]] += 1 / 1500.0
    right[at["r00"]] = 1 / 1500.0
    for end in ("c10", "c11"):
        matrix[at[end], at[end]] += 1 / 500.0
    u = np.linalg.solve(matrix, right)
    return u[at["c10"]] / 500.0, u[at["c11"]] / 500.0


def test_a_limit_that_was_in_force_for_a_while_only_is_told():
    """The cell leaves compliance in the middle of the pulse, and a volatile one comes into it."""
    dut = Dut(open_device("sim:flca?D=0&R=1000,1e6&phi0=0"))
    seen = dut.play([1.0], [5e-2], compliance=1e-4)
    assert seen.tripped[0] and seen.current[0] < 0.9e-4
    assert not dut.play([1.0], [1e-3], compliance=1e-4).tripped[0]
