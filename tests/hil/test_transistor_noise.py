"""Cells behind transistors are read with the noise of every other reading, and refused what they would not do."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.device import Unsupported
from hil.errors import InputError

CELLS = "sim:vteam?rows=40&cols=50&seed=3&synapse=transistor"


def spread(readings, clean):
    """Standard deviation of readings over what is read without noise."""
    return float(np.std(readings / clean - 1))


@pytest.mark.parametrize("voltage", [None, 0.05])
def test_a_read_has_the_read_noise_of_its_cells(voltage):
    with open_device(CELLS) as quiet, open_device(f"{CELLS}&read_noise=0.03") as noisy:
        clean, one, other = quiet.read(voltage), noisy.read(voltage), noisy.read(voltage)
    assert spread(one, clean) == pytest.approx(0.03, rel=0.05)
    assert spread(one - other + clean, clean) == pytest.approx(0.03 * np.sqrt(2), rel=0.05)


@pytest.mark.parametrize(("reverse", "lines"), [(False, 40), (True, 50)])
def test_a_product_has_that_of_a_sum_of_cells(reverse, lines):
    v = np.full((40, lines), 0.05)
    with open_device(CELLS) as quiet, open_device(f"{CELLS}&read_noise=0.03") as noisy:
        clean, found = quiet.mvm(v[:1], reverse=reverse), noisy.mvm(v, reverse=reverse)
    assert spread(found, clean) == pytest.approx(0.03 / np.sqrt(lines), rel=0.1)


def test_cells_flicker_behind_transistors_as_without():
    with open_device(f"{CELLS}&rtn=0.2&rtn_empty=1e-3&rtn_full=1e-3") as noisy, open_device(CELLS) as quiet:
        first, again = noisy.read(), noisy.read()
        noisy.read(0.05)
        later = noisy.read()
        assert np.array_equal(first, again)
        for _ in range(20):
            noisy.read(0.05)
        assert not np.array_equal(noisy.read(), later)
        factors = first / quiet.read()
    assert 0.3 < np.mean(factors > 1.05) < 0.7 or 0.3 < np.mean(factors < 0.95) < 0.7


@pytest.mark.parametrize("option", ["drift=0.05", "relax=0.1", "levels=16", "write_noise=0.01", "endurance=1e4"])
@pytest.mark.parametrize("synapse", ["transistor", "bridge&synapse.drive=input"])
def test_what_needs_pulses_on_lines_is_refused(synapse, option):
    with pytest.raises(Unsupported, match="not in circuits around cells"):
        open_device(f"sim:vteam?rows=2&cols=2&synapse={synapse}&{option}")


def test_a_setting_without_a_synapse_is_told_which_there_are():
    with pytest.raises(InputError, match=r"no synapse=NAME: bridge, differential.*transistor"):
        open_device("sim:rram?synapse.steps=3")
