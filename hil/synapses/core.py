"""`SynapseCore`: spiking neurons on the host, one a column of weights, whatever cells a weight consists of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import Rule
from hil.synapses.synapse import Synapse


class SynapseCore(HostCore):
    """`HostCore` that learns by `Synapse.program`: a pulse of the rule is one of a weight.

    A weight counts 0 at the lower and 1 at the upper end of its range, with or without a sign; with
    ``reference = none`` a membrane gains the weight itself over the length of the range, which may be negative.
    """

    def __init__(self, synapse: Synapse, lif: Lif, stdp: Rule) -> None:
        """Put neurons on a synapse's columns."""
        if lif.reference == "column":
            raise InputError(f"neuron.reference = column: {synapse.name} has weights, not cells; take exact or none")
        super().__init__(synapse, lif, stdp)
        self.synapse = synapse

    def _learn(self, neuron: int, elapsed: NDArray[np.float64], given: NDArray[np.bool_]) -> None:
        counts = np.zeros(self.synapse.cells, np.int64)
        raised = np.sum([elapsed <= window for window in self.stdp.potentiating], axis=0, dtype=np.int64)
        lowered = (raised == 0) & self.stdp.depresses_others
        counts[:, neuron] = (raised - lowered) * given
        self._program(counts)

    def _depress(self, row: int, elapsed: NDArray[np.float64], given: NDArray[np.bool_]) -> None:
        counts = np.zeros(self.synapse.cells, np.int64)
        counts[row] = -np.sum([elapsed <= window for window in self.stdp.depressing], axis=0, dtype=np.int64) * given
        self._program(counts)

    def _program(self, counts: NDArray[np.int64]) -> None:
        if counts.any():
            self.synapse.program(counts)
