"""Frames and replies in plain Python, for the host and the golden model; `gateware.link.frames` is the hardware."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass

from cobs import cobs

from gateware.protocol import MAX_ARGUMENTS

FRAME_OVERHEAD = 7
"""Bytes of a frame beside its arguments, before it is coded."""

REPLY_OVERHEAD = 9
"""Bytes of a reply beside its payload, before it is coded."""

LONGEST = 512
"""Coded bytes that are kept of a frame; what is longer is damaged in any case."""

_FRAME = struct.Struct("<HHB")
_REPLY = struct.Struct("<HHBH")
_CRC = struct.Struct("<H")


@dataclass(frozen=True)
class Frame:
    """A frame whose CRC and length were right; `command` is the command byte and its arguments."""

    number: int
    command: bytes


@dataclass(frozen=True)
class Reply:
    """A reply whose CRC and length were right."""

    number: int
    status: int
    free: int
    payload: bytes


def frame(number: int, command: bytes) -> bytes:
    """Code a frame with the sequence number `number` for `command` = command byte + arguments, with its zero byte."""
    return _coded(_FRAME.pack(number, len(command) - 1, command[0]) + command[1:])


def reply(number: int, status: int, free: int, payload: bytes) -> bytes:
    """Code a reply, with its zero byte."""
    return _coded(_REPLY.pack(number, len(payload), status, free) + payload)


def parse_frame(body: bytes) -> Frame:
    """Take the body of a checked frame apart."""
    number, _, _ = _FRAME.unpack_from(body)
    return Frame(number, body[4:])


def parse_reply(body: bytes) -> Reply:
    """Take the body of a checked reply apart."""
    number, _, status, free = _REPLY.unpack_from(body)
    return Reply(number, status, free, body[_REPLY.size :])


def checked(coded: bytes, overhead: int) -> bytes | None:
    """Body of a coded frame or reply without its CRC, or None if it is damaged.

    Parameters
    ----------
    coded : bytes
        What was received between two zero bytes.
    overhead : int
        `FRAME_OVERHEAD` or `REPLY_OVERHEAD`.
    """
    try:
        whole = cobs.decode(coded)
    except cobs.DecodeError:
        return None
    if len(whole) < overhead:
        return None
    length = whole[2] | whole[3] << 8
    if length > MAX_ARGUMENTS or len(whole) != length + overhead:
        return None
    body = whole[:-2]
    return body if _crc(body) == whole[-2:] else None


class Splitter:
    """Cuts received bytes at the zero bytes; the rest waits for what comes next."""

    def __init__(self) -> None:
        self._partial = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield every coded frame that is now complete; two zero bytes in a row enclose none."""
        *complete, rest = data.split(b"\0")
        for piece in complete:
            coded = bytes(self._partial) + piece
            self._partial.clear()
            if coded:
                yield coded[:LONGEST]
        self._partial += rest[: LONGEST - len(self._partial)]

    def clear(self) -> None:
        """Forget an incomplete frame."""
        self._partial.clear()


def _coded(body: bytes) -> bytes:
    return cobs.encode(body + _crc(body)) + b"\0"


def _crc(body: bytes) -> bytes:
    return _CRC.pack(crc_hqx(body, 0xFFFF))
