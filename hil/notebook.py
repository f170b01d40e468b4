"""What a notebook shows of waveforms, responses and results: short HTML tables, and a sketch as inline SVG.

No dependency, no style sheet, no script. Every text is escaped, and however large the object is, what is shown of it
stays small: tables end after a few lines and say how many are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import shortened

if TYPE_CHECKING:
    from hil.device import Response
    from hil.waveform import Waveform

MOST_LINES = 8
"""Lines of a table of segments; what follows is counted."""

MOST_VALUES = 4
"""Voltages or currents that are listed one by one; more are shown as their number and range."""

MOST_CHARACTERS = 400
"""Characters of one text."""

MOST_TRACES = 6
"""Rows or columns that are sketched one by one; more are sketched as the range of their voltages."""

MOST_STEPS = 160
"""Steps of a sketch; a longer waveform is sketched as the range of its voltages in as many intervals of time."""

WIDTH, HEIGHT, MARGIN = 480.0, 96.0, 4.0
"""Size of a sketch and room around its traces, pixels."""

COLOURS = {"row": "#1f77b4", "column": "#d62728"}
"""Of the traces: those of `hil.waveform.Waveform.plot`."""


def table(heads: Sequence[str], lines: Iterable[Sequence[str]], caption: str = "", note: str = "") -> str:
    """HTML table of plain texts under their headings, with a caption above it and a note below it."""
    above = f"<caption>{_text(caption)}</caption>" if caption else ""
    head = "".join(f"<th>{_text(word)}</th>" for word in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in line)}</tr>" for line in lines)
    below = f"<p>{_text(note)}</p>" if note else ""
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def waveform(shown: Waveform) -> str:
    """Sketch of a waveform over a table of its first segments."""
    starts = shown.starts
    lines = [
        (str(t), f"{starts[t]:.4g}", f"{shown.duration[t]:.4g}", values(shown.rows[t]), values(shown.cols[t]),
         "yes" if shown.measure[t] else "")
        for t in range(min(len(shown), MOST_LINES))
    ]  # fmt: skip
    heads = ("segment", "start, s", "duration, s", "rows, V", "columns, V", "measured")
    return f"<div>{_sketch(shown)}{table(heads, lines, repr(shown), _left_out(len(shown), 'segments'))}</div>"


def response(shown: Response) -> str:
    """Table of the first measured segments of a response."""
    count = len(shown.segments)
    lines = [
        (str(shown.segments[k]), f"{shown.time[k]:.6g}", values(shown.currents[k]), values(shown.charge[k]),
         f"{shown.energy[k]:.4g}", "yes" if shown.tripped[k] else "")
        for k in range(min(count, MOST_LINES))
    ]  # fmt: skip
    heads = ("segment", "time, s", "column currents, A", "charge, C", "energy, J", "at compliance")
    return f"<div>{table(heads, lines, repr(shown), _left_out(count, 'measured segments'))}</div>"


def values(found: NDArray[np.float64]) -> str:
    """A few numbers one by one, many as their count and range; NaN is a line that floats."""
    if len(found) <= MOST_VALUES:
        return ", ".join("floating" if np.isnan(v) else f"{v:.4g}" for v in found)
    known = found[~np.isnan(found)]
    floating = f", {len(found) - len(known)} floating" if len(known) < len(found) else ""
    if not len(known):
        return f"{len(found)} floating"
    low, high = known.min(), known.max()
    span = f"{low:.4g}" if low == high else f"{low:.4g} .. {high:.4g}"
    return f"{len(found)} lines: {span}{floating}"


def _left_out(count: int, what: str) -> str:
    return f"and {count - MOST_LINES:,} more {what}" if count > MOST_LINES else ""


def _text(text: str) -> str:
    """Escaped, without what XML has no way to write, its middle cut out where it is very long."""
    return escape("".join(c if c.isprintable() or c in "\n\t" else "�" for c in shortened(text, MOST_CHARACTERS)))


def _sketch(shown: Waveform) -> str:
    """Voltages against time: rows blue, columns red, 0 V dashed; nothing of a waveform without a driven line."""
    traces = [(kind, *band) for kind in COLOURS for band in _bands(shown, kind)]
    finite = np.concatenate([np.zeros(1), *(side[np.isfinite(side)] for _, _, *sides in traces for side in sides)])
    low, high = float(finite.min()), float(finite.max())
    height = high - low or 1.0

    def y(voltage: float) -> str:
        return _pixel(MARGIN + (high - voltage) / height * (HEIGHT - 2 * MARGIN))

    total = shown.total or 1.0
    drawn = ""
    for kind, edges, lower, upper in traces:
        area = not np.array_equal(lower, upper, equal_nan=True)
        path = "".join(_outline(edges / total * WIDTH, lower, upper, area, y))
        fill = f'fill="{COLOURS[kind]}" fill-opacity="0.3"' if area else 'fill="none"'
        drawn += f'<path d="{path}" {fill} stroke="{COLOURS[kind]}"/>' if path else ""
    zero = f'<path d="M0 {y(0.0)}H{_pixel(WIDTH)}" stroke="#888" stroke-dasharray="4 4"/>'
    label = f"{low:g} V to {high:g} V, 0 s to {shown.total:g} s; rows blue, columns red"
    size = f'width="{WIDTH:g}" height="{HEIGHT:g}" viewBox="0 0 {WIDTH:g} {HEIGHT:g}"'
    picture = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{label}</title>{zero}{drawn}</svg>'
    return f"<figure>{picture}<figcaption>{label}</figcaption></figure>"


def _bands(shown: Waveform, kind: str) -> list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """(edges in s, lowest V, highest V) of every trace: a line each, or all of a kind as one."""
    voltages = shown.rows if kind == "row" else shown.cols
    few = voltages.shape[1] <= MOST_TRACES
    tables = np.split(voltages, voltages.shape[1], axis=1) if few else [voltages]
    edges, first, last = _intervals(shown)
    found = []
    for part in tables if len(shown) else ():
        low, high = np.fmin.reduce(part, axis=1), np.fmax.reduce(part, axis=1)
        if len(edges) <= len(shown):
            low = np.array([np.fmin.reduce(low[a:b]) for a, b in zip(first, last, strict=True)])
            high = np.array([np.fmax.reduce(high[a:b]) for a, b in zip(first, last, strict=True)])
        found.append((edges, low, high))
    return found


def _intervals(shown: Waveform) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Edges of the steps of a sketch, s, and the segments, from and to, that each of them holds."""
    ends = shown.starts + shown.duration
    count = len(shown)
    if count <= MOST_STEPS:
        return np.append(shown.starts, shown.total), np.arange(count), np.arange(count) + 1
    edges = np.linspace(0.0, shown.total, MOST_STEPS + 1)
    first = np.minimum(np.searchsorted(ends, edges[:-1], "right"), count - 1)
    return edges, first, np.maximum(np.searchsorted(shown.starts, edges[1:], "left"), first + 1)


def _outline(
    x: NDArray[Any], low: NDArray[Any], high: NDArray[Any], area: bool, y: Callable[[float], str]
) -> Iterator[str]:
    """SVG path along the highest voltages and, for an area, back along the lowest; parted where all lines float."""
    driven = np.concatenate([[False], ~np.isnan(low), [False]])
    turns = np.flatnonzero(driven[1:] != driven[:-1])
    for start, stop in zip(turns[::2], turns[1::2], strict=True):
        yield f"M{_pixel(x[start])} {y(high[start])}"
        yield from _stairs(x[start : stop + 1], high[start:stop], y)
        if area:
            yield f"V{y(low[stop - 1])}"
            yield from _stairs(x[start : stop + 1][::-1], low[start:stop][::-1], y)
            yield "Z"


def _stairs(x: NDArray[Any], levels: NDArray[Any], y: Callable[[float], str]) -> Iterator[str]:
    """Commands along the levels between the edges `x`; equal neighbours are one stair."""
    for k, (_, end) in enumerate(pairwise(x)):
        if k and levels[k] != levels[k - 1]:
            yield f"V{y(levels[k])}"
        if k + 1 == len(levels) or levels[k + 1] != levels[k]:
            yield f"H{_pixel(end)}"


def _pixel(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
