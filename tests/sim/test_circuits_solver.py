"""The circuit solver: order of convergence, nodal analysis, energy, rests, floating sources, batches, bad input."""

import numpy as np
import pytest
from oracles import polynomial
from scipy.integrate import solve_ivp

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from sim.circuits.bidirectional import bidirectional_circuit, pulse_pair
from sim.circuits.circuit import GROUND, Circuit, Flca, Memristor, Resistor, Source
from sim.circuits.drive import Drive
from sim.circuits.pill_cell import pill_cell_circuit
from sim.circuits.solve import simulate
from sim.circuits.valved import valved, valved_circuit

VOLATILE, NONVOLATILE = Flca(volatile=True), Flca(volatile=False)
MS = 1e-3


def single(model):
    return Circuit(Source("in", "a"), Memristor("m", "a", GROUND, model))


@pytest.mark.parametrize("v2", [0.0, 0.05])
def test_halving_the_step_divides_the_error_by_sixteen_where_all_is_smooth(v2):
    reference = valved(0.1, v2, refine=32).flux
    error = [abs(valved(0.1, v2, refine=f).flux - reference) for f in (1, 2, 4)]
    order = np.log2(np.divide(error[:-1], error[1:]))
    assert order == pytest.approx(4, abs=0.25)


@pytest.mark.parametrize("delay", [0.25, 1.0])
def test_and_where_the_volatile_flux_passes_zero(delay):
    """A method that stepped across the kink of |phi| would be of second order here."""
    run = {f: pulse_pair(delay, refine=f) for f in (1, 2, 4, 32)}
    assert run[1].phi["volatile"][..., -2] > 0 > run[1].phi["volatile"][..., -1]
    error = [abs(run[f].final["weight"] - run[32].final["weight"]) for f in (1, 2, 4)]
    assert np.log2(np.divide(error[:-1], error[1:])) == pytest.approx(4, abs=0.5)


def test_and_where_the_hold_ends_and_where_the_weight_is_clipped():
    """Held while the volatile element takes the voltage, set free as that unwinds, in the end driven to zero."""
    circuit = bidirectional_circuit(Flca((100.0, 1e6), D=1.0), Flca((100.0, 1e6), D=800.0, volatile=False))
    drive = Drive([MS, 2 * MS], {"pre": [1.0, -1.0], "post": 0.0})
    start = {"volatile": -2e-4, "weight": 1e-3}
    shown = simulate(circuit, drive, start, record=100).phi["weight"]
    held = np.flatnonzero(shown[:101] == 1e-3)
    assert 1 < len(held) < 50 and shown[100] > 1.01e-3
    assert shown[101:].min() == 0 and shown[101:150].min() > 0
    run = {f: simulate(circuit, drive, start, refine=f) for f in (1, 2, 4, 64)}
    for k in (1, -1):
        error = [abs(run[f].phi["volatile"][k] - run[64].phi["volatile"][k]) for f in (1, 2, 4)]
        assert error[0] < 1e-5 * MS
        assert np.log2(error[0] / error[2]) > 6.5


def test_default_steps_are_right_to_a_millionth_of_a_pulse():
    v = np.linspace(0, 0.1, 11)
    gate = valved(v[:, None], v).flux - valved(v[:, None], v, refine=8).flux
    assert np.abs(gate).max() < 1e-6 * 1e-4
    delay = np.array([-1.0, -0.01, 0.0, 0.01, 0.25, 1.0])
    weight = pulse_pair(delay).final["weight"] - pulse_pair(delay, refine=8).final["weight"]
    assert np.abs(weight).max() < 1e-6 * MS


@pytest.mark.parametrize(("v1", "v2", "load"), [(0.1, 0.0, 4094.0), (0.1, 0.03, 1e4), (-0.05, 0.1, 2e3)])
def test_valved_agrees_with_lsoda(v1, v2, load):
    """The output's node written out by hand: G1 (v1 - v) + G2 (v2 - v) = v / load."""
    r = (100.0, 0.0, 0.0, 500e3)

    def output(phi):
        g1, g2 = 1 / polynomial(r, abs(phi[0])), 1 / polynomial(r, abs(phi[1]))
        return (g1 * v1 + g2 * v2) / (g1 + g2 + 1 / load)

    def slopes(_t, state):
        v = output(state)
        return [50e3 * (v1 - v) - 1e3 * state[0], 50e3 * (v2 - v) - 1e3 * state[1], v]

    oracle = solve_ivp(slopes, (0, MS), [0, 0, 0], method="LSODA", rtol=1e-11, atol=1e-15)
    run = valved(v1, v2, load=load, refine=8)
    assert run.flux == pytest.approx(oracle.y[2, -1], rel=1e-7)
    assert [run.transient.final[m] for m in ("m1", "m2")] == pytest.approx(list(oracle.y[:2, -1]), rel=1e-6)


@pytest.mark.parametrize("model", [VOLATILE, NONVOLATILE, Flca((5e3, 1e5), 3.0, 40.0), Flca(D=0.0, volatile=False)])
@pytest.mark.parametrize("volts", [[1.0, -0.4, 0.2, 0.0, -2.0, 0.05], [-1.0, 0.5, 0.01, -0.001, 0.0, 0.3]])
def test_one_memristor_follows_the_closed_form_of_sim_flca(model, volts):
    r = ",".join(map(str, model.R))
    kind = "volatile" if model.volatile else "nonvolatile"
    device = open_device(f"sim:flca?kind={kind}&A={model.A}&D={model.D}&R={r}&phi0=5e-4&threads=1")
    waveform = Waveform.samples(volts, dwell=3 * MS)
    device.apply(waveform)
    run = simulate(single(model), Drive.of(waveform, ["in"]), {"m": 5e-4}, refine=4)
    assert 1 / run.memristance["m"][-1] == pytest.approx(device.conductance[0, 0], rel=1e-9)


def test_node_voltages_of_a_resistor_network():
    """Three unknown nodes against numpy's solution of the whole Laplacian."""
    rng = np.random.default_rng(1)
    names = ["a", "b", "x", "y", "z", GROUND]
    ohm = rng.uniform(10, 1e4, (6, 6))
    pairs = [(i, j) for i in range(6) for j in range(i)]
    circuit = Circuit(
        Source("s", "a"), Source("t", "b"), *(Resistor(f"r{i}{j}", names[i], names[j], ohm[i, j]) for i, j in pairs)
    )
    run = simulate(circuit, Drive([MS], {"s": [0.7], "t": [-0.2]}))
    laplacian = np.zeros((6, 6))
    for i, j in pairs:
        laplacian[[i, j], [i, j]] += 1 / ohm[i, j]
        laplacian[[i, j], [j, i]] -= 1 / ohm[i, j]
    given, free = np.array([0, 1, 5]), np.array([2, 3, 4])
    known = np.array([0.7, -0.2, 0.0])
    solved = np.linalg.solve(laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, given)] @ known)
    assert [run.voltage[n][-1] for n in "xyz"] == pytest.approx(solved, rel=1e-12)
    v = np.zeros(6)
    v[given], v[free] = known, solved
    assert run.current["s"][-1] == pytest.approx((laplacian @ v)[0], rel=1e-12)
    assert run.area["x"][-1] == pytest.approx(solved[0] * MS, rel=1e-12)


def test_sources_deliver_what_the_branches_dissipate():
    drive = Drive([MS, 4 * MS, MS], {"in1": [0.1, 0.0, 0.02], "in2": [0.0, 0.0, 0.1], "out": [0.0, 0.0, -0.1]})
    circuit = pill_cell_circuit()
    run = simulate(circuit, drive, {"weight": 1e-3}, record=7)
    delivered = sum(run.energy[s.name] for s in circuit.sources)
    dissipated = sum(run.energy[b.name] for b in circuit.branches)
    assert delivered[-1] > 1e-10
    assert delivered == pytest.approx(dissipated, rel=1e-10, abs=1e-25)
    into_ground = sum(run.charge[s.name] for s in circuit.sources)
    assert np.abs(into_ground).max() < 1e-12 * np.abs(run.charge["in1"]).max()


def test_recorded_instants_show_jumps_and_do_not_change_the_result():
    drive = Drive([MS, 2 * MS], {"in1": [0.1, 0.0], "in2": [0.1, 0.1]})
    coarse, fine = simulate(valved_circuit(), drive), simulate(valved_circuit(), drive, record=50)
    assert coarse.time == pytest.approx([0, MS, MS, 3 * MS])
    assert fine.time.shape == (102,) and fine.time[50] == fine.time[51] == MS
    assert fine.voltage["in1"][50] == 0.1 and fine.voltage["in1"][51] == 0.0
    assert fine.area["out"][-1] == pytest.approx(coarse.area["out"][-1], rel=1e-5)


def test_a_rest_is_solved_exactly_however_long():
    drive = Drive([MS, 7.0, MS], {"in": [1.0, 0.0, 0.0]})
    for model, factor in ((VOLATILE, np.exp(-7.0)), (NONVOLATILE, 1.0)):
        phi = simulate(single(model), drive).phi["m"]
        assert phi[3] == pytest.approx(phi[1] * factor, rel=1e-14)
        assert not model.volatile or phi[5] == pytest.approx(phi[3] * np.exp(-MS), rel=1e-14)


def test_a_batch_is_the_same_as_its_runs_one_by_one():
    """Also with floating sources in some runs, segments of 0 s, and a start of its own for each."""
    duration = np.array([[MS, 0.0, MS], [MS, 2 * MS, 0.5 * MS], [MS, MS, MS]])
    in1 = np.array([[0.1, 0.0, 0.1], [0.1, np.nan, 0.1], [np.nan, 0.0, -0.1]])
    in2 = np.array([[0.1, 0.0, 0.0], [0.0, 0.05, np.nan], [0.1, 0.0, 0.02]])
    start = np.array([0.0, 0.5, -0.2])
    batch = simulate(valved_circuit(), Drive(duration, {"in1": in1, "in2": in2}), {"m1": start})
    for k in range(3):
        drive = Drive(duration[k], {"in1": in1[k], "in2": in2[k]})
        alone = simulate(valved_circuit(), drive, {"m1": start[k]})
        for kind in ("phi", "voltage", "current", "area", "charge", "energy"):
            for name, values in getattr(alone, kind).items():
                assert np.array_equal(getattr(batch, kind)[name][k], values)


def test_a_floating_source_carries_no_current():
    """With in2 off, m2 hangs on the output: its flux only decays, and m1 with the load divides the voltage."""
    drive = Drive([MS], {"in1": [0.1], "in2": [np.nan]})
    run = simulate(valved_circuit(), drive, {"m2": 0.3})
    assert np.abs(run.current["in2"]).max() < 1e-15 and np.abs(run.current["m2"]).max() < 1e-15
    assert run.final["m2"] == pytest.approx(0.3 * np.exp(-1.0), rel=1e-6)
    assert run.voltage["in2"] == pytest.approx(run.voltage["out"], rel=1e-12)
    m1 = run.memristance["m1"]
    assert run.voltage["out"] == pytest.approx(0.1 * 4094 / (4094 + m1), rel=1e-12)


def test_what_no_source_drives_is_at_rest():
    circuit = valved_circuit(load=np.inf)
    run = simulate(circuit, Drive([MS], {"in1": [np.nan], "in2": [np.nan]}), {"m1": 0.3})
    assert all((v == 0).all() for v in run.voltage.values())
    assert run.final["m1"] == pytest.approx(0.3 * np.exp(-1.0), rel=1e-14)


def test_going_on_from_the_final_state_is_the_same_as_not_stopping():
    whole = simulate(valved_circuit(), Drive([MS, MS], {"in1": [0.1, 0.03], "in2": [0.0, 0.1]}))
    first = simulate(valved_circuit(), Drive([MS], {"in1": [0.1], "in2": [0.0]}))
    second = simulate(valved_circuit(), Drive([MS], {"in1": [0.03], "in2": [0.1]}), first.final)
    assert second.final == whole.final


def test_a_waveform_drives_rows_and_columns():
    waveform = Waveform.pulse([0.1, 0.0], [-0.1], width=MS)
    run = simulate(pill_cell_circuit(), Drive.of(waveform, ["in1", "in2"], ["out"]))
    by_hand = simulate(pill_cell_circuit(), Drive([MS], {"in1": [0.1], "in2": [0.0], "out": [-0.1]}))
    assert run.final == by_hand.final


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Flca(R=(0.0, 1.0)), "R_0 > 0"),
        (lambda: Flca(R=100.0), "R_0"),
        (lambda: Flca(A=0.0), "A = 0.0"),
        (lambda: Flca(D=-1.0), "D = -1.0 /s"),
        (lambda: Resistor("r", "a", "b", 0.0), "resistor 'r': 0.0 ohm"),
        (lambda: Circuit(Source("s", "a")), "at least one"),
        (lambda: Circuit("r", Source("s", "a")), "'r' is no Memristor"),
        (lambda: Circuit(Source("s", "a"), Resistor("s", "a", "b", 1.0)), "name 's' is used by 2"),
        (lambda: Circuit(Source("s", "a"), Resistor("r", "b", "b", 1.0)), "joins node 'b' to itself"),
        (lambda: Circuit(Source("s", GROUND), Resistor("r", "a", "b", 1.0)), "drives the ground"),
        (lambda: Circuit(Source("s", "a"), Source("t", "a"), Resistor("r", "a", "b", 1.0)), "driven by 2 sources"),
        (lambda: valved_circuit().source("in3"), "no source 'in3'.*did you mean"),
        (lambda: Drive([-1.0], {"in1": [0.0]}), "segment 0: duration -1.0 s"),
        (lambda: Drive([], {}), "at least one segment"),
        (lambda: Drive([MS], {"in1": [np.inf]}), "source 'in1', segment 0: inf V"),
        (lambda: Drive([MS, MS], {"in1": [0.0, 0.0, 0.0]}), "do not broadcast"),
        (lambda: Drive.of(Waveform.pulse([1, 2], width=MS), ["in1"]), "2 rows"),
        (lambda: Drive.of(Waveform.pulse(1, [1, 2], width=MS), ["in1"], ["a"]), "2 columns"),
        (lambda: Drive.of(Waveform.pulse(1, 1, width=MS), ["in1"]), "name the sources"),
        (lambda: Drive.of(Waveform.pulse([1, 1], width=MS), ["in1", "in1"]), "named twice"),
    ],
)
def test_bad_circuits_and_drives_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize(
    ("phi", "options", "message"),
    [
        ({"m1": 0.0}, {}, "'m1', which is no memristor"),
        ({"weight": -1e-3}, {}, "phi of 'weight' = -0.001 V s"),
        ({"volatile": [0.0, 1.0]}, {}, "phi of 'volatile' is \\(2,\\)"),
        ({"volatile": np.nan}, {}, "must be finite"),
        ({}, {"record": 0}, "record = 0"),
        ({}, {"refine": 0.0}, "refine = 0.0"),
    ],
)
def test_bad_starts_are_refused(phi, options, message):
    drive = Drive([MS], {"pre": [1.0], "post": [0.0]})
    with pytest.raises(InputError, match=message):
        simulate(bidirectional_circuit(), drive, phi, **options)


def test_a_drive_of_hours_is_refused():
    with pytest.raises(InputError, match="steps of 3e"):
        simulate(valved_circuit(), Drive([1e6], {"in1": [0.1], "in2": [0.0]}))
    assert simulate(valved_circuit(), Drive([1e9], {"in1": [0.0], "in2": [0.0]}), {"m1": 1.0}).final["m1"] == 0


@pytest.mark.parametrize(
    ("sources", "message"), [({"pre": [1.0]}, "lacks source 'post'"), ({"pre": 1, "post": 0, "in": 0}, "'in'")]
)
def test_drive_and_circuit_must_name_the_same_sources(sources, message):
    with pytest.raises(InputError, match=message):
        simulate(bidirectional_circuit(), Drive([MS], sources))
