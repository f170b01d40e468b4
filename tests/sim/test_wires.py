"""Crossbars with wire resistances against Qucs, dense nodal analysis, ngspice, LSODA and closed forms."""

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from hil.backends import open_device
from hil.errors import InputError
from hil.spiking.core import SpikingCore
from hil.waveform import FLOATING, Waveform
from sim.network.branches import NonOhmic, Ohmic
from sim.network.wires import WiredCrossbar, WireResistance, Wires

QUCS_R = np.arange(10.0, 201.0, 10.0).reshape(5, 4)
"""Cells of badcrossbar's test 5x4-b-1, ohm: rows at 0 .. 4 V, 1 ohm a segment of a row, 2 ohm a segment of a column."""

QUCS_OUT = [0.0605702, 0.05932761, 0.05634874, 0.05335235]
"""Currents out of the columns in A that Qucs gives, as stored with badcrossbar (tests/qucs/5x4-b-1)."""


def dense(g, wire, rows, cols):
    """Row-side and column-side voltages of all cells, (2, R, C), by dense nodal analysis, element by element."""
    count_r, count_c = g.shape
    nodes = {}
    for kind in "rc":
        for r in range(count_r):
            for c in range(count_c):
                nodes[kind, r, c] = len(nodes)
    matrix, right = np.zeros((len(nodes), len(nodes))), np.zeros(len(nodes))

    def join(a, b, conductance):
        matrix[a, a] += conductance
        matrix[b, b] += conductance
        matrix[a, b] -= conductance
        matrix[b, a] -= conductance

    def source(a, v, conductance):
        if not np.isnan(v):
            matrix[a, a] += conductance
            right[a] += conductance * v

    for r in range(count_r):
        source(nodes["r", r, 0], rows[r], 1 / wire.row_end)
        for c in range(count_c):
            join(nodes["r", r, c], nodes["c", r, c], g[r, c])
            if c:
                join(nodes["r", r, c - 1], nodes["r", r, c], 1 / wire.row)
            if r:
                join(nodes["c", r - 1, c], nodes["c", r, c], 1 / wire.column)
    for c in range(count_c):
        source(nodes["c", count_r - 1, c], cols[c], 1 / wire.column_end)
    return np.linalg.solve(matrix, right).reshape(2, count_r, count_c)


@st.composite
def crossbars(draw):
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    wire = WireResistance(*10 ** rng.uniform(-1, 3, 4))
    rows, cols = (np.where(rng.random(n) < 0.3, FLOATING, rng.uniform(-1, 1, n)) for n in shape)
    if np.isnan(rows).all() and np.isnan(cols).all():
        rows[0] = 0.7
    return 10 ** rng.uniform(-6, -2, shape), wire, rows, cols


@settings(max_examples=60, deadline=None)
@given(crossbars())
def test_voltages_are_those_of_dense_nodal_analysis(crossbar):
    g, wire, rows, cols = crossbar
    along, ends = WiredCrossbar(*g.shape, wire).voltages(Ohmic(g), rows, cols)
    expected = dense(g, wire, rows, cols)
    assert along == pytest.approx(expected, abs=1e-9)
    driven = np.concatenate([rows, cols])
    at_ends = np.concatenate([expected[0, :, 0], expected[1, -1]])
    assert ends == pytest.approx(np.where(np.isnan(driven), at_ends, driven), abs=1e-9)


@pytest.mark.parametrize("segment, cell", [(1e-2, 1e6), (1.0, 1e4), (1e3, 1e3), (1e6, 1e2)])
def test_gradients_and_factors_agree_and_hard_cases_are_factorised(segment, cell):
    """Where cells conduct as well as segments, gradients take too many steps or end as exact; either way is right."""
    rng = np.random.default_rng(4)
    g = 10 ** rng.uniform(-1, 0, (30, 20)) / cell
    x, rows, cols = WiredCrossbar(30, 20, WireResistance.alike(segment)), rng.uniform(0, 1, (2, 30)), np.zeros((2, 20))
    assert x.many(g, rows, cols) == pytest.approx(x._by_factors(g, rows, cols), abs=1e-10)


def test_what_gradients_give_up_is_factorised(monkeypatch):
    monkeypatch.setattr("sim.network.line_gradients.MOST_ITERATIONS", 1)
    x = WiredCrossbar(5, 4, WireResistance(1.0, 2.0, 1.0, 2.0))
    assert np.arange(5.0) @ x.effective(1 / QUCS_R) == pytest.approx(QUCS_OUT, rel=1e-6)
    along, _ = x.voltages(Ohmic(1 / QUCS_R), np.arange(5.0), np.zeros(4))
    assert along[1, -1] / 2.0 == pytest.approx(QUCS_OUT, rel=1e-6)


def test_output_currents_are_those_of_qucs():
    x = WiredCrossbar(5, 4, WireResistance(1.0, 2.0, 1.0, 2.0))
    v = np.arange(5.0)
    along, _ = x.voltages(Ohmic(1 / QUCS_R), v, np.zeros(4))
    assert along[1, -1] / 2.0 == pytest.approx(QUCS_OUT, rel=1e-6)
    assert v @ x.effective(1 / QUCS_R) == pytest.approx(QUCS_OUT, rel=1e-6)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3)])
def test_effective_conductances_are_one_drive_after_the_other(shape):
    g = 10 ** np.random.default_rng(2).uniform(-5, -3, shape)
    x = WiredCrossbar(*shape, WireResistance(3.0, 5.0, 20.0, 50.0))
    one_by_one = []
    for v in np.eye(shape[0]):
        along, _ = x.voltages(Ohmic(g), v, np.zeros(shape[1]))
        one_by_one.append(((along[0] - along[1]) * g).sum(axis=0))
    assert x.effective(g) == pytest.approx(np.array(one_by_one), rel=1e-10)


@pytest.mark.parametrize("steepness", [2.0, 20.0])
def test_cells_that_are_not_ohmic_leave_no_current_over(steepness):
    rng = np.random.default_rng(1)
    scale = 10 ** rng.uniform(-5, -3, (5, 4))
    cells = NonOhmic(lambda v: scale * np.sinh(steepness * v), lambda v: scale * steepness * np.cosh(steepness * v))
    wires, drive = Wires(5, 4, WireResistance.alike(10.0, 40.0)), np.array([0.5, -0.3, 0.8, 0.0, 0.2])
    along, ends = WiredCrossbar(5, 4, WireResistance.alike(10.0, 40.0)).voltages(cells, drive, np.zeros(4))
    potential = np.concatenate([ends, along.ravel()])
    net = wires.outflow(wires.branches(cells).current(wires.across(potential)))
    assert np.abs(net[9:]).max() <= 1e-10 * np.abs(net[:9]).max()
    assert (np.abs(along[0] - drive[:, None]).max(axis=1) > 1e-4).all(), "the wires matter"


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_voltages_are_those_of_ngspice(tmp_path):
    g, wire = 10 ** np.random.default_rng(3).uniform(-5, -3, (4, 3)), WireResistance(5.0, 8.0, 30.0, 60.0)
    rows, cols = np.array([0.4, FLOATING, -0.2, 1.0]), np.array([0.0, 0.1, FLOATING])
    lines = ["* crossbar with wires"]
    for r in range(4):
        lines += [f"Vr{r} t{r} 0 {rows[r]:.17g}", f"Rt{r} t{r} r{r}_0 {wire.row_end}"] * (not np.isnan(rows[r]))
        for c in range(3):
            lines.append(f"Rg{r}_{c} r{r}_{c} c{r}_{c} {1 / g[r, c]:.17g}")
            lines += [f"Rr{r}_{c} r{r}_{c - 1} r{r}_{c} {wire.row}"] * (c > 0)
            lines += [f"Rc{r}_{c} c{r - 1}_{c} c{r}_{c} {wire.column}"] * (r > 0)
    for c in range(3):
        lines += [f"Vc{c} b{c} 0 {cols[c]:.17g}", f"Rb{c} b{c} c3_{c} {wire.column_end}"] * (not np.isnan(cols[c]))
    names = [f"{kind}{r}_{c}" for kind in "rc" for r in range(4) for c in range(3)]
    shown = [f"print v({name})" for name in names]
    lines += [".options gmin=1e-15 reltol=1e-9", ".control", "set numdgt=12", "op", *shown, ".endc", ".end"]
    (tmp_path / "x.cir").write_text("\n".join(lines))
    told = subprocess.run(["ngspice", "-b", "x.cir"], cwd=tmp_path, capture_output=True, text=True, timeout=60).stdout
    found = {line.split()[0]: float(line.split()[2]) for line in told.splitlines() if line.startswith("v(")}
    along, _ = WiredCrossbar(4, 3, wire).voltages(Ohmic(g), rows, cols)
    assert along.ravel() == pytest.approx([found[f"v({name})"] for name in names], abs=1e-8)


def wired(law, rows, cols, **parameters):
    return open_device(law, rows=rows, cols=cols, threads=1, **parameters)


def test_a_pulse_of_a_crossbar_with_wires_agrees_with_lsoda():
    """States, currents, charge and energy of cells that move while their wires take a part of the voltage."""
    phi, wire = np.array([[2e-3, 1e-3, 3e-3], [1.5e-3, 4e-3, 2.5e-3]]), WireResistance.alike(60.0, 200.0)
    rows, cols, length = np.array([0.5, 0.1]), np.array([0.0, FLOATING, -0.2]), 3e-3

    def across(phi):
        along = dense(1 / (100.0 + 1e6 * phi), wire, rows, cols)
        return along[0] - along[1]

    def slopes(_t, state):
        now = state[:6].reshape(2, 3)
        v = across(now)
        out = (v / (100.0 + 1e6 * now)).sum(axis=0)
        into = (v / (100.0 + 1e6 * now)).sum(axis=1)
        power = into @ rows - out[[0, 2]] @ cols[[0, 2]]
        return np.concatenate([v.ravel(), out, [power]])  # D = 0: eq 4 without relaxation

    solved = solve_ivp(
        slopes, (0, length), np.concatenate([phi.ravel(), np.zeros(4)]), method="LSODA", rtol=1e-10, atol=1e-16
    )
    expected, charge, energy = solved.y[:6, -1].reshape(2, 3), solved.y[6:9, -1], solved.y[9, -1]
    assert (np.abs(expected - phi) > 1e-5).all()
    device = wired("sim:flca?D=0&R=100,1e6", 2, 3, r_wire=60, r_driver=200)
    device.restore(device.snapshot() | {"phi": np.ascontiguousarray(phi.T)})
    response = device.apply(Waveform.pulse(list(rows), list(cols), width=length, measure=True))
    assert 1 / device.conductance == pytest.approx(100.0 + 1e6 * expected, rel=1e-6)
    out = (across(expected) / (100.0 + 1e6 * expected)).sum(axis=0)
    assert response.currents[0, [0, 2]] == pytest.approx(out[[0, 2]], rel=1e-6)
    assert abs(response.currents[0, 1]) < 1e-12 * abs(out).max() and response.charge[0, 1] == 0
    assert response.charge[0, [0, 2]] == pytest.approx(charge[[0, 2]], rel=1e-6)
    assert response.energy[0] == pytest.approx(energy, rel=1e-6)


@pytest.mark.parametrize("r_wire, steps", [(0.0, 1), (100.0, 1), (1e3, 0)])
def test_a_cell_switches_where_its_wires_leave_it_the_threshold(r_wire, steps):
    """1.1 V on 10 kohm behind two segments, threshold 1 V: 1.078 V behind 100 ohm each, 0.917 V behind 1 kohm each."""
    device = wired("sim:rram?alpha=0.1&w0=0&g_min=1e-4&g_max=1.1e-4", 1, 1, r_wire=r_wire)
    device.apply(Waveform.pulse(1.1, width=1e-3))
    assert device.weights[0, 0] == pytest.approx(0.1 * steps)


def test_far_cells_move_less():
    device = wired("sim:vteam?set=positive", 1, 24, r_wire=200)
    device.apply(Waveform.pulse(1.0, [0.0] * 24, width=2e-3))
    assert (np.diff(device.conductance[0]) < 0).all()


@pytest.mark.parametrize("law", ["sim:rram?w0=0.3", "sim:vteam", "sim:flca?R=1000,1e6&phi0=1e-3"])
def test_reads_and_products_are_pulses_through_the_wires(law):
    device = wired(law, 5, 4, r_wire=50, r_driver=100)
    v = 1e-6 * np.random.default_rng(0).uniform(0.1, 1, (3, 5))
    pulses = device.apply(Waveform.samples(v, np.zeros((3, 4)), dwell=1e-9, measure=True)).currents
    assert device.mvm(v) == pytest.approx(pulses, rel=1e-6)
    assert v @ device.read() == pytest.approx(pulses, rel=1e-6)
    back = device.mvm(np.full((1, 4), 1e-6), reverse=True)
    assert back[0] == pytest.approx(1e-6 * device.read().sum(axis=1), rel=1e-9)
    assert (device.read() < device.conductance).all()


def test_read_noise_is_that_of_the_cell_currents():
    device = wired("sim:rram?read_noise=0.1", 3, 2, r_wire=300)
    exact = wired("sim:rram", 3, 2, r_wire=300).mvm(np.full((1, 3), 0.1))[0]
    many = device.mvm(np.full((4000, 3), 0.1))
    assert many.mean(axis=0) == pytest.approx(exact, rel=0.01)
    assert many.std(axis=0) / exact == pytest.approx(0.1 / np.sqrt(3), rel=0.08)


def test_small_resistances_are_no_wires_in_the_limit():
    drive = Waveform.pulse([0.4, FLOATING, 0.1], [0.0, 0.2, FLOATING], width=1e-3, measure=True)
    ideal, thin = (wired("sim:flca?D=1&R=1000,1e6&phi0=1e-3", 3, 3, **p) for p in ({}, {"r_wire": 1e-5}))
    responses = [device.apply(drive) for device in (ideal, thin)]
    assert responses[1].currents == pytest.approx(responses[0].currents, rel=1e-6, abs=1e-10)
    assert thin.conductance == pytest.approx(ideal.conductance, rel=1e-6)


def test_equal_lines_disturb_no_cell():
    device = wired("sim:flca?D=5&R=1000,1e6&phi0=1e-3", 3, 3, r_wire=10)
    before = device.snapshot()
    device.apply(Waveform.pulse([0.3] * 3, [0.3] * 3, width=1.0))
    assert np.array_equal(device.snapshot()["phi"], before["phi"])


def test_a_driver_without_wires_is_refused_and_no_compiled_core_is_offered():
    with pytest.raises(InputError, match="r_wire"):
        wired("sim:rram", 2, 2, r_driver=100)
    assert wired("sim:rram", 2, 2, r_wire=1).offer(SpikingCore) is None
