"""Which model wins, and whether any says more than a constant."""

from __future__ import annotations

from collections.abc import Sequence

from hil.runs.results import Row
from sim.fitting.fitting import Fit, Loss, constant, criteria

EQUAL, STRONG = 2.0, 6.0
"""Differences of a criterion: below the first models are alike, from the second on the evidence is strong."""


def baseline(fit: Fit, loss: Loss = "linear") -> tuple[float, float, float]:
    """Level (S), AIC and BIC of a constant conductance on the same readings."""
    m = fit.model.measurement
    level, chi_square = constant(m.conductance, fit.uncertainty, loss)
    return level, *criteria(chi_square, len(m), 1)


def comparison(fits: Sequence[Fit], loss: Loss = "linear") -> list[Row]:
    """Table of all models and of the constant, best AIC first; differences are to the best."""
    level, aic, bic = baseline(fits[0], loss)
    constant_entry = ("constant", aic, bic, 1, 0.0, None)
    entries = [*((f.model.name, f.aic, f.bic, len(f.names), f.r_squared, f.reduced) for f in fits), constant_entry]
    best_aic, best_bic = min(e[1] for e in entries), min(e[2] for e in entries)
    rows = []
    for name, a, b, count, explained, reduced in sorted(entries, key=lambda e: e[1]):
        note = f"delta AIC {a - best_aic:.1f}, BIC {b:.1f}, delta BIC {b - best_bic:.1f}, R^2 {explained:.4f}"
        more = f", reduced chi^2 {reduced:.3g}" if reduced is not None else f", {level:.4g} S"
        control = aic if name != "constant" else None
        row = Row("AIC", a, n=count, control=control, note=note + more, label=f"AIC {name}")
        rows.append(row.under(model=name))
    return rows


def verdict(fits: Sequence[Fit], loss: Loss = "linear") -> str:
    """Say plainly which model the data prefer, if any."""
    _, aic, bic = baseline(fits[0], loss)
    winner = min(fits, key=lambda f: f.aic)
    source = winner.model.measurement.source
    if bic - winner.bic < STRONG:
        return (
            f"{source}: no model is better than a constant conductance (delta BIC {winner.bic - bic:+.1f}): "
            "nothing here says how the cell moves, and the parameters mean nothing"
        )
    if len(fits) == 1:
        explained = f"explains {100 * winner.r_squared:.2f} % of the variance"
        return f"{winner.model.title} {explained} (a constant: delta AIC {aic - winner.aic:+.0f})"
    order = sorted(fits, key=lambda f: f.aic)
    lead = order[1].aic - winner.aic
    by_bic = min(fits, key=lambda f: f.bic)
    if lead < EQUAL:
        alike = [f for f in order if f.aic - winner.aic < EQUAL]
        simplest = min(alike, key=lambda f: len(f.names))
        names = ", ".join(f.model.title for f in alike)
        return f"these data cannot tell {names} apart (delta AIC {lead:.1f}); the simplest is {simplest.model.title}"
    says = f"{winner.model.title} wins: delta AIC {lead:.1f} to {order[1].model.title}"
    if by_bic is not winner:
        says += f"; BIC, which counts parameters harder, prefers {by_bic.model.title}"
    return says
