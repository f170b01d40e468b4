"""VALVeD inputs: two volatile memristors into one load, which pass what their inputs have in common.

Zivasatienraj & Doolittle (2023), Figure 2A and Table 1, "Volatile AND Logic VoltagE Divided". Equal inputs meet no
difference and pass. Between unequal ones current flows from the higher to the lower, and drives both memristors to a
high resistance, through which the load pulls the output down.

The paper does not print the load. Without one, a symmetric pair divides the difference in half and stays at 50 mV
(`load=inf`); its 3.2 uVs need 4094 ohm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from sim.circuits.circuit import GROUND, Circuit, Flca, Memristor, Resistor, Source
from sim.circuits.drive import Drive
from sim.circuits.solve import Transient, simulate

VALVED_MEMRISTOR = Flca(R=(100.0, 0.0, 0.0, 500e3), A=50e3, D=1e3, volatile=True)
"""The memristor of Figure 2: A = 50k, D = 1k /s, R0 = 100 ohm, R3 = 500k ohm/(V s)^3."""

LOAD = 4094.0
"""Load in ohm at which one high input of 100 mV, 1 ms leaves 3.20 uVs, the flux that the paper gives."""

HIGH, WIDTH = 0.1, 1e-3
"""A digital high in V and the width of a pulse in s, Figure 2."""


@dataclass(frozen=True, eq=False)
class ValvedResult:
    """What a VALVeD pair passed of two pulses; arrays of the inputs' common shape.

    Attributes
    ----------
    flux : array
        Integral of the output voltage in V s, from the first edge to the last: the flux into the next stage.
    input_flux : array
        That of the larger input pulse, V s.
    transient : Transient
        Everything else: node ``out``, memristors ``m1`` and ``m2``.
    """

    flux: NDArray[np.float64]
    input_flux: NDArray[np.float64]
    transient: Transient

    @property
    def suppression(self) -> NDArray[np.float64]:
        """Fraction of the larger input's flux that does not reach the output; NaN without an input."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return 1.0 - self.flux / np.where(self.input_flux == 0, np.nan, self.input_flux)


def valved_circuit(load: float = LOAD, memristor: Flca = VALVED_MEMRISTOR) -> Circuit:
    """Figure 2A: sources ``in1``, ``in2``, memristors ``m1``, ``m2`` to node ``out``, `load` ohm from there to ground.

    An infinite `load` leaves the output open.
    """
    return Circuit(
        Source("in1", "in1"),
        Source("in2", "in2"),
        Memristor("m1", "in1", "out", memristor),
        Memristor("m2", "in2", "out", memristor),
        *_load(load),
    )


def resistor_circuit(load: float = LOAD, ohm: float = VALVED_MEMRISTOR.R[0]) -> Circuit:
    """Figure 2C, the control: the same with fixed resistors ``m1``, ``m2`` of `ohm` each."""
    return Circuit(
        Source("in1", "in1"),
        Source("in2", "in2"),
        Resistor("m1", "in1", "out", ohm),
        Resistor("m2", "in2", "out", ohm),
        *_load(load),
    )


def valved(
    v1: ArrayLike,
    v2: ArrayLike,
    width: float = WIDTH,
    load: float = LOAD,
    *,
    lag: ArrayLike = 0.0,
    memristors: bool = True,
    record: int = 1,
    refine: float = 1.0,
) -> ValvedResult:
    """Give one pulse to each input of a relaxed VALVeD pair (Figure 2D; Table 1).

    Parameters
    ----------
    v1, v2 : array
        Amplitudes in V, of any shapes that broadcast together.
    width : float
        Of both pulses, s, > 0.
    load : float
        Ohm from the output to ground, > 0; infinite for none.
    lag : array
        How much later the second input's pulse begins, s; negative if it begins first. 0 is the paper's protocol.
    memristors : bool
        False for the control of Figure 2C, 100 ohm resistors in their place.
    record, refine
        As in `simulate`; the transient has three segments, of which the outer two last |lag|.

    Raises
    ------
    InputError
        If the width or the load is not positive, or the inputs do not broadcast.
    """
    if not 0 < width < np.inf:
        raise InputError(f"width = {width} s: a pulse must be longer than 0 and finite")
    try:
        v1, v2, lag = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (v1, v2, lag)))
    except ValueError:
        shapes = ", ".join(str(np.shape(x)) for x in (v1, v2, lag))
        raise InputError(f"v1, v2 and lag of shapes {shapes} do not broadcast together") from None
    circuit = valved_circuit(load) if memristors else resistor_circuit(load)
    transient = simulate(circuit, two_pulses(v1, v2, width, lag), record=record, refine=refine)
    return ValvedResult(transient.area["out"][..., -1], np.maximum(np.abs(v1), np.abs(v2)) * width, transient)


def two_pulses(v1: NDArray[Any], v2: NDArray[Any], width: float, lag: NDArray[Any]) -> Drive:
    """Pulses of `width` s on ``in1`` and, `lag` s later, on ``in2``: before, during and after their overlap."""
    apart, first = np.abs(lag), lag >= 0
    overlap = apart < width
    between = np.where(overlap, width - apart, apart - width)
    alone = np.minimum(apart, width)
    on1 = np.stack([first, overlap, ~first], axis=-1)
    on2 = np.stack([~first, overlap, first], axis=-1)
    return Drive(np.stack([alone, between, alone], axis=-1), {"in1": v1[..., None] * on1, "in2": v2[..., None] * on2})


def _load(ohm: float) -> list[Resistor]:
    if ohm == np.inf:
        return []
    return [Resistor("load", "out", GROUND, ohm)]
