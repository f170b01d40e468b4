"""Section [energy] of every configuration: stated figures of what is around the cells, each with its source."""

from __future__ import annotations

from pydantic import Field, create_model

from hil.config import Model, Section

ADC_BITS = 8
"""Bits of the converter that the stated figures are of; taken where an address names none."""


class EnergySettings(Section):
    """Stated figures, of 32 nm CMOS unless they are given.

    Converters are those of ISAAC (Shafiee et al., ISCA 2016, Table I): eight 8-bit ADCs of 1.2 GS/s (Kull et al., ISSCC
    2013) take 16 mW and 0.0096 mm^2; 8 x 128 drivers of one bit, every 100 ns, take 4 mW and 0.00017 mm^2.
    """

    exact: bool = Field(
        False,
        description="measure every pulse of a waveform: exact where cells move within it, slow, other read noise",
    )
    read_time: float | None = Field(
        None, gt=0, description="s that a read counts which takes no device time; the device's own if not given"
    )
    adc: float | None = Field(
        None, ge=0, description="energy of a conversion of a current, J; 1.67 pJ at 8 bits, twice that a bit more"
    )
    adc_time: float = Field(1 / 1.2e9, ge=0, description="time of such a conversion, s")
    adc_area: float = Field(1.2e-9, ge=0, description="area of an ADC, m^2")
    adc_columns: int = Field(1, ge=1, description="columns that share an ADC, one after the other")
    dac: float = Field(0.39e-12, ge=0, description="energy of setting a line to a voltage, J")
    dac_area: float = Field(0.166e-12, ge=0, description="area of what drives a line, m^2")
    feature: float = Field(32e-9, gt=0, description="half the pitch of the narrowest lines, F, m")
    cell_area: float | None = Field(
        None, gt=0, description="area of a weight, F^2; 4 a crossing, 24 with a transistor if not given"
    )

    def adc_energy(self, bits: int | None) -> float:
        """Energy of a conversion to so many bits, J: twice as much for each bit more (Walden's figure of merit)."""
        if self.adc is not None:
            return self.adc
        return 16e-3 / (8 * 1.2e9) * 2.0 ** ((ADC_BITS if bits is None else bits) - ADC_BITS)


def with_energy(model: type[Model]) -> type[Model]:
    """Configuration with a section [energy]; as it is where it has one."""
    if "energy" in model.model_fields:
        return model
    field = (EnergySettings, Field(default_factory=EnergySettings, description="stated figures, see docs/energy.md"))
    made: type[Model] = create_model(model.__name__, __base__=model, __module__=model.__module__, energy=field)
    made.__doc__ = model.__doc__
    return made
