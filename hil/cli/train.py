"""`hil train`: train a network on a device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hil.cli import checks, options

if TYPE_CHECKING:
    from hil.training.driver import Driver

app = typer.Typer(no_args_is_help=True, help="Train a network on any device.")

Epochs = Annotated[
    float | None,
    typer.Option("--epochs", callback=checks.finite, help="Passes through the training images; 0.25 is a quarter."),
]


@app.command()
def stdp(
    dataset: options.DataSet = None,
    data_dir: options.DataDir = None,
    device: options.DeviceUri = None,
    epochs: Epochs = None,
    seed: options.Seed = None,
    seeds: options.Seeds = None,
    readout: Annotated[
        str | None, typer.Option(help="select, raw, total, centred, relative or contrast; see docs/training.md.")
    ] = None,
    config: options.Config = None,
    settings: options.Settings = None,
    run: options.RunFolder = None,
    resume: options.Resume = None,
    json: options.Json = None,
) -> None:
    """Train one layer a class by spike timing: input pulse, delay, response pulse.

    Every row is a pixel, every column a layer. The delay between an image and the response pulse on a column tells
    whether the image shows the column's class; nothing addresses a single weight. Accuracy is printed beside its
    controls: no training, shuffled labels, nearest class mean.

    \b
    hil train stdp                                     # bundled digits, under a minute
    hil train stdp --dataset mnist --data-dir DIR --epochs 0.25 --run runs/four
    hil train stdp --config examples/stdp_digits.toml --set train.seed=7
    hil train stdp --resume runs/four                  # after Ctrl-C, or anything worse
    """
    from hil.training.stdp import StdpTraining

    flags = {
        "data.dataset": dataset,
        "data.dir": data_dir,
        "device.uri": device,
        "train.epochs": epochs,
        "train.seed": seed,
        "train.seeds": seeds,
        "train.readout": readout,
    }
    _run(StdpTraining, flags, config, settings, run, resume, json)


@app.command()
def wta(
    dataset: options.DataSet = None,
    data_dir: options.DataDir = None,
    device: options.DeviceUri = None,
    neurons: Annotated[int | None, typer.Option(help="Output neurons, one a column.")] = None,
    epochs: Epochs = None,
    seed: options.Seed = None,
    seeds: options.Seeds = None,
    config: options.Config = None,
    settings: options.Settings = None,
    run: options.RunFolder = None,
    resume: options.Resume = None,
    json: options.Json = None,
) -> None:
    """Learn without labels: spikes in, the winning neuron's cells follow its inputs.

    Each neuron is a column. After training it gets the class that it answers most, and a digit is classified by its
    most active neuron.

    \b
    hil train wta                                      # bundled digits
    hil train wta --dataset mnist --data-dir DIR --device "sim:rram?alpha=0.002" --neurons 500
    """
    from hil.training.wta import WtaTraining

    flags = {
        "train.neurons": neurons,
        "data.dataset": dataset,
        "data.dir": data_dir,
        "device.uri": device,
        "train.epochs": epochs,
        "train.seed": seed,
        "train.seeds": seeds,
    }
    _run(WtaTraining, flags, config, settings, run, resume, json)


@app.command()
def lifelong(
    targets: Annotated[str | None, typer.Option(metavar="A,B,...", help="Classes to learn one after another.")] = None,
    images: Annotated[int | None, typer.Option(help="Images per target.")] = None,
    dataset: options.DataSet = None,
    data_dir: options.DataDir = None,
    device: options.DeviceUri = None,
    seed: options.Seed = None,
    seeds: options.Seeds = None,
    config: options.Config = None,
    settings: options.Settings = None,
    run: options.RunFolder = None,
    resume: options.Resume = None,
    json: options.Json = None,
) -> None:
    """Train one layer on one class after another and watch its weights morph.

    A reference layer beside it never gets the target's timing; the picture is the difference of the two.

    \b
    hil train lifelong --targets 4,7,2
    """
    from hil.training.lifelong import LifelongTraining

    flags = {
        "train.targets": targets,
        "train.images": images,
        "data.dataset": dataset,
        "data.dir": data_dir,
        "device.uri": device,
        "train.seed": seed,
        "train.seeds": seeds,
    }
    _run(LifelongTraining, flags, config, settings, run, resume, json)


@app.command()
def pill(
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME", help="lines3x3 (Figure 9), digits, mnist, ...")
    ] = None,
    data_dir: options.DataDir = None,
    device: options.DeviceUri = None,
    line: Annotated[int | None, typer.Option(help="lines3x3: length of a line, 2 or 3 pixels.")] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="A+B,C,...", help="Classes that share a column; one each if not given.")
    ] = None,
    epochs: Epochs = None,
    flipped: Annotated[
        str | None, typer.Option(metavar="FRACTION", help="Pixels inverted in training images, 0.1 or 10%.")
    ] = None,
    flipped_test: Annotated[
        str | None, typer.Option(metavar="FRACTION", help="The same in images to be recognised.")
    ] = None,
    seed: options.Seed = None,
    seeds: options.Seeds = None,
    config: options.Config = None,
    settings: options.Settings = None,
    run: options.RunFolder = None,
    resume: options.Resume = None,
    json: options.Json = None,
) -> None:
    """Train paired inputs: a weight learns that two pixels are lit together when a response comes.

    Every two pixels meet in a VALVeD pair in front of a weight of their own; a response is one pulse on a column as a
    whole. With lines3x3, one column responds to vertical lines, and the resistances are compared with those of the
    controls; with other data sets, every column responds to its class.

    \b
    hil train pill                                     # bundled digits
    hil train pill --dataset lines3x3 --epochs 8
    hil train pill --dataset mnist --data-dir DIR --device sim:pill
    hil train pill --dataset lines3x3 --device "fpga:golden?cell=flca&R=5e3,4.5e5&phi_max=0.2&v_step=1e-3"
    """
    from hil.training.pill import PillTraining

    flags = {
        "data.dataset": dataset,
        "data.dir": data_dir,
        "device.uri": device,
        "train.line": line,
        "train.columns": columns,
        "train.epochs": epochs,
        "train.flipped": flipped,
        "train.flipped_test": flipped_test,
        "train.seed": seed,
        "train.seeds": seeds,
    }
    _run(PillTraining, flags, config, settings, run, resume, json)


def _run(
    driver: type[Driver],
    flags: dict[str, Any],
    config: Path | None,
    settings: list[str] | None,
    run: Path | None,
    resume: Path | None,
    json: str | None,
) -> None:
    """Start or resume a run of `driver`, then report its rows and name its pictures."""
    from hil.runs.results import report
    from hil.training import play

    if resume is not None:
        options.refuse_with_resume({"--config": config, "--set": settings, "--run": run, **flags})
        outcome = play.restart(driver, resume)
    else:
        outcome = play.start(driver, options.resolve(config, settings, flags), run)
    report(outcome.rows, outcome.rows.title, json)
    for picture in outcome.figures:
        print(f"picture: {picture}", file=sys.stderr)
