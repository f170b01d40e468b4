"""States of one cell after every segment of its history, from the kernels that simulated devices run on.

A kernel moves a state through many segments; here it is called with one segment after another, inside compiled code,
and the state is noted in between. Whatever the device computes, the fit sees, at a fraction of a microsecond a segment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit
from sim.cells.flca import FlcaParameters, drive_flca
from sim.cells.rram import RramParameters, drive_rram
from sim.cells.segments import Segments
from sim.cells.vteam import VteamParameters, drive_vteam

_GAIN = np.ones((1, 1))


def segments(voltage: NDArray[np.float64], duration: NDArray[np.float64]) -> Segments:
    """History of one cell: voltages (T,) in V and lengths (T,) in s, of which 0 is allowed."""
    count = len(voltage)
    arrays = (duration, voltage[:, None], np.zeros((count, 1)), voltage)
    length, rows, cols, cells = (np.ascontiguousarray(array) for array in arrays)
    return Segments(length, rows, cols, cells, again=False)


def rram_weights(p: RramParameters, play: Segments, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight after every segment, (T,); `start` (T,) puts it somewhere before a segment, NaN lets it go on."""
    up, down = p.branches()
    weight, beyond = np.full((1, 1), p.w0), np.zeros((1, 1), np.int8)
    return _trace_rram(play, start, weight, beyond, _GAIN, p.v_set, p.v_reset, up, down)


def flca_fluxes(p: FlcaParameters, play: Segments, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flux linkage after every segment, (T,), V s; `start` as in `rram_weights`."""
    volatile = p.kind == "volatile"
    phi = np.full((1, 1), p.phi0)
    return _trace_flca(play, start, phi, np.zeros(1), _GAIN, p.A, p.D, p.lowest, p.phi_max, volatile)


def vteam_states(p: VteamParameters, play: Segments, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """State x after every segment, (T,); `start` as in `rram_weights`."""
    off, on = p.thresholds()
    return _trace_vteam(play, start, np.full((1, 1), p.x0), _GAIN, p.sign, off, on, p.window_constants())


@njit(cache=True, inline="always")
def _one(play, t):
    return Segments(
        play.duration[t : t + 1], play.rows[t : t + 1], play.cols[t : t + 1], play.level[t : t + 1], play.again
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _trace_rram(play, start, weight, beyond, gain, v_set, v_reset, up, down):
    seen = np.empty(play.duration.size)
    for t in range(seen.size):
        if not np.isnan(start[t]):
            weight[0, 0], beyond[0, 0] = start[t], 0
        drive_rram(_one(play, t), weight, beyond, gain, v_set, v_reset, up, down, 0.0, 1.0)
        seen[t] = weight[0, 0]
    return seen


@njit(cache=True, error_model="numpy")
def _trace_flca(play, start, phi, idle, gain, a, d, low, high, volatile):
    seen = np.empty(play.duration.size)
    for t in range(seen.size):
        if not np.isnan(start[t]):
            phi[0, 0], idle[0] = start[t], 0.0
        drive_flca(_one(play, t), phi, idle, gain, a, d, low, high, volatile)
        relaxes = volatile or phi[0, 0] < 0.0
        seen[t] = phi[0, 0] * (np.exp(-d * idle[0]) if relaxes else 1.0)
    return seen


@njit(cache=True, error_model="numpy")
def _trace_vteam(play, start, x, gain, sign, off, on, bend):
    seen = np.empty(play.duration.size)
    for t in range(seen.size):
        if not np.isnan(start[t]):
            x[0, 0] = start[t]
        drive_vteam(_one(play, t), x, gain, sign, off, on, bend, 0.0, 1.0)
        seen[t] = x[0, 0]
    return seen
