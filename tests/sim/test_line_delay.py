"""Elmore's delay of lines: its closed form against differential equations of the ladder, solved by scipy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from hil.backends import open_device
from hil.errors import InputError
from sim.network.delay import ladder_delays

SEGMENT, CAPACITANCE, NEAR = 2.5, 1e-15, 40.0


def ladder(nodes, near, far=None):
    """Conductance matrix of a line's nodes, S, and what its sources at 1 V feed into them, A."""
    g, fed = np.zeros((nodes, nodes)), np.zeros(nodes)
    for k in range(nodes - 1):
        g[k : k + 2, k : k + 2] += np.array([[1, -1], [-1, 1]]) / SEGMENT
    g[0, 0] += 1 / near
    fed[0] += 1 / near
    if far is not None:
        g[-1, -1] += 1 / far
        fed[-1] += 1 / far
    return g, fed


def missing(g, fed, end):
    """Integrals over time of what is missing of a unit step at every node, s, and voltages at the end, V."""
    n = len(fed)

    def rates(_, y):
        v = y[:n]
        return np.concatenate([(fed - g @ v) / CAPACITANCE, 1 - v])

    found = solve_ivp(rates, (0, end), np.zeros(2 * n), method="LSODA", rtol=1e-9, atol=1e-12)
    return found.y[n:, -1], found.y[:n, -1]


@pytest.mark.parametrize("far", [None, 40.0, 7.0])
@pytest.mark.parametrize("nodes", [1, 2, 13])
def test_delays_are_what_is_missing_of_a_step(nodes, far):
    tau = ladder_delays(nodes, CAPACITANCE, SEGMENT, NEAR, far)
    found, settled = missing(*ladder(nodes, NEAR, far), 60 * tau.max())
    assert settled == pytest.approx(np.ones(nodes), abs=1e-8)
    assert tau == pytest.approx(found, rel=1e-6)


def test_the_furthest_node_of_one_source_is_the_formula_of_textbooks():
    n = 100
    tau = ladder_delays(n, CAPACITANCE, SEGMENT, NEAR)
    assert tau[-1] == pytest.approx(CAPACITANCE * (n * NEAR + SEGMENT * n * (n - 1) / 2), rel=1e-12)
    assert np.argmax(ladder_delays(n, CAPACITANCE, SEGMENT, NEAR, NEAR)) == pytest.approx(n / 2, abs=1)


@pytest.mark.parametrize("far", [None, 2.5])
@pytest.mark.parametrize("bits", [4, 8])
def test_after_the_settling_time_a_line_is_within_half_a_step(bits, far):
    """Elmore's delay is above the slowest time constant of such a ladder: the time is on the safe side."""
    tau = ladder_delays(20, CAPACITANCE, SEGMENT, SEGMENT, far)
    time = np.log(2.0) * (bits + 1) * tau.max()
    _, settled = missing(*ladder(20, SEGMENT, far), time)
    left = 1 - settled.min()
    assert left < 0.5 / 2**bits
    assert left > 0.5 / 2 ** (2 * bits + 3), "and not far too long"


def test_a_read_of_a_whole_array_is_no_slower_than_row_and_column_together():
    """Rows and columns with all cells between them, two nodes a cell: the first moment of the current that is read."""
    rows, cols, g = 5, 4, 1e-6
    uri = f"sim:rram?rows={rows}&cols={cols}&r_wire={SEGMENT}&r_driver={NEAR - SEGMENT}&c_wire={CAPACITANCE}"
    told = open_device(uri).line_delay()
    n = rows * cols
    net, fed = np.zeros((2 * n, 2 * n)), np.zeros(2 * n)

    def join(a, b, conductance):
        net[a, a] += conductance
        if b is not None:
            net[b, b] += conductance
            net[a, b] -= conductance
            net[b, a] -= conductance

    for r in range(rows):
        for c in range(cols):
            k = r * cols + c
            join(k, n + k, g)
            join(k, k - 1 if c else None, 1 / SEGMENT if c else 1 / NEAR)
            join(n + k, n + k + cols if r < rows - 1 else None, 1 / SEGMENT if r < rows - 1 else 1 / NEAR)
    fed[0] = 1 / NEAR  # the row that is furthest from where the columns are read
    end = np.linalg.solve(net, fed)

    def rates(_, y):
        v = y[: 2 * n]
        return np.concatenate([(fed - net @ v) / CAPACITANCE, 1 - v[[-1]] / end[-1]])

    found = solve_ivp(rates, (0, 60 * told), np.zeros(2 * n + 1), method="LSODA", rtol=1e-8, atol=1e-14)
    assert found.y[2 * n - 1, -1] == pytest.approx(end[-1], rel=1e-6)
    assert 0.9 * told < found.y[-1, -1] <= told * (1 + 1e-6)


def test_capacitances_without_resistances_are_refused_and_change_no_current():
    with pytest.raises(InputError, match="c_col = 1e-15 F: give r_wire > 0 as well"):
        open_device("sim:rram?c_col=1e-15")
    assert open_device("sim:rram?r_wire=1").line_delay() is None
    with_it, without = (open_device(f"sim:rram?rows=6&cols=5&r_wire=3{more}") for more in ("&c_wire=1e-15", ""))
    drive = np.full((1, 6), 1e-3)
    assert np.array_equal(with_it.mvm(drive), without.mvm(drive))
    assert with_it.line_capacitance() == pytest.approx((5e-15, 6e-15))
