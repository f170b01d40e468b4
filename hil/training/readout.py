"""Winner-take-all readouts: which of several layers recognises an image best, from their output currents.

Layers differ in their total conductance, so the raw currents are not comparable; these are the ways to make them so.
None uses labels, and none uses anything of the images to be classified beyond the one image at hand:

raw       I_c, the current of layer c
total     I_c / I_c(all pixels on): relative to the layer's own total conductance
centred   sum_r x_r (G_rc - mean_r G) / |G_c - mean G|: zero-mean, unit-norm weights
relative  I_c / mean of I_c over unlabelled training images
contrast  I_c - mean over the layers, then z-scored over unlabelled training images
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.device import Device

READOUTS = ("raw", "total", "centred", "relative", "contrast")
"""Names of all readouts, simplest first."""

_TIE = 1e-9


class Readout:
    """Scores of all readouts for a trained device, calibrated once on unlabelled images.

    Attributes
    ----------
    conductance : (rows, layers) array
        What was read for it, S.

    Parameters
    ----------
    device : Device
        Rows are pixels, columns are layers. It is read, not driven beyond that.
    reference : (B, rows) array
        Pixel intensities 0..1 of unlabelled training images.
    v_read : float
        Row voltage of a fully lit pixel when reading, V.
    """

    def __init__(self, device: Device, reference: NDArray[np.float64], v_read: float) -> None:
        """Measure what the normalisations need."""
        self._device, self._v_read = device, v_read
        self.conductance = g = device.read()
        centred = g - g.mean(axis=0)
        self._mean, self._norm = g.mean(axis=0), np.sqrt((centred**2).sum(axis=0))
        self._all_on = self._currents(np.ones((1, device.rows)))
        currents = self._currents(reference)
        self._typical = currents.mean(axis=0)
        distinct = self._against_layers(currents)
        self._distinct, self._spread = distinct.mean(axis=0), distinct.std(axis=0)

    def scores(self, pixels: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Scores (B, layers) by name of readout for pixel intensities (B, rows) in 0..1."""
        currents = self._currents(pixels)
        by_name: dict[str, Callable[[], NDArray[np.float64]]] = {
            "raw": lambda: currents,
            "total": lambda: currents / self._all_on,
            "centred": lambda: _ratio(currents / self._v_read - pixels.sum(1, keepdims=True) * self._mean, self._norm),
            "relative": lambda: currents / self._typical,
            "contrast": lambda: _ratio(self._against_layers(currents) - self._distinct, self._spread),
        }
        return {name: by_name[name]() for name in READOUTS}

    def _currents(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._device.mvm(pixels * self._v_read)

    @staticmethod
    def _against_layers(currents: NDArray[np.float64]) -> NDArray[np.float64]:
        return currents - currents.mean(axis=1, keepdims=True)


def _ratio(values: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, taking a layer without any spread of its own (all weights equal) as knowing nothing: score 0."""
    informed = scale > _TIE * np.abs(values).max(initial=1e-300)
    return np.where(informed, values / np.where(informed, scale, 1.0), 0.0)


def winners(scores: NDArray[np.float64], luck: np.random.Generator) -> NDArray[np.int64]:
    """Layer with the highest score for every image; ties, up to rounding, are decided by `luck`.

    A layer whose score is NaN does not win; an image for which no layer has a score is decided by `luck`.
    """
    known = np.where(np.isnan(scores), -np.inf, scores)
    best = known.max(axis=1, keepdims=True)
    near = np.where(np.isfinite(best), best - _TIE * np.abs(best), best)
    return np.where(known >= near, luck.random(scores.shape), -1.0).argmax(axis=1)


def class_means(values: NDArray[Any], labels: NDArray[np.int64], classes: Sequence[int]) -> NDArray[np.float64]:
    """Mean of the rows of `values` (B, N) that have each label, (classes, N); NaN for a class that no row has."""
    empty = np.full(values.shape[1], np.nan)
    return np.array([values[labels == c].mean(axis=0) if (labels == c).any() else empty for c in classes])


def nearest_class_mean(
    train: NDArray[np.float64], labels: NDArray[np.int64], test: NDArray[np.float64], classes: Sequence[int]
) -> NDArray[np.int64]:
    """Baseline without any device: the class whose mean training image is nearest; index into `classes`.

    A class without any training image is never the answer.
    """
    means = class_means(train, labels, classes)
    distance = (means**2).sum(axis=1) - 2.0 * test @ means.T
    return np.where(np.isnan(distance), np.inf, distance).argmin(axis=1)
