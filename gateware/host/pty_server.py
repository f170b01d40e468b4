"""An emulator in software behind a pseudo terminal, so that any program can open it as if it were a serial port."""

from __future__ import annotations

import os
import select
import threading
import tty
from types import TracebackType
from typing import Self

from gateware.host.transport import Transport

STEP = 0.02
"""Seconds for which the engine runs before the terminal is looked at again."""

CHUNK = 4096
"""Bytes that are read from the terminal at once."""


class PtyServer:
    """Carries bytes between an engine and a pseudo terminal in a thread of its own.

    The engine is any transport that works in this process; if it has an attribute `idle`, it is asked for more only
    while that is false, and nothing burns time in between.

    Parameters
    ----------
    engine : Transport
        What answers; closed at the end.

    Attributes
    ----------
    path : str
        What a serial port's name is for others: ``/dev/pts/N``.
    error : Exception or None
        Why it ended, if the engine failed.
    """

    def __init__(self, engine: Transport) -> None:
        self._engine = engine
        self._ours, self._theirs = os.openpty()
        # Raw, or the terminal would echo, turn line ends and stop at control characters. Their end stays open here, so
        # that a client may come and go.
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)
        self.error: Exception | None = None
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="pty server", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """The server itself, which runs since it was made."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended; returns whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Stop the thread, close terminal and engine."""
        os.write(self._wake_write, b"x")
        self._thread.join()
        for handle in (self._ours, self._theirs, self._wake_read, self._wake_write):
            os.close(handle)
        self._engine.close()

    def _serve(self) -> None:
        try:
            self._carry()
        except Exception as error:  # an engine may fail in any way; the thread has nobody to raise to
            self.error = error

    def _carry(self) -> None:
        waiting = b""
        asked = False
        while True:
            busy = asked and not getattr(self._engine, "idle", True)
            readable, writable, _ = select.select(
                [self._ours, self._wake_read], [self._ours] if waiting else [], [], 0 if busy else None
            )
            if self._wake_read in readable:
                return
            if writable:
                waiting = waiting[os.write(self._ours, waiting) :]
            if self._ours in readable:
                self._engine.send(os.read(self._ours, CHUNK))
                asked = True
            if asked:
                waiting += self._engine.receive(STEP)
