"""Which model wins, and whether any says more than a constant."""

from __future__ import annotations

from collections.abc import Sequence

from hil.runs.results import Row
from sim.fitting.fitting import Fit, Loss, constant, corrected, criteria

EQUAL, STRONG = 2.0, 6.0
"""Differences of a criterion: below the first models are alike, from the second on the evidence is strong."""


def baseline(fit: Fit, loss: Loss = "linear") -> tuple[float, float, float]:
    """Level (S), AIC and BIC of a constant conductance on the same readings."""
    m = fit.model.measurement
    level, chi_square = constant(m.conductance, fit.uncertainty, loss)
    return level, *criteria(chi_square, len(m), 1)


def comparison(fits: Sequence[Fit], loss: Loss = "linear") -> list[Row]:
    """Table of all models and of the constant, best AICc first; differences are to the best."""
    level, aic, bic = baseline(fits[0], loss)
    aicc = corrected(aic, len(fits[0].residuals), 1)
    entries = [(f.aicc, f.aic, f.bic, f.model.name, len(f.names), _quality(f)) for f in fits]
    entries.append((aicc, aic, bic, "constant", 1, f"R^2 0, {level:.4g} S"))
    best, best_bic = min(e[0] for e in entries), min(e[2] for e in entries)
    rows = []
    for c, a, b, name, count, quality in sorted(entries):
        note = f"delta AICc {c - best:.1f}, BIC {b:.1f}, delta BIC {b - best_bic:.1f}, {quality}"
        control = aic if name != "constant" else None
        row = Row("AIC", a, n=count, control=control, note=note, label=f"AIC {name}")
        rows.append(row.under(model=name))
    return rows


def _quality(fit: Fit) -> str:
    return f"R^2 {fit.r_squared:.4f}, reduced chi^2 {fit.reduced:.3g}{', searched coarsely' * fit.surveyed}"


def verdict(fits: Sequence[Fit], loss: Loss = "linear") -> str:
    """Say plainly which model the data prefer, if any."""
    _, aic, bic = baseline(fits[0], loss)
    winner = min(fits, key=lambda f: f.aicc)
    source = winner.model.measurement.source
    if bic - winner.bic < STRONG:
        return (
            f"{source}: no model is better than a constant conductance (delta BIC {winner.bic - bic:+.1f}): "
            "nothing here says how the cell moves, and the parameters mean nothing"
        )
    if len(fits) == 1:
        explained = f"explains {100 * winner.r_squared:.2f} % of the variance"
        lead = corrected(aic, len(winner.residuals), 1) - winner.aicc
        return f"{winner.model.title} {explained} (a constant: delta AICc {lead:+.0f})"
    order = sorted(fits, key=lambda f: f.aicc)
    lead = order[1].aicc - winner.aicc
    by_bic = min(fits, key=lambda f: f.bic)
    if lead < EQUAL:
        alike = [f for f in order if f.aicc - winner.aicc < EQUAL]
        simplest = min(alike, key=lambda f: len(f.names))
        names = ", ".join(f.model.title for f in alike)
        return f"these data cannot tell {names} apart (delta AICc {lead:.1f}); the simplest is {simplest.model.title}"
    says = f"{winner.model.title} wins: delta AICc {lead:.1f} to {order[1].model.title}"
    if by_bic is not winner:
        says += f"; BIC, which counts parameters harder, prefers {by_bic.model.title}"
    return says


def beaten(fits: Sequence[Fit], loss: Loss = "linear") -> dict[str, str]:
    """Models that say no more than a constant conductance, and what to tell of each."""
    if not fits:
        return {}
    bic = baseline(fits[0], loss)[2]
    return {
        f.model.name: f"{f.model.title} loses to a constant conductance (delta BIC {f.bic - bic:+.1f}): its "
        "parameters mean nothing"
        for f in fits
        if bic - f.bic < STRONG
    }
