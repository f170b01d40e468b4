"""A fit from what is asked to what comes out: one cell, many cells, or tables of points.

`hil fit` and `hil.fit` are both thin layers over `start`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hil import pictures, presets
from hil.errors import InputError, nearest
from hil.files import write_json
from hil.fitting import WINDOW_DEVICE, Fitted
from hil.fraction import fraction
from hil.importing.request import Request, request
from hil.runs.progress import Progress
from hil.runs.results import Row, Rows, warning
from hil.runs.run import Run, new_path
from sim.fitting import many
from sim.fitting.advice import advice
from sim.fitting.asked import Asked, noise_of
from sim.fitting.comparison import beaten, comparison, verdict
from sim.fitting.data import Measurement
from sim.fitting.figure import picture
from sim.fitting.fitting import Fit, Noise, loss_named
from sim.fitting.heldback import checks, held_back, without
from sim.fitting.law import LawModel
from sim.fitting.model import Model
from sim.fitting.points import fit_table, save_toml
from sim.fitting.points import picture as picture_of_points
from sim.fitting.ranking import cost_rows, on_screen, ranked, rivals, surveyed_only
from sim.fitting.report import noise_rows, rows, save_details, shape_rows, write_presets
from sim.fitting.sources import Sources, gather
from sim.fitting.together import populations, varying


@dataclass(frozen=True)
class FitOptions:
    """What is fitted beside the models themselves.

    Attributes
    ----------
    hold_back : float, str or None
        Fraction of a train that checks the fit instead of taking part in it.
    play : str
        Device on which a spike-timing window is to be played.
    pairs : int
        Pairs of pulses whose change together a window's table tells.
    out : Path or None
        Where the settings that play a window are written, too.
    """

    hold_back: float | str | None = None
    play: str = WINDOW_DEVICE
    pairs: int = 1
    out: Path | None = None


def fit(
    source: Sequence[Path],
    *,
    model: str | None,
    noise: Sequence[float] | float | str | None,
    loss: str,
    fix: Mapping[str, float],
    free: Sequence[str],
    order: int,
    profile: bool,
    spread: bool,
    wanted: Mapping[str, Any],
    about: Mapping[str, Any],
    device: int | None,
    run: Path | None,
) -> Fitted:
    """Fit as `hil.fit` asks for it (entry point ``fit`` of ``hil.functions``)."""
    if not 1 <= order <= 6:
        raise InputError(f"order = {order}: 1 to 6")
    given = noise_of(noise) if isinstance(noise, str | None) else Noise(*np.atleast_1d(noise).tolist())
    held = {name: float(value) for name, value in fix.items()}
    asked = Asked(model, given, loss_named(loss), held, tuple(free), order, profile, spread)
    return start(source, asked, FitOptions(**wanted), request(**about), device, run)


def start(
    source: Sequence[Path], asked: Asked, wanted: FitOptions, about: Request, device: int | None, path: Path | None
) -> Fitted:
    """Fit what these runs and files hold into a new run folder, the next free one unless `path` names it."""
    found = gather(source, device, about)
    part = None if wanted.hold_back is None else str(wanted.hold_back)
    config = asked.config(source, part)
    path = path or new_path(f"fit-{source[0].stem}")
    if found.tables:
        return _points(found, config, wanted, path)
    if len(found.cells) > 1:
        return _many(found, asked, config, path)
    return _one(next(iter(found.cells.values())), asked, config, part, path)


def _one(measurement: Measurement, asked: Asked, config: dict[str, Any], hold_back: str | None, path: Path) -> Fitted:
    """Fit one cell, by several models that compete."""
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
    table = [row for f in fits for row in rows(f, "" if len(fits) == 1 else f"{f.model.name} ")]
    table += [*extra.rows, *noise_rows(measurement), *shape_rows(measurement), *comparison(fits, asked.loss)]
    table += cost_rows(fits)
    if checked is not None:
        table += checks(fits, measurement, checked, asked.order)
    table += [Row("left out", sentence) for sentence in measurement.notes]
    table += [Row("not fitted", name, note=why) for name, why in refused.items()]
    words = verdict(fits, asked.loss)
    with Run.create(path, "fit", {"fit": config}) as folder:
        folder.save_results([*table, Row("verdict", words)])
        save_details(fits, folder.path / "fits.json")
        _save_presets(fits, losers | surveyed, extra.preset, folder.path)
        drawn = picture(fits)
        pictures.keep(folder.path, [drawn])
        drawn.draw(folder.figures)
        folder.set_state("finished")
    told = [words, *(f"warning: {name}: {sentence}" for name, sentence in losers.items())]
    told += [*_advice(rivals(fits), path), *_others(fits, surveyed, path)]
    title = f"{source}: {len(measurement)} readings"
    opened = {f.model.name: _address(f.model.kind, path, f.model.name) for f in fits if f.model.kind}
    shown_rows = Rows(on_screen(table, fits), title)
    return Fitted(path, Rows(table, title), (folder.figure("fit.png"),), opened, shown_rows, tuple(told))


def _others(fits: Sequence[Fit], surveyed: Iterable[str], folder: Path) -> Iterator[str]:
    """Say which models were searched coarsely, and where those are that a screen leaves out."""
    if names := ", ".join(surveyed):
        yield f"{names}: searched coarsely, for they lose clearly; --model NAME searches thoroughly"
    if left := len(fits) - len(rivals(fits)):
        yield f"{left} more models, with their warnings: {folder / 'fits.json'}"


def _save_presets(fits: Sequence[Fit], losers: Mapping[str, str], extra: dict[str, Any], folder: Path) -> None:
    """Write what devices can load: of all models with the noise of a reading, of the best with what varies, too."""
    for f in fits:
        if f.model.kind:
            told = [*advice(f), *([losers[f.model.name]] if f.model.name in losers else [])]
            noise = f.model.measurement.reading
            own = f.preset() | ({} if noise is None else noise.preset()) | (extra if f is fits[0] else {})
            write_presets(folder, f.model.name, f.model.kind, own, f.began(), told)


def _say_costs(models: Sequence[Model]) -> None:
    """Say what a fit of a law whose curves are slow will take."""
    for m in models:
        if isinstance(m, LawModel) and m.slow:
            one, count = m.seconds(), m.needed()
            words = f"a curve takes {one:.2g} s, and a fit plays some {count:,}: about {one * count / 60:.0f} min"
            print(f"{m.name}: {words}", file=sys.stderr)


def _many(found: Sources, asked: Asked, config: dict[str, Any], path: Path) -> Fitted:
    """Fit many cells to one preset, by one model after the other."""
    for option, given in (("--hold-back", config["hold_back"]), ("--loss soft_l1", asked.loss != "linear")):
        if given:
            raise InputError(f"{option} is for one cell, of {len(found.cells)}: choose it with --cell NAME")
    everything = populations(found.cells, asked, _watching)
    with Run.create(path, "fit", {"fit": config}) as folder:
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
    told, opened = [], {}
    for one in everything:
        opened[one.model.name] = _address(one.model.kind, path, one.model.name)
        told.append(f"preset: {opened[one.model.name]}")
        if slow := {"c2c", "read_noise", "d2d_r"} & many.preset(one).keys():
            parts = "".join(f"&{name}=0" for name in sorted(slow))
            told.append(f"  hil train wta is much faster without some of it: add {parts}")
        told.append(f"picture: {folder.figure(f'{one.model.name}.png')}")
    shown_rows = Rows(table, f"{config['source'][0]}: {len(found.cells)} cells")
    figures = tuple(folder.figure(f"{one.model.name}.png") for one in everything)
    return Fitted(path, shown_rows, figures, opened, shown_rows, tuple(told))


def _points(found: Sources, config: dict[str, Any], wanted: FitOptions, path: Path) -> Fitted:
    """Fit tables of paired pulses or windows."""
    if wanted.out is not None and found.kind != "stdp":
        raise InputError(f"--out {wanted.out}: only a spike-timing window is played by settings")
    fits = [fit_table(table, wanted.play, wanted.pairs) for table in found.tables]
    told, opened = [], {}
    with Run.create(path, "fit", {"fit": config}) as folder:
        heads = [f"{table.cell} " if len(fits) > 1 else "" for table in found.tables]
        table = [row.under(head) for head, one in zip(heads, fits, strict=True) for row in one.rows]
        folder.save_results(table)
        drawn = [picture_of_points(one, found.kind, k + 1) for k, one in enumerate(fits)]
        pictures.keep(folder.path, drawn)
        for k, one in enumerate(fits):
            number = f"{k + 1 if k else ''}"
            drawn[k].draw(folder.figures)
            if one.toml:
                save_toml(one, path / f"wta{number}.toml")
                if wanted.out is not None:
                    save_toml(one, wanted.out)
                told.append(f"# paste, or: hil train wta --config {wanted.out or path / f'wta{number}.toml'}")
                told.append(one.toml)
            if one.cell:
                presets.write(path / f"window{number}.json", "rram", one.cell)
                opened[f"window{number}"] = _address("rram", path, f"window{number}")
                told.append(f"preset: {opened[f'window{number}']}, or hil fpga build --preset")
        folder.set_state("finished")
    told.append(f"picture: {folder.figure('fit.png')}")
    shown_rows = Rows(table, f"{config['source'][0]}: {sum(len(t) for t in found.tables)} points")
    return Fitted(path, shown_rows, tuple(sorted(folder.figures.glob("*.png"))), opened, shown_rows, tuple(told))


def _address(kind: str, folder: Path, name: str) -> str:
    return f"sim:{kind}?preset={folder / name}.json"


def _hold(models: Sequence[Model], held: Mapping[str, float], free: Sequence[str]) -> None:
    """Hold and free parameters of those models that have them; `InputError` for a name that none has."""
    known = {p.name for m in models for p in m.parameters}
    for name in (*held, *free):
        if name not in known:
            raise InputError(f"no parameter '{name}' {nearest(name, known)}")
    for m in models:
        own = {p.name for p in m.parameters}
        m.hold({k: v for k, v in held.items() if k in own}, [name for name in free if name in own])


def _advice(fits: Sequence[Fit], folder: Path) -> list[str]:
    """Warnings, and what can be used now."""
    told = [f"warning: {f.model.name}: {sentence}" for f in fits for sentence in advice(f)]
    for f in fits:
        if not f.model.kind:
            continue
        told.append(f"preset: {_address(f.model.kind, folder, f.model.name)}")
        if f.model.state:
            began = f"&{f.model.state}={f.began()[f.model.state]:.6g}"
            told.append(f"  add {began} to begin where these data began")
    return [*told, f"picture: {folder / 'figures' / 'fit.png'}"]


def _watching(progress: Progress, title: str) -> Callable[[str, int], None]:
    """Show on a progress bar what the fit of a model does."""

    def watch(what: str, count: int) -> None:
        progress.describe(f"{title}: {what}")
        progress.advance(count)

    return watch
