"""How messages reach a virtual instrument: a raw socket, a serial port. All on this machine alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from instruments.virtual.faults import Fault, Faults

HOST = "127.0.0.1"
"""The only address that is listened on."""

LONGEST = 1 << 20
"""Bytes that a message may have."""

Handler = Callable[[str], bytes | None]
"""Carries out one message; the answer without a terminator, or None."""


class Disconnected(Exception):
    """The connection is to be closed, or has been."""


class Connection(ABC):
    """One client: carries out its messages in order, and lets the faults happen that are due."""

    def __init__(self, handle: Handler, faults: Faults) -> None:
        """Pass messages to `handle`."""
        self._handle, self._faults = handle, faults

    @abstractmethod
    def frame(self, answer: bytes) -> bytes:
        """Put an answer into the form in which it travels."""

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Send bytes that are in that form."""

    async def carry_out(self, message: str) -> None:
        """Carry out one message and send the answer.

        Raises
        ------
        Disconnected
            If a fault closes the connection.
        """
        answer = self._handle(message)
        if self._faults.disconnects(message):
            raise Disconnected
        if answer is None:
            return
        injection = self._faults.for_answer(message)
        whole = self.frame(answer)
        if injection is None:
            await self.send(whole)
        elif injection.fault is Fault.DELAY:
            await asyncio.sleep(injection.seconds or 0.0)
            await self.send(whole)
        elif injection.fault is Fault.HALF:
            half = len(whole) - max(1, len(answer) // 2)
            await self.send(whole[:half])
            if injection.seconds is not None:
                await asyncio.sleep(injection.seconds)
                await self.send(whole[half:])
        elif injection.fault is Fault.GARBAGE:
            await self.send(self.frame(injection.data))


class LineConnection(Connection):
    """A client whose messages end with a terminator, a line feed if not told otherwise."""

    def __init__(
        self, handle: Handler, faults: Faults, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
        terminator: bytes = b"\n",
    ) -> None:  # fmt: skip
        """Talk through a pair of streams."""
        super().__init__(handle, faults)
        self._reader, self._writer, self._terminator = reader, writer, terminator

    def frame(self, answer: bytes) -> bytes:
        """End it with the terminator."""
        return answer + self._terminator

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def run(self) -> None:
        """Carry out messages until the other side leaves."""
        # A message without its end is not carried out: the client was cut off while it sent it.
        with contextlib.suppress(Disconnected, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                line = await self._reader.readuntil(self._terminator)
                if message := line.rstrip(b"\r\n\0").decode("latin-1"):
                    await self.carry_out(message)
                    # What has arrived already is there at once: without this the others would wait for all of it.
                    await asyncio.sleep(0)


class ServerTransport(ABC):
    """One way to connect to a virtual instrument, such as a socket; runs in the event loop of its server.

    Attributes
    ----------
    connections : int
        Clients that are connected.
    left : callable
        Called when one of them has left.
    """

    def __init__(self, handle: Handler, faults: Faults) -> None:
        """Pass messages to `handle`."""
        self._handle, self._faults = handle, faults
        self.connections = 0
        self.left: Callable[[], None] = lambda: None

    @property
    @abstractmethod
    def resource(self) -> str:
        """VISA resource name to open."""

    @abstractmethod
    async def open(self) -> None:
        """Accept connections from now on; raises OSError if that fails."""

    def refuse(self) -> None:  # noqa: B027 - nobody comes to a transport that has one line for all
        """Accept no more connections."""

    @abstractmethod
    async def close(self) -> None:
        """Free the socket or port; all clients have been disconnected before."""

    async def _attended(self, run: Coroutine[Any, Any, None], writer: asyncio.StreamWriter) -> None:
        """Run one connection to its end."""
        self.connections += 1
        try:
            await run
        except asyncio.CancelledError:
            # The server stops: it does not wait for a client that takes nothing. This is the end of the task, and
            # asyncio's streams would report a cancelled one as a failure.
            writer.transport.abort()
        finally:
            self.connections -= 1
            writer.close()
            self.left()


class TcpTransport(ServerTransport):
    """Whatever listens on a TCP port."""

    def __init__(self, handle: Handler, faults: Faults, port: int) -> None:
        """Listen on `port`; 0 for any that is free."""
        super().__init__(handle, faults)
        self._port = port

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._welcome, HOST, self._port, limit=LONGEST)
        self._port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Accept no more connections.

        Not by closing the server: asyncio fails, and leaves a socket open, where it has accepted a connection for
        which there is no transport yet.
        """
        for listener in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())

    async def close(self) -> None:
        """Listen no more."""
        self._server.close()
        await self._server.wait_closed()

    @abstractmethod
    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection."""


class SocketTransport(TcpTransport):
    """A raw TCP socket."""

    terminator = b"\n"
    """What ends a message, both ways."""

    @property
    def resource(self) -> str:
        """VISA resource name to open."""
        return f"TCPIP::{HOST}::{self._port}::SOCKET"

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._attended(LineConnection(self._handle, self._faults, reader, writer, self.terminator).run(), writer)


class SerialTransport(ServerTransport):
    """A pseudo terminal, which other programs open as if it were a serial port; it has one line for all of them."""

    @property
    def resource(self) -> str:
        """VISA resource name to open."""
        return f"ASRL{self._path}::INSTR"

    async def open(self) -> None:
        """Make the terminal."""
        ours, self._theirs = os.openpty()
        # Raw, or the terminal would echo, turn line ends and stop at control characters. Their end stays open here, so
        # that a client may come and go.
        tty.setraw(self._theirs)
        self._path = os.ttyname(self._theirs)
        loop = asyncio.get_running_loop()
        reader, unused = asyncio.StreamReader(limit=LONGEST), asyncio.StreamReader()
        self._input, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", 0)
        )
        output, flow = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(unused), os.fdopen(os.dup(ours), "wb", 0)
        )
        writer = asyncio.StreamWriter(output, flow, reader, loop)
        self._task = asyncio.create_task(self._serve(reader, writer))

    async def close(self) -> None:
        """Unplug the terminal."""
        self._hang_up()
        await asyncio.wait([self._task])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._attended(LineConnection(self._handle, self._faults, reader, writer).run(), writer)
        self._hang_up()

    def _hang_up(self) -> None:
        self._input.close()
        if self._theirs >= 0:
            os.close(self._theirs)
            self._theirs = -1
