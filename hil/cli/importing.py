"""`hil import`: anybody's measured files, as runs like those of `hil characterize`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hil.cli import checks, options
from hil.cli.about import About, with_about

if TYPE_CHECKING:
    from typing import TextIO

    from hil.importing.measured import MeasuredFile
    from hil.importing.reader import Findings
    from hil.importing.request import Request
    from hil.runs.metadata import Metadata

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Measured files of one kind; any format.")]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="QUANTITY=COLUMN:UNIT,...", help="time=1,voltage=AV,current=-AI:uA, ..."),
]
Dwell = Annotated[
    str | None, typer.Option("--dwell", metavar="TIME", help="Time between two samples, such as 10ms (s).")
]
Pulse = Annotated[
    str | None, typer.Option("--pulse", metavar="PULSES", help="Amplitudes and width: +1.2V/-1.4V,100us.")
]
Window = Annotated[
    str | None, typer.Option("--window", metavar="LOW,HIGH", help="Conductances of normalised data: 5uS,80uS.")
]
Offset = Annotated[
    str | None,
    typer.Option("--offset", metavar="CURRENT", help="Leave out currents against their voltage up to this: 1nA."),
]
Compliance = Annotated[
    str | None, typer.Option("--compliance", metavar="CURRENT", help="Current at which the source limited: 50uA.")
]
ReadVoltage = Annotated[
    str | None, typer.Option("--read-voltage", metavar="VOLTAGE", help="Voltage at which currents were read: 0.1V.")
]
Decimal = Annotated[str | None, typer.Option("--decimal", metavar="SIGN", help="Decimal sign: , or .")]
Cell = Annotated[str | None, typer.Option("--cell", metavar="NAME", help="Only this cell of a file with several.")]
Kind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="sweep, train, decay, ppf, stdp or endurance.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what was found, and end.")]
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE.csv", callback=checks.output_file, help="Write what was read in our own form."),
]


@with_about
def import_(
    files: Files,
    columns: Columns = None,
    dwell: Dwell = None,
    pulse: Pulse = None,
    window: Window = None,
    offset: Offset = None,
    compliance: Compliance = None,
    read_voltage: ReadVoltage = None,
    decimal: Decimal = None,
    cell: Cell = None,
    kind: Kind = None,
    dry_run: DryRun = False,
    out: Out = None,
    run: options.RunFolder = None,
    *,
    about: About,
    json: options.Json = None,
) -> None:
    """Read measured files of any format into a run: records with units, figure and numbers as of `hil characterize`.

    Format, encoding, delimiter, decimal sign, columns with their units, loops, cells and cycles are told by the content
    and said first, with what was left out and why. What is missing is asked for and never invented.

    \b
    hil import messung.csv                        # says what it found; makes a run
    hil import messung.csv --dry-run              # says what it found
    hil import iv.csv --dwell 10e-3               # voltages and currents without times
    hil import IV*.csv --columns time=1,voltage=AV,current=AI:uA --name "sample 7" --tag annealed
    hil import LTP_LTD.csv --pulse +1.2V/-1.4V,100us
    hil import updown.csv --pulse +1.2V/-1.4V,100us --window 5uS,80uS
    hil fit runs/import-messung-001 --model vteam
    """
    from hil.importing.request import request
    from hil.runs.metadata import checked

    asked = request(
        columns=columns, dwell=dwell, pulse=pulse, window=window, offset=offset, compliance=compliance,
        read_voltage=read_voltage, decimal=decimal, cell=cell, kind=kind,
    )  # fmt: skip
    metadata = checked(about)
    read = _read(files, asked, Path(out) if out else None, sys.stderr if json == "-" else sys.stdout)
    if not dry_run:
        _keep(read, asked, run, metadata, json)


def _read(files: list[Path], asked: Request, out: Path | None, stream: TextIO) -> list[MeasuredFile]:
    """Read all files, and say what was found, also where one ends in an error."""
    from hil.importing import play
    from hil.importing.clean import save_clean
    from hil.importing.reader import Findings
    from hil.importing.summary import summary

    findings = {file: Findings() for file in files}
    try:
        read = play.read_all(files, asked, findings)
    finally:
        _say(findings, stream)
    for file in read:
        for sentence in summary(file):
            print(f"  {sentence}", file=stream)
    if out is not None:
        save_clean(read, out)
        print(f"written: {out}", file=sys.stderr)
    return read


def _keep(read: list[MeasuredFile], asked: Request, run: Path | None, about: Metadata, json: str | None) -> None:
    """Make the run, report its rows, and name what else there is."""
    from hil.importing import play
    from hil.runs.results import report

    measured = play.keep(read, asked, run, about)
    report(measured.rows, measured.rows.title, json)
    for figure in measured.figures:
        print(f"picture: {figure}", file=sys.stderr)
    if measured.data is not None:
        print(f"data: {measured.data}", file=sys.stderr)


def _say(findings: dict[Path, Findings], stream: TextIO) -> None:
    """Say what was found in every file."""
    for file, found in findings.items():
        if found.said:
            print(f"{file}: {found.said[0]}", file=stream)
        for sentence in [*found.said[1:], *(f"left out: {s}" for s in found.dropped)]:
            print(f"  {sentence}", file=stream)
        for sentence in found.warned:
            print(f"  warning: {sentence}", file=stream)
