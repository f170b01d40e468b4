"""Relaxation after programming: a part of what a pulse has changed goes back within a time constant.

    G(t) = G1 - u (1 - exp(-t / relax_tau)),    u = relax (G1 - G0) + what was still to go back of the pulses before

with G0 and G1 the conductance before and after the pulse, t the time since. The part is drawn for every pulse,
`relax` (1 + relax_spread N(0, 1)), at most all. Short-term relaxation of filaments that have just been formed: Zhao et
al., IEDM (2017), 39.4; Wan et al., Nature 608, 504 (2022), methods.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.compiling import njit
from hil.fraction import Fraction
from sim.cells.law import unit
from sim.crossbar.chance import RELAXATION, bits
from sim.crossbar.nonideal.part import Ageing, CellGroup, NonIdealPart, Written
from sim.crossbar.normals import normal


class RelaxationParameters(NonIdealPart):
    """Relaxation of an array's cells."""

    switches: ClassVar[dict[str, str]] = dict.fromkeys(("relax_tau", "relax_spread"), "relax")

    relax: Fraction = Field(0.0, ge=0, le=1, description="relaxation: part of a pulse's change that goes back")
    relax_tau: float = Field(
        1e-2, ge=1e-9, le=1e9, description="time constant of relaxation", json_schema_extra=unit("s")
    )
    relax_spread: Fraction = Field(0.0, ge=0, le=5, description="spread of that part from pulse to pulse")


class Relaxation(Ageing):
    """What goes back after every pulse.

    Parameters
    ----------
    parameters : RelaxationParameters
        Strength.
    cells : CellGroup
        Whose.
    """

    def __init__(self, parameters: RelaxationParameters, cells: CellGroup) -> None:
        """Nothing is drawn before a pulse."""
        self._parameters, self._seed = parameters, cells.seed
        self.scale = parameters.relax_tau

    @classmethod
    def of(cls, parameters: RelaxationParameters, cells: CellGroup) -> Relaxation | None:
        """The relaxation that is asked for; None if there is none."""
        return cls(parameters, cells) if parameters.relax else None

    def factor(self, age: NDArray[np.float64], excess: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is left of the conductance."""
        return 1.0 + excess * np.expm1(-age / self.scale)

    def left(self, age: NDArray[np.float64]) -> NDArray[np.float64]:
        """NonIdealPart of an excess that is still to go back at some ages."""
        return np.exp(-age / self.scale)

    def part(self, pulse: Written) -> NDArray[np.float64]:
        """(N,) parts of the changes of a pulse that will go back."""
        xi = np.empty(len(pulse.col))
        _draw(self._seed, pulse.writes, pulse.col, pulse.row, xi)
        return np.minimum(self._parameters.relax * (1.0 + self._parameters.relax_spread * xi), 1.0)


@njit(cache=True, error_model="numpy")
def _draw(seed, count, col, row, out):
    for k in range(out.size):
        out[k] = normal(bits(seed, RELAXATION, count[k], col[k], row[k]))
