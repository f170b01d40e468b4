"""Pulses for a whole array at once: compiled, they are those that `Device.program` plays one by one."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.biasing import SCHEMES
from hil.device import Device, DeviceClosed
from hil.errors import InputError
from hil.limits import LimitError
from sim.crossbar import pulse_step
from sim.crossbar.pulse_trains import FEW

MODELS = {
    "L-HB": "model=lhb&alpha=0.02&alpha_dep=0.03",
    "NL-SB": "model=nlsb&alpha=0.05&gamma=2.5&alpha_dep=0.03&gamma_dep=1",
    "NL-HB": "model=nlhb&alpha=0.05&gamma=3&nstop=100&gamma_dep=2",
}


def pair(uri, **parameters):
    return [open_device(uri, rows=2 * FEW, cols=5, threads=1, seed=3, **parameters) for _ in range(2)]


def counts(seed=0):
    """Many cells of one pulse or two, few of many, one column without any and one of potentiation alone."""
    rng = np.random.default_rng(seed)
    found = rng.integers(-2, 3, (2 * FEW, 5))
    found[rng.random(found.shape) < 0.1] = rng.integers(-30, 31)
    found[:, 3], found[:, 4] = 0, np.abs(found[:, 4])
    return found


@pytest.mark.parametrize("scheme", [None, "V/2", "V/3"])
@pytest.mark.parametrize("noise", [{}, {"c2c": 0.3}, {"c2c": 3.4, "d2d": 0.2, "stuck_on": 0.1}])
@pytest.mark.parametrize("model", MODELS)
def test_compiled_pulses_are_those_that_are_played(model, noise, scheme, monkeypatch):
    played, compiled = pair(f"sim:rram?{MODELS[model]}", **noise)
    for seed in range(2):
        Device.program(played, counts(seed), scheme=scheme)
        compiled.program(counts(seed), scheme=scheme)
    theirs, ours = played.snapshot(), compiled.snapshot()
    assert ours["weight"] == pytest.approx(theirs["weight"], rel=1e-12, abs=1e-12)
    assert np.array_equal(ours["counters"], theirs["counters"])
    assert compiled.time == pytest.approx(played.time, rel=1e-12)
    assert np.abs(ours["weight"] - 0.5).max() > 0.2
    assert compiled.read() == pytest.approx(played.read(), rel=1e-12)


@pytest.mark.parametrize(("uri", "scheme"), [
    ("sim:rram?alpha=0.1", "grounded"), ("sim:rram?alpha=0.1", "floating"), ("sim:rram?alpha=0.1&v_set=4", "V/3"),
    ("sim:rram?alpha=0.1&r_wire=1", "V/2"),
])  # fmt: skip
def test_what_moves_other_cells_as_well_is_played_pulse_by_pulse(uri, scheme, monkeypatch):
    played, ours = (open_device(uri, rows=3, cols=2, threads=1) for _ in range(2))
    monkeypatch.setattr(pulse_step, "step_cells", None)
    wanted = np.array([[1, 0], [0, 0], [0, -2]])
    Device.program(played, wanted, scheme=scheme)
    ours.program(wanted, scheme=scheme)
    assert np.array_equal(ours.weights, played.weights)
    assert (ours.weights[wanted != 0] != 0.5).any()


def test_saturated_cells_take_no_longer_for_a_billion_pulses():
    device = open_device("sim:rram?alpha=0.1", rows=2, cols=1, threads=1)
    device.program([[10**9], [-(10**9)]])
    assert device.weights.tolist() == [[1.0], [0.0]]
    assert device.time == pytest.approx(2 * 10**9 * 2e-6, rel=1e-12)


def test_nothing_moves_where_a_pulse_is_refused():
    device = open_device("sim:rram?v_max=0.4", rows=3, cols=2, threads=1)
    for bad, error in (
        (np.ones((3, 2)), LimitError), (np.ones((2, 3)), InputError), (np.full((3, 2), 0.5), InputError)
    ):  # fmt: skip
        with pytest.raises(error):
            device.program(bad)
    with pytest.raises(InputError, match="scheme"):
        device.program(np.ones((3, 2)), scheme="V/4")
    assert (device.weights == 0.5).all()
    device.program(np.zeros((3, 2)))
    assert device.time == 0
    device.close()
    with pytest.raises(DeviceClosed):
        device.program(np.zeros((3, 2)))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_scheme_is_compiled_that_moves_a_cell_which_is_not_meant(scheme):
    """Whatever decides, cells that get no pulse are where the host leaves them."""
    played, ours = (open_device("sim:rram?alpha=0.1&v_reset=0.4", rows=4, cols=3, threads=1) for _ in range(2))
    wanted = np.zeros((4, 3), int)
    wanted[1, 1] = 1
    Device.program(played, wanted, scheme=scheme)
    ours.program(wanted, scheme=scheme)
    assert np.array_equal(ours.weights, played.weights)


# ---- wires


def test_pulses_through_wires_are_higher_as_some_of_them_is_lost_on_the_way():
    """A pulse of just the cell's voltage would arrive lower and move nothing; half of one that is higher must not."""
    ideal, wired, asked = (open_device(f"sim:rram?{p}", rows=8, cols=8, threads=1)
                           for p in ("", "r_wire=5", "r_wire=5&overdrive=1.2"))  # fmt: skip
    assert (ideal.programming.v_set, wired.programming.v_set, asked.programming.v_reset) == (1.0, 1.5, 1.2)
    wanted = np.zeros((8, 8), int)
    wanted[0, 7], wanted[5, 2] = 1, -1
    before = wired.weights
    wired.program(wanted)
    assert np.array_equal(np.sign(wired.weights - before), wanted)
    with pytest.raises(InputError, match="overdrive"):
        open_device("sim:rram?overdrive=2")


def test_overdriven_pulses_are_the_same_steps():
    plain, higher = (open_device(f"sim:rram?alpha=0.1&overdrive={x}", rows=3, cols=4, threads=1) for x in (1, 1.9))
    wanted = np.arange(-6, 6).reshape(3, 4)
    played = open_device("sim:rram?alpha=0.1&overdrive=1.9", rows=3, cols=4, threads=1)
    plain.program(wanted)
    higher.program(wanted)
    Device.program(played, wanted)
    assert np.array_equal(higher.weights, plain.weights)
    assert higher.weights == pytest.approx(played.weights, rel=1e-12)
