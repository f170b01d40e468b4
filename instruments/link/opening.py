"""Opens a VISA session and finds the wire for it: what a resource is reached by, an adapter in front of it included."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import pyvisa
from pyvisa.constants import InterfaceType
from pyvisa.resources import MessageBasedResource

from hil.errors import InputError
from instruments.link.wire import HislipWire, OtherWire, SerialWire, SocketWire, Wire, os_errors


def open_wire(
    resource: str, timeout: float, *, library: str, terminator: str, baud_rate: int, gateway: str | None = None
) -> Wire:
    """Open a VISA session and find the wire for it; sends nothing to the instrument.

    Raises
    ------
    InputError
        If the name is malformed, or the library is missing or does not know such a resource.
    OSError
        If nobody answers there.
    """
    try:
        parsed = pyvisa.rname.parse_resource_name(resource)
        int(getattr(parsed, "port", 0))
    except ValueError as error:
        raise InputError(f"resource '{resource}' is no VISA resource name: {error}") from None
    try:
        manager = pyvisa.ResourceManager(library)
    except (ValueError, OSError) as error:
        raise InputError(f"VISA library '{library}': {_first_line(error)}") from None
    serial = parsed.interface_type_const == InterfaceType.asrl
    options = {"baud_rate": baud_rate} if serial else {}
    behind = None if gateway is None else _adapter(manager, gateway, timeout)
    with os_errors(), _closed_on_failure(behind):
        try:
            visa = manager.open_resource(resource, open_timeout=round(1e3 * timeout), timeout=1e3 * timeout, **options)
        except ValueError as error:
            raise InputError(f"resource '{resource}': {_first_line(error)}") from None
    try:
        if not isinstance(visa, MessageBasedResource):
            raise InputError(f"resource '{resource}' takes no messages: give an INSTR or SOCKET resource")
        session = getattr(manager.visalib, "sessions", {}).get(visa.session)
        interface = getattr(session, "interface", None)
        if isinstance(interface, socket.socket):
            return SocketWire(visa, interface, timeout)
        if hasattr(interface, "_sync") and hasattr(interface, "_payload_remaining"):
            return HislipWire(visa, interface)
        if serial and hasattr(interface, "in_waiting") and os.name == "posix":
            return SerialWire(visa, interface)
        wire = OtherWire(visa, ends=parsed.resource_class == "INSTR" and not serial, terminator=terminator)
        wire.behind = behind
        return wire
    except BaseException:
        visa.close()
        if behind is not None:
            behind.close()
        raise


def _adapter(manager: Any, gateway: str, timeout: float) -> Any:
    """Open a Prologix adapter: from then on its board's GPIB resources are reached through it (pyvisa-py 0.8)."""
    if not gateway.upper().startswith("PRLGX-"):
        raise InputError(f"gateway = {gateway}: give a Prologix adapter, PRLGX-TCPIP::HOST::1234::INTFC")
    with os_errors():
        try:
            adapter = manager.open_resource(gateway, open_timeout=round(1e3 * timeout), timeout=1e3 * timeout)
        except ValueError as error:
            raise InputError(f"gateway '{gateway}': {_first_line(error)}") from None
    interface = getattr(getattr(manager.visalib, "sessions", {}).get(adapter.session), "interface", None)
    if isinstance(interface, socket.socket):
        interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # its commands are short and many
    return adapter


@contextlib.contextmanager
def _closed_on_failure(behind: Any) -> Iterator[None]:
    """Let go of an adapter where what is behind it cannot be opened."""
    try:
        yield
    except BaseException:
        if behind is not None:
            behind.close()
        raise


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
