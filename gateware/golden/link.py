"""The emulator's end of the link in plain Python: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Callable

from gateware.link.wire import FRAME_OVERHEAD, Frame, Splitter, checked, parse_frame, reply
from gateware.protocol import READS_ONLY, Command, Status

NONCE_BYTES = 4


class GoldenLink:
    """Receives frames, has each carried out exactly once and in order, and answers.

    Replies equal those of `gateware.link.frames.FrameLink` in every byte, but for two things that only exist where
    bytes take time: `free` is always that of an empty buffer here, because a frame is carried out as soon as it is
    complete, and no frame is ever lost for want of room.

    Parameters
    ----------
    executor : callable
        Maps command byte + arguments to status byte + payload. Never called for `Command.SYNC`.
    depth : int
        Bytes of the buffer that `FrameLink` would have.

    Attributes
    ----------
    link_errors : int
        Damaged frames so far, modulo 2^32.
    """

    def __init__(self, executor: Callable[[bytes], bytes], depth: int = 1024) -> None:
        self._executor = executor
        self._depth = depth
        self._splitter = Splitter()
        self._nonce: bytes | None = None
        self._expected = 0
        self._refused: tuple[int, int] | None = None
        self.link_errors = 0

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the line; return the bytes that are sent back."""
        return b"".join(self._receive(coded) for coded in self._splitter.feed(data))

    def _receive(self, coded: bytes) -> bytes:
        body = self._checked(coded)
        if body is None:
            self.link_errors = (self.link_errors + 1) & 0xFFFFFFFF
            return self._out_of_sequence(self._expected)
        frame = parse_frame(body)
        if frame.command[0] == Command.SYNC and len(frame.command) == 1 + NONCE_BYTES:
            return self._sync(frame)
        if self._nonce is None:
            # Nothing was carried out yet, so that no number can be an earlier one.
            return self._out_of_sequence(frame.number)
        behind = (self._expected - frame.number) & 0xFFFF
        if frame.command[0] == Command.SYNC or behind > 0x8000:
            return self._out_of_sequence(frame.number)
        if behind:
            return self._repeat(frame)
        self._expected = (self._expected + 1) & 0xFFFF
        status, payload = self._carry_out(frame)
        if status != Status.OK:
            self._refused = frame.number, status
        elif self._refused is not None and self._refused[0] == frame.number:
            self._refused = None
        return self._reply(frame.number, status, payload)

    def _checked(self, coded: bytes) -> bytes | None:
        return checked(coded, FRAME_OVERHEAD)

    def _carry_out(self, frame: Frame) -> tuple[int, bytes]:
        answer = self._executor(frame.command)
        return answer[0], answer[1:]

    def _sync(self, frame: Frame) -> bytes:
        nonce = frame.command[1:]
        if nonce != self._nonce:
            self._nonce = nonce
            self._expected = (frame.number + 1) & 0xFFFF
            self._refused = None
        return self._reply(frame.number, Status.OK)

    def _repeat(self, frame: Frame) -> bytes:
        if frame.command[0] in READS_ONLY:
            return self._reply(frame.number, *self._carry_out(frame))
        # The host may never have seen that the command was refused: then an OK would be a lie.
        refused, status = self._refused or (None, Status.OK)
        return self._reply(frame.number, status if refused == frame.number else Status.OK)

    def _out_of_sequence(self, number: int) -> bytes:
        return self._reply(number, Status.SEQUENCE, self._expected.to_bytes(2, "little"))

    def _reply(self, number: int, status: int, payload: bytes = b"") -> bytes:
        return reply(number, status, self._depth, payload)
