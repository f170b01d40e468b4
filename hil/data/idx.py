"""Reads IDX files, the array format in which MNIST and its relatives are distributed.

An IDX file is a header (two zero bytes, one type byte, one byte with the number of dimensions, then each
dimension as a big-endian 32-bit count) followed by the values in row-major order.
"""

import gzip
import io
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hil.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_UINT8_TYPE = 0x08
_PIECE = 1 << 24

MOST_BYTES = 1 << 31
"""Bytes of data that a file may promise: three times the largest of the EMNIST sets."""
_TYPE_NAMES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}


def read_idx(path: str | Path) -> np.ndarray:
    """Read one IDX file of unsigned bytes, raw or gzipped.

    Compression is recognised by content and not by name, since downloads are often unpacked on the way
    without losing their ``.gz`` ending.

    Parameters
    ----------
    path : str or Path
        The file to read.

    Returns
    -------
    numpy.ndarray
        Read-only uint8 array of the shape that the header states.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, truncated, corrupt or longer than its header says, or is not an
        IDX file of unsigned bytes.
    """
    try:
        with _opened(Path(path)) as file:
            start = file.read(4)
            header = start + file.read(4 * start[3] if len(start) == 4 else 0)
            shape = _parse_header(header, path)
            expected = math.prod(shape)
            if expected > MOST_BYTES:
                raise InputError(f"{path}: its header promises {expected:,} bytes of data, {MOST_BYTES:,} at most")
            content = _read_values(file, expected, path)
            found = len(content)
            if found > expected:
                found += _count_rest(file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: corrupt or truncated gzip data: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{str(path)!r} is no name of a file: {error}") from None
    if found < expected:
        raise InputError(f"{path}: truncated after {found} bytes of data, expected {expected}")
    if found > expected:
        raise InputError(f"{path}: {found - expected} trailing bytes after the expected {expected} bytes of data")
    try:
        return np.frombuffer(content, dtype=np.uint8, count=expected).reshape(shape)
    except ValueError as error:
        raise InputError(f"{path}: cannot hold the header's {len(shape)} dimensions in an array: {error}") from None


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a file, unpacked on the way if it is packed: nothing is read or unpacked before it is asked for."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not packed:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield unpacked


def _read_values(file: io.BufferedIOBase, expected: int, path: str | Path) -> bytes:
    """Read what the header promises and one byte more, in pieces: a header that promises too much costs nothing."""
    pieces, left = [], expected + 1
    while left > 0:
        piece = file.read(min(left, _PIECE))
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    try:
        return b"".join(pieces)
    except MemoryError:
        raise InputError(f"{path}: its {expected:,} bytes of data do not fit into memory") from None


def _count_rest(file: io.BufferedIOBase) -> int:
    """How many bytes follow, without keeping them; at most `_PIECE`, since a packed file can hold any number."""
    return len(file.read(_PIECE))


def _parse_header(content: bytes, path: str | Path) -> tuple[int, ...]:
    """Return the array's shape."""
    if not content:
        raise InputError(f"{path}: the file is empty, expected IDX data")
    if len(content) < 4:
        raise InputError(f"{path}: truncated after {len(content)} bytes, an IDX header needs at least 4")
    value_type, dimensions = content[2], content[3]
    if content[:2] != b"\x00\x00" or value_type not in _TYPE_NAMES or dimensions == 0:
        raise InputError(
            f"{path}: magic number 0x{content[:4].hex()} is not one of an IDX file, expected 0x000008NN "
            "with NN dimensions"
        )
    if value_type != _UINT8_TYPE:
        raise InputError(f"{path}: holds {_TYPE_NAMES[value_type]} values, expected uint8")
    header_size = 4 + 4 * dimensions
    if len(content) < header_size:
        raise InputError(
            f"{path}: truncated after {len(content)} bytes, the header of {dimensions} dimensions needs {header_size}"
        )
    return struct.unpack_from(f">{dimensions}I", content, 4)
