"""Folders of pictures, a folder for every class, in grey."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hil.data.datasets import Dataset
from hil.data.labelled import LabelledSamples, class_names, dataset, parted
from hil.data.own import DataReader, ReadSettings
from hil.data.readers.class_folders import found, holds
from hil.errors import InputError, told
from hil.needs import require_memory

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
"""Files that are pictures."""

SIDE = 4096
"""Pixels of a side at most."""


class ImageSettings(ReadSettings):
    """Options of a folder of pictures."""

    size: str | None = Field(None, description="WIDTHxHEIGHT that every picture is scaled to; that of all if not given")

    @field_validator("size")
    @classmethod
    def _two_numbers(cls, size: str | None) -> str | None:
        if size is not None:
            sides(size)
        return size


def sides(size: str) -> tuple[int, int]:
    """Both numbers of ``28x20``; `ValueError` for anything else."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size.strip().lower())
    if not match or not all(0 < int(side) <= SIDE for side in match.groups()):
        raise ValueError(f"give WIDTHxHEIGHT, such as 28x28, each 1 .. {SIDE}")
    return int(match[1]), int(match[2])


class ImageFolder(DataReader):
    """Folder of pictures (PNG, JPEG, TIFF ...) with a folder for every class, alone or below train and test."""

    options: ClassVar = ImageSettings
    looks: ClassVar = "a folder with a folder of pictures for every class"

    def recognises(self, path: Path) -> bool:
        """By the endings of the files below it."""
        return path.is_dir() and holds(path, ENDINGS)

    def read(self, path: Path, name: str, options: ImageSettings) -> Dataset:
        """Read every picture in grey, 0 black .. 255 white."""
        files = found(path, ENDINGS)
        size = sides(options.size) if options.size else None
        train = _pictures(files.train, size)
        size = size or (train.values.shape[2], train.values.shape[1])
        if files.test is None:
            train, test = parted(train, str(path), options.test)
        else:
            test = _pictures(files.test, size if options.size else None)
            if test.values.shape[1:] != train.values.shape[1:]:
                one, two = files.train[0][0], files.test[0][0]
                raise InputError(f"{two} has another size than {one}: give ?size={size[0]}x{size[1]}")
        return dataset(name, (size[1], size[0]), 255, train, test, str(path))


def _pictures(files: Sequence[tuple[Path, str]], size: tuple[int, int] | None) -> LabelledSamples:
    first = _picture(files[0][0], size)
    require_memory(f"{len(files):,} pictures of {first.shape[1]}x{first.shape[0]}", float(len(files) * first.size))
    values = np.empty((len(files), *first.shape), np.uint8)
    for k, (file, _) in enumerate(files):
        grey = _picture(file, size)
        if grey.shape != first.shape:
            raise InputError(
                f"{file} is {grey.shape[1]}x{grey.shape[0]} pixels, {files[0][0].name} {first.shape[1]}x"
                f"{first.shape[0]}: give ?size={first.shape[1]}x{first.shape[0]} to scale all"
            )
        values[k] = grey
    return LabelledSamples(values, class_names([label for _, label in files]))


def _picture(file: Path, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """(height, width) grey values."""
    from PIL import Image

    try:
        with Image.open(file) as opened:
            if max(opened.size) > SIDE:
                raise InputError(f"{file} is {opened.size[0]}x{opened.size[1]} pixels, {SIDE} a side at most")
            picture: Any = opened
            if opened.mode.startswith("I") or opened.mode == "F":
                picture = _from_deep(np.asarray(opened, np.float64), opened.mode, file)
            grey = picture.convert("L")
            return np.asarray(grey if size is None else grey.resize(size), np.uint8)
    except InputError:
        raise
    except Exception as error:  # whatever a damaged picture makes of its decoder
        raise InputError(f"{file} is no picture that can be read: {told(error)}") from None


def _from_deep(values: NDArray[np.float64], mode: str, file: Path) -> Any:
    """A picture of 16 bits in 8."""
    from PIL import Image

    if mode == "F" or values.max() > 65535 or values.min() < 0:
        raise InputError(f"{file} has pixels of more than 16 bits: save it in 8 or 16")
    return Image.fromarray(np.round(values / 257).astype(np.uint8))
