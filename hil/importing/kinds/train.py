"""Pulse trains: a pulse a line and the conductance read after it; or conductances against the number of the pulse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.importing.kinds.groups import breaks, cells, cycle_column
from hil.importing.measured import CellData, cell_data
from hil.importing.piece import Piece, normalised

SWING = 0.35
"""Share of its whole span by which a conductance must turn back for a train to have turned."""

MOST_PULSES = 2_000_000
"""Pulses of a cell at most."""


def convert(piece: Piece) -> list[CellData]:
    """Cells of a table of pulses."""
    if "up" in piece:
        return _up_and_down(piece)
    volts = next((q for q in ("pulse_voltage", "voltage") if q in piece), None)
    told = next(q for q in ("conductance", "resistance", "current") if q in piece)
    drive = [q for q in (volts, "width", "rest", "polarity", "applied", "read_voltage") if q is not None and q in piece]
    piece = piece.without_blank_rows([*(["pulse"] if "pulse" in piece else []), *drive, told])
    piece.tell_dropped((told,))
    if piece.blank_note:
        piece.dropped.append(piece.blank_note)
    piece.require(drive)
    piece.require(("pulse",), "number the pulses")
    g, spread = conductances(piece, told)
    found = []
    for name, rows in cells(piece):
        cell = _cell(piece, name, rows, volts, g[rows], spread[rows])
        found.append(replace(cell, reads=len(piece.all(told))))
    return found


def conductances(piece: Piece, told: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) conductance, S, and standard deviation of several readings of a line, NaN where there is one."""
    columns = piece.all(told)
    values = np.stack([column.values for column in columns], axis=1)
    name = ", ".join(column.named.shown for column in columns[:6])
    if told == "resistance":
        piece.said.append(f"conductances are 1 / {name}")
        values = 1.0 / values
    elif told == "current":
        volts = _read_voltage(piece)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = values / np.abs(volts)[:, None]
        if float(np.nanmedian(values * np.sign(volts)[:, None])) > 0 or (volts > 0).all():
            values = values * np.sign(volts)[:, None]
        values[~(values > 0) & np.isfinite(values)] = np.nan
        piece.said.append(f"conductances are {name} over the read voltage, {_span(volts)} V")
    elif normalised(columns[0].values) and (columns[0].si == "1" or columns[0].named.unit is None):
        values = windowed(piece, values)
    if values.shape[1] > 1:
        piece.said.append(f"{values.shape[1]} readings a line ({name}): their mean, their spread as uncertainty")
        with np.errstate(invalid="ignore"):
            return np.nanmean(values, axis=1), np.nanstd(values, axis=1, ddof=1)
    return values[:, 0], np.full(len(values), np.nan)


def windowed(piece: Piece, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of a window as conductances, S; `InputError` asks for the window where nobody gave it."""
    signed = float(np.nanmin(values)) < -0.3
    if piece.request.window is None:
        shown = "-1 .. 1" if signed else "0 .. 1"
        raise piece.ask(
            f"conductances are normalised ({shown}): the lowest and the highest are not in the file; give them with "
            "--window",
            *(["--columns up,down"] if not any(piece.table.names) else []),
            "--window 5uS,80uS",
            *(["--pulse +1.2V/-1.4V,100us"] if piece.request.pulse is None else []),
        )
    low, high = piece.request.window
    share = (values + 1) / 2 if signed else values
    piece.said.append(f"normalised conductances: {'-1' if signed else '0'} is {low:g} S, 1 is {high:g} S (--window)")
    found = low + share * (high - low)
    if np.nanmin(found) <= 0:
        raise InputError(f"{piece.path}: --window {low:g},{high:g}: values below it would be no conductances > 0")
    return found


def _span(values: NDArray[np.float64]) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:g}" if low == high else f"{low:g} .. {high:g}"


def _read_voltage(piece: Piece) -> NDArray[np.float64]:
    """(N,) V."""
    if "read_voltage" in piece and piece.request.read_voltage is None:
        volts = piece.values("read_voltage")
    elif piece.request.read_voltage is not None:
        volts = np.full(len(piece.table.rows), piece.request.read_voltage)
    else:
        raise piece.ask(
            "currents without the voltage at which they were read: give --read-voltage", "--read-voltage 0.1"
        )
    if (volts == 0).any():
        line = piece.table.lines[int(np.flatnonzero(volts == 0)[0])]
        raise InputError(f"{piece.path}, line {line}: read at 0 V, which tells no conductance")
    return volts


def _cell(
    piece: Piece,
    name: str,
    rows: NDArray[np.int64],
    volts: str | None,
    g: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> CellData:
    number = piece.values("pulse")[rows] if "pulse" in piece else np.arange(1.0, len(rows) + 1)
    voltage = _voltage(piece, rows, volts, number, g)
    width = _width(piece, rows, volts, voltage)
    rest = piece.values("rest")[rows] if "rest" in piece else np.zeros(len(rows))
    _warn_of_stairs(piece, name, voltage)
    stretch = _stretches(piece, rows, number, voltage)
    lines = piece.lines[rows]
    repeats = _repeats(piece, rows, number, voltage, stretch)
    if (repeats > 1).any():
        total = int(repeats.sum())
        if total > MOST_PULSES:
            raise InputError(f"{piece.path}: {total:,} pulses, {MOST_PULSES:,} at most")
        piece.said.append(f"a line stands for up to {int(repeats.max())} pulses, read after the last")
        at = np.repeat(np.arange(len(rows)), repeats)
        last = np.append(np.diff(at) > 0, True)
        g, spread = np.where(last, g[at], np.nan), np.where(last, spread[at], np.nan)
        number = number[at] - (np.cumsum(repeats)[at] - 1 - np.arange(len(at)))
        rest = np.where(last, rest[at], 0.0)
        voltage, width, stretch, lines = voltage[at], width[at], stretch[at], lines[at]
        rows = rows[at]
    given = cycle_column(piece, rows)
    cycle = cycles(voltage, stretch) if given is None else given
    columns = {
        "pulse": number, "voltage": voltage, "width": np.where(voltage == 0, 0.0, width), "rest": rest,
        "conductance": g, "spread": spread,
    }  # fmt: skip
    if "width" in piece:
        columns["width"] = width
    return cell_data(
        "train", columns, len(rows), cell=name, source=f"{piece.path} ({name})" if name else piece.path,
        stretch=stretch, cycle=cycle, lines=lines,
    )  # fmt: skip


def _voltage(
    piece: Piece, rows: NDArray[np.int64], volts: str | None, number: NDArray[np.float64], g: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) signed voltage of every pulse, V."""
    if volts is not None:
        voltage = piece.values(volts)[rows]
        if "polarity" not in piece:
            return voltage
        polarity = piece.values("polarity")[rows]
        clash = np.flatnonzero((voltage < 0) & (polarity > 0))
        if len(clash):
            k = int(clash[0])
            shown = piece.one(volts).named.shown
            raise InputError(
                f"{piece.path}: {shown} number {k + 1} is {voltage[k]:g}, its polarity is +1; they must agree"
            )
        return np.abs(voltage) * polarity
    pulse = piece.request.pulse
    if pulse is None or pulse.positive is None or pulse.negative is None:
        raise piece.ask(
            "the amplitudes and the width of the pulses are not in the file: give them with --pulse",
            *(["--columns pulse,conductance:uS"] if not any(piece.table.names) else []),
            "--pulse +1.2V/-1.4V,100us",
        )
    if "polarity" in piece:
        sign = piece.values("polarity")[rows]
    else:
        sign = _signs(g)
        turned = np.flatnonzero(np.diff(sign) != 0) + 1
        words = ", ".join(f"{number[k]:g}" for k in turned[:6]) + (" ..." if len(turned) > 6 else "")
        piece.said.append(
            f"signs from the turning points of the conductance: it turns at pulse {words}; rising is positive"
            if len(turned)
            else f"the conductance {'rises' if sign[0] > 0 else 'falls'} throughout: all pulses are "
            f"{'positive' if sign[0] > 0 else 'negative'}"
        )
    return np.where(number == 0, 0.0, np.where(sign > 0, pulse.positive, -pulse.negative))


def _warn_of_stairs(piece: Piece, name: str, voltage: NDArray[np.float64]) -> None:
    """Say where the pulses of one sign differ: nonlinearities are defined for identical ones."""
    for sign, word in ((1, "positive"), (-1, "negative")):
        own = np.abs(voltage[np.sign(voltage) == sign])
        if len(own) and float(np.ptp(own)) > 0.01 * float(own.max()):
            whose = f"{name}: " if name else ""
            piece.warned.append(
                f"{whose}{word} pulses are not identical ({own.min():g} to {own.max():g} V): nonlinearities are "
                "against their number, not comparable with those of identical pulses"
            )


def _signs(g: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) 1 where the conductance rises and -1 where it falls, by its turning points."""
    known = np.flatnonzero(np.isfinite(g))
    if len(known) < 3:
        return np.ones(len(g))
    turns = _turning(g[known])
    sign = np.empty(len(g))
    begin, up = 0, g[known[turns[0]]] > g[known[0]]
    for turn in turns:
        end = int(known[turn]) + 1 if turn != turns[-1] else len(g)
        sign[begin:end] = 1.0 if up else -1.0
        begin, up = end, not up
    return sign


def _turning(g: NDArray[np.float64]) -> list[int]:
    """Places of highest and lowest conductances in turn, and the last place."""
    swing = SWING * float(np.ptp(g))
    turns: list[int] = []
    high = low = 0
    direction = 0
    for k in range(len(g)):
        high, low = (k if g[k] >= g[high] else high), (k if g[k] <= g[low] else low)
        if direction >= 0 and g[high] - g[k] > swing and (direction > 0 or high > 0):
            turns.append(high)
            direction, low = -1, k
        elif direction <= 0 and g[k] - g[low] > swing and (direction < 0 or low > 0):
            turns.append(low)
            direction, high = 1, k
        elif direction == 0 and g[k] - g[0] > swing:
            direction = 1
        elif direction == 0 and g[0] - g[k] > swing:
            direction = -1
        if direction > 0:
            low = k if g[k] <= g[low] else low
    return [*turns, len(g) - 1]


def _width(
    piece: Piece, rows: NDArray[np.int64], volts: str | None, voltage: NDArray[np.float64]
) -> NDArray[np.float64]:
    if "width" in piece:
        return piece.values("width")[rows]
    if piece.request.pulse is not None:
        return np.full(len(rows), piece.request.pulse.width)
    raise piece.ask("the width of the pulses is not in the file: give it with --pulse", "--pulse 100us")


def _stretches(
    piece: Piece, rows: NDArray[np.int64], number: NDArray[np.float64], voltage: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Parts without a gap: one begins where the file is parted, where pulses are missing, where numbers begin anew."""
    parted = breaks(piece, rows)
    step = np.diff(number)
    usual = float(np.median(step[step > 0])) if (step > 0).any() else 1.0
    jumps = np.append(False, step > 1.5 * usual)
    back = np.append(False, step <= 0)
    turned = np.append(False, np.sign(voltage[1:]) * np.sign(voltage[:-1]) <= 0)
    by_half = bool(turned.any()) and bool(back[turned].all())  # every half of a cycle is numbered from 1
    anew = back & ~turned if by_half else back
    if (jumps & ~parted).any() and "applied" not in piece:
        k = int(np.flatnonzero(jumps & ~parted)[0])
        piece.said.append(f"pulses are missing before number {number[k]:g}: what follows begins anew")
        parted |= jumps
    if (anew & ~parted).any():
        again = np.flatnonzero(anew & ~parted)
        piece.said.append(f"the pulse number begins anew {len(again)} time{'s' * (len(again) > 1)}: so does the train")
        parted |= anew
    return np.cumsum(parted).astype(np.int64)


def _repeats(
    piece: Piece,
    rows: NDArray[np.int64],
    number: NDArray[np.float64],
    voltage: NDArray[np.float64],
    stretch: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(N,) pulses that a line stands for, 1 or more."""
    if "applied" in piece:
        counts = piece.values("applied")[rows]
        whole = np.round(counts)
        if (np.abs(whole - counts) > 1e-6).any() or whole.max(initial=0) > MOST_PULSES:
            raise InputError(f"{piece.path}: {piece.one('applied').named.shown} must be whole numbers of pulses")
        return np.maximum(whole, 1).astype(np.int64)
    if "pulse" not in piece:
        return np.ones(len(rows), np.int64)
    step = np.diff(number)
    usual = step[step > 0]
    if len(usual) and usual.min() > 1 and float(np.ptp(usual)) == 0 and float(usual[0]).is_integer():
        each = int(usual[0])
        if each > MOST_PULSES:
            raise InputError(f"{piece.path}: pulse numbers rise by {each:,} a line, {MOST_PULSES:,} at most")
        counts = np.full(len(rows), each, np.int64)
        if number[0] < each:
            counts[0] = max(int(number[0]), 1)
        return np.where(voltage == 0, 1, counts)
    return np.ones(len(rows), np.int64)


def cycles(voltage: NDArray[np.float64], stretch: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) number of the pair of trains: a new one where pulses turn back to the sign that came first."""
    cycle = np.zeros(len(voltage), np.int64)
    first = next((np.sign(v) for v in voltage if v), 1.0)
    present, last = 0, first
    for k, v in enumerate(voltage):
        sign = np.sign(v) or last
        fresh = k > 0 and stretch[k] != stretch[k - 1]
        if (sign == first and last != first) or (fresh and sign == first):
            present += 1
        cycle[k], last = present, sign
    return cycle


def _up_and_down(piece: Piece) -> list[CellData]:
    """Potentiation and depression side by side: the one after the other, on one cell."""
    pulse = piece.request.pulse
    piece.tell_dropped(("up", "down"))
    up, down = piece.one("up"), piece.one("down")
    columns = [up.values, down.values]
    if (normalised(np.concatenate(columns)) and up.named.unit is None) or up.si == "1":
        both = windowed(piece, np.stack(columns, axis=1))
        columns = [both[:, 0], both[:, 1]]
    if pulse is None or pulse.positive is None or pulse.negative is None:
        raise piece.ask(
            "the amplitudes and the width of the pulses are not in the file: give them with --pulse",
            *(["--columns up,down"] if not any(piece.table.names) else []),
            *([f"--window {piece.request.window[0]:g},{piece.request.window[1]:g}"] if piece.request.window else []),
            "--pulse +1.2V/-1.4V,100us",
        )
    for column, values in zip((up, down), columns, strict=True):
        bad = np.flatnonzero(values <= 0)
        if len(bad):
            line = piece.table.lines[int(bad[0])]
            raise InputError(f"{piece.path}, line {line}: {column.named.shown} is {values[bad[0]]:g} S, it must be > 0")
    number = piece.values("pulse") if "pulse" in piece else np.arange(1.0, len(columns[0]) + 1)
    first_down = columns[0][np.isfinite(columns[0])][:1] > columns[0][np.isfinite(columns[0])][-1:]
    order = [(-pulse.negative, columns[1]), (pulse.positive, columns[0])]
    order = order if first_down.any() else order[::-1]
    parts = []
    for height, values in order:
        kept = np.flatnonzero(np.isfinite(values) | (np.arange(len(values)) < _end(values)))
        volts = np.where(number[kept] == 0, 0.0, height)
        parts.append((volts, values[kept], piece.lines[kept]))
    piece.said.append(
        f"{parts[0][0].size} pulses of {order[0][0]:+g} V, then {parts[1][0].size} of {order[1][0]:+g} V, as one "
        f"history of one cell ({up.named.shown} rising by positive pulses)"
    )
    volts, g, lines = (np.concatenate(each) for each in zip(*parts, strict=True))
    table = {
        "pulse": np.arange(1.0, len(g) + 1) if number[0] else np.cumsum(volts != 0).astype(float), "voltage": volts,
        "width": np.where(volts == 0, 0.0, pulse.width), "conductance": g,
    }  # fmt: skip
    return [cell_data("train", table, len(g), cell=piece.label, source=piece.source, lines=lines)]


def _end(values: NDArray[np.float64]) -> int:
    """Rows up to the last reading: a shorter column is padded below."""
    known = np.flatnonzero(np.isfinite(values))
    return int(known[-1]) + 1 if len(known) else 0
