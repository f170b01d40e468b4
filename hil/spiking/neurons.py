"""Neurons of a spiking layer: leaky integrate-and-fire with lateral inhibition, one a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError


@dataclass(frozen=True)
class Lif:
    """Leaky integrate-and-fire neurons with lateral inhibition: a winner-take-all layer.

    Attributes
    ----------
    threshold : float
        In full weights (see `hil.spiking.core`), > 0.
    leak : float
        Time constant of the membrane, s.
    refractory : float
        How long a neuron ignores inputs after its own spike, s.
    inhibition : float
        How long all others ignore inputs after it, s; 0 for none, and then every neuron at threshold fires.
    reset : {"all", "own"}
        Which membranes a spike sets to 0. The paper of Brivio et al. (2021) does not say.
    tie : {"rank", "membrane"}
        Which of several neurons at threshold wins: the first in a fixed random order (they stand for the paper's random
        emission delays), or the one with the highest membrane, then that order.
    seed : int
        Of the random order.
    theta_plus : float
        Adaptive threshold: what a spike adds to its neuron's threshold while it learns, in full weights; 0 for none.
    theta_decay : float
        Time constant with which that is forgotten, s of presentation with learning.
    reference : {"exact", "column", "none"}
        What is subtracted from a column's current: v g_min exactly; the current of the device's last column, which is
        set to g_min beforehand and has no neuron; or nothing, and then every input adds g_min / (g_max - g_min) to
        all membranes.
    """

    threshold: float = 60.0
    leak: float = 120e-6
    refractory: float = 1e-9
    inhibition: float = 10e-6
    reset: Literal["all", "own"] = "all"
    tie: Literal["rank", "membrane"] = "rank"
    seed: int = 0
    theta_plus: float = 0.0
    theta_decay: float = np.inf
    reference: Literal["exact", "column", "none"] = "exact"

    def __post_init__(self) -> None:
        """Check ranges."""
        for field in ("threshold", "leak", "theta_decay"):
            if not getattr(self, field) > 0:
                raise InputError(f"Lif: {field} = {getattr(self, field)} must be > 0")
        for field in ("refractory", "inhibition", "theta_plus"):
            if not getattr(self, field) >= 0:
                raise InputError(f"Lif: {field} = {getattr(self, field)} must be >= 0")

    def ranks(self, neurons: int) -> NDArray[np.int64]:
        """Place of every neuron in the fixed random order; 0 wins."""
        return np.random.default_rng([self.seed, 5]).permutation(neurons)
