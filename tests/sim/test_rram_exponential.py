"""`sim:rram?model=exp`: the curve of N pulses that simulators of networks use, of either sign."""

import numpy as np
import pytest

from hil.backends import open_device


@pytest.mark.parametrize("nl", [-4.0, -1.0, 2.0, 5.0])
def test_pulses_follow_the_curve_both_ways(nl):
    """w(p) = (1 - exp(-nu p)) / (1 - exp(-nu)), p = n / N; depression is its mirror image."""
    pulses = 400
    device = open_device(f"sim:rram?model=exp&alpha={1 / pulses}&nl={nl}&w0=0&g_min=1e-6&g_max=1e-4")
    for direction in (1, -1):
        for part in (0.25, 0.5, 0.75, 1.0):
            device.program(np.array([[direction * pulses // 4]]))
            w = (device.read()[0, 0] - 1e-6) / 99e-6
            wanted = -np.expm1(-nl * part) / -np.expm1(-nl)
            assert (w if direction > 0 else 1 - w) == pytest.approx(wanted, abs=1e-5)


def test_without_non_linearity_it_is_linear_and_directions_are_told_apart():
    plain, exp = (open_device(f"sim:rram?model={m}&alpha=0.01&w0=0.3") for m in ("lhb", "exp"))
    for device in (plain, exp):
        device.program([[20]])
        device.program([[-7]])
    assert exp.read() == pytest.approx(plain.read())
    mixed = open_device("sim:rram?model=exp&alpha=0.001&w0=0&nl=3&nl_dep=-3")
    mixed.program([[500]])
    up = (mixed.read()[0, 0] - 1e-6) / 99e-6
    assert up == pytest.approx(-np.expm1(-1.5) / -np.expm1(-3), abs=1e-5)
    mixed.program([[500]])
    mixed.program([[-500]])
    down = (mixed.read()[0, 0] - 1e-6) / 99e-6
    assert 1 - down == pytest.approx(-np.expm1(1.5) / -np.expm1(3), abs=1e-5)
