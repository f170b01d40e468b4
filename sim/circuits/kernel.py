"""The compiled integrator behind `sim.circuits.solve`: fluxes of all memristors of a circuit over time.

Every evaluation solves the node voltages exactly (`sim.network`); fluxes advance by the classical fourth-order
Runge-Kutta method, whose steps are made to end on the kinks of the model.

A circuit of memristors is a system dphi/dt = f(phi), and f is smooth but for kinks: where a volatile phi passes zero
(|phi| in eq 2), where eq 4 begins or ceases to hold, where phi is clipped at 0, where a non-volatile element's voltage
changes sign. Between kinks every memristor is in one mode:

    0  volatile, phi > 0                          3  non-volatile, v < 0, phi > 0: falls
    1  volatile, phi < 0                          4  non-volatile, v >= 0, A v <= D phi: held
    2  non-volatile, v >= 0, A v > D phi: rises   5  non-volatile, v < 0, phi = 0: clipped

A step freezes the modes, so its right-hand side is smooth and the classical method keeps its order. Where a mode has
come to its end after the step, the step is taken back, shortened until it ends just past that instant, and the rest of
it follows in the new modes. At most `SPLITS` times a step; the rest is then taken as it is, and clipped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit
from sim.network.elimination import node_voltages

SPLITS = 8
"""Kinks on which one step may be split, at most."""

STILL = 1e-15
"""A circuit counts as settled when no flux changes by more than this fraction in a step (there are fewer than 1e9)."""

ROUNDING = 1e-13
"""Of the largest driven voltage: a node voltage this small is 0, for eq 4 tells -1e-17 V from 0."""


class CompiledCircuit(NamedTuple):
    """A circuit as arrays: E branches, the first M of them memristors, N nodes, the first of them ground.

    Attributes
    ----------
    plus, minus : (E,) arrays of int
        Nodes that a branch joins.
    conductance : (E,) array
        Of the resistors, S; the memristors' entries are not used.
    r : (M, P) array
        Coefficients of eq 2.
    a, d : (M,) arrays
        Gain and relaxation rate (1/s).
    volatile : (M,) array of bool
        Eq 3 if true, else eq 4.
    sources : (S,) array of int
        Nodes that the sources drive.
    slot : (patterns, N) array of int
        Which unknown every node is, for every pattern of floating sources; -1 where the voltage is given.
    """

    plus: NDArray[np.int64]
    minus: NDArray[np.int64]
    conductance: NDArray[np.float64]
    r: NDArray[np.float64]
    a: NDArray[np.float64]
    d: NDArray[np.float64]
    volatile: NDArray[np.bool_]
    sources: NDArray[np.int64]
    slot: NDArray[np.int64]


class Traces(NamedTuple):
    """What is recorded: (B, K, M) fluxes, (B, K, N) of the nodes, (B, K, E) of the branches; SI units.

    `area` is the integral of the node voltages, `charge` of the currents, `energy` of the power in the branches.
    """

    phi: NDArray[np.float64]
    voltage: NDArray[np.float64]
    area: NDArray[np.float64]
    current: NDArray[np.float64]
    charge: NDArray[np.float64]
    energy: NDArray[np.float64]


@njit(cache=True, inline="always", error_model="numpy")
def _evaluate(net, slot, phi, mode, g, matrix, rhs, volt, current, rate):
    """Node voltages, branch currents and flux rates at the fluxes `phi` in the given modes; eqs 1 to 4."""
    for k in range(net.a.size):
        # on the smooth continuation of the mode's side, which a stage may overshoot
        x = -phi[k] if mode[k] == 1 else phi[k]
        m = net.r[k, net.r.shape[1] - 1]
        for n in range(net.r.shape[1] - 2, -1, -1):
            m = m * x + net.r[k, n]
        g[k] = 1.0 / max(m, 0.5 * net.r[k, 0])
    node_voltages(net.plus, net.minus, slot, g, matrix, rhs, volt, None)
    for e in range(net.plus.size):
        current[e] = g[e] * (volt[net.plus[e]] - volt[net.minus[e]])
    for k in range(net.a.size):
        if mode[k] >= 4:
            rate[k] = 0.0
        else:
            rate[k] = net.a[k] * (volt[net.plus[k]] - volt[net.minus[k]]) - net.d[k] * phi[k]


@njit(cache=True, error_model="numpy")
def _set_modes(net, phi, mode, volt, small):
    """Set the mode of every memristor at its flux and voltage."""
    for k in range(net.a.size):
        v = volt[net.plus[k]] - volt[net.minus[k]]
        if net.volatile[k]:
            mode[k] = 0 if phi[k] > 0.0 or (phi[k] == 0.0 and v >= 0.0) else 1
        elif v >= -small:
            mode[k] = 2 if net.a[k] * v > net.d[k] * phi[k] else 4
        else:
            mode[k] = 3 if phi[k] > 0.0 else 5


@njit(cache=True, error_model="numpy")
def _margin(net, phi, mode, volt, small):
    """How far the memristors are within their modes: negative if one of them has left."""
    least = np.inf
    for k in range(net.a.size):
        v = volt[net.plus[k]] - volt[net.minus[k]]
        if mode[k] == 0:
            margin = phi[k]
        elif mode[k] == 1:
            margin = -phi[k]
        elif mode[k] == 2:
            margin = net.a[k] * (v + small) - net.d[k] * phi[k]
        elif mode[k] == 3:
            margin = min(phi[k], -small - v)
        elif mode[k] == 4:
            margin = min(net.d[k] * phi[k] - net.a[k] * (v - small), v + small)
        else:
            margin = -small - v
        least = min(least, margin)
    return least


@njit(cache=True, error_model="numpy")
def _step(net, slot, h, start, phi, mode, g, matrix, rhs, volt, current, rate):
    """One classical fourth-order step from `start`, whose evaluation is row 0; `phi` and row 4 are left at its end."""
    for s in range(1, 5):
        part = 0.5 * h if s < 3 else h
        for k in range(phi.size):
            mean = rate[s - 1, k] if s < 4 else (rate[0, k] + 2.0 * (rate[1, k] + rate[2, k]) + rate[3, k]) / 6.0
            phi[k] = start[k] + part * mean
        _evaluate(net, slot, phi, mode, g, matrix, rhs, volt[s], current[s], rate[s])


@njit(cache=True, nogil=True, error_model="numpy")
def integrate(net, initial, duration, level, pattern, steps, traces):
    """Play every run's segments and fill in `traces`.

    `initial` is (B, M) in V s, `duration` (B, T) in s, `level` (B, T, S) in V with NaN for a floating source,
    `pattern` (B, T) the row of ``net.slot``, `steps` (B, T) how many steps each recorded part of a segment takes.
    """
    runs, segments = duration.shape
    parts = traces.phi.shape[1] // segments - 1
    nodes, branches, cells = net.slot.shape[1], net.plus.size, net.a.size
    volt, current, rate = np.zeros((5, nodes)), np.zeros((5, branches)), np.zeros((5, cells))
    phi, start, mode = np.zeros(cells), np.zeros(cells), np.zeros(cells, np.int64)
    g = net.conductance.copy()
    all_rhs, all_matrix = np.zeros(nodes), np.zeros((nodes, nodes))
    weights = np.array([1.0, 2.0, 2.0, 1.0]) / 6.0
    for b in range(runs):
        for k in range(cells):
            phi[k] = initial[b, k]
        area, charge, energy = np.zeros(nodes), np.zeros(branches), np.zeros(branches)
        for t in range(segments):
            slot = net.slot[pattern[b, t]]
            unknowns, largest = 0, 0.0
            for n in range(nodes):
                unknowns = max(unknowns, slot[n] + 1)
            rhs, matrix = all_rhs[:unknowns], all_matrix[:unknowns, :unknowns]
            for stage in range(5):
                for n in range(nodes):
                    volt[stage, n] = 0.0
                for s in range(net.sources.size):
                    if not np.isnan(level[b, t, s]):
                        volt[stage, net.sources[s]] = level[b, t, s]
                        largest = max(largest, abs(level[b, t, s]))
            small, resting = ROUNDING * largest, largest == 0.0
            _restart(net, slot, phi, mode, g, matrix, rhs, volt, current, rate, small)
            _record(traces, b, t * (parts + 1), phi, volt, area, current, charge, energy)
            for part in range(parts):
                length = duration[b, t] / parts
                if resting:
                    for k in range(cells):
                        if net.volatile[k]:
                            phi[k] *= np.exp(-net.d[k] * length)
                    length = 0.0
                count = steps[b, t] if length > 0.0 else 0
                for step in range(count):
                    left, splits = length / count, 0
                    while left > 0.0:
                        h = left
                        _copy(phi, start)
                        _step(net, slot, h, start, phi, mode, g, matrix, rhs, volt, current, rate)
                        margin = _margin(net, phi, mode, volt[4], small)
                        if margin < 0.0 and splits < SPLITS:
                            h = _past_kink(
                                net, slot, h, margin, start, phi, mode, g, matrix, rhs, volt, current, rate, small
                            )
                        for s in range(4):
                            for n in range(nodes):
                                area[n] += h * weights[s] * volt[s, n]
                            for e in range(branches):
                                charge[e] += h * weights[s] * current[s, e]
                                v = volt[s, net.plus[e]] - volt[s, net.minus[e]]
                                energy[e] += h * weights[s] * v * current[s, e]
                        left = left - h if h < left else 0.0
                        if margin < 0.0:
                            splits += 1
                            _restart(net, slot, phi, mode, g, matrix, rhs, volt, current, rate, small)
                        else:
                            _copy(volt[4], volt[0])
                            _copy(current[4], current[0])
                            _copy(rate[4], rate[0])
                    if splits == 0 and _still(start, phi):
                        rest = length / count * (count - 1 - step)
                        _settled(net, rest, volt[0], current[0], area, charge, energy)
                        break
                _record(traces, b, t * (parts + 1) + part + 1, phi, volt, area, current, charge, energy)


@njit(cache=True, error_model="numpy")
def _still(start, phi):
    """Whether no flux moves any more: the method is stable, so from here on none will."""
    moved = 0
    for k in range(phi.size):
        moved += not abs(phi[k] - start[k]) <= STILL * abs(phi[k])
    return moved == 0


@njit(cache=True, error_model="numpy")
def _settled(net, length, volt, current, area, charge, energy):
    """Add `length` seconds of constant voltages and currents."""
    for n in range(volt.size):
        area[n] += length * volt[n]
    for e in range(current.size):
        charge[e] += length * current[e]
        energy[e] += length * current[e] * (volt[net.plus[e]] - volt[net.minus[e]])


@njit(cache=True, error_model="numpy")
def _restart(net, slot, phi, mode, g, matrix, rhs, volt, current, rate, small):
    """Clip the fluxes of eq 4, and set the modes and row 0 from the fluxes alone."""
    for k in range(phi.size):
        if not net.volatile[k]:
            phi[k] = max(phi[k], 0.0)
        mode[k] = 1 if phi[k] < 0.0 else 0
    for attempt in range(2):
        _evaluate(net, slot, phi, mode, g, matrix, rhs, volt[0], current[0], rate[0])
        if attempt == 0:  # the voltages, and with them the modes, need the fluxes' signs only
            _set_modes(net, phi, mode, volt[0], small)


@njit(cache=True, error_model="numpy")
def _past_kink(net, slot, h, margin, start, phi, mode, g, matrix, rhs, volt, current, rate, small):
    """Shorten a step of `h`, after which the margin is negative, to end just past the kink; gives the length."""
    low, high, at_low, at_high, whole = 0.0, h, max(_margin(net, start, mode, volt[0], small), 0.0), margin, margin
    side = 0
    for attempt in range(60):
        found_it = attempt == 59 or high - low <= 1e-9 * h or at_high >= 1e-10 * whole
        # regula falsi in the Illinois variant; the bracket must not be hit exactly
        middle = high - at_high * (high - low) / (at_high - at_low)
        middle = min(max(middle, low + 1e-3 * (high - low)), high - 1e-3 * (high - low))
        middle = high if found_it else middle
        _step(net, slot, middle, start, phi, mode, g, matrix, rhs, volt, current, rate)
        found = _margin(net, phi, mode, volt[4], small)
        if found_it:
            break
        if found < 0.0:
            high, at_high = middle, found
            if side == -1:
                at_low *= 0.5
            side = -1
        else:
            low, at_low = middle, found
            if side == 1:
                at_high *= 0.5
            side = 1
    return high


@njit(cache=True, error_model="numpy")
def _record(traces, b, k, phi, volt, area, current, charge, energy):
    _copy(phi, traces.phi[b, k])
    _copy(volt[0], traces.voltage[b, k])
    _copy(area, traces.area[b, k])
    _copy(current[0], traces.current[b, k])
    _copy(charge, traces.charge[b, k])
    _copy(energy, traces.energy[b, k])


@njit(cache=True)
def _copy(origin, target):
    for k in range(origin.size):
        target[k] = origin[k]
