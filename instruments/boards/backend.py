"""Crossbar boards under ``arc:``: ArC ONE, ArC TWO, and a virtual ArC ONE behind a pseudo terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from hil.backends import Backend, DeviceKind
from hil.device import Device
from hil.programming import GIVEN_TOGETHER, given_programming
from instruments.boards.board import CrossbarBoard
from instruments.boards.device import BoardDevice
from instruments.boards.port import BoardPort
from instruments.link.clock import Clock, RealClock
from instruments.link.command_log import CommandLog
from instruments.link.events import SwitchOff, note
from instruments.safety.limits import SafetyLimits
from instruments.safety.lock import ResourceLock
from instruments.safety.tally import Tally
from instruments.safety.unlimited import require_resistor


def _unit(symbol: str) -> JsonDict:
    return {"unit": symbol}


class BoardParameters(BaseModel):
    """What holds for a sample on any board."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(32, ge=1, le=32, description="word lines")
    cols: int = Field(32, ge=1, le=32, description="bit lines")
    v_max: float = Field(gt=0, description="largest voltage across a cell", json_schema_extra=_unit("V"))
    i_max: float = Field(
        gt=0, description="largest current of a cell; no board limits it", json_schema_extra=_unit("A")
    )
    series: float = Field(
        0.0, ge=0, description="resistor in series with every cell, as it is there", json_schema_extra=_unit("ohm")
    )
    no_compliance: bool = Field(False, description="accept that nothing keeps the current below i_max")
    width_max: float = Field(1.0, gt=0, description="longest pulse", json_schema_extra=_unit("s"))
    pulses_max: int | None = Field(
        None, ge=1, description="most pulses above v_read in one session, or in all sessions with one log"
    )
    v_read: float = Field(0.2, gt=0, description="voltage of a read", json_schema_extra=_unit("V"))
    read_width: float = Field(1e-3, gt=0, description="time that a read counts for", json_schema_extra=_unit("s"))
    v_set: float | None = Field(None, gt=0, description="programming voltage upwards", json_schema_extra=_unit("V"))
    v_reset: float | None = Field(
        None, gt=0, description="programming voltage downwards, magnitude", json_schema_extra=_unit("V")
    )
    pulse_width: float = Field(1e-3, gt=0, description="width of a programming pulse", json_schema_extra=_unit("s"))
    g_min: float | None = Field(None, gt=0, description="conductance of weight 0", json_schema_extra=_unit("S"))
    g_max: float | None = Field(None, gt=0, description="conductance of weight 1", json_schema_extra=_unit("S"))
    serial: bool = Field(False, description="pulse the cells of a row one after another where a waveform drives it")
    gaps: bool = Field(False, description="rest between two pulses where the waveform does not")
    extrapolate: bool = Field(
        False, description="give a measured pulse its voltage times the conductance read after it; else NaN"
    )
    unfold: bool = Field(False, description="take off what inactive rows at V/2 or V/3 add to a reading")
    log: str | None = Field(None, description="file to which every exchange is appended")


class ArcOneParameters(BoardParameters):
    """An ArC ONE."""

    port: str = Field(description="serial port, /dev/ttyACM0 or COM3")
    scheme: Literal["V/2", "V/3", "floating"] = Field("V/3", description="how the board holds inactive lines")
    read_cycles: int = Field(30, ge=1, le=10_000, description="readings that a read is the mean of")
    baud_rate: int = Field(921_600, ge=50, le=4_000_000, description="of the port", json_schema_extra=_unit("1/s"))
    parity: Literal["even", "none", "odd"] = Field("even", description="of the port")
    timeout: float = Field(7.0, gt=0, le=60, description="deadline of an answer", json_schema_extra=_unit("s"))


class ArcTwoParameters(BoardParameters):
    """An ArC TWO."""

    firmware: str = Field(description="file of the FPGA's firmware, from the maker")
    number: int | None = Field(None, ge=0, description="of the board; the first one found if not given")
    scheme: Literal["floating", "grounded"] = Field("floating", description="how inactive channels are held")


class VirtualArcParameters(BoardParameters):
    """A virtual ArC ONE."""

    rows: int = Field(4, ge=1, le=32, description="word lines")
    cols: int = Field(4, ge=1, le=32, description="bit lines")
    v_max: float = Field(5.0, gt=0, description="largest voltage across a cell", json_schema_extra=_unit("V"))
    i_max: float = Field(1.0, gt=0, description="largest current of a cell", json_schema_extra=_unit("A"))
    no_compliance: bool = Field(True, description="accept that nothing keeps the current below i_max")
    scheme: Literal["V/2", "V/3", "floating"] = Field("V/3", description="how the board holds inactive lines")
    read_cycles: int = Field(30, ge=1, le=10_000, description="readings that a read is the mean of")
    dut: str = Field("sim:rram", description="device under test, sim:rram;alpha=0.01")
    seed: int = Field(0, ge=0, description="of variability")
    timeout: float = Field(7.0, gt=0, le=60, description="deadline of an answer", json_schema_extra=_unit("s"))


class ArcBackend(Backend):
    """All boards of ArC Instruments."""

    name = "arc"
    summary = "crossbar boards ArC ONE (serial port) and ArC TWO (pyarc2), and a virtual ArC ONE"

    def kinds(self) -> Sequence[DeviceKind]:
        """One a board."""
        return (
            DeviceKind("one", "ArC ONE, 32 x 32 crossbars over a serial port", ArcOneParameters, _open_one),
            DeviceKind("two", "ArC TWO, 32 x 32 crossbars through the library pyarc2", ArcTwoParameters, _open_two),
            DeviceKind("virtual", "virtual ArC ONE behind a pseudo terminal", VirtualArcParameters, _open_virtual),
        )


def _open_one(name: str, p: ArcOneParameters) -> Device:
    from instruments.boards.arc_one import SPEC, ArcOne

    _require_resistor(SPEC.model, p, SPEC.source_resistance)
    with ExitStack() as stack:
        log = None if p.log is None else stack.enter_context(CommandLog(Path(p.log)))
        port = _port(stack, p.port, p.baud_rate, p.parity, p.timeout, log)
        board = ArcOne(port, p.rows, p.cols, p.v_read, scheme=p.scheme, read_cycles=p.read_cycles)
        device = _device(name, board, p, RealClock(), log, port)
        device.also_close(stack.pop_all().close)
        return device


def _open_two(name: str, p: ArcTwoParameters) -> Device:
    from instruments.boards.arc_two import SPEC, ArcTwo

    _require_resistor(SPEC.model, p, SPEC.source_resistance)
    with ExitStack() as stack:
        log = None if p.log is None else stack.enter_context(CommandLog(Path(p.log)))
        stack.enter_context(ResourceLock(f"ARCTWO::{p.number}", "board"))
        board = ArcTwo(p.number, p.firmware, scheme=p.scheme)
        device = _device(name, board, p, RealClock(), log, None)
        device.also_close(stack.pop_all().close)
        return device


def _open_virtual(name: str, p: VirtualArcParameters) -> Device:
    """Serve a virtual board on a pseudo terminal, and open it like a real one."""
    from instruments.boards.arc_one import SPEC, ArcOne
    from instruments.virtual.arc_one import ArcBench

    _require_resistor(SPEC.model, p, SPEC.source_resistance)
    with ExitStack() as stack:
        log = None if p.log is None else stack.enter_context(CommandLog(Path(p.log)))
        bench = stack.enter_context(ArcBench(p.dut, p.rows, p.cols, seed=p.seed))
        port = _port(stack, bench.port, 921_600, "none", p.timeout, log)
        known = asdict(bench.truth.programming) if bench.truth.programming is not None else {}
        if bench.truth.programming is not None and bench.truth.programming.polarity > 0:
            p = p.model_copy(update={field: known[field] for field in GIVEN_TOGETHER if getattr(p, field) is None})
        board = ArcOne(
            port, p.rows, p.cols, p.v_read, scheme=p.scheme, read_cycles=p.read_cycles, wait=lambda seconds: None
        )
        device = _device(name, board, p, bench.clock, log, port, bench.forget)
        device.also_close(stack.pop_all().close)
        return device


def _port(
    stack: ExitStack, path: str, baud_rate: int, parity: str, timeout: float, log: CommandLog | None
) -> BoardPort:
    """Open a serial port that no other session holds; who watches is told that its board needs no switching off."""
    stack.enter_context(ResourceLock(f"ASRL{path}", "board"))
    port = BoardPort(path, baud_rate=baud_rate, parity=parity, timeout=timeout, log=log)
    stack.callback(port.close)
    note(port, SwitchOff(port.resource, (), "", "", {}, "board").line())
    return port


def _device(
    name: str, board: CrossbarBoard, p: BoardParameters, clock: Clock, log: CommandLog | None, line: object,
    forget: Callable[[], None] | None = None,
) -> BoardDevice:  # fmt: skip
    safety = SafetyLimits(v_max=p.v_max, i_max=p.i_max, width_max=p.width_max, pulses_max=p.pulses_max, v_read=p.v_read)
    device = BoardDevice(
        name, board, p.rows, p.cols, safety, clock=clock, v_read=p.v_read, read_width=p.read_width, serial=p.serial,
        gaps=p.gaps, extrapolate=p.extrapolate, unfold=p.unfold, forget=forget, line=line,
        tally=None if p.pulses_max is None else Tally(log, name),
    )  # fmt: skip
    device.programming, device.parameters = given_programming(name, p), p
    return device


def _require_resistor(model: str, p: BoardParameters, source: float) -> None:
    require_resistor(model, p.v_max, p.i_max, source, p.series, p.no_compliance)


backend = ArcBackend()
