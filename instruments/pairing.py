"""How two channels of one source drive the lines of a crossbar: which lines are on which HI, which on LO, which open.

Both LO terminals are one. A train is played without moving a relay, so lines belong together that have the same voltage
in all of it: at most two such groups besides those at 0 V and those that float. A single column is on channel 2 alone,
at 0 V as well: a virtual ground, whose current is the column's whatever leaks elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.plan import PairPlan
from instruments.wiring import ALL, FULL, LONG, MOVED, READ, Passage, WantedReading, Wiring

Playable = Callable[[PairPlan], PairPlan]
"""Gives the plan with the currents that can be measured in it; `LimitError` if the model cannot play it."""

BOTH, COLUMN, ROW, NONE = (1, 1), (0, -1), (1, 0), (0, 0)
"""How a column's current follows from those of channels 1 and 2; none comes into a column that floats."""


@dataclass(frozen=True, eq=False)
class _Steps:
    """Segments of a waveform: voltages (T, L) of all lines, rows first, and which of them are rests."""

    volts: NDArray[np.float64]
    duration: NDArray[np.float64]
    measure: NDArray[np.bool_]
    rest: NDArray[np.bool_]
    rows: int

    @classmethod
    def of(cls, waveform: Waveform) -> _Steps:
        volts = np.concatenate([waveform.rows, waveform.cols], axis=1)
        rest = ~waveform.measure & (np.nan_to_num(volts) == 0).all(axis=1)
        return cls(volts, waveform.duration, waveform.measure, rest, waveform.lines[0])

    @property
    def cols(self) -> int:
        return self.volts.shape[1] - self.rows

    def goes_on(self, at: int) -> bool:
        """Whether a cell stays at its voltage, other than 0 V, from the step before `at` on."""
        if not 0 < at < len(self.volts):
            return False
        before, after = (self.volts[k, : self.rows, None] - self.volts[k, None, self.rows :] for k in (at - 1, at))
        return bool(((before == after) & (after != 0)).any())


def pair_passages(
    waveform: Waveform,
    *,
    serial: bool,
    gaps: bool,
    host_rest: float,
    playable: Playable,
) -> list[Passage]:
    """Cut a waveform into trains that two channels can play together, with rests between them.

    A train goes on as long as the instrument can hold it; it is cut at a rest, and never within a pulse.

    Parameters
    ----------
    waveform : Waveform
        At most two voltages other than 0 V in every segment, unless it drives a single cell.
    serial, gaps : bool
        As in `instruments.wiring.passages`.
    host_rest : float
        Rests at least this long are waited for by the host, with the outputs off, s.
    playable : callable
        Gives the plan with the currents that can be measured in it; `LimitError` if the model cannot play it.

    Raises
    ------
    LimitError
        If a segment needs a current that cannot be told apart, or no cut makes a train that can be played.
    """
    steps = _Steps.of(waveform)
    if waveform.lines == (1, 1) and np.isnan(steps.volts).any():
        t = int(np.flatnonzero(np.isnan(steps.volts).any(axis=1))[0])
        raise LimitError(f"segment {t}: a line is left floating, and there is no relay to open it")
    bursts = _bursts(steps, serial, gaps)
    found: list[Passage] = []
    rest, at = _rest_before(steps, bursts, 0), 0
    while at < len(bursts):
        last, why = _longest(steps, bursts, at, host_rest, playable)
        first, end = bursts[at][0], bursts[last][1]
        if last + 1 == len(bursts) and steps.duration[end:].sum() < host_rest:
            whole = _train(steps, first, len(steps.volts), rest, why, None)
            if whole.plan is not None and _can(playable, whole):
                end = len(steps.volts)
        found.append(_train(steps, first, end, rest, why, playable))
        at = last + 1
        rest = _rest_before(steps, bursts, at, end)
    if rest:
        found.append(Passage(None, rest, None, (), len(steps.volts) - 1))
    return found


def _bursts(steps: _Steps, serial: bool, gaps: bool) -> list[tuple[int, int]]:
    """Stretches [first, end) that have to be in one train; between them are rests, or cuts that `gaps` allows."""
    found: list[tuple[int, int]] = []
    first: int | None = None
    for k in range(len(steps.volts)):
        if steps.rest[k]:
            if first is not None:
                found.append((first, k))
            first = None
            continue
        _require_told_apart(steps, k, serial)
        if first is not None and _wired(steps, first, k + 1) is None:
            _require_cut(steps, k, gaps)
            found.append((first, k))
            first = None
        first = k if first is None else first
        if steps.measure[k] and steps.cols > 1:
            # Its currents are told apart by reads, once the train is over.
            _require_cut(steps, k + 1, True)
            found.append((first, k + 1))
            first = None
    if first is not None:
        found.append((first, len(steps.volts)))
    return found


def _require_told_apart(steps: _Steps, k: int, serial: bool) -> None:
    if not steps.measure[k] or steps.cols == 1:
        return
    if not serial:
        raise LimitError(
            f"segment {k}: one channel measures one column, {steps.cols} are wanted; serial=true tells them apart by "
            f"{steps.cols} or more reads after every measured segment"
        )
    lines = steps.volts[k]
    if np.isnan(lines).any():
        raise LimitError(f"segment {k}: a line is left floating, the currents of several columns cannot be told apart")
    if len(set(lines[lines != 0].tolist())) > 1:
        raise LimitError(
            f"segment {k}: two voltages besides 0 V at once, the currents of several columns cannot be told apart by "
            "reads: measure a segment with one"
        )


def _require_cut(steps: _Steps, k: int, gaps: bool) -> None:
    """Refuse to end a train before segment `k` where that makes two pulses of one, or takes time that is not there."""
    if steps.goes_on(k):
        raise LimitError(
            f"segment {k}: a pulse goes on from the segment before, and would become two, for other lines are driven, "
            "or its currents are told apart by reads after it: relays move at 0 V only; or put a rest between them"
        )
    if not gaps:
        raise LimitError(
            f"segment {k}: other lines are driven than just before, relays move at 0 V only: put a rest between them, "
            "or gaps=true adds one"
        )


def _rest_before(steps: _Steps, bursts: Sequence[tuple[int, int]], at: int, end: int = 0) -> float:
    first = bursts[at][0] if at < len(bursts) else len(steps.volts)
    return float(steps.duration[end:first].sum())


def _longest(
    steps: _Steps,
    bursts: Sequence[tuple[int, int]],
    at: int,
    host_rest: float,
    playable: Playable,
) -> tuple[int, str]:
    """Last burst that still fits into a train that begins with burst `at`, and why it is cut there."""
    furthest, why = at, ""
    while furthest + 1 < len(bursts):
        (_, end), (first, _) = bursts[furthest], bursts[furthest + 1]
        if first == end or (steps.measure[end - 1] and steps.cols > 1):
            why = MOVED if first == end else READ
            break
        if steps.duration[end:first].sum() >= host_rest:
            why = LONG
            break
        furthest += 1

    def fits(last: int) -> bool:
        train = _train(steps, bursts[at][0], bursts[last][1], 0.0, "", None)
        return train.plan is not None and _can(playable, train)

    if furthest == at or fits(furthest):
        return furthest, why
    # Twice as many as long as they fit, then the middle between what fits and what does not.
    fitting, step = at, 1
    while fitting + step < furthest and fits(fitting + step):
        fitting, step = fitting + step, 2 * step
    beyond = min(fitting + step, furthest)
    while beyond - fitting > 1:
        middle = (fitting + beyond) // 2
        fitting, beyond = (middle, beyond) if fits(middle) else (fitting, middle)
    return fitting, MOVED if _wired(steps, bursts[at][0], bursts[fitting + 1][1]) is None else FULL


def _can(playable: Playable, passage: Passage) -> bool:
    assert isinstance(passage.plan, PairPlan)
    try:
        playable(passage.plan)
    except LimitError:
        return False
    return True


def _wired(steps: _Steps, first: int, end: int) -> tuple[Wiring | None, NDArray[np.float64]] | None:
    """Lines on the terminals, and voltages (T, 2) of both channels, for some steps; None where relays would move."""
    if steps.volts.shape[1] == 2:
        pair: NDArray[np.float64] = steps.volts[first:end]
        return None, pair
    volts, alive = steps.volts[first:end], ~steps.rest[first:end]
    floats = np.isnan(volts)
    open_: NDArray[np.bool_] = np.any(floats[alive], axis=0)
    if not np.array_equal(floats[alive], np.broadcast_to(open_, floats[alive].shape)):
        return None
    histories = [np.nan_to_num(volts[:, k]) for k in range(volts.shape[1])]
    groups: dict[bytes, list[int]] = {}
    for k, history in enumerate(histories):
        if not open_[k]:
            groups.setdefault((history + 0.0).tobytes(), []).append(k)
    zero = np.zeros(end - first).tobytes()
    low = groups.pop(zero, [])
    column = steps.rows
    if steps.cols == 1 and not open_[column]:
        rows = [own for own in ([k for k in g if k != column] for g in groups.values()) if own]
        if len(rows) < 2:
            second: list[int] = [column]
            high, low = (rows[0] if rows else []), [k for k in low if k != column]
        elif len(rows) == 2 and column in low:
            high, second = rows
        else:
            return None
    elif len(groups) > 2:
        return None
    else:
        ordered = sorted(groups.values(), key=lambda group: group[0])
        high, second = [*ordered, [], []][:2]
        if high and not second and high[0] >= steps.rows:
            high, second = [], high
    levels = np.column_stack([histories[g[0]] if g else np.zeros(end - first) for g in (high, second)])
    return Wiring(tuple(high), tuple(low), tuple(second)), levels


def _train(steps: _Steps, first: int, end: int, rest: float, why: str, playable: Playable | None) -> Passage:
    """The train of some steps; without a plan where relays would have to move."""
    found = _wired(steps, first, end)
    if found is None:
        return Passage(None, rest, None, (), first)
    wiring, levels = found
    measure = steps.measure[first:end]
    plan = PairPlan(levels, steps.duration[first:end], np.repeat(measure[:, None], 2, axis=1))
    if playable is not None:
        plan = playable(plan)
    readings = tuple(
        WantedReading(first + int(k), *_column(steps, wiring, plan, int(k))) for k in np.flatnonzero(measure)
    )
    return Passage(wiring, rest, plan, readings, first, why)


def _column(steps: _Steps, wiring: Wiring | None, plan: PairPlan, k: int) -> tuple[int, int, tuple[int, int]]:
    """Column of a measured step, its sign, and how its current follows from those of both channels."""
    if steps.cols > 1:
        return ALL, 1, BOTH
    if wiring is not None and steps.rows not in (*wiring.high, *wiring.low, *wiring.second):
        return 0, 1, NONE
    if wiring is not None and wiring.second != (steps.rows,):
        return 0, 1, BOTH
    return 0, 1, COLUMN if plan.measure[k, 1] else ROW
