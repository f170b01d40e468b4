"""`hil fit`: measured data and a device model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hil.cli import checks, importing, options
from hil.cli.group import lists
from sim.fitting.catalogue import FITS

if TYPE_CHECKING:
    from hil.runs.progress import Progress
    from sim.fitting.asked import Asked
    from sim.fitting.data import Measurement
    from sim.fitting.fitting import Fit
    from sim.fitting.model import Model
    from sim.fitting.sources import Sources

Config = dict[str, Any]


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
    from sim.fitting.asked import Asked, fixed, noise_of
    from sim.fitting.fitting import loss_named
    from sim.fitting.sources import gather

    asked = Asked(model, noise_of(noise), loss_named(loss), fixed(fix or []), tuple(free or ()), order, profile, spread)
    about = request(
        columns=columns, dwell=dwell, pulse=pulse, window=window, offset=offset, compliance=compliance,
        read_voltage=read_voltage, decimal=decimal, cell=cell, kind=kind,
    )  # fmt: skip
    found = gather(source, device, about)
    config = asked.config(source, noise, hold_back)
    if found.tables:
        _points(found, config, play, pairs, out, run, json)
    elif len(found.cells) > 1:
        _many(found, asked, config, run, json)
    else:
        _one(next(iter(found.cells.values())), asked, config, hold_back, run, json)


def _one(
    measurement: Measurement, asked: Asked, config: Config, hold_back: str | None, run: Path | None, json: str | None
) -> None:
    """Fit one cell, by several models that compete."""
    from hil import pictures
    from hil.fraction import fraction
    from hil.runs.results import Row, report
    from hil.runs.run import Run, new_path
    from sim.fitting.comparison import beaten, comparison, verdict
    from sim.fitting.figure import picture
    from sim.fitting.heldback import checks, held_back, without
    from sim.fitting.ranking import cost_rows, on_screen, ranked, rivals, surveyed_only
    from sim.fitting.report import noise_rows, rows, save_details, shape_rows
    from sim.fitting.together import varying

    measurement = asked.prepared(measurement)
    source = Path(config["source"][0])
    for sentence in measurement.notes:
        print(f"{source}: {sentence}", file=sys.stderr)
    checked = None if hold_back is None else held_back(measurement, fraction("--hold-back", hold_back))
    shown = measurement if checked is None else without(measurement, checked)
    models, refused = asked.models(shown)
    _hold(models, asked.held, asked.freed)
    _say_costs(models)
    fits = ranked(models, asked.noise, asked.loss, asked.profile, _watching)
    losers, extra, surveyed = beaten(fits, asked.loss), varying(fits[0], asked), surveyed_only(fits)
    with Run.create(run or new_path(f"fit-{source.stem}"), "fit", {"fit": config}) as folder:
        table = [row for f in fits for row in rows(f, "" if len(fits) == 1 else f"{f.model.name} ")]
        table += [*extra.rows, *noise_rows(measurement), *shape_rows(measurement), *comparison(fits, asked.loss)]
        table += cost_rows(fits)
        if checked is not None:
            table += checks(fits, measurement, checked, asked.order)
        table += [Row("left out", sentence) for sentence in measurement.notes]
        table += [Row("not fitted", name, note=why) for name, why in refused.items()]
        words = verdict(fits, asked.loss)
        folder.save_results([*table, Row("verdict", words)])
        save_details(fits, folder.path / "fits.json")
        _save_presets(fits, losers | surveyed, extra.preset, folder.path)
        drawn = picture(fits)
        pictures.keep(folder.path, [drawn])
        drawn.draw(folder.figures)
        folder.set_state("finished")
    report(on_screen(table, fits), f"{source}: {len(measurement)} readings", json, everything=table)
    print(words, file=sys.stderr)
    for name, sentence in losers.items():
        print(f"warning: {name}: {sentence}", file=sys.stderr)
    _tell(rivals(fits), folder.path)
    if surveyed:
        print(
            f"{', '.join(surveyed)}: searched coarsely, for they lose clearly; --model NAME searches thoroughly",
            file=sys.stderr,
        )
    if left := len(fits) - len(rivals(fits)):
        print(f"{left} more models, with their warnings: {folder.path / 'fits.json'}", file=sys.stderr)


def _save_presets(fits: Sequence[Fit], losers: Mapping[str, str], extra: Config, folder: Path) -> None:
    """Write what devices can load: of all models with the noise of a reading, of the best with what varies, too."""
    from sim.fitting.advice import advice
    from sim.fitting.report import write_presets

    for f in fits:
        if f.model.kind:
            told = [*advice(f), *([losers[f.model.name]] if f.model.name in losers else [])]
            noise = f.model.measurement.reading
            own = f.preset() | ({} if noise is None else noise.preset()) | (extra if f is fits[0] else {})
            write_presets(folder, f.model.name, f.model.kind, own, f.began(), told)


def _say_costs(models: Sequence[Model]) -> None:
    """Say what a fit of a law whose curves are slow will take."""
    from sim.fitting.law import LawModel

    for m in models:
        if isinstance(m, LawModel) and m.slow:
            one, count = m.seconds(), m.needed()
            words = f"a curve takes {one:.2g} s, and a fit plays some {count:,}: about {one * count / 60:.0f} min"
            print(f"{m.name}: {words}", file=sys.stderr)


def _many(found: Sources, asked: Asked, config: Config, run: Path | None, json: str | None) -> None:
    """Fit many cells to one preset, by one model after the other."""
    from hil import pictures
    from hil.errors import InputError
    from hil.files import write_json
    from hil.runs.results import report, warning
    from hil.runs.run import Run, new_path
    from sim.fitting import many
    from sim.fitting.report import write_presets
    from sim.fitting.together import populations

    for option, given in (("--hold-back", config["hold_back"]), ("--loss soft_l1", asked.loss != "linear")):
        if given:
            raise InputError(f"{option} is for one cell, of {len(found.cells)}: choose it with --cell NAME")
    everything = populations(found.cells, asked, _watching)
    source = Path(config["source"][0])
    with Run.create(run or new_path(f"fit-{source.stem}"), "fit", {"fit": config}) as folder:
        table = []
        for one in everything:
            head = "" if len(everything) == 1 else f"{one.model.name} "
            table += [row.under(head, model=one.model.name) for row in many.rows(one)]
            table += [warning(f"{one.model.name}: {sentence}") for sentence in many.warnings(one)]
            told = list(many.warnings(one))
            write_presets(folder.path, one.model.name, one.model.kind, many.preset(one), None, told)
        drawn = [many.picture(one) for one in everything]
        pictures.keep(folder.path, drawn)
        for shown in drawn:
            shown.draw(folder.figures)
        table += many.ranking(everything)
        folder.save_results(table)
        write_json(folder.path / "populations.json", [many.details(one) for one in everything])
        folder.set_state("finished")
    report(table, f"{source}: {len(found.cells)} cells", json)
    for one in everything:
        print(f"preset: sim:{one.model.kind}?preset={folder.path / one.model.name}.json", file=sys.stderr)
        if slow := {"c2c", "read_noise", "d2d_r"} & many.preset(one).keys():
            without = "".join(f"&{name}=0" for name in sorted(slow))
            print(f"  hil train wta is much faster without some of it: add {without}", file=sys.stderr)
        print(f"picture: {folder.figure(f'{one.model.name}.png')}", file=sys.stderr)


def _points(
    found: Sources, config: Config, play: str, pairs: int, out: str | None, run: Path | None, json: str | None
) -> None:
    """Fit tables of paired pulses or windows."""
    from hil import pictures, presets
    from hil.errors import InputError
    from hil.runs.results import report
    from hil.runs.run import Run, new_path
    from sim.fitting.points import fit_table, picture, save_toml

    if out is not None and found.kind != "stdp":
        raise InputError(f"--out {out}: only a spike-timing window is played by settings")
    fits = [fit_table(table, play, pairs) for table in found.tables]
    source = Path(config["source"][0])
    with Run.create(run or new_path(f"fit-{source.stem}"), "fit", {"fit": config}) as folder:
        heads = [f"{table.cell} " if len(fits) > 1 else "" for table in found.tables]
        table = [row.under(head) for head, one in zip(heads, fits, strict=True) for row in one.rows]
        folder.save_results(table)
        drawn = [picture(one, found.kind, k + 1) for k, one in enumerate(fits)]
        pictures.keep(folder.path, drawn)
        for k, one in enumerate(fits):
            drawn[k].draw(folder.figures)
            if one.toml:
                save_toml(one, folder.path / f"wta{k + 1 if k else ''}.toml")
            if one.cell:
                presets.write(folder.path / f"window{k + 1 if k else ''}.json", "rram", one.cell)
        folder.set_state("finished")
    report(table, f"{source}: {sum(len(t) for t in found.tables)} points", json)
    for one in fits:
        if one.toml:
            if out is not None:
                save_toml(one, Path(out))
            print(f"# paste, or: hil train wta --config {out or folder.path / 'wta.toml'}", file=sys.stderr)
            print(one.toml, file=sys.stderr)
        if one.cell:
            print(f"preset: sim:rram?preset={folder.path / 'window.json'}, or hil fpga build --preset", file=sys.stderr)
    print(f"picture: {folder.figure('fit.png')}", file=sys.stderr)


def _hold(models: Sequence[Model], held: Mapping[str, float], free: Sequence[str]) -> None:
    """Hold and free parameters of those models that have them; `InputError` for a name that none has."""
    from hil.errors import InputError, nearest

    known = {p.name for m in models for p in m.parameters}
    for name in (*held, *free):
        if name not in known:
            raise InputError(f"no parameter '{name}' {nearest(name, known)}")
    for m in models:
        own = {p.name for p in m.parameters}
        m.hold({k: v for k, v in held.items() if k in own}, [name for name in free if name in own])


def _tell(fits: Sequence[Fit], folder: Path) -> None:
    """Warn, and name what can be used now."""
    from sim.fitting.advice import advice

    for f in fits:
        for sentence in advice(f):
            print(f"warning: {f.model.name}: {sentence}", file=sys.stderr)
    for f in fits:
        if not f.model.kind:
            continue
        print(f"preset: sim:{f.model.kind}?preset={folder / f.model.name}.json", file=sys.stderr)
        if f.model.state:
            began = f"&{f.model.state}={f.began()[f.model.state]:.6g}"
            print(f"  add {began} to begin where these data began", file=sys.stderr)
    print(f"picture: {folder / 'figures' / 'fit.png'}", file=sys.stderr)


def _watching(progress: Progress, title: str) -> Callable[[str, int], None]:
    """Show on a progress bar what the fit of a model does."""

    def watch(what: str, count: int) -> None:
        progress.describe(f"{title}: {what}")
        progress.advance(count)

    return watch
