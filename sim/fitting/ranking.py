"""Several models on one measurement: fitted one after the other, ranked, and what of all that is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hil.runs.progress import Progress
from hil.runs.results import Row
from sim.fitting.fitting import Fit, Loss, Noise, fit, steps
from sim.fitting.law import LawModel
from sim.fitting.model import Model
from sim.fitting.solving import Watch

Watching = Callable[[Progress, str], Watch]
"""Makes the watch of a model from a progress bar and the model's title."""

SHORT = 5.0
"""How much smaller the residuals of a law may become by a search that a survey is too coarse for."""

MANY = 6
"""Parameters up to which a glance gets near what a law can: those of 4 to 6 do on their own sweeps."""

RIVALS, NEAR = 3, 10.0
"""Models whose parameters and warnings are shown, of many, and by how much AICc may be above the best one's."""


def ranked(
    models: Sequence[Model], weights: Noise | None, judged_by: Loss, profile: bool, watching: Watching
) -> list[Fit]:
    """Fit one after the other, with progress; the best AICc first.

    Models that know where to start go first. Laws that must be searched for are surveyed then, and those that are not
    `hopeless` are fitted, the most promising first. Hopeless ones with more than `MANY` parameters get a second, longer
    survey: a glance may end far from where they can get. Intervals follow the profile of the likelihood, but for laws
    where that takes minutes, unless such a law is alone or wins; of many models, those of the `rivals` alone do.
    """
    many = len(models) > RIVALS
    follow = {m.name: profile and (len(models) == 1 or (m.profiled and not many)) for m in models}
    most = max((len(m.free) for m in models if not follow[m.name]), default=0) if profile else 0
    searched = [m for m in models if isinstance(m, LawModel) and not m.thorough]
    known = [m for m in models if m not in searched]
    with Progress(sum(steps(m, follow[m.name]) for m in models) + most, "steps") as progress:
        due = 0

        def fitted(m: Model) -> Fit:
            nonlocal due
            watch = watching(progress, m.title)
            watch("search for starts", due - progress.done)
            due += steps(m, follow[m.name])
            return fit(m, weights, judged_by, profile=follow[m.name], watch=watch)

        fits = [fitted(m) for m in known]
        surveys = [_survey(m, weights, judged_by, watching(progress, m.title), 1) for m in searched]
        dropped: list[Fit] = []
        for survey in sorted(surveys, key=lambda f: f.aicc):
            if fits and hopeless(survey, min(fits, key=lambda f: f.aicc)):
                dropped.append(survey)
            else:
                fits.append(fitted(survey.model))
        for k, glance in enumerate(dropped):
            if len(glance.names) <= MANY:
                continue
            longer = _survey(glance.model, weights, judged_by, watching(progress, glance.model.title), 2)
            dropped[k] = min(glance, longer, key=lambda f: f.aicc)
        for survey in sorted(dropped, key=lambda f: f.aicc):
            if hopeless(survey, min(fits, key=lambda f: f.aicc)):
                fits.append(survey)
                due += steps(survey.model, follow[survey.model.name])
            else:
                fits.append(fitted(survey.model))
        fits.sort(key=lambda f: f.aicc)
        for f in rivals(fits) if profile and many else ():
            if f.model.profiled:
                watching(progress, f.model.title)("intervals of the best", 0)
                fits[fits.index(f)] = fit(f.model, weights, judged_by)
        fits.sort(key=lambda f: f.aicc)
        if profile and not fits[0].profiled:
            best = fits[0].model
            watching(progress, best.title)("intervals of the best", 0)
            fits[0] = fit(best, weights, judged_by, starts=[fits[0].values], watch=watching(progress, best.title))
            fits.sort(key=lambda f: f.aicc)
        progress.advance(progress.total - progress.done)
    return fits


def _survey(m: Model, weights: Noise | None, judged_by: Loss, watch: Watch, look: int) -> Fit:
    """A fit that tells no more than how far a law is from a leader, by a glance or by a second, longer look."""
    watch("survey" if look == 1 else "longer survey", 0)
    m.survey = look
    try:
        return fit(m, weights, judged_by, profile=False)
    finally:
        m.survey = 0


def hopeless(survey: Fit, leader: Fit) -> bool:
    """Whether a model that was surveyed cannot catch up with a leader, even with residuals `SHORT` times smaller.

    Where the leader's are below a tenth of what a reading is uncertain by, they count as that.
    """
    count = len(leader.residuals)
    exact = max(0.0, float(np.log(1e-2 * count / max(leader.chi_square, 1e-300))))
    return survey.aicc - 2.0 * count * float(np.log(SHORT)) > leader.aicc + count * exact


def surveyed_only(fits: Sequence[Fit]) -> dict[str, str]:
    """What to tell of models that were not fitted to their end."""
    best = fits[0].model.title
    return {
        f.model.name: f"{f.model.title} was searched coarsely only, since {best} leaves residuals more than {SHORT:g} "
        f"times smaller: --model {f.model.name} searches thoroughly"
        for f in fits
        if f.surveyed
    }


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
