"""Devices with a meter, for tests of the energy of a run."""

import numpy as np

from hil.backends import open_device
from hil.energy.account import Account
from hil.energy.figures import EnergySettings
from hil.energy.meter import metering
from hil.training.protocol import Protocol


def metered(uri, figures=None, **parameters):
    """A device with a meter, and the account."""
    account = Account()
    with metering(account, figures or EnergySettings()):
        return open_device(uri, **parameters), account


def only(account):
    """The one tally of an account."""
    (tally,) = account.tallies.values()
    return tally


def images(count, rows, cols, amplitude=0.1, measure=False):
    """Waveform of some images by the two-pulse protocol."""
    rng = np.random.default_rng(1)
    pixels = rng.random((count, rows)) * (rng.random((count, rows)) < 0.4)
    targets = rng.integers(0, cols, count)[:, None] == np.arange(cols)
    return Protocol(amplitude=amplitude).waveform(pixels, targets, measure)
