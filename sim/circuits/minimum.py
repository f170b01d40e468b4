"""The analog-minimum model of a VALVeD pair, and how far it is from the circuit.

A VALVeD pair passes nearly the smaller of its two inputs (`sim.circuits.valved`), so a layer of thousands of pairs is
simulated with

    flux = T (gain min(v1, v2) + floor (1 - min / max))

where `gain` is the fraction that two equal inputs pass, and `floor` the leak past a closed pair as a mean voltage. Both
constants come from two runs of the circuit. The shape of the floor's term is not derived: it was chosen after a look at
the error map, as the simplest that vanishes for equal inputs. Without it the model is min(x_i, x_j), the fast one.
Inputs of opposite sign have nothing in common; two negative ones mirror two positive ones.

The model knows nothing of time but the overlap of the pulses, and that is where it fails: a pulse on one input sets
the pair, and a later pulse on the other resets it and passes in part (`timing_errors`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from sim.circuits.valved import HIGH, LOAD, WIDTH, valved


@dataclass(frozen=True)
class MinimumModel:
    """Flux that a VALVeD pair passes, in closed form.

    Attributes
    ----------
    gain : float
        Fraction of two equal inputs that reaches the output.
    floor : float
        Mean output voltage of a pulse on one input alone, V; 0 for the plain minimum.
    """

    gain: float = 0.98656
    floor: float = 0.0

    @classmethod
    def of(cls, load: float = LOAD, width: float = WIDTH, high: float = HIGH, *, leak: bool = True) -> Self:
        """Take gain and (with `leak`) floor from two runs of the circuit: both inputs at `high` V, and one alone."""
        both, one = valved(high, [high, 0.0], width, load).flux
        return cls(gain=float(both / (high * width)), floor=float(one / width) if leak else 0.0)

    def flux(self, v1: ArrayLike, v2: ArrayLike, width: float = WIDTH, lag: ArrayLike = 0.0) -> NDArray[np.float64]:
        """Flux into the next stage, V s, for pulses of `v1` and `v2` V, `width` s, the second one `lag` s later."""
        v1, v2 = np.asarray(v1, dtype=np.float64), np.asarray(v2, dtype=np.float64)
        sign = np.where(np.abs(v1) >= np.abs(v2), np.sign(v1), np.sign(v2))
        smaller = np.maximum(np.minimum(sign * v1, sign * v2), 0.0)
        larger = np.maximum(np.abs(v1), np.abs(v2))
        alike = np.divide(smaller, larger, out=np.ones(np.broadcast(v1, v2).shape), where=larger > 0)
        overlap = np.maximum(width - np.abs(lag), 0.0)
        # a pulse leaks for as long as it is alone
        leaking = ((v1 != 0).astype(float) + (v2 != 0)) * (width - overlap) + (1.0 - alike) * overlap
        return sign * (self.gain * smaller * overlap + self.floor * leaking)


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """The model beside the circuit; arrays of one shape, fluxes in V s.

    Attributes
    ----------
    v1, v2, lag : arrays
        Amplitudes in V, and how much later the second pulse began in s.
    circuit, model : arrays
        Flux by each.
    full : float
        Flux of a full-scale input, of which the errors are quoted as a fraction.
    """

    v1: NDArray[np.float64]
    v2: NDArray[np.float64]
    lag: NDArray[np.float64]
    circuit: NDArray[np.float64]
    model: NDArray[np.float64]
    full: float

    @property
    def error(self) -> NDArray[np.float64]:
        """Model minus circuit as a fraction of a full-scale input."""
        return (self.model - self.circuit) / self.full

    @property
    def worst(self) -> float:
        """Largest magnitude of the error."""
        return float(np.abs(self.error).max())

    @property
    def mean(self) -> float:
        """Mean magnitude of the error."""
        return float(np.abs(self.error).mean())


def minimum_error_map(
    points: int = 41,
    load: float = LOAD,
    width: float = WIDTH,
    high: float = HIGH,
    model: MinimumModel | None = None,
) -> ErrorMap:
    """Compare the model with the circuit over the plane of its two inputs, pulses at the same time.

    Parameters
    ----------
    points : int
        Grid points along each input, from 0 to `high` V; >= 2.
    load, width, high : float
        As in `valved`.
    model : MinimumModel, optional
        `MinimumModel.of` the same load unless given; for the plain minimum, ``MinimumModel.of(load, leak=False)``.

    Returns
    -------
    ErrorMap
        (points, points) arrays.
    """
    if points < 2:
        raise InputError(f"points = {points}: a map needs at least 2 along each input")
    v1, v2 = np.meshgrid(np.linspace(0, high, points), np.linspace(0, high, points), indexing="ij")
    return _compare(v1, v2, np.zeros_like(v1), load, width, high, model)


def timing_errors(
    lag: ArrayLike,
    load: float = LOAD,
    width: float = WIDTH,
    high: float = HIGH,
    model: MinimumModel | None = None,
) -> ErrorMap:
    """Compare the model with the circuit for two equal pulses of `high` V at unequal times, arrays like `lag` (s)."""
    lag = np.asarray(lag, dtype=np.float64)
    v = np.full(lag.shape, high)
    return _compare(v, v, lag, load, width, high, model)


def _compare(
    v1: NDArray[Any],
    v2: NDArray[Any],
    lag: NDArray[Any],
    load: float,
    width: float,
    high: float,
    model: MinimumModel | None,
) -> ErrorMap:
    model = MinimumModel.of(load, width, high) if model is None else model
    circuit = valved(v1, v2, width, load, lag=lag).flux
    return ErrorMap(v1, v2, lag, circuit, model.flux(v1, v2, width, lag), high * width)
