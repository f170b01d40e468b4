import numpy as np
import pytest

from hil.backends import open_device
from hil.biasing import SCHEMES, select
from hil.errors import InputError
from hil.limits import LimitError, Limits

OTHERS = {"V/2": (0.5, 0.5, 0.0), "V/3": (2 / 3 - 1 / 3, 1 / 3, -1 / 3), "grounded": (1.0, 0.0, 0.0)}
"""Fractions of the voltage on cells of the selected row, of the selected column, and on all others."""


@pytest.mark.parametrize("scheme", OTHERS)
def test_what_every_cell_sees(scheme):
    pulse = select(1, 2, 1.2, cells=(3, 4), width=1e-3, scheme=scheme)
    across = (pulse.rows[0][:, None] - pulse.cols[0][None, :]) / 1.2
    row, col, rest = OTHERS[scheme]
    wanted = np.full((3, 4), rest)
    wanted[1], wanted[:, 2], wanted[1, 2] = row, col, 1.0
    np.testing.assert_allclose(across, wanted, atol=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_only_the_selected_cell_is_programmed_above_its_threshold(scheme):
    """At 1.2 thresholds: V/2 and V/3 keep all others below it, grounded lines program the whole selected row."""
    with open_device("sim:rram?rows=3&cols=4&alpha=0.1") as device:
        before = device.read()
        device.apply(select(1, 2, 1.2, cells=device.cells, width=1e-6, scheme=scheme))
        moved = device.read() != before
    wanted = np.zeros((3, 4), dtype=bool)
    wanted[1, 2] = True
    if scheme == "grounded":
        wanted[1] = True
    assert (moved == wanted).all()


def test_a_device_with_too_few_channels_refuses():
    half, third = (select(0, 0, 1.0, cells=(2, 2), width=1.0, scheme=s) for s in ("V/2", "V/3"))
    Limits(channels=2).check(half)
    with pytest.raises(LimitError, match="3 different voltages at once, the device drives at most 2"):
        Limits(channels=2).check(third)
    with pytest.raises(LimitError, match="2 different voltages at once, the device drives at most 1"):
        Limits(channels=1).check(half)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="scheme = V/4"):
        select(0, 0, 1.0, cells=(2, 2), width=1.0, scheme="V/4")
    with pytest.raises(InputError, match=r"cell \(2, 0\) is outside 2 x 2"):
        select(2, 0, 1.0, cells=(2, 2), width=1.0)
