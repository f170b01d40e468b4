"""Zhou, Choi, Eshraghian & Kang (2022): a fully memristive spiking network with unsupervised learning.

Two of its equations are misprinted (`hil.neurons.mif`, and the sign of 4b); as printed, the neuron rests at its own
threshold and the rule's peak is eight times its figure's. It leaves out the Poisson rate, a bound of the weights and
the formula of its resemblance, and prints one number without spread or control; so rows hold each number to a control.
"""

from __future__ import annotations

from hil.reproduction.papers import Paper, PaperFigure
from sim.papers.msnn2022.classes import accuracy
from sim.papers.msnn2022.memory import half_cues, heat_map, retrieval
from sim.papers.msnn2022.neuron import response, table_1
from sim.papers.msnn2022.rule import window

PAPER = Paper(
    "msnn2022",
    "Zhou et al. (2022), A Fully Memristive Spiking Neural Network with Unsupervised Learning",
    (
        PaperFigure("T1", "what the parameters of Table I make of a resting neuron", table_1),
        PaperFigure("2", "response of the memristive neuron to alpha currents", response),
        PaperFigure("3", "change of a weight by the memristive STDP rule", window),
        PaperFigure("5", "retrieval of parts of other patterns", retrieval),
        PaperFigure("6", "heat map of resemblance", heat_map),
        PaperFigure("7", "accuracy over iterations, 97.5 % at the 70th", accuracy),
        PaperFigure("half", "incomplete patterns, which the paper leaves to future work", half_cues),
    ),
)
