"""Where an answer ends on the wire: it is a line of text, or a block of binary data (IEEE 488.2)."""

from __future__ import annotations

SHOWN = 80
"""Characters of a message that an error shows."""

_TAB = 0x09
_PRINTABLE = range(0x20, 0x7F)


def shown(text: str | bytes) -> str:
    """Give a message as an error shows it: its beginning, without control characters."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def line_length(received: bytes | bytearray, terminator: bytes) -> int | None:
    """Count the bytes of the first line with its terminator; None while it is not whole."""
    cut = received.find(terminator)
    return None if cut < 0 else cut + len(terminator)


def block_length(received: bytes | bytearray, terminator: bytes) -> int | None:
    """Count the bytes of a definite-length block (IEEE 488.2 8.7.9) with its terminator; None while it is not whole.

    Raises
    ------
    ValueError
        If what has come is no such block.
    """
    extent = _block_extent(received)
    if extent is None or len(received) < extent[1]:
        return None
    cut = received.find(terminator, extent[1])
    return None if cut < 0 else cut + len(terminator)


def text(message: bytes) -> str:
    """Decode a line without its terminator.

    Raises
    ------
    ValueError
        If it holds anything but printable ASCII and tabs.
    """
    message = message.rstrip(b"\r\n")
    if any(byte not in _PRINTABLE and byte != _TAB for byte in message):
        raise ValueError(f"'{shown(message)}' is no text")
    return message.decode("ascii")


def block(message: bytes) -> bytes:
    """Data of a definite-length block (IEEE 488.2 8.7.9).

    Raises
    ------
    ValueError
        If it is no such block, shorter than it says, or followed by anything.
    """
    extent = _block_extent(message)
    if extent is None or len(message) < extent[1]:
        raise ValueError(f"'{shown(message)}' is shorter than the block it begins")
    start, stop = extent
    if message[stop:].strip(b"\r\n"):
        raise ValueError(f"'{shown(message[stop:])}' follows a block of {stop - start} bytes")
    return message[start:stop]


def _block_extent(received: bytes | bytearray) -> tuple[int, int] | None:
    """Where the data of a block begin and end; None while that cannot be told."""
    digits = received[1:2]
    if received[:1] not in (b"", b"#") or (digits and (not digits.isdigit() or digits == b"0")):
        raise ValueError(f"'{shown(bytes(received))}' is no block of definite length")
    start = 2 + int(digits or b"9")
    length = received[2:start]
    if length and not length.isdigit():
        raise ValueError(f"'{shown(bytes(received))}' is no block of definite length")
    return (start, start + int(length)) if len(received) >= start else None
