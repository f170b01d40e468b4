"""Peng, Gan & Guo (2024): a review of memristor-based spiking neural networks, for `hil reproduce peng2024`.

Memristor-based spiking neural networks: cooperative development of neural network architecture/algorithms and
memristors. It measures nothing itself; rows hold what it says of passive arrays to simulations of them.
"""

from __future__ import annotations

from hil.reproduction.papers import Paper, PaperFigure
from sim.papers.peng2024.lines import ir_drop
from sim.papers.peng2024.mapping import mappings
from sim.papers.peng2024.reported import reported
from sim.papers.peng2024.sneak import sneak_currents
from sim.papers.peng2024.techniques import trainings
from sim.papers.peng2024.tolerance import tolerance_map

PAPER = Paper(
    "peng2024",
    "Peng, Gan & Guo (2024), Memristor-based spiking neural networks (review)",
    (
        PaperFigure("sneak", "sneak currents, selectors, self-rectifying cells and transistors", sneak_currents),
        PaperFigure("IR", "IR drop, writing voltages, and what attenuates them", ir_drop),
        PaperFigure("tolerance", "Figure 8a: 121 non-linearities of LTP and LTD, two networks", tolerance_map),
        PaperFigure("techniques", "ways of training, with their numbers", trainings),
        PaperFigure("mapping", "neurons on crossbars as SpiNeMap places them, beside a naive mapping", mappings),
        PaperFigure("reported", "numbers of other papers' hardware", reported),
    ),
)
