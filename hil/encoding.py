"""Encoding: from pixels to what is driven on the rows of a crossbar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def intensities(images: NDArray[np.uint8], full_scale: int) -> NDArray[np.float64]:
    """Pixel intensities in 0..1: (B, N) grey values divided by the grey value of a fully lit pixel."""
    return images / np.float64(full_scale)
