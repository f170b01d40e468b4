"""Stands in for linux-gpib's Python binding (``gpib``, ``Gpib``): a bus whose instruments are behind sockets.

Only what its documentation says of ibwrt, ibrd, ibclr, ibtmo, ibask and of the bits of ibsta; END comes with the byte
that has EOI, here the line feed. ``FAKE_GPIB`` is "24=5025 7=5026": primary address and port.
"""

import os
import socket
import sys

ERR, TIMO, END, CMPL = 0x8000, 0x4000, 0x2000, 0x0100
TIMES = (None, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


class GpibError(Exception):
    """As the binding raises."""


def version():
    return "4.3.6"


def ask(board, option):
    """Primary address of a board; there is board 0 alone."""
    if board:
        raise GpibError("ask() error: No such device")
    return 0


def listener(board, pad, sad=0):
    return str(pad) in _ports()


def _ports():
    return dict(pair.split("=") for pair in os.environ.get("FAKE_GPIB", "").split())


class Gpib:
    """A board, or a device on it."""

    def __init__(self, name=0, pad=None, sad=0, timeout=13, send_eoi=1, eos_mode=0):
        self._pad, self._sad, self._timeout, self._status, self._count = pad, sad, timeout, CMPL, 0
        self._peer, self._waiting = None, b""
        if pad is not None and str(pad) in _ports():
            self._peer = socket.create_connection(("127.0.0.1", int(_ports()[str(pad)])))

    def close(self):
        if self._peer is not None:
            self._peer.close()
            self._peer = None

    def ask(self, option):
        return {1: self._pad or 0, 2: self._sad, 3: self._timeout}[option]

    def timeout(self, value):
        self._timeout = value

    def config(self, option, value):
        """Nothing here depends on it."""

    def ibsta(self):
        return self._status

    def ibcnt(self):
        return self._count

    def write(self, data):
        """Address to listen, send, EOI with the last byte."""
        if self._peer is None:
            self._fail(ERR, "write() error: no listener on the bus")
        try:
            self._peer.sendall(data if data.endswith(b"\n") else data + b"\n")
        except OSError:
            self._fail(ERR, "write() error: I/O")
        self._count, self._status = len(data), CMPL

    def read(self, length=512):
        """Address to talk: up to `length` bytes, to EOI at most."""
        if self._peer is None:
            self._fail(ERR | TIMO, "read() failed: nobody talks")
        self._peer.settimeout(TIMES[self._timeout])
        while b"\n" not in self._waiting[:length] and len(self._waiting) < length:
            try:
                data = self._peer.recv(4096)
            except TimeoutError:
                self._fail(ERR | TIMO, "read() failed: timeout")
            except OSError:
                data = b""
            if not data:
                self._fail(ERR, "read() failed: gone")
            self._waiting += data
        end = self._waiting.find(b"\n", 0, length) + 1 or length
        answer, self._waiting = self._waiting[:end], self._waiting[end:]
        self._count, self._status = len(answer), CMPL | (END if answer.endswith(b"\n") else 0)
        return answer

    def clear(self):
        """Selected device clear: what it had to say is gone."""
        self._waiting = b""
        if self._peer is not None:
            self._peer.settimeout(0.01)
            try:
                while self._peer.recv(4096):
                    pass
            except OSError:
                pass

    def _fail(self, status, text):
        self._status, self._count = status, 0
        raise GpibError(text)


sys.modules.setdefault("Gpib", sys.modules[__name__])
