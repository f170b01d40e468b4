"""A selector whose current rises exponentially: i = i_0 sinh(v / v_0), as of mixed ionic-electronic conduction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.cells.law import unit
from sim.selectors.selector import Selector


class ExponentialSelector(Selector):
    """Exponential in both directions; its selectivity is i(v_on) / i(v_on / 2) = 2 cosh(v_on / 2 v_0)."""

    v_on: float = Field(1.0, gt=0, le=100, description="voltage at which it is on", json_schema_extra=unit("V"))
    i_on: float = Field(1e-3, gt=0, description="current there", json_schema_extra=unit("A"))
    selectivity: float = Field(1e4, gt=2, le=1e12, description="that current over the one at half of the voltage")

    @property
    def v_0(self) -> float:
        """V."""
        return self.v_on / (2 * float(np.arccosh(self.selectivity / 2)))

    @property
    def i_0(self) -> float:
        """A."""
        return self.i_on / float(np.sinh(self.v_on / self.v_0))

    @property
    def read_voltage(self) -> float:
        """The voltage at which it is on."""
        return self.v_on

    def current(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """i_0 sinh(v / v_0)."""
        return self.i_0 * np.sinh(v / self.v_0)

    def slope(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """i_0 cosh(v / v_0) / v_0."""
        return self.i_0 / self.v_0 * np.cosh(v / self.v_0)

    def drop(self, current: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """v_0 arsinh(i / i_0)."""
        return self.v_0 * np.arcsinh(current / self.i_0)
