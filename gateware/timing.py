"""Clock cycles of every command, computed from the geometry: what register `cycles` counts while it is carried out.

A reply that waits to be taken is not counted.
"""

from __future__ import annotations

from amaranth.utils import ceil_log2

from gateware.core.encoder import PLANNED, Encoder
from gateware.core.flca import FlcaSweep
from gateware.core.membranes import Membranes
from gateware.core.spaces import place_bits
from gateware.core.update import Update
from gateware.core.waiting import Waiting
from gateware.core.walk import DELAY
from gateware.geometry import Geometry

COMMAND = 3
"""Decoding a command, seeing its end and giving its status byte."""

LOOK = 5
"""Looking up which rows spike in a tick."""

PLACED = 3
"""Putting a row on its list."""

FIRST_ITEM = 3
"""Until the first item of EVENTS is there; the next ones come while one is played."""


def _walk(g: Geometry) -> int:
    """One pass over the neurons."""
    return g.groups + Membranes.latency


def begin(g: Geometry, clears: bool = False) -> int:
    """BEGIN, exactly.

    At the first, and then at every 2^`tag_bits` - 1st presentation it `clears` the rows' times one by one.
    """
    return max(g.rows if clears else 0, _walk(g)) + 2 + COMMAND


def event(g: Geometry) -> int:
    """One input spike, exactly if no neuron fires; `groups` - 1 less while all neurons but one are inhibited."""
    compare = ceil_log2(g.lanes) if g.tie != "rank" else 0
    return _walk(g) + DELAY + compare + 3


def tick(g: Geometry) -> int:
    """The leak of one tick, exactly."""
    return _walk(g) + 2


def events(g: Geometry, rows: int, advances: int, ticks: int) -> int:
    """EVENTS of input spikes on `rows` rows and of `advances` by `ticks` > 0 in all, exactly if no neuron fires."""
    items = rows * event(g) + ticks * tick(g) + 2 * advances
    return COMMAND + (FIRST_ITEM + items if items else 0)


def column_sweep(g: Geometry) -> int:
    """Programming of one column, exactly."""
    return g.rows + Update.latency


def spike(g: Geometry, learn: bool) -> int:
    """At most what one output spike adds to its input spike."""
    return 3 * g.groups + 7 + max(_walk(g) + 2, column_sweep(g) if learn else 0)


def plan(g: Geometry, first: int) -> int:
    """Planning the first spikes of an image, `first` rows of which spike: exactly if the last one planned does."""
    return g.rows + Waiting.latency + (PLANNED if first else 0) + PLACED * first


def decode(g: Geometry, length: int) -> int:
    """Decoding an image of `length` bytes: at most."""
    return 9 * length + g.rows + 4 if length else 0


def present(
    g: Geometry, duration: int, rows: int, spikes: int, learn: bool, first: int | None = None, length: int = 0
) -> int:
    """PRESENT of an image with input spikes on `rows` rows and with output spikes: at most, and exactly without any.

    `first` rows spike at all: as many as there are, or as there are spikes, if not given. A coded image has `length`
    bytes.
    """
    first = min(g.rows, rows) if first is None else first
    begun = COMMAND + 2 + max(plan(g, first) if duration else 0, _walk(g))
    ticks = duration * LOOK + max(duration - 1, 0) * (tick(g) + 1) + 2 * min(duration, rows)
    played = rows * event(g) + spikes * spike(g, learn) + (Encoder.latency if rows else 0)
    # What is due beyond the calendar is looked at once in as many ticks as that has.
    again = max(duration - 1, 0) // g.slots * g.rows
    return begun + decode(g, length) + ticks + played + 8 * again + min(duration, again) * Encoder.latency + 1


def program(g: Geometry, column: int) -> int:
    """PROGRAM, exactly."""
    return column_sweep(g) + column // g.lanes + place_bits(g) + 3 + COMMAND


def segment(g: Geometry) -> int:
    """SEGMENT, exactly."""
    return g.words + FlcaSweep.latency + 1 + COMMAND
