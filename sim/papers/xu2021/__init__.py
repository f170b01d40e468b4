"""Xu, Wang & Yan (2021), Front. Nanotechnol. 3:645995: a review of memristor models, synapse circuits and networks.

What it asserts of models (Table 1), windows, synapses (Table 2), optimised pulses (Figure 5) and grids (Figure 10), for
`hil reproduce xu2021`. The review measures nothing itself and prints no curve with numbers, and its Table 1 is garbled
where signs and branches count; so rows hold its words to the models' own papers, and what it leaves open stays open.
"""

from __future__ import annotations

from hil.reproduction.papers import Paper, PaperFigure
from sim.papers.xu2021.grids import grids
from sim.papers.xu2021.linearisation import figure_5
from sim.papers.xu2021.models import limits, loops, properties
from sim.papers.xu2021.networks import table_3
from sim.papers.xu2021.ranking import accuracy_and_cost
from sim.papers.xu2021.synapses import table_2
from sim.papers.xu2021.windows import at_the_bounds

PAPER = Paper(
    "xu2021",
    "Xu, Wang & Yan (2021), Front. Nanotechnol. 3:645995",
    (
        PaperFigure("1B", "pinched loops of the models of Table 1", loops),
        PaperFigure("T1", "equations of Table 1 in their limits", limits),
        PaperFigure("T1-properties", "threshold and linearity of the models of Table 1", properties),
        PaperFigure("windows", "window functions at the bounds of a film", at_the_bounds),
        PaperFigure("T1-ranking", "accuracy and cost of the models of Table 1, measured", accuracy_and_cost),
        PaperFigure("T2", "synapse circuits of Table 2", table_2),
        PaperFigure("5", "linear and symmetric updates by optimised pulses", figure_5),
        PaperFigure("networks", "networks of Table 3 and of the text: CeNN, perceptron, conditioning", table_3),
        PaperFigure("10", "sneak paths, IR drop, latency and power of grids", grids),
    ),
)
