"""Pulses by lot on every kind of core on the host: cells that are drawn move as without lots, all others stay."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.mixing import lots
from hil.spiking.course import odds
from hil.spiking.neurons import Lif
from hil.spiking.rules import PairStdp, Stdp
from hil.spiking.trains import SpikeTrain

ROWS = 60


def change(uri, rule, spikes, cols):
    with open_device(uri, rows=ROWS, cols=cols) as device:
        core = device.spiking(Lif(threshold=0.4, inhibition=0.0, refractory=1.0), rule)
        before = core.weights()
        core.present(spikes, 1.0, True)
        return core.weights() - before, core.course


@pytest.mark.parametrize("uri", ["sim:rram?alpha=0.02", "sim:rram?alpha=0.02&r_wire=1e-9",
                                 "sim:rram?alpha=0.02&synapse=differential"])  # fmt: skip
def test_an_output_spike_moves_the_rows_that_are_drawn(uri):
    spikes = SpikeTrain([0.0, 0.0], [0, 1])
    every, _ = change(uri, Stdp(), spikes, 1)
    some, course = change(uri, Stdp(pulse_probability=0.4, seed=3), spikes, 1)
    given = lots(3, 1, ROWS, odds(0.4))
    assert course.asked == 1 and 10 < given.sum() < 40
    assert (np.abs(every) > 0.005).all()
    assert some[:, 0] == pytest.approx(np.where(given, every[:, 0], 0.0), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("uri", ["sim:rram?alpha=0.02", "sim:rram?alpha=0.02&r_wire=1e-9",
                                 "sim:rram?alpha=0.02&synapse=differential"])  # fmt: skip
def test_an_input_spike_moves_the_neurons_that_are_drawn(uri):
    """The first input makes all fire: 50 lots; the second, later one depresses the cells of its row."""
    spikes, rule = SpikeTrain([0.0, 1e-6], [0, 1]), {"n_plus": 0.0, "n_minus": 2.0, "tau_minus": 1.0}
    every, _ = change(uri, PairStdp(**rule), spikes, 50)
    some, course = change(uri, PairStdp(**rule, pulse_probability=0.4, seed=3), spikes, 50)
    given = lots(3, 52, 50, odds(0.4))
    assert course.asked == 52 and 8 < given.sum() < 35
    assert (every[1] < -0.01).all() and np.abs(every[2:]).max() < 1e-9
    assert some[1] == pytest.approx(np.where(given, every[1], 0.0), rel=1e-6, abs=1e-9)
