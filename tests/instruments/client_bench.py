"""A virtual instrument behind a real socket for a client that is not ours."""

from contextlib import contextmanager

from hil.backends import open_device
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.server import Server

SERIES = 1e3


@contextmanager
def served(model):
    """Two cells, one at each channel, behind `SERIES` ohm: the dut, the instrument and its resource."""
    dut = Dut(open_device("sim:rram?rows=2&g_min=1e-5&g_max=1e-4"), series=SERIES)
    dut.connect({0}, {2}, "1")
    dut.connect({1}, {2}, "2")
    # The compiled model is loaded now: it takes longer than a client may wait.
    dut.play([0.0], [1e-3])
    with Server(make(model, dut), "socket") as server:
        yield dut, server.instrument, server.resource
    assert server.error is None


def ohms_law(dut, volts, row=0):
    """Current through the cell of a row."""
    return volts / (SERIES + 1 / dut.truth.conductance[row, 0])
