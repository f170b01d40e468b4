"""Figures 5 and 6, and halves of patterns: the memory retrieval of Type 1, in the paper's setting and in ours."""

from __future__ import annotations

import numpy as np

from hil.reproduction.papers import Finding, Scope, above, repeated
from hil.training.recall import PAPER_SETTING, RecallTraining

HALF_CUE_CONTROLS = ("no delay", "paper's inhibition", "paper's setting")


def trained(scope: Scope) -> RecallTraining:
    """Our setting with all controls, the paper's setting among them."""
    seeds, epochs = (2, 2.0) if scope.quick else (5, 4.0)
    config = {"train": {"seeds": seeds, "epochs": epochs}}
    return scope.train(RecallTraining, config, "recall-quick" if scope.quick else "recall")


def _told(training: RecallTraining) -> str:
    told = f"bound {1e6 * PAPER_SETTING['bound']:g} uA, rate {1e-6 * PAPER_SETTING['rate']:g} /us: the text has neither"
    return f"{told}; sim:rram, {training.config.train.epochs:g} epochs"


def retrieval(scope: Scope) -> list[Finding]:
    """Spikes outside the pattern that is shown."""
    training = trained(scope)
    return [
        repeated(
            "5",
            "spikes outside of the whole pattern that is shown",
            '"other patterns are also recalled"',
            training.measured("paper's setting", "outside"),
            unit="%",
            accept=above(1.0),
            control=tuple(training.measured("untrained", "outside")),
            control_is="untrained",
            open={"our setting, which completes halves": tuple(training.measured("trained", "outside"))},
            note=_told(training),
        )
    ]


def heat_map(scope: Scope) -> list[Finding]:
    """Patterns that resemble what is shown most."""
    training = trained(scope)
    return [
        repeated(
            "6",
            "patterns, of four, whose own row has its largest share on the diagonal",
            '"the values along the diagonal are the largest"',
            training.on_the_diagonal("paper's setting"),
            accept=(3.5, 4.5),
            control=tuple(training.on_the_diagonal("untrained")),
            control_is="untrained",
            note="an untrained network passes: only those neurons fire that are shown. " + _told(training),
        )
    ]


def half_cues(scope: Scope) -> list[Finding]:
    """Half of a pattern, completed."""
    training = trained(scope)
    rows = [
        repeated(
            "half",
            "half cues completed",
            None,
            training.measured("trained", "completed"),
            unit="%",
            control=tuple(training.measured("untrained", "completed")),
            control_is="untrained",
            note="delay after inhibition, inhibition in the predicted window, strobe; docs/recall.md",
        )
    ]
    rows += [
        repeated("half", f"half cues completed, {role}", None, training.measured(role, "completed"), unit="%")
        for role in HALF_CUE_CONTROLS
    ]
    rows.append(
        repeated(
            "half",
            "rate of the missing half over that of the cued half",
            None,
            training.measured("trained", "missing"),
            control=float(np.mean(training.measured("untrained", "missing"))),
            control_is="untrained",
        )
    )
    return rows
