"""Laws whose current is implicit, against scans over all their solutions, with equations typed anew from the papers."""

import itertools

import numpy as np
import pytest
from scipy.optimize import brentq

from hil.backends import open_device
from hil.errors import InputError
from sim.cells.jart_vcm import operating_point
from sim.cells.simmons import simmons_current, through

Q, K, H, M_E, EPS_0 = 1.602e-19, 1.3807e-23, 6.626e-34, 9.11e-31, 8.854e-12


def solutions(v, n, p):
    """All (current, temperature, V_s) of a JART cell at `v` V with 1e26 `n` vacancies / m^3, from a dense scan."""
    density, area = n * 1e26, np.pi * p.radius**2
    unit_length = p.z * Q * p.mu_n * area
    disc, plug = p.l_d / (density * unit_length), (p.l_c - p.l_d) / (p.n_plug * 1e26 * unit_length)
    r_th = p.r_th * (p.r_th_reset if v > 0 else 1)

    def rest(i):
        return disc + plug + p.r_tiox + p.r_0 * (1 + p.r_0 * p.alpha * i * i * p.r_thl)

    def barrier(v_s, t):
        lift = np.maximum(p.phi_bn0 - p.phi_n - v_s, 0)
        lowered = (Q**3 * p.z * density * lift / (8 * np.pi**2 * (p.eps_b * EPS_0) ** 3)) ** 0.25
        phi = np.maximum(p.phi_bn0 - lowered, 0)
        if v > 0:
            return area * p.a_star * t**2 * np.exp(-Q * phi / (K * t)) * np.expm1(Q * v_s / (K * t))
        w_00 = Q * H / (4 * np.pi) * np.sqrt(p.z * density / (M_E * p.eps * EPS_0))
        y = w_00 / (K * t)
        field = np.sqrt(np.pi * w_00 * Q * (-v_s + phi / np.cosh(y) ** 2))
        grown = np.exp(-Q * phi / (w_00 / np.tanh(y))) * np.expm1(-Q * v_s * (y - np.tanh(y)) / w_00)
        return area * p.a_star * t / K * field * grown

    def excess(log_i):
        i = np.exp(log_i)
        v_s = v - np.copysign(i, v) * rest(i)
        t = p.temperature + i * abs(v_s + np.copysign(i, v) * (disc + plug)) * r_th
        return np.log(barrier(v_s, t)) - log_i

    most = brentq(lambda i: i * rest(i) - abs(v), 0, 1.001 * abs(v) / rest(0.0), xtol=1e-300, rtol=1e-15)
    scan = np.log(most) - np.geomspace(1e-9, 40, 6000)
    with np.errstate(all="ignore"):
        f = excess(scan)
    found = []
    for k in np.flatnonzero((f[:-1] > 0) != (f[1:] > 0)):
        i = np.exp(brentq(excess, scan[k], scan[k + 1], xtol=1e-15, rtol=1e-14))
        v_s = v - np.copysign(i, v) * rest(i)
        found.append((i, p.temperature + i * abs(v_s + np.copysign(i, v) * (disc + plug)) * r_th, v_s))
    return sorted(found)


CELLS = [
    {},
    {"r_th": 4e7},
    {"radius": 20e-9, "r_th": 3e7},
    {"l_d": 1e-9, "r_th_reset": 1.0},
    {"r_tiox": 10.0, "r_0": 0.0},
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: ",".join(cell) or "v1b")
def test_jart_is_at_the_answer_that_a_cold_device_reaches(cell):
    with open_device("sim:jart-vcm", **cell) as device:
        p, constants = device.parameters, np.array(device.law.constants())
    rng, several = np.random.default_rng(5), 0
    for sign in (-1, 1):
        for v, n in zip(sign * rng.uniform(0.05, 1.2, 40), 0.008 * 2500 ** rng.random(40), strict=True):
            answers = solutions(v, n, p)
            several += len(answers) > 1
            i, t, v_s = answers[0] if v < 0 else answers[-1]
            found = operating_point(v, n, constants)
            assert found == pytest.approx((np.copysign(i, v), t, v_s), rel=1e-7), (v, n, answers)
    if not cell:
        assert several > 3


def test_jart_at_the_smallest_and_the_largest_voltages():
    with open_device("sim:jart-vcm") as device:
        constants = np.array(device.law.constants())
    assert operating_point(0.0, 1.0, constants) == (0.0, 293.0, 0.0)
    for sign in (-1, 1):
        small = [operating_point(sign * v, 0.008, constants)[0] / v for v in (1e-12, 1e-9, 1e-6)]
        assert small == pytest.approx([small[2]] * 3, rel=1e-4)
        for n in (0.008, 1.0, 20.0):
            large = [abs(operating_point(sign * v, n, constants)[0]) for v in np.linspace(0.1, 10, 40)]
            assert np.all(np.isfinite(large))


def test_simmons_current_is_the_root_for_every_gap_and_voltage():
    for w, r_s, v in itertools.product((1.1, 1.25, 1.6, 2.2), (10.0, 215.0, 1e4), (1e-6, 0.02, 0.4, 0.8)):

        def tunnelled(u, w=w):
            return simmons_current(u, w, 0.95, 0.1261, 1.0)

        across = brentq(lambda u, r_s=r_s, v=v, i=tunnelled: u + r_s * i(u) - v, 0, v, xtol=1e-16)
        assert through(v, w, r_s, 0.95, 0.1261, 1.0) == pytest.approx(tunnelled(across), rel=1e-8), (v, w, r_s)


def test_simmons_current_rises_and_goes_on_along_its_tangent():
    for w in (1.1, 1.5, 2.2):
        i = np.array([through(v, w, 1e-3, 0.95, 0.1261, 1.0) for v in np.linspace(0, 2, 400)])
        assert np.all(np.diff(i) > 0)
        top, before = (simmons_current(x * 0.95, w, 0.95, 0.1261, 1.0) for x in (0.9, 0.9 - 1e-7))
        beyond = through(1.5, w, 1e-9, 0.95, 0.1261, 1.0)
        assert beyond == pytest.approx(top + (top - before) / 0.95e-7 * (1.5 - 0.855), rel=1e-5)


def test_simmons_law_without_a_barrier_is_refused():
    with pytest.raises(InputError, match=r"phi_0 0\.5 V with w_1 1\.261e-10 m leaves no barrier at"):
        open_device("sim:simmons?phi_0=0.5")
