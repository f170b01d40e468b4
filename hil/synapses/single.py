"""1M: one cell a weight, w = G; the array as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from hil.device import Response
from hil.synapses.synapse import SummedSynapse
from hil.waveform import Waveform

AREA_OF_A_CELL = 4.0
"""F^2: a crossing of two lines of width F at a pitch of 2 F."""


class ParallelSynapse(SummedSynapse):
    """Cells side by side between the same two lines, which play waveforms as one cell does."""

    @classmethod
    def area_of(cls, settings: Any) -> float:
        """Of the crossings."""
        return AREA_OF_A_CELL * cls.cells_of(settings)

    def _play(self, waveform: Waveform) -> Response:
        k = self.cells_a_weight
        lines = Waveform(waveform.duration, waveform.rows, np.repeat(waveform.cols, k, axis=1), waveform.measure)
        told = self.array.apply(lines)
        currents, charge = (self.combine(self._grouped(of_cells)) for of_cells in (told.currents, told.charge))
        tripped = told.tripped | (np.abs(currents) >= self.limits.i_max).any(axis=1)
        return replace(told, currents=currents, charge=charge, tripped=tripped)


class SingleCell(ParallelSynapse):
    """1M: one cell a weight, w = G."""

    structure: ClassVar = "1M"
    formula: ClassVar = "G"
    note: ClassVar = "least area and power; sneak paths in a passive array"

    @classmethod
    def signs_of(cls, settings: Any) -> tuple[int, ...]:
        """One cell."""
        return (1,)
