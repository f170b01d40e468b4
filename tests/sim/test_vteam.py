import numpy as np
import pytest
from scipy.integrate import solve_ivp

from hil import presets
from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform

PARAMETERS = {"v_on": -0.4, "v_off": 0.3, "k_on": -40.0, "k_off": 25.0, "alpha_on": 3.0, "alpha_off": 1.5}
WIDTH = 1e-2


def vteam(**parameters):
    return open_device("sim:vteam", **{**PARAMETERS, **parameters})


def pulse(voltage, width=WIDTH):
    return Waveform.pulse(voltage, width=width)


def slope(v, x, p=None):
    """Eq 1 of Kvatinsky et al. (2015), typed from the paper, with the window of Biolek et al. (2009)."""
    q = PARAMETERS
    if v > q["v_off"]:
        window = 1.0 if p is None else 1 - max(x, 0) ** (2 * p)
        return q["k_off"] * (v / q["v_off"] - 1) ** q["alpha_off"] * window
    if v < q["v_on"]:
        window = 1.0 if p is None else 1 - max(1 - x, 0) ** (2 * p)
        return q["k_on"] * (v / q["v_on"] - 1) ** q["alpha_on"] * window
    return 0.0


def integrated(v, x, width, p=None):
    solved = solve_ivp(lambda t, y: [slope(v, y[0], p)], (0, width), [x], method="LSODA", rtol=1e-11, atol=1e-13)
    return float(np.clip(solved.y[0, -1], 0, 1))


@pytest.mark.parametrize("window", [None, 0.5, 1.0, 1.7, 6.0])
@pytest.mark.parametrize("v", [0.9, 0.45, 0.31, 0.3, 0.1, -0.3, -0.4, -0.41, -0.6, -0.9])
def test_states_follow_the_paper(v, window):
    chosen = {} if window is None else {"window": "biolek", "p": window}
    with vteam(x0=0.45, **chosen) as device:
        device.apply(pulse(v))
        assert device.state("x")[0, 0] == pytest.approx(integrated(v, 0.45, WIDTH, window), abs=1e-6)


@pytest.mark.parametrize("window", [None, 0.5, 1.0, 4.0])
def test_cutting_a_pulse_into_pieces_changes_nothing(window):
    chosen = {} if window is None else {"window": "biolek", "p": window}
    with vteam(x0=0.2, **chosen) as whole, vteam(w0=0.2, **chosen) as pieces:
        whole.apply(pulse(0.6, 0.02))
        pieces.apply(pulse(0.6, 0.002) * 10)
        assert pieces.state("x")[0, 0] == pytest.approx(whole.state("x")[0, 0], abs=1e-6)
        assert 0.25 < whole.state("x")[0, 0] < 0.99


@pytest.mark.parametrize("window", ["none", "biolek"])
def test_states_stay_between_their_bounds_and_come_back(window):
    with vteam(window=window, k_off=1e9, k_on=-1e9) as device:
        device.apply(pulse(0.9))
        assert device.state("x")[0, 0] == pytest.approx(1.0, abs=1e-12)
        device.apply(pulse(-0.9))
        assert device.state("x")[0, 0] == pytest.approx(0.0, abs=1e-12)


def test_the_window_at_p_one_is_a_hyperbolic_tangent():
    """dx/ds = 1 - x^2 from x = 0."""
    with vteam(window="biolek", p=1.0, x0=0.0) as device:
        drive = slope(0.6, 0.0) * WIDTH
        device.apply(pulse(0.6))
        assert device.state("x")[0, 0] == pytest.approx(np.tanh(drive), rel=1e-6)


def test_between_the_thresholds_nothing_moves():
    with vteam(x0=0.5) as device:
        device.apply(pulse(0.3, 1e6) + pulse(-0.4, 1e6))
        assert device.state("x")[0, 0] == 0.5


@pytest.mark.parametrize(("law", "ohm"), [("linear", 2.575e5), ("exponential", 1e4 * 100**0.25)])
def test_resistance_follows_the_state(law, ohm):
    with vteam(x0=0.25, r_on=1e4, r_off=1e6, resistance=law) as device:
        assert 1 / device.read()[0, 0] == pytest.approx(ohm, rel=1e-12)


def test_a_cell_turned_round_mirrors_the_voltage():
    with vteam(x0=0.5) as plain, vteam(w0=0.5, set="positive") as turned:
        plain.apply(pulse(0.5) + pulse(-0.7))
        turned.apply(pulse(-0.5) + pulse(0.7))
        assert plain.state("x")[0, 0] == turned.state("x")[0, 0] != 0.5


def test_a_positive_voltage_switches_off_as_printed():
    with vteam(x0=0.5) as device:
        before = device.read()[0, 0]
        device.apply(pulse(0.6))
        assert device.read()[0, 0] < before


def test_a_row_sees_its_voltage_minus_the_column():
    with vteam(rows=2, cols=2, x0=0.5) as device:
        device.apply(Waveform.pulse([0.6, 0.2], [0.0, -0.25], width=WIDTH))
        expected = [[integrated(v, 0.5, WIDTH) for v in line] for line in ((0.6, 0.85), (0.2, 0.45))]
        assert np.allclose(device.state("x"), expected, atol=1e-9)


def test_cycle_to_cycle_spread_has_its_strength():
    with vteam(rows=200, cols=10, x0=0.2, c2c=0.1, seed=5) as device:
        device.apply(Waveform.pulse(np.full(200, 0.5), np.zeros(10), width=WIDTH))
        change = device.state("x") - 0.2
        assert change.mean() == pytest.approx(slope(0.5, 0.2) * WIDTH, rel=0.01)
        assert change.std() / change.mean() == pytest.approx(0.1, rel=0.06)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"v_on": 0.1}, r"v_on = 0\.1 must be < 0"),
        ({"k_on": 3.0}, r"k_on = 3\.0 must be < 0"),
        ({"r_on": 1e6, "r_off": 1e6}, "r_on 1e[+]06 ohm must be below r_off 1e[+]06 ohm"),
        ({"p": 0.2}, r"p = 0\.2 must be >= 0\.5"),
        ({"window": "joglekar"}, "window = 'joglekar' must be 'none' or 'biolek'"),
    ],
)
def test_parameters_without_meaning_are_refused(wrong, words):
    with pytest.raises(InputError, match=words):
        vteam(**wrong)


def test_the_former_name_of_the_pristine_state_is_still_read():
    with vteam(w0=0.25) as old, vteam(x0=0.25) as new:
        assert old.parameters == new.parameters and old.parameters.x0 == 0.25
    with pytest.raises(InputError, match="w0 is the former name of x0: give one of them"):
        vteam(w0=0.25, x0=0.25)
    with pytest.raises(InputError, match=r"x0 = 2.*<= 1"):
        vteam(w0=2)


@pytest.mark.parametrize(
    ("uri", "defaults", "given", "x0"),
    [
        ("sim:vteam", {"w0": 0.25}, {}, 0.25),
        ("sim:vteam", {"x0": 0.25}, {}, 0.25),
        ("sim:vteam?x0=0.3", {"w0": 0.25}, {}, 0.3),
        ("sim:vteam?w0=0.3", {"x0": 0.25}, {}, 0.3),
        ("sim:vteam", {"w0": 0.25}, {"x0": 0.3}, 0.3),
        ("sim:vteam?preset={preset}", {"x0": 0.25}, {}, 0.4),
        ("sim:vteam?preset={preset}&x0=0.3", {"w0": 0.25}, {}, 0.3),
        ("sim:vteam", {"w0": 0.25, "colour": "red"}, {}, 0.25),
    ],
)
def test_a_former_name_is_read_wherever_a_name_may_stand(tmp_path, uri, defaults, given, x0):
    """An address goes before its preset, and that before the defaults, by whichever name."""
    preset = tmp_path / "cell.json"
    presets.write(preset, "vteam", {"w0": 0.4})
    with open_device(uri.format(preset=preset), defaults=defaults, **given) as device:
        assert device.parameters.x0 == x0


def test_both_names_at_once_are_refused_in_defaults_too():
    with pytest.raises(InputError, match="sim:vteam: w0 is the former name of x0: give one of them"):
        open_device("sim:vteam", defaults={"w0": 0.25, "x0": 0.3})
