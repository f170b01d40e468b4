"""`hil doctor`: what on this machine keeps memhil from working, each with its cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hil.cli import options

if TYPE_CHECKING:
    from hil.doctor.diagnosis import Diagnosis
    from hil.runs.results import Row

MARKS = {"ok": "ok", "absent": "not there", "fault": "FAULT"}


def doctor(
    part: Annotated[
        str | None, typer.Argument(metavar="[PART]", help="Look at this part only, such as lab or fpga.")
    ] = None,
    json: options.Json = None,
) -> None:
    """Look for what keeps memhil from working here: Python, extras, compilers, VISA, ports, caches; tell the cures.

    Nothing is driven, changed or downloaded. What is not there is no fault: only those need it who use it. Ends with
    exit code 1 where there is a fault.

    \b
    hil doctor                # everything, faults first
    hil doctor fpga           # tools, compiler, cache, serial ports and their permissions
    """
    from hil.doctor.diagnosis import CHECKS, diagnoses
    from hil.runs.results import report

    if part is not None:
        CHECKS.find(part)
    found = list(diagnoses(part))
    found.sort(key=lambda one: one[1].state != "fault")
    rows = [_row(where, each) for where, each in found]
    faults = sum(each.state == "fault" for _, each in found)
    absent = sum(each.state == "absent" for _, each in found)
    summary = f"{len(found)} things looked at: {faults} fault{'s' * (faults != 1)}, {absent} not there"
    report(rows, summary, json, {"quantity": "what", "value": "state", "note": "found"})
    if faults:
        raise typer.Exit(1)


def _row(part: str, found: Diagnosis) -> Row:
    from hil.runs.results import Row

    note = found.told + (f"  ->  {found.cure}" if found.cure else "")
    return Row(found.name, MARKS[found.state], note=note, conditions={"part": part}, label=f"{part}: {found.name}")
