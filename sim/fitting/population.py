"""Many cells, or many cycles, to one preset: what the median cell is, and how cells, pulses and readings differ.

Each cell is fitted alone. Then one law is fitted to all, of which a cell differs as the cells of a simulated array do:
by a factor on its sensitivity and a factor on its memristance, both log-normal with median 1 (`d2d`, `d2d_r` of
`sim.crossbar.variability`). What a pulse changes varies by `c2c`, a reading by `read_noise`; both are those of all
cells together (`sim.fitting.restricted`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from sim.fitting.comparison import STRONG, baseline
from sim.fitting.data import Measurement
from sim.fitting.filters import Innovations, Spread
from sim.fitting.fitting import Fit, Noise, fit
from sim.fitting.likelihood import HIGHEST, LOWEST, CellLikelihood, Summit, Vector, climb, deviance, inverse
from sim.fitting.model import Model
from sim.fitting.restricted import Restricted
from sim.fitting.solving import STEPS, Watch
from sim.fitting.spread import Middle, Spreading, middle, spreading

Make = Callable[[Measurement], Model]
"""Makes the model of a cell, with parameters held as wanted."""

WORSE = 3.0
"""Reduced chi^2 over the median of the cells before, from which a cell is fitted by a search of its own."""

ELSEWHERE = 3
"""Laws from which all cells are climbed once more, beside the median of their own."""

ALTERNATIONS, REPEATS = 12, 2
"""Most rounds in which the law of all and the factors of each cell take turns; rounds in which spread and law do."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell, fitted alone.

    Attributes
    ----------
    name : str
        What the file calls it.
    fit : Fit
        By least squares.
    likelihood : CellLikelihood
        Of its readings.
    top : Summit
        Most likely parameters, c2c and read noise (the last two).
    moves : bool
        Whether the model says more about it than a constant conductance.
    """

    name: str
    fit: Fit
    likelihood: CellLikelihood
    top: Summit
    moves: bool


@dataclass(frozen=True, eq=False)
class Population:
    """What cells have in common, and what they differ in.

    Attributes
    ----------
    cells, still : tuple of Cell
        Those that move, and those that do not.
    middles : dict
        Parameter to its median over the cells, each fitted alone.
    values : dict
        Parameters of the median cell of the law of all.
    errors : dict
        Their standard errors, as fractions.
    sensitivity, memristance : (C,) arrays
        Factors of every cell of `cells`.
    d2d, d2d_r, c2c, read_noise : Spreading
        Strengths of spread, as simulated arrays have them.
    excess : float
        By how much the cells are more likely with a law each, in standard deviations of chi^2; above 4 they differ in
        more than the two factors.
    """

    cells: tuple[Cell, ...]
    still: tuple[Cell, ...]
    middles: dict[str, Middle]
    values: dict[str, float]
    errors: dict[str, float]
    sensitivity: NDArray[np.float64]
    memristance: NDArray[np.float64]
    d2d: Spreading
    d2d_r: Spreading
    c2c: Spreading
    read_noise: Spreading
    excess: float

    @property
    def model(self) -> Model:
        """The model, on the first cell."""
        return self.cells[0].fit.model

    @property
    def aicc(self) -> float:
        """Of all cells, each fitted alone: what other models of the same cells are ranked by."""
        return sum(cell.fit.aicc for cell in (*self.cells, *self.still))

    @property
    def r_squared(self) -> tuple[float, float]:
        """Median and lowest R^2 of the cells that move, each fitted alone."""
        found = [cell.fit.r_squared for cell in self.cells]
        return float(np.median(found)), min(found)


def steps(cells: int, generations: int) -> int:
    """Steps that `populate` tells its watch."""
    return generations + STEPS + cells + ALTERNATIONS + 1


def populate(
    names: Sequence[str],
    measurements: Sequence[Measurement],
    make: Make,
    noise: Noise | None = None,
    watch: Watch = lambda what, count: None,
) -> Population:
    """Fit every cell alone, then one law with the spread of simulated arrays to all.

    Parameters
    ----------
    names, measurements : sequences
        Of the cells; a measurement may have several stretches.
    make : callable
        Makes the model of a measurement.
    noise : Noise, optional
        As for `fit`; its floor is kept, its relative part found anew as `read_noise`.
    watch : callable
        Told what is done.

    Raises
    ------
    InputError
        If the model cannot tell spread, or no cell moves.
    """
    cells: list[Cell] = []
    for name, measurement in zip(names, measurements, strict=True):
        cells.append(_alone(name, make(measurement), cells, noise, watch))
        watch(f"cell {name or len(cells)}", 1)
    moving, still = tuple(c for c in cells if c.moves), tuple(c for c in cells if not c.moves)
    if not moving:
        raise InputError(f"{measurements[0].source}: none of {len(cells)} cells does more than a constant conductance")
    return _Together(moving).populated(still, watch)


def _alone(name: str, model: Model, before: Sequence[Cell], noise: Noise | None, watch: Watch) -> Cell:
    """Fit one cell: from where those before it are, and by a search of its own where that is no good."""
    found = None
    good = [c for c in before if c.moves and {p.name for p in c.fit.model.free} >= {p.name for p in model.free}]
    if good:
        usual = float(np.median([c.fit.reduced for c in good]))
        found = fit(model, noise, profile=False, starts=[_scaled(c.fit, model) for c in good[-4:]])
        found = found if found.reduced < WORSE * usual else None
    found = found or fit(model, noise, profile=False, watch=watch if not before else lambda what, count: None)
    likelihood = CellLikelihood(model, found.values, noise.absolute if noise else 0.0)
    guess = np.log([0.1, np.clip(np.median(np.abs(found.residuals * found.uncertainty) / found.curve), 1e-3, 1.0)])
    low, high = (np.append(bound, [end] * 2) for bound, end in ((likelihood.low, LOWEST), (likelihood.high, HIGHEST)))

    def evaluate(at: Vector) -> Innovations:
        return likelihood.evaluate(at[:-2], Spread(*np.exp(at[-2:])))

    top = climb(evaluate, np.append(likelihood.at, guess), low, high)
    return Cell(name, found, likelihood, top, baseline(found)[2] - found.bic >= STRONG)


def _scaled(other: Fit, model: Model) -> dict[str, float]:
    """Values of another cell, with conductances and resistances as much higher or lower as this one's."""
    ratio = float(np.median(model.measurement.conductance) / np.median(other.model.measurement.conductance))
    factor = {"S": ratio, "ohm": 1.0 / ratio}
    return {e.parameter.name: e.value * factor.get(e.parameter.unit, 1.0) for e in other.estimates}


class _Together:
    """The law of all cells, and the factors of each: two groups of parameters that are climbed in turn."""

    def __init__(self, cells: tuple[Cell, ...]) -> None:
        first = cells[0].likelihood
        if any(c.likelihood.names != first.names for c in cells):
            raise InputError(
                f"{cells[0].fit.model.measurement.source}: the cells tell different parameters "
                "(were all driven alike?); fit them one by one with --cell NAME"
            )
        self.cells, self.names = cells, first.names
        spread = np.median([c.top.at[-2:] for c in cells], axis=0)
        self.at = np.append(np.median([c.top.at[:-2] for c in cells], axis=0), spread)
        self.low = np.append(np.min([c.likelihood.low for c in cells], axis=0), [LOWEST] * 2)
        self.high = np.append(np.max([c.likelihood.high for c in cells], axis=0), [HIGHEST] * 2)
        self.factors = np.zeros((len(cells), 2))
        self.precision = np.zeros((len(cells), 2, 2))

    def populated(self, still: tuple[Cell, ...], watch: Watch) -> Population:
        """Climb, and say what was found."""
        top = self._climbed(watch)
        restricted = Restricted(self._evaluate_all, self.at, self.factors)
        for _ in range(REPEATS):
            self.at[-2:] = restricted.best(self.at[-2:])
            top = self._climb_law()
            restricted = Restricted(self._evaluate_all, self.at, self.factors)
        c2c, read_noise = restricted.strengths(self.at[-2:])
        watch("all cells together", 1)
        own = np.array([np.sqrt(np.diag(inverse(i))) for i in self.precision])
        freed = self._freed()
        error = np.sqrt(np.diag(top.covariance))
        return Population(
            self.cells, still, {name: self._middle(k, freed) for k, name in enumerate(self.names)},
            self.cells[0].likelihood.values(self.at[:-2]), dict(zip(self.names, error.tolist(), strict=True)),
            np.exp(self.factors[:, 0]), np.exp(self.factors[:, 1]),
            spreading(self.factors[:, 0], own[:, 0]), spreading(self.factors[:, 1], own[:, 1]), c2c, read_noise,
            self._excess(top, freed),
        )  # fmt: skip

    def _climbed(self, watch: Watch) -> Summit:
        """Law, factors and spread of the highest likelihood, which has more than one summit where pulses vary much."""
        tops: list[tuple[Summit, NDArray[np.float64]]] = []
        for start in self._starts():
            self.at, self.factors = start, np.zeros((len(self.cells), 2))
            tops.append((self._summit(watch if not tops else lambda what, count: None), self.factors))
        top, self.factors = min(tops, key=lambda found: found[0].deviance)
        self.at = top.at
        self._climb_factors()
        return top

    def _starts(self) -> list[Vector]:
        """Laws from which to climb: medians of the cells, and those of single cells that suit all of them best.

        A law with hard bounds has summits where no cell meets them, and what those bounds would have stopped counts as
        spread. So the medians are climbed from also with bounds where the readings end.
        """
        spread = self.at[-2:]
        laws = [self.at[:-2], np.median([c.likelihood.at for c in self.cells], axis=0)]
        laws += [at for c in self.cells for at in (c.top.at[:-2], c.likelihood.at)]
        graded = []
        for law in laws[1:]:
            self.at, self.factors = np.append(law, spread), np.zeros((len(self.cells), 2))
            self._climb_factors()
            graded.append((deviance(self._evaluate(self.at)), self.at))
        graded.sort(key=lambda found: found[0])
        bounded = [np.append(self._ended(law), spread) for law in laws[:2]] if self._ends() else []
        return [np.append(laws[0], spread), *bounded, *(at for _, at in graded[:ELSEWHERE])]

    def _ends(self) -> dict[str, float]:
        """Logarithms of the fitted parameters of `Model.ends`, means over the cells."""
        seen = [c.fit.model.ends() for c in self.cells]
        return {name: float(np.mean([np.log(one[name]) for one in seen])) for name in seen[0] if name in self.names}

    def _ended(self, law: Vector) -> Vector:
        """A law whose conductances end where the readings do."""
        found = law.copy()
        for name, end in self._ends().items():
            found[self.names.index(name)] = end
        return found

    def _summit(self, watch: Watch) -> Summit:
        """Climb from where the law is, law and factors in turn."""
        before, top = np.inf, self._climb_law()
        for _ in range(ALTERNATIONS):
            self._climb_factors()
            top = climb(self._evaluate, self.at, self.low, self.high)
            self.at = top.at
            watch("all cells together", 1)
            if before - top.deviance < 0.02:
                break
            before = top.deviance
        return top

    def _climb_law(self) -> Summit:
        """Law and factors for the present spread."""
        spread = self.at[-2:].copy()

        def evaluate(at: Vector) -> Innovations:
            return self._evaluate(np.append(at, spread))

        self._climb_factors()
        top = climb(evaluate, self.at[:-2], self.low[:-2], self.high[:-2])
        self.at = np.append(top.at, spread)
        return top

    def _evaluate(self, at: Vector) -> Innovations:
        """All readings of all cells at a law and spread."""
        found = self._evaluate_all(at, self.factors)
        return np.concatenate([off for off, _ in found]), np.concatenate([total for _, total in found])

    def _evaluate_all(self, at: Vector, factors: NDArray[np.float64]) -> list[Innovations]:
        """Readings of every cell at a law, spread, and logarithms of its factors (C, 2)."""
        c2c, read_noise = np.exp(at[-2:]).tolist()
        return [
            c.likelihood.evaluate(at[:-2], Spread(c2c, read_noise, float(np.exp(gain))), float(np.exp(scale)))
            for c, (gain, scale) in zip(self.cells, factors, strict=True)
        ]

    def _climb_factors(self) -> None:
        """Sensitivity and memristance of every cell for the present law; their means stay with the law."""
        c2c, read_noise = np.exp(self.at[-2:]).tolist()
        wide = np.full(2, 5.0)
        for k, cell in enumerate(self.cells):

            def evaluate(z: Vector, cell: Cell = cell) -> Innovations:
                gain, scale = np.exp(z).tolist()
                return cell.likelihood.evaluate(self.at[:-2], Spread(c2c, read_noise, gain), scale)

            top = climb(evaluate, self.factors[k], -wide, wide)
            self.factors[k], self.precision[k] = top.at, top.information
        self.factors = self.factors - self.factors.mean(axis=0)

    def _freed(self) -> list[Summit]:
        """Every cell with a law of its own at the spread of all, from its own fit and from the law of all."""
        c2c, read_noise = np.exp(self.at[-2:]).tolist()
        found = []
        for cell in self.cells:
            likelihood = cell.likelihood

            def evaluate(at: Vector, likelihood: CellLikelihood = likelihood) -> Innovations:
                return likelihood.evaluate(at, Spread(c2c, read_noise))

            tops = (climb(evaluate, at, likelihood.low, likelihood.high) for at in (cell.top.at[:-2], self.at[:-2]))
            found.append(min(tops, key=lambda top: top.deviance))
        return found

    def _middle(self, k: int, freed: Sequence[Summit]) -> Middle:
        """Median of a parameter over the cells, each with a law of its own."""
        error = np.array([np.sqrt(top.covariance[k, k]) for top in freed])
        found = middle(np.array([top.at[k] for top in freed]), error)
        sign = float(np.sign(self.cells[0].fit.values[self.names[k]]))
        low, high = sorted((sign * found.low, sign * found.high))
        return replace(found, value=sign * found.value, low=low, high=high)

    def _excess(self, top: Summit, freed: Sequence[Summit]) -> float:
        """What laws of their own gain in likelihood, beyond what they must by chance."""
        freedom = (len(self.cells) - 1) * (len(self.names) - 2)
        gained = top.deviance - sum(own.deviance for own in freed)
        return float((gained - freedom) / np.sqrt(2.0 * freedom)) if freedom > 0 else 0.0
