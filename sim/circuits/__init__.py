"""Small memristive circuits solved exactly: the circuits of Zivasatienraj & Doolittle (2023), and any other."""

from sim.circuits.circuit import GROUND, Circuit, Flca, Memristor, Resistor, Source
from sim.circuits.drive import Drive
from sim.circuits.solve import Transient, simulate

__all__ = ["GROUND", "Circuit", "Drive", "Flca", "Memristor", "Resistor", "Source", "Transient", "simulate"]
