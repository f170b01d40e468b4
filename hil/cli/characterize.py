"""`hil characterize`: measure what a device physicist asks of a memristor, on any device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hil.cli import checks, options
from hil.cli.about import About, flags_of, with_about
from hil.cli.group import lists
from hil.experiments.catalogue import EXPERIMENTS
from hil.runs.stopping import refuse_with_resume, refuse_without_resume

if TYPE_CHECKING:
    from hil.experiments.characterization import MeasurementPlan
    from hil.experiments.experiment import Settings
    from hil.experiments.play import Measured
    from hil.runs.results import Row


Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[EXPERIMENT]",
        help="One of those listed below.",
        show_default=False,
    ),
]
Device = Annotated[
    list[str] | None,
    typer.Option("--device", metavar="URI", help="BACKEND:KIND?NAME=VALUE&...; may be repeated (default: sim:rram)."),
]
LargestVoltage = Annotated[
    float | None,
    typer.Option("--v-max", metavar="V", callback=checks.finite, help="Never drive more than this, V."),
]
LargestCurrent = Annotated[
    float | None, typer.Option("--i-max", metavar="A", callback=checks.finite, help="Compliance current, A.")
]
Forming = Annotated[
    bool, typer.Option("--allow-forming", help="Let the experiment `forming` form the device, for good.")
]
Overlap = Annotated[
    bool,
    typer.Option("--overlap", help="Pulses of `stdp` overlap: delays of a part of a pulse, row and column at once."),
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="TOML file with sections [device], [ltp], ...")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the experiment; may be repeated."),
]
ShowSettings = Annotated[
    bool, typer.Option("--show-settings", help="List the experiment's settings with units and ranges, and end.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be played on each device, and drive nothing.")]
Commands = Annotated[
    str | None,
    typer.Option(
        "--commands",
        metavar="FILE",
        callback=checks.output_file,
        help="Where --dry-run writes all commands of an instrument (default: EXPERIMENT-commands.txt); - shows them.",
    ),
]


@lists(EXPERIMENTS, "Experiments")
@with_about
def characterize(
    experiment: Name = None,
    device: Device = None,
    v_max: LargestVoltage = None,
    i_max: LargestCurrent = None,
    allow_forming: Forming = False,
    overlap: Overlap = False,
    config: Config = None,
    settings: Set = None,
    show_settings: ShowSettings = False,
    dry_run: DryRun = False,
    commands: Commands = None,
    run: options.RunFolder = None,
    resume: options.Resume = None,
    play_again: options.PlayAgain = False,
    live: options.Live = False,
    *,
    about: About,
    json: options.Json = None,
) -> None:
    """Characterize one cell of one or several devices: a figure, a table of numbers, all data with units.

    \b
    hil characterize ltp                                         # bundled model, seconds
    hil characterize ltp --device sim:rram --device sim:flca     # curves laid over each other
    hil characterize iv --device sim:flca --set amplitudes=[0.1,0.5] --set frequencies=[1,10]
    hil characterize stdp --device "sim:flca-pair?preset=figure3" --v-max 1.5 --i-max 1e-2 --set amplitude=1
    hil characterize stdp --device "visa:virtual?model=2602B&channels=2" --overlap
    hil characterize ispp --set row=3 --set col=1 --device "sim:rram?rows=8&cols=8&c2c=0.1"
    hil characterize ltp --sample S7 --wafer W3 --die D2 --tag annealed     # hil runs --sample S7 finds it
    hil characterize ltp --show-settings
    hil characterize --resume runs/ltp-sim-rram-001              # after Ctrl-C, or anything worse

    Data are in RUN/records.sqlite while it runs and in RUN/data.nc (netCDF) at the end.
    """
    from hil.errors import InputError
    from hil.experiments import play
    from hil.runs.live import beside
    from hil.runs.metadata import checked

    if resume is not None:
        told = {"--device": device, "--v-max": v_max, "--i-max": i_max, "--allow-forming": allow_forming or None}
        told |= {"--overlap": overlap or None}
        more = {"--config": config, "--set": settings, "--dry-run": dry_run or None, "--commands": commands}
        refuse_with_resume({**told, **more, "--run": run, **flags_of(about)})
        _show(play.restart(resume, experiment, play_again, beside(live)), json)
        return
    refuse_without_resume(play_again, "--play-again")
    if live and (dry_run or show_settings):
        raise InputError("--live shows a run while it goes on: leave --dry-run and --show-settings out")
    if show_settings:
        _show_settings(experiment, json)
    else:
        flags = {"device.v_max": v_max, "device.i_max": i_max}
        switches = {"allowed": allow_forming, "overlap": overlap}
        plan, metadata = _plan(experiment, device, flags, switches, config, settings or []), checked(about)
        if dry_run:
            _show_plan(plan, commands)
        else:
            _show(play.start(plan, run, metadata, beside(live)), json)


def _plan(
    experiment: str | None,
    device: list[str] | None,
    flags: dict[str, Any],
    switches: dict[str, bool],
    config: Path | None,
    settings: list[str],
) -> MeasurementPlan:
    """Check what is asked for."""
    from hil.experiments.characterization import MeasurementPlan

    name = _named(experiment)
    full = [s if "." in s.partition("=")[0] else f"{name}.{s}" for s in settings]
    values = options.resolve(config, full, {**flags, **{f"{name}.{key}": True for key, on in switches.items() if on}})
    if device:
        values.setdefault("device", {})["uri"] = tuple(device)
    return MeasurementPlan({**values, "experiment": name})


def _named(experiment: str | None) -> str:
    """Name of an experiment that there is; `InputError` if it is not given."""
    from hil.errors import InputError
    from hil.experiments import catalogue

    if experiment is None:
        raise InputError(f"name an experiment: {', '.join(catalogue.EXPERIMENTS.names())}")
    return catalogue.experiment(experiment).name


def _show_plan(plan: MeasurementPlan, commands: str | None) -> None:
    """Say what would be played: how much of it first, the commands of an instrument into a file."""
    from hil.experiments.dry_run import dry_runs
    from hil.files import write_text

    runs = dry_runs(plan)
    for run in runs:
        print("\n".join(run.summary()))
    lines = [line for run in runs for line in run.lines]
    if commands == "-" or not any(run.told for run in runs):
        print("\n".join(lines))
        return
    file = Path(commands or f"{plan.experiment.name}-commands.txt")
    write_text(file, "\n".join(lines) + "\n")
    print(f"all commands: {file}, {len(lines):,} lines")


def _show_settings(experiment: str | None, json: str | None) -> None:
    """List the settings of an experiment."""
    from hil.experiments import catalogue
    from hil.runs.results import report

    name = _named(experiment)
    heads = {"quantity": "setting", "value": "default", "reference": "allowed"}
    report(_settings_rows(catalogue.experiment(name).settings_model), f"hil characterize {name}", json, heads)


def _show(measured: Measured, json: str | None) -> None:
    """Report the rows, and name what else there is."""
    from hil.runs.results import report

    report(measured.rows, measured.rows.title, json)
    for figure in measured.figures:
        print(f"picture: {figure}", file=sys.stderr)
    if measured.data is not None:
        print(f"data: {measured.data}", file=sys.stderr)


def _settings_rows(model: type[Settings]) -> list[Row]:
    """Every setting with its default, unit and range."""
    from hil.cli.devices import shown_value
    from hil.runs.results import Row
    from hil.template import allowed_range

    rows = []
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = "" if field.default is None else shown_value(field.default)
        rows.append(
            Row(name, default, str(extra.get("unit", "")), reference=allowed_range(field), note=field.description or "")
        )
    return rows
