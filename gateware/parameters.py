"""Parameters of an ``fpga:`` address: sizes that are built in, registers that are set, tables that are loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateware.geometry import Geometry
from gateware.model import StepTables, curve_tables, rram_tables
from gateware.power_up import PowerUp
from hil.errors import InputError
from hil.fraction import Fraction
from hil.presets import CURVE, Preset
from sim.cells.law import unit
from sim.cells.measured import Curve
from sim.cells.memristance import Coefficients
from sim.cells.rram import RramParameters

FULL_AMPLITUDE = 4080
"""Voltage codes of 100 mV by default: its sixteenths and its 255ths are whole numbers of them."""


FTDI_BAUD = {"ftdi": 3e6, "ftdi-hs": 12e6}
"""Highest bit rate of FTDI chips, 1/s: FT231X, which is on the ULX3S, and FT2232H, on the iCEBreaker (data sheets)."""

TABLE_FIELDS = frozenset(
    (
        "model", "alpha", "gamma", "nstop", "alpha_dep", "gamma_dep", "nstop_dep", "potentiation", "depression",
        "g_min", "g_max",
    )
)  # fmt: skip
"""Parameters that step tables and their conductances are made of."""


WIDTHS = ("t_bits", "v_bits", "log_depth")
"""Sizes of an emulator beside those of its crossbar."""


class FpgaParameters(BaseModel):
    """Parameters of an emulated crossbar, as ``fpga:`` addresses and settings give them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rows: int = Field(1, ge=1, le=4096, description="number of rows (word lines); a board tells its own")
    cols: int = Field(1, ge=1, le=4096, description="number of columns (bit lines); a board tells its own")
    cell: Literal["step", "flca"] = Field("step", description="pulse-step cell or FLCA memristor; a board tells")
    state_bits: int | None = Field(None, ge=8, le=16, description="width of a state; 8 (step), 16 (flca) if not given")
    lanes: int | None = Field(None, ge=1, le=64, description="cells read at once; up to 16 if not given")
    encoder: bool | None = Field(
        None, description="turn images into spikes in the emulator (step); where a board can, if not given"
    )
    grey_bits: int = Field(
        5, ge=4, le=8, description="bits of grey values on the link, where images are encoded at random rates (step)"
    )
    tie: Literal["rank", "membrane", "margin"] = Field(
        "rank", description="which of several ready neurons fires (step)"
    )
    annealing: bool | None = Field(
        None, description="pulses by lot, and thresholds of zero mean (step); where a board can, if not given"
    )
    t_bits: int | None = Field(
        None, ge=6, le=15, description="width of times: 2^t_bits ticks a presentation; a board tells, 12 if not given"
    )
    v_bits: int | None = Field(
        None, ge=12, le=24, description="width of a membrane, a full weight counts 255; a board tells, 16 if not given"
    )
    log_depth: int | None = Field(
        None, ge=1, le=4096, description="output spikes kept with their times; a board tells, 256 if not given"
    )
    baud: float = Field(
        1e6,
        ge=9600,
        le=12e6,
        description="bit rate of a board's line, as it was built with",
        json_schema_extra=unit("1/s"),
    )
    link: Literal["direct", "ftdi", "ftdi-hs"] = Field(
        "direct",
        description="what a golden model is reached through: nothing, or a modelled FTDI chip at full or high speed",
    )
    latency: float = Field(
        1e-3, gt=0, le=0.255, description="latency timer of a modelled FTDI chip", json_schema_extra=unit("s")
    )
    clock: float = Field(
        50e6, ge=1e6, le=500e6, description="clock of the logic behind a modelled chip", json_schema_extra=unit("Hz")
    )
    tick: float = Field(1e-6, gt=0, description="time step of neurons and spikes (step)", json_schema_extra=unit("s"))
    rounding: Literal["stochastic", "nearest"] = Field("stochastic", description="how states are rounded (step)")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="seed of rounding and encoder (step)")
    model: Literal["lhb", "nlsb", "nlhb", "curve", "built-in"] = Field(
        "lhb",
        description="dynamics of a step: as sim:rram, from a measured curve, or what a board was built with "
        "(its default, if it was)",
    )
    alpha: Fraction = Field(0.002, gt=0, le=1, description="first potentiation step (lhb, nlsb, nlhb)")
    gamma: float = Field(1.0, ge=1, description="potentiation exponent (nlsb, nlhb)")
    nstop: float = Field(500.0, gt=0, description="potentiation pulses from bound to bound (nlhb)")
    alpha_dep: Fraction | None = Field(None, gt=0, le=1, description="first depression step; alpha if not given")
    gamma_dep: float | None = Field(None, ge=1, description="depression exponent; gamma if not given")
    nstop_dep: float | None = Field(None, gt=0, description="depression pulses from bound to bound; nstop if not given")
    potentiation: Curve = Field((), description="conductance after each pulse (curve)", json_schema_extra=unit("S"))
    depression: Curve = Field((), description="conductance after each pulse (curve)", json_schema_extra=unit("S"))
    v_set: float = Field(1.0, gt=0, description="potentiation threshold (step)", json_schema_extra=unit("V"))
    v_reset: float = Field(1.0, gt=0, description="depression threshold (step)", json_schema_extra=unit("V"))
    v_max: float = Field(5.0, gt=0, description="largest magnitude of a voltage (step)", json_schema_extra=unit("V"))
    g_min: float = Field(1e-6, gt=0, description="conductance at w = 0 (step)", json_schema_extra=unit("S"))
    g_max: float = Field(1e-4, gt=0, description="conductance at w = 1 (step)", json_schema_extra=unit("S"))
    w0: Fraction = Field(0.5, ge=0, le=1, description="pristine weight (step)")
    A: float = Field(1.0, gt=0, description="gain: how far a voltage moves the flux (flca)")
    D: float = Field(1.0, ge=0, description="diffusive relaxation rate (flca)", json_schema_extra=unit("1/s"))
    R: Coefficients = Field(
        (100.0, 1e6), description="R_0,R_1,... of the memristance (flca)", json_schema_extra=unit("ohm/(V s)^n")
    )
    phi0: float = Field(0.0, ge=0, description="pristine flux linkage (flca)", json_schema_extra=unit("V s"))
    phi_max: float = Field(0.1, gt=0, description="flux of the highest state (flca)", json_schema_extra=unit("V s"))
    v_step: float = Field(
        0.1 / FULL_AMPLITUDE, gt=0, description="voltage of a code of 1 (flca)", json_schema_extra=unit("V")
    )

    @model_validator(mode="after")
    def _consistent(self) -> FpgaParameters:
        if self.g_min >= self.g_max:
            raise ValueError(f"g_min {self.g_min:g} S must be below g_max {self.g_max:g} S")
        if self.phi0 > self.phi_max:
            raise ValueError(f"phi0 = {self.phi0:g} V s is above phi_max {self.phi_max:g} V s")
        if (self.model == "curve") != bool(self.potentiation or self.depression):
            raise ValueError("a model 'curve' goes with potentiation and depression, and they with it")
        fastest = FTDI_BAUD.get(self.link, self.baud)
        if self.baud > fastest:
            raise ValueError(f"baud = {self.baud:g}: the chip of link = {self.link} goes up to {fastest:g}")
        own = (TABLE_FIELDS & self.model_fields_set) - {"model"}
        if self.model == "built-in" and own:
            raise ValueError(f"model 'built-in' has its own tables: leave out {', '.join(sorted(own))}")
        return self

    @property
    def width(self) -> int:
        """Bits of a state, as given or by the kind of cell."""
        return self.state_bits or (8 if self.cell == "step" else 16)

    def geometry(self) -> Geometry:
        """Geometry of an emulator with these parameters."""
        lanes = self.lanes or min(16, self.cols)
        return Geometry(
            self.rows, self.cols, lanes, self.width, self.cell, encoder=bool(self.encoder) and self.cell == "step",
            tie=self.tie if self.cell == "step" else "rank", annealing=bool(self.annealing) and self.cell == "step",
            clock=self.clock, **self._widths(),
        )  # fmt: skip

    def _widths(self) -> dict[str, Any]:
        """Of the sizes that an address seldom names, those that it does."""
        named = {field: getattr(self, field) for field in WIDTHS}
        return {field: value for field, value in named.items() if value is not None}

    @property
    def pristine(self) -> int:
        """State of an untouched step cell."""
        return round(self.w0 * ((1 << self.width) - 1))

    @property
    def stochastic(self) -> bool:
        """Whether states are rounded at random."""
        return self.rounding == "stochastic"

    def random_registers(self) -> dict[str, int]:
        """Where the random numbers of rounding and encoder begin (step)."""
        random, encoder_random = np.random.default_rng([self.seed, 6]).integers(1, 1 << 32, 2)
        return {"random": int(random), "encoder_random": int(encoder_random)}

    def power_up(self, name: str) -> PowerUp:
        """This device, called `name`, as an emulator is built with it; `InputError` if it does not fit."""
        tables = self.tables()
        return PowerUp(
            name, tuple(map(int, tables.potentiation)), tuple(map(int, tables.depression)), self.pristine,
            **self.random_registers(), g_min=tables.g_min, g_max=tables.g_max, v_set=self.v_set, v_reset=self.v_reset,
            v_max=self.v_max, w0=self.w0, stochastic=self.stochastic,
        )  # fmt: skip

    def tables(self) -> StepTables:
        """Tables of the pulse-step model; `InputError` if it does not fit the emulator."""
        if self.model == "built-in":
            raise InputError(
                "model = built-in: these tables are in an emulator that was built with some, by hil fpga build --preset"
            )
        if self.model == "curve":
            return curve_tables(self.potentiation, self.depression, self.width, self.stochastic)
        names = self.__class__.model_fields.keys() & RramParameters.model_fields.keys()
        return rram_tables(RramParameters(**{name: getattr(self, name) for name in names}), self.width, self.stochastic)

    def build_command(self) -> str:
        """The command that builds an emulator with these parameters."""
        return (
            f"hil fpga build --board BOARD --rows {self.rows} --cols {self.cols} --cell {self.cell} "
            f"--state-bits {self.width} --tie {self.tie}{' --encoder' * bool(self.encoder)}"
            f"{' --annealing' * bool(self.annealing)}"
            + "".join(f" --{field.replace('_', '-')} {value}" for field, value in self._widths().items())
        )


LAWS: Mapping[str, Callable[[Preset], Mapping[str, Any]]] = {
    "rram": lambda preset: {"cell": "step", **preset.parameters()},
    "flca": lambda preset: {"cell": "flca", **preset.parameters()},
    CURVE: lambda preset: {"cell": "step", "model": "curve", **preset.curve()},
}
"""Laws that the emulator carries out, by steps from a table or by coefficients of a segment; each with what turns its
preset file into values of `FpgaParameters`. Any other law has no form in gateware."""
