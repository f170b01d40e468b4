"""Metastable switches one by one: the model of `sim.cells.mss` for a number of switches that can be counted.

Each of N switches tries to flip at random, at the rates P_on / tau and P_off / tau of the same equations, and their
share x that is on moves by 1 / N with every flip. So a segment at a constant voltage takes n switches that are on to

    n + Bin(N - n, p_on) - Bin(n, p_off),   p_on = x_inf (1 - e^(-k t)),   p_off = (1 - x_inf) (1 - e^(-k t))

with x_inf = P_on / (P_on + P_off) and k = (P_on + P_off) / tau: the binomial draws of Molter & Nugent, CNNA 2016, for a
time of any length instead of a small one. The mean is `sim:mss`, whatever N; the deviation from it is some 1 / sqrt(N).

What is drawn are the flips themselves, after Gillespie, J. Phys. Chem. 81, 2340 (1977): a cell flips when the integral
of its rate N ((1 - x) P_on + x P_off) / tau reaches a number with an exponential distribution, and a second number says
which way. So nothing depends on how the time was cut, neither the distribution nor the course itself, and the charge of
a segment is that of its steps. A cell's numbers depend on the seed of the array, the cell, and how often it has flipped
before; they are in its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.compiling import njit
from hil.limits import LimitError
from hil.mixing import GOLDEN, mix
from hil.programming import Programming
from sim.cells.law import Columns, Law, State, StateVariable
from sim.cells.mss import PRESETS, MssLaw, MssParameters
from sim.cells.segments import Segments
from sim.crossbar.chance import SWITCHES, uniform
from sim.crossbar.kinds import simulated
from sim.crossbar.normals import key_of

MOST_FLIPS = 20_000_000
"""Flips of a cell in one segment beyond which it is refused: about a second."""

READ_WIDTH = 1e-3
"""Of the read pulse that `read_disturbance` is about, s."""


class SwitchesParameters(MssParameters):
    """Parameters of `sim:mss-switches`."""

    number: int = Field(1000, ge=1, le=1_000_000, description="number of switches of a cell")


class SwitchesLaw(Law[SwitchesParameters]):
    """So many switches."""

    programmed = "x"
    no_equations = "its switches flip by chance, one at a time: export sim:mss, the mean of many"
    memory_a_cell = 160

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """The share that is on; what is left until the next flip; how many there were; and whose numbers these are."""
        return (
            StateVariable("x", round(self.parameters.x0 * self.parameters.number) / self.parameters.number, 0.0, 1.0),
            StateVariable("due", low=0.0),
            StateVariable("flips", low=0.0, dtype=np.int64),
            StateVariable("cell", low=0.0, dtype=np.int64, drawn=True),
        )

    @property
    def read_disturbance(self) -> float:  # type: ignore[override]  # it depends on the number of switches
        """Five standard deviations of what flips during a read, of switches all on or all off."""
        p = self.parameters
        expected = p.number * READ_WIDTH * float(self._mean.velocity(self.read_voltage, np.zeros(1))[0])
        flips = min(expected + 5.0 * np.sqrt(expected) + 1.0, p.number)
        return float(flips / p.number * (p.r_off / p.r_on - 1.0))

    @property
    def indistinct(self) -> Mapping[str, str]:
        """Those of the mean."""
        return self._mean.indistinct

    @property
    def programming(self) -> Programming:
        """Pulses as given."""
        return self._mean.programming

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Conductances of all switches off and of all on, S."""
        return self._mean.conductance_range(v_max)

    def advance(self, cells: Columns, play: Segments) -> None:
        """Flip switches."""
        state = [cells.state[name] for name in ("x", "due", "flips", "cell")]
        ended = _advance(play.duration, play.rows, play.cols, *state, cells.gain, self._rates(), self._switches)
        self._require_done(ended, play)

    def current(self, v: NDArray[np.float64], state: State) -> NDArray[np.float64]:
        """Current at cell voltages `v` and these states, A."""
        return self._mean.current(v, {"x": state["x"]})

    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """The mean share over the segment that will be played: the current is linear in it."""
        state = [cells.state[name].copy() for name in ("x", "due", "flips", "cell")]
        mean, origin = np.empty(out.shape), np.ascontiguousarray(cells.origin, dtype=float)
        ended = _mean_shares(
            play.duration[0], play.rows[0], play.cols[0], *state, cells.gain, self._rates(), self._switches, origin,
            cells.factor, mean,
        )  # fmt: skip
        self._require_done(ended, play)
        v = play.rows[0][None, :] - play.cols[0][:, None]
        out[:] = play.duration[0] * self.current(v, {"x": mean})

    def quiet(self, cells: Columns, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Time until the next flip of each cell, s."""
        state = [cells.state[name].copy() for name in ("x", "due", "flips", "cell")]
        out = np.empty(v.shape)
        _waits(v, *state, cells.gain, self._rates(), self._switches, out)
        return out

    def trace(self, play: Segments, start: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """States of the mean of very many cells: what pulses are chosen by, and parameters fitted."""
        x = self._mean.trace(play, start)["x"]
        return {variable.name: x if variable.name == "x" else np.zeros(x.shape) for variable in self.states}

    @property
    def _mean(self) -> MssLaw:
        return MssLaw(self.parameters)

    @property
    def _switches(self) -> float:
        return float(self.parameters.number)

    def _rates(self) -> NDArray[np.float64]:
        """What the probabilities depend on: the first constants of the mean."""
        return np.array(self._mean.constants()[:4], dtype=float)

    def _require_done(self, ended: tuple[int, int, int], play: Segments) -> None:
        t, col, row = ended
        if t >= 0:
            v = play.rows[t, row] - play.cols[t, col]
            raise LimitError(
                f"a segment of {play.duration[t]:g} s with {v:g} V on a cell flips more than {MOST_FLIPS:,} of its "
                f"{self.parameters.number:,} switches, one after the other: shorten it, or take fewer switches"
            )


@njit(cache=True, inline="always", error_model="numpy")
def _chances(v, rates, gain):
    """Rates (1/s) at which a switch that is off flips on, and one that is on flips off."""
    on = 1.0 / (1.0 + np.exp(-rates[0] * (v - rates[1])))
    off = 1.0 / (1.0 + np.exp(rates[0] * (v + rates[2])))
    return gain * on / rates[3], gain * off / rates[3]


@njit(cache=True, inline="always", error_model="numpy")
def _drawn(cell, flips):
    """Key of the numbers of a cell's next flip, and the integral of its rate at which that comes."""
    key = key_of(cell, SWITCHES, flips)
    return key, -np.log(uniform(key))


@njit(cache=True, inline="always", error_model="numpy")
def _whole(x, switches):
    """The share, free of rounding errors; under cycle-to-cycle spread it may be no whole number of switches."""
    n = x * switches
    return np.rint(n) / switches if abs(n - np.rint(n)) < 1e-6 else min(max(x, 0.0), 1.0)


@njit(cache=True, error_model="numpy")
def _flip(v, x, due, flips, cell, gain, rates, switches, duration, origin, factor):
    """One cell through one segment: its share, what is due, its flips, the integral of the share; due < 0: too many."""
    on, off = _chances(v, rates, gain)
    left, area = duration, 0.0
    for _ in range(MOST_FLIPS):
        key, fresh = _drawn(cell, flips)
        due = due if due > 0.0 else fresh
        up = switches * (1.0 - x) * on
        rate = up + switches * x * off
        seen = x if factor == 1.0 else min(max(origin + factor * (x - origin), 0.0), 1.0)
        if due > rate * left:
            return x, due - rate * left, flips, area + left * seen
        wait = due / rate
        area += wait * seen
        left = max(left - wait, 0.0)
        flipped_on = uniform(mix(key + GOLDEN)) * rate < up
        x = _whole(x + (1.0 / switches if flipped_on else -1.0 / switches), switches)
        flips, due = flips + 1, 0.0
    return x, -1.0, flips, area


@njit(cache=True, nogil=True, error_model="numpy")
def _advance(duration, rows, cols, x, due, flips, cell, gain, rates, switches):
    for c in range(x.shape[0]):
        for t in range(duration.size):
            for r in range(x.shape[1]):
                x[c, r], due[c, r], flips[c, r], _ = _flip(
                    rows[t, r] - cols[t, c], _whole(x[c, r], switches), due[c, r], flips[c, r], cell[c, r], gain[c, r],
                    rates, switches, duration[t], 0.0, 1.0,
                )  # fmt: skip
                if due[c, r] < 0.0:
                    return t, c, r
    return -1, 0, 0


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_shares(duration, rows, cols, x, due, flips, cell, gain, rates, switches, origin, factor, out):
    for c in range(x.shape[0]):
        for r in range(x.shape[1]):
            start, many = (origin[c, r], factor[c, r]) if factor.size else (0.0, 1.0)
            _, ended, _, area = _flip(
                rows[r] - cols[c], _whole(x[c, r], switches), due[c, r], flips[c, r], cell[c, r], gain[c, r], rates,
                switches, duration, start, many,
            )  # fmt: skip
            if ended < 0.0:
                return 0, c, r
            out[c, r] = area / duration if duration > 0.0 else x[c, r]
    return -1, 0, 0


@njit(cache=True, nogil=True, error_model="numpy")
def _waits(v, x, due, flips, cell, gain, rates, switches, out):
    for c in range(x.shape[0]):
        for r in range(x.shape[1]):
            on, off = _chances(v[c, r], rates, gain[c, r])
            _, fresh = _drawn(cell[c, r], flips[c, r])
            rate = switches * ((1.0 - x[c, r]) * on + x[c, r] * off)
            out[c, r] = (due[c, r] if due[c, r] > 0.0 else fresh) / rate


kind = simulated(
    "mss-switches", "metastable switches, so many that flip by chance", SwitchesLaw, SwitchesParameters, PRESETS
)
