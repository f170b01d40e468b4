"""The circuit solver at its ends: stiff, coarse, long, beyond float64; right, or refused in one sentence."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from hil.errors import InputError
from sim.circuits import solve
from sim.circuits.circuit import GROUND, Circuit, Flca, Memristor, Resistor, Source
from sim.circuits.drive import Drive
from sim.circuits.solve import simulate


def divider(model=None, load=1e3):
    """A memristor above a resistor."""
    return Circuit(Source("a", "a"), Memristor("m", "a", "b", model or Flca()), Resistor("r", "b", GROUND, load))


def settled(d, v, load=1e3):
    """Flux at which A v = D phi, v being the memristor's share of the source, V s."""
    return brentq(lambda phi: v * (100 + 1e6 * phi) / (100 + load + 1e6 * phi) - d * phi, 0, v / d, xtol=1e-30)


@pytest.mark.parametrize("refine", [1.0, 0.25, 0.1, 0.02, 1e-9])
def test_a_coarse_refine_stays_stable_on_a_stiff_memristor(refine):
    """It was -3.5e168 V s at 0.02."""
    drive = Drive([0.1, 0.1], {"a": [0.1, -0.3]})
    run = simulate(divider(Flca(D=1e4)), drive, refine=refine)
    assert run.phi["m"][1] == pytest.approx(settled(1e4, 0.1), rel=1e-9)
    assert run.phi["m"][3] == pytest.approx(-settled(1e4, 0.3), rel=1e-9)
    current = 0.1 / (1100 + 1e6 * settled(1e4, 0.1))
    assert run.charge["r"][1] == pytest.approx(0.1 * current, rel=2e-2 if refine < 1 else 1e-3)


def test_a_settled_circuit_costs_no_more_and_goes_on_with_the_next_segment():
    drive = Drive([20.0, 0.02], {"a": [0.1, -0.3]})
    run = simulate(divider(Flca(D=1e4)), drive, record=2)
    assert run.phi["m"][1:3] == pytest.approx(settled(1e4, 0.1), rel=1e-9)
    assert run.phi["m"][-1] == pytest.approx(-settled(1e4, 0.3), rel=1e-9)
    current = 0.1 / (1100 + 1e6 * settled(1e4, 0.1))
    assert run.charge["r"][1:3] == pytest.approx([10 * current, 20 * current], rel=1e-5)
    assert run.energy["r"][2] == pytest.approx(20 * current**2 * 1e3, rel=1e-5)


def test_a_slow_memristor_beside_a_settled_one_goes_on_moving():
    circuit = Circuit(
        Source("a", "a"),
        Memristor("fast", "a", "b", Flca(D=1e4)),
        Memristor("slow", "b", GROUND, Flca((1e3, 1e4), A=1e-3, D=0.0)),
    )

    def slopes(_t, phi):
        fast, slow = 100 + 1e6 * abs(phi[0]), 1e3 + 1e4 * abs(phi[1])
        v = 0.1 * fast / (fast + slow)
        return [v - 1e4 * phi[0], 1e-3 * (0.1 - v)]

    expected = solve_ivp(slopes, (0, 1.0), [0.0, 0.0], method="LSODA", rtol=1e-10, atol=1e-18).y[:, -1]
    run = simulate(circuit, Drive([1.0], {"a": [0.1]}))
    assert [run.phi["fast"][-1], run.phi["slow"][-1]] == pytest.approx(list(expected), rel=1e-7)


@pytest.mark.parametrize(
    ("model", "volts", "seconds", "words"),
    [
        (Flca(), 1e300, 1e-3, "steps of 3e.08 at most"),
        (Flca(D=1e300), 1.0, 1e-3, "steps of 3e.08 at most"),
        (Flca((100.0, 1e300)), 1.0, 1e3, "steps of 3e.08 at most"),
        (Flca((100.0,), D=0.0), 1e10, 1e308, "flux of memristor 'm' is nan V s at 1e.308 s"),
        (Flca((100.0,), D=0.0), 1e200, 1e10, "energy of element 'm' is inf J at 1e.10 s"),
    ],
)
def test_what_cannot_be_integrated_is_refused_by_name_and_time(model, volts, seconds, words):
    with pytest.raises(InputError, match=words):
        simulate(divider(model), Drive([seconds], {"a": [volts]}))


def test_a_resistor_that_drowns_a_memristor_in_rounding_is_refused():
    with pytest.raises(InputError, match=r"memristor 'm' of 0.001 ohm beside a resistor of 1e\+12 ohm"):
        simulate(divider(Flca((1e-3, 1.0)), load=1e12), Drive([1e-3], {"a": [1.0]}))
    run = simulate(divider(Flca((1.0,), D=0.0), load=1e10), Drive([1e-3], {"a": [1.0]}))
    assert run.phi["m"][-1] == pytest.approx(1e-13, rel=1e-5)


def test_the_bound_on_work_is_told_before_any_of_it(monkeypatch):
    monkeypatch.setattr(solve, "integrate", lambda *_: pytest.fail("integrated"))
    with pytest.raises(InputError, match=r"2\.0e\+10 steps.*e-fold in 1\.0e-08 s"):
        simulate(divider(Flca(D=1e8)), Drive([100.0], {"a": [1e-3]}))
    assert np.isfinite(solve.MOST_STEPS)
