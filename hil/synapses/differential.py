"""2M: two cells a weight, w = G+ - G-, in neighbouring columns whose currents are subtracted."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.synapses.single import AREA_OF_A_CELL
from hil.synapses.synapse import SummedSynapse, SynapseSettings


class DifferentialSettings(SynapseSettings):
    """Settings of `differential`."""

    update: Literal["both", "up"] = Field(
        "both", description="both: one cell up and the other down; up: potentiation alone, of one or of the other"
    )


class DifferentialPair(SummedSynapse):
    """2M: two cells a weight, w = G+ - G-, which move in opposite directions."""

    settings_model: ClassVar = DifferentialSettings
    structure: ClassVar = "2M"
    formula: ClassVar = "G+ - G-"
    signed: ClassVar = True
    note: ClassVar = "potentiation and depression mirror each other, whatever the cells do; twice the area"

    @classmethod
    def signs_of(cls, settings: Any) -> tuple[int, ...]:
        """Plus and minus."""
        return 1, -1

    @classmethod
    def area_of(cls, settings: Any) -> float:
        """Two crossings."""
        return 2 * AREA_OF_A_CELL

    def _program(self, counts: NDArray[np.int64], scheme: str | None) -> None:
        if self.settings.update == "both":
            super()._program(counts, scheme)
            return
        self.array.program(self._flat(np.maximum(counts[:, :, None] * self.signs, 0)), scheme=scheme)
