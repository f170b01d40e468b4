"""Kirchhoff's laws on any network, ohmic or not: closed forms, scipy's root, the dense Laplacian, and invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import network_voltages
from scipy.optimize import root

from hil.errors import InputError
from hil.waveform import FLOATING
from sim.network.branches import NonOhmic, Ohmic
from sim.network.graph import Graph
from sim.network.lines import IdealLines, line_voltages
from sim.network.newton import potentials

GROUNDED_ENDS = ([0.5, FLOATING, FLOATING], [0.0, FLOATING, -0.2, FLOATING])


def sinh_cells(scale, steepness):
    """i = scale sinh(steepness v), as of tunnelling."""
    return NonOhmic(lambda v: scale * np.sinh(steepness * v), lambda v: scale * steepness * np.cosh(steepness * v))


def conductances(rng, shape, decades=2.0):
    return 10 ** rng.uniform(-6, -6 + decades, shape)


@st.composite
def crossbars(draw, decades=4.0):
    """Conductances, lines of which at least one is driven, and a generator for whatever else is wanted."""
    rows, cols = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lines = np.where(rng.random(rows + cols) < 0.5, FLOATING, rng.uniform(-1, 1, rows + cols))
    lines[rng.integers(rows + cols)] = 0.7
    return conductances(rng, (rows, cols), decades), lines[:rows], lines[rows:], rng


@st.composite
def graphs(draw):
    """A graph of up to eight nodes in any number of pieces, its conductances, and voltages of some nodes."""
    nodes, branches = draw(st.integers(2, 8)), draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    plus = rng.integers(nodes, size=branches)
    minus = (plus + rng.integers(1, nodes, size=branches)) % nodes
    given = np.where(rng.random(nodes) < 0.6, FLOATING, rng.uniform(-1, 1, nodes))
    return Graph(nodes, plus, minus), conductances(rng, branches, 4.0), given, rng


def net_into_floating(topology, branches, found, given):
    """Largest net current of a floating node, in units of what rounding of its voltages makes of its branches."""
    v = topology.across(found)
    net = np.abs(topology.outflow(branches.current(v)))[np.isnan(given)]
    rounding = np.abs(found).max() * branches.differential_conductance(v).sum() + np.abs(branches.current(v)).sum()
    return (net / max(rounding, 1e-300)).max(initial=0.0)


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_a_graph_is_solved_as_scipy_solves_its_laplacian(case):
    graph, g, given_, _ = case
    found = graph.settle(g, given_)
    laplacian = np.zeros((graph.nodes, graph.nodes))
    for a, b, s in zip(graph.plus, graph.minus, g, strict=True):
        laplacian[[a, b], [a, b]] += s
        laplacian[[a, b], [b, a]] -= s
    loose = np.isnan(given_)
    known = np.where(loose, 0.0, given_)
    # The least solution: what nothing drives is at one voltage, which may as well be 0 V.
    free = np.linalg.lstsq(laplacian[np.ix_(loose, loose)], -(laplacian @ known)[loose], rcond=1e-12)[0]
    assert found[loose] == pytest.approx(free, abs=1e-8)
    assert np.array_equal(found[~loose], given_[~loose])
    assert net_into_floating(graph, Ohmic(g), found, given_) < 1e-14


@settings(max_examples=100, deadline=None)
@given(crossbars())
def test_a_crossbar_is_the_same_as_a_graph_of_its_lines(case):
    g, rows, cols, _ = case
    lines, (r, c) = IdealLines(*g.shape), np.indices(g.shape)
    graph = Graph(lines.nodes, r.ravel(), len(rows) + c.ravel())
    given_ = np.concatenate([rows, cols])
    assert lines.settle(g, given_) == pytest.approx(graph.settle(g.ravel(), given_), abs=1e-10)
    current = g * lines.across(graph.settle(g.ravel(), given_))
    assert lines.outflow(current) == pytest.approx(graph.outflow(current.ravel()), abs=1e-18)


def test_a_piece_that_nothing_drives_is_at_0_V():
    graph = Graph(5, [0, 2, 3], [1, 3, 4])
    assert graph.settle(np.ones(3), np.array([0.3, *[FLOATING] * 4])) == pytest.approx([0.3, 0.3, 0, 0, 0], abs=1e-16)
    assert (graph.settle(np.ones(3), np.full(5, FLOATING)) == 0).all()


@pytest.mark.parametrize("topology", [IdealLines(2, 3), Graph(5, [0, 0, 1, 1, 2], [3, 4, 2, 3, 4])])
def test_current_fed_into_floating_nodes_comes_out_of_the_driven_one(topology):
    rng = np.random.default_rng(4)
    g = conductances(rng, topology.across(np.zeros(5)).shape)
    given_ = np.array([FLOATING, FLOATING, FLOATING, FLOATING, 0.1])
    fed = rng.uniform(-1e-6, 1e-6, 5)
    found = topology.settle(g, given_, fed)
    net = topology.outflow(g * topology.across(found))
    assert net[:4] == pytest.approx(fed[:4], rel=1e-9, abs=1e-18)
    assert net[4] == pytest.approx(-fed[:4].sum(), rel=1e-9)
    cases = topology.settle(g, np.stack([given_, given_], axis=1), np.stack([fed, 0 * fed], axis=1))
    assert cases[:, 0] == pytest.approx(found, rel=1e-12)
    assert cases[:, 1] == pytest.approx(0.1, rel=1e-12)


@settings(max_examples=100, deadline=None)
@given(crossbars())
def test_superposition_and_reciprocity_of_ohmic_cells(case):
    g, rows, cols, rng = case
    given_ = np.concatenate([rows, cols])
    driven = np.flatnonzero(~np.isnan(given_))
    lines = IdealLines(*g.shape)
    weights = rng.uniform(-1, 1, len(driven))
    unit = np.tile(np.where(np.isnan(given_), FLOATING, 0.0)[:, None], (1, len(driven)))
    unit[driven, np.arange(len(driven))] = 1.0
    each = lines.settle(g, unit)
    given_[driven] = weights
    assert lines.settle(g, given_) == pytest.approx(each @ weights, abs=1e-10)
    currents = np.stack([lines.outflow(g * lines.across(one))[driven] for one in each.T])
    assert currents == pytest.approx(currents.T, abs=1e-12 * g.sum())


@settings(max_examples=60, deadline=None)
@given(crossbars(), st.floats(1.0, 15.0))
def test_the_order_of_the_lines_does_not_matter(case, steepness):
    g, rows, cols, rng = case
    r, c = rng.permutation(len(rows)), rng.permutation(len(cols))
    for cells in (lambda x: x, lambda x: sinh_cells(x, steepness)):
        straight = line_voltages(cells(g), rows, cols)
        mixed = line_voltages(cells(g[np.ix_(r, c)]), rows[r], cols[c])
        assert mixed[0] == pytest.approx(straight[0][r], abs=1e-10)
        assert mixed[1] == pytest.approx(straight[1][c], abs=1e-10)


def test_ohmic_cells_may_be_given_by_conductance_or_as_branches_and_newton_finds_the_same():
    g = conductances(np.random.default_rng(2), (3, 4))
    rows, cols = map(np.array, GROUNDED_ENDS)
    expected = network_voltages(g, rows, cols)
    newton = NonOhmic(lambda v: g * v, lambda v: g)
    for cells in (g, Ohmic(g), newton):
        found = line_voltages(cells, rows, cols)
        assert found[0] == pytest.approx(expected[0], abs=1e-12)
        assert found[1] == pytest.approx(expected[1], abs=1e-12)


@pytest.mark.parametrize("steepness", [0.05, 3.0, 20.0])
def test_sinh_cells_with_floating_lines_agree_with_scipy(steepness):
    scale = conductances(np.random.default_rng(7), (3, 4))
    rows, cols = map(np.array, GROUNDED_ENDS)
    given_ = np.concatenate([rows, cols])
    loose = np.isnan(given_)

    def net(x):
        lines = given_.copy()
        lines[loose] = x
        i = scale * np.sinh(steepness * (lines[:3, None] - lines[3:]))
        return np.concatenate([i.sum(axis=1), -i.sum(axis=0)])[loose] / scale.max()

    start = np.concatenate(network_voltages(scale, rows, cols))[loose]
    expected = root(net, start, method="hybr", options={"xtol": 1e-14})
    assert np.abs(net(expected.x)).max() < 1e-11, "the oracle itself"
    found = np.concatenate(line_voltages(sinh_cells(scale, steepness), rows, cols))
    assert found[loose] == pytest.approx(expected.x, rel=1e-9, abs=1e-11)
    assert np.array_equal(found[~loose], given_[~loose])


def test_two_exponential_cells_in_series_divide_in_closed_form():
    """a sinh(b (V - u)) = c sinh(b u): tanh(b u) ... = a sinh(b V) / (c + a cosh(b V))."""
    a, c, b, v = 1e-9, 3e-6, 12.0, 0.9
    cells = sinh_cells(np.array([[a], [c]]), b)
    _, cols = line_voltages(cells, np.array([v, 0.0]), np.array([FLOATING]))
    assert cols[0] == pytest.approx(np.arctanh(a * np.sinh(b * v) / (c + a * np.cosh(b * v))) / b, rel=1e-12)


def test_cubic_cells_without_conductance_at_0_V_divide_as_cube_roots():
    """k1 (V - u)^3 = k2 u^3."""
    k = np.array([[2.0], [5.0]])
    cells = NonOhmic(lambda v: k * v**3, lambda v: 3 * k * v**2)
    _, cols = line_voltages(cells, np.array([1.0, 0.0]), np.array([FLOATING]))
    assert cols[0] == pytest.approx(2 ** (1 / 3) / (2 ** (1 / 3) + 5 ** (1 / 3)), rel=1e-12)


def test_opposed_diodes_meet_where_their_currents_do():
    """Shockley's law, blocking and conducting: the one in reverse carries what it can, its saturation current."""
    saturation, thermal = np.array([[1e-12], [4e-12]]), 0.02585
    turn = np.array([[-1.0], [1.0]])
    cells = NonOhmic(
        lambda v: turn * saturation * np.expm1(turn * v / thermal),
        lambda v: saturation / thermal * np.exp(turn * v / thermal),
    )
    _, cols = line_voltages(cells, np.array([1.0, 0.0]), np.array([FLOATING]))
    # The cell of row 0 is in reverse and feeds the column its saturation current, which leaves through that of row 1.
    into = float(cells.current(np.array([[1.0 - cols[0]], [-cols[0]]])).sum())
    assert abs(into) < 1e-24
    assert cols[0] == pytest.approx(-thermal * np.log1p(-saturation[0, 0] / saturation[1, 0]), rel=1e-9)


@settings(max_examples=150, deadline=None)
@given(crossbars(), st.floats(0.1, 40.0))
def test_no_net_current_flows_into_a_floating_line_of_sinh_cells(case, steepness):
    scale, rows, cols, _ = case
    cells, given_ = sinh_cells(scale, steepness), np.concatenate([rows, cols])
    found = np.concatenate(line_voltages(cells, rows, cols))
    assert net_into_floating(IdealLines(*scale.shape), cells, found, given_) < 1e-13


@settings(max_examples=50, deadline=None)
@given(graphs(), st.floats(0.1, 20.0))
def test_no_net_current_flows_into_a_floating_node_of_any_graph_of_sinh_branches(case, steepness):
    graph, scale, given_, _ = case
    branches = sinh_cells(scale, steepness)
    found = potentials(graph, branches, given_)
    assert net_into_floating(graph, branches, found, given_) < 1e-13


def test_lines_floating_among_equal_ones_take_exactly_their_voltage_whatever_the_law():
    cells = sinh_cells(conductances(np.random.default_rng(1), (2, 3)), 8.0)
    for lines in line_voltages(cells, np.array([0.3, FLOATING]), np.array([0.3, FLOATING, 0.3])):
        assert (lines == 0.3).all()
    for lines in line_voltages(cells, np.full(2, FLOATING), np.full(3, FLOATING)):
        assert (lines == 0).all()


def test_what_does_not_converge_is_refused():
    never_zero = NonOhmic(lambda v: 1e-3 * (2 + np.tanh(v)), lambda v: 1e-3 / np.cosh(v) ** 2)
    rows, cols = np.array([0.5, FLOATING]), np.array([0.0, FLOATING])
    with pytest.raises(InputError, match="do not converge in 200 Newton steps"):
        line_voltages(never_zero, rows, cols)
    nowhere = NonOhmic(lambda v: v * np.nan, lambda v: np.full(v.shape, np.nan))
    with pytest.raises(InputError, match="do not converge"):
        line_voltages(nowhere, rows, cols)
