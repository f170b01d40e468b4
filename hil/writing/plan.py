"""Settings of `hil program`: which device, how near, how many pulses, and whose."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field

from hil.abilities import PulseChoosing, beyond_thresholds
from hil.config import CliFlag, Section
from hil.device import Device, Unsupported
from hil.energy.figures import EnergySettings
from hil.errors import InputError
from hil.fraction import Fraction
from hil.grid import Grid
from hil.programming import Programming
from hil.writing.controller import Cells, Goal

HIGHEST = 1.5
"""Height of the highest pulse over the full one, where the user names none."""

SIGNS = {"positive": 1, "negative": -1}


class PulsePlan(Section):
    """How near cells are to come, by whose pulses, and how many."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    tolerance: Annotated[Fraction, CliFlag("Largest error, of the device's conductance range.")] = Field(
        0.02, gt=0, lt=1, description="largest error that counts as reached, fraction of the conductance range"
    )
    controller: Annotated[
        str, CliFlag("How pulses are chosen: pulses, ispp, pi, rising, shaped, bipolar.", metavar="NAME")
    ] = Field("pulses", description="way of choosing the pulses")
    scheme: Annotated[str | None, CliFlag("Biasing: V/2, V/3, grounded, floating (default: the least disturbing).")] = (
        Field(None, description="biasing scheme; the one that the device's channels allow if not given")
    )
    rounds: Annotated[int, CliFlag("Verifications at most.")] = Field(100, ge=1, description="most verifications")
    max_pulses: Annotated[int, CliFlag("Pulses after which a cell is given up.")] = Field(
        1000, ge=1, description="most pulses a cell"
    )
    burst: int = Field(50, ge=1, description="most pulses of a cell between two verifications")
    reads: Annotated[int, CliFlag("Reads that a verification averages.")] = Field(
        1, ge=1, description="reads that a verification averages"
    )
    read_voltage: float | None = Field(None, description="voltage of a read; the device's own if not given")
    pulse_set: float | None = Field(None, gt=0, description="full pulse that raises; the device's own if not given")
    pulse_reset: float | None = Field(None, gt=0, description="full pulse that lowers, without its sign; likewise")
    pulse_width: float | None = Field(None, gt=0, description="width of the full pulse; likewise")
    width_min: float | None = Field(None, gt=0, description="narrowest pulse; a hundredth of the full one if not given")
    v_max: Annotated[float | None, CliFlag("Never drive a cell with more than this, V.", "--v-max", "V")] = Field(
        None, gt=0, description="highest pulse; 1.5 times the full one, within the limits, if not given"
    )
    g_min: float | None = Field(None, ge=0, description="conductance of weight 0, S; the device's own if not given")
    g_max: float | None = Field(None, gt=0, description="conductance of weight 1, S; likewise")

    raises: Literal["positive", "negative"] | None = Field(
        None, description="sign of the voltage that raises the conductance; the device's own, or found, if not given"
    )

    def pulses(self, device: Device) -> Programming:
        """The full pulse and the range of conductances: as asked, else the device's own, else beyond its threshold.

        Raises
        ------
        InputError
            If neither the user nor the device says one of them.
        """
        own = self._own(device)
        asked = {
            "v_set": self.pulse_set, "v_reset": self.pulse_reset, "width": self.pulse_width, "g_min": self.g_min,
            "g_max": self.g_max,
        }  # fmt: skip
        names = {"v_set": "pulse_set", "v_reset": "pulse_reset", "width": "pulse_width"}
        known = {name: own.get(name) if value is None else value for name, value in asked.items()}
        missing = [names.get(name, name) for name, value in known.items() if value is None]
        if missing:
            advice = " ".join(f"--set {name}=VALUE" for name in missing)
            raise InputError(f"{device.name} does not say its {', '.join(missing)}: give {advice}")
        v_set, v_reset, width, g_min, g_max = (float(value) for value in known.values() if value is not None)
        if not g_min < g_max:
            raise InputError(f"g_min = {g_min:g} S must be below g_max = {g_max:g} S")
        polarity = int(own.get("polarity", 1)) if self.raises is None else SIGNS[self.raises]
        return Programming(v_set, v_reset, width, g_min, g_max, polarity)

    def knows_sign(self, device: Device) -> bool:
        """Whether the user or the device says which sign of the voltage raises the conductance."""
        return self.raises is not None or "polarity" in self._own(device)

    def _own(self, device: Device) -> dict[str, Any]:
        """What a device says of its pulses: those that it has, those that it chooses, those beyond its thresholds."""
        if device.programming is not None:
            return vars(device.programming)
        if isinstance(device, PulseChoosing):
            with suppress(Unsupported):
                return vars(device.choose_pulses())
        beyond = beyond_thresholds(device)
        return {} if beyond is None else {"v_set": beyond[0], "v_reset": beyond[1]}

    def goal(self, device: Device, target: Cells) -> Goal:
        """What a controller has to know, with everything filled in and held against the limits of the device."""
        pulses, limits = self.pulses(device), device.limits
        grid = Grid.of(device)
        most = min(limits.v_max, -limits.v_min, limits.v_cell)
        tallest = max(pulses.v_set, pulses.v_reset)
        highest = min(self.v_max or HIGHEST * tallest, most)
        if tallest > highest:
            raise InputError(f"a full pulse of {tallest:g} V is beyond {highest:g} V, the most that may be driven")
        finest = max(self.width_min or pulses.width / 100, limits.width_min, limits.time_step)
        told = target[~np.isnan(target)]
        slack = 1e-9 * (pulses.g_max - pulses.g_min)
        if told.size and not (pulses.g_min - slack <= told.min() and told.max() <= pulses.g_max + slack):
            wrong = told.min() if told.min() < pulses.g_min - slack else told.max()
            raise InputError(
                f"target {wrong:g} S cannot be reached: {device.name} goes from {pulses.g_min:g} S "
                f"to {pulses.g_max:g} S"
            )
        tolerance = self.tolerance * (pulses.g_max - pulses.g_min)
        return Goal(target, pulses, finest, highest, tolerance, self.burst, grid)


class WritePlan(PulsePlan):
    """Section [program]."""

    source: str = Field(description="file of the targets")
    device: Annotated[str, CliFlag("BACKEND:KIND?NAME=VALUE&..., see `hil devices`.", metavar="URI")] = Field(
        "sim:rram", description="what is programmed"
    )
    synapse: str | None = Field(
        None, description="cells of a weight, such as differential; as in the address otherwise"
    )
    layer: str | None = Field(None, description="layer of a trained network; the only one if not given")
    energy: EnergySettings = Field(default_factory=EnergySettings, description="stated figures, see docs/energy.md")
