"""`hil train tour`: a travelling salesman's tour, by a self-organising map that is a ring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.errors import InputError
from hil.fraction import Fraction
from hil.insitu.layers import Matrix
from hil.training.loop import Stage, stage_key
from hil.training.settings import EPOCHS, DataSettings, DeviceSettings
from hil.training.techniques.som import MapSettings, MapTrainee, MapTraining, ring_of
from hil.training.techniques.technique import TRAINED, Measure

STARTS = 50
"""Random tours that are improved by exchanges, the shortest of which counts as the best there is."""

_STARTS = 63


class TourSettings(MapSettings):
    """Section [train]."""

    epochs: Annotated[float, EPOCHS] = Field(300.0, gt=0, description="passes through the cities")
    units: Annotated[int, CliFlag("Units of the ring, for each city.")] = Field(
        3, ge=1, le=100, description="units of the ring, for each city"
    )
    curve: int = Field(0, ge=0, le=0, description="none: a tour has no held-out cities")


class CityData(DataSettings):
    """Section [data]."""

    dataset: Annotated[str, CliFlag("places16, or a PATH of a table with two columns of pixels.", metavar="NAME")] = (
        Field("places16", description="name of the data set, or path of a file or folder, see docs/datasets.md")
    )
    holdout: Fraction = Field(0.0, ge=0, le=0, description="none: all cities are visited")


class TourConfig(Section):
    """Configuration of `hil train tour`."""

    data: CityData = Field(default_factory=CityData)
    device: DeviceSettings = Field(
        default_factory=lambda: DeviceSettings(uri="sim:rram?model=nlsb&alpha=0.02&gamma=1&c2c=0.1&d2d=0.1")
    )
    train: TourSettings = Field(default_factory=TourSettings)


def length(cities: Matrix, order: Sequence[int] | NDArray[np.int64]) -> float:
    """Length of a closed tour through cities (N, 2)."""
    there = cities[np.asarray(order)]
    return float(np.hypot(*(there - np.roll(there, -1, axis=0)).T).sum())


def improved(cities: Matrix, order: Sequence[int]) -> list[int]:
    """Turn parts of a tour around as long as that shortens it (2-opt; Croes 1958)."""
    best, count = list(order), len(order)
    while True:
        turned = [best[:i] + best[i:j][::-1] + best[j:] for i in range(1, count - 1) for j in range(i + 2, count + 1)]
        shortest = min(turned, key=lambda tour: length(cities, tour), default=best)
        if length(cities, shortest) >= length(cities, best) - 1e-12:
            return best
        best = shortest


def shortest_tour(cities: Matrix) -> float:
    """Length of the shortest of many tours that no exchange shortens."""
    luck = np.random.default_rng(_STARTS)
    return min(length(cities, improved(cities, luck.permutation(len(cities)).tolist())) for _ in range(STARTS))


class TourTraining(MapTraining):
    """Find a short round trip: a ring of units is drawn towards the cities, and they are visited in its order.

    Printed is the length of the shortest tour known (the best of many improved by exchanges) over that of the ring's
    tour. Beside it: first weights, and products without the row of squared norms.

    \b
    hil train tour                                                # 16 cities, 48 units
    hil train tour --units 5 --seeds 10
    """

    kind = "train tour"
    config_model: ClassVar[type[Section]] = TourConfig
    headline = Measure("quality", "shortest tour over the tour found", "%", "100 % is the shortest known")
    more: ClassVar[Sequence[Measure]] = (
        Measure("length", "tour found", "", "length, the plane being 1 x 1"),
        Measure("shortest", "shortest tour known", "", f"the best of {STARTS}, improved by exchanges"),
        Measure("random", "random tours", "", "mean length of 1,000"),
    )
    hint = "show the cities more often (--epochs), or take more units (--units)"

    def prepare(self, dataset: Dataset) -> Dataset:
        """Refuse what is no list of places."""
        if dataset.inputs != 2 or not 4 <= len(dataset.train_images) <= 100:
            raise InputError(
                f"'{dataset.name}' has {len(dataset.train_images)} images of {dataset.inputs} pixels: a tour needs 4 "
                "to 100 cities of two pixels, x and y"
            )
        self.cities = dataset.train_images / dataset.full_scale
        return dataset

    def units(self) -> NDArray[np.float64]:
        """Distances around the ring."""
        return ring_of(self.config.train.units * len(self.cities))

    def measured(self, stage: Stage, trainee: MapTrainee) -> dict[str, Any]:
        """Visit the cities in the order of their units; those of one unit along the line through its neighbours."""
        units, places = trainee.nearest(self.cities), trainee.weights()[:-1].T
        ahead = np.roll(places, -1, axis=0) - np.roll(places, 1, axis=0)
        along = (self.cities * ahead[units]).sum(axis=1)
        order = np.lexsort((along, units))
        luck, count = np.random.default_rng(_STARTS), len(order)
        self.loop.arrays[f"tour/{stage.key}"], self.loop.arrays[f"ring/{stage.key}"] = order, places
        found, best = length(self.cities, order), shortest_tour(self.cities)
        return {
            "quality": 100 * best / found, "length": found, "shortest": best,
            "random": float(np.mean([length(self.cities, luck.permutation(count)) for _ in range(1000)])),
        }  # fmt: skip

    def pictures(self) -> list[Path]:
        """Draw the tours of all seeds."""
        from hil import plots

        path = self.run.figure("tour.png")
        tours = {f"seed {s}": self.loop.arrays[f"tour/{stage_key(TRAINED, s)}"] for s in self.seeds}
        plots.save_tours(self.cities, tours, path, f"{self.kind}: {len(self.cities)} cities")
        return [path]
