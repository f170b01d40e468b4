"""Pulse-measure units under ``pmu:``: a 4200A-SCS over KXCI, and a virtual one on loopback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from hil.backends import Backend, DeviceKind
from hil.device import Device
from hil.errors import InputError, nearest
from hil.programming import given_programming

if TYPE_CHECKING:
    from instruments.link.clock import Clock
    from instruments.pmu.device import PmuDevice

INSTALL = 'pip install "memhil[lab]"'


def _unit(symbol: str) -> JsonDict:
    return {"unit": symbol}


class PmuParameters(BaseModel):
    """A 4225-PMU and the cell between its channels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v_max: float = Field(
        gt=0, le=40, description="largest voltage of a line and across the cell", json_schema_extra=_unit("V")
    )
    i_max: float = Field(
        gt=0,
        description="largest current of the cell, which nothing limits; chooses the range",
        json_schema_extra=_unit("A"),
    )
    series: float = Field(
        0.0, ge=0, description="resistor in series with the cell, as it is there", json_schema_extra=_unit("ohm")
    )
    no_compliance: bool = Field(False, description="accept that nothing keeps the current below i_max")
    threshold: bool = Field(
        True, description="play excursion by excursion, and nothing more once a current has reached i_max"
    )
    channels: int = Field(2, ge=1, le=2, description="2: row on channel 1, column on channel 2; 1: column on ground")
    card: int = Field(1, ge=1, le=4, description="pulse card")
    rpm: bool = Field(True, description="whether a 4225-RPM is at each channel; it has the small ranges")
    rise: float = Field(2e-8, ge=2e-8, le=1e-2, description="of every ramp", json_schema_extra=_unit("s"))
    width_max: float = Field(float("inf"), gt=0, description="longest time away from 0 V", json_schema_extra=_unit("s"))
    pulses_max: int | None = Field(
        None, ge=1, description="most pulses above v_read in one session, or in all sessions with one log"
    )
    forming: bool = Field(False, description="allow voltages up to v_forming")
    v_forming: float = Field(0.0, ge=0, description="largest voltage of forming", json_schema_extra=_unit("V"))
    v_read: float = Field(0.1, gt=0, description="voltage of a read", json_schema_extra=_unit("V"))
    read_width: float | None = Field(
        None, gt=0, description="duration of a read; the shortest that the range measures if not given",
        json_schema_extra=_unit("s"),
    )  # fmt: skip
    v_set: float | None = Field(None, gt=0, description="programming voltage upwards", json_schema_extra=_unit("V"))
    v_reset: float | None = Field(
        None, gt=0, description="programming voltage downwards, magnitude", json_schema_extra=_unit("V")
    )
    pulse_width: float = Field(1e-3, gt=0, description="width of a programming pulse", json_schema_extra=_unit("s"))
    g_min: float | None = Field(None, gt=0, description="conductance of weight 0", json_schema_extra=_unit("S"))
    g_max: float | None = Field(None, gt=0, description="conductance of weight 1", json_schema_extra=_unit("S"))
    timeout: float = Field(5.0, gt=0, le=60, description="deadline of one exchange", json_schema_extra=_unit("s"))
    watchdog: bool = Field(True, description="a process of its own ends the test if this one dies or hangs")
    log: str | None = Field(None, description="file to which every exchange is appended")


class VirtualPmuParameters(PmuParameters):
    """A virtual one."""

    v_max: float = Field(5.0, gt=0, le=40, description="largest voltage across the cell", json_schema_extra=_unit("V"))
    i_max: float = Field(1e-2, gt=0, description="largest current of the cell", json_schema_extra=_unit("A"))
    no_compliance: bool = Field(True, description="accept that nothing keeps the current below i_max")
    dut: str = Field("sim:rram", description="device under test, sim:rram;alpha=0.01")
    noise: float = Field(0.0, ge=0, description="of a measured current", json_schema_extra=_unit("A"))
    seed: int = Field(0, ge=0, description="of noise and variability")


class PmuBackend(Backend):
    """Pulse cards."""

    name = "pmu"
    summary = "pulse-measure units, segments of 20 ns and more: a 4200A-SCS over KXCI, and a virtual one"

    def kinds(self) -> Sequence[DeviceKind]:
        """The virtual one; others are named by their resource."""
        return (self.kind("virtual"),)

    def kind(self, target: str) -> DeviceKind:
        """``virtual``, or a VISA resource such as TCPIP::192.168.0.5::1225::SOCKET."""
        if target == "virtual":
            summary = "virtual 4225-PMU on loopback; a real one is pmu:TCPIP::HOST::1225::SOCKET"
            return DeviceKind("virtual", summary, VirtualPmuParameters, _open_virtual)
        if "::" in target:
            return DeviceKind(target, f"4225-PMU at {target}", PmuParameters, partial(_open_real, target))
        raise InputError(
            f"no device 'pmu:{target}' {nearest(target, ['virtual'])}; a resource is TCPIP::HOST::1225::SOCKET"
        )


def _open_virtual(name: str, p: VirtualPmuParameters) -> Device:
    """Set a bench up, and open it like a real one."""
    with ExitStack() as stack:
        try:
            from instruments.virtual.bench import Bench
        except ImportError as error:
            raise InputError(f"{name} needs the extra lab, {INSTALL}: {error}") from None
        bench = stack.enter_context(Bench("4200A", p.dut, series=50.0, noise=p.noise, seed=p.seed))
        if p.channels == 1:
            bench.dut.connect(set(), set(), "2")
            bench.dut.connect({0}, {1}, "1")
        own = bench.dut.truth.programming
        if own is not None and own.polarity > 0:
            given = {word: getattr(own, word) for word in ("v_set", "v_reset", "g_min", "g_max")}
            p = p.model_copy(update={word: value for word, value in given.items() if getattr(p, word) is None})
        device = _open(name, bench.smu.resource, p, bench.clock, bench.forget, bench.busy)
        device.also_close(stack.pop_all().close)
        return device


def _open_real(resource: str, name: str, p: PmuParameters) -> Device:
    from instruments.link.clock import RealClock

    return _open(name, resource, p, RealClock())


def _open(
    name: str, resource: str, p: PmuParameters, clock: Clock, forget: Callable[[], None] | None = None,
    working: Callable[[], bool] = lambda: False,
) -> PmuDevice:  # fmt: skip
    try:
        from instruments.link.command_log import CommandLog
        from instruments.link.events import SwitchOff, note
        from instruments.link.link import Link
        from instruments.pmu.device import PmuDevice
        from instruments.pmu.session import OUTPUT, STATUS, Pmu
        from instruments.safety.guard import OutputGuard
        from instruments.safety.limits import SafetyLimits
        from instruments.safety.lock import ResourceLock
        from instruments.safety.tally import Tally
        from instruments.safety.unlimited import require_resistor
    except ImportError as error:
        raise InputError(f"{name} needs the extra lab, {INSTALL}: {error}") from None
    safety = SafetyLimits(
        v_max=p.v_max, i_max=p.i_max, width_max=p.width_max, pulses_max=p.pulses_max, forming=p.forming,
        v_forming=p.v_forming, v_read=p.v_read,
    )  # fmt: skip
    require_resistor("4225-PMU", safety.ceiling, p.i_max, OUTPUT, p.series, p.no_compliance, lines=p.channels)
    reach = {"terminator": "\0"}
    with ExitStack() as stack:
        log = None if p.log is None else stack.enter_context(CommandLog(Path(p.log)))
        part = f"card {p.card}"
        stack.enter_context(ResourceLock(resource, part))
        link = stack.enter_context(Link.open(resource, timeout=p.timeout, sync="kxci", log=log, terminator="\0"))
        link.working = working
        pmu = Pmu(link, channels=p.channels, rpm=p.rpm, card=p.card, i_max=p.i_max)
        order = SwitchOff(resource, pmu.off, "kxci", STATUS, reach, part)
        note(link, order.line())

        def guard() -> OutputGuard:
            made = OutputGuard(resource, order.off, order.sync, order.query, reach=reach)
            link.heartbeat = made.beat
            return made

        device = PmuDevice(
            name, pmu, safety, clock=clock, rise=p.rise, v_read=p.v_read, read_width=p.read_width,
            threshold=p.threshold, guard=guard if p.watchdog else None, line=link, forget=forget,
            tally=None if p.pulses_max is None else Tally(log, name),
        )  # fmt: skip
        device.programming, device.parameters = given_programming(name, p), p
        device.also_close(stack.pop_all().close)
        return device


backend = PmuBackend()
