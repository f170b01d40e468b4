"""`hil export`: a simulated device's law for other simulators."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hil.cli import checks, options

if TYPE_CHECKING:
    from hil.runs.results import Row
    from sim.export.job import Export
    from sim.export.sweeps import VoltageSweep

app = typer.Typer(help="Write a device's law for other simulators: SPICE or Verilog-A.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="URI", help="Simulated device, such as sim:vteam?preset=FILE.json.")]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="FILE", callback=checks.output_file, help="Where to write (default: KIND and ending)."
    ),
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="WORD", help="Name of the cell in the file (default: KIND).")
]


@app.command("spice")
def spice(
    address: Address,
    out: Out = None,
    name: Name = None,
    testbench: Annotated[
        bool, typer.Option("--testbench", help="Write FILE_bench.cir, which sweeps and compares.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Run the test bench in ngspice, and say how they differ.")
    ] = False,
    shape: Annotated[str, typer.Option(metavar="SHAPE", help="Of the sweep: sine or triangle.")] = "sine",
    amplitude: Annotated[
        float | None,
        typer.Option(metavar="V", callback=checks.finite, help="Of the sweep (default: one that moves it)."),
    ] = None,
    frequency: Annotated[
        float | None,
        typer.Option(metavar="HZ", callback=checks.finite, help="Of the sweep (default: of an open loop)."),
    ] = None,
    periods: Annotated[int, typer.Option(min=1, max=100, help="Of the sweep.")] = 2,
    json: options.Json = None,
) -> None:
    """Write a cell as a sub-circuit for ngspice.

    The law's equations, its parameters and their units stand in it as comments. A test bench sweeps it and prints how
    far its current is from the simulation's.

    \b
    hil export spice "sim:vteam?preset=runs/fit-iv-001/vteam.json" --out cell.sub --testbench
    ngspice -b cell_bench.cir
    hil export spice sim:stanford --check --shape triangle
    """
    from hil.errors import InputError
    from hil.files import write_text
    from sim.export.job import Export

    if json is not None and not check:
        raise InputError(f"--json {json}: there is nothing to write without --check")
    export = Export.of(address)
    path = _path(export, out, ".sub")
    text, curve = export.text("spice", name), f"{path.stem}_curve.txt"
    sweep = export.sweep(shape, amplitude, frequency, periods) if testbench or check else None
    bench = "" if sweep is None else export.bench(path.name, name, sweep, curve)
    write_text(path, text)
    _tell(export, path)
    if testbench:
        target = path.with_name(f"{path.stem}_bench.cir")
        write_text(target, bench)
        print(f"test bench: {target}", file=sys.stderr)
    if check and sweep is not None:
        _check(export, sweep, {path.name: text, "bench.cir": bench}, curve, json)


@app.command("verilog-a")
def verilog_a(address: Address, out: Out = None, name: Name = None) -> None:
    """Write a cell as a module for OpenVAF and others.

    The law's equations stand in it as comments; parameters have their ranges.

    \b
    hil export verilog-a "sim:vteam?preset=runs/fit-iv-001/vteam.json" --out cell.va
    openvaf cell.va                # cell.osdi, which ngspice loads by pre_osdi
    """
    from hil.files import write_text
    from sim.export.job import Export

    export = Export.of(address)
    path = _path(export, out, ".va")
    write_text(path, export.text("verilog-a", name))
    _tell(export, path)


def _path(export: Export, out: str | None, ending: str) -> Path:
    from hil.errors import InputError

    if out == "-":
        raise InputError("--out -: name a file; test benches include it by its name")
    return Path(out or export.cell.name.partition(":")[2] + ending)


def _tell(export: Export, path: Path) -> None:
    for note in export.notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"written: {path}", file=sys.stderr)


def _check(export: Export, sweep: VoltageSweep, files: dict[str, str], curve: str, json: str | None) -> None:
    from hil.runs.results import report
    from sim.export.bench import played

    report(_rows(sweep, played(files, "bench.cir", curve).difference), f"{export.address} in ngspice", json)


def _rows(sweep: VoltageSweep, difference: float) -> list[Row]:
    from hil.runs.results import Row

    return [
        Row("sweep", sweep.shape),
        Row("amplitude", sweep.amplitude, "V"),
        Row("frequency", sweep.frequency, "Hz"),
        Row("periods", sweep.periods),
        Row(
            "largest difference", difference, note="of ngspice's current and the simulation's, over the largest current"
        ),
    ]
