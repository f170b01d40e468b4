"""What a sample may be given: the user's limits, held against every plan before the first byte of it is sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.limits import LimitError
from instruments.plan import PairPlan, Plan
from instruments.smu.driver import Spec

ROUNDING = 1e-9
"""Relative room for rounding in float64."""


@dataclass(frozen=True)
class GateLimits:
    """What the gate of the transistor in series with a cell survives (1T1R): its oxide, against source and drain.

    Attributes
    ----------
    v_max : float
        Largest magnitude of the voltage between the gate and LO, and between the gate and HI of channel 1, V.
    """

    v_max: float

    def check(self, plan: PairPlan) -> None:
        """Raise `LimitError` naming the first step that is beyond it."""
        gate = plan.level[:, 1]
        for value, where in ((gate, "gate to LO"), (gate - plan.level[:, 0], "gate to HI of channel 1")):
            limit = f"v_gate {self.v_max:g} V, {where}"
            _bound(np.abs(value) > self.v_max * (1 + ROUNDING), value, "V", limit)


@dataclass(frozen=True)
class SafetyLimits:
    """What the user allows on the sample; a plan beyond any of it is refused, never cut down.

    Attributes
    ----------
    v_max : float
        Largest magnitude of the voltage across the sample, V.
    i_max : float
        Compliance current, A: the instrument's own limit, set and read back before the output goes on.
    width_max : float
        Longest time away from 0 V without a rest, s.
    energy_max : float
        Largest energy of one excursion from 0 V, taken at the compliance current, J.
    pulses_max : int or None
        Excursions from 0 V beyond `v_read` in one session; None for any number.
    forming : bool
        Whether voltages up to `v_forming` are allowed.
    v_forming : float
        Largest magnitude of the voltage while a sample is formed, V.
    v_read : float
        Voltages up to this are reads: they are not counted as pulses.
    gate : GateLimits or None
        Of the transistor in series with the cell, where channel 2 is on its gate.
    """

    v_max: float
    i_max: float
    width_max: float = np.inf
    energy_max: float = np.inf
    pulses_max: int | None = None
    forming: bool = False
    v_forming: float = 0.0
    v_read: float = 0.0
    gate: GateLimits | None = None

    def __post_init__(self) -> None:
        """Refuse limits that are none."""
        for field in ("v_max", "i_max", "width_max", "energy_max"):
            if not getattr(self, field) > 0:
                raise InputError(f"{field} = {getattr(self, field)} must be > 0")
        if self.forming and not self.v_forming > self.v_max:
            raise InputError(
                f"v_forming = {self.v_forming:g} V must be > v_max = {self.v_max:g} V when forming is allowed"
            )

    @property
    def ceiling(self) -> float:
        """Largest magnitude of a voltage that is allowed now, V."""
        return self.v_forming if self.forming else self.v_max

    def against(self, spec: Spec) -> None:
        """Raise `LimitError` where the user asks for more than the instrument has."""
        if self.ceiling > spec.v_max:
            raise LimitError(f"v_max = {self.ceiling:g} V: the {spec.model} sources at most {spec.v_max:g} V")
        if not spec.i_min <= self.i_max <= spec.i_max:
            raise LimitError(
                f"i_max = {self.i_max:g} A: the {spec.model} limits the current at {spec.i_min:g} A .. {spec.i_max:g} A"
            )

    def check(self, plan: Plan | PairPlan, played: int = 0) -> int:
        """Hold a plan against the limits.

        With two channels that is max(|Va|, |Vb|, |Va - Vb|) in every step: a cell lies between one of the terminals and
        LO, or between the two; and where one output drops before the other, it has the other's voltage. Where channel 2
        is a gate, see `GateLimits`.

        Parameters
        ----------
        plan : Plan or PairPlan
            What is to be played.
        played : int
            Pulses that the sample has had in this session.

        Returns
        -------
        int
            Pulses after it.

        Raises
        ------
        LimitError
            Naming the step, the value and the limit.
        """
        across = plan.across
        if self.gate is not None and isinstance(plan, PairPlan):
            self.gate.check(plan)
            across = across[:, :1]
        signed = across[np.arange(len(plan)), np.argmax(np.abs(across), axis=1)]
        level = np.abs(signed)
        _bound(level > self.ceiling * (1 + ROUNDING), signed, "V", f"v_max {self.ceiling:g} V")
        away, length, energy = level > 0, np.zeros(len(plan)), np.zeros(len(plan))
        span = joules = 0.0
        for k in range(len(plan)):
            span = span + plan.duration[k] if away[k] else 0.0
            joules = joules + level[k] * self.i_max * plan.duration[k] if away[k] else 0.0
            length[k], energy[k] = span, joules
        _bound(length > self.width_max * (1 + ROUNDING), length, "s", f"width_max {self.width_max:g} s")
        _bound(energy > self.energy_max * (1 + ROUNDING), energy, "J", f"energy_max {self.energy_max:g} J")
        count = played + max(self._pulses(across[:, k]) for k in range(across.shape[1]))
        if self.pulses_max is not None and count > self.pulses_max:
            raise LimitError(f"{count} pulses in this session are more than pulses_max = {self.pulses_max}")
        return count

    def _pulses(self, level: NDArray[np.float64]) -> int:
        """Excursions beyond the read voltage of a cell that sees `level`, (T,) V."""
        pulse = np.abs(level) > self.v_read * (1 + ROUNDING)
        return int(pulse[0]) + int((pulse[1:] & ((level[1:] != level[:-1]) | ~pulse[:-1])).sum())


def _bound(bad: NDArray[np.bool_], value: NDArray[np.float64], unit: str, limit: str) -> None:
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        raise LimitError(f"step {k} of {len(bad)}: {value[k]:g} {unit} is beyond the sample's {limit}")
