"""Tables of features or pixels with a column for the class: CSV and its relatives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hil.data.datasets import Dataset
from hil.data.labelled import LabelledSamples, class_names, dataset, grey_features, grey_pixels, parted, require_finite
from hil.data.own import DataReader, ReadSettings
from hil.data.readers.class_folders import PARTS
from hil.data.readers.image_folder import sides
from hil.errors import InputError, nearest

CLASS_COLUMNS = ("class", "label", "labels", "target", "species", "category", "digit", "y")
"""Names of the column with the class, in small letters."""

PART_COLUMNS = ("split", "part", "set", "subset")
"""Names of a column that says train or test."""

FEWEST_PIXELS = 16
"""Columns from which on whole numbers 0 .. 255 in a square number of columns are taken for pixels."""


class LabelledSettings(ReadSettings):
    """Options of numbers that may be features or pixels."""

    shape: str | None = Field(None, description="WIDTHxHEIGHT of an image; found from the numbers if not given")
    complement: bool | None = Field(
        None, description="add 1 - x as an input beside every feature x; for features, not for pixels, if not given"
    )

    @field_validator("shape")
    @classmethod
    def _two_numbers(cls, shape: str | None) -> str | None:
        if shape is not None:
            sides(shape)
        return shape


class TableSettings(LabelledSettings):
    """Options of a table."""

    class_column: str | None = Field(None, description="name or number of the column with the class")


def made(name: str, train: LabelledSamples, test: LabelledSamples, options: LabelledSettings, where: str) -> Dataset:
    """Make a data set of samples (N, columns): of pixels, where they look so or a shape is given, else of features."""
    if train.values.shape[1:] != test.values.shape[1:]:
        raise InputError(f"{where}: test samples of shape {test.values.shape[1:]}, training {train.values.shape[1:]}")
    columns = train.values.shape[1]
    size = sides(options.shape) if options.shape else _side(train.values)
    if size is None:
        parts = grey_features(train.values, test.values, options.complement is not False)
        shape, full = ((1 if options.complement is False else 2), columns), 255
    else:
        if size[0] * size[1] != columns:
            raise InputError(f"{where}: samples of {columns} numbers are no images of {options.shape} pixels")
        if options.complement:
            raise InputError(f"{where}: complement is for features, and these are images of {size[0]}x{size[1]} pixels")
        *both, full = grey_pixels(train.values, test.values)
        parts, shape = (both[0], both[1]), (size[1], size[0])
    return dataset(
        name, shape, full, LabelledSamples(parts[0], train.labels), LabelledSamples(parts[1], test.labels), where
    )


def _side(values: NDArray[Any]) -> tuple[int, int] | None:
    """Size of square images where these are pixels; None where they are features."""
    side = math.isqrt(values.shape[1])
    if side * side != values.shape[1] or values.shape[1] < FEWEST_PIXELS:
        return None
    whole = values.dtype.kind in "ui" or (np.isfinite(values).all() and (values == np.round(values)).all())
    return (side, side) if whole and values.min() >= 0 and values.max() <= 255 else None


class Table(DataReader):
    """Table (.csv, .tsv, .txt, .data): a line a sample, with a column for the class and, maybe, one for train or test.

    Numbers that look like pixels (whole, 0 .. 255, a square number of columns from 16 on) are images; others are
    features, scaled column by column, each with its complement as a second input.
    """

    options: ClassVar = TableSettings
    looks: ClassVar = "a table .csv with a column for the class"

    def recognises(self, path: Path) -> bool:
        """By the ending."""
        return path.is_file() and path.suffix.lower() in (".csv", ".tsv", ".txt", ".data")

    def read(self, path: Path, name: str, options: TableSettings) -> Dataset:
        """Read all columns; those of class and part are text, all others numbers."""
        names, delimiter, skip = _header(path)
        label = _class_column(names, options.class_column, path)
        part = next((k for k, n in enumerate(names) if n.lower() in PART_COLUMNS and k != label), None)
        values = [k for k in range(len(names)) if k not in (label, part)]
        if not values:
            raise InputError(f"{path}: no column beside that of the class")
        numbers = _columns(path, delimiter, skip, values, float)
        require_finite(numbers, str(path))
        samples = LabelledSamples(numbers, class_names(_columns(path, delimiter, skip, [label], str)[:, 0]))
        if not len(numbers):
            raise InputError(f"{path}: no line of numbers")
        if (samples.labels == "").any():
            raise InputError(f"{path}: sample {int(np.argmax(samples.labels == ''))} has no class")
        if part is None:
            return made(name, *parted(samples, str(path), options.test), options, str(path))
        is_test = _test_part(_columns(path, delimiter, skip, [part], str)[:, 0], names[part], path)
        return made(name, samples[~is_test], samples[is_test], options, str(path))


def _header(path: Path) -> tuple[list[str], str | None, int]:
    """Names of the columns (their numbers where there are none), delimiter (None for blanks), lines before numbers."""
    try:
        with path.open(encoding="utf-8-sig") as lines:
            counted = ((n, line) for n, line in enumerate(lines) if line.strip() and not line.startswith("#"))
            number, line = next(counted, (-1, ""))
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text in UTF-8") from None
    if number < 0:
        raise InputError(f"{path}: no line of numbers")
    delimiter = next((sign for sign in (";", "\t", ",") if sign in line), None)
    cells = [cell.strip().strip('"') for cell in line.strip().split(delimiter)]
    if len(cells) < 2:
        raise InputError(f"{path}: one column; columns are apart by commas, semicolons, tabs or blanks")
    numeric = sum(_is_number(cell) for cell in cells)
    if numeric >= len(cells) - 1 and numeric:  # a class in words is no header
        return [str(k + 1) for k in range(len(cells))], delimiter, number
    return cells, delimiter, number + 1


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _class_column(names: list[str], asked: str | None, path: Path) -> int:
    if asked is not None:
        if asked in names:
            return names.index(asked)
        if asked.isdigit() and 1 <= int(asked) <= len(names):
            return int(asked) - 1
        raise InputError(f"{path}: no column '{asked}' {nearest(asked, names)}")
    found = [k for k, name in enumerate(names) if name.lower() in CLASS_COLUMNS]
    if len(found) != 1:
        listed = ", ".join(names[:8]) + ", ..." * (len(names) > 8)
        what = "no column" if not found else f"{len(found)} columns"
        raise InputError(f"{path}: {what} for the class among {listed}: give ?class_column=NAME or its number from 1")
    return found[0]


def _columns(path: Path, delimiter: str | None, skip: int, columns: list[int], kind: type) -> NDArray[Any]:
    """(lines, columns) of a table."""
    try:
        return np.loadtxt(
            path, dtype=kind, delimiter=delimiter, skiprows=skip, usecols=columns, ndmin=2, comments="#",
            encoding="utf-8-sig", quotechar='"',
        )  # fmt: skip
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0].rstrip('.')}") from None


def _test_part(values: NDArray[np.str_], column: str, path: Path) -> NDArray[np.bool_]:
    """Which samples are for testing."""
    known = {word: part == "test" for part, words in PARTS.items() for word in words}
    for value in np.unique(values):
        if str(value).strip().lower() not in known:
            raise InputError(f"{path}: column {column} holds '{value}', train or test was expected")
    is_test = np.array([known[str(value).strip().lower()] for value in values])
    if is_test.all() or not is_test.any():
        raise InputError(f"{path}: column {column} says the same of all lines: both train and test are needed")
    return is_test
