"""What the lab needs of a machine: pyvisa, libraries behind it, loopback for the virtual bench, leave to use USB."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from ctypes.util import find_library
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hil.doctor.diagnosis import Diagnosis

LAB = 'pip install "memhil[lab]"'


def check() -> Iterator[Diagnosis]:
    """Pyvisa and what it opens resources with, GPIB, USB, and a port on loopback."""
    for name, needed_for in (("pyvisa", "every instrument"), ("pyvisa-py", "sockets, serial and USB without NI-VISA")):
        yield _package(name, needed_for, LAB)
    visa = find_library("visa") or find_library("visa64")
    yield Diagnosis(
        "VISA library", "ok" if visa else "absent", visa or "none of NI, Keysight or R&S; pyvisa-py does without",
        "" if visa else "for GPIB through NI's or Keysight's interfaces: theirs",
    )  # fmt: skip
    yield _package("pyserial", "RS-232", LAB)
    yield _package("pyusb", "USB (USBTMC)", "pip install pyusb, and libusb from your system")
    yield _package("gpib-ctypes", "GPIB through linux-gpib", "pip install gpib-ctypes, and linux-gpib")
    for path in sorted(Path("/dev").glob("usbtmc*")):
        free = os.access(path, os.R_OK | os.W_OK)
        yield Diagnosis(
            str(path), "ok" if free else "fault", "may be opened" if free else "this user may not open it",
            "" if free else "a udev rule that gives it a group of yours",
        )  # fmt: skip
    yield _loopback()


def _package(name: str, needed_for: str, cure: str) -> Diagnosis:
    try:
        return Diagnosis(name, "ok", version(name))
    except PackageNotFoundError:
        return Diagnosis(name, "absent", f"not installed; for {needed_for}", cure)


def _loopback() -> Diagnosis:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 2.0):
            return Diagnosis("loopback", "ok", "sockets on 127.0.0.1 work, for visa:virtual")
    except OSError as error:
        return Diagnosis(
            "loopback", "fault", f"no socket on 127.0.0.1: {error.strerror}", "a firewall or sandbox forbids it; "
            "visa:virtual needs it",
        )  # fmt: skip
