"""Commands that give whole cells their pulses: what `Device.program` would play one by one, without its waveforms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gateware.protocol import Space

if TYPE_CHECKING:
    from gateware.host.client import Client

UP, DOWN, REST = 1, 255, 0
"""Actions of PROGRAM."""


def train_commands(client: Client, counts: NDArray[np.int64], place: NDArray[np.int64]) -> Iterator[tuple[bytes, int]]:
    """Commands, and how many pulses each gives, in the order of `hil.programming.pulse_trains`.

    Columns one after the other, potentiation before depression, all cells of a column together, one with many pulses to
    the end: so random numbers fall on the same cells as if every pulse had been applied.

    Parameters
    ----------
    client : Client
        That will send them.
    counts : (rows, cols) array of int
        Pulses a cell; positive ones potentiate.
    place : (cols,) array of int
        The emulator's column of each.
    """
    for column in np.flatnonzero(counts.any(axis=0)):
        pulse = client.program_command(int(place[column]))
        for action, wanted in ((UP, counts[:, column]), (DOWN, -counts[:, column])):
            done = 0
            for level in np.unique(wanted[wanted > 0]):
                for command in client.write_commands(Space.DRIVE, 0, np.where(wanted >= level, action, REST)):
                    yield command, 0
                for _ in range(int(level) - done):
                    yield pulse, 1
                done = int(level)
