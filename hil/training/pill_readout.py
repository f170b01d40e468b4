"""Which column of a paired-input layer recognises an image best, from its current and what is known of its weights.

raw       I_c, the current of column c
total     I_c / I_c(all pixels lit)
unit      sum_p x_p (G_pc - G0_c) / |G_c - G0_c|: what training changed, unit norm; G0_c the mean pristine conductance
centred   sum_p x_p (G_pc - mean_p G) / |G_c - mean G|: zero-mean, unit-norm weights
contrast  I_c - mean over the columns, then z-scored over unlabelled training images

x_p is what pair p passes of the image. An aiding response raises resistances, so the best column can be the one with
the lowest score; the driver decides on held-out images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.pill.pairs import PairedCore

READOUTS = ("raw", "total", "unit", "centred", "contrast")
"""Names of all readouts."""

_TIE = 1e-9


class PairReadout:
    """Scores of all readouts for a trained layer.

    Attributes
    ----------
    conductance : (pairs, cols) array
        What was read for it, S.

    Parameters
    ----------
    core : PairedCore
        The layer; it is only read.
    pristine : (cols,) array
        Mean conductance of every column before training, S.
    reference : (B, inputs) array
        Unlabelled training images, intensities 0..1.
    """

    def __init__(self, core: PairedCore, pristine: NDArray[np.float64], reference: NDArray[np.float64]) -> None:
        """Measure what the normalisations need."""
        self._core, self._pristine = core, pristine
        self.conductance = g = core.conductances()
        self._mean = g.mean(axis=0)
        self._norm = np.sqrt(np.square(g - self._mean).sum(axis=0))
        self._change = np.sqrt(np.square(g - pristine).sum(axis=0))
        self._all_lit = self._admittance(np.ones((1, core.inputs)))
        distinct = _against_columns(self._admittance(reference))
        self._distinct, self._spread = distinct.mean(axis=0), distinct.std(axis=0)

    def scores(self, pixels: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Scores (B, cols) by name of readout for intensities (B, inputs) in 0..1."""
        admittance, lit = self._admittance(pixels), self._core.protocol.total(pixels)[:, None]
        return {
            "raw": admittance,
            "total": admittance / self._all_lit,
            "unit": _ratio(admittance - lit * self._pristine, self._change),
            "centred": _ratio(admittance - lit * self._mean, self._norm),
            "contrast": _ratio(_against_columns(admittance) - self._distinct, self._spread),
        }

    def _admittance(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Currents per volt of a fully lit pixel, S."""
        return self._core.currents(pixels) / self._core.read_voltage


def _against_columns(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values - values.mean(axis=1, keepdims=True)


def _ratio(values: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, taking a column without any spread of its own as knowing nothing: score 0."""
    informed = scale > _TIE * np.abs(values).max(initial=1e-300)
    return np.where(informed, values / np.where(informed, scale, 1.0), 0.0)
