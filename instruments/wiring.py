"""How one source drives the lines of a crossbar: which lines are on HI, which on LO, which are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.plan import PairPlan, Plan


@dataclass(frozen=True)
class Wiring:
    """Lines of a crossbar on the terminals of a source; rows are counted first, then columns.

    Attributes
    ----------
    high, low : tuple of int
        Lines on HI and on LO; all others are open.
    second : tuple of int
        Lines on HI of channel 2, where a session has two.
    """

    high: tuple[int, ...]
    low: tuple[int, ...]
    second: tuple[int, ...] = ()


class Router(Protocol):
    """Moves the relays between a source and the lines."""

    @property
    def relay_time(self) -> float:
        """Seconds from the first message until the new contacts are settled."""

    def route(self, wiring: Wiring) -> None:
        """Open what is closed, then close what is wanted, and read it back; the output must be off."""

    def explain(self, wiring: Wiring, *, moved: bool = False) -> list[str]:
        """Messages that `route` sends; `moved` if relays were moved before."""

    def farewell(self, *, moved: bool = False) -> list[str]:
        """Messages that `close` sends; `moved` if relays were moved before."""

    def close(self) -> None:
        """Open all relays and let go."""


ALL = -1
"""In place of a column: the current is that of several columns together."""

NOBODY = -1
"""In place of a segment: the reading was not asked for."""


@dataclass(frozen=True)
class WantedReading:
    """Which segment and which column of a waveform a measured current belongs to, and with which sign.

    Attributes
    ----------
    segment : int
        Of the waveform, or `NOBODY`.
    col : int
        Column that it flows out of the array into, or `ALL`.
    sign : int
        1 if that is the direction of a positive current out of HI, -1 if it is the other, 0 into a column that floats.
    weights : (int, int)
        How it follows from the currents of channels 1 and 2, where both are played.
    """

    segment: int
    col: int
    sign: int
    weights: tuple[int, int] = (1, 0)


@dataclass(frozen=True, eq=False)
class Passage:
    """A train that is played without moving a relay, after a rest that the host waits for.

    Attributes
    ----------
    wiring : Wiring or None
        None where any does.
    rest : float
        Seconds at 0 V before it.
    plan : Plan, PairPlan or None
        None for a rest at the end.
    readings : tuple of WantedReading
        One for every measured step.
    first : int
        Segment that it begins with.
    cut : str
        Why a waveform is cut behind it, where it is.
    """

    wiring: Wiring | None
    rest: float
    plan: Plan | PairPlan | None
    readings: tuple[WantedReading, ...]
    first: int
    cut: str = ""


@dataclass
class _Step:
    level: float
    duration: float
    wiring: Wiring | None
    readings: tuple[WantedReading, ...]
    segment: int


def passages(
    waveform: Waveform, *, serial: bool, gaps: bool, points: int, time_step: float, host_rest: float
) -> list[Passage]:
    """Cut a waveform into trains that one source can play, with rests between them; a short one at the end is played.

    Parameters
    ----------
    waveform : Waveform
        At most one voltage other than 0 V in every segment, unless it drives a single cell.
    serial : bool
        Whether the currents of several columns may be told apart by reads after every measured segment, at which the
        train is cut.
    gaps : bool
        Whether a train may be cut, at 0 V, where the waveform has no rest.
    points : int
        Steps of equal length that one train may have.
    time_step : float
        Resolution of durations, s.
    host_rest : float
        Rests at least this long are waited for by the host, with the output off, s.

    Raises
    ------
    LimitError
        If a segment needs a current that one source cannot tell apart, a stretch without a rest is too long, or a train
        would have to be cut within a pulse, which would make two of it.
    """
    steps = [step for t in range(len(waveform)) for step in _steps(waveform, t, serial)]
    found: list[Passage] = []
    rest, at = 0.0, 0
    while at < len(steps):
        if _is_rest(steps[at]):
            rest, at = rest + steps[at].duration, at + 1
            continue
        end = _end_of_train(steps, at, points, time_step, host_rest, gaps)
        _require_whole_pulses(steps, end, waveform.lines[0])
        if all(_is_rest(step) and step.duration < host_rest for step in steps[end:]) and _fits(
            steps[at:], points, time_step
        ):
            end = len(steps)
        found.append(_passage(steps[at:end], rest, _why(steps, at, end, host_rest)))
        rest, at = 0.0, end
    if rest:
        found.append(Passage(None, rest, None, (), steps[-1].segment))
    return found


def _steps(waveform: Waveform, t: int, serial: bool) -> list[_Step]:
    rows, cols = waveform.rows[t], waveform.cols[t]
    duration, measured = float(waveform.duration[t]), bool(waveform.measure[t])
    if waveform.lines == (1, 1):
        level = float(rows[0] - cols[0])
        if np.isnan(level):
            raise LimitError(f"segment {t}: a line is left floating, and there is no relay to open it")
        return [_Step(level, duration, None, (WantedReading(t, 0, 1),) if measured else (), t)]
    lines = np.concatenate([rows, cols])
    level = next((float(v) for v in lines if v != 0 and not np.isnan(v)), 0.0)
    high = tuple(int(k) for k in np.flatnonzero(lines == level)) if level else ()
    low = tuple(int(k) for k in np.flatnonzero(lines == 0))
    if not high or not low:
        return [_Step(0.0, duration, None, (), t)]
    if not measured:
        return [_Step(level, duration, Wiring(high, low), (), t)]
    if len(cols) == 1:
        # A column that floats carries no current, but the rows may: their energy is measured.
        sign = 0 if np.isnan(cols[0]) else -1 if len(rows) in high else 1
        return [_Step(level, duration, Wiring(high, low), (WantedReading(t, 0, sign),), t)]
    if not serial:
        raise LimitError(
            f"segment {t}: one source measures one current, {len(cols)} columns are wanted; serial=true tells them "
            f"apart by {2 * len(cols) + 1} or more reads after every measured segment"
        )
    if np.isnan(lines).any():
        raise LimitError(f"segment {t}: a line is left floating, the currents of several columns cannot be told apart")
    return [_Step(level, duration, Wiring(high, low), (WantedReading(t, ALL, 1),), t)]


FULL = "the instrument holds no more in one train"
LONG = "a long rest, waited for with the outputs off"
MOVED = "other lines are driven next, relays move"
READ = "columns are told apart by reads"
"""Why a waveform is cut into several trains."""


def _why(steps: Sequence[_Step], at: int, end: int, host_rest: float) -> str:
    """Why the train from `at` to `end` ends there; nothing where no other follows."""
    following = next((k for k in range(end, len(steps)) if not _is_rest(steps[k])), None)
    if following is None:
        return ""
    if any(reading.col == ALL for reading in steps[end - 1].readings):
        return READ
    if any(step.duration >= host_rest for step in steps[end:following]):
        return LONG
    before = next((step.wiring for step in steps[at:end] if step.wiring is not None), None)
    return FULL if steps[following].wiring in (None, before) else MOVED


def _passage(train: Sequence[_Step], rest: float, cut: str) -> Passage:
    wiring = next((step.wiring for step in train if step.wiring is not None), None)
    plan = Plan([s.level for s in train], [s.duration for s in train], [bool(s.readings) for s in train])
    return Passage(wiring, rest, plan, tuple(r for s in train for r in s.readings), train[0].segment, cut)


def _fits(steps: Sequence[_Step], points: int, time_step: float) -> bool:
    whole = [max(1, round(step.duration / time_step)) for step in steps]
    return sum(whole) <= points * int(np.gcd.reduce(whole))


def _is_rest(step: _Step) -> bool:
    return step.level == 0.0 and not step.readings


def _same_level(steps: Sequence[_Step], at: int) -> float | None:
    """Level that the source holds from the step before `at` on, V; None if it changes there, or is 0 V."""
    if not 0 < at < len(steps) or steps[at].level != steps[at - 1].level:
        return None
    return steps[at].level or None


def _require_whole_pulses(steps: Sequence[_Step], end: int, rows: int) -> None:
    """Refuse to end a train where a cell would stay at its voltage; a waveform with `rows` rows."""
    if not 0 < end < len(steps):
        return
    before, after = steps[end - 1], steps[end]
    level, routed = after.level, before.wiring is not None and after.wiring is not None
    if level == 0 or (level != before.level and not (routed and level == -before.level)):
        return
    if before.wiring is not None and after.wiring is not None:
        up, down = after.wiring.high, after.wiring.low
        if level != before.level:
            # A cell between HI at V and LO is at the same voltage between LO and HI at -V.
            up, down = down, up
        high, low = set(before.wiring.high) & set(up), set(before.wiring.low) & set(down)
        kinds = [{line < rows for line in lines} for lines in (high, low)]
        if not any(kind in kinds[0] and (not kind) in kinds[1] for kind in (True, False)):
            return
    why = "other lines are driven, and relays move at 0 V only"
    if any(reading.col == ALL for reading in before.readings):
        why = f"the currents of segment {before.segment} are told apart by reads after it: measure the last one only"
    raise LimitError(
        f"segment {after.segment}: a pulse of {level:g} V goes on from the segment before, and would become two, for "
        f"{why}; or put a rest between them"
    )


def _end_of_train(steps: Sequence[_Step], at: int, points: int, time_step: float, host_rest: float, gaps: bool) -> int:
    """First step that no longer belongs to the train from `at` on; rests at its end do not."""
    wiring, unit, length, safe, end = None, 0, 0, None, at
    for k in range(at, len(steps)):
        step = steps[k]
        if _is_rest(step):
            safe = end
            if step.duration >= host_rest:
                return end
        elif step.wiring is not None and wiring not in (None, step.wiring):
            if end < k or gaps:
                return end
            raise LimitError(
                f"segment {step.segment}: other lines are driven than just before, relays move at 0 V only: put a rest "
                "between them, or gaps=true adds one"
            )
        wiring = wiring or step.wiring
        whole = max(1, round(step.duration / time_step))
        unit, length = int(np.gcd(unit, whole)), length + whole
        if length > points * unit:
            if safe is not None:
                return safe
            whole_pulses = (cut for cut in range(k, at, -1) if _same_level(steps, cut) is None)
            if gaps and (cut := next(whole_pulses, None)) is not None:
                return cut
            raise LimitError(
                f"segments {steps[at].segment} to {step.segment} need {length // unit} points of {unit * time_step:g} "
                f"s, a train has {points}: put a rest between them, or gaps=true adds one"
            )
        if not _is_rest(step):
            end = k + 1
        if any(reading.col == ALL for reading in step.readings):
            return end
    return end
