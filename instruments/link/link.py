"""One session to one instrument: every exchange within a deadline, in step, and logged.

After an answer that was late, cut short or garbled, the next answer on the wire may belong to an older question, and
VISA would hand it out without a word. A link brings itself back in step before its next question, or says that it is
lost.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from numbers import Real
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

from hil.errors import InputError, nearest
from instruments.link.answers import block, block_length, line_length, shown
from instruments.link.answers import text as plain_text
from instruments.link.command_log import CommandLog
from instruments.link.errors import LinkLost, LinkTimeout, ProtocolError
from instruments.link.syncs import SYNCS

if TYPE_CHECKING:
    from instruments.link.wire import Wire

Answer = TypeVar("Answer", str, bytes)

BEAT = 0.2
"""Seconds between two calls of `Link.heartbeat` while an answer is awaited."""

RESYNC_TIME = 1.0
"""Shortest time in s that a link tries to get back in step before it counts as lost."""

# 0 and 1 answer too many other questions, such as *OPC?; 255 is the largest that *ESE takes.
_NUMBERS = range(2, 256)


class Link:
    """A session to one instrument; use from one thread.

    A question that fails leaves the link out of step. Before the next question the link sends questions with a number
    of its own (``*ESE n;*ESE?``, for TSP ``print("sync-n")``) until the answers are the right ones twice in a row, and
    throws away what comes before. An instrument may still be at what it was asked before; so this takes at most until
    the deadline of the failed question, and then twice the timeout or `RESYNC_TIME`. The standard event status enable
    register (IEEE 488.2 11.5.1.3) is 0 afterwards, as after power-on: nothing here uses service requests. `write` does
    not wait: what is sent is carried out in order all the same, and an output must be switched off at once.

    Attributes
    ----------
    resource : str
        VISA resource name.
    sync : str
        ``scpi`` or ``tsp``; may be changed once the instrument's language is known.
    timeout : float
        s that a question may take, from sending it to the last byte of the answer.
    heartbeat : callable or None
        Called now and then while an answer is awaited; what it raises ends the wait.
    working : callable
        Whether the other end is known to be at work, as a virtual bench that computes: nothing times out meanwhile.
    """

    def __init__(
        self, wire: Wire, resource: str, *, timeout: float, sync: str, log: CommandLog, terminator: str
    ) -> None:
        """Use `open` instead."""
        self.resource, self.timeout, self.sync = resource, timeout, sync
        self._wire, self._log, self._terminator = wire, log, terminator.encode("ascii")
        self._buffer = bytearray()
        self._numbers = cycle(_NUMBERS)
        self._in_step = True
        self._due = -math.inf
        self._gone: str | None = None
        self._closed = False
        self.heartbeat: Callable[[], None] | None = None
        self.working: Callable[[], bool] = lambda: False

    @classmethod
    def open(
        cls,
        resource: str,
        *,
        timeout: float = 2.0,
        sync: str = "scpi",
        log: CommandLog | None = None,
        library: str = "@py",
        terminator: str = "\n",
        baud_rate: int = 9600,
        gateway: str | None = None,
    ) -> Link:
        """Connect; sends nothing to the instrument.

        Parameters
        ----------
        resource : str
            VISA name: ``TCPIP::host::port::SOCKET``, ``TCPIP::host::hislip0::INSTR``, ``ASRL/dev/ttyS0::INSTR``.
        timeout : float
            s that an answer may take, > 0.
        sync : str
            ``scpi`` or ``tsp``: the language in which the link gets back in step.
        log : CommandLog, optional
            Takes every exchange; by default one in memory.
        library : str
            VISA library: ``@py`` for pyvisa-py, ``@ivi`` or a path for another one.
        terminator : str
            Ends every message in both directions.
        baud_rate : int
            Of a serial port, 1/s.
        gateway : str, optional
            Prologix adapter that its GPIB board is, ``PRLGX-TCPIP::host::1234::INTFC``; opened first, closed after.

        Raises
        ------
        InputError
            If a parameter cannot be used.
        LinkLost
            If nobody answers there.
        """
        if not (isinstance(timeout, Real) and 0 < timeout < math.inf):
            raise InputError(f"timeout {timeout} s: give a finite time above 0 s")
        if sync not in SYNCS:
            raise InputError(f"no way '{sync}' to get back in step {nearest(sync, SYNCS)}")
        if not terminator or not terminator.isascii():
            raise InputError(f"terminator {terminator!r}: give at least one ASCII character")
        try:
            from instruments.link.opening import open_wire
        except ImportError as error:
            raise InputError(f"{resource} needs the extra lab, pip install memhil[lab]: {error}") from None
        try:
            wire = open_wire(
                resource, timeout, library=library, terminator=terminator, baud_rate=baud_rate, gateway=gateway
            )
        except OSError as error:
            raise LinkLost(f"{resource}: cannot connect, {_reason(error)}") from None
        log = CommandLog.memory() if log is None else log
        log.add(resource, "!", "open")
        return cls(wire, resource, timeout=timeout, sync=sync, log=log, terminator=terminator)

    @property
    def log(self) -> CommandLog:
        """Log that takes every exchange."""
        return self._log

    @property
    def lost(self) -> bool:
        """Whether the other side is gone: nothing more can be sent, open another link."""
        return self._gone is not None

    def write(self, text: str) -> None:
        """Send one message that has no answer.

        Raises
        ------
        InputError
            If `text` is empty, not ASCII, or more than one message. Nothing has been sent.
        LinkLost
            If the other side is gone or takes nothing within the timeout.
        """
        data = self._encoded(text)
        if "?" in text or "print" in text:
            # It has an answer after all, which would be taken for that of the next question.
            self._in_step = False
        self._send(text, data, time.monotonic() + self.timeout)

    def query(self, text: str, patience: float = 0.0) -> str:
        """Send one message and return its answer without the terminator.

        Parameters
        ----------
        text : str
            The message.
        patience : float
            s that the answer may take beyond the timeout.

        Raises
        ------
        InputError
            If `text` or `patience` cannot be used. Nothing has been sent.
        LinkTimeout
            If the whole answer is not there after ``timeout + patience`` s.
        ProtocolError
            If the answer is not printable ASCII.
        LinkLost
            If the other side is gone, or could not be brought back in step.
        """
        return self._ask(text, patience, line_length, plain_text)

    def query_block(self, text: str, patience: float = 0.0) -> bytes:
        """Send one message and return the data of its answer, a definite-length block (IEEE 488.2 8.7.9).

        Raises what `query` raises; `ProtocolError` if the answer is no such block.
        """
        return self._ask(text, patience, block_length, block)

    def clear(self) -> None:
        """Device clear where the transport has one (HiSLIP, VXI-11, GPIB); forget all answers still to come.

        A raw socket and a serial port have no device clear: they get back in step before the next question. Raises
        `LinkLost` if the other side is gone.
        """
        if self._closed or self._gone:
            raise LinkLost(f"{self.resource}: no device clear, {self._gone or 'the link is closed'}")
        self._in_step, self._due = False, -math.inf
        self._buffer.clear()
        self._log.add(self.resource, "!", "clear")
        try:
            self._wire.clear(time.monotonic() + self.timeout)
        except OSError as error:
            self._lose(f"device clear failed, {_reason(error)}")

    def close(self) -> None:
        """Let go of the session; sends nothing, safe to call again."""
        if not self._closed:
            self._closed = True
            self._wire.close()
            self._log.add(self.resource, "!", "close")

    def __enter__(self) -> Self:
        """Use the link in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it on every way out."""
        self.close()

    def __repr__(self) -> str:
        """Resource and state."""
        state = ", lost" if self.lost else ", closed" if self._closed else "" if self._in_step else ", out of step"
        return f"<Link {self.resource}{state}>"

    def _ask(
        self,
        text: str,
        patience: float,
        length: Callable[[bytearray, bytes], int | None],
        parse: Callable[[bytes], Answer],
    ) -> Answer:
        data = self._encoded(text)
        if not (isinstance(patience, Real) and 0 <= patience < math.inf):
            raise InputError(f"patience {patience} s for '{shown(text)}': give a finite time of at least 0 s")
        self._get_in_step(text)
        total = self.timeout + patience
        self._due = time.monotonic() + total
        self._in_step = False
        self._send(text, data, self._due)
        try:
            with self._loss_is_told(text):
                answer = parse(self._receive(self._due, length))
        except TimeoutError:
            part = f", only '{shown(bytes(self._buffer))}'{self._other_end()}" if self._buffer else ""
            self._log.add(self.resource, "!", f"no whole answer within {total:g} s{part}")
            raise LinkTimeout(f"{self.resource}: no whole answer to '{shown(text)}' within {total:g} s{part}") from None
        except ValueError as error:
            raise ProtocolError(f"{self.resource}: the answer to '{shown(text)}' is garbled, {error}") from None
        self._in_step = True
        return answer

    def _other_end(self) -> str:
        """Say what to do where the answer seems to be whole, with another terminator than is waited for."""
        name = {b"\r": "cr", b"\0": "nul", b"\n": "lf"}.get(bytes(self._buffer[-1:]))
        return "" if name is None else f", which ends with another terminator: give terminator={name}"

    def _send(self, text: str, data: bytes, deadline: float) -> None:
        self._log.add(self.resource, ">", text)
        try:
            self._wire.send(data, deadline)
        except TimeoutError:
            self._lose(f"'{shown(text)}' was not taken in time (timeout {self.timeout:g} s)")
        except OSError as error:
            self._lose(f"'{shown(text)}' could not be sent, {_reason(error)}")
        except BaseException:
            # What follows half a message would be taken for its rest: a voltage without its exponent, for one. A short
            # message went as a whole or not at all.
            if len(data) > self._wire.whole:
                self._let_go(f"'{shown(text)}' was interrupted while it was being sent")
            raise

    def _receive(self, deadline: float, length: Callable[[bytearray, bytes], int | None]) -> bytes:
        """Take one message off the wire."""
        size = None if self._wire.ends else length(self._buffer, self._terminator)
        while size is None:
            data, ended = self._await(deadline)
            self._buffer += data
            if not self._wire.ends:
                size = length(self._buffer, self._terminator)
            elif ended:
                size = len(self._buffer)
        message = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._log.add(self.resource, "<", message.removesuffix(self._terminator))
        return message.removesuffix(self._terminator)

    def _await(self, deadline: float) -> tuple[bytes, bool]:
        """Wait for bytes, with a sign of life now and then."""
        while True:
            if self.heartbeat is not None:
                self.heartbeat()
            if self.working():
                deadline = max(deadline, time.monotonic() + self.timeout)
            try:
                return self._wire.receive(min(deadline, time.monotonic() + BEAT))
            except TimeoutError:
                if time.monotonic() >= deadline and not self.working():
                    raise

    def _get_in_step(self, text: str) -> None:
        with self._loss_is_told(text):
            if self._in_step and not self._buffer and not self._wire.arrived():
                return
        limit = max(time.monotonic(), self._due) + max(2 * self.timeout, RESYNC_TIME)
        try:
            with self._loss_is_told(text):
                self._synchronise(limit)
        except TimeoutError:
            self._lose(f"out of step before '{shown(text)}', and no way back")

    def _synchronise(self, limit: float) -> None:
        """Ask for numbers until two in a row come back at once; raises TimeoutError at `limit`.

        One would not do: an old answer may happen to be the same number.
        """
        self._in_step = False
        self._log.add(self.resource, "!", "out of step")
        self._buffer.clear()
        self._wire.discard(limit)
        right, wait = 0, self.timeout / 4
        while right < 2:
            question, matches = SYNCS[self.sync](next(self._numbers))
            self._send(question, self._encoded(question), limit)
            # An answer may be glued to half of an older one and never match; then another question is due.
            skipped = self._skip_to(matches, min(limit, time.monotonic() + wait))
            right = 0 if skipped is None else 1 if skipped else right + 1
            if skipped is None:
                wait *= 2
                if time.monotonic() >= limit:
                    raise TimeoutError("no answer is the right one")
        if self.sync == "scpi":
            self._send("*ESE 0", self._encoded("*ESE 0"), limit)
        self._in_step = True
        self._log.add(self.resource, "!", "in step")

    def _skip_to(self, matches: Callable[[str], bool], deadline: float) -> int | None:
        """Count the answers before the one that matches; None if none did."""
        skipped = 0
        while True:
            try:
                if matches(plain_text(self._receive(deadline, line_length))):
                    return skipped
            except TimeoutError:
                return None
            except ValueError:
                pass
            skipped += 1

    def _encoded(self, text: str) -> bytes:
        if self._closed or self._gone:
            raise LinkLost(f"{self.resource}: '{shown(text)}' not sent, {self._gone or 'the link is closed'}")
        if not text or not text.isascii() or not text.isprintable():
            raise InputError(f"'{shown(text)}' for {self.resource} is not one message of printable ASCII characters")
        return text.encode("ascii") + self._terminator

    @contextmanager
    def _loss_is_told(self, text: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise
        except OSError as error:
            self._lose(f"no answer to '{shown(text)}', {_reason(error)}")

    def _let_go(self, reason: str) -> None:
        self._gone = reason
        self._log.add(self.resource, "!", f"lost: {reason}")
        self._wire.close()

    def _lose(self, reason: str) -> NoReturn:
        self._let_go(reason)
        raise LinkLost(f"{self.resource}: {reason}; open the link again") from None


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
