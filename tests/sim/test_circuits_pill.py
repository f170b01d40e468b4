"""The three-state PILL cell against LSODA, and what an image with and without a response programs."""

import numpy as np
import pytest
from oracles import polynomial
from scipy.integrate import solve_ivp

from hil.errors import InputError
from sim.circuits.circuit import Flca
from sim.circuits.pill_cell import PILL_REFINE, PILL_WEIGHT, pill_cell
from sim.circuits.valved import VALVED_MEMRISTOR

MICRO, MS, V = 1e-6, 1e-3, 0.1


def by_lsoda(v1, v2, response, phi, width=MS):
    """Weight flux and area of an image on relaxed inputs; a positive voltage never lowers the weight's flux (eq 4)."""

    def slopes(_t, state):
        g1, g2 = (1 / polynomial(VALVED_MEMRISTOR.R, abs(x)) for x in state[:2])
        gw = 1 / polynomial(PILL_WEIGHT.R, state[2])
        mid = (g1 * v1 + g2 * v2 + gw * response) / (g1 + g2 + gw)
        across = mid - response
        rises = max(across - state[2], 0.0) if across >= 0 else across - state[2]
        return [5e4 * (v1 - mid) - 1e3 * state[0], 5e4 * (v2 - mid) - 1e3 * state[1], rises, across]

    end = solve_ivp(slopes, (0, width), [0, 0, phi, 0], method="LSODA", rtol=1e-11, atol=1e-16)
    return end.y[2:, -1]


@pytest.mark.parametrize(
    ("v1", "v2", "response"),
    [(V, V, 0), (V, 0, 0), (0, 0, -V), (V, V, -V), (V, 0, -V), (0, V, -V), (0.04, V, -0.07)],
)
@pytest.mark.parametrize("phi", [0.0, 2e-3])
def test_agreement_with_lsoda(v1, v2, response, phi):
    ours = pill_cell([v1], [v2], response, phi, refine=4)
    weight, area = by_lsoda(v1, v2, response, phi)
    assert ours.phi[0] == pytest.approx(weight, rel=1e-7)
    assert ours.flux[0] == pytest.approx(area, rel=1e-7)
    assert ours.resistance[0] == pytest.approx(5e3 + 450e3 * weight, rel=1e-7)


def test_what_an_image_programs():
    """Fluxes of a 5 kohm weight: a response alone programs as much as a coincidence."""
    v1, v2 = np.array([[V], [V], [V], [V], [0.0]]), np.array([[V], [0.0], [V], [0.0], [0.0]])
    flux = pill_cell(v1, v2, [[0], [0], [-V], [-V], [-V]]).flux[:, 0] / MICRO
    assert flux == pytest.approx([98.96, 3.43, 180.9, 99.66, 98.99], rel=3e-3)


def test_the_weight_holds_through_reads_and_rests():
    """A positive voltage below what holds the weight changes nothing; the opposite response takes flux away."""
    phi = 0.05
    cell = pill_cell([0.0, V, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.01], phi)
    assert cell.phi[:2].tolist() == [phi, phi]
    assert cell.phi[2] < phi


def test_an_open_output_holds_the_weight():
    """No current, no voltage: eq 4 would take away D phi for as little as the -1e-17 V of a rounding error."""
    v1, v2 = V * np.random.default_rng(5).random((2, 40, 1))
    assert (pill_cell(v1, v2, np.nan, 0.05).phi == 0.05).all()


def test_a_sequence_is_its_images_one_by_one():
    rng = np.random.default_rng(3)
    v1, v2, response = V * rng.integers(0, 2, (4, 6)), V * rng.random((4, 6)), -V * rng.integers(0, 2, 6)
    whole = pill_cell(v1, v2, response, np.linspace(0, 3e-3, 4))
    phi, volatile = np.linspace(0, 3e-3, 4), (np.zeros(4), np.zeros(4))
    for k in range(6):
        step = pill_cell(v1[:, k : k + 1], v2[:, k : k + 1], response[k], phi, volatile_phi=volatile)
        phi, volatile = step.phi[:, 0], step.volatile
        assert np.array_equal(phi, whole.phi[:, k])
        assert step.flux[:, 0] == pytest.approx(whole.flux[:, k], rel=1e-9, abs=1e-18)
    assert np.array_equal(volatile, whole.volatile)


def test_too_short_a_rest_carries_one_image_into_the_next():
    """Which is why the default rest is ten relaxation times."""
    images = ([V, 0.0], [0.0, V])
    alone = pill_cell([0.0], [V], 0.0).flux[0]
    assert pill_cell(*images).flux[1] == pytest.approx(alone, abs=0.002 * V * MS)
    assert pill_cell(*images, rest=MS).flux[1] > alone + 0.1 * V * MS


def test_default_steps_are_right_to_a_ten_thousandth_of_a_pulse():
    levels = np.array([(a, b, r) for a in (0, V / 2, V) for b in (0, V) for r in (-V, 0)])[..., None]
    error = pill_cell(*levels.swapaxes(0, 1)).flux - pill_cell(*levels.swapaxes(0, 1), refine=16 * PILL_REFINE).flux
    assert np.abs(error).max() < 1e-4 * V * MS


def test_resistors_in_place_of_the_pair():
    """The control: half of an input, less what the resistors' 50 ohm take."""
    flux = pill_cell([V], [0.0], weight=Flca((5e3,), volatile=False), volatile=100.0).flux[0]
    assert flux == pytest.approx(50 * MICRO * 5e3 / 5050, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0.0}, "width = 0.0 s"),
        ({"rest": -1.0}, "rest = -1.0 s"),
        ({"phi": -1.0}, "phi of 'weight' = -1 V s"),
        ({"v2": [0.0, 0.0, 0.0]}, "do not broadcast"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        pill_cell(**({"v1": [V, V], "v2": [V, V]} | arguments))
