"""Back end ``fpga:``: the emulator on a board, in a simulation, or as its golden model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateware.adoption import adopt, recognise
from gateware.built_in import read_record, settled
from gateware.device import FpgaDevice, StepDevice
from gateware.flca_device import FlcaDevice
from gateware.geometry import Geometry
from gateware.parameters import LAWS, FpgaParameters
from hil.backends import Backend, DeviceKind
from hil.errors import InputError, nearest
from sim.cells import rram

if TYPE_CHECKING:
    from gateware.host.transport import Transport


@dataclass(frozen=True)
class Carrier:
    """What an emulator runs on: the golden model, a simulator, or a board at a serial port.

    Attributes
    ----------
    summary : str
        One line on it.
    open : callable
        Makes a transport for a geometry.
    line : callable or None
        Makes one for the parameters of an address instead, where it can be chosen (`baud`, `link`, `latency`).
    """

    summary: str
    open: Callable[[Geometry], Transport]
    line: Callable[[FpgaParameters], Transport] | None = None


def _golden(geometry: Geometry) -> Transport:
    from gateware.golden.core import GoldenCore
    from gateware.golden.link import GoldenLink
    from gateware.host.golden_transport import GoldenTransport

    core = GoldenCore(geometry)

    def execute(command: bytes) -> bytes:
        core.set_register("link_errors", link.link_errors)
        return core.execute(command)

    link = GoldenLink(execute, geometry.frame_buffer)
    return GoldenTransport(link)


def _cxxrtl(geometry: Geometry) -> Transport:
    from gateware.host.cxxrtl import open_cxxrtl

    return open_cxxrtl(geometry)


def _pysim(geometry: Geometry) -> Transport:
    from gateware.host.pysim import open_pysim

    return open_pysim(geometry)


def _golden_line(parameters: FpgaParameters) -> Transport:
    """The golden model, behind a modelled FTDI chip if the address asks for one."""
    if parameters.link == "direct":
        return _golden(parameters.geometry())
    from gateware.host.ftdi import PACKETS, FtdiChip, FtdiModel

    chip = FtdiChip(parameters.baud, parameters.latency, PACKETS[parameters.link])
    return FtdiModel(parameters.geometry(), parameters.clock, chip)


def _serial(port: str, baud: float) -> Transport:
    from gateware.host.serial_port import SerialPort

    return SerialPort(port, round(baud))


CARRIERS = {
    "golden": Carrier(
        "golden model of the FPGA emulator, bit-exact; a board is fpga:/dev/ttyUSB0 or fpga:COM3, its logic is "
        "simulated under fpga:cxxrtl (compiled) and fpga:sim (slow)",
        _golden,
        _golden_line,
    ),
    "cxxrtl": Carrier("logic of the FPGA emulator, compiled", _cxxrtl),
    "sim": Carrier("logic of the FPGA emulator in Amaranth's simulator, slow", _pysim),
}
"""Carriers that need no hardware, by the name after ``fpga:``; a board is named by its serial port instead."""


class FpgaBackend(Backend):
    """The back end ``fpga:``: emulated crossbars."""

    name = "fpga"
    summary = "FPGA emulator of a crossbar with its neurons: golden model, simulations, boards on a serial port"

    def kinds(self) -> Sequence[DeviceKind]:
        """The golden model: all others have the same parameters, and opening them takes minutes, tools or a board."""
        return (self.kind("golden"),)

    def kind(self, target: str) -> DeviceKind:
        """A kind by name, or a serial port: /dev/..., COM3."""
        if "/" in target or target.upper().startswith("COM"):
            default = FpgaParameters().baud
            return _kind(
                target,
                Carrier(
                    f"board on {target}",
                    lambda _: _serial(target, default),
                    lambda parameters: _serial(target, parameters.baud),
                ),
            )
        if target not in CARRIERS:
            raise InputError(f"no device '{self.name}:{target}' {nearest(target, CARRIERS)}")
        return _kind(target, CARRIERS[target])


def _kind(name: str, carrier: Carrier) -> DeviceKind:
    def build(uri: str, parameters: FpgaParameters) -> FpgaDevice:
        return open_emulator(uri, parameters, carrier)

    return DeviceKind(name, carrier.summary, FpgaParameters, build, rram.PRESETS, LAWS)


def open_emulator(name: str, parameters: FpgaParameters, carrier: Carrier) -> FpgaDevice:
    """Connect to an emulator and read from it what the address left open; one of another kind is closed and refused."""
    try:
        from gateware.host.client import Client

        if parameters.link != "direct" and carrier.line is not _golden_line:
            raise InputError(
                f"{name}: link = {parameters.link} is a model around fpga:golden, this has a line of its own"
            )
        transport = carrier.open(parameters.geometry()) if carrier.line is None else carrier.line(parameters)
    except ImportError as error:
        raise InputError(f"{name} needs the extra fpga, pip install memhil[fpga]: {error}") from None
    try:
        client = Client(transport)
        # An emulator of another version may have fewer registers.
        recognise(name, parameters, client.read_registers("identity", "version"))
        found = client.read_registers()
        used, geometry = adopt(name, parameters, found)
        built_in = read_record(client, found)
        used = settled(name, used, parameters, built_in)
        return (StepDevice if geometry.cell == "step" else FlcaDevice)(name, used, geometry, client, built_in)
    except BaseException:
        transport.close()
        raise


backend = FpgaBackend()
