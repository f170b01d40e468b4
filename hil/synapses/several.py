"""Several cells a weight in parallel, w = G1 + G2 + ...; all take every pulse, or each in its turn.

By turns (Boybat et al., Nature Communications 9, 2514 (2018)), a weight of n cells
moves in steps an n-th as long.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.synapses.single import ParallelSynapse
from hil.synapses.synapse import SynapseSettings


class SeveralSettings(SynapseSettings):
    """Settings of `several`."""

    count: int = Field(2, ge=1, le=64, description="cells a weight")
    update: Literal["all", "turn"] = Field(
        "all", description="all: every cell gets every pulse; turn: they get them by turns"
    )


class SeveralCells(ParallelSynapse):
    """Several cells a weight in parallel, w = sum of G: their spread and noise average out."""

    settings_model: ClassVar = SeveralSettings
    structure: ClassVar = "nM"
    formula: ClassVar = "G1 + G2 + ..."
    note: ClassVar = "spread and noise fall with the root of their number; by turns, steps are finer"

    def __init__(self, name: str, array: Any, settings: SeveralSettings) -> None:
        """Begin with the first cell of every weight."""
        super().__init__(name, array, settings)
        self._next = np.zeros(self.cells, np.int64)

    @classmethod
    def signs_of(cls, settings: SeveralSettings) -> tuple[int, ...]:
        """As many as asked for."""
        return (1,) * settings.count

    def _program(self, counts: NDArray[np.int64], scheme: str | None) -> None:
        if self.settings.update == "all":
            super()._program(counts, scheme)
            return
        k = self.cells_a_weight
        place = (np.arange(k) - self._next[:, :, None]) % k
        dealt = np.sign(counts)[:, :, None] * ((np.abs(counts)[:, :, None] - place + k - 1) // k)
        self.array.program(self._flat(dealt), scheme=scheme)
        self._next = (self._next + np.abs(counts)) % k

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Snapshot of the array, and which cell of every weight is next."""
        return super().snapshot() | {"turn": self._next.copy()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a snapshot."""
        turn = self.own_state(state, "turn", self.cells)
        super().restore({name: array for name, array in state.items() if name != "turn"})
        self._next = turn.astype(np.int64) % self.cells_a_weight

    def reset(self) -> None:
        """Pristine cells, the first of every weight being next."""
        super().reset()
        self._next = np.zeros(self.cells, np.int64)
