"""`hil fpga estimate` and `export`: what a build would take, and a build for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateware.options import (
    Annealing,
    Cell,
    Clock,
    Cols,
    Encoder,
    Lanes,
    LogDepth,
    MembraneBits,
    Rows,
    StateBits,
    Tie,
    TimeBits,
    chosen_geometry,
)
from hil.cli import checks, options


def estimate(
    board: Annotated[str, typer.Option("--board", help="Board to build for, see `hil fpga boards`.")],
    rows: Rows = None,
    cols: Cols = None,
    lanes: Lanes = None,
    state_bits: StateBits = None,
    cell: Cell = None,
    tie: Tie = None,
    encoder: Encoder = None,
    annealing: Annealing = None,
    t_bits: TimeBits = None,
    v_bits: MembraneBits = None,
    log_depth: LogDepth = None,
    clock: Clock = None,
    json: options.Json = None,
) -> None:
    """Say what a build would take of the FPGA and how many images a second it would learn, before any tool runs.

    Block RAMs follow from the design's memories and are right to the last one; lookup tables are within 10 % of the
    builds that were placed so far; the clock is that of the nearest of these and changes by 10 % from seed to seed.
    Images are MNIST digits in 350 ticks, 0.97 input spikes a row and 9 output spikes that learn.
    Without --lanes the fastest lane counts that fit are listed, the one that `hil fpga build` takes first: the fewest
    lanes within 5 % of the fastest. Exit code 1 if nothing fits.

    \b
    hil fpga estimate --board ulx3s-85f --rows 784 --cols 500
    hil fpga estimate --board icebreaker --cols 20 --lanes 1
    """
    from gateware import estimate as estimator
    from gateware.boards import find_board
    from gateware.report import estimate_rows, lane_rows
    from gateware.toolchain import require_amaranth, say
    from hil.runs.results import report

    require_amaranth()
    target = find_board(board)
    sizes = {
        "rows": rows, "cols": cols, "lanes": lanes, "state_bits": state_bits, "cell": cell, "tie": tie,
        "encoder": encoder, "annealing": annealing, "t_bits": t_bits, "v_bits": v_bits, "log_depth": log_depth,
        "clock": clock,
    }  # fmt: skip
    geometry = chosen_geometry(target.geometry, sizes)
    fitting = [] if lanes else estimator.choose(target, geometry)
    found = fitting[0] if fitting else estimator.estimate(target, geometry)
    g = found.geometry
    title = f"{g.rows} x {g.cols} in {g.lanes} lanes on {target.name}, estimated"
    report([*estimate_rows(found), *lane_rows(fitting)], title, json)
    if found.shortage:
        say(f"does not fit: {found.shortage}")
        raise typer.Exit(1)
    if found.tight:
        say("may or may not fit: lookup tables are known to 10 % only")


def export(
    folder: Annotated[Path, typer.Argument(metavar="BUILD_DIR", help="Folder that `hil fpga build` filled.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", callback=checks.output_folder, help="Folder to fill (default: BUILD_DIR-verilog)."
        ),
    ] = None,
    verilog: Annotated[bool, typer.Option("--verilog/--no-verilog", help="The design, its ports, its clock.")] = True,
    testbench: Annotated[
        bool, typer.Option("--testbench", help="A testbench with the golden model's answers.")
    ] = False,
    vcd: Annotated[bool, typer.Option("--vcd", help="Waves of the same, from Amaranth's simulator.")] = False,
) -> None:
    """Write a build's emulator for Vivado, Quartus, LiteX or a simulator: Verilog with AXI-Stream ports, constraints,
    golden vectors, a testbench that checks itself, waves.

    The README in the folder says how to run each; Icarus Verilog and Verilator need nothing else.

    \b
    hil fpga export build/ulx3s-85f-784x10p10 --verilog --testbench --vcd
    """
    from gateware.build import load
    from gateware.export import project
    from gateware.toolchain import require_amaranth, say
    from hil.errors import InputError

    require_amaranth()
    built = load(folder)
    if built.tables:
        raise InputError(
            f"{folder}: holds the tables of {built.tables}, which are kept in its bitstream alone; build without them"
        )
    target, g, number = out or folder.with_name(f"{folder.name}-verilog"), built.geometry, int(built.digest[:8], 16)
    target.mkdir(parents=True, exist_ok=True)
    if verilog:
        project.write_verilog(target, g, number)
    if testbench:
        project.write_testbench(target, g, number)
    if vcd:
        project.write_waves(target, g, number)
    project.write_readme(target, target.name, g, number)
    say(f"exported: {target}")
