"""A search for where to start the fit of any law, over coordinates in which laws are alike.

Rates are the difficulty: what they are at the voltages of the data spans many decades, and depends on thresholds and
curvatures that are searched too. So a parameter that only multiplies a rate (k of TEAM, A_p of Yakopcic, 1 / tau) is
searched as how many times the state would cross its range during the measurement at the highest voltage; which ones do
is found out by trying. A state where a stretch began is searched as its place within the bounds that the other
parameters give it. All else of one sign goes by logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from sim.cells.law import Law, StateVariable
from sim.cells.rates import RateLaw
from sim.fitting.data import Measurement
from sim.fitting.descent import Box, descend
from sim.fitting.parameter import Parameter

Vector = NDArray[np.float64]
Values = dict[str, float]

SEED = 20261
"""Of the search, so that a fit is the same whenever it is made."""

SEGMENTS = 320
"""Segments of a sweep from which it is thinned for the search."""


class Effort(NamedTuple):
    """Of a search: candidates a dimension, generations, steps of the walks that end it, and how many these are."""

    population: int
    generations: int
    walk: int
    walks: int = 6


QUICK, THOROUGH, SLOW = (Effort(8, 40, 60),), (Effort(8, 40, 60), Effort(10, 90, 80)), (Effort(5, 12, 15),)
"""Searches that follow each other: of one law among many, of a law that is asked for, of one whose curves are slow."""

SURVEY, RESURVEY, SURVEYED = (Effort(4, 10, 8, walks=2),), (Effort(4, 20, 30, walks=4),), 120
"""Searches that tell how far a law is from a leader, a glance and a longer look; segments of the sweep for both."""

GOOD = 0.03
"""Root mean square of the logarithms of a curve over the data with which a search is content."""

CROSSINGS = (np.log(0.03), np.log(3e4))
"""Logarithms of how often a state crosses its range during a measurement."""

HOPELESS = 30.0
"""Logarithm of a misfit that stands for conductances that a law cannot have."""


class Multiplier(NamedTuple):
    """A parameter that multiplies the rate of the programmed state, to a `power` of 1 or -1, at voltages of `signs`."""

    name: str
    power: int
    signs: tuple[float, ...]


class Search:
    """Starts for a law on a measurement.

    Parameters
    ----------
    law : callable
        Makes the law from values of its parameters; `LimitError` where there is none.
    curve : callable
        Conductances at the readings of `measurement` from values.
    measurement : Measurement
        What is searched on, thinned by `thinned`.
    ranges : list of (Parameter, (float, float))
        The free ones, the states of further stretches left out, and between what they are searched.
    state : str
        Parameter that is where the first stretch began; empty if there is none.
    sign : float
        Factor on the voltages.
    sigma : (K,) array
        Uncertainty of every reading, S.
    hints : mapping
        Values that parameters have if the cell went as far as it can: half of the candidates begin there.
    """

    def __init__(
        self,
        law: Callable[[Values], Law[Any]],
        curve: Callable[[Values], Vector],
        measurement: Measurement,
        ranges: list[tuple[Parameter, tuple[float, float]]],
        state: str,
        sign: float,
        sigma: Vector,
        hints: Mapping[str, float],
    ) -> None:
        """Find the rates."""
        self._law, self._curve, self._m, self._state = law, curve, measurement, state
        self._free = [p for p, _ in ranges]
        self._ranges = [span for _, span in ranges]
        volts = sign * measurement.voltage
        self._peaks = {s: s * float(np.max(s * volts, initial=0.0)) for s in (1.0, -1.0)}
        self._time = float(measurement.duration.sum()) or 1.0
        self._sigma, self._hints = sigma, hints
        self.curves = 0
        self._multipliers: dict[str, Multiplier] = {}

    def starts(
        self, held: Values, defaults: Values, plan: Sequence[Effort], watch: Callable[[], None]
    ) -> Iterator[Values]:
        """Yield the best of one search after the other until one is `GOOD`; `defaults` are values of all parameters."""
        from scipy.optimize import differential_evolution

        self._multipliers = {
            m.name: m for p in self._free if p.name != self._state and (m := self._multiplier(p.name, defaults))
        }
        bounds = np.array([self._span(p, span) for p, span in zip(self._free, self._ranges, strict=True)])
        room = np.array([self._room(p) for p in self._free])
        box = Box(bounds[:, 0] - room, bounds[:, 1] + room, np.full(len(bounds), 1e-5), (None,) * len(bounds))

        def misfit(x: Vector) -> float:
            return float(np.mean(np.minimum(self._off(x, held) ** 2, 100.0)))

        for population, generations, walk, walks in plan:
            with np.errstate(all="ignore"):
                found = differential_evolution(
                    misfit, bounds, rng=SEED, init=self._first(bounds, population), maxiter=generations, tol=1e-4,
                    polish=False, callback=lambda *_, **__: watch(),
                )  # fmt: skip
                walked = [
                    descend(lambda x: self._off(x, held), place, box, rounds=walk, tolerance=1e-6)
                    for place in self._apart(found, box, walks)
                ]
                best, cost = min(walked, key=lambda end: end[1])
                last, _ = descend(lambda x: self._deviation(x, held), best, box, rounds=walk, tolerance=1e-6)
                yield self._values(best, held)
                yield self._values(last, held)
            if cost < GOOD**2 * len(self._m):
                break

    def _first(self, bounds: Vector, population: int) -> Vector:
        """Candidates to begin with: a Latin hypercube, every other one at the hints."""
        count, rng = population * len(bounds), np.random.default_rng(SEED)
        shares = np.stack([(rng.permutation(count) + rng.random(count)) / count for _ in bounds], axis=1)
        found = bounds[:, 0] + shares * (bounds[:, 1] - bounds[:, 0])
        for k, p in enumerate(self._free):
            if p.name in self._hints and self._sign(p):
                found[::2, k] = np.clip(np.log(abs(self._hints[p.name])), *bounds[k])
        return found

    @staticmethod
    def _apart(found: Any, box: Box, walks: int) -> list[Vector]:
        """Where to walk from: the best candidate, and of the better half those that are furthest from all before."""
        order = np.argsort(found.population_energies)
        places = found.population[order[: max(len(order) // 2, 1)]]
        chosen = [0]
        for _ in range(walks - 1):
            gaps = np.abs((places[:, None] - places[chosen][None]) / (box.high - box.low))
            chosen.append(int(np.argmax(gaps.max(axis=2).min(axis=1))))
        return [places[k] for k in chosen]

    def _off(self, x: Vector, held: Values) -> Vector:
        """Logarithms of the curve over the data, both above what a reading is uncertain by."""
        seen, floor = self._m.conductance, self._sigma
        found = self._played(x, held)
        return np.clip(
            np.nan_to_num(np.log((np.abs(found) + floor) / (seen + floor)), nan=HOPELESS), -HOPELESS, HOPELESS
        )

    def _deviation(self, x: Vector, held: Values) -> Vector:
        """What the fit minimises: deviations over uncertainties."""
        return np.clip((self._m.conductance - self._played(x, held)) / self._sigma, -1e9, 1e9)

    def _played(self, x: Vector, held: Values) -> Vector:
        self.curves += 1
        try:
            return np.nan_to_num(self._curve(self._values(x, held)), nan=1e300, posinf=1e300, neginf=1e300)
        except (LimitError, ArithmeticError):
            return np.full(len(self._m), 1e300)

    def _values(self, x: Vector, held: Values) -> Values:
        """Parameters at a point of the search."""
        found, late = dict(held), []
        for p, at in zip(self._free, x.tolist(), strict=True):
            if p.name == self._state or p.name in self._multipliers:
                late.append((p, at))
            else:
                sign = self._sign(p)
                found[p.name] = float(np.clip(sign * np.exp(at) if sign else at, p.low, p.high))
        for p, at in late:
            m = self._multipliers.get(p.name)
            if m is not None:
                found[p.name] = float(np.clip(self._multiplied(m, p, at, found), p.low, p.high))
        for p, at in late:
            if p.name == self._state:
                variable = self._programmed(self._law(found))
                found[p.name] = float(np.clip(_place(variable, at), p.low, p.high))
        return found

    def _multiplied(self, m: Multiplier, p: Parameter, at: float, others: Values) -> float:
        """Value with which the state would cross its range exp(at) times at the highest voltage."""
        start = self._default(p)
        law = self._law({**others, m.name: start})
        assert isinstance(law, RateLaw)
        variable = self._programmed(law)
        with np.errstate(all="ignore"):
            rate = max(abs(self._rate(law, self._peaks[s], _place(variable, 0.5))) for s in m.signs)
            factor = np.exp(at) * (_place(variable, 1.0) - _place(variable, 0.0)) / self._time / rate if rate else 1.0
        return start * factor**m.power if np.isfinite(factor) and factor > 0 else start

    def _span(self, p: Parameter, span: tuple[float, float]) -> tuple[float, float]:
        """Between what coordinates a parameter is searched."""
        if p.name == self._state:
            return 0.0, 1.0
        if p.name in self._multipliers:
            return CROSSINGS
        if self._sign(p):
            low, high = sorted(float(np.log(abs(end))) for end in span)
            return low, high
        return span

    def _room(self, p: Parameter) -> float:
        """How much further a walk may go than the search."""
        return 2.3 if self._sign(p) and p.name != self._state else 0.0

    def _sign(self, p: Parameter) -> float:
        """Sign of a parameter that is searched by its logarithm, 0 for one that is not."""
        if p.name in self._multipliers:
            return 1.0
        span = next(span for other, span in zip(self._free, self._ranges, strict=True) if other is p)
        return float(np.sign(span[1])) if span[0] * span[1] > 0 and _ratio(span) > 10.0 else 0.0

    def _default(self, p: Parameter) -> float:
        """A magnitude to try a multiplier at."""
        span = next(span for other, span in zip(self._free, self._ranges, strict=True) if other is p)
        return float(np.sign(span[1]) * np.sqrt(abs(span[0] * span[1])))

    def _programmed(self, law: Law[Any]) -> StateVariable:
        return next(variable for variable in law.states if variable.name == law.programmed)

    def _rate(self, law: RateLaw[Any], v: float, place: float) -> float:
        x = np.array([place if s.name == law.programmed else s.pristine for s in law.states], dtype=float)
        moved = [s.name for s in law.states].index(law.programmed)
        return float(law.velocity(v, x)[moved])

    def _multiplier(self, name: str, defaults: Values) -> Multiplier | None:
        """What a parameter is to the rate, if it multiplies it and does not change the current."""
        try:
            one, two = self._law(defaults), self._law(defaults | {name: 2.0 * defaults[name]})
        except LimitError:
            return None
        if not isinstance(one, RateLaw) or not isinstance(two, RateLaw) or one.states != two.states:
            return None
        peak = max(map(abs, self._peaks.values()))
        places = [_place(self._programmed(one), share) for share in (0.3, 0.5, 0.8)]
        ratios: dict[float, list[float]] = {1.0: [], -1.0: []}
        with np.errstate(all="ignore"):
            for place in places:
                state = {s.name: np.full((1, 1), place if s.name == one.programmed else s.pristine) for s in one.states}
                for v in peak * np.outer([1.0, -1.0], [0.3, 1.0, 3.0, 10.0, 30.0]).ravel():
                    here = np.full((1, 1), v)
                    if not np.array_equal(one.current(here, state), two.current(here, state)):
                        return None
                    before, after = (self._rate(law, float(v), place) for law in (one, two))
                    if before != after and np.isfinite(before) and np.isfinite(after):
                        ratios[float(np.sign(v))].append(after / before if before else np.inf)
        everything = ratios[1.0] + ratios[-1.0]
        for power in (1, -1):
            if everything and np.allclose(everything, 2.0**power, rtol=1e-6):
                signs = tuple(s for s, seen in ratios.items() if seen and self._peaks[s] != 0.0)
                return Multiplier(name, power, signs) if signs else None
        return None


def thinned(m: Measurement, most: int = SEGMENTS) -> tuple[Measurement, NDArray[np.int64]]:
    """A sweep with fewer segments, `most` of them, each at the mean voltage of its own, and which readings it keeps.

    Anything else is left as it is.
    """
    count = len(m.voltage)
    if m.kind != "sweep" or count <= most or len(m.begins) > 1:
        return m, np.arange(len(m))
    each = -(-count // most)
    edges = np.arange(0, count, each)
    duration = np.add.reduceat(m.duration, edges)
    flux = np.add.reduceat(m.voltage * m.duration, edges)
    voltage = flux / np.where(duration > 0, duration, 1.0)
    bins = m.seen // each
    last = np.flatnonzero(np.append(np.diff(bins) > 0, True))
    few = Measurement(
        m.kind, m.source, voltage, duration, bins[last], m.conductance[last], m.axis[last], m.read_voltage[last],
    )  # fmt: skip
    return few, last


def _ratio(span: tuple[float, float]) -> float:
    small, large = sorted(map(abs, span))
    return large / small if small else np.inf


def _place(variable: StateVariable, share: float) -> float:
    """State at a share of the way between its bounds, by logarithms where they are far apart."""
    low, high = variable.low, variable.high
    if not np.isfinite(high - low):
        reach = 10.0 * max(1.0, abs(variable.pristine))
        low, high = max(low, variable.pristine - reach), min(high, variable.pristine + reach)
    if low > 0 and high / low > 30.0:
        return float(low * (high / low) ** share)
    return float(low + share * (high - low))
