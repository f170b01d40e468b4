"""Self-rectifying cells: a barrier that conducts in one direction much better than in the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.cells.law import unit
from sim.selectors.selector import Selector


class RectifyingSelector(Selector):
    """i_0 sinh(v / v_0) forwards, from row to column, and i_0 sinh(v / v_0) / rectification backwards.

    Cells that are reset by a voltage of the other sign need `rectification` times the current's exponential for it.
    """

    v_on: float = Field(1.0, gt=0, le=100, description="voltage at which it is on", json_schema_extra=unit("V"))
    i_on: float = Field(1e-3, gt=0, description="current there", json_schema_extra=unit("A"))
    rectification: float = Field(
        1e4, ge=1, le=1e12, description="that current over the one at the same voltage backwards"
    )
    v_0: float = Field(0.1, ge=1e-3, le=10, description="voltage for an e-fold rise", json_schema_extra=unit("V"))

    @property
    def i_0(self) -> float:
        """A."""
        # sinh(v_on / v_0) leaves float64 at 710.
        return self.i_on / float(np.sinh(min(self.v_on / self.v_0, 700.0)))

    @property
    def read_voltage(self) -> float:
        """The voltage at which it is on."""
        return self.v_on

    def current(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """i_0 sinh(v / v_0), or that over the rectification."""
        return self._scale(v) * np.sinh(v / self.v_0)

    def slope(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Its derivative, which jumps at 0 V."""
        return self._scale(v) / self.v_0 * np.cosh(v / self.v_0)

    def drop(self, current: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """v_0 arsinh(i / i_0), backwards for `rectification` times the current."""
        return self.v_0 * np.arcsinh(current / self._scale(current))

    def _scale(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(v < 0, self.i_0 / self.rectification, self.i_0)
