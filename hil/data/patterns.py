"""Draws small image sets whose ground truth is known exactly: lines on a 3x3 grid and 32x32 outlines."""

import math
import random
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np

from hil.data.datasets import Dataset, DatasetSource

LINE_CLASSES = ("no line", "line")
LINE_SIZE = 3
LETTERS = {"z": ("###", ".#.", "###"), "v": ("#.#", "#.#", ".#."), "n": (".#.", "#.#", "#.#")}
"""Three letters on a 3x3 grid."""

LARGER_LETTERS = {
    "A": (".##.", "#..#", "####", "#..#"),
    "T": ("####", ".##.", ".##.", ".##."),
    "V": ("#..#", "#..#", ".##.", ".##."),
    "X": ("#..#", ".##.", ".##.", "#..#"),
}
"""Four letters on a 4x4 grid."""

SHAPE_CLASSES = ("circle", "square", "triangle", "cross")
SHAPE_SIZE = 32

_SHAPES_SEED = 32
_SHAPES_TRAIN = 400
_SHAPES_TEST = 100

_STROKE_WIDTH = 2.0
_RADIUS_RANGE = (7.0, 11.5)
_MAXIMUM_SHIFT = 3.0

_Point = tuple[float, float]


def draw_lines() -> tuple[np.ndarray, np.ndarray]:
    """Enumerate all binary 3x3 images and tell which contain a full vertical line.

    Returns
    -------
    images : numpy.ndarray
        uint8, (512, 9), values 0 and 1. Image `i` is the binary form of the number `i`, its most significant
        bit in the top left pixel.
    labels : numpy.ndarray
        int64, (512,). 1 where at least one column has all three pixels lit, else 0.
    """
    pixels = LINE_SIZE * LINE_SIZE
    numbers = np.arange(2**pixels)
    images = (numbers[:, np.newaxis] >> np.arange(pixels)[::-1] & 1).astype(np.uint8)
    full_columns = np.all(images.reshape(-1, LINE_SIZE, LINE_SIZE), axis=1)
    return images, np.any(full_columns, axis=1).astype(np.int64)


def draw_letters() -> tuple[np.ndarray, np.ndarray]:
    """Draw the letters z, v and n, each as it is and with every one of its nine pixels inverted in turn.

    The task of the first perceptron in a memristive crossbar, Prezioso et al. (2015), Nature 521, 61; the letters are
    drawn by us.

    Returns
    -------
    images : numpy.ndarray
        uint8, (30, 9), values 0 and 1.
    labels : numpy.ndarray
        int64, (30,), the letter's place in `LETTERS`.
    """
    return _with_wrong_pixels(LETTERS, 0), np.repeat(np.arange(len(LETTERS)), LINE_SIZE**2 + 1)


def draw_larger_letters() -> tuple[np.ndarray, np.ndarray]:
    """Draw the letters A, T, V and X with at most one wrong pixel, then with every two wrong ones.

    The task of Merrikh Bayat et al. (2018), Nat. Commun. 9, 2331, whose network of two passive crossbars has 16 inputs,
    10 hidden units and 4 outputs; the letters are drawn by us.

    Returns
    -------
    images : numpy.ndarray
        uint8, (548, 16), values 0 and 1: 17 of each letter, then 120 of each.
    labels : numpy.ndarray
        int64, (548,), the letter's place in `LARGER_LETTERS`.
    """
    few, many = (_with_wrong_pixels(LARGER_LETTERS, wrong) for wrong in (0, 2))
    classes = np.arange(len(LARGER_LETTERS))
    labels = [np.repeat(classes, len(images) // len(classes)) for images in (few, many)]
    return np.vstack([few, many]), np.concatenate(labels)


def _with_wrong_pixels(letters: Mapping[str, tuple[str, ...]], wrong: int) -> np.ndarray:
    """Letters with every choice of `wrong` pixels inverted, (images, pixels); with none or one of them for 0."""
    whole = np.array([[pixel == "#" for pixel in "".join(lines)] for lines in letters.values()])
    pixels = whole.shape[1]
    chosen = combinations(range(pixels), wrong) if wrong else [(), *((k,) for k in range(pixels))]
    flips = np.array([[k in which for k in range(pixels)] for which in chosen])
    return (whole[:, None] ^ flips[None]).astype(np.uint8).reshape(-1, pixels)


def draw_shapes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw outlines of circles, squares, triangles and crosses, shifted and scaled at random.

    The random numbers come from Python's `random.Random.random`, whose sequence is guaranteed to stay the
    same between versions.

    Parameters
    ----------
    count : int
        Number of images; the classes take turns, so every four successive images hold all of them.
    seed : int
        Seed of the shifts (up to 3 pixels either way) and radii (7 to 11.5 pixels).

    Returns
    -------
    images : numpy.ndarray
        uint8, (count, 1024), strokes two pixels wide with smoothed edges, 255 where fully lit.
    labels : numpy.ndarray
        int64, (count,), index into `SHAPE_CLASSES`.
    """
    generator = random.Random(seed)
    labels = np.arange(count, dtype=np.int64) % len(SHAPE_CLASSES)
    images = np.empty((count, SHAPE_SIZE * SHAPE_SIZE), dtype=np.uint8)
    middle = (SHAPE_SIZE - 1) / 2
    for image, label in zip(images, labels, strict=True):
        shift_x, shift_y = (_MAXIMUM_SHIFT * (2 * generator.random() - 1) for _ in range(2))
        smallest, largest = _RADIUS_RANGE
        radius = smallest + (largest - smallest) * generator.random()
        distance = _distance_to_outline(SHAPE_CLASSES[label], (middle + shift_x, middle + shift_y), radius)
        coverage = np.clip(_STROKE_WIDTH / 2 + 0.5 - distance, 0.0, 1.0)
        image[:] = np.round(255 * coverage).ravel()
    return images, labels


def _distance_to_outline(shape: str, centre: _Point, radius: float) -> np.ndarray:
    """Return the distance of every pixel's middle from the outline, in pixels, (32, 32)."""
    y, x = np.indices((SHAPE_SIZE, SHAPE_SIZE), dtype=float)
    x -= centre[0]
    y -= centre[1]
    if shape == "circle":
        return np.abs(np.sqrt(x * x + y * y) - radius)
    distances = [_distance_to_segment(x, y, start, end) for start, end in _segments(shape, radius)]
    return np.min(distances, axis=0)


def _segments(shape: str, radius: float) -> list[tuple[_Point, _Point]]:
    """Return the strokes of a shape around the origin; `radius` reaches its corners or stroke ends."""
    if shape == "cross":
        return [((-radius, 0.0), (radius, 0.0)), ((0.0, -radius), (0.0, radius))]
    if shape == "square":
        half = radius * math.sqrt(0.5)
        corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
    else:
        half_base = radius * math.sqrt(0.75)
        corners = [(0.0, -radius), (half_base, radius / 2), (-half_base, radius / 2)]
    return list(zip(corners, corners[1:] + corners[:1], strict=True))


def _distance_to_segment(x: np.ndarray, y: np.ndarray, start: _Point, end: _Point) -> np.ndarray:
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    from_x, from_y = x - start[0], y - start[1]
    position = (from_x * along_x + from_y * along_y) / (along_x * along_x + along_y * along_y)
    position = np.clip(position, 0.0, 1.0)
    off_x, off_y = from_x - position * along_x, from_y - position * along_y
    return np.sqrt(off_x * off_x + off_y * off_y)


def _lines(_: str | Path | None) -> Dataset:
    images, labels = draw_lines()
    return Dataset(
        name="lines3x3",
        shape=(LINE_SIZE, LINE_SIZE),
        full_scale=1,
        class_names=LINE_CLASSES,
        train_images=images,
        train_labels=labels,
        test_images=images,
        test_labels=labels,
    )


def _letters(_: str | Path | None) -> Dataset:
    images, labels = draw_letters()
    return Dataset(
        name="letters3x3",
        shape=(LINE_SIZE, LINE_SIZE),
        full_scale=1,
        class_names=tuple(LETTERS),
        train_images=images,
        train_labels=labels,
        test_images=images,
        test_labels=labels,
    )


def _larger_letters(_: str | Path | None) -> Dataset:
    images, labels = draw_larger_letters()
    known = len(LARGER_LETTERS) * 17
    return Dataset(
        name="letters4x4",
        shape=(4, 4),
        full_scale=1,
        class_names=tuple(LARGER_LETTERS),
        train_images=images[:known],
        train_labels=labels[:known],
        test_images=images[known:],
        test_labels=labels[known:],
    )


def _shapes(_: str | Path | None) -> Dataset:
    images, labels = draw_shapes(_SHAPES_TRAIN + _SHAPES_TEST, _SHAPES_SEED)
    return Dataset(
        name="shapes32",
        shape=(SHAPE_SIZE, SHAPE_SIZE),
        full_scale=255,
        class_names=SHAPE_CLASSES,
        train_images=images[:_SHAPES_TRAIN],
        train_labels=labels[:_SHAPES_TRAIN],
        test_images=images[_SHAPES_TRAIN:],
        test_labels=labels[_SHAPES_TRAIN:],
    )


SETS = (
    DatasetSource("lines3x3", "all 512 binary 3x3 images, with or without a vertical line; drawn", _lines),
    DatasetSource("letters3x3", "z, v and n on 3x3 pixels, one of them wrong at most: 30 images; drawn", _letters),
    DatasetSource("letters4x4", "A, T, V and X on 4x4 pixels; tested with two wrong pixels; drawn", _larger_letters),
    DatasetSource("shapes32", "outlines of four shapes, 32x32, drawn at random places and sizes", _shapes),
)
