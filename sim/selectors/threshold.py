"""A threshold switch: off until its voltage reaches a threshold, on until its current falls below a hold current.

Ovonic and volatile metallic switches are described so. In series with a cell that carries less than the hold current
while the switch is on, a real one would go on and off for ever, as fast as its line charges; here it stays off.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sim.cells.law import unit
from sim.selectors.selector import Selector


class ThresholdSwitch(Selector):
    """A resistor of r_off, which becomes one of r_on while more than the hold current flows; all of it off at rest."""

    hysteretic: ClassVar[bool] = True

    v_th: float = Field(0.5, gt=0, description="voltage across it that turns it on", json_schema_extra=unit("V"))
    i_hold: float = Field(1e-7, ge=0, description="current below which it turns off", json_schema_extra=unit("A"))
    r_on: float = Field(1e3, gt=0, description="resistance on", json_schema_extra=unit("ohm"))
    r_off: float = Field(1e9, gt=0, description="resistance off", json_schema_extra=unit("ohm"))
    v_read: float | None = Field(
        None, gt=0, description="voltage of a read; 1.1 v_th if not given", json_schema_extra=unit("V")
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.r_off <= self.r_on:
            raise ValueError(f"r_off = {self.r_off:g} ohm must be above r_on = {self.r_on:g} ohm")
        return self

    @property
    def read_voltage(self) -> float:
        """A little above the threshold, or as given."""
        return 1.1 * self.v_th if self.v_read is None else self.v_read

    def current(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Ohm's law."""
        return self.slope(v, on) * v

    def slope(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Conductance on or off."""
        return np.where(on, 1 / self.r_on, 1 / self.r_off)

    def drop(self, current: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Ohm's law."""
        return np.where(on, self.r_on, self.r_off) * current

    def least(self, cell: float) -> float:
        """Threshold, and what the cell takes while the switch is off."""
        return self.v_th * (1 + cell / self.r_off)

    def turning_on(self, v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """At the threshold, of either sign."""
        return np.abs(v) >= self.v_th

    def staying_on(self, current: NDArray[np.float64]) -> NDArray[np.bool_]:
        """At the hold current and above."""
        return np.abs(current) >= self.i_hold
