"""Line drawings of 32 x 32 pixels, to be remembered: four as in Zhou et al. (2022), and sets that are drawn anew.

The paper shows its four patterns (square, cross, diamond, triangle) in Figure 5 without their pixels; `four32` are of
192, 208, 216 and 192 pixels.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hil.data.datasets import Dataset, DatasetSource

SIZE = 32

FOUR = ("square", "cross", "diamond", "triangle")

Points = list[tuple[float, float]]

STROKES: dict[str, list[Points]] = {
    "square": [[(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]],
    "plus": [[(-1.2, 0), (1.2, 0)], [(0, -1.2), (0, 1.2)]],
    "X": [[(-1, -1), (1, 1)], [(-1, 1), (1, -1)]],
    "diamond": [[(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0), (0, -1.3)]],
    "triangle": [[(0, -1.1), (1.2, 1), (-1.2, 1), (0, -1.1)]],
    "ring": [[(1.1 * np.cos(a), 1.1 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 25)]],
    "H": [[(-1, -1.1), (-1, 1.1)], [(1, -1.1), (1, 1.1)], [(-1, 0), (1, 0)]],
    "Z": [[(-1, -1), (1, -1), (-1, 1), (1, 1)]],
    "L": [[(-0.9, -1.2), (-0.9, 1), (1.1, 1)]],
}
"""Nine shapes as strokes around the origin, in halves of their size."""


def four() -> NDArray[np.bool_]:
    """(4, 1024) square, cross, diamond and triangle: bands of two to four pixels, centred."""
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    far, sum_ = np.maximum(abs(x), abs(y)), abs(x) + abs(y)
    square = (far < 13) & (far > 11)
    cross = ((abs(x) < 2) | (abs(y) < 2)) & (far < 14)
    diamond = (sum_ > 11.5) & (sum_ < 15.5)
    half = (y + 13.5) / 2
    triangle = (abs(y) < 14) & (abs(x) < half + 0.3) & ((abs(x) > half - 2.2) | (y > 11))
    return np.array([shape.ravel() for shape in (square, cross, diamond, triangle)])


def thin() -> NDArray[np.bool_]:
    """(4, 1024) the same four in lines of one or two pixels: 100, 108, 116 and 80."""
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    far, sum_ = np.maximum(abs(x), abs(y)), abs(x) + abs(y)
    square = (far > 12) & (far < 13)
    cross = ((abs(x) < 1) | (abs(y) < 1)) & (far < 14)
    diamond = (sum_ > 13.5) & (sum_ < 15.5)
    half = (y + 13.5) / 2
    triangle = (abs(y) < 14) & (abs(x) < half + 0.3) & ((abs(x) > half - 0.7) | (y > 13))
    return np.array([shape.ravel() for shape in (square, cross, diamond, triangle)])


def drawn(count: int, seed: int, pixels: int = 200) -> tuple[list[str], NDArray[np.bool_]]:
    """`count` of the nine shapes, each once while there are enough, turned and shifted at random.

    Parameters
    ----------
    count : int
        Number of patterns.
    seed : int
        Of shapes, angles and places.
    pixels : int
        Of each pattern: those that are nearest to its strokes.

    Returns
    -------
    list of str and (count, 1024) array of bool
        Names and patterns.
    """
    rng = np.random.default_rng([seed, 32])
    names = [str(name) for name in np.resize(rng.permutation(sorted(STROKES)), count)]
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    found = np.zeros((count, SIZE * SIZE), dtype=bool)
    for k, name in enumerate(names):
        angle, size, (dx, dy) = rng.uniform(0, 2 * np.pi), rng.uniform(9.0, 11.0), rng.uniform(-5, 5, 2)
        turned = (
            np.cos(angle) * (x - dx) + np.sin(angle) * (y - dy),
            np.cos(angle) * (y - dy) - np.sin(angle) * (x - dx),
        )
        distance = np.full(x.shape, np.inf)
        for stroke in STROKES[name]:
            for (x0, y0), (x1, y1) in pairwise(stroke):
                distance = np.minimum(distance, _to_segment(*turned, size * np.array([x0, y0, x1, y1])))
        found[k, np.argsort(distance.ravel(), kind="stable")[:pixels]] = True
    return names, found


def random_pixels(count: int, seed: int, pixels: int = 200) -> NDArray[np.bool_]:
    """(count, 1024) patterns of so many pixels each, chosen at random."""
    rng = np.random.default_rng([seed, 33])
    found = np.zeros((count, SIZE * SIZE), dtype=bool)
    for pattern in found:
        pattern[rng.choice(SIZE * SIZE, pixels, replace=False)] = True
    return found


def shared_fraction(patterns: NDArray[np.bool_]) -> float:
    """Largest fraction of a pattern's pixels that lie in a common pattern with one pixel outside it.

    Through so many of its synapses a pattern excites that wrong pixel; inhibition must outweigh them.
    """
    lit = patterns.astype(np.int64)
    together = (lit.T @ lit) > 0
    largest = 0.0
    for pattern in patterns:
        into = together[pattern].mean(axis=0)[~pattern]
        largest = max(largest, float(into.max(initial=0.0)))
    return largest


def _to_segment(x: NDArray[np.float64], y: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of all pixels from a stroke."""
    x0, y0, along_x, along_y = ends[0], ends[1], ends[2] - ends[0], ends[3] - ends[1]
    part = np.clip(((x - x0) * along_x + (y - y0) * along_y) / (along_x**2 + along_y**2), 0.0, 1.0)
    return np.hypot(x - x0 - part * along_x, y - y0 - part * along_y)


def _dataset(name: str, patterns: NDArray[np.bool_]) -> Dataset:
    images, labels = patterns.astype(np.uint8), np.arange(4, dtype=np.int64)
    return Dataset(name, (SIZE, SIZE), 1, FOUR, images, labels, images.copy(), labels.copy())


SETS = (
    DatasetSource(
        "four32",
        "square, cross, diamond and triangle, 32x32, one drawing of each",
        lambda _: _dataset("four32", four()),
    ),
    DatasetSource("thin32", "the same four shapes in lines of one or two pixels", lambda _: _dataset("thin32", thin())),
)
