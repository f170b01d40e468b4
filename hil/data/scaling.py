"""Images of fewer pixels: borders cut off, and the rest averaged over areas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hil.data.datasets import Dataset
from hil.errors import InputError


def scaled(dataset: Dataset, shape: tuple[int, int], crop: int = 0) -> Dataset:
    """Make a data set with images of another shape; a new pixel is the mean of the area that it covers.

    Parameters
    ----------
    dataset : Dataset
        As loaded.
    shape : tuple of int
        (height, width) that is wanted, at most that of the images.
    crop : int
        Pixels that are cut off at each side before.

    Returns
    -------
    Dataset
        With grey values 0..255.

    Raises
    ------
    InputError
        If less would be left than is wanted.
    """
    height, width = (size - 2 * crop for size in dataset.shape)
    if shape[0] > height or shape[1] > width:
        raise InputError(
            f"images of '{dataset.name}' have {dataset.shape[0]} x {dataset.shape[1]} pixels, less {crop} at each "
            f"side: they cannot be scaled to {shape[0]} x {shape[1]}"
        )
    down, across = _areas(height, shape[0]), _areas(width, shape[1])

    def smaller(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        whole = images.reshape(-1, *dataset.shape)[:, crop : crop + height, crop : crop + width]
        found = np.empty((len(whole), shape[0] * shape[1]), np.uint8)
        for at in range(0, len(whole), 4096):
            part = down @ whole[at : at + 4096].astype(float) @ across.T * (255.0 / dataset.full_scale)
            found[at : at + 4096] = np.rint(part).reshape(len(part), -1)
        found.setflags(write=False)
        return found

    return replace(
        dataset,
        shape=shape,
        full_scale=255,
        train_images=smaller(dataset.train_images),
        test_images=smaller(dataset.test_images),
    )


def _areas(old: int, new: int) -> NDArray[np.float64]:
    """(new, old) share that every old pixel has in every new one; rows add up to 1."""
    edges = np.arange(new + 1) * (old / new)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)[None]
    return np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0.0, None) / (old / new)
