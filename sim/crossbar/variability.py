"""What makes real cells differ from the model: four independent parts, each seeded, each off unless asked for.

All strengths are fractions, not percent: 0.05 means 5 %. Device-to-device spread is drawn once when the array is made;
cycle-to-cycle spread with every pulse (`sim.crossbar.pulses`); read noise with every measurement; stuck cells are
chosen once. The four draw from separate streams of one seed, so switching one on does not change what another draws.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit
from sim.crossbar.chance import stream
from sim.crossbar.normals import key_of, normal, normals

_SENSITIVITY, _RESISTANCE, _STUCK, READ, _CYCLE, _READ_ROWS = range(6)
_GOLDEN = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class DeviceToDevice:
    """Spread between cells, log-normal with median 1, drawn once.

    Attributes
    ----------
    sensitivity : float
        Standard deviation of ln(A), as a fraction: how far a given flux moves the state.
    resistance : float
        Standard deviation of ln(M), as a fraction: a factor on the cell's memristance at every state.
    """

    sensitivity: float = 0.0
    resistance: float = 0.0

    def draw(self, shape: tuple[int, int], seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Factors on sensitivity and on memristance, each of `shape`."""
        gain = np.exp(self.sensitivity * stream(seed, _SENSITIVITY).standard_normal(shape))
        scale = np.exp(self.resistance * stream(seed, _RESISTANCE).standard_normal(shape))
        return gain, scale


@dataclass(frozen=True)
class CycleToCycle:
    """Spread between repeats: what a pulse changes is multiplied by 1 + `sigma` * N(0, 1), drawn per cell and pulse."""

    sigma: float = 0.0


@dataclass(frozen=True)
class ReadNoise:
    """Gaussian noise of every measured cell current, `sigma` times that current."""

    sigma: float = 0.0

    def column_noise(self, cell_power: NDArray[np.float64], seed: int, count: int) -> NDArray[np.float64] | float:
        """Noise of a sum of independent cell currents, A.

        `cell_power` is the sum over the column's cells of the squared current; `count` numbers the measurement.
        """
        return self._noise(cell_power, seed, READ, count)

    def row_noise(self, cell_power: NDArray[np.float64], seed: int, count: int) -> NDArray[np.float64] | float:
        """Noise of row currents, as `column_noise`; rows have ammeters and random numbers of their own."""
        return self._noise(cell_power, seed, _READ_ROWS, count)

    def _noise(self, power: NDArray[np.float64], seed: int, part: int, count: int) -> NDArray[np.float64] | float:
        return self.sigma * np.sqrt(power) * normals(seed, part, count, power.shape) if self.sigma else 0.0


@dataclass(frozen=True)
class StuckCells:
    """Cells that conduct the same whatever is applied.

    Attributes
    ----------
    on, off : float
        Fraction of all cells stuck at `g_on` and at `g_off`.
    g_on, g_off : float
        Their conductances, S; NaN where no cell is stuck so.
    """

    on: float = 0.0
    off: float = 0.0
    g_on: float = np.nan
    g_off: float = np.nan

    def draw(self, shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
        """Conductance in S of every stuck cell, NaN where a cell works."""
        luck = stream(seed, _STUCK).random(shape)
        stuck = np.full(shape, np.nan)
        stuck[luck < self.on] = self.g_on
        stuck[(luck >= self.on) & (luck < self.on + self.off)] = self.g_off
        return stuck


@dataclass(frozen=True)
class Variability:
    """Everything in which the cells of an array differ from their law, and the seed it is drawn from."""

    device_to_device: DeviceToDevice = field(default_factory=DeviceToDevice)
    cycle_to_cycle: CycleToCycle = field(default_factory=CycleToCycle)
    read_noise: ReadNoise = field(default_factory=ReadNoise)
    stuck: StuckCells = field(default_factory=StuckCells)
    seed: int = 0


@njit(cache=True, error_model="numpy")
def cycle_factor(sigma, seed, event, col, row):
    """Factor 1 + sigma * N(0, 1) on a cell's change in the pulse of number `event`.

    The draw depends on its arguments alone, so it is the same however the work is cut into batches and threads.
    """
    return 1.0 + sigma * normal(cycle_key(seed, event, col) + np.uint64(row))


@njit(cache=True)
def cycle_key(seed, event, col):
    """What the draws of `cycle_factor` for the rows of a column have in common."""
    return key_of(seed, _CYCLE, event) + (np.uint64(col) << np.uint64(32)) + np.uint64(_GOLDEN)
