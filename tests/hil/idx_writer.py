"""Writes IDX files for the tests, independently of the reader in `hil.data.idx`."""

import struct

import numpy as np


def idx_bytes(array: np.ndarray) -> bytes:
    """Return the IDX file of an array, its values taken as unsigned bytes."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()
