"""Many images in one exchange: they go out while the spikes of those before come back from the history on chip."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gateware.geometry import ENTRY_END
from gateware.host.client import Client
from gateware.host.errors import CommandRefused, LinkError
from gateware.host.session import MOST_FRAMES, Fed
from gateware.protocol import ADDRESS, MAX_ARGUMENTS, Command, Space, Status

ASKED_EVERY = 8
"""Images between two questions how long the history is."""

PIECE = MAX_ARGUMENTS // 2
"""Most entries of the history in one answer."""

_WORD = 1 << 32


class Presenter:
    """Shows images and collects their output spikes.

    Parameters
    ----------
    client : Client
        To an emulator with an encoder.
    depth : int
        Entries of its history.
    columns : int
        Columns of the emulator.
    """

    def __init__(self, client: Client, depth: int, columns: int) -> None:
        self._client, self._depth, self._columns = client, depth, columns

    def counts(
        self, number: int, commands: Callable[[int], Sequence[bytes]], patience: float = 0.0
    ) -> Iterator[NDArray[np.int64]]:
        """Show images one after another and yield the (columns,) output spikes of each, counted.

        Parameters
        ----------
        number : int
            Of images.
        commands : callable
            Commands of an image by its number, PRESENT the last of them. Asked for again where the history was full.
        patience : float
            Time in s that one image takes beside the link.
        """
        shown = 0
        while shown < number:
            flight = _Flown(self._client, self._depth, self._columns, shown, number, commands)
            try:
                self._client.stream(flight.commands(), patience)
            except CommandRefused as refused:
                if (refused.command, refused.status) != (Command.PRESENT.name, Status.FULL.name):
                    raise
                flight.recover()
            yield from flight.settled()
            shown += len(flight.counted)


class _Flown:
    """One exchange of images.

    Attributes
    ----------
    counted : list of (columns,) arrays
        Output spikes of the images that were shown.
    """

    def __init__(
        self, client: Client, depth: int, columns: int, first: int, end: int, commands: Callable[[int], Sequence[bytes]]
    ) -> None:
        self._client, self._depth, self._columns = client, depth, columns
        self._first, self._end, self._made = first, end, commands
        found = client.read_registers("history", "taken")
        self._known = self._asked = self._heard = found["history"]
        self._taken, self._questions, self._short = found["taken"], 0, False
        self._counts = np.zeros(columns, np.int64)
        self.counted: list[NDArray[np.int64]] = []

    def commands(self) -> Iterator[Fed]:
        """Images, and in between what has been written to the history since."""
        frames = 0
        yield from self._take(self._heard)
        for k in range(self._first, self._end):
            for command in self._made(k):
                frames += 1
                yield command, None
            if (k + 1) % ASKED_EVERY == 0:
                yield self._question()
            yield from self._reads()
            if self._free() < self._depth // 2:
                yield from self._take(self._heard)
            if frames > MOST_FRAMES // 4:
                break
        yield self._question()
        while self._questions or self._heard != self._known:
            yield from self._reads()
            yield None

    def recover(self) -> None:
        """Collect what a full history holds, and make room; the last image's spikes may not all be in it."""
        self._questions = 0
        self._asked = self._heard
        self._known = self._client.read_registers("history")["history"]
        for command, heard in filter(None, self._reads()):
            if heard is not None:
                heard(self._client.ask(command, 2 * struct.unpack_from("<H", command, 6)[0]))

    def settled(self) -> list[NDArray[np.int64]]:
        """Output spikes of all images that were shown, after the exchange."""
        if self._short:
            # Some spikes of the last image found no room in the history, but are in the neurons' counters still.
            self.counted[-1] = self._client.read_memory(Space.COUNTS, 0, self._columns).astype(np.int64)
        return self.counted

    def _question(self) -> Fed:
        self._questions += 1
        return bytes([Command.READ_REGISTERS, ADDRESS["history"], 1]), self._told

    def _told(self, payload: bytes) -> None:
        self._questions -= 1
        self._known = int.from_bytes(payload, "little")

    def _free(self) -> int:
        return self._depth - (self._known - self._taken) % _WORD

    def _take(self, place: int) -> Iterator[Fed]:
        """Let everything before `place` be written over."""
        if place != self._taken:
            self._taken = place
            yield struct.pack("<BBI", Command.WRITE_REGISTERS, ADDRESS["taken"], place), None

    def _reads(self) -> Iterator[Fed]:
        """Read what is known to be there and was not asked for."""
        while self._asked != self._known:
            start = self._asked % self._depth
            length = min((self._known - self._asked) % _WORD, self._depth - start, PIECE)
            self._asked = (self._asked + length) % _WORD
            yield struct.pack("<BBIH", Command.READ_MEMORY, Space.HISTORY, start, length), self._entries

    def _entries(self, payload: bytes) -> None:
        entries = np.frombuffer(payload, "<u2")
        self._heard = (self._heard + len(entries)) % _WORD
        ends = np.flatnonzero(entries >= ENTRY_END)
        for first, end in zip([0, *(ends + 1)], [*ends, len(entries)], strict=True):
            self._add(entries[first:end])
            if end < len(entries):
                self._short = bool(entries[end] != ENTRY_END)
                self.counted.append(self._counts)
                self._counts = np.zeros(self._columns, np.int64)

    def _add(self, neurons: NDArray[np.uint16]) -> None:
        if len(neurons) and neurons.max() >= self._columns:
            raise LinkError(f"{self._client.transport.name} tells of neuron {neurons.max()} of {self._columns}")
        np.add.at(self._counts, neurons, 1)
