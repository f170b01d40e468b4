"""What is written for SPICE and Verilog-A, evaluated by an independent reader, against the laws at random points."""

import zlib

import numpy as np
import pytest
from export_cases import CASES, IMPLICIT
from exported import Module, Subcircuit

from hil.backends import open_device
from sim.cells.jart_vcm import operating_point
from sim.cells.simmons import gap_voltage
from sim.export.job import Export

POINTS = 25


def solution(law, v, x):
    """Unknowns of the implicit laws over their scales, by the laws' own iterations."""
    p = np.array(law.constants())
    if type(law).__name__ == "SimmonsLaw":
        return {"u0_s": gap_voltage(abs(v), x[0] * 1e9, *p[8:12])}
    if type(law).__name__ == "JartLaw":
        i, t, v_s = operating_point(v, x[0], p)
        return {"u0_s": i / 1e-4, "u1_s": t / 1e3, "u2_s": v_s}
    return {}


def rates(law, v, x):
    """dx/dt of all states, by the law's own function."""
    out = np.zeros(len(x))
    function = law.equations.rate
    function(v, x, np.array(law.constants(), dtype=float), out)
    return out


def current(law, states, v, x):
    found = {one.name: np.array([[value]]) for one, value in zip(states, x, strict=True)}
    found |= {one.name: np.zeros(1) for one in law.states if one.per_column}
    return law.current(np.array([[v]]), found)[0, 0]


def points(law, case):
    """Voltages and states of a case, bounds and 0 V among them."""
    rng = np.random.default_rng(zlib.crc32(case.encode()))
    states = [one for one in law.states if not one.per_column]
    for k in range(POINTS):
        x = []
        for one in states:
            scale = law.magnitudes().get(one.name, 1.0)
            low = one.low if np.isfinite(one.low) else -3 * scale
            high = one.high if np.isfinite(one.high) else low + 6 * scale
            x.append(low + (high - low) * {0: 0.0, 1: 1.0}.get(k, rng.random()))
        v = 0.0 if k == 2 else 1.3 * CASES[case][0] * (2 * rng.random() - 1)
        yield states, v, np.array(x)


def scaled(export, states, x):
    """Voltages of the states' nodes, and their spans."""
    values = export.cell.values()
    kept, spans = {}, []
    from sim.export.expression import evaluate

    for one, value in zip(export.cell.states, x, strict=True):
        offset, span = (float(evaluate(part, values)) for part in (one.offset, one.span))
        kept[f"{one.name}_s"] = 1 + (value - offset) / span
        spans.append(span)
    return kept, spans


@pytest.mark.parametrize("case", CASES)
def test_a_sub_circuit_says_what_the_law_says(case):
    export = Export.of(f"sim:{case}")
    circuit, law = Subcircuit(export.text("spice")), export.law
    circuit.parameters["rate_max"] = 1e300
    for states, v, x in points(law, case):
        kept, spans = scaled(export, states, x)
        kept |= solution(law, v, x)
        for one, rate, span in zip(states, rates(law, v, x), spans, strict=True):
            assert circuit.voltage(one.name, v, kept) == pytest.approx(x[states.index(one)], rel=1e-9, abs=1e-12 * span)
            found = circuit.voltage(f"{one.name}_rate", v, kept)
            assert found == pytest.approx(rate / span, rel=1e-7, abs=1e-12 * abs(rate / span) + 1e-30), (one.name, v, x)
        through = current(law, states, v, x)
        assert circuit.current("plus", v, kept) == pytest.approx(through, rel=1e-7, abs=1e-25)
        for node in solution(law, v, x):
            assert circuit.current(node, v, kept) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_a_module_says_what_the_law_says(case):
    export = Export.of(f"sim:{case}")
    module, law = Module(export.text("verilog-a")), export.law
    module.parameters["rate_max"] = 1e300
    for states, v, x in points(law, case):
        kept, spans = scaled(export, states, x)
        kept |= solution(law, v, x)
        names, currents = module.run(v, kept)
        for one, rate, span in zip(states, rates(law, v, x), spans, strict=True):
            assert names[f"{one.name}_rate"] == pytest.approx(rate / span, rel=1e-7, abs=1e-30)
            assert currents[f"{one.name}_s"] == pytest.approx(-rate / span, rel=1e-7, abs=1e-30)
        assert currents["plus"] == pytest.approx(current(law, states, v, x), rel=1e-7, abs=1e-25)
        for node in solution(law, v, x):
            assert currents[node] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_openvaf_compiles_a_module_and_finds_the_same(case, tmp_path):
    openvaf = pytest.importorskip("openvaf_py")
    export = Export.of(f"sim:{case}")
    path = tmp_path / "cell_.va"
    path.write_text(export.text("verilog-a"))
    (compiled,) = openvaf.compile_va(str(path))
    law = export.law
    assert compiled.num_residuals == 2 + len(export.cell.states) + len(export.cell.unknowns)
    for states, v, x in points(law, case):
        kept, spans = scaled(export, states, x)
        kept |= solution(law, v, x)
        given = {f"V({node})": value for node, value in kept.items()}
        given |= {"V(plus,minus)": v, "mfactor": 1.0, "rate_max": 1e300, "settle": 1e-15} | export.cell.values()
        residuals, _ = compiled.run_init_eval(given)
        assert residuals[0][0] == pytest.approx(current(law, states, v, x), rel=1e-7, abs=1e-25)
        for k, (rate, span) in enumerate(zip(rates(law, v, x), spans, strict=True)):
            assert residuals[2 + k][0] == pytest.approx(-rate / span, rel=1e-7, abs=1e-30)


@pytest.mark.parametrize("case", CASES)
def test_a_cell_starts_pristine_in_both(case):
    export = Export.of(f"sim:{case}")
    circuit, module = Subcircuit(export.text("spice")), Module(export.text("verilog-a"))
    kept = {f"{one.name}_s": circuit.initial(f"{one.name}_s") for one in export.cell.states}
    for one in export.law.states:
        if not one.per_column:
            value = circuit.voltage(one.name, 0.0, kept)
            assert value == pytest.approx(one.pristine, rel=1e-9, abs=1e-15)
    away = {name: value + 0.25 for name, value in kept.items()} | solution(
        export.law, 0.1, [one.pristine for one in export.law.states]
    )
    _, currents = module.run(0.1, away, static=True)
    for name in kept:
        assert currents[name] == pytest.approx(0.25)  # pulls back to where it starts


@pytest.mark.parametrize("case", [case for case in CASES if case not in IMPLICIT])
def test_states_are_held_at_their_bounds(case):
    """Beyond a bound the source pulls back; at it, and inwards, it does what the rate says."""
    export = Export.of(f"sim:{case}")
    circuit = Subcircuit(export.text("spice"))
    for one in export.cell.states:
        node = f"{one.name}_s"
        for bounded, edge, sign in ((one.low, 1.0, -1.0), (one.high, 2.0, 1.0)):
            circuit.sources["V", f"{one.name}_rate"] = f"{sign * 7.0}"
            for beyond, kept_rate in ((0.0, 1.0), (1e-6, 0.0), (3e-6, -2.0)):
                found = circuit.current(node, 0.0, {node: edge + sign * beyond})
                assert found == pytest.approx(sign * 7.0 * (kept_rate if bounded else 1.0), rel=1e-6, abs=1e-6)
            circuit.sources["V", f"{one.name}_rate"] = f"{-sign * 7.0}"
            assert circuit.current(node, 0.0, {node: edge + sign * 1e-6}) == pytest.approx(-sign * 7.0)


def test_another_value_of_a_parameter_is_that_of_another_device():
    """Parameters stand in the file as such: what is derived from them follows."""
    circuit = Subcircuit(Export.of("sim:ion-drift?window=zha").text("spice"))
    circuit.parameters |= {"r_on": 150.0, "d": 8e-9, "p": 3.0}
    with open_device("sim:ion-drift?window=zha&r_on=150&d=8e-9&p=3") as other:
        law = other.parameters.law()
    for v, x in ((0.7, 0.3), (-0.4, 0.8)):
        assert circuit.voltage("x_rate", v, {"x_s": 1 + x}) == pytest.approx(rates(law, v, np.array([x]))[0], rel=1e-9)
