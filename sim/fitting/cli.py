"""`hil fit`: measured data and a device model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hil.cli import options

if TYPE_CHECKING:
    from hil.runs.progress import Progress
    from sim.fitting.data import Measurement
    from sim.fitting.fitting import Fit, Loss, Noise
    from sim.fitting.model import Model


def fit(
    source: Annotated[Path, typer.Argument(metavar="RUN|FILE.csv", help="Run of `hil characterize`, or a CSV file.")],
    model: Annotated[
        str,
        typer.Option(
            metavar="A,B,...", help="lhb, nlsb, nlhb, flca, flca-volatile, vteam, vteam-biolek; several compete."
        ),
    ] = "nlhb",
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="REL[,ABS]", help="Uncertainty of a reading: fraction, floor in S (a sweep: A) [0.01,max/1000]."
        ),
    ] = None,
    loss: Annotated[str, typer.Option(metavar="LOSS", help="linear, or soft_l1 to weaken outliers.")] = "linear",
    fix: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Hold a parameter; may be repeated.")
    ] = None,
    free: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Fit a parameter held by default.")] = None,
    order: Annotated[int, typer.Option(min=1, max=6, help="Highest n of R_n (FLCA).")] = 1,
    device: Annotated[int, typer.Option(min=0, help="Which device of a run, counted from 0.")] = 0,
    profile: Annotated[
        bool, typer.Option("--profile/--no-profile", help="Intervals from the profile of the likelihood.")
    ] = True,
    hold_back: Annotated[
        str | None,
        typer.Option(
            "--hold-back", metavar="PART", help="Fit without the last PART of every train, and check the fit on it."
        ),
    ] = None,
    run: options.RunFolder = None,
    json: options.Json = None,
) -> None:
    """Fit device models to measured data: intervals, correlations, residuals, and a preset that devices load.

    A CSV file has columns pulse,voltage_V,width_s,conductance_S (a train), time_s,conductance_S (a decay) or
    time_s,voltage_V,current_A (a sweep).

    \b
    hil fit runs/ltp-sim-rram-001 --model nlhb
    hil fit data.csv --model lhb,nlsb,nlhb
    hil train wta --device "sim:rram?preset=runs/fit-data-001/nlhb.json"
    """
    from dataclasses import replace

    from hil import presets
    from hil.errors import InputError
    from hil.fraction import fraction
    from hil.runs.results import Row, report
    from hil.runs.run import Run, new_path
    from sim.fitting import catalogue
    from sim.fitting.advice import advice
    from sim.fitting.comparison import comparison, verdict
    from sim.fitting.fitting import loss_named
    from sim.fitting.heldback import held_back, prediction, without
    from sim.fitting.report import rows, save_details

    names = [name.strip() for name in model.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise InputError(f"--model {model}: name one model, or several different ones with commas between")
    judged_by = loss_named(loss)
    measurement, weights, held = _measurement(source, device), _noise(noise), _fixed(fix or [])
    for sentence in measurement.notes:
        print(f"{source}: {sentence}", file=sys.stderr)
    checked = None if hold_back is None else held_back(measurement, fraction("--hold-back", hold_back))
    shown = measurement if checked is None else without(measurement, checked)
    models = [catalogue.model(name, shown, order) for name in names]
    _hold(models, held, free or [])
    fits = _solved(models, weights, judged_by, profile)
    fits.sort(key=lambda f: f.aic)
    config = {"source": str(source), "model": names, "noise": noise, "loss": loss, "fix": held, "free": free or []}
    with Run.create(run or new_path(f"fit-{source.stem}"), "fit", {"fit": {**config, "order": order}}) as folder:
        from sim.fitting.figure import save_figure

        single = len(fits) == 1
        table = [row for f in fits for row in rows(f, "" if single else f"{f.model.name} ")]
        table += comparison(fits, judged_by)
        if checked is not None:
            table += [
                replace(row, name=f"{row.name}" if single else f"{f.model.name} {row.name}")
                for f in fits
                for row in prediction(f, catalogue.model(f.model.name, measurement, order), checked)
            ]
        table += [Row("left out", sentence) for sentence in measurement.notes]
        words = verdict(fits, judged_by)
        folder.save_results([*table, Row("verdict", words)])
        save_details(fits, folder.path / "fits.json")
        for f in fits:
            presets.write(folder.path / f"{f.model.name}.json", f.model.kind, f.preset(), f.began(), advice(f))
        save_figure(fits, folder.figure("fit.png"))
        folder.set_state("finished")
    report(table, f"{source}: {len(measurement)} readings", json)
    print(words, file=sys.stderr)
    _tell(fits, folder.path)


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


def _solved(models: Sequence[Model], weights: Noise | None, judged_by: Loss, profile: bool) -> list[Fit]:
    """Fit one after the other, with progress."""
    from hil.runs.progress import Progress
    from sim.fitting.fitting import fit, steps

    fits: list[Fit] = []
    total = sum(steps(m, profile) for m in models)
    with Progress(total, "steps") as progress:
        for k, m in enumerate(models):
            before = sum(steps(other, profile) for other in models[:k])
            watch = _watching(progress, m.title)
            watch("search for starts", before - progress.done)
            fits.append(fit(m, weights, judged_by, profile=profile, watch=watch))
        progress.advance(total - progress.done)
    return fits


def _tell(fits: Sequence[Fit], folder: Path) -> None:
    """Warn, and name what can be used now."""
    from sim.fitting.advice import advice

    for f in fits:
        for sentence in advice(f):
            print(f"warning: {f.model.name}: {sentence}", file=sys.stderr)
    for f in fits:
        began = "".join(f"&{name}={value:.6g}" for name, value in f.began().items())
        print(f"preset: sim:{f.model.kind}?preset={folder / f.model.name}.json", file=sys.stderr)
        print(f"  add {began} to begin where these data began", file=sys.stderr)
    print(f"picture: {folder / 'figures' / 'fit.png'}", file=sys.stderr)


def _watching(progress: Progress, title: str) -> Callable[[str, int], None]:
    """Show on a progress bar what the fit of a model does."""

    def watch(what: str, count: int) -> None:
        progress.describe(f"{title}: {what}")
        progress.advance(count)

    return watch


def _measurement(source: Path, device: int) -> Measurement:
    if source.is_dir():
        from sim.fitting.records import load_run

        return load_run(source, device)
    from sim.fitting.files import load_csv

    return load_csv(source)


def _noise(text: str | None) -> Noise | None:
    from hil.errors import InputError
    from hil.fraction import from_percent
    from sim.fitting.fitting import Noise

    if text is None:
        return None
    relative, *floor = text.split(",")
    try:
        parts = [float(from_percent(relative)), *(float(part) for part in floor)]
    except ValueError:
        parts = []
    if len(parts) not in (1, 2):
        raise InputError(f"--noise {text}: write a fraction and, after a comma, a floor, such as 0.01,1e-9")
    return Noise(*parts)


def _fixed(settings: list[str]) -> dict[str, float]:
    from hil.errors import InputError

    held = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        try:
            held[name.strip()] = float(text)
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(f"--fix {setting}: write NAME=VALUE, such as w0=0")
    return held
