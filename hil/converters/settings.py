"""Settings of the converters that an address asks for, and what converters do to numbers."""

from __future__ import annotations

from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

VOLT: JsonDict = {"unit": "V"}
AMPERE: JsonDict = {"unit": "A"}
STEPS: JsonDict = {"unit": "steps"}


class ConverterSettings(BaseModel):
    """Converters in front of the lines of a device; each has a sign, and as many steps on either side of 0."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dac_bits: int | None = Field(None, ge=2, le=24, description="resolution of input voltages; exact if not given")
    dac_range: float | None = Field(
        None, gt=0, description="largest input voltage; that of a read if not given", json_schema_extra=VOLT
    )
    dac_offset: float = Field(
        0.0, ge=0, le=1e6, description="spread of the offsets of the lines' input voltages", json_schema_extra=STEPS
    )
    dac_noise: float = Field(0.0, ge=0, le=1e3, description="noise of every input voltage", json_schema_extra=STEPS)
    adc_bits: int | None = Field(None, ge=2, le=24, description="resolution of measured currents; exact if not given")
    adc_range: float | None = Field(
        None,
        gt=0,
        description="largest current that is told; what the highest conductances would carry if not given",
        json_schema_extra=AMPERE,
    )
    adc_offset: float = Field(
        0.0, ge=0, le=1e6, description="spread of the offsets of the lines' converters", json_schema_extra=STEPS
    )
    adc_noise: float = Field(0.0, ge=0, le=1e3, description="noise of every conversion", json_schema_extra=STEPS)
    converter_seed: int = Field(0, ge=0, le=2**63 - 1, description="seed of offsets and noise")

    @model_validator(mode="after")
    def _bits(self) -> Self:
        for kind in ("dac", "adc"):
            if getattr(self, f"{kind}_bits") is None:
                for name in (f"{kind}_range", f"{kind}_offset", f"{kind}_noise"):
                    if getattr(self, name, None):
                        raise ValueError(f"{name} = {getattr(self, name):g}: give {kind}_bits as well")
        return self


Scale = TypeVar("Scale", float, NDArray[np.float64])


def step_of(bits: int, full_scale: Scale) -> Scale:
    """Least step of a converter with a sign: codes are -(2^(bits - 1) - 1) .. 2^(bits - 1) - 1."""
    return full_scale / (2 ** (bits - 1) - 1)


def converted(
    values: NDArray[np.float64], bits: int, full_scale: Scale, shift: NDArray[np.float64] | float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values at the nearest codes, in their own unit, and where they are beyond the last one.

    `shift` is added before, in steps: offsets and noise.
    """
    most = 2 ** (bits - 1) - 1
    step = step_of(bits, full_scale)
    codes = np.rint(values / step + shift)
    return np.clip(codes, -most, most) * step, np.abs(codes) > most
