"""Parameters that every simulated crossbar has; a law adds its own."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sim.variability import CycleToCycle, DeviceToDevice, ReadNoise, StuckCells, Variability


def unit(symbol: str) -> dict[str, str]:
    """Unit of a parameter, for `Field(json_schema_extra=...)`."""
    return {"unit": symbol}


class ArrayParameters(BaseModel):
    """Parameters that every simulated crossbar has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rows: int = Field(1, ge=1, description="number of rows (word lines)")
    cols: int = Field(1, ge=1, description="number of columns (bit lines)")
    v_max: float = Field(
        5.0, gt=0, allow_inf_nan=True, description="largest magnitude of a line's voltage", json_schema_extra=unit("V")
    )
    i_max: float = Field(
        np.inf,
        gt=0,
        allow_inf_nan=True,
        description="column current reported as tripped (the simulated source does not limit it)",
        json_schema_extra=unit("A"),
    )
    d2d: float = Field(0.0, ge=0, le=1, description="device-to-device spread of sensitivity, fraction")
    d2d_r: float = Field(0.0, ge=0, le=1, description="device-to-device spread of memristance, fraction")
    c2c: float = Field(0.0, ge=0, le=100, description="cycle-to-cycle spread of every programming change, fraction")
    read_noise: float = Field(0.0, ge=0, le=1, description="noise of every measured cell current, fraction")
    stuck_on: float = Field(0.0, ge=0, le=1, description="fraction of cells stuck at g_on")
    stuck_off: float = Field(0.0, ge=0, le=1, description="fraction of cells stuck at g_off")
    g_on: float = Field(1e-2, gt=0, description="conductance of cells stuck on", json_schema_extra=unit("S"))
    g_off: float = Field(1e-9, gt=0, description="conductance of cells stuck off", json_schema_extra=unit("S"))
    seed: int = Field(0, ge=0, le=2**63 - 1, description="seed of all variability")
    threads: int = Field(0, ge=0, description="threads that share the columns; 0 for one a processor")

    def variability(self) -> Variability:
        """The four parts of `sim.variability` as these parameters ask for them."""
        return Variability(
            DeviceToDevice(self.d2d, self.d2d_r),
            CycleToCycle(self.c2c),
            ReadNoise(self.read_noise),
            StuckCells(self.stuck_on, self.stuck_off, self.g_on, self.g_off),
            self.seed,
        )
