"""Selectors in series with cells, against scalar equations, LSODA and ngspice."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from hil.backends import open_device
from hil.device import Unsupported
from hil.errors import InputError
from hil.spiking.core import SpikingCore
from hil.waveform import FLOATING, Waveform
from sim import ngspice
from sim.selectors.selector import SELECTORS

NONE = np.zeros(1, bool)


def opened(uri, **parameters):
    return open_device(uri, threads=1, **parameters)


def shared(selector, g, v, on=NONE):
    """Voltage of an ohmic cell behind a selector at `v`, V."""
    low, high = min(v, 0.0), max(v, 0.0)
    return brentq(lambda u: float(selector.current(np.array([v - u]), on)[0]) - g * u, low, high, xtol=1e-16)


@pytest.mark.parametrize("name", SELECTORS.names())
def test_currents_rise_from_0_and_their_slopes_are_their_derivatives(name):
    selector = SELECTORS.find(name)()
    v = np.linspace(-1.2, 1.2, 41) + 1e-3
    for on in (np.zeros(41, bool), np.ones(41, bool)):
        i, h = selector.current(v, on), 1e-7
        assert (np.diff(i) > 0).all() and (np.sign(i) == np.sign(v)).all()
        assert selector.current(np.zeros(41), on) == pytest.approx(0.0)
        numeric = (selector.current(v + h, on) - selector.current(v - h, on)) / (2 * h)
        assert selector.slope(v, on) == pytest.approx(numeric, rel=1e-5)
    for amps in (1e-5, -1e-5):
        dropped = selector.drop(np.array([amps]), np.ones(1, bool))
        assert selector.current(dropped, np.ones(1, bool))[0] == pytest.approx(amps, rel=1e-9)


def test_what_settings_mean():
    at = lambda s, v: float(s.current(np.array([v]), NONE)[0])  # noqa: E731
    exponential = SELECTORS.find("exponential")(v_on=1.4, i_on=2e-4, selectivity=1e6)
    assert at(exponential, 1.4) == pytest.approx(2e-4) and at(exponential, 0.7) == pytest.approx(2e-10)
    rectifying = SELECTORS.find("rectifying")(v_on=1.4, i_on=2e-4, rectification=1e3)
    assert at(rectifying, 1.4) == pytest.approx(2e-4) and at(rectifying, -1.4) == pytest.approx(-2e-7)


@pytest.mark.parametrize("name", ["exponential", "rectifying", "resistor"])
@pytest.mark.parametrize("volts", [1.1, 0.55, -0.8, 1e-3])
def test_a_cell_and_its_selector_share_the_voltage(name, volts):
    device = opened(f"sim:rram?rows=1&cols=2&w0=0.3&selector={name}")
    g, selector = device.conductance[0, 0], device.parameters.selector
    assert device.mvm([[volts]])[0] == pytest.approx(g * shared(selector, g, volts), rel=1e-9)


def test_a_cell_that_moves_behind_a_selector_agrees_with_lsoda():
    """State, charge, energy and current of one FLCA cell: phi' = u, current u / (R + dR phi)."""
    low, span, length, volts = 1e3, 1e6, 2e-3, 1.3
    device = opened("sim:flca?rows=1&cols=1&D=0&R=1000,1e6&phi0=1e-4&selector=exponential&selector.i_on=3e-4")
    device.restore(device.snapshot() | {"phi": np.array([[1e-4]])})
    selector = device.parameters.selector

    def slopes(_t, y):
        u = shared(selector, 1 / (low + span * y[0]), volts)
        return [u, u / (low + span * y[0])]

    assert 1 / device.conductance[0, 0] == pytest.approx(low + span * 1e-4)
    solved = solve_ivp(slopes, (0, length), [1e-4, 0.0], method="LSODA", rtol=1e-10, atol=1e-18)
    phi, charge = solved.y[:, -1]
    answer = device.apply(Waveform.pulse(volts, width=length, measure=True))
    assert phi > 3e-4 and 1 / device.conductance[0, 0] == pytest.approx(low + span * phi, rel=1e-6)
    assert answer.charge[0, 0] == pytest.approx(charge, rel=1e-6)
    assert answer.energy[0] == pytest.approx(charge * volts, rel=1e-6)
    assert answer.currents[0, 0] == pytest.approx(slopes(0, [phi])[1], rel=1e-6)


@pytest.mark.skipif(not ngspice.installed(), reason="ngspice is not installed")
@pytest.mark.parametrize("r_wire", [0.0, 400.0])
def test_sneak_paths_through_selectors_are_those_of_ngspice(r_wire):
    device = opened(f"sim:rram?rows=3&cols=4&d2d_r=0.5&seed=4&selector=exponential&r_wire={r_wire}")
    g, s = device.conductance, device.parameters.selector
    rows, cols = [1.3, FLOATING, 0.4], [0.0, FLOATING, 0.6, FLOATING]
    lines = ["* selectors"]
    for r in range(3):
        for c in range(4):
            row, col = (f"r{r}_{c}", f"c{r}_{c}") if r_wire else (f"tr{r}", f"tc{c}")
            lines.append(f"Bs{r}_{c} {row} m{r}_{c} I={s.i_0:.17g}*sinh(V({row},m{r}_{c})/{s.v_0:.17g})")
            lines.append(f"Rg{r}_{c} m{r}_{c} {col} {1 / g[r, c]:.17g}")
            if r_wire:
                lines.append(f"Rr{r}_{c} {f'r{r}_{c - 1}' if c else f'tr{r}'} {row} {r_wire}")
                lines.append(f"Rc{r}_{c} {col} {f'c{r + 1}_{c}' if r < 2 else f'tc{c}'} {r_wire}")
    for kind, volts in (("r", rows), ("c", cols)):
        lines += [f"V{kind}{n} t{kind}{n} 0 {v}" for n, v in enumerate(volts) if not np.isnan(v)]
    lines += [".options gmin=1e-20 reltol=1e-10 abstol=1e-18 vntol=1e-12 itl1=500", ".control", "set numdgt=12", "op"]
    lines += ["print i(vc0)", "print i(vc2)", ".endc", ".end"]
    told = ngspice.run({"x.cir": "\n".join(lines)}, "x.cir").stdout
    found = [float(line.split()[2]) for line in told.splitlines() if line.startswith("i(vc")]
    answer = device.apply(Waveform.pulse(rows, cols, width=1e-9, measure=True))
    assert answer.currents[0, [0, 2]] == pytest.approx(found, rel=1e-6)
    assert np.abs(answer.currents[0, [1, 3]]).max() < 1e-9 * np.abs(found).max()


def test_a_threshold_switch_turns_on_holds_and_lets_go():
    """Threshold 0.5 V, hold current 2 uA; cell of 100 kohm and 1 kohm on, 1 Gohm off; changing sign takes no time."""
    settings = "selector.v_th=0.5&selector.i_hold=2e-6&selector.r_on=1e3&selector.r_off=1e9"
    device = opened(
        f"sim:rram?rows=1&cols=1&g_min=1e-5&g_max=2e-5&w0=0&v_set=5&v_reset=5&selector=threshold&{settings}"
    )
    on, off = lambda v: v / 101e3, lambda v: v / (1e9 + 1e5)
    steps, expected = [0.4, 0.6, 0.4, 0.21, 0.19, 0.4, -0.6, 0.4], []
    for v, state in zip(steps, (off, on, on, on, off, off, on, on), strict=True):
        expected.append(state(v))
    drive = Waveform.samples(np.array(steps)[:, None], np.zeros((8, 1)), dwell=1e-6, measure=True)
    assert device.apply(drive).currents[:, 0] == pytest.approx(expected, rel=1e-9)
    assert device.apply(Waveform.pulse(0.4, width=1e-6, measure=True)).currents[0, 0] == pytest.approx(off(0.4))
    assert "selector_on" not in device.snapshot()


def test_a_switch_that_its_cell_cannot_hold_stays_off():
    device = opened("sim:rram?rows=1&cols=1&g_min=1e-6&g_max=2e-6&w0=0&selector=threshold&selector.i_hold=1e-5")
    assert device.mvm([[0.9]])[0, 0] == pytest.approx(0.9 / (1e9 + 1e6), rel=1e-9)


def test_programming_reaches_the_cell_meant_and_spares_the_half_selected():
    for name in SELECTORS.names():
        device = opened(f"sim:rram?rows=3&cols=3&w0=0.5&alpha=0.1&selector={name}")
        counts = np.zeros((3, 3), int)
        counts[0, 1], counts[2, 0] = 2, -3
        device.program(counts)
        assert device.weights == pytest.approx(0.5 + 0.1 * counts), name
        assert device.read() == pytest.approx(device.mvm(np.eye(3) * device.read_voltage) / device.read_voltage)
        p = device.programming
        low, high = (opened(f"sim:rram?w0={w}&selector={name}").read()[0, 0] for w in (0, 1))
        assert (p.g_min, p.g_max) == pytest.approx((low, high), rel=1e-9)


def test_a_selector_takes_away_the_sneak_current_of_floating_lines():
    bare, chosen = (
        opened(f"sim:rram?rows=8&cols=8&w0=1{more}") for more in ("", "&selector=exponential&selector.selectivity=1e6")
    )
    rows, cols = np.full(8, FLOATING), np.full(8, FLOATING)
    rows[0], cols[0] = 1.0, 0.0
    sneak = []
    for device in (bare, chosen):
        alone = device.mvm([[1.0, *[0.0] * 7]])[0, 0]
        answer = device.apply(Waveform.pulse(rows, cols, width=1e-9, measure=True))
        sneak.append(answer.currents[0, 0] / alone - 1)
    assert sneak[0] == pytest.approx(49 / 15, rel=1e-6) and 0 <= sneak[1] < 1e-3


def test_what_is_no_selector_is_refused_in_one_sentence():
    for uri, told in (
        ("sim:rram?selector=exponentia", "exponential"),
        ("sim:rram?selector=exponential&selector.v_om=1", "v_on"),
        ("sim:rram?selector=exponential&selector.v_on=-1", "v_on"),
        ("sim:rram?selector.v_on=1", "no selector=NAME"),
        ("sim:rram?selector=threshold&selector.r_off=10", "r_off = 10 ohm must be above"),
    ):
        with pytest.raises(InputError, match=told):
            open_device(uri)


def test_what_knows_no_selectors_is_not_offered():
    assert opened("sim:rram?rows=2&cols=2&selector=resistor").offer(SpikingCore) is None
    with pytest.raises(Unsupported, match="selector"):
        opened("sim:vteam?rows=2&cols=2&selector=resistor&pulse_steps=20&synapse=transistor")
