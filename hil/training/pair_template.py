"""Baseline of paired inputs without any device: exact class means of min(x_i, x_j), compared by a dot product.

The ceiling of a paired-input layer that stores one template a column. Pairs with a dark pixel are skipped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.compiling import njit
from hil.pill.protocol import pair_count


def pair_template(
    train: NDArray[np.float64], labels: NDArray[np.int64], test: NDArray[np.float64], classes: list[int]
) -> NDArray[np.int64]:
    """Class of every test image whose mean pair features, zero-mean and unit-norm, match best; index into `classes`.

    Parameters
    ----------
    train, test : (B, inputs) arrays
        Intensities 0..1.
    labels : (B,) array
        Classes of the training images.
    classes : list of int
        Those to tell apart; one without any training image is never the answer.
    """
    weights = np.zeros((pair_count(train.shape[1]), len(classes)), dtype=np.float32)
    for column, c in enumerate(classes):
        _accumulate(train[labels == c].astype(np.float32), weights, column)
    weights -= weights.mean(axis=0)
    norm = np.sqrt((weights.astype(np.float64) ** 2).sum(axis=0))
    weights /= np.where(norm > 0, norm, 1.0).astype(np.float32)
    known = np.isin(classes, labels)
    return np.where(known, _match(test.astype(np.float32), weights), -np.inf).argmax(axis=1)


@njit(cache=True, nogil=True)
def _accumulate(images, weights, column):
    inputs = images.shape[1]
    for image in images:
        for i in range(inputs - 1):
            if image[i] == 0:
                continue
            # pair (i, j) is number base + j
            base = i * (2 * inputs - i - 1) // 2 - i - 1
            for j in range(i + 1, inputs):
                weights[base + j, column] += min(image[i], image[j])


@njit(cache=True, nogil=True)
def _match(images, weights):
    inputs, columns = images.shape[1], weights.shape[1]
    scores = np.zeros((len(images), columns))
    for b in range(len(images)):
        for i in range(inputs - 1):
            x = images[b, i]
            if x == 0:
                continue
            base = i * (2 * inputs - i - 1) // 2 - i - 1
            for j in range(i + 1, inputs):
                smaller = min(x, images[b, j])
                if smaller > 0:
                    for c in range(columns):
                        scores[b, c] += smaller * weights[base + j, c]
    return scores
