"""The circuit solver against ngspice, which solves netlists with behavioural memristors on its own.

The netlists stand beside their results in ``data/circuits/``; run one by hand with ``ngspice -b valved-one-high.cir``.
The results are committed, so the comparison needs no ngspice; where it is installed, the netlists are run again.
``python tests/sim/test_circuits_ngspice.py`` writes both anew.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hil.errors import HilError, InputError
from sim.circuits.bidirectional import bidirectional_circuit
from sim.circuits.circuit import GROUND, Circuit, Resistor, Source
from sim.circuits.desensitisation import desensitisation_circuit
from sim.circuits.drive import Drive
from sim.circuits.pill_cell import pill_cell_circuit
from sim.circuits.solve import simulate
from sim.circuits.spice import netlist, ngspice
from sim.circuits.valved import resistor_circuit, valved_circuit

DATA = Path(__file__).parent / "data" / "circuits"
RESULTS = DATA / "ngspice.json"
MS, V = 1e-3, 0.1
OFF = np.nan

CASES = {
    "valved-one-high": (valved_circuit(), Drive([MS], {"in1": [V], "in2": [0]}), {}),
    "valved-both-high": (valved_circuit(), Drive([MS], {"in1": [V], "in2": [V]}), {}),
    "valved-unequal": (valved_circuit(), Drive([MS], {"in1": [V / 2], "in2": [V]}), {}),
    "valved-in-turn": (valved_circuit(), Drive([MS, MS], {"in1": [V, 0], "in2": [0, V]}), {}),
    "valved-resistors": (resistor_circuit(), Drive([MS], {"in1": [V], "in2": [0]}), {}),
    "desensitisation": (desensitisation_circuit(), Drive([MS, 20 * MS, MS], {"in": [1, 0, 1]}), {}),
    "pre-post": (
        bidirectional_circuit(),
        Drive([MS, 10 * MS, MS], {"pre": [1, 0, 0], "post": [0, 0, 1]}),
        {"weight": 1e-3},
    ),
    "post-pre-clipped": (
        bidirectional_circuit(),
        Drive([MS, 10 * MS, MS], {"pre": [0, 0, 1], "post": [1, 0, 0]}),
        {"weight": 1e-4},
    ),
    "pill": (
        pill_cell_circuit(),
        Drive(
            [MS, 5 * MS, MS, 5 * MS, MS],
            {"in1": [V, 0, V, 0, 0], "in2": [V, 0, 0, 0, V / 2], "out": [0, 0, -V, 0, V / 2]},
        ),
        {"weight": 1e-3},
    ),
    "pill-floating": (
        pill_cell_circuit(),
        Drive([MS, MS, MS], {"in1": [V, OFF, 0], "in2": [OFF, V, V], "out": [0, -V, OFF]}),
        {"weight": 1e-3},
    ),
}
"""Circuit, drive and initial fluxes."""

AGREEMENT, FLOATING_AGREEMENT = 1e-4, 5e-4
"""Largest difference, as a fraction of the largest of its kind in the run; an open source is 1e13 ohm in SPICE."""


def committed():
    return json.loads(RESULTS.read_text())


def ours(name):
    """The same quantities at the same instants, with steps fine enough that only ngspice's error is left."""
    circuit, drive, phi = CASES[name]
    run = simulate(circuit, drive, phi, refine=2)
    kinds = {"phi": run.phi, "area": run.area, "energy": run.energy}
    return {f"{kind}_{key}": values[1::2] for kind, table in kinds.items() for key, values in table.items()}


def largest_difference(spice, run):
    """Of each quantity against its own largest value."""
    return max(np.abs(np.array(v) - run[name]).max() / np.abs(v).max() for name, v in spice.items())


@pytest.mark.parametrize("name", CASES)
def test_agreement_with_ngspice(name):
    spice = committed()["results"][name]
    circuit = CASES[name][0]
    assert {f"phi_{m.name}" for m in circuit.memristors} | {f"energy_{b.name}" for b in circuit.branches} < set(spice)
    assert largest_difference(spice, ours(name)) < (FLOATING_AGREEMENT if "floating" in name else AGREEMENT)


def test_ngspice_says_3_20_microvoltseconds():
    results = committed()["results"]
    assert results["valved-one-high"]["area_out"] == pytest.approx([3.20e-6], rel=1e-3)
    assert results["valved-both-high"]["area_out"] == pytest.approx([98.66e-6], rel=1e-4)


def test_results_name_their_ngspice_and_their_netlists():
    assert committed()["program"] == "ngspice-39"
    assert committed()["results"].keys() == CASES.keys() == {f.stem for f in DATA.glob("*.cir")}


@pytest.mark.parametrize("name", CASES)
def test_netlists_are_what_the_writer_writes(name):
    assert (DATA / f"{name}.cir").read_text() == netlist(*CASES[name], title=name)


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
@pytest.mark.parametrize("name", CASES)
def test_netlist_still_gives_the_committed_results(name):
    again = ngspice((DATA / f"{name}.cir").read_text())
    before = committed()["results"][name]
    assert again.keys() == before.keys()
    assert largest_difference(before, again) < AGREEMENT
    assert largest_difference(again, ours(name)) < 1e-3


def test_a_netlist_is_one_run():
    circuit = valved_circuit()
    with pytest.raises(InputError, match="batch of \\(2,\\)"):
        netlist(circuit, Drive([MS], {"in1": [[0], [V]], "in2": [V]}))
    with pytest.raises(InputError, match="longer than 0 s"):
        netlist(circuit, Drive([0.0], {"in1": [0], "in2": [V]}))
    with pytest.raises(InputError, match="lacks source 'in2'"):
        netlist(circuit, Drive([MS], {"in1": [0]}))


def test_names_must_be_names_in_spice():
    circuit = Circuit(Source("in put", "a"), Resistor("r", "a", GROUND, 1.0))
    with pytest.raises(InputError, match="'in put' is no SPICE name"):
        netlist(circuit, Drive([MS], {"in put": [1.0]}))


def test_ngspice_must_be_there(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HilError, match="not installed"):
        ngspice(netlist(*CASES["valved-one-high"]))


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_a_netlist_that_fails_is_reported():
    broken = netlist(*CASES["valved-one-high"]).replace("tran ", "tarn ")
    with pytest.raises(HilError, match="ngspice gave 0 of"):
        ngspice(broken)


def write():
    """Netlists and results anew."""
    results = {}
    for name, case in CASES.items():
        text = netlist(*case, title=name)
        (DATA / f"{name}.cir").write_text(text)
        results[name] = {key: [float(f"{x:.7g}") for x in values] for key, values in ngspice(text).items()}
    rows = [
        f'  "{name}": {{\n' + ",\n".join(f'   "{key}": {json.dumps(values)}' for key, values in table.items()) + "\n  }"
        for name, table in results.items()
    ]
    RESULTS.write_text('{\n "program": "ngspice-39",\n "results": {\n' + ",\n".join(rows) + "\n }\n}\n")


if __name__ == "__main__":
    write()
