"""Sweeps: current against voltage, one loop or many; samples at the compliance, below the offset, without a reading."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.importing.kinds.groups import breaks, cells, cycle_column
from hil.importing.measured import CellData, cell_data
from hil.importing.numbers import ranges
from hil.importing.piece import Piece

FLAT_TOP = 5
"""Samples in a row at the largest current that make a compliance."""

AT_TOP = 2e-3
"""Share of the largest current by which samples at the compliance differ."""

SMALL = 0.02
"""Share of the peak voltage below which the direction of a current means nothing."""


def convert(piece: Piece) -> list[CellData]:
    """Cells of a table of voltages and currents."""
    drive = [q for q in ("time", "voltage", "pulse_voltage") if q in piece]
    told = [q for q in ("current", "abs_current", "resistance", "conductance") if q in piece][:1]
    piece = piece.without_blank_rows([*drive, *told])
    piece.require(drive)
    piece.tell_dropped(told)
    if piece.blank_note:
        piece.dropped.append(piece.blank_note)
    where = "voltage" if "voltage" in piece else "pulse_voltage"
    voltage, current = piece.values(where), _current(piece, where)
    found = []
    for name, rows in cells(piece):
        time = _time(piece, rows)
        stretch = _stretches(piece, rows, time)
        v, i = voltage[rows], current[rows].copy()
        source = f"{piece.path} ({name})" if name else piece.path
        tripped = _tripped(piece, rows, v, i)
        _leave_out_against(piece, rows, v, i)
        cycle = cycle_column(piece, rows)
        columns = {"time": time, "voltage": v, "current": i, "tripped": tripped}
        found.append(
            cell_data(
                "sweep", columns, len(rows), cell=name, source=source, lines=piece.lines[rows], stretch=stretch,
                cycle=loops(v, stretch) if cycle is None else cycle,
            )
        )  # fmt: skip
    return found


def _current(piece: Piece, where: str) -> NDArray[np.float64]:
    """(N,) A, NaN where it is not known."""
    voltage = piece.values(where)
    if "current" in piece:
        return piece.values("current")
    if "abs_current" in piece:
        piece.said.append(f"{piece.one('abs_current').named.shown} is a magnitude: it is given the voltage's sign")
        return np.abs(piece.values("abs_current")) * np.sign(voltage)
    if "resistance" in piece:
        piece.said.append("currents are voltages over resistances")
        return voltage / piece.values("resistance")
    piece.said.append("currents are voltages times conductances")
    return voltage * piece.values("conductance")


def _time(piece: Piece, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) s."""
    if "time" in piece and piece.request.dwell is None:
        return piece.values("time")[rows]
    if piece.request.dwell is not None:
        return np.arange(1.0, len(rows) + 1) * np.float64(piece.request.dwell)
    if "width" in piece:
        piece.require(("width",))
        piece.said.append(f"no times: every sample took its {piece.one('width').named.shown}")
        steps: NDArray[np.float64] = np.cumsum(piece.values("width")[rows])
        return steps
    raise piece.ask("no column of times (time_s): give the time between two samples with --dwell", "--dwell 10e-3")


def _stretches(piece: Piece, rows: NDArray[np.int64], time: NDArray[np.float64]) -> NDArray[np.int64]:
    """Parts within which time goes on; where it begins anew, so does a part."""
    parted = breaks(piece, rows)
    begun = 0
    for k in range(1, len(time)):
        if parted[k]:
            begun = k
        elif time[k] <= time[k - 1]:
            again = time[k] < time[k - 1] and time[k] - time[begun] <= 0.02 * (time[k - 1] - time[begun])
            if not again:
                name = piece.one("time").named.shown if "time" in piece else "time"
                raise InputError(
                    f"{piece.path}, line {piece.lines[rows[k]]}: {name} number {k + 1}, {time[k]:g} s, must be above "
                    "the one before it"
                )
            parted[k], begun = True, k
    count = int(parted.sum())
    if count:
        piece.said.append(f"{count + 1} sweeps one after the other: the time between them is not known")
    return np.cumsum(parted).astype(np.int64)


def _tripped(
    piece: Piece, rows: NDArray[np.int64], v: NDArray[np.float64], i: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) 1 where the current was at the compliance: given, in the header, or a flat top of the currents."""
    limit, why = piece.request.compliance, "given"
    if limit is None and piece.limit is not None:
        limit, why = piece.limit, piece.limit_from
    if limit is not None:
        at = np.abs(i) >= (1 - 5 * AT_TOP) * limit
        beyond = np.abs(i) > 1.05 * limit
        if beyond.any():
            k = int(np.flatnonzero(beyond)[0])
            piece.warned.append(
                f"{int(beyond.sum())} currents are above the compliance of {limit:g} A ({why}), the first "
                f"{i[k]:g} A: is it that of another channel?"
            )
            at &= ~beyond
    else:
        at, limit, why = *flat_top(v, i), "a flat top of the currents"
    if at.any():
        words = (
            f"{int(at.sum())} samples at the compliance of {limit:g} A ({why}) drive the cell and tell no conductance"
        )
        piece.said.append(f"{words}: lines {ranges([int(n) for n in piece.lines[rows][at]])}")
    elif limit:
        piece.said.append(f"compliance {limit:g} A ({why}): never reached")
    return at.astype(np.float64)


def flat_top(v: NDArray[np.float64], i: NDArray[np.float64]) -> tuple[NDArray[np.bool_], float]:
    """Samples at a compliance that nobody told, and its current in A.

    One is there where at least `FLAT_TOP` samples in a row have the largest current of all within `AT_TOP` though their
    voltage moves by a twentieth of the peak; every sample at that current is then at the compliance.
    """
    magnitude = np.abs(i)
    top = float(np.nanmax(magnitude, initial=0.0))
    peak = float(np.abs(v).max(initial=0.0))
    near = np.nan_to_num(magnitude) >= (1 - AT_TOP) * top if top > 0 else np.zeros(len(v), bool)
    if not near.any():
        return near, 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], near.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        run = magnitude[start:stop]
        flat = float(np.ptp(run)) <= 1e-3 * top
        if stop - start >= FLAT_TOP and float(np.ptp(v[start:stop])) > 0.05 * peak and flat:
            return near, top
    return np.zeros(len(v), bool), 0.0


def _leave_out_against(piece: Piece, rows: NDArray[np.int64], v: NDArray[np.float64], i: NDArray[np.float64]) -> None:
    """Take out currents against their voltage that are within the offset; warn of others, refuse a wrong sign."""
    peak = float(np.abs(v).max(initial=0.0))
    telling = (np.abs(v) > SMALL * peak) & np.isfinite(i)
    against = telling & (i * v <= 0)
    if not against.any():
        return
    offset, why = piece.request.offset, "given"
    if offset is None:
        rest = np.abs(i[(np.abs(v) <= 1e-9 * peak) & np.isfinite(i)])
        offset, why = float(rest.max(initial=0.0)), "largest current at 0 V"
    within = against & (np.abs(i) <= 1.001 * offset)
    beyond = against & ~within
    if beyond.sum() > 0.9 * telling.sum():
        name = piece.columns["current"][0].shown if "current" in piece else "current"
        raise piece.ask(
            f"nearly all currents flow against their voltage: {name} may be that of the other electrode; turn it round",
            f"--columns current=-{piece.columns['current'][0].place + 1 if 'current' in piece else name}",
        )
    if within.any():
        i[within] = np.nan
        lines = ranges([int(n) for n in piece.lines[rows][within]])
        piece.dropped.append(
            f"{int(within.sum())} currents against their voltage within the offset of {offset:g} A ({why}) left out: "
            f"line{'s' * int(within.sum() > 1)} {lines}"
        )
    if beyond.any():
        k = int(np.flatnonzero(beyond)[0])
        piece.warned.append(
            f"{int(beyond.sum())} currents flow against their voltage, the first {i[k]:g} A at {v[k]:g} V on line "
            f"{piece.lines[rows[k]]}: no conductance is told there; --offset gives the instrument's own current"
        )


def loops(v: NDArray[np.float64], stretch: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) number of the loop of every sample: a voltage that comes back to its start, going as it went there."""
    cycle = np.zeros(len(v), np.int64)
    following = 0
    for part in np.unique(stretch):
        here = np.flatnonzero(stretch == part)
        found = _loops(v[here])
        cycle[here] = found + following
        following += int(found.max(initial=0)) + 1
    return cycle


def _loops(v: NDArray[np.float64]) -> NDArray[np.int64]:
    low, high = float(v.min()), float(v.max())
    span = high - low
    turns = _turns(v, 0.1 * span) if span > 0 else []
    starts = []
    if turns:
        margin = 0.05 * span
        start, rising = v[0], v[turns[0]] > v[0]
        inside = low + margin < start < high - margin
        for begin, end in pairwise(turns):
            leg = v[begin : end + 1]
            if inside and (v[end] > v[begin]) == rising:
                ahead = np.flatnonzero(leg > start + 1e-9 * span if rising else leg < start - 1e-9 * span)
                if len(ahead) and v[end] != start:
                    starts.append(begin + max(int(ahead[0]) - 1, 0))
            elif not inside and abs(v[begin] - start) <= 3 * margin:
                starts.append(begin)
    marks = np.zeros(len(v), np.int64)
    marks[starts] = 1
    return np.cumsum(marks)


def _turns(v: NDArray[np.float64], swing: float) -> list[int]:
    """Samples at which the voltage turns back by more than `swing`, and the last one."""
    turns, best, direction = [], 0, 0
    for k in range(1, len(v)):
        if direction >= 0 and v[k] >= v[best]:
            best, direction = k, direction or (1 if v[k] > v[best] or v[k] > v[0] else 0)
        elif direction <= 0 and v[k] <= v[best]:
            best, direction = k, direction or (-1 if v[k] < v[0] else 0)
        elif direction != 0 and abs(v[k] - v[best]) > swing:
            turns.append(best)
            direction, best = -direction, k
    return [*turns, len(v) - 1]
