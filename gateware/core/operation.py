"""What the sequencer can be asked to do."""

from __future__ import annotations

from amaranth.lib import enum


class Operation(enum.Enum, shape=3):  # type: ignore[call-arg]  # Amaranth's, which has no types
    """What the sequencer is asked to do."""

    BEGIN = 0
    EVENT = 1
    """An input spike on row `argument`."""
    TICKS = 2
    """Advance by `argument` ticks."""
    PRESENT = 3
    """Decode `length` bytes of an image, if there are any, and present it."""
    PROGRAM = 4
    """One pulse on the cells of the column at `group` and `lane`, by memory DRIVE."""
    SEGMENT = 5
    """One segment of a waveform on all FLCA cells, with the coefficients `gain` and `decay`."""
