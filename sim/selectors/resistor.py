"""A resistance in series with every cell, such as that of its contacts: no selector, but in the same place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.cells.law import unit
from sim.selectors.selector import Selector


class SeriesResistor(Selector):
    """i = v / r."""

    r: float = Field(100.0, gt=0, description="resistance", json_schema_extra=unit("ohm"))

    @property
    def read_voltage(self) -> float:
        """Any voltage would do; a small one moves no cell."""
        return 1e-3

    def current(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Ohm's law."""
        return v / self.r

    def slope(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Its conductance."""
        return np.full(v.shape, 1 / self.r)

    def drop(self, current: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Ohm's law."""
        return self.r * current
