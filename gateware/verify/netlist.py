"""Simulation of the netlist that synthesis makes for an iCE40, in Verilator, against the golden model."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gateware import toolchain
from gateware.geometry import Geometry
from gateware.verify.processes import Skipped, run
from gateware.verify.sessions import lines, session
from gateware.verify.simulation import Difference, GoldenEnd, SessionComparison

GEOMETRY = Geometry(4, 3, lanes=2, t_bits=6, v_bits=12, log_depth=4)

LIMIT = 900.0
"""Seconds for synthesis, for compiling and for simulating."""

HARNESS = Path(__file__).with_name("netlist.cc")

_WRAPPER = """\
module top(input clk, rst, rx_valid, tx_ready, input [7:0] rx_payload,
           output rx_ready, tx_valid, output [7:0] tx_payload);
  emulator emulator(.clk(clk), .rst(rst), .rx__valid(rx_valid), .rx__payload(rx_payload), .rx__ready(rx_ready),
                    .tx__valid(tx_valid), .tx__payload(tx_payload), .tx__ready(tx_ready));
endmodule
"""
"""Double underscores have a meaning of their own in the names that Verilator makes."""


def tools() -> str:
    """Path of Verilator.

    Raises
    ------
    Skipped
        If it, or what it needs, is not installed.
    """
    verilator = shutil.which("verilator")
    if verilator is None:
        raise Skipped("verilator is not installed: get it from your system's packages (Debian: apt install verilator)")
    for name in ("make", os.environ.get("CXX", "g++").split()[0]):
        if shutil.which(name) is None:
            raise Skipped(f"{name}, which verilator needs, is not installed: get it from your system's packages")
    return verilator


def compare_netlist(geometry: Geometry, seed: int, number: int) -> SessionComparison:
    """Synthesize, compile and play one session; see `gateware.verify.simulation.compare`."""
    verilator = tools()
    pieces = list(lines(session(geometry, seed, number), seed))
    with tempfile.TemporaryDirectory(prefix="memhil-netlist-") as name:
        folder = Path(name)
        _synthesize(folder, geometry)
        _verilate(folder, verilator)
        got = play([folder / "obj_dir" / "Vtop"], pieces)
    return held_to_golden(geometry, pieces, got)


def held_to_golden(geometry: Geometry, pieces: list[bytes], got: list[bytes], build: int = 0) -> SessionComparison:
    """Compare what a simulation answered to each piece with the golden model's answers."""
    golden = GoldenEnd(geometry)
    golden.core.set_register("build", build)
    wanted = [golden.link.feed(piece) for piece in pieces]
    difference = next(
        (
            Difference(place, piece, given, right)
            for place, (piece, given, right) in enumerate(zip(pieces, got, wanted, strict=True), 1)
            if given != right
        ),
        None,
    )
    spikes, updates = (golden.core.register(register) for register in ("spikes", "updates"))
    return SessionComparison(len(pieces), spikes, updates, golden.link.link_errors, difference)


def _synthesize(folder: Path, geometry: Geometry) -> None:
    from amaranth.back import rtlil

    from gateware.emulator import Emulator

    design = rtlil.convert(Emulator(geometry), name="emulator", platform=_ice40(), emit_src=False)
    (folder / "design.il").write_text(design, encoding="utf-8")
    (folder / "wrapper.v").write_text(_WRAPPER, encoding="utf-8")
    commands = "read_rtlil design.il; synth_ice40 -top emulator; write_verilog -noattr netlist.v"
    done = run([toolchain.find("yosys"), "-q", "-p", commands], folder, LIMIT)
    if done.code:
        raise toolchain.ToolError(f"synthesis failed: {toolchain.first_error(done.output)}")


def _ice40() -> object:
    """The platform, as some components look different on it."""
    from gateware.boards import find_board

    return find_board("icebreaker").platform()


def _verilate(folder: Path, verilator: str) -> None:
    shutil.copy(cells("ice40"), folder)
    verilate(folder, verilator, ["-DICE40_U=1", "wrapper.v", "netlist.v", "cells_sim.v"], HARNESS)


def cells(family: str) -> Path:
    """Simulation models of an FPGA's parts, which come with yosys."""
    return toolchain.cxxrtl_headers().parents[3] / family / "cells_sim.v"


def verilate(folder: Path, verilator: str, sources: Sequence[str], harness: Path) -> None:
    """Compile module `top` of the sources in a folder, and what drives it, to ``obj_dir/Vtop``."""
    shutil.copy(harness, folder)
    words = [
        verilator, "--cc", "--exe", "--build", "-Wno-fatal", "-Wno-lint", "-DNO_ICE40_DEFAULT_ASSIGNMENTS",
        "--top-module", "top", "-CFLAGS", "-O1 -w", *sources, harness.name,
    ]  # fmt: skip
    done = run(words, folder, LIMIT)
    if done.code:
        raise toolchain.ToolError(f"verilator failed: {toolchain.first_error(done.output)}")


def play(command: Sequence[str | Path], pieces: list[bytes]) -> list[bytes]:
    """Give the pieces to a simulation, a program; what comes back for each."""
    text = b"".join(struct.pack("=I", len(piece)) + piece for piece in pieces)
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise toolchain.ToolError(f"the simulated netlist took more than {LIMIT:g} s") from None
    answers: list[bytes] = []
    rest = done.stdout
    for _ in pieces:
        if len(rest) < 4:
            raise toolchain.ToolError(f"the simulated netlist ended after {len(answers)} of {len(pieces)} pieces")
        (size,) = struct.unpack_from("=I", rest)
        answers.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    return answers
