"""1/f noise: a superposition of fluctuators of all time constants, one a half decade of frequency.

The logarithm of a cell's current fluctuates with the one-sided spectrum

    S(f) = noise_1f^2 / f    1/Hz,    noise_1f_low < f < noise_1f_high

so `noise_1f` is the relative noise in a bandwidth of 1 Hz at 1 Hz, and noise_1f^2 ln(f2 / f1) the variance of a band.
Below `noise_1f_low` the spectrum is white, above `noise_1f_high` it falls as 1/f^2. McWhorter, in Semiconductor Surface
Physics (1957); Dutta & Horn, Rev. Mod. Phys. 53, 497 (1981): Lorentzians of rates lambda_k, evenly spaced in ln(lambda)
by d, each of variance s^2 = noise_1f^2 d, add up to

    S(f) = sum 4 s^2 lambda_k / (lambda_k^2 + (2 pi f)^2) ~ s^2 / (d f)

with a ripple of 2 / cosh(pi^2 / d) = 8e-4 for d = ln(10) / 2. Each is normal and renewed at random times
(`sim.crossbar.nonideal.renewal`): the autocovariance is the sum of s^2 exp(-lambda_k t).
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hil.compiling import njit
from hil.fraction import Fraction
from sim.cells.law import unit
from sim.crossbar.chance import FLICKER, bits
from sim.crossbar.nonideal.part import CellGroup, Fluctuation, NonIdealPart
from sim.crossbar.nonideal.renewal import last_renewal
from sim.crossbar.normals import normal

SPACING = np.log(10.0) / 2.0
"""Of the logarithms of the rates."""


class FlickerParameters(NonIdealPart):
    """1/f noise of an array."""

    switches: ClassVar[dict[str, str]] = dict.fromkeys(("noise_1f_low", "noise_1f_high"), "noise_1f")

    noise_1f: Fraction = Field(
        0.0, ge=0, le=0.1, description="1/f noise: relative noise of a current in 1 Hz at 1 Hz, rms"
    )
    noise_1f_low: float = Field(
        1e-4, ge=1e-9, le=1e9, description="frequency below which it is white", json_schema_extra=unit("Hz")
    )
    noise_1f_high: float = Field(
        1e6, ge=1e-9, le=1e9, description="frequency above which it falls as 1/f^2", json_schema_extra=unit("Hz")
    )

    @model_validator(mode="after")
    def _band(self) -> Self:
        if self.noise_1f_low >= self.noise_1f_high:
            raise ValueError(
                f"noise_1f_low {self.noise_1f_low:g} Hz must be below noise_1f_high {self.noise_1f_high:g} Hz"
            )
        return self


def rates(parameters: FlickerParameters) -> NDArray[np.float64]:
    """Rates of the fluctuators, 1/s: two a decade, from the lowest to the highest frequency."""
    low, high = 2 * np.pi * parameters.noise_1f_low, 2 * np.pi * parameters.noise_1f_high
    steps = max(round(float(np.log(high / low)) / SPACING), 1)
    return low * np.exp(SPACING * np.arange(steps + 1))


class FlickerNoise(Fluctuation):
    """1/f noise of every cell."""

    def __init__(self, parameters: FlickerParameters, cells: CellGroup) -> None:
        """Choose the fluctuators."""
        self._rates, self._shape, self._seed = rates(parameters), cells.shape, cells.seed
        self._sigma = parameters.noise_1f * np.sqrt(SPACING)

    @classmethod
    def of(cls, parameters: FlickerParameters, cells: CellGroup) -> FlickerNoise | None:
        """The noise that is asked for; None if there is none."""
        return cls(parameters, cells) if parameters.noise_1f else None

    def at(self, time: float) -> NDArray[np.float64]:
        """Exponentials of the sums of all fluctuators."""
        out = np.empty(self._shape)
        _flicker(self._seed, time, self._rates, self._sigma, out)
        return out


@njit(cache=True, nogil=True, error_model="numpy")
def _flicker(seed, time, rate, sigma, out):
    for c in range(out.shape[0]):
        for r in range(out.shape[1]):
            total = 0.0
            for k in range(rate.size):
                total += normal(last_renewal(bits(seed, FLICKER, k, c, r), time * rate[k]))
            out[c, r] = np.exp(sigma * total)
