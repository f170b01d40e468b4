"""Tiny sets that are no pictures: cities on a plane, and the bell and the food of a conditioning experiment.

They are images of two pixels all the same, so that whatever takes a data set takes them.
"""

from __future__ import annotations

import numpy as np

from hil.data.datasets import Dataset, DatasetSource

CITIES, FULL_SCALE, SEED = 16, 255, 16


def draw_cities(count: int = CITIES, seed: int = SEED) -> np.ndarray:
    """(count, 2) places 0..255 of cities, x and y, no two nearer than about a twelfth of it."""
    rng, found = np.random.default_rng([seed, 51]), np.zeros((0, 2))
    while len(found) < count:
        place = rng.uniform(0.05, 0.95, 2)
        if not len(found) or np.hypot(*(found - place).T).min() > 1 / 12:
            found = np.vstack([found, place])
    return np.rint(found / found.max() * FULL_SCALE).astype(np.uint8)


def _cities() -> Dataset:
    places, labels = draw_cities(), np.arange(CITIES, dtype=np.int64)
    names = tuple(f"city {k + 1}" for k in range(CITIES))
    return Dataset("places16", (1, 2), FULL_SCALE, names, places, labels, places.copy(), labels.copy())


def _conditioning() -> Dataset:
    stimuli = np.array([[1, 0], [0, 1], [1, 1]], np.uint8)
    labels = np.array([0, 1, 1], np.int64)
    return Dataset("stimuli", (1, 2), 1, ("no food", "food"), stimuli, labels, stimuli.copy(), labels.copy())


SETS = (
    DatasetSource("places16", "places of 16 cities on a plane, x and y; drawn", lambda _: _cities()),
    DatasetSource("stimuli", "a bell, food, and both: stimuli of a conditioning", lambda _: _conditioning()),
)
