"""Compiled simulation of the emulator: yosys (CXXRTL) turns it into C++, which a compiler makes fast.

Cycle for cycle what the FPGA does, at millions of cycles a second. The shared library is kept like a bitstream, by what
went into it.
"""

from __future__ import annotations

import ctypes
import subprocess
import time
from pathlib import Path

from gateware import cache, toolchain
from gateware.build import Design, emulator
from gateware.geometry import Geometry
from gateware.host import cxxrtl_code
from gateware.host.transport import SimulatedTransport

SLICE = 100_000
"""Cycles between two looks at the clock on the wall: some 20 ms."""

SETTLE = 64
"""Cycles without a byte after which nothing more comes, if all frames are answered."""

DEAF = 50_000_000
"""The same if an answer is still due: no command takes so long."""

SLOWEST = 200_000
"""Cycles a second of a slow machine, where the code could not be rewritten."""

ROOM = 1 << 16
"""Bytes that are taken from the simulation at once."""

LIBRARY = "design.so"
HARNESS = Path(__file__).parent.parent / "cxxrtl" / "harness.cc"


class CxxrtlTransport(SimulatedTransport):
    """Bytes to and from a compiled simulation, which runs only while something is received."""

    name = "compiled simulation"
    # The simulation itself notices first that nothing comes.
    patience = 1.2 * DEAF / SLOWEST

    def __init__(self, library: Path) -> None:
        """Start the simulation, out of reset."""
        self.idle = True
        self._waiting = b""
        self._library = ctypes.CDLL(str(library))
        self._library.memhil_new.restype = ctypes.c_void_p
        self._library.memhil_delete.argtypes = [ctypes.c_void_p]
        self._library.memhil_cycles.restype = ctypes.c_uint64
        self._library.memhil_cycles.argtypes = [ctypes.c_void_p]
        self._library.memhil_run.restype = ctypes.c_size_t
        self._library.memhil_run.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t), ctypes.c_char_p,
            ctypes.c_size_t, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.POINTER(ctypes.c_int),
        ]  # fmt: skip
        self._handle = self._library.memhil_new()
        self._room = ctypes.create_string_buffer(ROOM)

    @property
    def cycles(self) -> int:
        """Clock cycles since the start."""
        return int(self._library.memhil_cycles(self._handle))

    def send(self, data: bytes) -> None:
        """Queue bytes; they are taken when something is received."""
        self._waiting += data
        self.idle = False

    def receive(self, timeout: float) -> bytes:
        """Run until bytes come out, the design is idle, or `timeout` seconds are over."""
        end = time.monotonic() + timeout
        while not self.idle:
            data = self._run(SLICE)
            if data or time.monotonic() >= end:
                return data
        return b""

    def _run(self, limit: int) -> bytes:
        taken, idle = ctypes.c_size_t(), ctypes.c_int()
        count = self._library.memhil_run(
            self._handle, self._waiting, len(self._waiting), ctypes.byref(taken), self._room, ROOM, limit,
            SETTLE, DEAF, ctypes.byref(idle),
        )  # fmt: skip
        self._waiting = self._waiting[taken.value :]
        self.idle = bool(idle.value)
        return self._room.raw[:count]

    def close(self) -> None:
        """End the simulation."""
        if self._handle is not None:
            self._library.memhil_delete(self._handle)
            self._handle = None


def open_cxxrtl(geometry: Geometry, design: Design = emulator) -> CxxrtlTransport:
    """Compile a design, unless it was before, and start it.

    Parameters
    ----------
    geometry : Geometry
        What to simulate.
    design : callable
        Makes the component from the geometry.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    """
    compiler = toolchain.compiler()
    tools = f"{toolchain.identifier(['yosys'])}; {compiler.identity} {' '.join(compiler.flags)}"
    harness = HARNESS.read_text(encoding="utf-8")
    rewriter = Path(cxxrtl_code.__file__).read_text(encoding="utf-8")
    # A home folder may be shared by machines of several kinds.
    around = cache.digest(harness, rewriter, tools, toolchain.processor())
    source = cache.digest(cache.sources(design), around, repr(geometry))

    def elaborated() -> str:
        return cache.digest(_rtlil(design, geometry, 0), around)

    digest = cache.recall("designs", source, elaborated)

    def make(folder: Path) -> None:
        (folder / "design.il").write_text(_rtlil(design, geometry, int(digest[:8], 16)), encoding="utf-8")
        (folder / "harness.cc").write_text(harness, encoding="utf-8")
        _compile(folder, compiler)

    return CxxrtlTransport(cache.made("cxxrtl", digest, make) / LIBRARY)


def _rtlil(design: Design, geometry: Geometry, number: int) -> str:
    toolchain.require_amaranth()
    from amaranth.back import rtlil

    return str(rtlil.convert(design(geometry, number), name="top", emit_src=False))


def _compile(folder: Path, compiler: toolchain.Compiler) -> None:
    """Make the shared library of ``design.il`` and ``harness.cc``; leave it alone in the folder."""
    defines = ['-DDESIGN="design.cc"']
    code = _cxx(folder, cxxrtl_code.SCRIPT)
    try:
        code = cxxrtl_code.rewrite(code)
        defines.append("-DGATED")
    except cxxrtl_code.NotUnderstood as reason:
        toolchain.say(f"the simulation will be several times slower than usual: {reason}")
        code = _cxx(folder, "hierarchy -auto-top")
    (folder / "design.cc").write_text(code, encoding="utf-8")
    toolchain.say(f"{compiler.identity}: compiling the simulation, {compiler.patience} ...")
    words = [
        *compiler.command, "-std=c++17", *compiler.flags, "-DNDEBUG", "-fPIC", "-shared", "-w", *defines,
        "-I", str(toolchain.cxxrtl_headers()), "harness.cc", "-o", LIBRARY,
    ]  # fmt: skip
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise toolchain.ToolError(f"the C++ compiler failed: {toolchain.first_error(done.stderr)}")


def _cxx(folder: Path, script: str) -> str:
    """C++ of ``design.il``, written by CXXRTL after the yosys passes of `script`."""
    # -g0: nobody looks inside a compiled simulation, and names of all signals take half of the code.
    passes = f"read_rtlil design.il; {script}; write_cxxrtl -g0 design.cc"
    toolchain.run("yosys", ["-q", "-p", passes], folder, "C++ of the design")
    return (folder / "design.cc").read_text(encoding="utf-8")
