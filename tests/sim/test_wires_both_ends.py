"""Wires with their own resistances of rows and columns, driven at one or both ends, ohmic cells and others.

Oracles: badcrossbar (where it is installed), ngspice (where it is installed) and dense nodal analysis.
"""

import warnings

import numpy as np
import pytest
from scipy.optimize import fsolve

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import FLOATING, Waveform
from sim import ngspice
from sim.network.branches import NonOhmic, Ohmic
from sim.network.newton import potentials
from sim.network.wires import WiredCrossbar, WireResistance

DIODES = 1e-5, 0.08
"""Amplitude (A) and voltage (V) of cells i = a sinh(v / b)."""


def sinh_cells(scale):
    a, b = DIODES
    return NonOhmic(lambda v: scale * a * np.sinh(v / b), lambda v: scale * a / b * np.cosh(v / b))


def netlist(shape, wire, cell):
    """Elements (name, node, node, value) of a crossbar; nodes r0_1 of rows, c0_1 of columns, tr0 and tc0 terminals."""
    rows, cols = shape
    for r in range(rows):
        for c in range(cols):
            yield (f"g{r}_{c}", f"r{r}_{c}", f"c{r}_{c}", cell(r, c))
            before, below = (f"r{r}_{c - 1}" if c else f"tr{r}"), (f"c{r + 1}_{c}" if r < rows - 1 else f"tc{c}")
            yield (f"wr{r}_{c}", before, f"r{r}_{c}", wire.row if c else wire.row_end)
            yield (f"wc{r}_{c}", f"c{r}_{c}", below, wire.column if r < rows - 1 else wire.column_end)
        if wire.row_far:
            yield (f"fr{r}", f"fr{r}", f"r{r}_{cols - 1}", wire.row_far)
    for c in range(cols if wire.column_far else 0):
        yield (f"fc{c}", f"fc{c}", f"c0_{c}", wire.column_far)


def dense(g, wire, rows, cols):
    """(2, R, C) voltages by dense nodal analysis of the netlist, far ends floating with their lines."""
    elements = list(netlist(g.shape, wire, lambda r, c: 1 / g[r, c]))
    known = {}
    for prefix, volts in (("r", rows), ("c", cols)):
        for n, v in enumerate(volts):
            if not np.isnan(v):
                known |= {f"t{prefix}{n}": v, f"f{prefix}{n}": v}
    names = sorted({node for _, a, b, _ in elements for node in (a, b)} - known.keys())
    place = {name: k for k, name in enumerate(names)}
    matrix, right = np.zeros((len(names), len(names))), np.zeros(len(names))
    for _, a, b, ohm in elements:
        for one, other in ((a, b), (b, a)):
            if one in place:
                matrix[place[one], place[one]] += 1 / ohm
                if other in place:
                    matrix[place[one], place[other]] -= 1 / ohm
                else:
                    right[place[one]] += known[other] / ohm
    x = np.linalg.solve(matrix, right)
    return np.array([[[x[place[f"{k}{r}_{c}"]] for c in range(g.shape[1])] for r in range(g.shape[0])] for k in "rc"])


def random_case(seed, floating=0.0):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 9, 2))
    far = (None if rng.random() < 0.3 else 10 ** rng.uniform(-1, 3) for _ in range(2))
    wire = WireResistance(*10 ** rng.uniform(-1, 3, 4), *far)
    rows, cols = (np.where(rng.random(n) < floating, FLOATING, rng.uniform(-1, 1, n)) for n in shape)
    rows[0] = 0.7
    return 10 ** rng.uniform(-6, -2, shape), wire, rows, cols


@pytest.mark.parametrize("seed", range(20))
def test_lines_driven_at_both_ends_are_those_of_dense_nodal_analysis(seed):
    g, wire, rows, cols = random_case(seed, floating=0.3)
    x = WiredCrossbar(*g.shape, wire)
    expected = dense(g, wire, rows, cols)
    assert x.voltages(Ohmic(g), rows, cols)[0] == pytest.approx(expected, abs=1e-10)
    assert x.many(g, rows[None], cols[None])[0] == pytest.approx(expected[0] - expected[1], abs=1e-10)
    assert x._by_factors(g, rows[None], cols[None])[0] == pytest.approx(expected[0] - expected[1], abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_effective_conductances_through_both_ends(seed):
    g, wire, *_ = random_case(seed)
    x = WiredCrossbar(*g.shape, wire)
    unit = np.eye(len(g))
    along = np.array([dense(g, wire, v, np.zeros(g.shape[1])) for v in unit])
    assert x.effective(g) == pytest.approx(((along[:, 0] - along[:, 1]) * g).sum(axis=1), rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("seed", range(50))
def test_random_arrays_are_those_of_badcrossbar(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without pycairo it cannot plot, and says so
        compute = pytest.importorskip("badcrossbar.compute").compute
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 25, 2))
    ohm, (row, col) = 10 ** rng.uniform(2, 6, shape), 10 ** rng.uniform(-1, 2, 2)
    v = rng.uniform(-1, 1, (shape[0], 3))
    theirs = compute(v, ohm, r_i_word_line=row, r_i_bit_line=col)
    x = WiredCrossbar(*shape, WireResistance(row, col, row, col))
    for k in range(3):
        along, _ = x.voltages(Ohmic(1 / ohm), v[:, k], np.zeros(shape[1]))
        assert along[0] == pytest.approx(theirs.voltages.word_line[..., k], abs=1e-9)
        assert along[1] == pytest.approx(theirs.voltages.bit_line[..., k], abs=1e-9)
    assert v.T @ x.effective(1 / ohm) == pytest.approx(theirs.currents.output, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("floating", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(6))
def test_newton_along_lines_is_newton_node_by_node(seed, floating):
    g, wire, rows, cols = random_case(seed, floating)
    x, cells = WiredCrossbar(*g.shape, wire), sinh_cells(g / 1e-4)
    nodes = potentials(x.wires, x.wires.branches(cells), x.wires.given(rows, cols))
    along, _ = x.voltages(cells, rows, cols)
    assert along == pytest.approx(x.wires.along(nodes), abs=1e-9)


def test_one_diode_behind_its_wires_is_a_scalar_equation():
    """10 V on cells that carry 1e-5 sinh(10 / 0.08) A, far beyond float64's exponentials of half of that squared."""
    wire, (a, b) = WireResistance(3.0, 5.0, 40.0, 60.0), DIODES
    along, _ = WiredCrossbar(1, 1, wire).voltages(sinh_cells(np.ones((1, 1))), np.array([10.0]), np.zeros(1))
    (v,) = fsolve(lambda v: np.arcsinh((10 - v) / (100 * a)) * b - v, 1.0, xtol=1e-13)
    assert (along[0] - along[1])[0, 0] == pytest.approx(v, rel=1e-10)


@pytest.mark.skipif(not ngspice.installed(), reason="ngspice is not installed")
def test_cells_that_are_not_ohmic_are_those_of_ngspice():
    scale, wire = 10 ** np.random.default_rng(3).uniform(-1, 1, (5, 4)), WireResistance(50.0, 80.0, 300.0, 90.0, 70.0)
    rows, cols = np.array([0.4, FLOATING, -0.2, 1.0, 0.0]), np.array([0.0, 0.1, FLOATING, 0.0])
    lines, (a, b) = ["* crossbar"], DIODES
    for name, one, other, value in netlist((5, 4), wire, lambda r, c: scale[r, c]):
        if name.startswith("g"):
            lines.append(f"B{name} {one} {other} I={value * a:.17g}*sinh(V({one},{other})/{b})")
        else:
            lines.append(f"R{name} {one} {other} {value:.17g}")
    for prefix, volts, far in (("r", rows, True), ("c", cols, False)):
        for n, v in enumerate(volts):
            if not np.isnan(v):
                lines += [f"V{e}{prefix}{n} {e}{prefix}{n} 0 {v:.17g}" for e in ("tf" if far else "t")]
    names = [f"{kind}{r}_{c}" for kind in "rc" for r in range(5) for c in range(4)]
    lines += [".options gmin=1e-18 reltol=1e-10 abstol=1e-18 vntol=1e-12 itl1=500", ".control", "set numdgt=14", "op"]
    lines += [*(f"print v({name})" for name in names), ".endc", ".end"]
    told = ngspice.run({"x.cir": "\n".join(lines)}, "x.cir").stdout
    found = {line.split()[0]: float(line.split()[2]) for line in told.splitlines() if line.startswith("v(")}
    along, _ = WiredCrossbar(5, 4, wire).voltages(sinh_cells(scale), rows, cols)
    assert along.ravel() == pytest.approx([found[f"v({name})"] for name in names], abs=1e-7)


def wired(uri, rows, cols, **parameters):
    return open_device(uri, rows=rows, cols=cols, threads=1, **parameters)


def test_one_row_is_a_ladder_and_its_second_end_halves_the_way():
    """Columns hardly resist: the voltage along a row of equal cells is a cosh, from one end or from two."""
    n, ohm, cell = 40, 25.0, 1e4
    for ends in (1, 2):
        device = wired("sim:rram?w0=1&g_max=1e-4", 1, n, r_row=ohm, r_col=1e-6, row_ends=ends)
        g = 1 / cell
        q = 2 * np.arcsinh(np.sqrt(ohm * g) / 2)
        k = np.arange(1, n + 1)
        # Node 0 and, from both ends, node n + 1 are at 1 V; the open end has no current behind node n.
        shape = np.cosh((n + 0.5 - k) * q) / np.cosh((n + 0.5) * q)
        if ends == 2:
            shape = np.cosh((k - (n + 1) / 2) * q) / np.cosh((n + 1) / 2 * q)
        assert device.mvm([[1.0]])[0] == pytest.approx(shape * g, rel=1e-6)


def test_pulses_reads_and_products_see_both_ends():
    one, two = (
        wired("sim:vteam?set=positive", 2, 12, r_row=300, r_col=1, r_driver=5, row_ends=ends) for ends in (1, 2)
    )
    assert (two.read() > one.read()).all() and two.mvm([[0.01, 0.02]])[0, -1] > one.mvm([[0.01, 0.02]])[0, -1]
    for device in (one, two):
        device.apply(Waveform.pulse([1.0, 0.0], [0.0] * 12, width=2e-3))
    assert (np.diff(one.conductance[0]) < 0).all()
    assert two.conductance[0] == pytest.approx(two.conductance[0, ::-1], rel=1e-2) and two.conductance[0, 0] > 1e-12
    assert two.conductance[0, -1] > one.conductance[0, -1]


@pytest.mark.parametrize(
    "given, told",
    [
        ({"r_row": 2.0}, "r_row = 2 ohm: give r_col > 0 as well"),
        ({"row_ends": 2}, "row_ends = 2: give r_wire > 0"),
        ({"r_col_driver": 9.0}, "r_col_driver = 9 ohm: give r_wire > 0"),
        ({"r_wire": 1.0, "col_ends": 3}, "col_ends"),
    ],
)
def test_what_makes_no_wires_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        wired("sim:rram", 2, 2, **given)


def test_a_bench_drives_both_ends_of_a_line():
    """A source-measure unit on a row and a column whose far ends are joined to it, all other lines left open."""
    pytest.importorskip("pyvisa")
    from instruments.virtual.dut import Dut

    device = wired("sim:rram?w0=0.5", 3, 4, r_row=900.0, r_col=700.0, r_driver=50.0, row_ends=2, col_ends=2)
    g, wire = device.conductance, device.parameters.wires()
    dut = Dut(device)
    dut.connect({1}, {3 + 2})
    rows, cols = np.array([FLOATING, 0.3, FLOATING]), np.array([FLOATING, FLOATING, 0.0, FLOATING])
    along = dense(g, wire, rows, cols)
    expected = ((0.3 - along[0, 1, 0]) / wire.row_end) + (0.3 - along[0, 1, -1]) / wire.row_far
    assert dut.play([0.3], [1e-6]).current[0] == pytest.approx(expected, rel=1e-9)
