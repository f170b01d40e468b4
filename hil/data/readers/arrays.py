"""Arrays of numpy (.npz) and tensors of torch (.pt): samples and labels by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.arrays import archive
from hil.data.datasets import Dataset
from hil.data.labelled import LabelledSamples, class_names, dataset, grey_pixels, parted, require_finite
from hil.data.own import DataReader
from hil.data.readers.table import LabelledSettings, made
from hil.errors import InputError

SAMPLES = ("images", "x", "data", "features", "samples")
LABELS = ("labels", "y", "targets", "target", "classes", "label")
"""Names of arrays, in small letters; those of a part have train or test before or after them: x_train, test_labels."""

MOST_VALUES = 1 << 31


class Arrays(DataReader):
    """Archive of numpy (.npz) or tensors of torch (.pt): `images` and `labels`, or x_train, y_train, x_test, y_test.

    Samples are (N, height, width) images, (N, channels, height, width) with 1 or 3 channels on either side, or (N, F)
    features or pixels as in a table.
    """

    options: ClassVar = LabelledSettings
    looks: ClassVar = "an archive .npz (or tensors .pt) with arrays images and labels"

    def recognises(self, path: Path) -> bool:
        """By the ending."""
        return path.is_file() and path.suffix.lower() in (".npz", ".pt", ".pth")

    def read(self, path: Path, name: str, options: LabelledSettings) -> Dataset:
        """Find samples and labels by their names."""
        if path.suffix.lower() == ".npz":
            arrays = {key.lower(): array for key, array in archive(path).items()}
        else:
            arrays = _tensors(path)
        train = _part(arrays, "train", path) or _part(arrays, "", path)
        if train is None:
            known = ", ".join(sorted(arrays)) or "none"
            raise InputError(f"{path}: no arrays images and labels, or x_train and y_train (there are: {known})")
        test = _part(arrays, "test", path)
        if test is None:
            train, test = parted(train, str(path), options.test)
        if train.values.ndim == 2:
            return made(name, train, test, options, str(path))
        return _images(name, train, test, options, str(path))


def _images(name: str, train: LabelledSamples, test: LabelledSamples, options: LabelledSettings, where: str) -> Dataset:
    both = [_grey(part.values, where) for part in (train, test)]
    height, width = both[0].shape[1:]
    if both[1].shape[1:] != (height, width):
        raise InputError(f"{where}: test images of shape {both[1].shape[1:]}, training {(height, width)}")
    if options.complement or options.shape not in (None, f"{width}x{height}"):
        raise InputError(f"{where}: images of {width}x{height} pixels take neither shape nor complement")
    one, two, full = grey_pixels(both[0], both[1])
    return dataset(
        name, (height, width), full, LabelledSamples(one, train.labels), LabelledSamples(two, test.labels), where
    )


def _grey(values: NDArray[Any], where: str) -> NDArray[Any]:
    """(N, height, width): channels, where there are some, are averaged."""
    if values.ndim == 4:
        axis = next((k for k in (1, 3) if values.shape[k] in (1, 3)), None)
        if axis is not None:
            return values.take(0, axis) if values.shape[axis] == 1 else np.round(values.mean(axis), 6)
    if values.ndim != 3:
        raise InputError(f"{where}: samples of shape {values.shape}: give (N, height, width) or (N, features)")
    return values


def _part(arrays: Mapping[str, NDArray[Any]], part: str, path: Path) -> LabelledSamples | None:
    """LabelledSamples and labels of a part; None if it has no samples."""

    def one(names: tuple[str, ...]) -> NDArray[Any] | None:
        wanted = [form for n in names for form in ((f"{n}_{part}", f"{part}_{n}", f"{n}{part}") if part else (n,))]
        return next((arrays[form] for form in wanted if form in arrays), None)

    values, labels = one(SAMPLES), one(LABELS)
    if values is None:
        return None
    if labels is None:
        raise InputError(f"{path}: {part or 'all'} samples have no array of labels beside them")
    if values.ndim < 2 or not 0 < values.size <= MOST_VALUES:
        raise InputError(f"{path}: samples of shape {values.shape}: give at least one, of two axes or more")
    require_finite(values, str(path))
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "uibf":  # one-hot
        labels = labels.argmax(axis=1)
    named = class_names(labels.reshape(len(labels), -1)[:, 0] if labels.ndim == 2 else labels)
    if len(named) != len(values):
        raise InputError(f"{path}: {len(values)} {part} samples and {len(named)} labels".replace("  ", " "))
    return LabelledSamples(values, named)


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Tensors of a file of torch: by name, or two in order, samples and labels."""
    try:
        import torch
    except ImportError:
        raise InputError(f"{path}: tensors of torch need the extra torch: pip install memhil[torch]") from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        raise InputError(f"{path} holds no plain tensors, as torch.save writes them") from None
    if isinstance(content, tuple | list) and len(content) == 2:
        content = {"images": content[0], "labels": content[1]}
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}: give two tensors, or several by name")
    return {str(key).lower(): value.numpy() for key, value in content.items() if isinstance(value, torch.Tensor)}
