"""Pulses by which a continuous law is programmed: chosen by the user, since the law has no step of its own."""

from __future__ import annotations

from pydantic import Field

from hil.programming import Programming
from sim.cells.law import CellParameters, unit


class PulseParameters(CellParameters):
    """The pulse that training drivers and `program` send to such a cell, one for each direction."""

    v_set: float = Field(
        1.0, gt=0, description="programming pulse that raises the conductance", json_schema_extra=unit("V")
    )
    v_reset: float = Field(
        1.0, gt=0, description="programming pulse that lowers it, magnitude", json_schema_extra=unit("V")
    )
    t_pulse: float = Field(1e-3, gt=0, description="width of a programming pulse", json_schema_extra=unit("s"))

    def pulses(self, g_min: float, g_max: float, polarity: int = 1) -> Programming:
        """Pulses for cells between two conductances, S; `polarity` is the sign of the voltage that raises them."""
        return Programming(self.v_set, self.v_reset, self.t_pulse, g_min, g_max, polarity)
