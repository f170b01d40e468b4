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
    "chances", "theta_share", "lowered", "history_depth", "history", "taken",
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
_DEPTH, _HISTORY, _TAKEN = (NAMES.index(name) for name in ("history_depth", "history", "taken"))
_LEARN, _RESET_ALL, _STOCHASTIC, _LATENCY = 1, 2, 4, 8
_MEMBRANE_OPTION, _MARGIN_OPTION = 2, 8
_ALWAYS = 65536
_INHIBITED_UNTIL, _EXEMPT, _PRESENTING, _MISSED = range(4)
_ADVANCE = 0x8000
_WORD = 0xFFFFFFFF
_MANTISSA, _MANTISSA_BITS, _LEAST_SHIFT, _FRACTION_BITS, _LATE = (1 << 18) - 1, 18, 20, 24, 0xFFFF
_END, _LOWEST = 0x8000, -(1 << 31)


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
    weights : (rows, cols) array of uint8
        MEMDUCTANCE of the states, kept beside them for speed; `reweigh` makes it.
    counts : (cols,) array
    theta, membrane, until : (cols,) arrays of int32
        Neurons; `until` is the tick at which one listens again.
    log : (log_depth, 2) array
        Tick and neuron of output spikes.
    last : (rows,) array
        Tick of a row's last spike or `NEVER`.
    blocked : (4,) array
        Tick until which neurons are inhibited, and the neuron that is not; whether an image is presented, and whether
        one of its spikes has found no room in the history.
    ready : (cols,) array of bool
        Scratch.
    head : (slots,) array
        Encoder: 1 + the first row that is due in each of the next ticks, 0 for none.
    following, blank : (rows,) arrays
        1 + the row that is due in the same tick behind this one, or 0; whether the row only draws then.
    logarithm : (2, 256) array
        Tables `LOGARITHM` and `SLOPE` of `gateware.logarithm`.
    history : (history_depth,) array
        Output spikes of presentations that the host has not taken yet.
    """

    registers: NDArray[np.int64]
    states: NDArray[np.uint16]
    memductance: NDArray[np.int64]
    potentiation: NDArray[np.int64]
    depression: NDArray[np.int64]
    code: NDArray[np.int64]
    drive: NDArray[np.int64]
    columns: NDArray[np.int64]
    weights: NDArray[np.uint8]
    theta: NDArray[np.int32]
    counts: NDArray[np.int64]
    membrane: NDArray[np.int32]
    until: NDArray[np.int32]
    log: NDArray[np.int64]
    last: NDArray[np.int64]
    blocked: NDArray[np.int64]
    ready: NDArray[np.bool_]
    head: NDArray[np.int64]
    following: NDArray[np.int64]
    blank: NDArray[np.bool_]
    logarithm: NDArray[np.int64]
    history: NDArray[np.int64]


@njit(cache=True)
def reweigh(m):
    """Look the weights of all states up."""
    rows, lanes, shift = m.last.size, m.states.shape[1], m.registers[_STATE_BITS] - 8
    for n in range(m.theta.size):
        base, lane = n // lanes * rows, n % lanes
        for row in range(rows):
            m.weights[row, n] = m.memductance[m.states[base + row, lane] >> shift]


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
def _advance(reg, v):
    """Advance by one tick; the caller has made sure that there is one left."""
    reg[_NOW] += 1
    keep = reg[_KEEP]
    if keep < 65536 and reg[_V_BITS] <= 16:
        # The product has 32 bits: half the work of the one below.
        factor, half = np.uint32(keep), np.uint32(32768)
        for n in range(v.size):
            v[n] = np.uint32(np.uint32(np.uint32(v[n]) * factor) + half) >> np.uint32(16)
    elif keep != 65536:
        mask = (1 << reg[_V_BITS]) - 1
        for n in range(v.size):
            v[n] = ((v[n] * keep + 32768) >> 16) & mask


@njit(cache=True)
def _add(weights, v, until, theta, now, full, threshold):
    """All neurons that are not refractory add their weights; whether any is at its threshold then.

    In 32 bits and without branches, so that a compiler does eight neurons at once.
    """
    now, full = np.int32(now), np.int32(full)
    top = np.int32(_LOWEST)
    for n in range(v.size):
        listens = np.int32(-1) if now >= until[n] else np.int32(0)
        after = np.int32(min(np.int32(v[n] + np.int32(weights[n] & listens)), full))
        v[n] = after
        above = np.int32(after - theta[n])
        top = max(top, above if listens else np.int32(_LOWEST))
    return top >= threshold


@njit(cache=True)
def _event(reg, last, weights, v, until, theta, blocked, row):
    """An input spike, up to the neurons that are ready: whether there are any.

    Takes arrays instead of all of the state: handing that over would cost more than the spike.
    """
    now, full, threshold = reg[_NOW], (1 << reg[_V_BITS]) - 1, reg[_THRESHOLD] - (reg[_LOWERED] >> 16)
    last[row] = now
    reg[_EVENTS] = (reg[_EVENTS] + 1) & _WORD
    if now >= blocked[_INHIBITED_UNTIL]:
        return _add(weights[row], v, until, theta, now, full, threshold)
    n = blocked[_EXEMPT]
    if n < 0 or now < until[n]:
        return False
    v[n] = min(v[n] + weights[row, n], full)
    return v[n] >= threshold + theta[n]


@njit(cache=True)
def _settle(m):
    """Let the ready neurons fire after an input spike: the winner, or all of them where nothing inhibits."""
    reg = m.registers
    now, threshold = reg[_NOW], reg[_THRESHOLD] - (reg[_LOWERED] >> 16)
    highest, margin = reg[_OPTIONS] & _MEMBRANE_OPTION, reg[_OPTIONS] & _MARGIN_OPTION
    free, exempt = now >= m.blocked[_INHIBITED_UNTIL], m.blocked[_EXEMPT]
    winner, best = -1, np.int64(0)
    for n in range(m.theta.size):
        v, limit = np.int64(m.membrane[n]), threshold + m.theta[n]
        m.ready[n] = now >= m.until[n] and (free or n == exempt) and v >= limit
        if m.ready[n]:
            height = v - limit if margin else v
            if winner < 0 or ((highest or margin) and height > best):
                winner, best = n, height
    if reg[_INHIBITION] > 0:
        _fire(m, winner)
        return
    for n in range(m.ready.size):
        if m.ready[n]:
            _fire(m, n)


@njit(cache=True)
def _enter(reg, history, entry):
    history[reg[_HISTORY] % reg[_DEPTH]] = entry
    reg[_HISTORY] = (reg[_HISTORY] + 1) & _WORD


@njit(cache=True)
def _fire(m, n):
    reg = m.registers
    now, place = reg[_NOW], reg[_LOGGED] % reg[_LOG_DEPTH]
    m.log[place, 0], m.log[place, 1] = now, n
    reg[_LOGGED] = (reg[_LOGGED] + 1) & _WORD
    reg[_SPIKES] = (reg[_SPIKES] + 1) & _WORD
    m.counts[n] = min(m.counts[n] + 1, 65535)
    if m.blocked[_PRESENTING]:
        if (reg[_HISTORY] - reg[_TAKEN]) & _WORD < reg[_DEPTH] - 1:
            _enter(reg, m.history, n)
        else:
            m.blocked[_MISSED] = 1
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
        moved = min(max(((s << fraction) + step + u) >> fraction, np.int64(0)), (1 << bits) - 1)
        m.states[base + row, lane] = moved
        m.weights[row, n] = m.memductance[moved >> (bits - 8)]
        updates += 1
    reg[_RANDOM] = random
    reg[_UPDATES] = (reg[_UPDATES] + updates) & _WORD


@njit(cache=True)
def play(m, items):
    """EVENTS: play input spikes and advances; False at the first that is out of range, which has no effect."""
    reg, last, weights, v, until, theta, blocked = (
        m.registers, m.last, m.weights, m.membrane, m.until, m.theta, m.blocked
    )  # fmt: skip
    latest = (1 << reg[_T_BITS]) - 1
    for item in items:
        if item & _ADVANCE:
            ticks = item & ~_ADVANCE
            if reg[_NOW] + ticks > latest:
                return False
            for _ in range(ticks):
                _advance(reg, v)
        elif item < last.size:
            if _event(reg, last, weights, v, until, theta, blocked, item):
                _settle(m)
        else:
            return False
    return True


@njit(cache=True)
def _wait(logarithm, random, code):
    """Ticks until a pixel spikes, but for the one that it takes at least."""
    leading = 0
    while leading < 31 and not random & 0x80000000:
        random, leading = random << 1, leading + 1
    index, rest = random >> 23 & 0xFF, random >> 7 & 0xFFFF
    surprise = (leading << _FRACTION_BITS) + logarithm[0, index] - (logarithm[1, index] * rest >> 16)
    return min(surprise * (code & _MANTISSA) >> (_LEAST_SHIFT + (code >> _MANTISSA_BITS & 31)), _LATE)


@njit(cache=True)
def _schedule(reg, code, head, following, blank, logarithm, row, now):
    """Put a row on the list of the tick in which it spikes next, or draws again."""
    slots, never = head.size, False
    if reg[_FLAGS] & _LATENCY:
        wait = min(code, _LATE) - now
    else:
        reg[_ENCODER_RANDOM] = _xorshift(reg[_ENCODER_RANDOM])
        wait = 1 + _wait(logarithm, reg[_ENCODER_RANDOM], code)
        never = code & _MANTISSA == 0
    blank[row] = wait > slots
    due = now + min(wait, slots)
    if due < reg[_DURATION] and not never:
        following[row] = head[due % slots]
        head[due % slots] = row + 1


@njit(cache=True)
def present(m):
    """PRESENT: encode the image that is driven, and play it; there is room in the history."""
    reg, codes, drive, head, following, blank, logarithm = (
        m.registers, m.code, m.drive, m.head, m.following, m.blank, m.logarithm
    )  # fmt: skip
    last, weights, v, until, theta, blocked = m.last, m.weights, m.membrane, m.until, m.theta, m.blocked
    begin(m)
    for row in range(last.size - 1, -1, -1):
        if reg[_DURATION] > 0:
            _schedule(reg, codes[drive[row]], head, following, blank, logarithm, row, -1)
    blocked[_PRESENTING], blocked[_MISSED] = 1, 0
    for t in range(reg[_DURATION]):
        if t > 0:
            _advance(reg, v)
        slot = t % head.size
        due = head[slot]
        head[slot] = 0
        while due:
            row = due - 1
            due, drawn = following[row], blank[row]
            if not drawn and _event(reg, last, weights, v, until, theta, blocked, row):
                _settle(m)
            if drawn or not reg[_FLAGS] & _LATENCY:
                _schedule(reg, codes[drive[row]], head, following, blank, logarithm, row, t)
    _enter(reg, m.history, _END | blocked[_MISSED])
    blocked[_PRESENTING] = 0


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
