import pytest

from gateware.boards import find_board
from gateware.clocks import ecp5_pll, ice40_pll, real_clock
from hil.errors import InputError


# Divider, feedback, output divider as Project Trellis's ecppll gives them.
@pytest.mark.parametrize(
    ("source", "wanted", "dividers"),
    [(25, 50, (1, 2, 12)), (25, 80, (5, 16, 7)), (48, 60, (4, 5, 10)), (25, 62.5, (2, 5, 10))],
)
def test_ecp5_pll_agrees_with_ecppll(source, wanted, dividers):
    pll = ecp5_pll(source * 1e6, wanted * 1e6)
    assert (pll.reference, pll.feedback, pll.output) == dividers
    assert pll.frequency == pytest.approx(wanted * 1e6)


def test_ice40_pll_agrees_with_icepll():
    pll = ice40_pll(12e6, 24e6)
    assert (pll.divr, pll.divf, pll.divq, pll.filter_range, pll.frequency) == (0, 63, 5, 1, 24e6)


def test_an_impossible_clock_is_refused():
    with pytest.raises(InputError, match="no PLL makes 900 MHz from 25 MHz"):
        ecp5_pll(25e6, 900e6)
    with pytest.raises(InputError, match="no PLL makes 14 MHz from 12 MHz"):
        real_clock(find_board("icebreaker"), 14e6)
    assert real_clock(find_board("icebreaker"), 12e6) == 12e6
