"""What carries the bytes of a link: a VISA session, watched so that it can neither hang nor spin.

pyvisa-py 0.8 spins on a connection that the other side has closed until its timeout ends (`TCPIPSocketSession.read`) or
for ever (`TCPIPSocketSession.clear`, `hislip.receive_flush`), waits without end for room to send
(`TCPIPSocketSession.write`), and opens a port on which nobody listens without complaint. So a wire waits by itself,
looks before it reads (MSG_PEEK), and asks pyvisa-py only for bytes that are there.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from pyvisa.constants import ResourceAttribute, SerialTermination, StatusCode
from pyvisa.errors import VisaIOError
from pyvisa.resources import MessageBasedResource

from hil.errors import InputError

CHUNK = 4096
"""Bytes that are moved at once."""

PARTIAL_WAIT = 1e-3
"""s between two looks at a header of which only a part has arrived."""

_HEADER = struct.Struct("!2sBBIQ")
_DATA, _DATA_END = 6, 7
_ANY_MESSAGE = 0xFFFF_FFFF
_FIRST_MESSAGE = 0xFFFF_FF00
_CLEAR_PAUSE = 0.1


class Wire(ABC):
    """Sends bytes to an instrument and receives its answers, each within a deadline.

    Deadlines are on ``time.monotonic``. Every method raises `TimeoutError` when its deadline has passed, and another
    `OSError` when the other side is gone.

    Attributes
    ----------
    ends : bool
        Whether the transport marks the end of a message itself (HiSLIP, VXI-11, GPIB, USB).
    whole : int
        Bytes up to which a message is sent whole or not at all, should it be interrupted.
    """

    ends: bool
    whole: int = CHUNK

    def __init__(self, visa: MessageBasedResource) -> None:
        """Take over an open VISA session."""
        self._visa = visa

    @abstractmethod
    def send(self, data: bytes, deadline: float) -> None:
        """Send one message."""

    @abstractmethod
    def receive(self, deadline: float) -> tuple[bytes, bool]:
        """Wait for bytes; returns them, and whether the transport says that the message ends with them."""

    @abstractmethod
    def arrived(self) -> bool:
        """Whether bytes are waiting that nobody has asked for; raises if the other side is known to be gone."""

    @abstractmethod
    def discard(self, deadline: float) -> None:
        """Forget what has arrived."""

    def clear(self, deadline: float) -> None:
        """Device clear where the transport has one; forget what has arrived."""
        self.discard(deadline)

    def close(self) -> None:
        """Let go of the session."""
        # A session whose other side is gone may fail in any way while it is being closed, and is closed all the same.
        with contextlib.suppress(Exception):
            self._visa.close()

    def _write(self, data: bytes) -> None:
        with os_errors():
            self._visa.write_raw(data)

    def _read(self, count: int) -> tuple[bytes, bool]:
        with os_errors(), self._visa.ignore_warning(StatusCode.success_max_count_read):
            data, status = self._visa.visalib.read(self._visa.session, count)
        return bytes(data), status != StatusCode.success_max_count_read


class StreamWire(Wire):
    """A stream of bytes that does not mark where a message ends, on a descriptor that `select` can wait for."""

    ends = False

    def __init__(self, visa: MessageBasedResource, source: Any) -> None:
        super().__init__(visa)
        self._source = source

    @abstractmethod
    def _waiting(self) -> int:
        """Count the bytes of a readable source; raises if there are none, for then it is at its end."""

    def send(self, data: bytes, deadline: float) -> None:
        """Send one message."""
        for start in range(0, len(data), CHUNK):
            _wait_writable(self._source, deadline)
            self._write(data[start : start + CHUNK])

    def receive(self, deadline: float) -> tuple[bytes, bool]:
        """Wait for bytes."""
        _wait_readable(self._source, deadline)
        return self._read(self._waiting())[0], False

    def arrived(self) -> bool:
        """Whether bytes are waiting."""
        return _readable(self._source) and self._waiting() > 0

    def discard(self, deadline: float) -> None:
        """Forget what has arrived."""
        while self.arrived():
            self.receive(deadline)


class SocketWire(StreamWire):
    """A raw TCP socket of pyvisa-py.

    Raises
    ------
    ConnectionError
        If nobody listens there.
    """

    def __init__(self, visa: MessageBasedResource, connection: socket.socket, timeout: float) -> None:
        super().__init__(visa, connection)
        # With it, pyvisa-py keeps what follows a line feed in a buffer of its own, where no wait can see it.
        visa.set_visa_attribute(ResourceAttribute.termchar_enabled, False)
        try:
            connection.getpeername()
        except OSError:
            raise ConnectionRefusedError("nobody listens there") from None
        connection.settimeout(timeout)
        # Without it, a message that follows another one waits for the acknowledgement of the first: 40 ms on Linux.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _waiting(self) -> int:
        return _peek(self._source, CHUNK)


class SerialWire(StreamWire):
    """A serial port, or a pty, of pyvisa-py."""

    def __init__(self, visa: MessageBasedResource, port: Any) -> None:
        super().__init__(visa, port)
        visa.set_visa_attribute(ResourceAttribute.asrl_end_in, SerialTermination.none)

    def _waiting(self) -> int:
        with os_errors():
            waiting = self._source.in_waiting
        if not waiting:
            raise ConnectionResetError("the port was hung up")
        return min(waiting, CHUNK)


class HislipWire(Wire):
    """A HiSLIP session of pyvisa-py (IVI-6.1, synchronized mode).

    The header of a message is looked at before pyvisa-py reads it. An answer carries the number of the message that it
    answers; one that is no longer waited for is skipped here.
    """

    ends = True

    def __init__(self, visa: MessageBasedResource, instrument: Any) -> None:
        super().__init__(visa)
        self._hislip = instrument
        self._socket: socket.socket = instrument._sync
        self._abandoned = 0

    def send(self, data: bytes, deadline: float) -> None:
        """Send one message."""
        # pyvisa-py forgets that it stands within an answer, and would take the rest of it for a header.
        self._abandoned += self._hislip._payload_remaining
        self._hislip._payload_remaining = 0
        self._hislip.timeout = _left(deadline)
        self._write(data)

    def receive(self, deadline: float) -> tuple[bytes, bool]:
        """Wait for bytes of the answer to the last message."""
        self._skip_abandoned(deadline)
        while not self._hislip._payload_remaining:
            kind, number, length = self._header(deadline)
            wanted = number in (_ANY_MESSAGE, self._hislip.last_message_id)
            if wanted and (kind == _DATA_END or (kind == _DATA and length)):
                # With a byte of it beside the header, pyvisa-py need not wait, which it would do by a clock of its own.
                waiting = self._wait_for(_HEADER.size + min(length, 1), deadline) - _HEADER.size
                return self._read(max(1, min(waiting, length)))
            self._abandoned = _HEADER.size + length
            self._skip_abandoned(deadline)
        return self._read(min(self._wait_for(1, deadline), self._hislip._payload_remaining))

    def arrived(self) -> bool:
        """Whether an answer has begun; a whole one that nobody asked for is skipped by its number."""
        if _readable(self._socket):
            _peek(self._socket, 1)
        return self._hislip._payload_remaining > 0

    def discard(self, deadline: float) -> None:
        """Nothing to do: what nobody asked for is skipped when it comes."""

    def clear(self, deadline: float) -> None:
        """Device clear (IVI-6.1 6.12); pyvisa-py's own stumbles over an answer that is still on the way."""
        self._abandoned += self._hislip._payload_remaining
        self._hislip._payload_remaining = 0
        with os_errors():
            self._hislip.timeout = _left(deadline)
            feature = self._hislip.async_device_clear()
        time.sleep(min(_CLEAR_PAUSE, _left(deadline)))
        while self._abandoned or _readable(self._socket):
            self._skip_abandoned(deadline)
            if _readable(self._socket):
                self._abandoned = _HEADER.size + self._header(deadline)[2]
        with os_errors():
            self._hislip.device_clear_complete(feature)
        self._hislip._message_id = _FIRST_MESSAGE

    def _header(self, deadline: float) -> tuple[int, int, int]:
        self._wait_for(_HEADER.size, deadline)
        prologue, kind, _, number, length = _HEADER.unpack(self._socket.recv(_HEADER.size, socket.MSG_PEEK))
        if prologue != b"HS":
            raise ConnectionError("what arrives is not HiSLIP")
        return kind, number, length

    def _wait_for(self, count: int, deadline: float) -> int:
        """Wait until `count` bytes are there; returns how many are."""
        while True:
            _wait_readable(self._socket, deadline)
            if (waiting := _peek(self._socket, CHUNK)) >= count:
                return waiting
            time.sleep(PARTIAL_WAIT)

    def _skip_abandoned(self, deadline: float) -> None:
        while self._abandoned:
            waiting = self._wait_for(1, deadline)
            self._abandoned -= len(self._socket.recv(min(waiting, self._abandoned)))


class OtherWire(Wire):
    """Any other session: another VISA library, VXI-11, GPIB, USB. Deadlines are as good as that library's timeouts."""

    behind: Any = None
    """Adapter that is closed with it."""

    def __init__(self, visa: MessageBasedResource, *, ends: bool, terminator: str) -> None:
        super().__init__(visa)
        self.ends = ends
        if not ends:
            visa.read_termination = terminator[-1]

    def close(self) -> None:
        """Let go of the session, and of the adapter in front of it."""
        super().close()
        if self.behind is not None:
            with contextlib.suppress(Exception):
                self.behind.close()

    def send(self, data: bytes, deadline: float) -> None:
        """Send one message."""
        self._set_timeout(deadline)
        self._write(data)

    def receive(self, deadline: float) -> tuple[bytes, bool]:
        """Wait for bytes."""
        self._set_timeout(deadline)
        data, ended = self._read(CHUNK)
        return data, ended and self.ends

    def arrived(self) -> bool:
        """Never known."""
        return False

    def discard(self, deadline: float) -> None:
        """Nothing to do: what is waiting cannot be told from what is yet to come."""

    def clear(self, deadline: float) -> None:
        """Device clear."""
        self._set_timeout(deadline)
        with os_errors():
            self._visa.clear()

    def _set_timeout(self, deadline: float) -> None:
        with os_errors():
            self._visa.timeout = max(1.0, 1e3 * _left(deadline))


@contextlib.contextmanager
def os_errors() -> Iterator[None]:
    """Turn whatever pyvisa and its back ends raise into `TimeoutError` and other `OSError`."""
    try:
        yield
    except (OSError, InputError):
        raise
    except VisaIOError as error:
        if error.error_code == StatusCode.error_timeout:
            raise TimeoutError(error.description) from None
        raise ConnectionError(error.description) from None
    except Exception as error:  # RuntimeError, AssertionError, struct.error, plain Exception: all seen in pyvisa-py
        raise ConnectionError(str(error) or type(error).__name__) from None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def _readable(source: Any) -> bool:
    return bool(select.select([source], [], [], 0)[0])


def _wait_readable(source: Any, deadline: float) -> None:
    if not select.select([source], [], [], _left(deadline))[0]:
        raise TimeoutError("nothing arrived")


def _wait_writable(source: Any, deadline: float) -> None:
    if not select.select([], [source], [], _left(deadline))[1]:
        raise TimeoutError("no byte was taken")


def _peek(connection: socket.socket, count: int) -> int:
    """Count the bytes that are there, at most `count`, without taking them."""
    found = len(connection.recv(count, socket.MSG_PEEK))
    if not found:
        raise ConnectionResetError("the other side closed the connection")
    return found
