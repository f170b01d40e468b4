"""Server of the virtual bench: a virtual instrument behind a real socket or terminal of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Literal, Self

from hil.errors import InputError, nearest
from hil.runs.interrupt import stops_heard_by
from instruments.virtual.faults import Faults
from instruments.virtual.hislip import HislipTransport
from instruments.virtual.instrument import VirtualInstrument
from instruments.virtual.transports import Disconnected, SerialTransport, ServerTransport, SocketTransport

TransportName = Literal["socket", "hislip", "serial"]
TRANSPORTS: tuple[TransportName, ...] = ("socket", "hislip", "serial")

_TURNS = 10
"""Turns of an event loop within which a connection that was accepted has a task of its own: three in CPython 3.11."""

_log = logging.getLogger(__name__)


class Server:
    """Serves one instrument to any number of clients at once, from a thread of its own.

    Messages are carried out one at a time, in the order in which they arrive; a fault that delays one client's answer
    does not hold up another client, nor does one that sends much or takes nothing: after each message the others have
    their turn. Like a real instrument it keeps its outputs as they are when a client leaves.

    Parameters
    ----------
    instrument : VirtualInstrument
        What carries out the messages.
    transport : {"socket", "hislip", "serial"}
        Raw TCP socket, HiSLIP, or a pseudo terminal in place of a serial port.
    port : int
        TCP port, 0 for any that is free.
    faults : Faults, optional
        What goes wrong on the way; by default nothing, until told otherwise.
    lock : lock, optional
        Held while a message is carried out. Servers whose instruments are wired to one device under test share one.

    Attributes
    ----------
    instrument : VirtualInstrument
        What carries out the messages.
    faults : Faults
        What goes wrong on the way.
    busy : bool
        Whether the instrument is carrying out a message.
    error : Exception or None
        What an instrument raised: a mistake in its model. The client that met it was cut off.

    Raises
    ------
    InputError
        If there is no such transport or port.
    """

    def __init__(
        self,
        instrument: VirtualInstrument,
        transport: TransportName = "socket",
        port: int = 0,
        faults: Faults | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        if transport not in TRANSPORTS:
            raise InputError(f"no transport '{transport}' {nearest(transport, TRANSPORTS)}")
        if not 0 <= port < 1 << 16:
            raise InputError(f"port {port} is outside 0 .. 65535 (0 for any that is free)")
        self.instrument = instrument
        self.faults = Faults() if faults is None else faults
        self.error: Exception | None = None
        self.busy = False
        self._name, self._port = transport, port
        self._lock = threading.Lock() if lock is None else lock
        self._thread: threading.Thread | None = None
        self._transport: ServerTransport | None = None

    @property
    def resource(self) -> str:
        """VISA resource name to open."""
        return self._running().resource

    @property
    def connections(self) -> int:
        """How many clients are connected; of a serial line nobody can tell, 1 while it is there."""
        return self._running().connections

    def start(self) -> Self:
        """Let clients in; returns at once, with `resource` known.

        Raises
        ------
        InputError
            If the port is taken.
        """
        if self._thread is None:
            ready: Future[None] = Future()
            self._thread = threading.Thread(
                target=lambda: asyncio.run(self._serve(ready)), name=f"virtual {self._name} server", daemon=True
            )
            self._thread.start()
            try:
                ready.result()
            except OSError as error:
                self._thread.join()
                self._thread = None
                raise InputError(f"port {self._port} for the virtual bench: {error.strerror}") from None
        return self

    def stop(self) -> None:
        """Send all clients out and end, whatever is being carried out; safe to call again."""
        if self._thread is not None:
            self.halt()
            self._thread.join()
            if self.instrument.budget is not None:
                self.instrument.budget.halted = False
            self._thread = self._transport = None

    def halt(self) -> None:
        """Carry out nothing more, and begin to end; `stop` waits for it."""
        if self._thread is not None:
            if self.instrument.budget is not None:
                self.instrument.budget.halted = True
            with contextlib.suppress(RuntimeError):  # its loop has ended, after an earlier call
                self._loop.call_soon_threadsafe(self._stopping.set)

    def serve_forever(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP; for the main thread of a process that does nothing else.

        `ready` is called when clients may come and signals are heard.
        """
        wake, signalled = os.pipe()

        def end(*_: object) -> None:
            os.write(signalled, b"x")

        try:
            with stops_heard_by(end), self:
                ready()
                os.read(wake, 1)
        finally:
            os.close(wake)
            os.close(signalled)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop on every way out."""
        self.stop()

    def _running(self) -> ServerTransport:
        if self._transport is None:
            raise InputError("the server of the virtual bench is not running: start it first")
        return self._transport

    async def _serve(self, ready: Future[None]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        transport = self._make()
        transport.left = self.instrument.hang_up
        try:
            await transport.open()
        except OSError as error:
            ready.set_exception(error)
            return
        self._transport = transport
        ready.set_result(None)
        await self._stopping.wait()
        transport.refuse()
        # A task that is cancelled before it has begun closes nothing: let those of clients who have just come begin.
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        clients = asyncio.all_tasks() - {asyncio.current_task()}
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await transport.close()

    def _make(self) -> ServerTransport:
        if self._name == "socket":
            transport = SocketTransport(self._handle, self.faults, self._port)
            transport.terminator = self.instrument.terminator
            return transport
        if self._name == "hislip":
            return HislipTransport(self._handle, self.faults, self.instrument, self._port)
        return SerialTransport(self._handle, self.faults)

    def _handle(self, message: str) -> bytes | None:
        self.busy = True
        try:
            with self._lock:
                answer = self.instrument.handle(message)
        except Exception as error:
            self.error = error
            _log.exception("the virtual instrument failed at '%s'", message)
            raise Disconnected from error
        finally:
            self.busy = False
        return answer.encode("utf-8") if isinstance(answer, str) else answer
