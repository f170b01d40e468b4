"""Device models turned into what an emulator is loaded with: step tables, and coefficients of FLCA segments.

A state s of S bits stands for the weight w = s / (2^S - 1) of a pulse-step cell, and G = g_min + w (g_max - g_min), so
that the memductance table is the identity; or for the flux phi = s phi_max / (2^S - 1) of an FLCA memristor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateware.geometry import TABLE_SIZE
from hil.errors import InputError
from sim.cells.measured import measured_steps
from sim.cells.rram import RramParameters

LARGEST_STEP = 65535
"""Largest entry of a step table: the whole range, so that nothing beyond it is lost."""

LEAST_GAIN = 64
"""Smallest gain of an FLCA segment; rounding it to a whole number is then wrong by 0.8 % at most."""


@dataclass(frozen=True, eq=False)
class StepTables:
    """Tables that are loaded into an emulator of pulse-step cells.

    Attributes
    ----------
    potentiation, depression : (256,) arrays of int
        Sizes of steps at the highest 8 bits of a state, in units of 2^-(16 - state_bits) of a state.
    g_min, g_max : float
        Conductances of weights 0 and 1, S.
    """

    potentiation: NDArray[np.int64]
    depression: NDArray[np.int64]
    g_min: float
    g_max: float


def memductance() -> NDArray[np.int64]:
    """(256,) weights 0..255 at the highest 8 bits of a state."""
    return np.arange(TABLE_SIZE)


def bin_weights(state_bits: int) -> NDArray[np.float64]:
    """(256,) weight at the centre of every bin of a table: of the states that share their highest 8 bits."""
    size = 1 << (state_bits - 8)
    return (np.arange(TABLE_SIZE) * size + (size - 1) / 2) / ((1 << state_bits) - 1)


def rram_tables(p: RramParameters, state_bits: int, stochastic: bool) -> StepTables:
    """Steps of eqs 1-3 of Brivio et al. (2021), see `sim.cells.rram`, at the centre of every bin.

    Raises
    ------
    InputError
        If a pulse is too small to be told from none.
    """
    up, down = p.branches()
    w = bin_weights(state_bits)
    return StepTables(
        _entries(up[0] * (1.0 - w * up[2]) ** up[1], "alpha", p.alpha, state_bits, stochastic),
        _entries(
            down[0] * (1.0 - (1.0 - w) * down[2]) ** down[1],
            "alpha_dep", p.alpha if p.alpha_dep is None else p.alpha_dep, state_bits, stochastic,
        ),
        p.g_min, p.g_max,
    )  # fmt: skip


def curve_tables(
    potentiation: Sequence[float], depression: Sequence[float], state_bits: int, stochastic: bool
) -> StepTables:
    """Steps of a measured device, see `sim.cells.measured`.

    Parameters
    ----------
    potentiation, depression : sequences of float
        Conductance after each of a train of equal pulses, S: rising from pulse to pulse, and falling.
    state_bits : int
        Width of a state.
    stochastic : bool
        Whether the emulator rounds states at random.

    Raises
    ------
    InputError
        If a curve has less than 2 points, is not monotone or positive, or its steps are too small to be told from none.
    """
    measured, w = measured_steps(potentiation, depression), bin_weights(state_bits)
    up, down = (
        _entries(steps.at(w), name, float(steps.size.max()), state_bits, stochastic)
        for name, steps in (("potentiation", measured.potentiation), ("depression", measured.depression))
    )
    return StepTables(up, down, measured.g_min, measured.g_max)


def _entries(steps: NDArray[np.float64], name: str, value: float, state_bits: int, stochastic: bool) -> NDArray[Any]:
    """Weight steps into whole units; the largest one must move a state."""
    one = 1 << (16 - state_bits)
    units = steps * ((1 << state_bits) - 1) * one
    entries = np.minimum(np.round(units), LARGEST_STEP).astype(np.int64)
    if stochastic and entries.max() < 1:
        raise InputError(
            f"{name} = {value:g} is too small for the emulator: its largest step must be at least "
            f"{0.5 / LARGEST_STEP:.2g} of the range"
        )
    if not stochastic and entries.max() < (one + 1) // 2:
        raise InputError(
            f"{name} = {value:g} never moves a state of {state_bits} bits, since half a state is "
            f"{0.5 / ((1 << state_bits) - 1):.2g} of the range: use rounding=stochastic or more state_bits"
        )
    return entries


@dataclass(frozen=True)
class FlcaScale:
    """Conversion of volts and seconds into the integers of SEGMENT (docs/emulator.md).

    Attributes
    ----------
    A, D : float
        Gain, and relaxation rate in 1/s, of eq 4 of Zivasatienraj & Doolittle (2023).
    phi_max : float
        Flux of the highest state, V s.
    state_bits : int
        Width of a state.
    v_step : float
        Voltage of a code of 1, V.
    """

    A: float
    D: float
    phi_max: float
    state_bits: int
    v_step: float

    @property
    def phi_step(self) -> float:
        """Flux of a state of 1, V s."""
        return self.phi_max / ((1 << self.state_bits) - 1)

    def tau(self, duration: float) -> float:
        """(1 - exp(-D T)) / D, T for D = 0: s."""
        return duration if self.D == 0.0 else float(-np.expm1(-self.D * duration)) / self.D

    def coefficients(self, duration: float) -> tuple[int, int]:
        """Gain and decay of a segment of `duration` seconds."""
        tau = self.tau(duration)
        return round(tau * self._gain_rate), round((1 << 24) * self.D * tau)

    def widths(self) -> tuple[float, float]:
        """Shortest and longest segment, s, whose gain is at least `LEAST_GAIN` and below 2^24; infinity for any.

        Raises
        ------
        InputError
            If there is none.
        """
        shortest, longest = self._lasting(LEAST_GAIN), self._lasting((1 << 24) - 1)
        if shortest == np.inf:
            raise InputError(
                f"phi_max = {self.phi_max:g} V s is too large for D = {self.D:g} /s, A = {self.A:g} and "
                f"v_step = {self.v_step:g} V: one step of the voltage moves no state, however long it lasts"
            )
        return shortest, longest

    @property
    def _gain_rate(self) -> float:
        return (1 << 16) * self.A * self.v_step / self.phi_step

    def _lasting(self, gain: int) -> float:
        """Length of the segment that has this gain, infinity if none has."""
        tau = gain / self._gain_rate
        if self.D == 0.0:
            return tau
        return float(-np.log1p(-tau * self.D)) / self.D if tau * self.D < 1.0 else np.inf
