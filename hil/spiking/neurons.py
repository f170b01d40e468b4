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
    tie : {"rank", "membrane", "margin"}
        Which of several neurons at threshold wins: the first in a fixed random order (they stand for the paper's random
        emission delays); the one with the highest membrane, then that order; or the one whose membrane is furthest
        above its own threshold, then that order. Where thresholds adapt, `membrane` prefers the neuron with the
        highest threshold.
    seed : int
        Of the random order.
    theta_plus : float
        Adaptive threshold: what a spike adds to its neuron's threshold while it learns, in full weights; 0 for none.
    theta_plus_end : float or None
        What it adds at the end of the run, to which it falls geometrically (`hil.spiking.course.LearningCourse`);
        None: it stays.
    theta_mean : {"free", "zero"}
        Whether a spike raises its neuron's threshold alone, or takes theta_plus / N from all N at the same time, so
        that their mean stays where it is: homeostasis without a drift and without a time constant.
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
    tie: Literal["rank", "membrane", "margin"] = "rank"
    seed: int = 0
    theta_plus: float = 0.0
    theta_plus_end: float | None = None
    theta_mean: Literal["free", "zero"] = "free"
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
        if self.theta_plus_end is not None and not 0 < self.theta_plus_end <= self.theta_plus:
            raise InputError(
                f"Lif: theta_plus_end = {self.theta_plus_end} must be > 0 and at most theta_plus = {self.theta_plus}"
            )

    def ranks(self, neurons: int) -> NDArray[np.int64]:
        """Place of every neuron in the fixed random order; 0 wins."""
        return np.random.default_rng([self.seed, 5]).permutation(neurons)
