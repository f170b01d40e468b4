"""Random drives of an array, and comparison of states."""

import numpy as np

from hil.waveform import Waveform

KINDS = ["sim:flca", "sim:flca?kind=volatile&phi0=1e-3", "sim:flca-pair", "sim:flca-step", "sim:rram?model=nlsb"]

EVERYTHING = {"d2d": 0.1, "d2d_r": 0.2, "c2c": 0.3, "stuck_on": 0.1, "stuck_off": 0.15, "read_noise": 0.05}


def all_rows(device, voltage, width=1e-3, measure=False):
    return Waveform.pulse(np.full(device.rows, voltage), np.zeros(device.cols), width=width, measure=measure)


def random_drive(device, segments, seed=0, reach=1.5):
    random = np.random.default_rng(seed)
    return Waveform.samples(
        random.uniform(-reach, reach, (segments, device.rows)),
        random.uniform(-0.5, 0.5, (segments, device.cols)),
        dwell=random.uniform(1e-4, 1e-3, segments),
    )


def state_of(device):
    return {name: array for name, array in device.snapshot().items() if name != "time"}


def assert_same_state(one, other):
    one, other = state_of(one), state_of(other)
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert np.array_equal(array, other[name]), name
