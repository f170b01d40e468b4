"""4M: a bridge of four cells, w = g_m (M2 / (M1 + M2) - M4 / (M3 + M4)) (Kim et al., Proc. IEEE 100, 2061 (2011)).

        input ──┬── M1 ──┬── M2 ── ground       M1 and M4 are mounted so that a positive input lowers them,
                │        A                      M2 and M3 so that it raises them.
                └── M3 ──┬── M4 ── ground       The output is V_A - V_B, through a differential pair of g_m.
                         B

With ``drive=input`` pulses come on the input, as in the paper: every cell sees what the others leave it, and a negative
input undoes a positive one. That needs a device whose cells can be put into a circuit (`hil.abilities.Embedding`).
With ``drive=cells``, on any device, every cell gets pulses of its own: M1 and M4 up, M2 and M3 down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.abilities import CellCurrents, Embedding
from hil.device import Device, Unsupported
from hil.errors import InputError
from hil.limits import LimitError
from hil.synapses.ratio import DividerSettings, divided
from hil.synapses.settling import settled
from hil.synapses.single import AREA_OF_A_CELL
from hil.synapses.synapse import DividedSynapse


class BridgeSettings(DividerSettings):
    """Settings of `bridge`."""

    drive: Literal["cells", "input"] = Field(
        "cells", description="where pulses come: cells, each on its own; input: of the bridge, as in the circuit"
    )
    v_pulse: float | None = Field(
        None, gt=0, description="pulse on the input; twice the larger programming voltage if not given; V"
    )


class BridgeOfFour(DividedSynapse):
    """4M: a bridge of four cells, w = g_m (M2 / (M1 + M2) - M4 / (M3 + M4)), both signs by one pulse on its input."""

    settings_model: ClassVar = BridgeSettings
    structure: ClassVar = "4M"
    formula: ClassVar = "g_m (M2/(M1+M2) - M4/(M3+M4))"
    signed: ClassVar = True
    note: ClassVar = "voltage in, voltage out; programmed both ways at its input; largest passive one"

    def __init__(self, name: str, array: Device, settings: BridgeSettings) -> None:
        """Refuse pulses on the input where the device cannot divide them."""
        super().__init__(name, array, settings)
        if settings.drive == "input":
            if not isinstance(array, Embedding):
                raise Unsupported(
                    f"{array.name}: synapse.drive = input needs cells that can be put into a bridge, which lines of a "
                    "crossbar do not make; sim: devices can; or take synapse.drive=cells"
                )
            array.embed(Bridges(np.zeros(self.cells), 1), 0.0)

    @classmethod
    def signs_of(cls, settings: Any) -> tuple[int, ...]:
        """M1 to M4, by their conductances."""
        return 1, -1, -1, 1

    @classmethod
    def area_of(cls, settings: Any) -> float:
        """Four crossings."""
        return 4 * AREA_OF_A_CELL

    def combine(self, g: NDArray[np.float64]) -> NDArray[np.float64]:
        """Difference of the two divided voltages over the input, times the transconductance."""
        apart = divided(g[..., 0], g[..., 1]) - divided(g[..., 2], g[..., 3])
        return self.settings.transconductance * apart

    @property
    def v_pulse(self) -> float:
        """Magnitude of a pulse on the input, V."""
        own = self.programming
        if self.settings.v_pulse is not None or own is None:
            return float(self.settings.v_pulse or 0.0)
        return 2 * max(own.v_set, own.v_reset)

    def _program(self, counts: NDArray[np.int64], scheme: str | None) -> None:
        if self.settings.drive == "cells":
            super()._program(counts, scheme)
            return
        if scheme is not None:
            raise InputError(f"scheme = {scheme}: no line is shared where pulses come on the input of a bridge")
        own, array = self.programming, self.array
        if own is None or not isinstance(array, Embedding):
            raise Unsupported(f"{self.name} has no pulse that moves a weight")
        if self.v_pulse > min(self.limits.v_max, -self.limits.v_min):
            raise LimitError(
                f"{self.name}: synapse.v_pulse = {self.v_pulse:g} V is outside {self.limits.v_min:g} V .. "
                f"{self.limits.v_max:g} V"
            )
        rest = np.zeros(self.cells)
        for number in range(int(np.abs(counts).max(initial=0))):
            levels = self.v_pulse * np.sign(counts) * (np.abs(counts) > number)
            array.embed(Bridges(levels, own.polarity), own.width)
            array.embed(Bridges(rest, own.polarity), own.width)


@dataclass(frozen=True, eq=False)
class Bridges:
    """Bridges of four cells, each with a voltage on its input; a `hil.abilities.CellCircuit`.

    Attributes
    ----------
    inputs : (rows, cols) array
        V.
    polarity : int
        Sign of the cell voltage that raises a conductance.
    """

    inputs: NDArray[np.float64]
    polarity: int

    def across(self, cells: CellCurrents, /) -> NDArray[np.float64]:
        """Voltages of the cells M1 to M4 of every bridge, (rows, 4 cols), V."""
        v, p = self.inputs, self.polarity

        def laid(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.stack([p * (v - a), -p * a, -p * (v - b), p * b], axis=-1).reshape(len(v), -1)

        def balance(nodes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            across = laid(nodes[..., 0], nodes[..., 1])
            i, g = (f(across).reshape(*v.shape, 4) for f in (cells.current, cells.differential_conductance))
            into_a, into_b = p * (i[..., 0] + i[..., 1]), -p * (i[..., 2] + i[..., 3])
            return np.stack([into_a, into_b], -1), -np.stack([g[..., 0] + g[..., 1], g[..., 2] + g[..., 3]], -1)

        ends = np.stack([v, v], axis=-1)
        nodes = settled(balance, np.minimum(ends, 0.0), np.maximum(ends, 0.0))
        return laid(nodes[..., 0], nodes[..., 1])
