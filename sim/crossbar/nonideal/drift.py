"""Drift: the conductance of a cell that is left alone follows a power law of the time since it was programmed.

    G(t) = G0 (t / drift_t0)^-nu  for t >= drift_t0,    G0 before

Ielmini, Lavizzari, Sharma & Lacaita, IEDM (2007); Boniardi et al., IEEE Trans. Electron Devices 57, 2690 (2010), for
phase-change cells, whose nu is 0.005 to 0.1. Each cell has a nu of its own, log-normal with median `drift`. The next
pulse that moves a cell starts the law anew, from what has been left (`sim.crossbar.nonideal.history`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.fraction import Fraction
from sim.cells.law import unit
from sim.crossbar.chance import DRIFT
from sim.crossbar.nonideal.part import Ageing, CellGroup, NonIdealPart


class DriftParameters(NonIdealPart):
    """Drift of an array's cells."""

    switches: ClassVar[dict[str, str]] = dict.fromkeys(("drift_t0", "drift_spread"), "drift")

    drift: float = Field(0.0, ge=-1, le=1, description="drift exponent nu of G0 (t / drift_t0)^-nu after programming")
    drift_t0: float = Field(
        1.0, ge=1e-9, le=1e9, description="time after programming at which drift sets in", json_schema_extra=unit("s")
    )
    drift_spread: Fraction = Field(0.0, ge=0, le=5, description="standard deviation between devices of ln(nu)")


class Drift(Ageing):
    """The power law of every cell.

    Attributes
    ----------
    nu : (columns, rows) array
        Exponents.
    """

    def __init__(self, parameters: DriftParameters, cells: CellGroup) -> None:
        """Draw the exponents."""
        self.nu = parameters.drift * cells.spread(DRIFT, parameters.drift_spread)
        self.scale = parameters.drift_t0

    @classmethod
    def of(cls, parameters: DriftParameters, cells: CellGroup) -> Drift | None:
        """The drift that is asked for; None if there is none."""
        return cls(parameters, cells) if parameters.drift else None

    def factor(self, age: NDArray[np.float64], excess: NDArray[np.float64]) -> NDArray[np.float64]:
        """Powers of the age."""
        return (np.maximum(age, self.scale) / self.scale) ** -self.nu
