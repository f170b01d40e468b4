"""Image sets to train and test on, by name.

A data set is an entry point of the group ``hil.datasets``, of this package or another: a `DatasetSource`, or several.
Those of this package are bundled or read from IDX files (`hil.data.idx_sets`), or drawn (`hil.data.patterns`). Nothing
here uses the network.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hil.data.idx import read_idx
from hil.errors import HilError, InputError, nearest, told
from hil.plugins import Catalogue

__all__ = ["Dataset", "DatasetSource", "load", "names", "read_idx"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled grey images, split into a training and a test part; all arrays are read-only.

    Attributes
    ----------
    name : str
        The name that `load` knows it by.
    shape : tuple of int
        (height, width) of an image in pixels.
    full_scale : int
        Grey value of a fully lit pixel: 16 for `digits`, 255 for MNIST, 1 for `lines3x3`.
    class_names : tuple of str
        Name of each class; the index is the label.
    train_images, test_images : numpy.ndarray
        uint8, (N, height * width), each image flattened row by row, values 0 to `full_scale`.
    train_labels, test_labels : numpy.ndarray
        int64, (N,), values 0 to `classes` - 1.
    """

    name: str
    shape: tuple[int, int]
    full_scale: int
    class_names: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def inputs(self) -> int:
        """Number of pixels of an image, that is of network inputs."""
        return self.shape[0] * self.shape[1]


@dataclass(frozen=True)
class DatasetSource:
    """A data set that `load` can find.

    Attributes
    ----------
    name : str
        What the user calls it.
    description : str
        One line, for lists: what it shows, its size, and where it comes from.
    load : callable
        Makes it, given the folder with the user's files, or None; `InputError` where it cannot be made from that.
    """

    name: str
    description: str
    load: Callable[[str | Path | None], Dataset]


_SOURCES = Catalogue("hil.datasets", "data set", DatasetSource, lambda source: source.name)


def names() -> dict[str, str]:
    """Return every dataset that `load` knows.

    Returns
    -------
    dict of str to str
        Name and one-line description, for help texts.
    """
    return {name: source.description for name, source in _SOURCES.everything().items()}


def load(name: str, directory: str | Path | None = None) -> Dataset:
    """Load a dataset by name, or from the path of a user's own files (`hil.data.own`).

    ``digits``
        1797 handwritten digits of 8x8 pixels with grey values 0 to 16: the test part of "Optical Recognition
        of Handwritten Digits" (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0) in the
        order of scikit-learn's `load_digits`. The first 1437 are for training, the last 360 for testing.
    ``mnist-slice``
        The first 2000 images of MNIST's test file (Y. LeCun, C. Cortes and C. J. C. Burges): 1500 for
        training, 500 for testing.
    ``mnist``, ``emnist-digits``, ``emnist-mnist``, ``emnist-letters``, ``emnist-balanced``
        The full sets, read from `directory`. EMNIST images come out upright, labels of letters from 0 on.
    ``lines3x3``
        All 512 binary 3x3 images, label 1 where a full vertical line is present; they are the test part too.
    ``letters3x3``
        The letters z, v and n on 3x3 pixels, one of them wrong at most: 30 images, the test part too.
    ``letters4x4``
        The letters A, T, V and X on 4x4 pixels: 68 images with one wrong pixel at most; 480 with two to test on.
    ``shapes32``
        500 drawn 32x32 outlines of circles, squares, triangles and crosses, at random: 400 to train, 100 to test.
    ``places16``, ``stimuli``
        Places of 16 cities, as images of two pixels x and y; a bell, food, and both.

    Parameters
    ----------
    name : str
        One of `names`, or ``PATH`` or ``PATH?option=value`` of a file or folder.
    directory : str or Path, optional
        Where the IDX files of MNIST or EMNIST lie, raw or gzipped, under their published names, in the
        directory itself or in a usual subfolder such as ``MNIST/raw`` or ``gzip``. The bundled and drawn
        datasets do not use it.

    Returns
    -------
    Dataset
        The images and labels, read-only.

    Raises
    ------
    InputError
        If the name is unknown, the directory is needed but missing, or a file is missing, damaged or does
        not hold what the dataset needs.
    """
    from hil.data import own  # readers make what is defined here

    sources, problems = _SOURCES.found()
    if name in problems:
        raise problems[name]
    if name not in sources:
        if own.is_path(name):
            return _kept(own.load_path(name, frozenset(sources)))
        raise InputError(f"unknown dataset '{name}' {nearest(name.lower(), sources)}")
    try:
        dataset = sources[name].load(directory)
    except (HilError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"data set '{name}' cannot be made: {told(error)}") from error
    _check(name, dataset)
    return _kept(dataset)


def _kept(dataset: Dataset) -> Dataset:
    """Nothing writes into a data set."""
    for array in (dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels):
        array.setflags(write=False)
    return dataset


def _check(name: str, dataset: Dataset) -> None:
    """Raise `InputError` where a source's images and labels are not what `Dataset` says."""
    if not isinstance(dataset, Dataset) or dataset.name != name:
        raise InputError(f"data set '{name}': its source made {getattr(dataset, 'name', dataset)!r}, not '{name}'")
    for part in ("train", "test"):
        images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
        expected = (len(labels), dataset.inputs)
        if images.dtype != np.uint8 or images.shape != expected:
            raise InputError(
                f"data set '{name}': {part}_images are {images.dtype} {images.shape}, uint8 {expected} was expected"
            )
        if images.size and images.max() > dataset.full_scale:
            raise InputError(f"data set '{name}': {part}_images go to {images.max()}, above {dataset.full_scale}")
        if labels.dtype != np.int64 or labels.shape != (len(labels),):
            raise InputError(f"data set '{name}': {part}_labels are {labels.dtype} {labels.shape}, int64 (N,) expected")
        if labels.size and not 0 <= labels.min() <= labels.max() < dataset.classes:
            raise InputError(f"data set '{name}': {part}_labels are beyond 0 .. {dataset.classes - 1}")
