"""`program` on arrays of our own: counts, order and limits, exactly."""

from dataclasses import replace

import numpy as np
import pytest

from hil.backends import open_device
from hil.device import Device, Response, Unsupported
from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.waveform import Waveform

COUNTS = np.array([[2, -1, 0], [0, 3, -2], [-3, 0, 1], [1, 1, 4]])
URIS = ["sim:rram?alpha=0.02&w0=0.5", "fpga:golden?alpha=0.02&w0=0.5&rounding=nearest"]


@pytest.mark.parametrize("uri", URIS)
def test_counts_may_be_split_over_calls_where_a_cell_counts_pulses(uri):
    """Half-selected cells stay below their threshold: columns of both signs do not disturb each other either."""
    whole, split = (open_device(uri, rows=4, cols=3) for _ in range(2))
    whole.program(COUNTS)
    for part in (np.sign(COUNTS), COUNTS - np.sign(COUNTS)):
        split.program(part)
    assert np.array_equal(whole.read(), split.read())
    assert whole.time == pytest.approx(split.time, rel=1e-12)
    assert ((whole.read() - open_device(uri, rows=4, cols=3).read() > 0) == (COUNTS > 0)).all()


def test_every_pulse_is_v_over_2_written_out():
    """Column 0 of `COUNTS` line by line: +2 and +1 share a pulse, then +2 alone, then -3 three times."""
    programmed, by_hand = (open_device(URIS[0], rows=4, cols=3) for _ in range(2))
    p = programmed.programming
    counts = COUNTS * [1, 0, 0]
    programmed.program(counts)
    for v, rows in ((p.v_set, [1, 0, 0, 1]), (p.v_set, [1, 0, 0, 0]), *[(-p.v_reset, [0, 0, 1, 0])] * 3):
        by_hand.apply(Waveform.pulse(v / 2 * np.array(rows), [-v / 2, 0.0, 0.0], width=p.width))
        by_hand.apply(Waveform.rest(p.width, 4, 3))
    left, right = programmed.snapshot(), by_hand.snapshot()
    left_time, right_time = left.pop("time"), right.pop("time")
    assert left_time == pytest.approx(right_time, rel=1e-12)
    assert all(np.array_equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("uri", URIS)
def test_limits_are_checked_before_the_first_pulse(uri):
    """The last column alone asks for the pulse that is too high."""
    with open_device(uri, rows=2, cols=2) as device:
        device.programming = replace(device.programming, v_reset=3 * device.limits.v_cell)
        before = device.snapshot()
        with pytest.raises(LimitError, match="is outside"):
            device.program([[3, 0], [2, -1]])
        after = device.snapshot()
        assert all(np.array_equal(before[name], after[name]) for name in before)


def test_an_unknown_scheme_is_refused_though_there_is_no_pulse_to_play():
    with open_device("sim:rram", rows=2, cols=2) as device, pytest.raises(InputError, match="V/9"):
        device.program(np.zeros((2, 2), int), scheme="V/9")


def test_a_device_without_programming_pulses_says_so():
    with open_device("sim:flca", rows=2, cols=2) as device, pytest.raises(Unsupported, match="no pulse that moves"):
        device.program(np.ones((2, 2), int))


class ColumnsAlone(Device):
    """No cell conducts; time tells what it was made to play."""

    name, rows, cols, limits = "columns alone", 2, 3, Limits(-1.0, 1.0, 1.0)
    played = 0.0

    @property
    def time(self):
        return self.played

    def reset(self):
        self.played = 0.0

    def _play(self, waveform):
        self.played += waveform.total
        count = int(waveform.measure.sum())
        wide, narrow = np.zeros((count, 3)), np.zeros(count)
        return Response(np.flatnonzero(waveform.measure), narrow, wide, wide, narrow, narrow.astype(bool))


def test_a_device_that_senses_its_columns_alone_is_not_driven_in_reverse():
    device = ColumnsAlone()
    with pytest.raises(Unsupported, match="senses its columns alone"):
        device.mvm(np.full((1, 3), 1e-3), reverse=True)
    assert device.time == 0.0
