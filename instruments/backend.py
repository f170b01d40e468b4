"""Instruments under ``visa:``: a resource on the network, a serial port, or a whole virtual bench."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from hil.backends import Backend, DeviceKind
from hil.device import Device
from hil.errors import InputError, nearest
from hil.fraction import Fraction
from hil.programming import GIVEN_TOGETHER, given_programming
from instruments.pair_settings import require_channels

if TYPE_CHECKING:
    from instruments.device import SmuDevice
    from instruments.link.clock import Clock
    from instruments.link.command_log import CommandLog
    from instruments.link.link import Link
    from instruments.safety.limits import SafetyLimits
    from instruments.smu.driver import ChannelSettings
    from instruments.wiring import Router

TERMINATORS = {"lf": "\n", "cr": "\r", "crlf": "\r\n", "lfcr": "\n\r", "nul": "\0"}
"""What a message can end with, by name."""

INSTALL = 'pip install "memhil[lab]"'


def _terminator(given: object) -> object:
    """Name of a terminator given by its characters."""
    return next((name for name, characters in TERMINATORS.items() if given == characters), given)


def _unit(symbol: str) -> JsonDict:
    return {"unit": symbol}


class SampleParameters(BaseModel):
    """What holds for a sample, whatever it is measured with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(1, ge=1, description="number of rows; more than one cell needs a switch matrix")
    cols: int = Field(1, ge=1, description="number of columns")
    v_max: float = Field(gt=0, description="largest voltage across the sample", json_schema_extra=_unit("V"))
    i_max: float = Field(gt=0, description="compliance current", json_schema_extra=_unit("A"))
    width_max: float = Field(float("inf"), gt=0, description="longest time away from 0 V", json_schema_extra=_unit("s"))
    energy_max: float = Field(
        float("inf"), gt=0, description="largest energy of a pulse, at compliance", json_schema_extra=_unit("J")
    )
    pulses_max: int | None = Field(
        None, ge=1, description="most pulses above v_read in one session, or in all sessions with one log"
    )
    forming: bool = Field(False, description="allow voltages up to v_forming")
    v_forming: float = Field(0.0, ge=0, description="largest voltage of forming", json_schema_extra=_unit("V"))
    v_read: float | None = Field(
        None, gt=0, description="voltage of a read; the device's own if not given", json_schema_extra=_unit("V")
    )
    v_set: float | None = Field(None, gt=0, description="programming voltage upwards", json_schema_extra=_unit("V"))
    v_reset: float | None = Field(
        None, gt=0, description="programming voltage downwards, magnitude", json_schema_extra=_unit("V")
    )
    pulse_width: float = Field(1e-3, gt=0, description="width of a programming pulse", json_schema_extra=_unit("s"))
    g_min: float | None = Field(None, gt=0, description="conductance of weight 0", json_schema_extra=_unit("S"))
    g_max: float | None = Field(None, gt=0, description="conductance of weight 1", json_schema_extra=_unit("S"))
    read_width: float | None = Field(
        None, gt=0, description="duration of a read; the model's shortest if not given", json_schema_extra=_unit("s")
    )
    contact_floor: float | None = Field(
        None,
        gt=0,
        description="read the sample first, and refuse it below this current (open) or at i_max (short)",
        json_schema_extra=_unit("A"),
    )
    nplc: float = Field(0.01, ge=0.001, le=25, description="integration time in power line cycles")
    four_wire: bool = Field(False, description="remote sensing")
    channel: int = Field(1, ge=1, le=2, description="source channel")
    channels: int = Field(
        1, ge=1, le=2, description="2: rows on channel 1, columns on channel 2, both driven at once; LO joined"
    )
    gate: int | None = Field(None, ge=2, le=2, description="channel on the gate of a transistor in series (1T1R)")
    v_gate: float = Field(
        0.0, ge=0, description="gate of the first positive pulse after a negative one", json_schema_extra=_unit("V")
    )
    v_gate_step: float = Field(
        0.0, ge=0, description="what every further positive pulse adds", json_schema_extra=_unit("V")
    )
    v_gate_on: float | None = Field(
        None,
        gt=0,
        description="gate of reads and negative pulses; v_gate_max if not given",
        json_schema_extra=_unit("V"),
    )
    v_gate_max: float | None = Field(
        None, gt=0, description="largest voltage of the gate, against both ends", json_schema_extra=_unit("V")
    )
    i_gate: float = Field(1e-6, gt=0, description="compliance of the gate's channel", json_schema_extra=_unit("A"))
    terminals: Literal["front", "rear"] | None = Field(
        None, description="where the sample is; those that the instrument is found with if not given"
    )
    overvoltage: float = Field(
        0.0,
        ge=0,
        description="accept that a sense lead that comes off puts so much on the sample",
        json_schema_extra=_unit("V"),
    )
    sense_check: bool = Field(False, description="with four_wire, look for a lost sense lead before anything else")
    abort_on_compliance: bool = Field(
        False, description="play excursion by excursion, and nothing more once the current has reached i_max"
    )
    time_tolerance: float = Field(
        0.1, gt=0, le=10, description="part of itself by which a step may take longer than asked"
    )
    all_channels: bool = Field(False, description="reset and switch off the other channel as well")
    line_frequency: float | None = Field(
        None, ge=45, le=65, description="of the mains; asked for if not given", json_schema_extra=_unit("Hz")
    )
    timeout: float = Field(2.0, gt=0, le=60, description="deadline of one exchange", json_schema_extra=_unit("s"))
    serial: bool = Field(False, description="play measured segments column by column")
    watchdog: bool = Field(True, description="a process of its own switches the output off if this one dies or hangs")
    log: str | None = Field(None, description="file to which every exchange is appended")


class ResourceParameters(SampleParameters):
    """A real instrument."""

    v_read: float = Field(0.1, gt=0, description="voltage of a read", json_schema_extra=_unit("V"))
    gaps: bool = Field(False, description="cut trains and move relays where the waveform has no rest")
    library: str = Field("@py", description="VISA library: @py is pyvisa-py, @ivi the system's, or a path")
    baud_rate: int = Field(9600, ge=50, le=4_000_000, description="of a serial port", json_schema_extra=_unit("1/s"))
    terminator: Annotated[Literal["lf", "cr", "crlf", "lfcr", "nul"], BeforeValidator(_terminator)] = Field(
        "lf", description="what ends a message, both ways; by name, or the characters (%0D%0A)"
    )
    gateway: str | None = Field(
        None, description="Prologix adapter that the GPIB board is, PRLGX-TCPIP::HOST::1234::INTFC"
    )
    serial_number: str | None = Field(None, description="refuse any other instrument than this one")
    matrix: str | None = Field(None, description="VISA resource of the switch matrix")
    map: str | None = Field(None, description="TOML file: which relay leads to which line")


class VirtualParameters(SampleParameters):
    """A virtual bench."""

    v_max: float = Field(5.0, gt=0, description="largest voltage across the sample", json_schema_extra=_unit("V"))
    i_max: float = Field(1e-2, gt=0, description="compliance current", json_schema_extra=_unit("A"))
    gaps: bool = Field(True, description="as for a real instrument; here a gap takes no time")
    model: str = Field("2450", description="source-measure unit: 2400, 2450, 2461, 2602B, B2901A, ...")
    dut: str = Field("sim:rram", description="device under test, sim:rram;alpha=0.01;c2c=0.1")
    transport: Literal["socket", "hislip", "serial"] = Field("socket", description="what the instruments listen on")
    matrix: str | None = Field(None, description="switch matrix: 707B or B2201A; 707B for more than one cell")
    series: float = Field(0.0, ge=0, description="resistance of the wires", json_schema_extra=_unit("ohm"))
    contact: float = Field(0.0, ge=0, description="resistance of every contact", json_schema_extra=_unit("ohm"))
    noise: float = Field(0.0, ge=0, description="of a measured current", json_schema_extra=_unit("A"))
    relative_noise: Fraction = Field(0.0, ge=0, le=1, description="of a measured current, as a fraction of it")
    seed: int = Field(0, ge=0, description="of noise and variability")
    transistor_k: float = Field(
        1e-3, gt=0, description="k of the transistor of a gate: it carries k/2 (v_gate - v_t)^2 at most",
        json_schema_extra=_unit("A/V^2"),
    )  # fmt: skip
    transistor_v_t: float = Field(0.5, description="its threshold", json_schema_extra=_unit("V"))
    dut_terminals: Literal["front", "rear"] = Field("front", description="where the device is; *RST selects the front")


class VisaBackend(Backend):
    """Everything that is reached through VISA."""

    name = "visa"
    summary = "source-measure units and switch matrices through pyvisa, and a virtual bench"

    def kinds(self) -> Sequence[DeviceKind]:
        """The virtual bench: resources are found by `hil lab find`."""
        return (self.kind("virtual"),)

    def kind(self, target: str) -> DeviceKind:
        """``virtual``, or a VISA resource name such as TCPIP::192.168.0.5::5025::SOCKET."""
        if target == "virtual":
            summary = "virtual bench on loopback; a real one is visa:TCPIP::HOST::5025::SOCKET, see hil lab find"
            return DeviceKind("virtual", summary, VirtualParameters, _open_virtual)
        if "::" in target or target.upper().startswith("ASRL"):
            return DeviceKind(target, f"instrument at {target}", ResourceParameters, partial(_open_real, target))
        raise InputError(
            f"no device '{self.name}:{target}' {nearest(target, ['virtual'])}; a resource is TCPIP::HOST::5025::SOCKET"
        )


def _open_virtual(name: str, p: VirtualParameters) -> Device:
    """Set a bench up, and open its instruments like real ones."""
    with ExitStack() as stack:
        try:
            from instruments.virtual.bench import Bench
            from instruments.virtual.network import Transistor
        except ImportError as error:
            raise InputError(f"{name} needs the extra lab, {INSTALL}: {error}") from None
        bench = stack.enter_context(
            Bench(
                p.model, p.dut, rows=p.rows, cols=p.cols, transport=p.transport, matrix=p.matrix, series=p.series,
                contact=p.contact, noise=p.noise, relative_noise=p.relative_noise, seed=p.seed,
                dut_terminals=p.dut_terminals, channels=p.channels,
                transistor=None if p.gate is None else Transistor(p.transistor_k, p.transistor_v_t),
            )
        )  # fmt: skip
        matrix, truth = None if bench.matrix is None else bench.matrix.resource, bench.dut.truth
        known: dict[str, float] = {"v_read": p.v_read or truth.read_voltage}
        if truth.programming is not None and truth.programming.polarity > 0:
            own = asdict(truth.programming) | {"pulse_width": p.pulse_width}
            known |= {name: own[name] for name in GIVEN_TOGETHER if getattr(p, name) is None}
        p = p.model_copy(update=known)
        device = _open(
            name, bench.smu.resource, matrix, None, p, v_read=known["v_read"], clock=bench.clock, forget=bench.forget,
            working=bench.busy,
        )  # fmt: skip
        device.bench = bench
        device.also_close(stack.pop_all().close)
        return device


def _open_real(resource: str, name: str, p: ResourceParameters) -> Device:
    from instruments.link.clock import RealClock

    wires = None if p.map is None else Path(p.map)
    return _open(name, resource, p.matrix, wires, p, v_read=p.v_read, clock=RealClock())


def _open(
    name: str,
    resource: str,
    matrix: str | None,
    crossbar: Path | None,
    p: ResourceParameters | VirtualParameters,
    *,
    v_read: float,
    clock: Clock,
    forget: Callable[[], None] | None = None,
    working: Callable[[], bool] = lambda: False,
) -> SmuDevice:
    """Open links, ask who is there, and make a device of it that reads at `v_read` V; nothing is set or switched."""
    try:
        from instruments.device import SmuDevice
        from instruments.gated_device import GatedDevice, Gating
        from instruments.link.command_log import CommandLog
        from instruments.link.events import SwitchOff, note
        from instruments.link.link import Link
        from instruments.pair_device import PairDevice
        from instruments.safety.guard import OutputGuard
        from instruments.safety.lock import ResourceLock
        from instruments.safety.tally import Tally
        from instruments.smu.session import Smu
    except ImportError as error:
        raise InputError(f"{name} needs the extra lab, {INSTALL}: {error}") from None
    require_channels(name, p)
    (safety, settings), reach = _limits(p, v_read), _reach(p)
    with ExitStack() as stack:
        log = None if p.log is None else stack.enter_context(CommandLog(Path(p.log)))
        for channel in (1, 2) if p.all_channels or p.channels > 1 or p.gate else (p.channel,):
            stack.enter_context(ResourceLock(resource, f"channel {channel}"))
        link = stack.enter_context(Link.open(resource, timeout=p.timeout, log=log, **reach))
        link.working = working
        smu = Smu(link, settings, safety)
        _require_serial_number(name, smu.identity, p)
        link.sync = smu.driver.sync
        part = f"channel {p.channel}"
        off = SwitchOff(resource, smu.driver.off(smu.settings), link.sync, smu.driver.error_query, reach, part)
        note(link, off.line())
        if p.pulses_max is not None:
            tally = Tally(log, name)
            smu.pulses, smu.tally = tally.so_far(), tally.note
        router = None if matrix is None else _router(matrix, crossbar, p, log, stack)

        def guard() -> OutputGuard:
            return OutputGuard(resource, off.off, off.sync, off.query, reach=reach)

        device = (GatedDevice if p.gate else PairDevice if p.channels > 1 else SmuDevice)(
            name, smu, p.rows, p.cols, clock=clock, guard=guard if p.watchdog else None, router=router,
            serial=p.serial, gaps=p.gaps, read_voltage=v_read, read_width=p.read_width,
            contact_floor=p.contact_floor, sense_check=p.sense_check, abort_on_compliance=p.abort_on_compliance,
            forget=forget,
        )  # fmt: skip
        if isinstance(device, GatedDevice):
            device.gating = Gating(p.v_gate, p.v_gate_step, p.v_gate_on or p.v_gate_max or 0.0)
        device.programming = given_programming(name, p)
        device.parameters = p
        device.also_close(stack.pop_all().close)
        return device


def _limits(p: SampleParameters, v_read: float) -> tuple[SafetyLimits, ChannelSettings]:
    """What the sample may see, and how the source is set up for it."""
    from instruments.safety.limits import GateLimits, SafetyLimits
    from instruments.smu.driver import ChannelSettings

    gate = None if p.gate is None or p.v_gate_max is None else GateLimits(p.v_gate_max)
    safety = SafetyLimits(
        v_max=p.v_max, i_max=p.i_max, width_max=p.width_max, energy_max=p.energy_max, pulses_max=p.pulses_max,
        forming=p.forming, v_forming=p.v_forming, v_read=v_read, gate=gate,
    )  # fmt: skip
    settings = ChannelSettings(
        p.i_max, safety.ceiling, p.nplc, p.four_wire, p.channel, p.line_frequency, p.terminals, p.overvoltage,
        p.all_channels, p.time_tolerance,
    )  # fmt: skip
    if gate is not None:
        return safety, replace(settings, second=replace(settings, channel=2, compliance=p.i_gate, v_peak=gate.v_max))
    return safety, settings if p.channels == 1 else replace(settings, second=replace(settings, channel=2))


def _reach(p: ResourceParameters | VirtualParameters) -> dict[str, Any]:
    """Further arguments of `Link.open`, for the program and for its watchdog."""
    if isinstance(p, VirtualParameters):
        return {}
    more = {} if p.gateway is None else {"gateway": p.gateway}
    return {"library": p.library, "baud_rate": p.baud_rate, "terminator": TERMINATORS[p.terminator], **more}


def _require_serial_number(name: str, identity: str, p: ResourceParameters | VirtualParameters) -> None:
    """Refuse another instrument; the third field of ``*IDN?`` is its serial number (IEEE 488.2 10.14)."""
    if isinstance(p, VirtualParameters) or p.serial_number is None:
        return
    fields = [field.strip() for field in identity.split(",")]
    if fields[2:3] != [p.serial_number.strip()]:
        raise InputError(f"{name}: serial_number = {p.serial_number}, the instrument that answers is '{identity}'")


def _router(
    resource: str,
    crossbar: Path | None,
    p: ResourceParameters | VirtualParameters,
    log: CommandLog | None,
    stack: ExitStack,
) -> Router:
    """Open the switch matrix of a crossbar."""
    from instruments.link.link import Link
    from instruments.matrix.crossbar import MatrixRouter, default_map, load_map
    from instruments.safety.lock import ResourceLock

    library = "@py" if isinstance(p, VirtualParameters) else p.library
    stack.enter_context(ResourceLock(resource, "matrix"))
    link: Link = stack.enter_context(Link.open(resource, timeout=p.timeout, log=log, library=library))
    wires = default_map(p.rows, p.cols) if crossbar is None else load_map(crossbar, p.rows, p.cols)
    return MatrixRouter(link, wires, p.channels)


backend = VisaBackend()
