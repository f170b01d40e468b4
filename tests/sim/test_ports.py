"""Ports in front of a network: Ohm's law, current limits, contacts; scipy's root for cells that are not ohmic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root

from sim.network.branches import NonOhmic, Ohmic
from sim.network.graph import Graph
from sim.network.lines import IdealLines
from sim.network.ports import PortNetwork, Ports


def ports_at(nodes, at, resistance, limit=np.inf, opened=False, shorted=False):
    """Ports each on the nodes in one entry of `at`."""
    joined = np.array([[node in nodes_ for node in range(nodes)] for nodes_ in at])
    count = len(at)
    return Ports(
        joined,
        *(np.broadcast_to(np.asarray(x, dtype=float), count) for x in (resistance, limit)),
        *(np.broadcast_to(np.asarray(x, dtype=bool), count) for x in (opened, shorted)),
    )


def grounded(nodes, *at):
    ground = np.zeros(nodes, bool)
    ground[list(at)] = True
    return ground


def sinh_cells(scale, steepness):
    return NonOhmic(lambda v: scale * np.sinh(steepness * v), lambda v: scale * steepness * np.cosh(steepness * v))


@st.composite
def benches(draw):
    """A crossbar with up to three ports on its first rows, LO on its last column; all else floats."""
    rows, cols, count = draw(st.integers(3, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    g = 10 ** rng.uniform(-6, -3, (rows, cols))
    resistance = np.where(rng.random(count) < 0.4, 0.0, 10 ** rng.uniform(1, 5, count))
    return g, resistance, rng.uniform(-1, 1, count), rng


def network_of(g, resistance, limit=np.inf):
    nodes = sum(g.shape)
    at = [{k} for k in range(len(resistance))]
    return PortNetwork(IdealLines(*g.shape), ports_at(nodes, at, resistance, limit), grounded(nodes, nodes - 1))


@settings(max_examples=100, deadline=None)
@given(benches(), st.sampled_from([0.0, 4.0, 20.0]))
def test_every_port_obeys_ohm_and_every_floating_line_kirchhoff(bench, steepness):
    g, resistance, voltage, _ = bench
    cells = sinh_cells(g, steepness) if steepness else Ohmic(g)
    lines, count = IdealLines(*g.shape), len(voltage)
    found = network_of(g, resistance).solve(cells, voltage)
    net = lines.outflow(cells.current(lines.across(found.potential)))
    scale = np.abs(found.current).max() + 1e-12
    assert net[count:-1] == pytest.approx(0.0, abs=1e-10 * scale)
    assert net[:count] == pytest.approx(found.current, abs=1e-10 * scale)
    assert found.potential[:count] + resistance * found.current == pytest.approx(voltage, abs=1e-9)
    assert np.array_equal(found.terminal, voltage) and not found.limited.any()


@settings(max_examples=100, deadline=None)
@given(benches(), st.sampled_from([0.0, 4.0, 20.0]))
def test_a_port_at_its_limit_carries_exactly_that(bench, steepness):
    g, resistance, voltage, rng = bench
    cells = sinh_cells(g, steepness) if steepness else Ohmic(g)
    lines, count = IdealLines(*g.shape), len(voltage)
    free = network_of(g, resistance).solve(cells, voltage)
    limit = np.abs(free.current) * rng.uniform(0.3, 2.0, count) + 1e-12
    found = network_of(g, resistance, limit).solve(cells, voltage)
    assert (np.abs(found.current) <= limit * (1 + 1e-11)).all()
    assert np.array_equal(np.abs(found.current[found.limited]), limit[found.limited])
    net = lines.outflow(cells.current(lines.across(found.potential)))
    assert net[:count] == pytest.approx(found.current, abs=1e-9 * limit.max())
    behind = found.potential[:count] + resistance * found.current
    assert found.terminal == pytest.approx(behind, abs=1e-9 * (1 + np.abs(behind).max()))


@settings(max_examples=60, deadline=None)
@given(benches())
def test_newton_finds_for_ohmic_cells_what_is_solved_at_once(bench):
    g, resistance, voltage, rng = bench
    limit = 10 ** rng.uniform(-7, -3, len(voltage))
    network = network_of(g, resistance, limit)
    at_once, newton = (network.solve(c, voltage) for c in (Ohmic(g), NonOhmic(lambda v: g * v, lambda v: g)))
    assert newton.potential == pytest.approx(at_once.potential, abs=1e-9)
    assert newton.current == pytest.approx(at_once.current, rel=1e-9, abs=1e-15)
    assert np.array_equal(newton.limited, at_once.limited)


def test_sinh_cells_behind_resistances_agree_with_scipy():
    scale, b = np.array([[1e-6, 4e-7, 2e-6], [3e-7, 5e-6, 8e-7], [2e-6, 1e-6, 6e-7]]), 9.0
    resistance, voltage = np.array([2e3, 5e4]), np.array([0.8, -0.6])
    found = network_of(scale, resistance).solve(sinh_cells(scale, b), voltage)

    def net(x):
        lines = np.append(x, 0.0)
        i = scale * np.sinh(b * (lines[:3, None] - lines[3:]))
        out = np.concatenate([i.sum(axis=1), -i.sum(axis=0)])[:-1]
        out[:2] -= (voltage - x[:2]) / resistance
        return out / 1e-6

    expected = root(net, found.potential[:-1] + 0.01, options={"xtol": 1e-14})
    assert np.abs(net(expected.x)).max() < 1e-10, "the oracle itself"
    assert found.potential[:-1] == pytest.approx(expected.x, rel=1e-9, abs=1e-11)


def test_a_wheatstone_bridge_is_balanced_and_no_port_is_needed_on_a_crossbar():
    """Nodes 0 (port), 1, 2, ground 3: 1 k / 2 k beside 10 k / 20 k, and a bridge that carries nothing."""
    graph = Graph(4, [0, 1, 0, 2, 1], [1, 3, 2, 3, 2])
    ohm = np.array([1e3, 2e3, 1e4, 2e4, 50.0])
    network = PortNetwork(graph, ports_at(4, [{0}], 500.0), grounded(4, 3))
    found = network.solve(Ohmic(1 / ohm), np.array([3.0]))
    whole = 1 / (1 / 3e3 + 1 / 3e4)
    assert found.current[0] == pytest.approx(3.0 / (whole + 500.0), rel=1e-12)
    assert found.potential[1] == pytest.approx(found.potential[2], rel=1e-12)
    assert found.potential[1] == pytest.approx(found.potential[0] * 2 / 3, rel=1e-12)


@pytest.mark.parametrize("ohmic", [True, False])
def test_open_and_shorted_contacts(ohmic):
    g = np.array([[1e-3], [2e-3]])
    cells = Ohmic(g) if ohmic else NonOhmic(lambda v: g * v, lambda v: g)
    lines = IdealLines(2, 1)
    at = [{0}, {1}]
    opened = PortNetwork(lines, ports_at(3, at, 100.0, opened=[True, False]), grounded(3, 2))
    found = opened.solve(cells, np.array([1.0, 1.0]))
    assert found.current == pytest.approx([0.0, 1 / 600], rel=1e-12)
    assert found.potential[0] == pytest.approx(0.0, abs=1e-15)
    shorted = PortNetwork(lines, ports_at(3, at, 100.0, [np.inf, 1e-3], shorted=[True, False]), grounded(3, 2))
    found = shorted.solve(cells, np.array([1.0, 1.0]))
    assert found.current == pytest.approx([1.0 / 100, 1e-3], rel=1e-12)
    assert found.potential == pytest.approx([0.0, 0.5, 0.0], abs=1e-15)
    assert found.limited.tolist() == [False, True]


def test_a_port_alone_drives_nothing_through_floating_lines():
    network = PortNetwork(IdealLines(2, 2), ports_at(4, [{0}], 50.0), grounded(4))
    found = network.solve(Ohmic(np.full((2, 2), 1e-3)), np.array([0.7]))
    assert found.potential == pytest.approx(0.7, rel=1e-12)
    assert found.current[0] == pytest.approx(0.0, abs=1e-15)


def test_of_two_ports_in_series_with_equal_limits_one_limits_and_the_other_holds():
    network = PortNetwork(IdealLines(1, 1), ports_at(2, [{0}, {1}], 0.0, 1e-4), grounded(2))
    found = network.solve(Ohmic(np.array([[1e-3]])), np.array([0.5, -0.5]))
    assert found.current == pytest.approx([1e-4, -1e-4])
    assert sorted(found.limited) == [False, True]
    assert found.potential[0] - found.potential[1] == pytest.approx(0.1)
