"""Independent references for the simulated FLCA cells, written from the printed equations; nothing of `sim` is used.

A drive is a list of segments ``(V, T)``: a constant voltage for a time. Every differential equation is integrated by
scipy's LSODA, one smooth piece after the other: where a right-hand side has a kink (a bound on phi, phi_v through zero,
the threshold at which eq 4 begins or ceases to hold) the integrator is stopped there and started again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-11, 1e-17

Segments = Sequence[tuple[float, float]]


def polynomial(coefficients: Sequence[float], x: float) -> float:
    """R_0 + R_1 x + R_2 x^2 + ..."""
    return sum(r * x**n for n, r in enumerate(coefficients))


@dataclass(frozen=True)
class Single:
    """One cell under its own voltage: eq 3 if volatile, else eq 4."""

    volatile: bool = False
    a: float = 1.0
    d: float = 1.0
    low: float = 0.0
    high: float = np.inf

    def run(self, phi: float, segments: Segments) -> NDArray[np.float64]:
        """Flux at the start and at the end of every segment."""
        trace = [phi]
        for v, length in segments:
            trace.append(self._segment(trace[-1], v, length))
        return np.array(trace)

    def _segment(self, phi: float, v: float, length: float) -> float:
        def slope(_t: float, state: NDArray) -> NDArray:
            return self.a * v - self.d * state

        # eq 4 divides by D; without relaxation it has no threshold
        holds = not self.volatile and self.d > 0 and 0 <= self.a * v / self.d < phi
        direction = self.a * v - self.d * phi
        stopped = (direction > 0 and phi >= self.high) or (direction < 0 and phi <= self.low)
        if holds or stopped:
            return phi
        state, _, bound = _until(slope, [phi], length, [lambda t, s: self.high - s[0], lambda t, s: s[0] - self.low])
        return state[0] if bound is None else (self.high, self.low)[bound]


@dataclass(frozen=True)
class Pair:
    """A volatile (eq 3) and a non-volatile element (eq 4) in series."""

    a: float = 1.0
    dv: float = 1.0
    dn: float = 1.0
    rv: tuple[float, ...] = (100.0, 1e6)
    rn: tuple[float, ...] = (100.0, 1e6)

    def memristance(self, phi_v: float, phi_n: float) -> tuple[float, float]:
        """Of the volatile and of the non-volatile element, ohm."""
        return polynomial(self.rv, abs(phi_v)), polynomial(self.rn, abs(phi_n))

    def run(self, phi_v: float, phi_n: float, segments: Segments) -> NDArray[np.float64]:
        """(segments + 1, 2): both fluxes at the start and at the end of every segment."""
        trace = [(phi_v, phi_n)]
        for v, length in segments:
            trace.append(self._segment(*trace[-1], v, length))
        return np.array(trace)

    def _segment(self, x: float, y: float, v: float, length: float) -> tuple[float, float]:
        drive = self.a * v
        branch = np.sign(x) or np.sign(v)  # sign of phi_v in this piece

        def slopes(state: NDArray) -> tuple[float, float]:
            """Of both fluxes where eq 4 is neither held nor clipped; smooth beyond phi_v = 0 and phi_n = 0."""
            mv, mn = polynomial(self.rv, branch * state[0]), polynomial(self.rn, state[1])
            share = mn / (mv + mn)
            return drive * (1 - share) - self.dv * state[0], drive * share - self.dn * state[1]

        # whether phi_n follows its slope in this piece: not held by eq 4, not clipped at 0
        moves = slopes([x, y])[1] > 0 if v >= 0 else y > 0

        def rates(_t: float, state: NDArray) -> list[float]:
            volatile, nonvolatile = slopes(state)
            return [volatile, nonvolatile if moves else 0.0]

        def volatile_passes_zero(_t: float, state: NDArray) -> float:
            return branch * state[0]

        def nonvolatile_stops_or_starts(_t: float, state: NDArray) -> float:
            if v < 0:
                return state[1] if moves else 1.0
            return slopes(state)[1] if moves else -slopes(state)[1]

        kinks = [volatile_passes_zero, nonvolatile_stops_or_starts] if v else []
        while length > 0:
            (x, y), passed, kink = _until(rates, [x, y], length, kinks)
            length -= passed
            if kink is None:
                break
            if kink == 0 or branch * x <= 0:  # both fluxes may pass zero at once
                x, branch = 0.0, np.sign(v)
            if v < 0:
                y = 0.0 if kink == 1 else max(y, 0.0)
                moves = y > 0
            elif kink == 1:
                moves = not moves
        return float(x), float(y)


def pair_without_relaxation(
    phi_v: float, phi_n: float, flux: float, rv: tuple[float, float], rn: tuple[float, float]
) -> tuple[float, float]:
    """Fluxes of a series pair of linear elements with D = 0 after a drive of `flux` = integral of A V, in closed form.

    The elements share the current, so d phi_v / Mv = d phi_n / Mn, and the voltages add up to V, so the fluxes add up
    to `flux`. The first integrates to one equation in phi_n. From phi_n = 0 on, where eq 4 is clipped, what is left
    acts on phi_v through the constant resistance of the other: (1 + Rn0 / Mv) d phi_v = A V dt.
    """

    def turned(r: tuple[float, float], phi: float) -> float:
        """Integral of d phi / M from 0."""
        return np.sign(phi) * np.log1p(r[1] / r[0] * abs(phi)) / r[1]

    def current_differs(y: float) -> float:
        return (turned(rv, phi_v + flux - (y - phi_n)) - turned(rv, phi_v)) - (turned(rn, y) - turned(rn, phi_n))

    if flux == 0:
        return phi_v, phi_n
    low, high = min(phi_n, phi_n + flux), max(phi_n, phi_n + flux)
    y = brentq(current_differs, low, high, xtol=1e-18, rtol=1e-14)
    if y >= 0:
        return phi_v + flux - (y - phi_n), y
    reached = brentq(lambda x: turned(rv, x) - turned(rv, phi_v) + turned(rn, phi_n), phi_v + flux, phi_v, xtol=1e-18)
    left = flux - (reached - phi_v) + phi_n
    x = brentq(
        lambda x: x - reached + rn[0] * (turned(rv, x) - turned(rv, reached)) - left,
        reached + left,
        reached,
        xtol=1e-18,
    )
    return x, 0.0


def network_voltages(
    conductance: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voltages of all lines of a crossbar, NaN marking the floating ones, from the Laplacian of the whole network.

    Every line is an unknown: a driven one has its voltage, into a floating one flows no current. Where nothing is
    driven the smallest solution is taken, which is 0 V on all lines.
    """
    count = len(rows)
    given = np.concatenate([rows, cols])
    adjacency = np.zeros((len(given), len(given)))
    adjacency[:count, count:] = conductance
    adjacency += adjacency.T
    total = adjacency.sum(axis=1)
    system = np.eye(len(given)) - adjacency / total[:, None]
    driven = ~np.isnan(given)
    system[driven] = np.eye(len(given))[driven]
    solved = np.linalg.lstsq(system, np.where(driven, given, 0.0), rcond=None)[0]
    return solved[:count], solved[count:]


def floating_network(
    phi: NDArray[np.float64],
    rows: NDArray[np.float64],
    cols: NDArray[np.float64],
    length: float,
    memristance: Callable[[NDArray], NDArray],
    cell: Single,
) -> NDArray[np.float64]:
    """Fluxes (R, C) of a crossbar of `cell` with floating lines after one segment; no cell may reach a bound."""

    def slopes(_t: float, state: NDArray) -> NDArray:
        phi_now = state.reshape(phi.shape)
        v_rows, v_cols = network_voltages(1 / memristance(phi_now), rows, cols)
        v = v_rows[:, None] - v_cols
        rate = cell.a * v - cell.d * phi_now
        held = (v >= 0) & (rate < 0) & (not cell.volatile)
        return np.where(held, 0.0, rate).ravel()

    end, _, _ = _until(slopes, phi.ravel(), length, [])
    return end.reshape(phi.shape)


def _until(
    slopes: Callable, state: Sequence[float], length: float, kinks: Sequence[Callable]
) -> tuple[NDArray[np.float64], float, int | None]:
    """Integrate until `length` has passed or one of `kinks` falls through zero: state, time passed, which one."""
    for kink in kinks:
        kink.terminal, kink.direction = True, -1
    solution = solve_ivp(
        slopes, (0.0, length), state, method="LSODA", rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE, events=kinks
    )  # fmt: skip
    if not solution.success:
        raise RuntimeError(solution.message)
    hit = [k for k, times in enumerate(solution.t_events) if times.size] if kinks else []
    return solution.y[:, -1], float(solution.t[-1]), hit[0] if hit else None
