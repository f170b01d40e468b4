"""Brivio et al. (2021), Front. Neurosci. 15:580909: which weight dynamics serves unsupervised spiking networks best?

Figures 2 to 8 and what the text says of them, for `hil reproduce brivio2021`. Its Table 1 and its supplement, with all
values of the figures, are not in the text that we have.
"""

from __future__ import annotations

from functools import partial

from hil.data.datasets import load
from hil.reproduction.papers import Paper, PaperFigure, Scope
from sim.papers.brivio2021.comparisons import figure, homeostasis
from sim.papers.brivio2021.drawing import from_sweep
from sim.papers.brivio2021.resolution import figure_2

FIGURES = {
    "3": "accuracy over alpha",
    "4": "accuracy over resolution and non-linearity",
    "5": "learning curves",
    "6": "weight contrast",
    "7": "training duration",
    "8": "efficiency",
}


def _check(scope: Scope) -> None:
    if scope.data_dir is not None and not scope.quick:
        load("mnist", scope.data_dir)


PAPER = Paper(
    "brivio2021",
    "Brivio et al. (2021), Front. Neurosci. 15:580909",
    (
        PaperFigure("2", "resolution and non-linearity of the dynamics", figure_2),
        *(PaperFigure(key, title, partial(figure, key=key)) for key, title in FIGURES.items()),
        PaperFigure("homeostasis", "adaptive thresholds", homeostasis),
    ),
    from_sweep=from_sweep,
    check=_check,
)
