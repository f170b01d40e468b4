"""Endurance: the window between the lowest and the highest conductance closes with the cycles that a cell has done.

    c(n) = 1 - exp(-ln 2 (n / endurance)^endurance_shape)                            part of the window that is gone
    ln G_low(n)  = ln g_low  + endurance_end c(n) ln(g_high / g_low)
    ln G_high(n) = ln g_high - (1 - endurance_end) c(n) ln(g_high / g_low)

with n the ways through the whole range and back that a cell has gone, parts of them added up: n = sum |G1 - G0| / (2
(g_high - g_low)) over its pulses. After `endurance` cycles half of the window is gone (in ln G), and cells differ in
that (`endurance_spread`). A pulse that would lead out of the window ends at its edge. The form, a Weibull
distribution's, is ours: published windows close gradually and between the two states (Chen, Lee, Cappelletti & Chen,
IEEE Trans. Electron Devices 59, 3243 (2012), tell closing towards either side from each other: `endurance_end` 0 is a
cell that is lost in the off state, 1 one in the on state).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.fraction import Fraction
from sim.cells.law import unit
from sim.crossbar.chance import ENDURANCE
from sim.crossbar.nonideal.part import CellGroup, NonIdealPart, Writing, Written


class EnduranceParameters(NonIdealPart):
    """Endurance of an array's cells."""

    switches: ClassVar[dict[str, str]] = dict.fromkeys(
        ("endurance_shape", "endurance_end", "endurance_spread"), "endurance"
    )

    endurance: float | None = Field(
        None, gt=0, description="cycles after which half of the window is gone", json_schema_extra=unit("cycles")
    )
    endurance_shape: float = Field(2.0, gt=0, le=20, description="how suddenly the window closes")
    endurance_end: Fraction = Field(0.5, ge=0, le=1, description="where it closes: 0 off state, 1 on state")
    endurance_spread: Fraction = Field(
        0.0, ge=0, le=5, description="standard deviation between devices of ln(endurance)"
    )


class ClosingWindow(Writing):
    """The closing window of every cell."""

    def __init__(self, parameters: EnduranceParameters, cells: CellGroup) -> None:
        """Draw how many cycles each lasts."""
        assert parameters.endurance is not None
        self._parameters, self._cells = parameters, cells
        self._lasts = parameters.endurance * cells.spread(ENDURANCE, parameters.endurance_spread)

    @classmethod
    def of(cls, parameters: EnduranceParameters, cells: CellGroup) -> ClosingWindow | None:
        """The endurance that is asked for; None if cells last for ever."""
        return None if parameters.endurance is None else cls(parameters, cells)

    def window(
        self, cycles: NDArray[np.float64], lasts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest conductance after so many cycles, S, of cells that last so many."""
        p, ratio = self._parameters, np.log(self._cells.high / self._cells.low)
        gone = -np.expm1(-np.log(2.0) * (cycles / lasts) ** p.endurance_shape)
        low = self._cells.low * np.exp(p.endurance_end * gone * ratio)
        return low, self._cells.high * np.exp(-(1.0 - p.endurance_end) * gone * ratio)

    def end(self, pulse: Written) -> NDArray[np.float64]:
        """Conductances within what is left of the window."""
        return np.clip(pulse.target, *self.window(pulse.cycles, self._lasts[pulse.col, pulse.row]))
