"""Spiking layers: spikes in, spikes out, on the cells of any device (`core` says what that means)."""

from hil.spiking.core import SpikingCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import PairStdp, Rule, Stdp
from hil.spiking.trains import SpikeBatch, SpikeTrain

__all__ = ["Lif", "PairStdp", "Rule", "SpikeBatch", "SpikeTrain", "SpikingCore", "Stdp"]
