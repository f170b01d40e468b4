"""Folders of event files, a folder for every class: how often each pixel of a recording fired is its grey value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hil.data.datasets import Dataset
from hil.data.labelled import FULL, LabelledSamples, class_names, dataset, parted
from hil.data.own import DataReader, ReadSettings
from hil.data.readers.class_folders import found, holds
from hil.data.readers.image_folder import SIDE, sides
from hil.errors import InputError
from hil.needs import require_memory

BRIGHT = 99.0
"""Percentile of the counts of pixels that fired, in the training part, that is a fully lit pixel."""

COLUMNS = ("x", "y", "p", "t")
"""Columns of a text, in the usual order."""

_NAMES = {"x": ("x", "col", "column"), "y": ("y", "row"), "p": ("p", "pol", "polarity", "on"),
          "t": ("t", "ts", "time", "timestamp", "time_us")}  # fmt: skip


class PixelEvents(NamedTuple):
    """Events of a recording.

    Attributes
    ----------
    x, y : (N,) arrays of int
        Pixel.
    on : (N,) array of bool
        Whether it became brighter.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    on: NDArray[np.bool_]


class EventSettings(ReadSettings):
    """Options of a folder of event files."""

    size: str | None = Field(None, description="WIDTHxHEIGHT of the sensor; by the kind of file, or the largest event")
    polarity: Literal["both", "on", "off", "apart"] = Field(
        "both", description="events that count; apart: those of ON above those of OFF in one image"
    )
    columns: str = Field("", description="columns of a text, such as t,x,y,p, where it does not name them")

    @field_validator("size")
    @classmethod
    def _two_numbers(cls, size: str | None) -> str | None:
        if size is not None:
            sides(size)
        return size

    @field_validator("columns")
    @classmethod
    def _known(cls, columns: str) -> str:
        given = [name.strip() for name in columns.split(",")] if columns else []
        if given and sorted(given) != sorted(COLUMNS):
            raise ValueError("name x, y, p and t once each, such as t,x,y,p")
        return ",".join(given)


class EventFolder(DataReader):
    """Folder of event files with a folder for every class, alone or below train and test.

    N-MNIST (.bin, 40 bits an event), AEDAT 2.0 of a DVS128 (.aedat), or text with x, y, p and t in every line.
    """

    options: ClassVar = EventSettings
    looks: ClassVar = "a folder with a folder of event files (.bin, .aedat, .txt) for every class"

    def recognises(self, path: Path) -> bool:
        """By the endings of the files below it."""
        return path.is_dir() and holds(path, READERS)

    def read(self, path: Path, name: str, options: EventSettings) -> Dataset:
        """Count events pixel by pixel."""
        files = found(path, READERS)
        train = _recordings(files.train, options)
        test = None if files.test is None else _recordings(files.test, options)
        width, height = _sensor(options, files.train[0][0], [*train, *(test or [])])
        images = _counted(files.train, train, options, (width, height))
        if test is None:
            images, held = parted(images, str(path), options.test)
        else:
            assert files.test is not None
            held = _counted(files.test, test, options, (width, height))
        fired = images.values[images.values > 0]
        if not fired.size:
            raise InputError(f"{path}: no event of polarity {options.polarity} in the training part")
        bright = max(1.0, float(np.percentile(fired, BRIGHT)))
        one, two = (
            LabelledSamples(np.round(FULL * np.minimum(part.values / bright, 1.0)).astype(np.uint8), part.labels)
            for part in (images, held)
        )
        shape = (height * (2 if options.polarity == "apart" else 1), width)
        return dataset(name, shape, FULL, one, two, str(path))


def _recordings(files: Sequence[tuple[Path, str]], options: EventSettings) -> list[PixelEvents]:
    return [READERS[file.suffix.lower()](file, options.columns) for file, _ in files]


def _sensor(options: EventSettings, first: Path, recordings: Sequence[PixelEvents]) -> tuple[int, int]:
    """Width and height."""
    if options.size:
        return sides(options.size)
    if (known := SENSORS.get(first.suffix.lower())) is not None:
        return known
    width, height = (1 + max((int(e[k].max(initial=0)) for e in recordings), default=0) for k in (0, 1))
    if max(width, height) > SIDE:
        raise InputError(f"{first.parent}: an event at x = {width - 1}, y = {height - 1}; {SIDE} pixels a side at most")
    return width, height


def _counted(
    files: Sequence[tuple[Path, str]], recordings: Sequence[PixelEvents], options: EventSettings, size: tuple[int, int]
) -> LabelledSamples:
    """Events of every pixel, counted, (N, pixels)."""
    width, height = size
    apart = options.polarity == "apart"
    inputs = width * height * (2 if apart else 1)
    require_memory(f"{len(files):,} recordings of {width}x{height} pixels", 4.0 * len(files) * inputs)
    counts = np.zeros((len(files), inputs), np.float32)
    for k, ((file, _), events) in enumerate(zip(files, recordings, strict=True)):
        outside = (events.x < 0) | (events.x >= width) | (events.y < 0) | (events.y >= height)
        if outside.any():
            n = int(np.argmax(outside))
            raise InputError(
                f"{file}: event {n} at x = {events.x[n]}, y = {events.y[n]} is off the sensor of {width}x{height} "
                "pixels: give ?size=WIDTHxHEIGHT"
            )
        place = events.y * width + events.x + (width * height * ~events.on if apart else 0)
        chosen = place if options.polarity in ("both", "apart") else place[events.on == (options.polarity == "on")]
        counts[k] = np.bincount(chosen, minlength=inputs)
    return LabelledSamples(counts, class_names([label for _, label in files]))


def _nmnist(file: Path, _: str) -> PixelEvents:
    """Five bytes an event: x, y, polarity in the highest bit of the third, 23 bits of time in us (Orchard 2015)."""
    content = np.frombuffer(file.read_bytes(), np.uint8)
    if len(content) % 5:
        raise InputError(f"{file}: {len(content)} bytes are no whole number of events of 5 bytes, as N-MNIST has them")
    each = content.reshape(-1, 5)
    return PixelEvents(each[:, 0].astype(np.int64), each[:, 1].astype(np.int64), each[:, 2] >= 128)


def _aedat(file: Path, _: str) -> PixelEvents:
    """AEDAT 2.0 of a DVS128: lines of a header, then big-endian address and time, 32 bits each (jAER)."""
    content = file.read_bytes()
    if not content.startswith(b"#!AER-DAT"):
        raise InputError(f"{file} does not begin with #!AER-DAT, as files in AEDAT do")
    version = content[9:12].decode("ascii", "replace")
    if version != "2.0":
        raise InputError(f"{file} is in AEDAT {version}; 2.0 is read: export it from jAER or DV, or as text x y p t")
    place = 0
    while content[place : place + 1] == b"#":
        end = content.find(b"\n", place)
        if end < 0:
            raise InputError(f"{file}: its header has no end")
        place = end + 1
    if (len(content) - place) % 8:
        raise InputError(f"{file}: {len(content) - place} bytes are no whole number of events of 8 bytes")
    address = np.frombuffer(content, ">u4", offset=place)[::2].astype(np.int64)
    address = address[address & 0x8000 == 0]  # others are marks of an external trigger
    return PixelEvents(127 - (address >> 1 & 127), 127 - (address >> 8 & 127), address & 1 == 0)


def _text(file: Path, columns: str) -> PixelEvents:
    """Lines of x, y, p and t, apart by blanks, commas or tabs; names in the first or in a comment line count."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file} is no text in UTF-8") from None
    lines = text.splitlines()
    names = columns.split(",") if columns else list(COLUMNS)
    first = next((k for k, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), len(lines))
    if first < len(lines) and _named(lines[first]) is not None:
        first += 1
    if not columns:
        said = [named for line in lines[:first] if (named := _named(line)) is not None]
        names = said[-1] if said else names
    rows = [line.replace(",", " ").split() for line in lines[first:] if line.strip() and not line.startswith("#")]
    wrong = next((k for k, row in enumerate(rows) if len(row) != len(names)), None)
    if wrong is not None:
        raise InputError(f"{file}: event {wrong} has {len(rows[wrong])} columns, {', '.join(names)} were expected")
    try:
        table = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    except ValueError as error:
        raise InputError(f"{file}: {str(error).splitlines()[0]}") from None
    x, y, p = (table[:, names.index(name)] for name in ("x", "y", "p"))
    for name, values in (("x", x), ("y", y)):
        if not ((values == np.round(values)) & (np.abs(values) < 1e6)).all():
            raise InputError(f"{file}: {name} is no whole number in every event; say the order with ?columns=t,x,y,p")
    if not np.isin(p, (-1, 0, 1)).all():
        raise InputError(f"{file}: p is not 0, 1 or -1 in every event; say the order with ?columns=t,x,y,p")
    return PixelEvents(x.astype(np.int64), y.astype(np.int64), p > 0)


def _named(line: str) -> list[str] | None:
    """Columns that a line names, in order; None if it does not name all four."""
    words = [word.strip("\"'") for word in line.strip().lstrip("#").lower().replace(",", " ").split()]
    found = [next((key for key, known in _NAMES.items() if word in known), "") for word in words]
    return found if sorted(found) == sorted(COLUMNS) else None


READERS: Mapping[str, Callable[[Path, str], PixelEvents]] = {
    ".bin": _nmnist, ".aedat": _aedat, ".txt": _text, ".csv": _text, ".dat": _text,
}  # fmt: skip
"""Reader of each ending."""

SENSORS: Mapping[str, Any] = {".bin": (34, 34), ".aedat": (128, 128)}
"""Width and height of sensors that files are of."""
