"""Zivasatienraj & Doolittle (2023), Front. Neurosci. 17:1153183: FLCA memristors, their circuits, and two networks.

Figures, numbers and claims of its sections 2 to 5, for `hil reproduce flca`. The supplement, the measured curves of
Figure 1 and the entries of Table 1 are not in the text that we have.
"""

from __future__ import annotations

from hil.reproduction.papers import Paper, PaperFigure
from sim.papers.flca2023.devices import figure_1b, figure_1c, pinched_loops
from sim.papers.flca2023.energy import energies
from sim.papers.flca2023.equation4 import equation_4
from sim.papers.flca2023.inputs import figure_2c, figure_2d, table_1
from sim.papers.flca2023.layer import figure_8, figure_9
from sim.papers.flca2023.pairs import figure_3a, figure_3c, figure_4
from sim.papers.flca2023.perceptron import (
    accuracy,
    check_data,
    convergence,
    figure_5,
    figure_6,
    figure_7,
    two_classes,
)
from sim.papers.flca2023.pill import corrupted, several_targets, size, spike_timing

PAPER = Paper(
    "flca",
    "Zivasatienraj & Doolittle (2023), Front. Neurosci. 17:1153183",
    (
        PaperFigure("eq4", "the non-volatile memristor as printed and as meant", equation_4),
        PaperFigure("1B", "volatile transients", figure_1b),
        PaperFigure("1C", "non-volatile resistance over pulse duration", figure_1c),
        PaperFigure("loop", "pinched current-voltage loops", pinched_loops),
        PaperFigure("2C", "two inputs through resistors", figure_2c),
        PaperFigure("2D", "two inputs through volatile memristors (VALVeD)", figure_2d),
        PaperFigure("T1", "Table 1, the pair as a leaky AND gate", table_1),
        PaperFigure("3A", "desensitisation by a pair of pulses", figure_3a),
        PaperFigure("3C", "pulses from both sides", figure_3c),
        PaperFigure("4", "spike-timing window", figure_4),
        PaperFigure("5", "perceptron: its size", figure_5),
        PaperFigure("6", "one layer trained on one digit", figure_6),
        PaperFigure("7", "lifelong relearning", figure_7),
        PaperFigure("accuracy", "more than 70 % by winner take all", accuracy),
        PaperFigure("convergence", "converged after a quarter of an epoch", convergence),
        PaperFigure("classes", "one layer tells its class from the others", two_classes),
        PaperFigure("energy", "1.6 uJ an image, 94 mJ in all, 78 pJ an inference", energies),
        PaperFigure("8", "paired-input layer: its size", figure_8),
        PaperFigure("size", "paired-input layer: smaller than a fully connected network", size),
        PaperFigure("9", "resistances of a paired-input layer that learns vertical lines", figure_9),
        PaperFigure("corrupted", "paired-input layer: corrupted data", corrupted),
        PaperFigure("several", "paired-input layer: several targets in one layer", several_targets),
        PaperFigure("timed", "paired-input layer by spike timing", spike_timing),
    ),
    check=check_data,
)
