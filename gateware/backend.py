"""The emulator under ``fpga:``, on whatever carries its bytes: the golden model, a simulation, a board."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateware.device import FlcaDevice, FpgaDevice, StepDevice
from gateware.geometry import Geometry
from gateware.model import StepTables, curve_tables, load_preset, rram_tables
from hil.backends import Backend, DeviceKind
from hil.errors import InputError, nearest
from sim.array import unit
from sim.catalogue import RRAM_PRESETS
from sim.memristance import Coefficients
from sim.rram import RramParameters

if TYPE_CHECKING:
    from gateware.host.transport import Transport

FULL_AMPLITUDE = 4080
"""Voltage codes of 100 mV by default: its sixteenths and its 255ths are whole numbers of them."""


def _numbers(value: Any) -> Any:
    return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Curve = Annotated[tuple[float, ...], BeforeValidator(_numbers)]
"""Conductances, as text separated by commas."""


class FpgaParameters(BaseModel):
    """Parameters of an emulated crossbar: what is built, what is set, what is loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rows: int = Field(1, ge=1, le=4096, description="number of rows (word lines)")
    cols: int = Field(1, ge=1, le=4096, description="number of columns (bit lines)")
    cell: Literal["step", "flca"] = Field("step", description="pulse-step cell or FLCA memristor")
    state_bits: int | None = Field(None, ge=8, le=16, description="width of a state; 8 (step), 16 (flca) if not given")
    lanes: int | None = Field(None, ge=1, le=64, description="cells read at once; up to 16 if not given")
    encoder: bool = Field(False, description="turn images into spikes in the emulator (step)")
    tie: Literal["rank", "membrane"] = Field("rank", description="which of several ready neurons fires (step)")
    tick: float = Field(1e-6, gt=0, description="time step of neurons and spikes (step)", json_schema_extra=unit("s"))
    rounding: Literal["stochastic", "nearest"] = Field("stochastic", description="how states are rounded (step)")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="seed of rounding and encoder (step)")
    model: Literal["lhb", "nlsb", "nlhb", "curve"] = Field(
        "lhb", description="dynamics of a step: as sim:rram, or from a measured curve"
    )
    alpha: float = Field(0.002, gt=0, le=1, description="first potentiation step (lhb, nlsb, nlhb)")
    gamma: float = Field(1.0, ge=1, description="potentiation exponent (nlsb, nlhb)")
    nstop: float = Field(500.0, gt=0, description="potentiation pulses from bound to bound (nlhb)")
    alpha_dep: float | None = Field(None, gt=0, le=1, description="first depression step; alpha if not given")
    gamma_dep: float | None = Field(None, ge=1, description="depression exponent; gamma if not given")
    nstop_dep: float | None = Field(None, gt=0, description="depression pulses from bound to bound; nstop if not given")
    potentiation: Curve = Field((), description="conductance after each pulse (curve)", json_schema_extra=unit("S"))
    depression: Curve = Field((), description="conductance after each pulse (curve)", json_schema_extra=unit("S"))
    v_set: float = Field(1.0, gt=0, description="potentiation threshold (step)", json_schema_extra=unit("V"))
    v_reset: float = Field(1.0, gt=0, description="depression threshold (step)", json_schema_extra=unit("V"))
    v_max: float = Field(5.0, gt=0, description="largest magnitude of a voltage (step)", json_schema_extra=unit("V"))
    g_min: float = Field(1e-6, gt=0, description="conductance at w = 0 (step)", json_schema_extra=unit("S"))
    g_max: float = Field(1e-4, gt=0, description="conductance at w = 1 (step)", json_schema_extra=unit("S"))
    w0: float = Field(0.5, ge=0, le=1, description="pristine weight (step)")
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
        return self

    @property
    def width(self) -> int:
        """Width of a state."""
        return self.state_bits or (8 if self.cell == "step" else 16)

    def geometry(self) -> Geometry:
        """What is to be built."""
        lanes = self.lanes or min(16, self.cols)
        return Geometry(
            self.rows, self.cols, lanes, self.width, self.cell, encoder=self.encoder and self.cell == "step",
            tie=self.tie if self.cell == "step" else "rank",
        )  # fmt: skip

    def tables(self) -> StepTables:
        """What is loaded; `InputError` if the model does not fit the emulator."""
        stochastic = self.rounding == "stochastic"
        if self.model == "curve":
            return curve_tables(self.potentiation, self.depression, self.width, stochastic)
        names = self.__class__.model_fields.keys() & RramParameters.model_fields.keys()
        return rram_tables(RramParameters(**{name: getattr(self, name) for name in names}), self.width, stochastic)

    def build_command(self) -> str:
        """How an emulator like this is built."""
        return (
            f"hil fpga build --board BOARD --rows {self.rows} --cols {self.cols} --cell {self.cell} "
            f"--state-bits {self.width} --tie {self.tie}{' --encoder' * self.encoder}"
        )


@dataclass(frozen=True)
class Carrier:
    """Something an emulator runs on.

    Attributes
    ----------
    summary : str
        One line on it.
    open : callable
        Makes a transport for a geometry.
    """

    summary: str
    open: Callable[[Geometry], Transport]


def _golden(geometry: Geometry) -> Transport:
    from gateware.golden.core import GoldenCore
    from gateware.host.golden_transport import GoldenTransport

    core = GoldenCore(geometry)

    def execute(command: bytes) -> bytes:
        core.set_register("link_errors", transport.link.link_errors)
        return core.execute(command)

    transport = GoldenTransport(execute)
    return transport


def _cxxrtl(geometry: Geometry) -> Transport:
    from gateware.host.cxxrtl import open_cxxrtl

    return open_cxxrtl(geometry)


def _pysim(geometry: Geometry) -> Transport:
    from gateware.host.pysim import open_pysim

    return open_pysim(geometry)


def _serial(port: str) -> Transport:
    from gateware.host.serial_port import SerialPort

    return SerialPort(port)


CARRIERS = {
    "golden": Carrier(
        "golden model of the FPGA emulator, bit-exact; a board is fpga:/dev/ttyUSB0 or fpga:COM3, its logic is "
        "simulated under fpga:cxxrtl (compiled) and fpga:sim (slow)",
        _golden,
    ),
    "cxxrtl": Carrier("logic of the FPGA emulator, compiled", _cxxrtl),
    "sim": Carrier("logic of the FPGA emulator in Amaranth's simulator, slow", _pysim),
}
"""What needs no hardware, by the name of its kind; a serial port is its own name."""


class FpgaBackend(Backend):
    """Emulated crossbars."""

    name = "fpga"
    summary = "FPGA emulator of a crossbar with its neurons: golden model, simulations, boards on a serial port"

    def kinds(self) -> Sequence[DeviceKind]:
        """The golden model: all others have the same parameters, and opening them takes minutes, tools or a board."""
        return (self.kind("golden"),)

    def kind(self, target: str) -> DeviceKind:
        """A kind by name, or a serial port: /dev/..., COM3."""
        if "/" in target or target.upper().startswith("COM"):
            return _kind(target, Carrier(f"board on {target}", lambda _: _serial(target)))
        if target not in CARRIERS:
            raise InputError(f"no device '{self.name}:{target}' {nearest(target, CARRIERS)}")
        return _kind(target, CARRIERS[target])


def _kind(name: str, carrier: Carrier) -> DeviceKind:
    def build(uri: str, parameters: FpgaParameters) -> FpgaDevice:
        return open_emulator(uri, parameters, carrier)

    return DeviceKind(name, carrier.summary, FpgaParameters, build, RRAM_PRESETS, load_preset)


def open_emulator(name: str, parameters: FpgaParameters, carrier: Carrier) -> FpgaDevice:
    """Connect to an emulator and check that it is what was asked for; nothing stays open if it is not."""
    try:
        from gateware.host.client import Client

        transport = carrier.open(parameters.geometry())
    except ImportError as error:
        raise InputError(f"{name} needs the extra fpga, pip install memhil[fpga]: {error}") from None
    try:
        return (StepDevice if parameters.cell == "step" else FlcaDevice)(name, parameters, Client(transport))
    except BaseException:
        transport.close()
        raise


backend = FpgaBackend()
