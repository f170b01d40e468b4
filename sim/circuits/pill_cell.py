"""One cell of the paired-input learning layer: two VALVeD inputs, a non-volatile weight, and the response behind it.

Zivasatienraj & Doolittle (2023), Figure 8 and section 5. Three states: the fluxes of two volatile memristors and of the
weight. The weight itself is the load of the pair, so the three are solved as one circuit. A response is a pulse on the
output node during the image; a negative one adds to what a positive input drives through the weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from sim.circuits.circuit import Circuit, Flca, Memristor, Resistor, Source
from sim.circuits.drive import Drive
from sim.circuits.solve import simulate
from sim.circuits.valved import VALVED_MEMRISTOR, WIDTH

PILL_WEIGHT = Flca(R=(5e3, 450e3), A=1.0, D=1.0, volatile=False)
"""Weight of 5 kohm whose resistance has grown tenfold where 100 mV hold it (phi = A V / D = 0.1 V s); ours, for the
paper prints no parameters for this circuit."""

PILL_REFINE = 0.25
"""A quarter of the usual steps: images by the thousand, each flux to 1e-4 of a pulse (a test shows it)."""

REST = 10e-3
"""Default rest after an image in s: ten relaxation times of the volatile memristors."""


@dataclass(frozen=True, eq=False)
class PillResult:
    """What a sequence of images did to PILL cells; arrays (..., images).

    Attributes
    ----------
    phi : array
        Flux of the weight after every image, V s.
    flux : array
        Integral of the voltage across the weight over every image, V s.
    resistance : array
        Of the weight after every image, ohm.
    volatile : tuple of two (...) arrays
        Fluxes of the volatile memristors at the end, V s.
    """

    phi: NDArray[np.float64]
    flux: NDArray[np.float64]
    resistance: NDArray[np.float64]
    volatile: tuple[NDArray[np.float64], NDArray[np.float64]]


def pill_cell_circuit(weight: Flca = PILL_WEIGHT, volatile: Flca | float = VALVED_MEMRISTOR) -> Circuit:
    """Figure 8: sources ``in1``, ``in2``, elements ``m1``, ``m2`` to node ``mid``, ``weight`` to the source ``out``.

    A number for `volatile` puts fixed resistors of as many ohm in the memristors' place: the control.
    """
    front = (
        [Memristor(f"m{k}", f"in{k}", "mid", volatile) for k in (1, 2)]
        if isinstance(volatile, Flca)
        else [Resistor(f"m{k}", f"in{k}", "mid", volatile) for k in (1, 2)]
    )
    return Circuit(
        Source("in1", "in1"),
        Source("in2", "in2"),
        Source("out", "out"),
        *front,
        Memristor("weight", "mid", "out", weight),
    )


def pill_cell(
    v1: ArrayLike,
    v2: ArrayLike,
    response: ArrayLike = 0.0,
    phi: ArrayLike = 0.0,
    *,
    volatile_phi: tuple[ArrayLike, ArrayLike] = (0.0, 0.0),
    width: float = WIDTH,
    rest: float = REST,
    weight: Flca = PILL_WEIGHT,
    volatile: Flca | float = VALVED_MEMRISTOR,
    refine: float = PILL_REFINE,
) -> PillResult:
    """Show a sequence of images to a batch of PILL cells.

    Parameters
    ----------
    v1, v2 : (..., images) array
        Inputs of every cell in V, one image after the other along the last axis; the leading axes are the cells.
    response : (..., images) array
        Voltage on the output node during every image, V: 0 for none; NaN leaves the node floating.
    phi : (...) array
        Flux of the weights before, V s, >= 0.
    volatile_phi : pair of (...) arrays
        Fluxes of the volatile memristors before, V s (not for resistors).
    width, rest : float
        Of the pulses, and at 0 V after each, s.
    weight, volatile
        As in `pill_cell_circuit`.
    refine : float
        As in `simulate`; `PILL_REFINE` unless given.

    Raises
    ------
    InputError
        If `width` is not positive, `rest` is negative, or the arrays do not broadcast.
    """
    drive = _images(v1, v2, response, width, rest)
    start = {"weight": phi}
    memristive = isinstance(volatile, Flca)
    if memristive:
        start |= dict(zip(("m1", "m2"), volatile_phi, strict=True))
    run = simulate(pill_cell_circuit(weight, volatile), drive, start, refine=refine)
    across = run.area["mid"] - run.area["out"]
    after = slice(1, None, 4)  # two instants a segment, two segments an image
    relaxed = np.zeros(drive.batch)
    return PillResult(
        phi=run.phi["weight"][..., after],
        flux=across[..., after] - across[..., 0::4],
        resistance=run.memristance["weight"][..., after],
        volatile=(run.final["m1"], run.final["m2"]) if memristive else (relaxed, relaxed),
    )


def _images(v1: ArrayLike, v2: ArrayLike, response: ArrayLike, width: float, rest: float) -> Drive:
    """A pulse and a rest for every image."""
    if not 0 < width < np.inf:
        raise InputError(f"width = {width} s: a pulse must be longer than 0 and finite")
    if not 0 <= rest < np.inf:
        raise InputError(f"rest = {rest} s: the time between two images must be >= 0 and finite")
    try:
        levels = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (v1, v2, response)))
    except ValueError:
        shapes = ", ".join(str(np.shape(x)) for x in (v1, v2, response))
        raise InputError(f"v1, v2 and response of shapes {shapes} do not broadcast to (..., images)") from None
    return Drive(
        np.tile([width, rest], levels[0].shape[-1]),
        {name: _with_rests(level) for name, level in zip(("in1", "in2", "out"), levels, strict=True)},
    )


def _with_rests(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 V after every image."""
    return np.stack([level, np.zeros_like(level)], axis=-1).reshape(*level.shape[:-1], -1)
