"""Compiled learning and reading of paired inputs: all pairs of an image in one pass over their fluxes.

The weights are non-volatile FLCA memristors (eq 4 of Zivasatienraj & Doolittle 2023). During a pulse of T seconds a
weight sees a constant voltage v, so its flux moves by the closed form of `sim.cells.flca`,

    phi <- clip(phi + tau rate),  rate = max(A v - D phi, 0) for v >= 0, else A v - D phi,  tau = (1 - exp(-D T)) / D

Of two inputs at u_i and u_j volts against the column a pair passes the one nearer to 0, nothing if they lie on two
sides (`hil.pill.protocol.minimum`). Multiplying by A tau keeps that order, so a pulse is a table with one drive A tau
u_i an input, computed in float64, and a pair takes the nearer one of two drives: no voltage is computed a second time,
and its sign is exact. An input at 0 moves no pair, so its whole row of the upper triangle is left out.

Several pulses are played on a row of pairs while it is in the first-level cache. Pairs do not know of each other, and
each gets its pulses in order, so this gives the same bits as one pulse after the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit
from hil.pill.protocol import PillProtocol

SAME = 1e-9
"""Voltages that differ by less than this fraction of the amplitude differ by rounding, and a pair sees 0 V."""

_PULSES = 64
"""Pulses that are played on one row of pairs before the next: their drives stay in the second-level cache."""

_ZERO = np.float32(0.0)


class ImagePulses(NamedTuple):
    """The pulses that a batch of images gives to the inputs, as M different ones and the order a column gets them in.

    Attributes
    ----------
    drive : (M, inputs) array of float32
        Flux A tau u (V s) that a pulse of u volts at an input would add to a weight; half of it where a pair passes the
        mean of its inputs instead of the smaller one (two resistors).
    low, high : (M,) array of float32
        Least and greatest drive of every pulse, V s.
    reach : (M,) array of int
        Inputs up to the last one that is not at 0 V.
    order : (cols, P) array of int
        Which pulses a column gets, one after the other.
    """

    drive: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    reach: NDArray[np.int64]
    order: NDArray[np.int64]


def pulses(
    pixels: NDArray[np.float64], response: NDArray[np.bool_], protocol: PillProtocol, flux_per_volt: float
) -> ImagePulses:
    """Pulses that show images (B, inputs), intensities 0..1, with responses (B, cols); `flux_per_volt` is A tau, s."""
    images, inputs = pixels.shape
    answer, mean = protocol.response_voltage, protocol.front == "resistors"
    quiet = np.arange(images)[None, :]
    if protocol.timing == "after":
        answers = np.zeros(1)
        alone = np.array([np.full(inputs, answer), np.zeros(inputs)])
        late = np.full((len(response.T), images), images) if protocol.other_delay is not None else images + ~response.T
        order = np.stack([np.broadcast_to(quiet, late.shape), late], axis=2).reshape(len(late), 2 * images)
    else:
        answers = np.array([0.0, answer] if response.any() else [0.0])
        alone = np.zeros((0, inputs))
        order = np.where(response.T, images + quiet, quiet)
    count = images * len(answers) + len(alone)
    drive, reach = np.empty((count, inputs), np.float32), np.empty(count, np.int64)
    scale = flux_per_volt / 2 if mean else flux_per_volt
    tiny = SAME * protocol.amplitude
    end = images * len(answers)
    _lay_out(pixels, protocol.input_voltage, answers, tiny, scale, drive[:end], reach[:end])
    _lay_out(alone, 1.0, np.zeros(1), tiny, scale, drive[end:], reach[end:])
    return ImagePulses(drive, drive.min(axis=1), drive.max(axis=1), reach, np.ascontiguousarray(order))


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan"})
def _lay_out(pixels, volts, answers, tiny, scale, drive, reach):
    """Fill `drive` and `reach` of `ImagePulses`: a row for every image at the first response voltage, then the second.

    Voltages below `tiny` V are rounding and count as 0.
    """
    images, inputs = pixels.shape
    for p in range(drive.shape[0]):
        image, answer, row = pixels[p % images], answers[p // images], drive[p]
        for j in range(image.size):
            u = volts * image[j] + answer
            row[j] = np.float32(u * scale if abs(u) >= tiny else 0.0)
        last = inputs
        while last > 0 and row[last - 1] == _ZERO:
            last -= 1
        reach[p] = last


@njit(cache=True, nogil=True, error_model="numpy")
def learn(phi, drive, low, high, reach, order, decay, phi_max, mean):
    """Play pulses on the fluxes of one column.

    `phi` (pairs,), V s, holds the pairs (0, 1), (0, 2), ... (1, 2), ... and changes in place; `order` is the column's
    row of `ImagePulses.order`, and `drive` to `reach` are as there; `decay` is D tau; `mean` for two resistors a pair.
    """
    inputs, bounded = drive.shape[1], phi_max < np.inf
    for start in range(0, order.size, _PULSES):
        first = 0
        for i in range(inputs - 1):
            for p in order[start : start + _PULSES]:
                level, last = drive[p, i], inputs if mean else reach[p]
                if reach[p] == 0 or last <= i + 1 or (level == _ZERO and not mean):
                    continue
                weights, others = phi[first : first + last - i - 1], drive[p, i + 1 : last]
                if mean:
                    _move(weights, others, level, decay, phi_max)
                elif level > _ZERO and bounded:
                    _rise_to(weights, others, level, decay, phi_max)
                elif level > _ZERO and level == low[p]:
                    _rise_alike(weights, level, decay)
                elif level > _ZERO:
                    _rise(weights, others, level, decay)
                elif level == high[p]:
                    _sink_alike(weights, level, decay)
                elif high[p] < _ZERO:
                    _sink(weights, others, level, decay)
                else:
                    _fall(weights, others, level, decay)
            first += inputs - 1 - i


# A pair takes the nearer to 0 of two drives: above 0 the lower, and where that is below 0 on the other side nothing
# moves, whichever of the two is taken; below 0 the higher.


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract"})
def _rise(phi, others, level, decay):
    for j in range(phi.size):
        phi[j] += max(min(others[j], level) - decay * phi[j], _ZERO)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract"})
def _rise_to(phi, others, level, decay, phi_max):
    for j in range(phi.size):
        phi[j] = min(phi[j] + max(min(others[j], level) - decay * phi[j], _ZERO), phi_max)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract"})
def _rise_alike(phi, level, decay):
    """Raise the fluxes of the pairs of the input with the lowest voltage: every pair passes `level`."""
    for j in range(phi.size):
        phi[j] += max(level - decay * phi[j], _ZERO)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract"})
def _fall(phi, others, level, decay):
    for j in range(phi.size):
        drive = max(others[j], level)
        change = drive - decay * phi[j] if drive < _ZERO else _ZERO
        phi[j] = max(phi[j] + change, _ZERO)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract"})
def _sink(phi, others, level, decay):
    """Lower the fluxes of the pairs of an input, to 0 at most, when all inputs are below 0 V."""
    for j in range(phi.size):
        phi[j] = max(phi[j] + (max(others[j], level) - decay * phi[j]), _ZERO)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract"})
def _sink_alike(phi, level, decay):
    for j in range(phi.size):
        phi[j] = max(phi[j] + (level - decay * phi[j]), _ZERO)


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract"})
def _move(phi, others, level, decay, phi_max):
    for j in range(phi.size):
        drive = others[j] + level
        change = drive - decay * phi[j]
        change = max(change, _ZERO) if drive >= _ZERO else change
        phi[j] = min(max(phi[j] + change, _ZERO), phi_max)


@njit(cache=True, nogil=True, error_model="numpy")
def read(currents, pixels, conductance, mean):
    """Add to `currents` (B,) what the pairs of one column carry at 1 V for a fully lit pixel, A.

    `pixels` (B, inputs) and `conductance` (pairs,) in S are float32; `mean` for two resistors a pair.
    """
    inputs = pixels.shape[1]
    half = np.float32(0.5)
    for start in range(0, currents.size, _PULSES):
        first = 0
        for i in range(inputs - 1):
            row = conductance[first : first + inputs - 1 - i]
            for b in range(start, min(start + _PULSES, currents.size)):
                level = pixels[b, i]
                if mean:
                    currents[b] += half * _sum_of_sums(row, pixels[b, i + 1 :], level)
                elif level != _ZERO:
                    currents[b] += _sum_of_minima(row, pixels[b, i + 1 :], level)
            first += row.size


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract", "reassoc"})
def _sum_of_minima(conductance, others, level):
    total = _ZERO
    for j in range(conductance.size):
        total += conductance[j] * min(others[j], level)
    return total


@njit(cache=True, error_model="numpy", fastmath={"nsz", "nnan", "contract", "reassoc"})
def _sum_of_sums(conductance, others, level):
    total = _ZERO
    for j in range(conductance.size):
        total += conductance[j] * (others[j] + level)
    return total
