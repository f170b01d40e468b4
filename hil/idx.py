"""Reads IDX files, the array format in which MNIST and its relatives are distributed.

An IDX file is a header (two zero bytes, one type byte, one byte with the number of dimensions, then each
dimension as a big-endian 32-bit count) followed by the values in row-major order.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from hil.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_UINT8_TYPE = 0x08
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
    content = _decompressed(Path(path))
    shape, header_size = _parse_header(content, path)
    expected, found = math.prod(shape), len(content) - header_size
    if found < expected:
        raise InputError(f"{path}: truncated after {found} bytes of data, expected {expected}")
    if found > expected:
        raise InputError(f"{path}: {found - expected} trailing bytes after the expected {expected} bytes of data")
    try:
        return np.frombuffer(content, dtype=np.uint8, offset=header_size, count=expected).reshape(shape)
    except ValueError as error:
        raise InputError(f"{path}: cannot hold the header's {len(shape)} dimensions in an array: {error}") from None


def _decompressed(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if content.startswith(_GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{path}: corrupt or truncated gzip data: {error}") from None
    if not content:
        raise InputError(f"{path}: the file is empty, expected IDX data")
    return content


def _parse_header(content: bytes, path: str | Path) -> tuple[tuple[int, ...], int]:
    """Return the array's shape and the header's size in bytes."""
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
    return struct.unpack_from(f">{dimensions}I", content, 4), header_size
