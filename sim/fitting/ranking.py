"""Several models on one measurement: fitted one after the other, ranked, and what of all that is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hil.runs.progress import Progress
from hil.runs.results import Row
from sim.fitting.fitting import Fit, Loss, Noise, fit, steps
from sim.fitting.law import LawModel
from sim.fitting.model import Model
from sim.fitting.solving import Watch

Watching = Callable[[Progress, str], Watch]
"""Makes the watch of a model from a progress bar and the model's title."""

RIVALS, NEAR = 3, 10.0
"""Models whose parameters and warnings are shown, of many, and by how much AICc may be above the best one's."""


def ranked(
    models: Sequence[Model], weights: Noise | None, judged_by: Loss, profile: bool, watching: Watching
) -> list[Fit]:
    """Fit one after the other, with progress; the best AICc first.

    Intervals follow the profile of the likelihood, but for laws where that takes minutes, unless such a law is alone or
    wins.
    """
    fits: list[Fit] = []
    follow = {m.name: profile and (m.profiled or len(models) == 1) for m in models}
    most = max((len(m.free) for m in models if not follow[m.name]), default=0) if profile else 0
    total = sum(steps(m, follow[m.name]) for m in models) + most
    with Progress(total, "steps") as progress:
        for k, m in enumerate(models):
            watch = watching(progress, m.title)
            watch("search for starts", sum(steps(other, follow[other.name]) for other in models[:k]) - progress.done)
            fits.append(fit(m, weights, judged_by, profile=follow[m.name], watch=watch))
        fits.sort(key=lambda f: f.aicc)
        if profile and not fits[0].profiled:
            best = fits[0].model
            watching(progress, best.title)("intervals of the best", 0)
            fits[0] = fit(best, weights, judged_by, starts=[fits[0].values], watch=watching(progress, best.title))
            fits.sort(key=lambda f: f.aicc)
        progress.advance(total - progress.done)
    return fits


def rivals(fits: Sequence[Fit]) -> list[Fit]:
    """Models whose parameters and warnings are worth showing: all of a few; of many the best, and those near it."""
    if len(fits) <= RIVALS:
        return list(fits)
    return [f for f in fits if f.aicc - fits[0].aicc <= NEAR][:RIVALS]


def on_screen(rows: Sequence[Row], fits: Sequence[Fit]) -> list[Row]:
    """Rows of the rivals and of no model by itself, and every criterion; results.json has them all."""
    shown = {f.model.name for f in rivals(fits)} | {None}
    return [row for row in rows if row.name == "AIC" or row.conditions.get("model") in shown]


def cost_rows(fits: Sequence[Fit]) -> list[Row]:
    """What the fits of general laws cost."""
    return [
        Row("cost", f.seconds, "s", note=f"{f.model.curves:,} curves of {len(f.model.measurement.voltage):,} segments")
        .under(f"{f.model.name} ", model=f.model.name)
        for f in fits
        if isinstance(f.model, LawModel)
    ]  # fmt: skip
