"""Reading buffers of the 2600B (2600BS-901-01 Rev. C, 7-24 ff.)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

from instruments.virtual.lua_values import is_number
from instruments.virtual.source import OVERFLOW, SmuReading
from instruments.virtual.tsp_parts import Part, TspError, one_of

BUFFER_SIZE = 60_000


class BufferEntry(NamedTuple):
    """A value that was measured, and when, at what."""

    value: float
    reading: SmuReading


def quantity(reading: SmuReading, kind: str) -> float:
    """Current (``i``, A), voltage (``v``, V), resistance (``r``, ohm) or power (``p``, W) of a reading."""
    if kind == "i" or reading.overflow:
        return reading.current
    if kind == "v":
        return reading.voltage
    if kind == "p":
        return reading.voltage * reading.current
    return max(-OVERFLOW, min(reading.voltage / reading.current, OVERFLOW)) if reading.current else 9.91e37


class BufferColumn(Part):
    """``buffer.readings``, ``buffer.timestamps`` and so on: numbers by index."""

    LUATYPE = "synchronous_table"

    def __init__(self, buffer: Buffer, value: Callable[[BufferEntry, BufferEntry], float]) -> None:
        """Show one value of every entry; it is told the entry and the buffer's first one."""
        super().__init__(buffer.instrument, {"getreading": self.get})
        self._buffer, self._value = buffer, value

    def get(self, key: Any) -> Any:
        """The value at an index, nil where there is none; else as any part."""
        if not is_number(key):
            return super().get(key)
        content = self._buffer.content
        if not 1 <= key <= len(content) or not float(key).is_integer():
            return None
        return self._value(content[int(key) - 1], content[0])

    def between(self, start: int, end: int) -> list[float]:
        """Values `start` to `end`, counted from 1."""
        content = self._buffer.content
        return [self._value(entry, content[0]) for entry in content[start - 1 : end]]

    def __len__(self) -> int:
        """Count them."""
        return len(self._buffer.content)


class Buffer(Part):
    """``nvbuffer1`` and ``nvbuffer2``."""

    LUATYPE = "reading_buffer"
    COLUMNS: ClassVar[dict[str, Callable[[BufferEntry, BufferEntry], float]]] = {
        "readings": lambda entry, first: entry.value,
        "sourcevalues": lambda entry, first: entry.reading.source,
        "timestamps": lambda entry, first: entry.reading.time - first.reading.time,
        "statuses": lambda entry, first: float(
            (0x40 if entry.reading.tripped else 0) | (0x02 if entry.reading.overflow else 0)
        ),
    }

    def __init__(self, instrument: Any) -> None:
        """Start empty; append mode is off."""
        flag = one_of(0.0, 1.0)
        super().__init__(
            instrument,
            {"clear": self.clear, "clearcache": lambda: None, "capacity": float(BUFFER_SIZE)},
            {"appendmode": (0.0, flag), "collecttimestamps": (0.0, flag), "collectsourcevalues": (0.0, flag)},
        )
        self.content: list[BufferEntry] = []
        self.own("n", lambda: float(len(self.content)))
        self.fixed |= {name: BufferColumn(self, value) for name, value in self.COLUMNS.items()}

    def get(self, key: Any) -> Any:
        """A reading by its index, else as any part."""
        return self.fixed["readings"].get(key) if is_number(key) else super().get(key)

    def clear(self) -> None:
        """Forget all readings."""
        self.content.clear()

    def store(self, readings: Sequence[SmuReading], kind: str) -> None:
        """Take readings: added in append mode, else in place of what was there."""
        if not self.values["appendmode"]:
            self.content.clear()
        self.add(readings, kind)

    def add(self, readings: Sequence[SmuReading], kind: str) -> None:
        """Take readings behind those that are there; what does not fit is lost."""
        room = BUFFER_SIZE - len(self.content)
        self.content += map(partial(_entry, kind), readings[:room])


def _entry(kind: str, reading: SmuReading) -> BufferEntry:
    return BufferEntry(quantity(reading, kind), reading)


def as_buffer(value: Any) -> Buffer:
    """The value if it is a reading buffer; an error else."""
    if not isinstance(value, Buffer):
        raise TspError(-104, "Data type error")
    return value
