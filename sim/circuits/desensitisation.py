"""Desensitisation: a volatile memristor in series with a non-volatile one under two equal pulses.

Zivasatienraj & Doolittle (2023), Figure 3A. The first pulse sets the volatile element to a high resistance, which takes
its share of the second; the more so, the sooner that follows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from sim.circuits.circuit import GROUND, Circuit, Flca, Memristor, Source
from sim.circuits.drive import Drive
from sim.circuits.solve import simulate

VOLATILE = Flca(R=(100.0, 1e6), A=1.0, D=1.0, volatile=True)
NONVOLATILE = Flca(R=(100.0, 1e6), A=1.0, D=1.0, volatile=False)
"""The elements of Figure 3: A = 1, D = 1 /s, R0 = 100 ohm, R1 = 1M ohm/(V s)."""


def desensitisation_circuit(volatile: Flca = VOLATILE, nonvolatile: Flca = NONVOLATILE) -> Circuit:
    """Figure 3A, left inset: source ``in``, memristor ``volatile`` to node ``mid``, memristor ``weight`` to ground."""
    return Circuit(
        Source("in", "in"),
        Memristor("volatile", "in", "mid", volatile),
        Memristor("weight", "mid", GROUND, nonvolatile),
    )


def desensitisation(
    separation: ArrayLike,
    volts: float = 1.0,
    width: float = 1e-3,
    *,
    volatile: Flca = VOLATILE,
    nonvolatile: Flca = NONVOLATILE,
    phi0: float = 0.0,
    refine: float = 1.0,
) -> NDArray[np.float64]:
    """Resistance of the non-volatile element after two equal pulses (Figure 3A), ohm, of the shape of `separation`.

    Parameters
    ----------
    separation : array
        From the end of the first pulse to the start of the second, s, >= 0.
    volts, width : float
        Of each pulse, V and s.
    volatile, nonvolatile : Flca
        The elements.
    phi0 : float
        Flux of the non-volatile element before, V s.
    refine : float
        As in `simulate`.
    """
    separation = np.asarray(separation, dtype=np.float64)
    if not (separation >= 0).all():
        raise InputError(f"separation = {separation.min()} s: the second pulse cannot begin before the first has ended")
    duration = np.stack(np.broadcast_arrays(width, separation, width), axis=-1)
    circuit = desensitisation_circuit(volatile, nonvolatile)
    drive = Drive(duration, {"in": [volts, 0.0, volts]})
    return simulate(circuit, drive, {"weight": phi0}, refine=refine).memristance["weight"][..., -1]
