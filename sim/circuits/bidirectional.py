"""The bidirectional memristor as a circuit, and its spike-timing window.

Zivasatienraj & Doolittle (2023), Figures 3B, 3C and 4: a presynaptic source, a volatile and a non-volatile memristor,
a postsynaptic source. A pulse of the first raises the non-volatile flux, one of the second lowers it. `sim:flca-pair`
is a crossbar of these.

Why the window has a dead zone. Both elements carry one current, so dphi_n / dphi_v = Mn / Mv. Without relaxation within
a pulse and with equal R1, that integrates to

    while phi_v >= 0:   Mn / Mv  is constant
    while phi_v <= 0:   Mn Mv    is constant

and the two fluxes together move by A V T a pulse. Two opposed pulses without a gap go up one of these curves and down
the same: they cancel exactly. Two opposed pulses so far apart that phi_v relaxes to 0 in between go along the one, with
Mn from Mn0 to Mn0 Mv1 / R0, and then along the other, back to Mn0: they cancel as well. Both ends of the delay axis are
zeros. In between phi_v has relaxed in part: the second pulse unwinds what is left through a low resistance, and so
moves the non-volatile element further than the first did. The effect peaks at a delay of 0.7 to 1 / D; at 1 % of 1 / D
it is 3 % of the peak. What remains at both ends is eq 4's own asymmetry, D phi_n T.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from sim.circuits.circuit import Circuit, Flca, Memristor, Source
from sim.circuits.desensitisation import NONVOLATILE, VOLATILE
from sim.circuits.drive import Drive
from sim.circuits.solve import Transient, simulate


def bidirectional_circuit(volatile: Flca = VOLATILE, nonvolatile: Flca = NONVOLATILE) -> Circuit:
    """Figure 3B: source ``pre``, memristor ``volatile``, node ``mid``, memristor ``weight``, source ``post``."""
    return Circuit(
        Source("pre", "pre"),
        Source("post", "post"),
        Memristor("volatile", "pre", "mid", volatile),
        Memristor("weight", "mid", "post", nonvolatile),
    )


def pulse_pair(
    delay: ArrayLike,
    volts: float = 1.0,
    width: float = 1e-3,
    *,
    volatile: Flca = VOLATILE,
    nonvolatile: Flca = NONVOLATILE,
    phi0: float = 1e-3,
    record: int = 1,
    refine: float = 1.0,
) -> Transient:
    """One presynaptic and one postsynaptic pulse on a bidirectional memristor (Figure 3C).

    Parameters
    ----------
    delay : array
        From the end of the first pulse to the start of the second, s: positive if the presynaptic one is first,
        negative if the postsynaptic one is; -0.0 is the latter without a gap.
    volts, width : float
        Of each pulse, V and s.
    volatile, nonvolatile : Flca
        The elements.
    phi0 : float
        Flux of the non-volatile element before, V s. With less than `volts` x `width`, a postsynaptic pulse that comes
        first is clipped at zero flux.
    record, refine
        As in `simulate`.

    Returns
    -------
    Transient
        Three segments: first pulse, rest, second pulse.
    """
    delay = np.asarray(delay, dtype=np.float64)
    if not np.isfinite(delay).all():
        raise InputError(f"delay = {delay}: the time between two pulses must be finite")
    pre_first = ~np.signbit(delay)[..., None]
    duration = np.stack(np.broadcast_arrays(width, np.abs(delay), width), axis=-1)
    first, second = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    drive = Drive(
        duration,
        {
            "pre": volts * np.where(pre_first, first, second),
            "post": volts * np.where(pre_first, second, first),
        },
    )
    circuit = bidirectional_circuit(volatile, nonvolatile)
    return simulate(circuit, drive, {"weight": phi0}, record=record, refine=refine)


@dataclass(frozen=True, eq=False)
class TimingWindow:
    """Change of a weight over the delay between two spikes.

    Attributes
    ----------
    delay : (K,) array
        s, positive if the presynaptic pulse came first.
    change : (K,) array
        (G - G0) / G0 of the non-volatile element.
    """

    delay: NDArray[np.float64]
    change: NDArray[np.float64]

    @property
    def peak(self) -> tuple[float, float]:
        """Delay in s and change of the strongest potentiation (pre before post) on the grid of delays."""
        ahead = np.flatnonzero(~np.signbit(self.delay))
        best = ahead[np.argmax(self.change[ahead])]
        return float(self.delay[best]), float(self.change[best])


def stdp_window(
    delay: ArrayLike,
    D: float = 1.0,
    volts: float = 1.0,
    width: float = 1e-3,
    *,
    phi0: float = 1e-3,
    nonvolatile: Flca = NONVOLATILE,
    refine: float = 1.0,
) -> TimingWindow:
    """Spike-timing window of the pair of Figure 3 with a volatile element that relaxes at `D` (Figure 4).

    Parameters
    ----------
    delay : (K,) array
        As in `pulse_pair`, s.
    D : float
        Relaxation rate of the volatile element, 1/s. The printed 1 /s puts the peak at 0.5 to 1 s, so the 10 ms that
        the paper trains with lie in the dead zone; with 50 to 100 /s they lie at the peak.
    volts, width, phi0, nonvolatile, refine
        As in `pulse_pair`.
    """
    delay = np.atleast_1d(np.asarray(delay, dtype=np.float64))
    volatile = Flca(VOLATILE.R, VOLATILE.A, D, volatile=True)
    run = pulse_pair(
        delay, volts, width, volatile=volatile, nonvolatile=nonvolatile, phi0=phi0, refine=refine
    )  # fmt: skip
    before, after = run.memristance["weight"][..., 0], run.memristance["weight"][..., -1]
    return TimingWindow(delay, before / after - 1.0)
