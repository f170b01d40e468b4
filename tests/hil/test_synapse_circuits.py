"""Closed forms of every synapse circuit: its weight, the current it carries, and what a pulse does to it."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.device import Unsupported
from hil.synapses.bridge import Bridges
from hil.synapses.catalogue import SYNAPSES
from hil.synapses.synapse import driven
from hil.synapses.transistor_cells import TransistorCells
from hil.waveform import Waveform

STEP = "sim:rram?alpha=0.02&w0=0.5&g_min=1e-6&g_max=101e-6&threads=1"
"""One pulse moves a cell by 2 uS."""

MOVED = 2e-6


def opened(how, rows=3, cols=2, uri=STEP):
    return open_device(f"{uri}&synapse={how}", rows=rows, cols=cols)


COUNTS = np.array([[3, -4], [0, 5], [-7, 1]])

CASES = {
    "single": ("single", lambda n: 51e-6 + MOVED * n),
    "differential": ("differential", lambda n: 2 * MOVED * n),
    "one-sided": ("differential&synapse.update=up", lambda n: MOVED * n),
    "several": ("several&synapse.count=3", lambda n: 3 * (51e-6 + MOVED * n)),
    "by turns": ("several&synapse.count=3&synapse.update=turn", lambda n: 3 * 51e-6 + MOVED * n),
    "ratio": ("ratio", lambda n: 1e-4 * (51e-6 + MOVED * n) / 102e-6),
    "bridge": ("bridge", lambda n: 1e-4 * (2 * (51e-6 + MOVED * n) / 102e-6 - 1)),
}
"""Weights after n pulses, S, of cells that were all at 51 uS; transconductance 1e-4 S."""


def test_every_synapse_has_a_closed_form_here():
    assert {case[0].partition("&")[0] for case in CASES.values()} | {"transistor"} == set(SYNAPSES.names())


@pytest.mark.parametrize("case", CASES)
def test_weights_after_pulses_and_products_with_them(case):
    how, closed = CASES[case]
    with opened(how) as synapse:
        synapse.program(COUNTS)
        expected = closed(COUNTS)
        assert synapse.read() == pytest.approx(expected, rel=1e-12, abs=1e-18)
        v = np.array([[0.1, -0.05, 0.02], [0.0, 0.0, 0.1]])
        assert synapse.mvm(v) == pytest.approx(v @ expected, rel=1e-12, abs=1e-20)
        p = synapse.programming
        ends = [closed(-25), closed(25)]  # of cells at the ends of their range
        if case != "one-sided" and case != "by turns":
            assert (p.g_min, p.g_max) == pytest.approx(ends, rel=1e-12, abs=1e-18)
        assert synapse.signed == (p.g_min < 0)


def test_a_ratio_does_not_see_what_changes_both_cells_by_one_factor_and_a_difference_does():
    for how, kept in (("ratio", True), ("bridge", True), ("differential", False)):
        with opened(how) as synapse:
            synapse.program(COUNTS)
            g = synapse.cell_conductances()
            same = np.allclose(synapse.combine(0.7 * g), synapse.combine(g), rtol=1e-12, atol=0)
        assert same == kept


class Ohmic:
    """Cells of known resistances, as a circuit finds them."""

    def __init__(self, m):
        self.g = 1 / np.asarray(m, float)

    def current(self, v):
        return v * self.g

    def differential_conductance(self, v):
        return self.g * np.ones_like(v)


@pytest.mark.parametrize("polarity", [1, -1])
def test_a_bridge_divides_its_input_by_its_memristances(polarity):
    m = np.array([[1e4, 3e4, 2e4, 6e4, 5e4, 1e4, 4e4, 2e4]])
    v = np.array([[0.8, -0.5]])
    across = polarity * Bridges(v, polarity).across(Ohmic(m)).reshape(2, 4)
    for k in range(2):
        m1, m2, m3, m4 = m[0, 4 * k : 4 * k + 4]
        a, b = v[0, k] * m2 / (m1 + m2), v[0, k] * m4 / (m3 + m4)
        # M1 and M4 are mounted so that a positive input raises their conductance, M2 and M3 the other way round.
        assert across[k] == pytest.approx([v[0, k] - a, -a, -(v[0, k] - b), b], rel=1e-9)


def test_a_transistor_leaves_a_resistor_what_its_equation_says():
    """k/2 ((V_g - V_t)^2 - (V_g - V_t - V_a)^2) = (V - V_a) / R, quadratic in V_a; saturated, without the last term."""
    k, v_t, gate, v, r = 2e-4, 0.5, 1.7, 1.0, 2e4
    over = gate - v_t
    roots = np.roots([-k / 2, k * over + 1 / r, -v / r])
    a = next(root for root in roots if 0 < root < over)
    cell = TransistorCells(np.array([[v]]), np.zeros((1, 1)), np.array([[gate]]), k, v_t, 1)
    assert cell.across(Ohmic([[r]]))[0, 0] == pytest.approx(v - a, rel=1e-9)
    shut = TransistorCells(np.array([[v]]), np.zeros((1, 1)), np.array([[0.2]]), k, v_t, 1)
    assert shut.across(Ohmic([[r]]))[0, 0] == pytest.approx(0.0, abs=1e-9)
    small = TransistorCells(np.array([[5.0]]), np.zeros((1, 1)), np.array([[0.8]]), k, v_t, 1)
    assert 5.0 - small.across(Ohmic([[1e3]]))[0, 0] == pytest.approx(5.0 - 1e3 * k / 2 * 0.3**2, rel=1e-9)


def test_a_potentiating_pulse_behind_a_transistor_ends_on_the_line_of_its_gate():
    """G = k ((V_g - V_t) V_ds - V_ds^2 / 2) / V_th, linear in the gate's voltage; read through the transistor."""
    cells = "sim:vteam?r_off=1e6&r_on=1e4&x0=1&set=positive&k_on=-1e6&alpha_on=1&threads=1"
    with opened("transistor&synapse.steps=8", 9, 1, cells) as synapse:
        synapse.program(np.arange(9)[:, None])
        v_ds = synapse.v_set - synapse.threshold
        closed = synapse.k * ((synapse.gates - synapse.settings.v_t) * v_ds - v_ds**2 / 2) / synapse.threshold
        found = synapse.array.read()[:, 0]
        assert found[1:] == pytest.approx(closed[1:], rel=2e-3)  # level 0 is where it began
        assert np.ptp(np.diff(closed)) < 1e-12 * closed[-1]
        series = 1 / (1 / found + 1 / (synapse.k * (synapse.gate_on - synapse.settings.v_t)))
        assert synapse.read()[:, 0] == pytest.approx(series, rel=1e-3)
        assert synapse.transistors == 1 and synapse.area_of(synapse.settings) == 24.0


CREEPING = "sim:vteam?r_off=1e5&set=positive&threads=1&synapse=transistor&synapse.steps=8"
"""Rates go with the third power of the overdrive: a cell comes to its threshold with the square root of time."""


def test_a_step_down_behind_a_transistor_ends_at_the_level_below():
    """One pulse must do from a full depression what many did on the way up; in 20 of the cell's pulses it does not."""
    with opened("transistor", 1, 1, CREEPING.replace("&synapse=transistor", "")) as synapse:
        levels = synapse.through(synapse.ends)
        apart = np.diff(levels).min()
        assert np.ptp(np.diff(synapse.ends)) < 0.1 * np.diff(synapse.ends).mean()  # still a line
        assert synapse.width > 20 * synapse.array.programming.width
        synapse.program([[8]])
        for level in range(7, -1, -1):
            synapse.program([[-1]])
            assert synapse.read()[0, 0] == pytest.approx(levels[level], abs=0.05 * apart)
        for level in range(1, 9):
            synapse.program([[1]])
            assert synapse.read()[0, 0] == pytest.approx(levels[level], abs=0.5 * apart)
    with opened("transistor&synapse.width=0.032", 1, 1, CREEPING.replace("&synapse=transistor", "")) as short:
        short.program([[8]])
        reached = short.read()[0, 0]
        short.program([[-1]])
        assert reached - short.read()[0, 0] > 3 * np.diff(short.through(short.ends)).mean()


def test_weights_behind_a_transistor_begin_where_they_are_told_and_after_a_reset():
    with open_device(f"{CREEPING}&synapse.w0=0.5", rows=2, cols=1, d2d=0.2) as synapse:
        begun = synapse.weights()
        assert begun == pytest.approx(0.5, abs=0.05)
        synapse.program([[2], [-3]])
        synapse.reset()
        assert np.array_equal(synapse.weights(), begun)


def test_a_driver_that_begins_at_a_weight_says_so_to_the_synapse_unless_the_address_does():
    size = {"rows": 1, "cols": 1}
    with open_device(f"{CREEPING}&x0=0.1", **size) as synapse:
        as_it_is = synapse.weights()[0, 0]
    for address, weight in ((CREEPING, 0.75), (f"{CREEPING}&x0=0.1", as_it_is), (f"{CREEPING}&synapse.w0=1", 1.0)):
        with open_device(address, defaults={"w0": 0.75} | size) as synapse:
            assert synapse.weights()[0, 0] == pytest.approx(weight, abs=0.05)


@pytest.mark.parametrize("synapse", ["differential", "several&synapse.count=2", "ratio"])
def test_cells_that_no_pulse_takes_through_their_range_can_still_be_taught_by_waveforms(synapse):
    """The flux of an FLCA cell has no bound: drivers that play waveforms need none, those that program say why not."""
    with open_device(f"sim:flca?synapse={synapse}", rows=1, cols=1) as weights:
        before = weights.read()
        cells, columns = driven(weights, np.array([[True]]))
        cells.apply(Waveform.samples([[0.5]], [[0.0 if taught else 0.5 for taught in columns[0]]], dwell=0.1))
        assert (weights.read() < before).all()  # a positive flux raises the memristance
        with pytest.raises(Unsupported, match="phi goes from 0 to inf: no pulse is a part of that range"):
            weights.program([[1]])
