"""A ratio of two cells in series, w = g_m G1 / (G1 + G2): what changes both by one factor changes nothing.

Lastras-Montana and Cheng, Nature Electronics 1, 466 (2018): two memristors in series divide the row's voltage, and the
node between them is the gate of a transistor, which carries w v. The gate draws no current.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.synapses.synapse import DividedSynapse, SynapseSettings


class DividerSettings(SynapseSettings):
    """Settings of synapses that divide a voltage."""

    transconductance: float = Field(
        1e-4, gt=0, description="current a volt of divided voltage, of the transistor behind it; S"
    )


class RatioOfTwo(DividedSynapse):
    """Two cells in series and a transistor at the node between them, w = g_m G1 / (G1 + G2)."""

    settings_model: ClassVar = DividerSettings
    structure: ClassVar = "2M-1T"
    formula: ClassVar = "g_m M2 / (M1 + M2)"
    transistors: ClassVar = 1
    note: ClassVar = "drift that is common to both cells cancels"

    @classmethod
    def signs_of(cls, settings: Any) -> tuple[int, ...]:
        """The cell to the row, and the one to ground."""
        return 1, -1

    @classmethod
    def area_of(cls, settings: Any) -> float:
        """That of 1M-1T in Table 2: the transistor's, with the cells above it."""
        return 24.0

    def combine(self, g: NDArray[np.float64]) -> NDArray[np.float64]:
        """Divided voltage over the row's, times the transconductance."""
        return self.settings.transconductance * divided(g[..., 0], g[..., 1])


def divided(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """Voltage over the input's between two conductances in series, the first from the input, the second to ground."""
    return upper / (upper + lower)
