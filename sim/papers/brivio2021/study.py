"""The study behind Figures 3 to 8: one network, trained for every weight dynamics and seed.

What the paper leaves open is filled in by an `Interpretation`; some dynamics are trained under others as well.

One process trains one array after another with `hil train wta`'s driver; what a finished one gave is a line of
``study.jsonl`` beside them, so that a study goes on wherever it was stopped. Accuracies are counted on the test digits;
learning curves, and all that follows from them, on training digits that were held out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.data.datasets import Dataset, load
from hil.errors import InputError
from hil.reproduction.papers import Scope
from hil.training.wta import WtaTraining
from hil.training.wta_measures import efficiency
from sim.cells.dynamics import INVESTIGATED

STAND_IN = "bundled 8 x 8 digits and a small network in place of MNIST with 500 neurons"

DECISIVE = ("L-HB 1", "L-HB 2", "L-HB 4", "NL-SB 1", "NL-SB 3", "NL-HB 1", "NL-HB 3", "NL-HB 4", "NL-HB 6")
"""Dynamics that are enough to decide every comparison: what other interpretations of the text are trained for."""

ALL = tuple(dynamics.name for dynamics in INVESTIGATED)


@dataclass(frozen=True)
class Interpretation:
    """One way to fill in what the paper leaves open.

    Attributes
    ----------
    name : str
        For tables.
    settings : dict
        Sections of `hil train wta`'s configuration that differ from `FULL` or `QUICK`.
    dynamics : tuple of str
        Names of `sim.cells.dynamics.INVESTIGATED`.
    seeds : int
        Repeats.
    """

    name: str
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dynamics: Sequence[str] = ALL
    seeds: int = 5


STUDY = Interpretation("as in the study")
"""Every output spike resets all membranes; threshold 60, chosen on held-out digits (docs/results.md)."""

OWN_RESET = Interpretation("losers keep their membrane", {"neuron": {"reset": "own"}}, DECISIVE, 3)
HIGHER = Interpretation("threshold a third higher", {"neuron": {"threshold": 80.0}}, DECISIVE, 3)
OPEN = (OWN_RESET, HIGHER)

_FORGET = {"theta_decay": 3.5, "threshold": 40.0}
ADAPTIVE = (
    Interpretation(
        "adaptive thresholds, 0.3 a spike", {"neuron": {"theta_plus": 0.3, **_FORGET}}, ("L-HB 4", "NL-HB 4"), 3
    ),
    Interpretation(
        "adaptive thresholds, 0.1 a spike", {"neuron": {"theta_plus": 0.1, **_FORGET}}, ("L-HB 4", "NL-HB 4"), 3
    ),
)
"""Homeostasis of our own choice: the paper leaves it out and cites others for it."""

INTERPRETATIONS = (STUDY, *OPEN, *ADAPTIVE)

FULL: dict[str, Any] = {
    "data": {"dataset": "mnist", "holdout": 5000 / 60_000},
    "train": {"neurons": 500, "epochs": 1.0, "curve": 30, "curve_images": 2000, "curve_labelling": 3000},
    "neuron": {"threshold": 60.0, "reset": "all"},
}
QUICK: dict[str, Any] = {
    "data": {"dataset": "digits", "holdout": 0.2},
    "train": {"neurons": 40, "epochs": 2.0, "batch": 100, "curve": 16, "labelling": 400},
    "neuron": {"threshold": 11.4, "reset": "all"},
}
QUICK_SEEDS = 2


@dataclass(frozen=True)
class Trained:
    """What one array gave; accuracies in %.

    Attributes
    ----------
    reading, dynamics, seed
        Names of the interpretation and of the dynamics, and the seed.
    accuracy : float
        On test digits; the class of the most active neuron counts.
    shuffled, untrained : float
        The same with permuted labels for the neurons, and before training.
    contrast, lloyd, untrained_contrast : float
        Distance of the two k-means centres, exact, by Lloyd's iteration, and before training.
    images, curve : list
        Digits seen at every point of the learning curve, and the accuracy on held-out digits there.
    contrasts : list of float
        Weight contrast there.
    """

    reading: str
    dynamics: str
    seed: int
    accuracy: float
    shuffled: float
    untrained: float
    contrast: float
    lloyd: float
    untrained_contrast: float
    images: list[int]
    curve: list[float]
    contrasts: list[float]

    def timing(self, best: bool = False, every: int = 1, flat: bool = False) -> tuple[float, float]:
        """Duration (eq 6) and efficiency (eq 7) from every n-th point of the curve, counted from its end.

        `best` takes the best point as CA_max instead of the last; `flat` the curve of an array that does not learn.
        """
        images, curve = self.images[::-1][::every][::-1], self.curve[::-1][::every][::-1]
        accuracy = [(self.untrained if flat else value) / 100 for value in curve]
        return efficiency(images, accuracy, best)


class Study:
    """All arrays of a scope: those in its folder, and those that are still to be trained.

    Attributes
    ----------
    stand_in : str
        What was used in place of the paper's data and size; empty if nothing was.
    """

    def __init__(self, scope: Scope) -> None:
        """Read what is there."""
        self.scope = scope
        self.stand_in = "" if scope.data_dir is not None and not scope.quick else STAND_IN
        self._file = scope.work / "study.jsonl"
        self._known = {(t.reading, t.dynamics, t.seed): t for t in self._read()}

    def plan(self) -> list[tuple[Interpretation, str, int]]:
        """Interpretation, dynamics and seed of every array, one seed after the other, so that early ends are of use."""
        most = QUICK_SEEDS if self.stand_in else max(interpretation.seeds for interpretation in INTERPRETATIONS)
        return [
            (interpretation, name, seed)
            for seed in range(most)
            for interpretation in INTERPRETATIONS
            if seed < interpretation.seeds
            for name in interpretation.dynamics
        ]

    def complete(self) -> Study:
        """Train what is still to be trained; `Interrupted` if the user stops it."""
        plan = self.plan()
        for number, (interpretation, name, seed) in enumerate(plan, 1):
            if (interpretation.name, name, seed) in self._known:
                continue
            self.scope.pause()
            began = time.monotonic()
            found = self._train(interpretation, name, seed)
            self._keep(found)
            told = f"{interpretation.name}, {name}, seed {seed}: {found.accuracy:.1f} %"
            self.scope.say(f"  array {number} of {len(plan)}: {told} ({time.monotonic() - began:.1f} s)")
        return self

    def arrays(self, interpretation: Interpretation) -> dict[str, list[Trained]]:
        """Arrays of an interpretation by dynamics, in the order of the seeds."""
        found: dict[str, list[Trained]] = {}
        for r, name, seed in self.plan():
            if r.name == interpretation.name:
                found.setdefault(name, []).append(self._known[r.name, name, seed])
        return found

    @property
    def sizes(self) -> tuple[int, int]:
        """Test digits, and held-out digits at a point of a curve."""
        config, data = self._config(STUDY, "L-HB 1", 0), self._data()
        held = round(config["data"]["holdout"] * len(data.train_images))
        return len(data.test_images), min(held, config["train"].get("curve_images", held))

    def _config(self, interpretation: Interpretation, name: str, seed: int) -> dict[str, Any]:
        uri = next(dynamics.uri for dynamics in INVESTIGATED if dynamics.name == name)
        base = _merged(QUICK if self.stand_in else FULL, {"device": {"uri": uri}, "train": {"seed": seed, "seeds": 1}})
        if not self.stand_in:
            return _merged(base, {"data": {"dir": str(self.scope.data_dir)}}, interpretation.settings)
        neuron = dict(interpretation.settings.get("neuron", {}))
        if "threshold" in neuron:
            neuron["threshold"] *= QUICK["neuron"]["threshold"] / FULL["neuron"]["threshold"]
        return _merged(base, interpretation.settings, {"neuron": neuron})

    def _data(self) -> Dataset:
        return _dataset("digits", None) if self.stand_in else _dataset("mnist", str(self.scope.data_dir))

    def _train(self, interpretation: Interpretation, name: str, seed: int) -> Trained:
        folder = _folder(interpretation.name, name, seed)
        config = self._config(interpretation, name, seed)
        training = self.scope.train(WtaTraining, config, folder, self._data(), draw=False)
        end, start, points = training.measured(seed), training.measured(seed, trained=False), training.run.metrics()
        return Trained(
            interpretation.name, name, seed, end["accuracy"], end["shuffled"], start["accuracy"], end["contrast"],
            lloyd(training.weights()), start["contrast"], [p["images"] for p in points],
            [p["accuracy"] for p in points], [p["contrast"] for p in points],
        )  # fmt: skip

    def _keep(self, found: Trained) -> None:
        self._known[found.reading, found.dynamics, found.seed] = found
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(found)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        shutil.rmtree(self.scope.work / _folder(found.reading, found.dynamics, found.seed), ignore_errors=True)

    def _read(self) -> list[Trained]:
        """Whole lines; one that was cut off is trained again."""
        if not self._file.is_file():
            return []
        lines = self._file.read_text(encoding="utf-8", errors="replace").split("\n")
        if lines[-1]:
            self._file.write_text("\n".join([*lines[:-1], ""]), encoding="utf-8")
        try:
            return [Trained(**json.loads(line)) for line in lines[:-1]]
        except (ValueError, TypeError) as error:
            raise InputError(f"{self._file} holds a line that is no array of this study: {error}") from None


def _folder(*key: object) -> str:
    return re.sub(r"[^\w]+", "-", " ".join(map(str, key))).lower()


def _merged(*configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Sections of all configurations; later ones win key by key."""
    sections = dict.fromkeys(name for config in configs for name in config)
    return {name: {k: v for config in configs for k, v in config.get(name, {}).items()} for name in sections}


@lru_cache(maxsize=1)
def _dataset(name: str, folder: str | None) -> Dataset:
    return load(name, folder)


def lloyd(weights: NDArray[np.floating]) -> float:
    """Distance of two k-means centres by Lloyd's iteration, the best of several starts.

    Independent of `hil.training.wta.weight_contrast`, which finds the best split from running sums.
    """
    w = np.asarray(weights, dtype=np.float64).ravel()
    low, high = float(w.min()), float(w.max())
    if low == high:
        return 0.0
    best, found = np.inf, 0.0
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        cut, before = low + share * (high - low), np.nan
        while cut != before:
            upper = w > cut
            centres = w[~upper].mean(), w[upper].mean()
            before, cut = cut, (centres[0] + centres[1]) / 2
        spread = float(((w - np.where(upper, centres[1], centres[0])) ** 2).sum())
        if spread < best:
            best, found = spread, float(centres[1] - centres[0])
    return found
