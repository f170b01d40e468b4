"""`save_dataset`: a data set of torch as a file that every driver reads with ``--dataset``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from hil.errors import InputError, told
from hil.files import replacing


def save_dataset(path: str | Path, train: Dataset[Any], test: Dataset[Any] | None = None) -> Path:
    """Write a data set of torch into an archive of numpy, for ``hil train wta --dataset PATH``.

    Parameters
    ----------
    path : str or Path
        An ``.npz``.
    train : torch.utils.data.Dataset
        Of pairs (sample, label): samples are tensors or pictures, all of one shape, labels whole numbers or text.
    test : torch.utils.data.Dataset, optional
        Likewise; without it, a fifth of every class of `train` is for testing.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    InputError
        If it does not end in .npz, a data set is empty, or its samples differ in shape.
    """
    place = Path(path)
    if place.suffix != ".npz":
        raise InputError(f"{place}: a data set is written as .npz")
    arrays: dict[str, Any] = dict(zip(("x_train", "y_train"), _stacked(train, "train"), strict=True))
    if test is not None:
        arrays |= dict(zip(("x_test", "y_test"), _stacked(test, "test"), strict=True))
    with replacing(place) as file:
        np.savez_compressed(file, **arrays)
    return place


def _stacked(dataset: Any, part: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Samples (N, ...) and labels (N,)."""
    try:
        count = len(dataset)
        pairs = [dataset[k] for k in range(count)]
        samples, labels = [np.asarray(pair[0]) for pair in pairs], [pair[1] for pair in pairs]
    except Exception as error:
        raise InputError(f"{part}: no data set of pairs (sample, label): {told(error)}") from error
    if not count:
        raise InputError(f"{part}: the data set is empty")
    shapes = {sample.shape for sample in samples}
    if len(shapes) > 1:
        one, two, *_ = sorted(shapes)
        raise InputError(f"{part}: samples of shapes {one} and {two}: bring all to one")
    return np.stack(samples), np.asarray(labels)
