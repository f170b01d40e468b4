"""HiSLIP 1.0 (IVI-6.1), the part of it that a client needs to open, ask, read a status byte and clear a device.

A session has two connections: messages travel on the synchronous one, clears and status on the asynchronous one. Locks,
remote and local control, triggers and encryption are answered with the error 'unrecognized message type'.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from enum import IntEnum
from itertools import count
from typing import NamedTuple

from instruments.virtual.faults import Faults
from instruments.virtual.instrument import VirtualInstrument
from instruments.virtual.transports import HOST, LONGEST, Connection, Disconnected, Handler, TcpTransport

_HEADER = struct.Struct("!2sBBIQ")
_PROLOGUE = b"HS"
_VERSION = 0x0100
_VENDOR = int.from_bytes(b"VB", "big")
_MESSAGE_AVAILABLE = 0x10


class Kind(IntEnum):
    """Message types, IVI-6.1 table 4."""

    INITIALIZE = 0
    INITIALIZE_RESPONSE = 1
    FATAL_ERROR = 2
    ERROR = 3
    DATA = 6
    DATA_END = 7
    DEVICE_CLEAR_COMPLETE = 8
    DEVICE_CLEAR_ACKNOWLEDGE = 9
    ASYNC_MAX_MSG_SIZE = 15
    ASYNC_MAX_MSG_SIZE_RESPONSE = 16
    ASYNC_INITIALIZE = 17
    ASYNC_INITIALIZE_RESPONSE = 18
    ASYNC_DEVICE_CLEAR = 19
    ASYNC_STATUS_QUERY = 21
    ASYNC_STATUS_RESPONSE = 22
    ASYNC_DEVICE_CLEAR_ACKNOWLEDGE = 23


class _Message(NamedTuple):
    kind: int
    control: int
    parameter: int
    payload: bytes


def _pack(kind: Kind, control: int = 0, parameter: int = 0, payload: bytes = b"") -> bytes:
    return _HEADER.pack(_PROLOGUE, kind, control, parameter, len(payload)) + payload


async def _next(reader: asyncio.StreamReader) -> _Message:
    prologue, kind, control, parameter, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if prologue != _PROLOGUE or length > LONGEST:
        raise Disconnected
    return _Message(kind, control, parameter, await reader.readexactly(length))


class HislipSession(Connection):
    """One client, with its two connections."""

    def __init__(
        self, handle: Handler, faults: Faults, instrument: VirtualInstrument, writer: asyncio.StreamWriter
    ) -> None:
        """Answer on `writer`, the synchronous connection."""
        super().__init__(handle, faults)
        self._instrument, self._writer = instrument, writer
        self._asynchronous: asyncio.StreamWriter | None = None
        self._number = 0
        self._largest = LONGEST
        self._unread = False
        self._clearing = False
        self._at_work: asyncio.Task[None] | None = None

    def frame(self, answer: bytes) -> bytes:
        """Cut an answer into messages that carry the number of the question."""
        answer += b"\n"
        size = self._largest - _HEADER.size
        parts = [answer[start : start + size] for start in range(0, len(answer), size)]
        kinds = [Kind.DATA] * (len(parts) - 1) + [Kind.DATA_END]
        return b"".join(_pack(k, 0, self._number, part) for k, part in zip(kinds, parts, strict=True))

    async def send(self, data: bytes) -> None:
        """Send bytes of an answer."""
        self._unread = True
        self._writer.write(data)
        await self._writer.drain()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Carry out what comes on the synchronous connection, until it closes."""
        text = b""
        while True:
            message = await _next(reader)
            if message.kind == Kind.DEVICE_CLEAR_COMPLETE:
                text, self._clearing = b"", False
                self._writer.write(_pack(Kind.DEVICE_CLEAR_ACKNOWLEDGE))
            elif self._clearing:
                continue
            elif message.kind in (Kind.DATA, Kind.DATA_END):
                self._unread &= not message.control & 1
                self._number = message.parameter
                text += message.payload
                if len(text) > LONGEST:
                    raise Disconnected
                if message.kind == Kind.DATA_END:
                    self._at_work = asyncio.create_task(self._carry_out_all(text))
                    text = b""
                    # A device clear cancels what is being answered; the session goes on.
                    await asyncio.wait([self._at_work])
                    if not self._at_work.cancelled():
                        self._at_work.result()
            else:
                self._writer.write(_pack(Kind.ERROR, 1, 0, b"Unrecognized Message Type"))

    async def run_asynchronous(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry out what comes on the asynchronous connection, until it closes."""
        self._asynchronous = writer
        writer.write(_pack(Kind.ASYNC_INITIALIZE_RESPONSE, 0, _VENDOR))
        while True:
            message = await _next(reader)
            if message.kind == Kind.ASYNC_MAX_MSG_SIZE and len(message.payload) == 8:
                self._largest = max(_HEADER.size + 1, min(LONGEST, int.from_bytes(message.payload, "big")))
                writer.write(_pack(Kind.ASYNC_MAX_MSG_SIZE_RESPONSE, 0, 0, LONGEST.to_bytes(8, "big")))
            elif message.kind == Kind.ASYNC_DEVICE_CLEAR:
                self._clearing, self._unread = True, False
                if self._at_work:
                    self._at_work.cancel()
                self._instrument.clear()
                writer.write(_pack(Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE))
            elif message.kind == Kind.ASYNC_STATUS_QUERY:
                self._unread &= not message.control & 1
                writer.write(_pack(Kind.ASYNC_STATUS_RESPONSE, _MESSAGE_AVAILABLE if self._unread else 0))
            else:
                writer.write(_pack(Kind.ERROR, 1, 0, b"Unrecognized Message Type"))

    def hang_up(self) -> None:
        """Close both connections."""
        if self._at_work:
            self._at_work.cancel()
        self._writer.close()
        if self._asynchronous:
            self._asynchronous.close()

    async def _carry_out_all(self, text: bytes) -> None:
        for line in text.decode("latin-1").split("\n"):
            if message := line.rstrip("\r"):
                await self.carry_out(message)
                await asyncio.sleep(0)


class HislipTransport(TcpTransport):
    """A HiSLIP server with the one device ``hislip0``."""

    def __init__(self, handle: Handler, faults: Faults, instrument: VirtualInstrument, port: int) -> None:
        """Listen on `port`; 0 for any that is free."""
        super().__init__(handle, faults, port)
        self._instrument = instrument
        self._sessions: dict[int, HislipSession] = {}
        self._numbers = count(1)

    @property
    def resource(self) -> str:
        """VISA resource name to open."""
        return f"TCPIP::{HOST}::hislip0,{self._port}::INSTR"

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled when the server stops; asyncio's streams would report a cancelled task as a failure.
        with contextlib.suppress(Disconnected, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                first = await _next(reader)
                if first.kind == Kind.INITIALIZE:
                    await self._attended(self._serve(reader, writer), writer)
                elif first.kind == Kind.ASYNC_INITIALIZE and first.parameter in self._sessions:
                    session = self._sessions[first.parameter]
                    try:
                        await session.run_asynchronous(reader, writer)
                    finally:
                        session.hang_up()
                else:
                    writer.write(_pack(Kind.FATAL_ERROR, 3, 0, b"Invalid initialization sequence"))
            finally:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._numbers) & 0xFFFF
        session = HislipSession(self._handle, self._faults, self._instrument, writer)
        self._sessions[number] = session
        # The parameter is the protocol version and the session's number; control code 0 is synchronized mode.
        writer.write(_pack(Kind.INITIALIZE_RESPONSE, 0, _VERSION << 16 | number))
        try:
            await session.run(reader)
        finally:
            del self._sessions[number]
            session.hang_up()
