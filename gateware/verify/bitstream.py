"""Whole designs on their serial pins, in Verilator against the golden model.

Two ways to such a design: the Verilog of everything that a board's tools are given, with pins, reset and PLL; and the
bitstream itself, unpacked again by Project IceStorm (iceunpack, icebox_vlog), which knows no PLL, single-port RAM or
multiplier: an HX8K at its oscillator's clock.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from gateware import build, toolchain
from gateware.boards import find_board
from gateware.boards.board import Board
from gateware.geometry import Geometry
from gateware.link.uart import divisor
from gateware.verify.netlist import LIMIT, cells, held_to_golden, play, tools, verilate
from gateware.verify.processes import Skipped, run
from gateware.verify.sessions import lines, session
from gateware.verify.simulation import SessionComparison

GEOMETRY = Geometry(8, 3, lanes=1, t_bits=6, v_bits=12, log_depth=4, frame_buffer=512, encoder=False)

HARNESS = Path(__file__).with_name("pins.cc")

MODELS = Path(__file__).with_name("pins.v")
"""Pins and PLLs, as the design sees them."""


def compare_top(board: Board, geometry: Geometry, seed: int, number: int) -> SessionComparison:
    """Play a session on the pins of a board's design before synthesis: with its pins, reset and PLL.

    Parameters
    ----------
    board : Board
        An iCE40 or ECP5; where `geometry.clock` is not its oscillator's, there is a PLL.
    geometry : Geometry
        What is built.
    seed, number : int
        Of the session; how many random commands it has.

    Raises
    ------
    Skipped
        If Verilator is not installed.
    """
    verilator, pieces = tools(), list(lines(session(geometry, seed, number), seed))
    plan = build._plan(board, geometry, 1, build.emulator, 5)
    with tempfile.TemporaryDirectory(prefix="memhil-top-") as name:
        folder = Path(name)
        (folder / "top.il").write_text(_text(plan.files["top.il"]), encoding="utf-8")
        read = "read_rtlil top.il; proc -nomux -norom; memory_collect"
        command = f"{read}; write_verilog -norename -noattr design.v"
        done = run([toolchain.find("yosys"), "-q", "-p", command], folder, LIMIT)
        if done.code:
            raise toolchain.ToolError(f"yosys failed: {toolchain.first_error(done.output)}")
        text = _with_directions(_with_pins((folder / "design.v").read_text(encoding="utf-8")))
        (folder / "design.v").write_text(text, encoding="utf-8")
        shutil.copy(MODELS, folder)
        verilate(folder, verilator, ["design.v", MODELS.name], HARNESS)
        bit = str(divisor(build.geometry_on(board, geometry).clock, board.baud))
        got = play([folder / "obj_dir" / "Vtop", bit], pieces)
    return held_to_golden(build.geometry_on(board, geometry), pieces, got, 5)


def compare_bitstream(geometry: Geometry, seed: int, number: int) -> SessionComparison:
    """Build for the HX8K board, unpack the bitstream again, and play a session on its pins.

    Raises
    ------
    Skipped
        If Verilator or Project IceStorm is not installed.
    """
    verilator = tools()
    for name in ("iceunpack", "icebox_vlog"):
        if shutil.which(name) is None:
            raise Skipped(f"{name} is not installed: get it from your system's packages (Debian: fpga-icestorm)")
    board = find_board("hx8k")
    geometry = replace(geometry, clock=board.oscillator)
    pieces = list(lines(session(geometry, seed, number), seed))
    pins = _text(build._plan(board, geometry, 1, build.emulator, 0).files["top.pcf"])
    with tempfile.TemporaryDirectory(prefix="memhil-bitstream-") as name:
        folder = Path(name)
        made = build.build(board, geometry, out=folder / "build")
        (folder / "pins.pcf").write_text(_with_pins(pins), encoding="utf-8")
        _pipe(["iceunpack", str(made.folder / made.bitstream), "top.asc"], folder, None)
        _pipe(["icebox_vlog", "-s", "-p", "pins.pcf", "top.asc"], folder, folder / "chip.v")
        text = _declared_once((folder / "chip.v").read_text(encoding="utf-8"))
        (folder / "design.v").write_text(text.replace("module chip", "module top", 1), encoding="utf-8")
        shutil.copy(cells("ice40"), folder)
        verilate(folder, verilator, ["-DICE40_HX=1", "design.v", "cells_sim.v"], HARNESS)
        got = play([folder / "obj_dir" / "Vtop", str(divisor(geometry.clock, board.baud))], pieces)
    return held_to_golden(geometry, pieces, got, int(made.digest[:8], 16))


def _text(content: str | bytes) -> str:
    return content if isinstance(content, str) else content.decode()


def _with_pins(text: str) -> str:
    """Name the pins `pin_clk`, `pin_rx` and `pin_tx`: two underscores mean something else in Verilator's names."""
    text = re.sub(r"\bclk\w*_0__io\b", "pin_clk", text)
    return re.sub(r"\buart_0__(rx|tx)__io\b", r"pin_\1", text)


def _with_directions(text: str) -> str:
    """Say which way pins go: an iCE40's are declared both ways, as are the parts of the FPGA behind them."""
    for pin, direction in (("pin_clk", "input"), ("pin_rx", "input"), ("pin_tx", "output")):
        text = re.sub(rf"^  inout {pin};$", f"  {direction} {pin};", text, flags=re.MULTILINE)

    def directed(part: re.Match[str]) -> str:
        return part[0].replace("SB_IO", "SB_IO_OUT" if ".D_OUT_0(" in part[0] else "SB_IO_IN", 1)

    return re.sub(r"^  SB_IO #\(.*?^  \);$", directed, text, flags=re.DOTALL | re.MULTILINE)


def _declared_once(text: str) -> str:
    """Take the pins out of icebox_vlog's lists of wires: the ports are declared already."""

    def without_pins(line: re.Match[str]) -> str:
        kept = [name for name in line[1].split(", ") if name not in ("pin_clk", "pin_rx", "pin_tx")]
        return f"wire {', '.join(kept)};\n" if kept else ""

    return re.sub(r"^wire ((?:\w+, )*\w+);\n", without_pins, text, flags=re.MULTILINE)


def _pipe(command: list[str], folder: Path, output: Path | None) -> None:
    """Run a program of IceStorm; its standard output goes to a file, if one is given."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT)
    if done.returncode:
        raise toolchain.ToolError(f"{command[0]} failed: {toolchain.first_error(done.stdout + done.stderr)}")
    if output is not None:
        output.write_text(done.stdout, encoding="utf-8")
