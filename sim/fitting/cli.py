"""`hil fit`: measured data and a device model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hil.cli import checks, importing, options
from hil.cli.group import lists
from sim.fitting.catalogue import FITS

Sources_ = Annotated[list[Path], typer.Argument(metavar="RUN|FILE...", help="Runs, or measured files of any format.")]
Models = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...|all",
        help="Models; several compete [train: nlhb; sweep: vteam; decay: power-law,exponential,flca-volatile].",
    ),
]
Noisy = Annotated[
    str | None,
    typer.Option(
        metavar="REL[,ABS]", help="Uncertainty of a reading: fraction, floor in S (a sweep: A) [0.01,max/1000]."
    ),
]
Fixed = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Hold a parameter; may be repeated.")]
Freed = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Fit a parameter held by default.")]
HoldBack = Annotated[
    str | None,
    typer.Option(
        "--hold-back", metavar="PART", help="Fit without the last PART of every train, and check the fit on it."
    ),
]
Play = Annotated[str, typer.Option(metavar="URI", help="Device on which a spike-timing window is to be played.")]
Pairs = Annotated[
    int, typer.Option(metavar="N", min=1, help="Pairs of pulses whose change together a window's table tells.")
]
Spread = Annotated[bool, typer.Option("--spread", help="Estimate c2c and read noise of one cell too.")]
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE.toml", callback=checks.output_file, help="Write settings that play a window."),
]

Profile = Annotated[bool, typer.Option("--profile/--no-profile", help="Intervals from the profile of the likelihood.")]


@lists(FITS, "Models, and every simulated device by its name")
def fit(
    source: Sources_,
    model: Models = None,
    noise: Noisy = None,
    loss: Annotated[str, typer.Option(metavar="LOSS", help="linear, or soft_l1 to weaken outliers.")] = "linear",
    fix: Fixed = None,
    free: Freed = None,
    order: Annotated[int, typer.Option(min=1, max=6, help="Highest n of R_n (FLCA).")] = 1,
    device: Annotated[int | None, typer.Option(min=0, help="Only this device of a run, counted from 0.")] = None,
    cell: importing.Cell = None,
    spread: Spread = False,
    profile: Profile = True,
    hold_back: HoldBack = None,
    play: Play = "sim:rram?alpha=0.01",
    pairs: Pairs = 1,
    out: Out = None,
    columns: importing.Columns = None,
    dwell: importing.Dwell = None,
    pulse: importing.Pulse = None,
    window: importing.Window = None,
    offset: importing.Offset = None,
    compliance: importing.Compliance = None,
    read_voltage: importing.ReadVoltage = None,
    decimal: importing.Decimal = None,
    kind: importing.Kind = None,
    run: options.RunFolder = None,
    json: options.Json = None,
) -> None:
    """Fit device models to measured data: intervals, correlations, residuals, and a preset that devices load.

    Several cells, of one file or of many, are fitted alone and then together: the preset has their spread (d2d, d2d_r,
    c2c, read_noise). Retention, paired pulses and spike-timing windows are fitted by formulas.

    \b
    hil fit runs/ltp-sim-rram-001 --model nlhb
    hil fit data.csv --model all                        # ranks every law that can explain the data
    hil fit devices.csv --model nlhb                    # many cells: one preset with their spread
    hil fit stdp.csv --play fpga:golden --out wta.toml  # a window, as a rule of hil train wta on that device
    hil train wta --device "sim:rram?preset=runs/fit-data-001/nlhb.json"
    """
    from hil.importing.request import request
    from hil.runs.results import report

    _require(source)
    from sim.fitting import play as fitting
    from sim.fitting.asked import Asked, fixed, noise_of
    from sim.fitting.fitting import loss_named

    asked = Asked(model, noise_of(noise), loss_named(loss), fixed(fix or []), tuple(free or ()), order, profile, spread)
    wanted = fitting.FitOptions(hold_back, play, pairs, None if out is None else Path(out))
    about = request(
        columns=columns, dwell=dwell, pulse=pulse, window=window, offset=offset, compliance=compliance,
        read_voltage=read_voltage, decimal=decimal, cell=cell, kind=kind,
    )  # fmt: skip
    done = fitting.start(source, asked, wanted, about, device, run)
    report(done.shown, done.shown.title, json, everything=done.rows)
    for sentence in done.told:
        print(sentence, file=sys.stderr)


def _require(source: list[Path]) -> None:
    """Refuse data that are not there before anything is imported that compiles for half a minute."""
    from hil.errors import InputError

    for file in source:
        if not file.exists():
            raise InputError(f"no data file {file}")
