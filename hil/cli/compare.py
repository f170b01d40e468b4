"""`hil compare`: one waveform on two devices."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hil.cli import checks, options

LINES = 4096
"""Rows and columns at most: 17 million cells, read `looks` times."""

PULSES = 100_000
"""Pulses and looks at most."""


def compare(
    device: Annotated[
        list[str], typer.Option("--device", metavar="URI", help="Given twice: BACKEND:KIND?NAME=VALUE&...")
    ],
    rows: Annotated[int, typer.Option(min=1, max=LINES, help="Rows, where the address does not say.")] = 16,
    cols: Annotated[int, typer.Option(min=1, max=LINES, help="Columns, where the address does not say.")] = 4,
    pulses: Annotated[int, typer.Option(min=1, max=PULSES, help="Programming pulses on random cells.")] = 200,
    voltage: Annotated[
        float | None,
        typer.Option(
            callback=checks.finite, help="Cell voltage of a pulse, V, both signs (default: the device's own, or 0.1)."
        ),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(callback=checks.finite, help="Width of a pulse, s (default: the device's own, or 1e-3)."),
    ] = None,
    looks: Annotated[int, typer.Option(min=1, max=PULSES, help="How often the cells are read on the way.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of cells and signs.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", callback=checks.picture_file, help="Draw both devices' cells here."),
    ] = None,
    json: options.Json = None,
) -> None:
    """Play one waveform on two devices and say how far apart their conductances end up.

    The difference is given in S and, if a device has discrete states, in steps between them. For example, the FPGA
    emulator against the model that it emulates:

    \b
    hil compare --device sim:rram?alpha=0.02 --device fpga:golden?alpha=0.02
    hil compare --device sim:flca --device "fpga:golden?cell=flca" --voltage 0.1 --width 1e-3
    """
    from hil.backends import open_device
    from hil.errors import InputError
    from hil.experiments.comparison import compare as play
    from hil.experiments.comparison import random_pulses
    from hil.runs.results import report

    if width is not None and width <= 0:
        raise InputError(f"--width {width:g} s: a pulse takes longer than 0 s")
    if len(device) != 2:
        raise InputError(f"--device was given {len(device)} times: compare two devices")
    size = {"rows": rows, "cols": cols}
    with open_device(device[0], defaults=size) as first, open_device(device[1], defaults=size) as second:
        programming = first.programming or second.programming
        if voltage is not None:
            voltages = (voltage, -voltage)
        else:
            voltages = (programming.up, programming.down) if programming else (0.1, -0.1)
        width = width or (programming.width if programming else 1e-3)
        waveform = random_pulses(first.rows, first.cols, pulses, voltages, width, width, seed)
        comparison = play((first, second), waveform, looks)
    report(comparison.rows(), f"{device[0]}  against  {device[1]}: {pulses} pulses of {width:g} s", json)
    if out is not None:
        from hil import plots

        plots.save_comparison(comparison.time, comparison.conductance, device, out)
        print(f"picture: {out}", file=sys.stderr)
