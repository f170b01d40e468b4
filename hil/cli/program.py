"""`hil program`: bring every cell of an array to a target, by pulses and reads in turn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hil.cli import checks, options
from hil.cli.about import About, flags_of, with_about
from hil.errors import InputError, nearest
from hil.runs.stopping import refuse_with_resume

if TYPE_CHECKING:
    from hil.runs.outcome import Outcome

ENERGY = "energy"
"""Section with stated figures (`hil.energy`), beside that of the write."""

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE", help="Weights or conductances: .npz, .npy, .csv; or a network: .pt, .nir.", show_default=False
    ),
]
Device = Annotated[str | None, typer.Option("--device", metavar="URI", help="BACKEND:KIND?NAME=VALUE&...")]
Synapse = Annotated[
    str | None, typer.Option("--synapse", metavar="NAME", help="Cells of a weight: differential holds both signs.")
]
Layer = Annotated[
    str | None, typer.Option("--layer", metavar="NAME", help="Layer of a network; with one layer, that one.")
]
Tolerance = Annotated[
    str | None, typer.Option("--tolerance", metavar="FRACTION", help="Largest error, of the conductance range.")
]
Controller = Annotated[
    str | None, typer.Option("--controller", metavar="NAME", help="How pulses are chosen: pulses, ispp, pi.")
]
Scheme = Annotated[str | None, typer.Option("--scheme", metavar="NAME", help="V/2, V/3, grounded or floating.")]
LargestVoltage = Annotated[
    float | None,
    typer.Option("--v-max", metavar="V", callback=checks.finite, help="Never put more than this on a cell, V."),
]
MaxPulses = Annotated[
    int | None, typer.Option("--max-pulses", metavar="N", help="Pulses after which a cell is given up.")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change any setting; may be repeated.")
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file with a section [program].")]


@with_about
def program(
    source: Source = None,
    device: Device = None,
    synapse: Synapse = None,
    layer: Layer = None,
    tolerance: Tolerance = None,
    controller: Controller = None,
    scheme: Scheme = None,
    v_max: LargestVoltage = None,
    max_pulses: MaxPulses = None,
    config: Config = None,
    settings: Set = None,
    run: options.RunFolder = None,
    resume: options.Resume = None,
    *,
    about: About,
    json: options.Json = None,
) -> None:
    """Write a matrix into an array and verify every cell: read, pulse, read, until it is within the tolerance.

    FILE holds weights between 0 and 1 (0 is the lowest conductance of the device, 1 the highest) or, in an array
    `conductances` of an .npz, siemens; NaN leaves a cell alone. A device that names no size gets that of the matrix.
    With a synapse whose weights have signs, weights go from -1 to 1, and each cell of a weight is verified by itself.
    Of a trained network, a layer is written: inputs on rows, its largest weight at the end of the range.

    \b
    hil program weights.npz --device "sim:rram?d2d=5%"
    hil program weights.csv --device sim:vteam --controller ispp --tolerance 1%
    hil program weights.npy --device fpga:golden --scheme V/2
    hil program model.pt --layer fc1 --device sim:rram --synapse differential
    hil program cells.npz --device "visa:virtual?rows=4&cols=4" --max-pulses 200
    hil program --resume runs/program-weights-001     # after Ctrl-C, or anything worse

    RUN/written.npz has target, conductance, error, pulses and fate (1 reached, 2 as near as a pulse gets, -1 given up)
    of every cell.
    """
    from hil.runs.results import report
    from hil.writing import play

    flags: dict[str, Any] = {
        "source": source, "device": device, "synapse": synapse, "layer": layer, "tolerance": tolerance,
        "controller": controller, "scheme": scheme, "v_max": v_max, "max_pulses": max_pulses,
    }  # fmt: skip
    done = _played(flags, config, settings, run, resume, about)
    report(done.rows, str(done.path), json)
    for figure in done.figures:
        print(f"picture: {figure}", file=sys.stderr)
    print(f"cells: {done.path / play.WRITTEN}", file=sys.stderr)


def _played(
    flags: dict[str, Any],
    config: Path | None,
    settings: list[str] | None,
    run: Path | None,
    resume: Path | None,
    about: About,
) -> Outcome:
    """Begin the write that the flags ask for, or go on with one."""
    from hil.runs.metadata import checked
    from hil.writing import play

    if resume is not None:
        told = {("FILE" if key == "source" else f"--{key.replace('_', '-')}"): value for key, value in flags.items()}
        refuse_with_resume({**told, "--config": config, "--set": settings, "--run": run, **flags_of(about)})
        return play.restart(resume)
    full = [item if "." in item.partition("=")[0] else f"{play.KIND}.{item}" for item in settings or []]
    values = options.resolve(config, full, {f"{play.KIND}.{key}": value for key, value in flags.items()})
    asked = {**values.pop(play.KIND, {}), **({ENERGY: values.pop(ENERGY)} if ENERGY in values else {})}
    if values:
        raise InputError(f"hil program: no section '{min(values)}' {nearest(min(values), (play.KIND, ENERGY))}")
    if "source" not in asked:
        raise InputError("name the matrix to write: hil program FILE --device URI (see hil program --help)")
    return play.start(asked, run, checked(about))
