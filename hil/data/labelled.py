"""Labelled samples of a user's own files: classes told apart, parts split, values brought to grey values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.data.datasets import Dataset
from hil.errors import InputError

TEST = 0.2
"""Fraction of the samples of every class that is kept for testing, where a file names no test part."""

FULL = 255
"""Grey value of the largest value."""

_SPLIT = (0x5EED, 7)


@dataclass(frozen=True, eq=False)
class LabelledSamples:
    """Samples with their classes.

    Attributes
    ----------
    values : (N, ...) array
        Pixels or features.
    labels : (N,) array of str
        Name of the class of each.
    """

    values: NDArray[Any]
    labels: NDArray[np.str_]

    def __post_init__(self) -> None:
        """Compare the lengths."""
        if len(self.values) != len(self.labels):
            raise InputError(f"{len(self.values)} samples and {len(self.labels)} labels: give one label a sample")

    def __getitem__(self, chosen: NDArray[Any]) -> LabelledSamples:
        """Some of them."""
        return LabelledSamples(self.values[chosen], self.labels[chosen])


def class_names(labels: Sequence[Any] | NDArray[Any]) -> NDArray[np.str_]:
    """Names of classes as text: whole numbers without a point, whatever type they were stored in."""
    given = np.asarray(labels)
    if given.ndim != 1:
        raise InputError(f"labels of shape {given.shape}: give one label a sample")
    if given.dtype.kind == "f" and np.isfinite(given).all() and (given == np.round(given)).all():
        given = given.astype(np.int64)
    text = np.char.strip(given.astype(str))
    return np.array([_whole(label) for label in text], dtype=str)


def _whole(label: str) -> str:
    """``3`` for ``3.00``; other text as it is."""
    head, point, rest = label.partition(".")
    return head if point and head.lstrip("-").isdigit() and not rest.strip("0") else label


def parted(samples: LabelledSamples, where: str, test: float = TEST) -> tuple[LabelledSamples, LabelledSamples]:
    """Split samples into a training and a test part, class by class, always in the same way.

    Parameters
    ----------
    samples : LabelledSamples
        All of them.
    where : str
        File or folder, for messages.
    test : float
        Fraction of every class that is for testing, at least one sample.

    Raises
    ------
    InputError
        If a class has one sample only, or nothing of one would be left to train on.
    """
    rng, chosen = np.random.default_rng(_SPLIT), np.zeros(len(samples.labels), bool)
    for name in np.unique(samples.labels):
        mine = np.flatnonzero(samples.labels == name)
        count = max(1, round(test * len(mine)))
        if count >= len(mine):
            raise InputError(
                f"{where}: class '{name}' has {len(mine)} sample{'s' * (len(mine) > 1)}, of which {count} would be for "
                "testing: give more of it, or a test part of its own"
            )
        chosen[rng.permutation(mine)[:count]] = True
    return samples[~chosen], samples[chosen]


def grey_pixels(train: NDArray[Any], test: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], int]:
    """Grey values of images, and the one of a fully lit pixel: whole numbers 0 .. 255 as they are, others scaled.

    Others go from the smallest to the largest value of the training part, or from 0 where none is below; what lies
    beyond in the test part is put at the end.
    """
    both = (train, test)
    whole = all(part.dtype.kind in "uib" or (part == np.round(part)).all() for part in both)
    if whole and min(part.min() for part in both) >= 0 and max(part.max() for part in both) <= FULL:
        full = int(max(part.max() for part in both))
        return train.astype(np.uint8), test.astype(np.uint8), max(1, full)
    low, high = min(0.0, float(train.min())), float(train.max())
    return _scaled(train, low, high), _scaled(test, low, high), FULL


def grey_features(
    train: NDArray[Any], test: NDArray[Any], complement: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Grey values of features (N, F): each from its smallest to its largest value in the training part.

    Parameters
    ----------
    train, test : (N, F) arrays
        What lies beyond in the test part is put at the end.
    complement : bool
        Add an input for each that is the brighter the smaller the feature is, (N, 2 F): so that small values are seen
        by inputs that count, and every sample is equally bright.
    """
    low, high = train.min(axis=0), train.max(axis=0)
    parts = [_scaled(part, low, high) for part in (train, test)]
    if complement:
        parts = [np.concatenate([part, FULL - part], axis=1) for part in parts]
    return parts[0], parts[1]


def require_finite(values: NDArray[Any], where: str) -> None:
    """Raise `InputError` for values that are no numbers, naming the first sample with one."""
    if values.dtype.kind not in "uibf":
        raise InputError(f"{where}: values of type {values.dtype} are no numbers")
    wrong = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if len(wrong):
        raise InputError(f"{where}: sample {wrong[0]} holds a value that is no finite number")


def _scaled(values: NDArray[Any], low: Any, high: Any) -> NDArray[np.uint8]:
    span = np.where(np.asarray(high) > low, np.asarray(high, np.float64) - low, 1.0)
    return np.round(FULL * np.clip((values.astype(np.float64) - low) / span, 0.0, 1.0)).astype(np.uint8)


def dataset(
    name: str, shape: tuple[int, int], full_scale: int, train: LabelledSamples, test: LabelledSamples, where: str
) -> Dataset:
    """Make a data set of two parts whose values are grey values, (N, height, width) or flat.

    Raises
    ------
    InputError
        If there are fewer than two classes, or the test part has one that the training part lacks.
    """
    names = ordered(np.unique(train.labels))
    if len(names) < 2:
        raise InputError(f"{where}: {len(names)} class of samples; two at least are told apart")
    strange = sorted(set(test.labels) - set(names))
    if strange:
        raise InputError(f"{where}: the test part has class '{strange[0]}', of which none is there to train on")
    number = {label: k for k, label in enumerate(names)}
    parts: list[NDArray[Any]] = []
    for part in (train, test):
        labels = np.array([number[label] for label in part.labels], dtype=np.int64)
        parts += [np.ascontiguousarray(part.values.reshape(len(labels), -1), dtype=np.uint8), labels]
    return Dataset(name, shape, full_scale, tuple(names), *parts)


def ordered(names: NDArray[np.str_]) -> list[str]:
    """Names of classes in order: numbers by their size, then text by the alphabet."""
    return sorted((str(name) for name in names), key=lambda n: (not n.isdigit(), int(n) if n.isdigit() else 0, n))
