"""The paper's statements about Figures 3 to 8, tested on our trained arrays: comparisons of weight dynamics, by seed.

The text prints none of the figures' numbers but an accuracy close to 85 %; so nearly all rows are differences, and the
rule is their sign. Where it says "almost stable" or "about the same", the rule is ours and stands in the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.reproduction.papers import Finding, Interval, Scope, above, below, repeated
from sim.papers.brivio2021.drawing import QUANTITIES, draw_study
from sim.papers.brivio2021.study import ADAPTIVE, OPEN, STUDY, Interpretation, Study, Trained

ACCURACY, CONTRAST, DURATION, EFFICIENCY = QUANTITIES
LATE = "late"
TITLES = {key: title for key, (title, _) in QUANTITIES.items()} | {
    LATE: "part of the accuracy gained in the second half"
}


def _late(curve: Sequence[float], start: float) -> float:
    """Gain in the second half of a learning curve over the whole gain from `start`."""
    return (curve[-1] - curve[(len(curve) - 1) // 2]) / (curve[-1] - start)


MEASURES: dict[str, Callable[[Trained], float]] = {
    ACCURACY: lambda t: t.accuracy,
    CONTRAST: lambda t: t.contrast,
    DURATION: lambda t: t.timing()[0],
    EFFICIENCY: lambda t: t.timing()[1],
    LATE: lambda t: _late(t.curve, t.untrained),
}
CHECKS: dict[str, tuple[str, float, Callable[[Trained], float]]] = {
    ACCURACY: ("held-out digits", 2.0, lambda t: t.curve[-1]),
    CONTRAST: ("Lloyd's k-means", 0.01, lambda t: t.lloyd),
    DURATION: ("every second point", 0.1, lambda t: t.timing(every=2)[0]),
    EFFICIENCY: ("every second point", 0.05, lambda t: t.timing(every=2)[1]),
    LATE: ("every second point", 0.03, lambda t: _late(t.curve[::-1][::2][::-1], t.untrained)),
}
"""Cross-check of every quantity: what it is, how far it may differ, and how it is computed for one trained array."""

CONTROLS: dict[str, tuple[str, Callable[[Trained], float]]] = {
    ACCURACY: ("permuted labels", lambda t: t.shuffled),
    CONTRAST: ("untrained", lambda t: t.untrained_contrast),
    DURATION: ("arrays that do not learn", lambda t: t.timing(flat=True)[0]),
    EFFICIENCY: ("arrays that do not learn", lambda t: t.timing(flat=True)[1]),
    LATE: ("an even rise", lambda t: _late(np.arange(1.0, len(t.curve) + 1).tolist(), 0.0)),
}

BEST = "CA_max is the curve's best point"
BESTS: dict[str, Callable[[Trained], float]] = {
    DURATION: lambda t: t.timing(best=True)[0],
    EFFICIENCY: lambda t: t.timing(best=True)[1],
}
"""Duration and efficiency by the other meaning of CA_max in eq 6: the curve's best point instead of its last one."""


class Values:
    """One quantity of all arrays that were trained under one interpretation: for each dynamics, one value a seed."""

    def __init__(self, arrays: Mapping[str, list[Trained]], measure: Callable[[Trained], float]) -> None:
        """Apply `measure` to every array."""
        self._values = {name: np.array([measure(t) for t in found]) for name, found in arrays.items()}

    def __call__(self, name: str) -> NDArray[np.float64]:
        """(seeds,) values of one dynamics; KeyError if it was not trained under this interpretation."""
        return self._values[name]

    def mean(self, *names: str) -> NDArray[np.float64]:
        """(seeds,) mean over several dynamics."""
        return np.mean([self(name) for name in names], axis=0)

    def best(self, family: str) -> NDArray[np.float64]:
        """(seeds,) values of the dynamics of a family, such as NL-HB, whose mean is the largest."""
        return self(max(self.members(family), key=lambda name: float(self(name).mean())))

    def range(self, family: str) -> NDArray[np.float64]:
        """(seeds,) largest minus smallest value within a family."""
        values = [self(name) for name in self.members(family)]
        return np.max(values, axis=0) - np.min(values, axis=0)

    def members(self, family: str) -> list[str]:
        """Names of a family's dynamics."""
        return [name for name in self._values if name.rsplit(" ", 1)[0] == family]

    @property
    def names(self) -> list[str]:
        """All dynamics that were trained."""
        return list(self._values)

    def told(self, names: tuple[str, ...]) -> str:
        """Means of some dynamics as text, for the note of a row."""
        return ", ".join(f"{name} {self(name).mean():.4g}" for name in names)


Compare = Callable[[Values], NDArray[np.float64]]


@dataclass(frozen=True)
class Claim:
    """A statement of the paper turned into a number that the trained arrays give, and the range that confirms it.

    Attributes
    ----------
    figure, quantity, paper
        As in `Finding`.
    key : str
        The quantity that is compared, of `MEASURES`.
    compare : callable
        The number, for every seed, from the quantity's `Values`.
    accept : (float, float)
        As in `Finding`.
    shown : tuple of str
        Dynamics whose means are shown in the note.
    control : (str, callable) or None
        Where the usual control (`CONTROLS`) would not show anything: another comparison in which there is an effect.
    note : str
        Beside the means.
    near : float or None
        How near the check must come, if not as in `CHECKS`.
    """

    figure: str
    quantity: str
    paper: str
    key: str
    compare: Compare
    accept: Interval
    shown: tuple[str, ...] = ()
    control: tuple[str, Compare] | None = None
    note: str = ""
    near: float | None = None


def _less(first: str, second: str) -> Compare:
    return lambda v: v(first) - v(second)


HARD_500 = ("NL-HB 4", "NL-HB 5", "NL-HB 6")
"""NL-HB with 500 levels and rising lambda; those of them that an interpretation has."""

STABLE, SAME_CONTRAST = (-2.0, 2.0), (-0.05, 0.05)
"""Rules of ours for "almost stable" and "about the same", % and weight."""


def _hard_500(v: Values) -> NDArray[np.float64]:
    return v.mean(*(name for name in HARD_500 if name in v.members("NL-HB")))


L, S, H = ("L-HB 4", "L-HB 1"), ("NL-SB 3", "NL-SB 1"), ("NL-HB 6", "NL-HB 4")
LINEAR_EFFECT = ("L-HB, eta 500 minus 50", _less(*L))
SOFT_EFFECT = ("NL-SB over lambda", _less(*S))

CLAIMS: tuple[Claim, ...] = (
    Claim("3", "L-HB: smallest minus largest alpha", "decreases with alpha", ACCURACY, _less(*L), above(0), L),
    Claim("3", "NL-SB: smallest minus largest alpha", "the same", ACCURACY, _less("NL-SB 1", "NL-SB 3"), above(0), S),
    Claim("3", "NL-HB: smallest minus largest alpha", "the same", ACCURACY, _less("NL-HB 4", "NL-HB 1"), above(0),
          ("NL-HB 4", "NL-HB 1")),
    Claim("3", "alpha 0.01: NL-SB minus L-HB", "non-linear better for a wide range of alpha", ACCURACY,
          _less("NL-SB 3", "L-HB 2"), above(0), ("NL-SB 3", "L-HB 2")),
    Claim("3", "alpha 0.005: NL-HB minus L-HB", "the same", ACCURACY, _less("NL-HB 5", "L-HB 3"), above(0),
          ("NL-HB 5", "L-HB 3")),
    Claim("3", "best of all dynamics", "close to 85%", ACCURACY,
          lambda v: max((v.best(f) for f in ("L-HB", "NL-SB", "NL-HB")), key=np.mean), (83.0, 87.0),
          note="rule: within 2 points; the check has fewer labelled digits", near=3.0),
    Claim("4", "L-HB: eta 500 minus eta 50", "increases with eta", ACCURACY, _less(*L), above(0), L),
    Claim("4", "NL-HB, equal Nstop: eta 263 minus eta 90", "the same", ACCURACY, _less("NL-HB 3", "NL-HB 1"), above(0),
          ("NL-HB 3", "NL-HB 1"), note="lambda falls at the same time, 0.046 to 0.012"),
    Claim("4", "eta 500: mean of NL-HB minus L-HB", "slightly higher for the non-linear case", ACCURACY,
          lambda v: _hard_500(v) - v("L-HB 4"), above(0), (*H, "L-HB 4")),
    Claim("4", "NL-SB, eta 500: largest minus smallest lambda", "reduced by the increase of non-linearity", ACCURACY,
          _less(*S), below(0), S),
    Claim("4", "NL-HB, eta 500: largest minus smallest lambda", "almost stable over lambda", ACCURACY, _less(*H),
          STABLE, H, LINEAR_EFFECT, "rule: within 2 points"),
    Claim("4", "NL-HB, all lambda and eta: largest minus smallest", "almost stable over a wide range of lambda",
          ACCURACY, lambda v: v.range("NL-HB"), STABLE, ("NL-HB 1", *H), LINEAR_EFFECT, "rule: within 2 points"),
    Claim("4", "best NL-HB minus best L-HB", "NL-HB guarantee the best accuracy among the investigated dynamics",
          ACCURACY, lambda v: v.best("NL-HB") - v.best("L-HB"), above(0)),
    Claim("4", "best NL-HB minus best NL-SB", "the same", ACCURACY, lambda v: v.best("NL-HB") - v.best("NL-SB"),
          above(0)),
    Claim("5", "mean of all dynamics", "a growth and a saturation", LATE, lambda v: v.mean(*v.names), below(0.1),
          note="rule: a tenth"),
    Claim("6", "L-HB: largest minus smallest over all eta", "about the same contrast for every resolution", CONTRAST,
          lambda v: v.range("L-HB"), SAME_CONTRAST, L, SOFT_EFFECT, "rule: within 0.05"),
    Claim("6", "NL-SB, eta 500: largest minus smallest lambda", "increased by reducing the non-linearity", CONTRAST,
          _less(*S), below(0), S),
    Claim("6", "NL-HB, equal Nstop: eta 90 minus eta 263", "increased by reducing the resolution", CONTRAST,
          _less("NL-HB 1", "NL-HB 3"), above(0), ("NL-HB 1", "NL-HB 3")),
    Claim("6", "NL-HB, eta 500: largest minus smallest lambda", "increased by reducing the non-linearity", CONTRAST,
          _less(*H), below(0), H),
    Claim("6", "eta 500: L-HB minus the NL-SB of most contrast", "lower than the linear cases", CONTRAST,
          lambda v: v("L-HB 4") - v.best("NL-SB"), above(0), ("L-HB 4", *S)),
    Claim("6", "eta 500: L-HB minus the NL-HB of most contrast", "the same", CONTRAST,
          lambda v: v("L-HB 4") - v.best("NL-HB"), above(0), ("L-HB 4", "NL-HB 3")),
    Claim("6", "NL-SB of most contrast minus NL-SB of least", "high CA only when the dynamics develops a high contrast",
          ACCURACY, _less("NL-SB 1", "NL-SB 3"), above(0), S, note="contrast rises as lambda falls, see above"),
    Claim("6", "NL-HB, eta 500: of most contrast minus of least", "almost independent from the weight contrast",
          ACCURACY, _less("NL-HB 4", "NL-HB 6"), STABLE, H, LINEAR_EFFECT, "rule: within 2 points"),
    Claim("7", "L-HB: eta 500 minus eta 50", "correlated with resolution", DURATION, _less(*L), above(0), L),
    Claim("7", "NL-HB, equal Nstop: eta 90 minus eta 263", "reduced by reducing the resolution", DURATION,
          _less("NL-HB 1", "NL-HB 3"), below(0), ("NL-HB 1", "NL-HB 3")),
    Claim("7", "NL-HB, eta 500: largest minus smallest lambda", "reduced by the non-linearity, at equal resolution too",
          DURATION, _less(*H), below(0), H),
    Claim("7", "NL-SB, eta 500: largest minus smallest lambda", "opposite trend for soft bounds", DURATION, _less(*S),
          above(0), S),
    Claim("8", "NL-HB, eta 90, minus the best L-HB", "maximum efficiency: NL-HB with eta 90, lambda 0.047", EFFICIENCY,
          lambda v: v("NL-HB 1") - v.best("L-HB"), above(0), ("NL-HB 1", *L)),
    Claim("8", "NL-HB, eta 90, minus the best NL-SB", "the same", EFFICIENCY,
          lambda v: v("NL-HB 1") - v.best("NL-SB"), above(0), ("NL-HB 1", *S)),
    Claim("8", "NL-HB, eta 90, minus NL-HB, eta 263 and 500", "the same", EFFICIENCY,
          lambda v: v("NL-HB 1") - np.maximum(v("NL-HB 3"), _hard_500(v)), above(0), ("NL-HB 1", "NL-HB 3", *H)),
    Claim("8", "L-HB: eta 500 minus eta 50", "degraded with increasing resolution", EFFICIENCY, _less(*L), below(0), L),
    Claim("8", "NL-SB, eta 500: largest minus smallest lambda", "deteriorated by the non-linearity", EFFICIENCY,
          _less(*S), below(0), S),
    Claim("8", "NL-HB, eta 90, minus the best NL-HB", "almost the same classification performance", ACCURACY,
          lambda v: v("NL-HB 1") - v.best("NL-HB"), STABLE, ("NL-HB 1", *H), LINEAR_EFFECT, "rule: within 2 points"),
)  # fmt: skip
"""Everything that the text says of the figures; the names are those of `sim.cells.dynamics.INVESTIGATED`."""


def figure(scope: Scope, key: str) -> list[Finding]:
    """Train what the figure needs, draw it, and set every claim about it beside our number."""
    study = Study(scope).complete()
    draw_study(key, study, scope.folder)
    return [finding(study, claim) for claim in CLAIMS if claim.figure == key]


def finding(study: Study, claim: Claim) -> Finding:
    """The row of one claim: our number for every seed, the same under other interpretations, its check, its control."""
    measure, arrays = MEASURES[claim.key], study.arrays(STUDY)
    values = Values(arrays, measure)
    by, near, check = CHECKS[claim.key]
    control_is, control = CONTROLS[claim.key]
    if claim.control:
        told, compare = claim.control
        controls = Values(arrays, measure)
    else:
        told, compare, controls = control_is, claim.compare, Values(arrays, control)
    notes = (values.told(claim.shown), claim.note)
    return repeated(
        claim.figure, f"{TITLES[claim.key]}, {claim.quantity}", claim.paper, claim.compare(values).tolist(),
        unit="%" if claim.key == ACCURACY else "", accept=claim.accept, open=dict(_under_others(study, claim)),
        check=float(claim.compare(Values(arrays, check)).mean()), check_by=by, check_margin=claim.near or near,
        control=tuple(compare(controls).tolist()), control_is=told, note="; ".join(note for note in notes if note),
        stand_in=study.stand_in,
    )  # fmt: skip


def _under_others(study: Study, claim: Claim) -> Iterator[tuple[str, tuple[float, ...]]]:
    """The claim's number under every other interpretation for which the dynamics that it needs were trained."""
    for other in OPEN:
        values = Values(study.arrays(other), MEASURES[claim.key])
        try:
            yield other.name, tuple(claim.compare(values).tolist())
        except KeyError:
            continue
    if claim.key in BESTS:
        yield BEST, tuple(claim.compare(Values(study.arrays(STUDY), BESTS[claim.key])).tolist())


def homeostasis(scope: Scope) -> list[Finding]:
    """What adaptive thresholds add, which the paper leaves out and says would add about 10 %."""
    study = Study(scope).complete()
    plain = Values(study.arrays(STUDY), MEASURES[ACCURACY])
    rows = []
    for name in ADAPTIVE[0].dynamics:

        def gain(chosen: Interpretation, measure: Callable[[Trained], float], name: str = name) -> tuple[float, ...]:
            adaptive = Values(study.arrays(chosen), measure)(name)
            return tuple((adaptive - Values(study.arrays(STUDY), measure)(name)[: len(adaptive)]).tolist())

        rows.append(
            repeated(
                "homeostasis", f"test accuracy, {name}: {ADAPTIVE[0].name}, minus fixed thresholds",
                "homeostasis can improve the accuracy by about 10% (cited; 94.5% there)", gain(ADAPTIVE[0], MEASURES[
                    ACCURACY]), unit="%", accept=(5.0, 15.0),
                open={other.name: gain(other, MEASURES[ACCURACY]) for other in ADAPTIVE[1:]},
                check=float(np.mean(gain(ADAPTIVE[0], CHECKS[ACCURACY][2]))), check_by="held-out digits",
                check_margin=2.0, control=gain(ADAPTIVE[0], CONTROLS[ACCURACY][1]), control_is="permuted labels",
                note=f"fixed {plain(name).mean():.4g} %; rule: 5 to 15 points; the increments are ours",
                stand_in=study.stand_in,
            )
        )  # fmt: skip
    return rows
