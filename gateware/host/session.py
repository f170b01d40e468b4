"""Session with an emulator: carries commands over an unreliable line, many at a time and each exactly once."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence

from gateware.host.errors import CommandRefused, LinkLost, SessionLost
from gateware.host.transport import Transport
from gateware.link import wire
from gateware.protocol import Command, Status

MOST_FRAMES = 1 << 15
"""Frames whose sequence numbers are told apart: half of all numbers, as the other half means "carried out before"."""


Heard = Callable[[bytes], None]
"""Takes the payload of the answer to a command."""

Fed = tuple[bytes, Heard | None] | None
"""A command and who is told its answer; None while more cannot be said before more is heard."""


class Session:
    """Sends frames ahead as far as the emulator has room, and goes back when one or its reply was lost.

    Parameters
    ----------
    transport : Transport
        The line.
    timeout : float
        Longest time in s that a board needs for an answer. Without one the frames are sent again.
    retries : int
        How often they are sent again without any progress before the link counts as lost.

    Attributes
    ----------
    count : int
        Sessions started so far.
    """

    def __init__(self, transport: Transport, timeout: float, retries: int) -> None:
        self.count = 0
        self._transport = transport
        self._timeout = timeout
        self._retries = retries
        self._splitter = wire.Splitter()
        self._synced = False
        self._next = secrets.randbelow(0x10000)
        self._room = 0
        self._end = 0.0

    def sync(self) -> None:
        """Start a new session.

        Raises
        ------
        LinkLost
            If nothing answers.
        """
        self._synced = False
        # Far from all numbers of the session before, so that none of its replies can be taken for the one to this.
        number = (self._next + 0x4000 + secrets.randbelow(0x4000)) & 0xFFFF
        coded = wire.frame(number, bytes([Command.SYNC]) + secrets.token_bytes(4))
        for _ in range(1 + self._retries):
            # The zero ends whatever an interrupted command, or noise, has left on the line.
            self._transport.send(b"\0" + coded)
            for reply in self._replies(self._timeout + self._transport.patience):
                if reply.number == number and reply.status == Status.OK and not reply.payload:
                    self._next = (number + 1) & 0xFFFF
                    self._room = reply.free
                    self._synced = True
                    self.count += 1
                    return
        raise self._lost(0.0)

    def exchange(self, commands: Sequence[bytes], patience: float = 0.0) -> list[bytes]:
        """Have commands carried out in order; return the payload of each reply.

        If this is left by any error but `CommandRefused`, or by Ctrl-C, the next call starts a new session: what was
        on the way has then been carried out or not, but will not be any more.

        Parameters
        ----------
        commands : sequence of bytes
            Command byte and arguments of each; all must be reads, or none.
        patience : float
            Time in s that one of them takes beside the link.

        Raises
        ------
        CommandRefused
            For a refused command; those behind it were not sent, or else carried out.
        LinkLost
            If nothing answers.
        SessionLost
            If the emulator does not know the session any more.
        """
        payloads: list[bytes] = []
        for first in range(0, max(len(commands), 1), MOST_FRAMES):
            self.stream(((command, payloads.append) for command in commands[first : first + MOST_FRAMES]), patience)
        return payloads

    def stream(self, commands: Iterator[Fed], patience: float = 0.0) -> None:
        """As `exchange`, for commands that may depend on the answers to those before: the line never runs dry.

        Reads and others may be mixed if a read answers the same later, or may: a lost one is sent again behind commands
        that were carried out since.

        Parameters
        ----------
        commands : iterator
            At most `MOST_FRAMES` commands, each with who is told its payload, in order; see `Fed`.
        patience : float
            Time in s that one of them takes beside the link.
        """
        if not self._synced:
            self.sync()
        self._synced = False
        flight = _Flight(commands, self._next, self._room)
        wait = self._timeout + self._transport.patience + patience
        failures = 0
        self._send(flight.more())
        while not flight.done:
            for reply in self._replies(wait):
                if flight.take(reply):
                    failures = 0
                    self._end = time.monotonic() + wait
                if flight.lost:
                    raise SessionLost(
                        f"{self._transport.name} was restarted in between: its state is not what was sent"
                    )
                self._send((flight.again() if flight.gap else b"") + flight.more())
                if flight.done:
                    break
            else:
                failures += 1
                if failures > self._retries:
                    raise self._lost(patience)
                self._send(flight.again(after_silence=True))
        self._next = (self._next + flight.sent) & 0xFFFF
        self._room = flight.room
        self._synced = True
        if flight.refused is not None:
            raise flight.refused

    def _replies(self, wait: float) -> Iterator[wire.Reply]:
        """Yield whole replies until nothing has come for `wait` seconds, or nothing but noise.

        Whoever gets them may move `_end`, the time at which this ends.
        """
        self._end = time.monotonic() + wait
        while True:
            data = self._transport.receive(max(self._end - time.monotonic(), 0.0))
            for coded in self._splitter.feed(data):
                body = wire.checked(coded, wire.REPLY_OVERHEAD)
                if body is not None:
                    yield wire.parse_reply(body)
            if not data or time.monotonic() > self._end:
                return

    def _send(self, data: bytes) -> None:
        if data:
            self._transport.send(data)

    def _lost(self, patience: float) -> LinkLost:
        wait = (1 + self._retries) * (self._timeout + self._transport.patience + patience)
        return LinkLost(f"no answer from {self._transport.name} within {wait:.2g} s")


class _Flight:
    """Frames of one exchange: which are on the way, answered, or to be sent again.

    Attributes
    ----------
    sent : int
        Frames sent at least once.
    room : int
        Bytes of frames that may be on the way: the most that the emulator ever said were free, which is its buffer.
    gap : bool
        Whether something on the way is known to be lost and was not sent again since.
    lost : bool
        Whether the emulator expects a number that is not of this session.
    refused : CommandRefused or None
        The first refusal that was heard of.
    """

    def __init__(self, source: Iterator[Fed], first: int, room: int) -> None:
        self._source = source
        self._commands: list[tuple[bytes, Heard | None]] = []
        self._first = first
        self._answers: list[bytes | None] = []
        self._base = 0
        self._on_way = 0
        self._complete = False
        self._went_back: tuple[int, int] | None = None
        self.sent = 0
        self.room = room
        self.gap = False
        self.lost = False
        self.refused: CommandRefused | None = None

    @property
    def done(self) -> bool:
        """Whether all that was sent is answered, and nothing more is to be sent."""
        return self._complete and self._base == self.sent

    def more(self) -> bytes:
        """Frames that have not been sent yet and find room now."""
        coded = []
        while not self._complete and self._fetch():
            size = self._size(self.sent)
            # One frame always finds room, or the emulator could not take it at all.
            if self._on_way and self._on_way + size > self.room:
                break
            coded.append(self._coded(self.sent))
            self._on_way += size
            self.sent += 1
        return b"".join(coded)

    def _fetch(self) -> bool:
        """Whether there is a command that has not been sent."""
        if self.sent == len(self._commands):
            try:
                fed = next(self._source)
            except StopIteration:
                self._complete = True
                return False
            if fed is None:
                if self._base == self.sent:
                    raise RuntimeError("an exchange waits for an answer to nothing")
                return False
            self._commands.append(fed)
            self._answers.append(None)
        return True

    def again(self, after_silence: bool = False) -> bytes:
        """All frames that are not answered; behind a zero, as what was lost may have been the end of one."""
        self.gap = False
        if after_silence:
            self._went_back = None
        return b"\0" + b"".join(self._coded(k) for k in range(self._base, self.sent) if self._answers[k] is None)

    def take(self, reply: wire.Reply) -> bool:
        """Note a reply; returns whether it tells anything new."""
        self.room = max(self.room, reply.free)
        if reply.status == Status.SEQUENCE:
            self._go_back(self._place(int.from_bytes(reply.payload, "little")))
            return False
        k = self._place(reply.number)
        if not self._base <= k < self.sent or self._answers[k] is not None:
            return False
        self._answers[k] = reply.payload
        if reply.status != Status.OK:
            self._complete = True
            self.refused = self.refused or self._refusal(k, reply.status)
        while self._base < self.sent and self._answers[self._base] is not None:
            self._on_way -= self._size(self._base)
            answer, heard = self._answers[self._base], self._commands[self._base][1]
            self._answers[self._base] = b""
            self._base += 1
            if heard is not None and answer is not None and not self.refused:
                heard(answer)
        if self._base < k:
            # Replies come in order: those before this one were lost.
            self._go_back(self._base)
        return True

    def _go_back(self, expected: int) -> None:
        """Mark all from `expected` on to be sent again, but only once, as every frame behind a lost one is refused."""
        if not self._base <= expected <= self.sent:
            self.lost = True
        elif self._went_back != (self._base, expected):
            self._went_back = (self._base, expected)
            self.gap = self._base < self.sent

    def _place(self, number: int) -> int:
        return (number - self._first) & 0xFFFF

    def _size(self, k: int) -> int:
        return len(self._commands[k][0]) - 1 + wire.FRAME_OVERHEAD

    def _coded(self, k: int) -> bytes:
        return wire.frame((self._first + k) & 0xFFFF, self._commands[k][0])

    def _refusal(self, k: int, status: int) -> CommandRefused:
        command = self._commands[k][0]
        known = {member.value for member in Status}
        return CommandRefused(
            Command(command[0]).name, Status(status).name if status in known else str(status), command[1:]
        )
