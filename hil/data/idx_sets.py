"""Image sets in IDX files: bundled (digits, a slice of MNIST), or in a folder of the user's (MNIST, EMNIST)."""

import string
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hil.data.datasets import Dataset, DatasetSource
from hil.data.idx import read_idx
from hil.errors import InputError

_BUNDLED_DATA = Path(__file__).parent
_DIGIT_NAMES = tuple(string.digits)
_BALANCED_NAMES = tuple(string.digits + string.ascii_uppercase + "abdefghnqrt")
_SUBFOLDERS = (
    "raw",
    "gzip",
    "MNIST/raw",
    "MNIST",
    "mnist",
    "EMNIST/raw",
    "EMNIST",
    "emnist",
    "emnist_source_files",
)
_DATA_FILES = {
    "train images": ("train-images", 3),
    "train labels": ("train-labels", 1),
    "test images": ("test-images", 3),
    "test labels": ("test-labels", 1),
}


@dataclass(frozen=True)
class _IdxSource:
    """Description of a dataset that is stored as four IDX files.

    `first_label` is the file's value of class 0, `file_prefix` starts the names of the files, and
    `transposed` says that the files hold the images column by column.
    """

    description: str
    shape: tuple[int, int] = (28, 28)
    full_scale: int = 255
    class_names: tuple[str, ...] = _DIGIT_NAMES
    first_label: int = 0
    file_prefix: str = ""
    transposed: bool = False
    bundled: bool = False


def _emnist(split: str, contents: str, class_names: tuple[str, ...] = _DIGIT_NAMES, first_label: int = 0) -> _IdxSource:
    return _IdxSource(
        f"EMNIST {contents}, 28x28; needs --data-dir",
        class_names=class_names,
        first_label=first_label,
        file_prefix=f"emnist-{split}-",
        transposed=True,
    )


_IDX_SOURCES = {
    "digits": _IdxSource(
        "1797 handwritten digits, 8x8, grey values 0 to 16; bundled",
        shape=(8, 8),
        full_scale=16,
        bundled=True,
    ),
    "mnist-slice": _IdxSource("first 2000 test images of MNIST, 28x28; bundled", bundled=True),
    "mnist": _IdxSource("MNIST handwritten digits, 28x28; needs --data-dir"),
    "emnist-digits": _emnist("digits", "handwritten digits"),
    "emnist-mnist": _emnist("mnist", "handwritten digits in the split of MNIST"),
    "emnist-letters": _emnist(
        "letters", "handwritten letters", class_names=tuple(string.ascii_lowercase), first_label=1
    ),
    "emnist-balanced": _emnist(
        "balanced", "handwritten digits and letters, 47 balanced classes", class_names=_BALANCED_NAMES
    ),
}


def _load(name: str, source: _IdxSource, directory: str | Path | None) -> Dataset:
    if source.bundled:
        directory = _BUNDLED_DATA / name
    elif directory is None:
        raise InputError(f'dataset "{name}" is not bundled: give the directory of its files with --data-dir')
    files = _find_files(name, source.file_prefix, Path(directory))
    arrays = {part: read_part(files[part], part) for part in _DATA_FILES}
    train_shape, test_shape = arrays["train images"].shape[1:], arrays["test images"].shape[1:]
    if train_shape != test_shape:
        raise InputError(
            f"{files['test images']}: images of {_size(test_shape)} pixels, expected {_size(train_shape)} "
            f"as in {files['train images'].name}"
        )
    if train_shape != source.shape:
        raise InputError(
            f"{files['train images']}: images of {_size(train_shape)} pixels, expected {_size(source.shape)}"
        )
    for split in ("train", "test"):
        _check_split(arrays, files, split, source)
    return Dataset(
        name=name,
        shape=source.shape,
        full_scale=source.full_scale,
        class_names=source.class_names,
        train_images=_flattened(arrays["train images"], source.transposed),
        train_labels=arrays["train labels"].astype(np.int64) - source.first_label,
        test_images=_flattened(arrays["test images"], source.transposed),
        test_labels=arrays["test labels"].astype(np.int64) - source.first_label,
    )


def _find_files(name: str, prefix: str, directory: Path) -> dict[str, Path]:
    """Return the paths of the four files, all from the folder that holds most of them."""
    folders = [directory, *(directory / subfolder for subfolder in _SUBFOLDERS)]
    try:
        if not directory.is_dir():
            raise InputError(f'dataset "{name}": {directory} is not a directory')
        found = [_files_in(folder, prefix) for folder in folders]
    except OSError as error:
        raise InputError(f'dataset "{name}": {directory} cannot be searched: {error.strerror}') from None
    files = max(found, key=len)
    missing = [part for part in _DATA_FILES if part not in files]
    if not missing:
        return files
    wanted = " or ".join(_file_names(missing[0], prefix))
    everywhere = f"{directory} or its subfolders {', '.join(_SUBFOLDERS)}"
    place = str(folders[found.index(files)]) if files else everywhere
    raise InputError(f'dataset "{name}": no {missing[0]} file {wanted}, raw or .gz, in {place}')


def _files_in(folder: Path, prefix: str) -> dict[str, Path]:
    files = {}
    for part in _DATA_FILES:
        candidates = [folder / (file + end) for file in _file_names(part, prefix) for end in ("", ".gz")]
        existing = [path for path in candidates if path.is_file()]
        if existing:
            files[part] = existing[0]
    return files


def _file_names(part: str, prefix: str) -> list[str]:
    stem, dimensions = _DATA_FILES[part]
    stems = [stem, stem.replace("test", "t10k")] if stem.startswith("test") else [stem]
    return [f"{prefix}{stem}{joint}idx{dimensions}-ubyte" for stem in stems for joint in ("-", ".")]


def idx_files(folder: Path) -> dict[str, Path]:
    """IDX files of a folder by part (``train images`` ...), whatever precedes their names; none if there are none."""
    found = {}
    for part, (stem, dimensions) in _DATA_FILES.items():
        for word in (stem, stem.replace("test", "t10k")):
            names = sorted(folder.glob(f"*{word}[.-]idx{dimensions}-ubyte*"))
            if names and names[0].is_file():
                found[part] = names[0]
    return found


def read_part(path: Path, part: str) -> np.ndarray:
    """Read images or labels, with as many dimensions as they have; `InputError` otherwise, or if there are none."""
    array = read_idx(path)
    dimensions = _DATA_FILES[part][1]
    if array.ndim != dimensions:
        raise InputError(f"{path}: {array.ndim}-dimensional data, expected {dimensions}-dimensional {part}")
    if len(array) == 0:
        raise InputError(f"{path}: holds no {part}, expected at least one")
    return array


def _check_split(arrays: dict[str, np.ndarray], files: dict[str, Path], split: str, source: _IdxSource) -> None:
    images, labels, labels_path = (
        arrays[f"{split} images"],
        arrays[f"{split} labels"],
        files[f"{split} labels"],
    )
    if len(labels) != len(images):
        raise InputError(
            f"{labels_path}: {len(labels)} labels, expected {len(images)}, one for each image of "
            f"{files[f'{split} images'].name}"
        )
    first, last = source.first_label, source.first_label + len(source.class_names) - 1
    wrong = np.flatnonzero((labels < first) | (labels > last))
    if wrong.size:
        raise InputError(f"{labels_path}: label {labels[wrong[0]]} at index {wrong[0]}, expected {first} to {last}")


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _flattened(images: np.ndarray, transposed: bool) -> np.ndarray:
    if transposed:
        images = images.transpose(0, 2, 1)
    return images.reshape(len(images), -1)


SETS = tuple(
    DatasetSource(name, source.description, partial(_load, name, source)) for name, source in _IDX_SOURCES.items()
)
