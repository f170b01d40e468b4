"""State of the golden model, and the compiled functions of docs/emulator.md that change it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit

NEVER = -1
"""In `Machine.last`: the row has not spiked."""

NAMES = (
    "identity", "version", "build", "rows", "cols", "lanes", "state_bits", "cell", "v_bits", "t_bits", "log_depth",
    "options", "clock", "cycles", "events", "spikes", "updates", "link_errors", "logged", "tick", "flags", "threshold",
    "keep", "inhibition", "refractory", "window", "theta_plus", "theta_keep", "duration", "random", "encoder_random",
    "chances", "theta_share", "lowered",
)  # fmt: skip
"""Registers in the order of `Machine.registers`.

Not taken from `gateware.protocol`, and neither are the flags: numba bakes both into code that it keeps for as long as
this file does not change.
"""

_ROWS, _STATE_BITS, _CELL, _V_BITS, _T_BITS, _LOG_DEPTH, _OPTIONS = (
    NAMES.index(name) for name in ("rows", "state_bits", "cell", "v_bits", "t_bits", "log_depth", "options")
)
_EVENTS, _SPIKES, _UPDATES, _LOGGED, _NOW = (
    NAMES.index(name) for name in ("events", "spikes", "updates", "logged", "tick")
)
_FLAGS, _THRESHOLD, _KEEP, _INHIBITION, _REFRACTORY, _WINDOW = (
    NAMES.index(name) for name in ("flags", "threshold", "keep", "inhibition", "refractory", "window")
)
_THETA_PLUS, _THETA_KEEP, _DURATION, _RANDOM, _ENCODER_RANDOM = (
    NAMES.index(name) for name in ("theta_plus", "theta_keep", "duration", "random", "encoder_random")
)
_CHANCES, _THETA_SHARE, _LOWERED = (NAMES.index(name) for name in ("chances", "theta_share", "lowered"))
_LEARN, _RESET_ALL, _STOCHASTIC, _LATENCY = 1, 2, 4, 8
_MEMBRANE_OPTION, _MARGIN_OPTION = 2, 8
_ALWAYS = 65536
_INHIBITED_UNTIL, _EXEMPT = range(2)
_ADVANCE = 0x8000
_WORD = 0xFFFFFFFF


class Machine(NamedTuple):
    """State of the golden model: registers, memories, neurons.

    Attributes
    ----------
    registers : (R,) array
        In the order of `NAMES`; sizes are among them.
    states : (words, lanes) array of uint16
        Word ``group * rows + row``.
    memductance, potentiation, depression, code : (256,) arrays
        Tables.
    drive : (rows,) array
    columns : (cols,) array
        What is driven.
    theta, counts, membrane, until : (cols,) arrays
        Neurons; `until` is the tick at which one listens again.
    log : (log_depth, 2) array
        Tick and neuron of output spikes.
    last : (rows,) array
        Tick of a row's last spike or `NEVER`.
    blocked : (2,) array
        Tick until which neurons are inhibited, and the neuron that is not.
    ready : (cols,) array of bool
        Scratch.
    """

    registers: NDArray[np.int64]
    states: NDArray[np.uint16]
    memductance: NDArray[np.int64]
    potentiation: NDArray[np.int64]
    depression: NDArray[np.int64]
    code: NDArray[np.int64]
    drive: NDArray[np.int64]
    columns: NDArray[np.int64]
    theta: NDArray[np.int64]
    counts: NDArray[np.int64]
    membrane: NDArray[np.int64]
    until: NDArray[np.int64]
    log: NDArray[np.int64]
    last: NDArray[np.int64]
    blocked: NDArray[np.int64]
    ready: NDArray[np.bool_]


@njit(cache=True, inline="always")
def _xorshift(x):
    x ^= (x << 13) & _WORD
    x ^= x >> 17
    return x ^ ((x << 5) & _WORD)


@njit(cache=True)
def begin(m):
    """BEGIN: start a presentation; membranes, counts and log are cleared, thresholds decay."""
    reg = m.registers
    m.membrane[:] = 0
    m.counts[:] = 0
    m.until[:] = 0
    m.last[:] = NEVER
    m.blocked[_INHIBITED_UNTIL], m.blocked[_EXEMPT] = 0, -1
    reg[_LOGGED] = 0
    reg[_NOW] = 0
    for n in range(m.theta.size):
        m.theta[n] = ((m.theta[n] * reg[_THETA_KEEP] + 32768) >> 16) & 0xFFFF


@njit(cache=True)
def _advance(m):
    """Advance by one tick; the caller has made sure that there is one left."""
    reg = m.registers
    reg[_NOW] += 1
    keep = reg[_KEEP]
    if keep != 65536:
        mask = (1 << reg[_V_BITS]) - 1
        for n in range(m.membrane.size):
            m.membrane[n] = ((m.membrane[n] * keep + 32768) >> 16) & mask


@njit(cache=True)
def _event(m, row):
    reg, lanes = m.registers, m.states.shape[1]
    now, cols = reg[_NOW], m.theta.size
    m.last[row] = now
    reg[_EVENTS] = (reg[_EVENTS] + 1) & _WORD
    full, threshold = (1 << reg[_V_BITS]) - 1, reg[_THRESHOLD] - (reg[_LOWERED] >> 16)
    shift, highest, margin = reg[_STATE_BITS] - 8, reg[_OPTIONS] & _MEMBRANE_OPTION, reg[_OPTIONS] & _MARGIN_OPTION
    free, exempt = now >= m.blocked[_INHIBITED_UNTIL], m.blocked[_EXEMPT]
    winner, best = -1, 0
    for first in range(0, cols, lanes):
        word = m.states[first // lanes * reg[_ROWS] + row]
        for n in range(first, min(first + lanes, cols)):
            m.ready[n] = False
            if now >= m.until[n] and (free or n == exempt):
                v = min(m.membrane[n] + m.memductance[word[n - first] >> shift], full)
                m.membrane[n] = v
                if v >= threshold + m.theta[n]:
                    m.ready[n] = True
                    height = v - (threshold + m.theta[n]) if margin else v
                    if winner < 0 or ((highest or margin) and height > best):
                        winner, best = n, height
    if winner < 0:
        return
    if reg[_INHIBITION] > 0:
        _fire(m, winner)
        return
    for n in range(cols):
        if m.ready[n]:
            _fire(m, n)


@njit(cache=True)
def _fire(m, n):
    reg = m.registers
    now, place = reg[_NOW], reg[_LOGGED] % reg[_LOG_DEPTH]
    m.log[place, 0], m.log[place, 1] = now, n
    reg[_LOGGED] = (reg[_LOGGED] + 1) & _WORD
    reg[_SPIKES] = (reg[_SPIKES] + 1) & _WORD
    m.counts[n] = min(m.counts[n] + 1, 65535)
    if reg[_FLAGS] & _LEARN and reg[_CELL] == 0:
        program(m, n, False)
    if reg[_FLAGS] & _RESET_ALL:
        m.membrane[:] = 0
    else:
        m.membrane[n] = 0
    m.until[n] = now + reg[_REFRACTORY]
    m.theta[n] = min(m.theta[n] + reg[_THETA_PLUS], 65535)
    reg[_LOWERED] = min(reg[_LOWERED] + reg[_THETA_SHARE], _WORD)
    if reg[_INHIBITION] > 0:
        m.blocked[_INHIBITED_UNTIL], m.blocked[_EXEMPT] = now + reg[_INHIBITION], n


@njit(cache=True)
def program(m, n, driven):
    """PROGRAM: a pulse on every cell of column n, by `m.drive` if `driven`, else by STDP."""
    reg, lanes = m.registers, m.states.shape[1]
    bits = reg[_STATE_BITS]
    fraction, now, random = 16 - bits, reg[_NOW], reg[_RANDOM]
    stochastic, lots = reg[_FLAGS] & _STOCHASTIC, reg[_CHANCES] < _ALWAYS and not driven
    u = 1 << fraction >> 1
    base, lane, updates = n // lanes * reg[_ROWS], n % lanes, 0
    for row in range(m.last.size):
        if stochastic or lots:
            random = _xorshift(random)
        if stochastic:
            u = random >> (32 - fraction)
        if lots and random & 0xFFFF >= reg[_CHANCES]:
            continue
        if driven:
            up, down = m.drive[row] == 1, m.drive[row] == 255
        else:
            up = m.last[row] != NEVER and now - m.last[row] <= reg[_WINDOW]
            down = not up
        if not (up or down):
            continue
        s = np.int64(m.states[base + row, lane])
        step = m.potentiation[s >> (bits - 8)] if up else -m.depression[s >> (bits - 8)]
        s = ((s << fraction) + step + u) >> fraction
        m.states[base + row, lane] = min(max(s, 0), (1 << bits) - 1)
        updates += 1
    reg[_RANDOM] = random
    reg[_UPDATES] = (reg[_UPDATES] + updates) & _WORD


@njit(cache=True)
def play(m, items):
    """EVENTS: play input spikes and advances; False at the first that is out of range, which has no effect."""
    last = (1 << m.registers[_T_BITS]) - 1
    for item in items:
        if item & _ADVANCE:
            ticks = item & ~_ADVANCE
            if m.registers[_NOW] + ticks > last:
                return False
            for _ in range(ticks):
                _advance(m)
        elif item < m.last.size:
            _event(m, item)
        else:
            return False
    return True


@njit(cache=True)
def present(m):
    """PRESENT: encode the image that is driven, and play it."""
    reg = m.registers
    begin(m)
    latency, random = reg[_FLAGS] & _LATENCY, reg[_ENCODER_RANDOM]
    for t in range(reg[_DURATION]):
        if t > 0:
            _advance(m)
        for row in range(m.last.size):
            code = m.code[m.drive[row]]
            if latency:
                spikes = code == t
            else:
                random = _xorshift(random)
                spikes = random >> 8 < code
            if spikes:
                _event(m, row)
    reg[_ENCODER_RANDOM] = random


@njit(cache=True)
def segment(m, gain, decay):
    """SEGMENT: one step of the closed form of the FLCA memristor, for all cells."""
    reg, lanes = m.registers, m.states.shape[1]
    highest, rows, cols = (1 << reg[_STATE_BITS]) - 1, m.last.size, m.theta.size
    for n in range(cols):
        base, lane = n // lanes * rows, n % lanes
        for row in range(rows):
            c, s = m.drive[row] - m.columns[n], np.int64(m.states[base + row, lane])
            change = gain * c - ((decay * s) >> 8)
            if c >= 0:
                change = max(change, 0)
            m.states[base + row, lane] = min(max(s + ((change + 32768) >> 16), 0), highest)
    reg[_UPDATES] = (reg[_UPDATES] + rows * cols) & _WORD
