"""1M-1T: a cell in series with a transistor, whose gate limits the current and so where potentiation ends; w = G.

What the transistor does is in `hil.synapses.transistor_cells`. A potentiating pulse raises the cell's conductance until
the current that the gate allows leaves the cell no more than its threshold V_th: G ends at i / V_th, with the rest of
the pulse, V_ds = v_set - V_th, across the transistor. While the transistor is not saturated (V_g - V_t >= V_ds) that is

    G(V_g) = k ((V_g - V_t) V_ds - V_ds^2 / 2) / V_th                  linear in the gate's voltage

So a weight has gate levels 0 .. `steps`. A step up is a potentiating pulse at the next level's gate voltage; a step
down is one depressing pulse with the gate fully on, and a potentiating one at the level below (Li et al., Nature
Communications 9, 2385 (2018)). Cells that are not chosen have their gates at 0 V: no current sneaks, nothing is half
selected.

A cell creeps to that line, and a step down must go all the way there in one pulse: `hil.synapses.gate_levels` finds
how long a pulse must be, and where it ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from hil.abilities import Embedding, Thresholded
from hil.device import Device, Unsupported
from hil.errors import InputError
from hil.fraction import Fraction
from hil.limits import LimitError
from hil.needs import require_memory
from hil.programming import MOST_PULSES, Programming
from hil.synapses.gate_levels import GateLevels
from hil.synapses.synapse import Synapse, SynapseSettings
from hil.synapses.transistor_cells import TransistorCells

READ_OVERDRIVE = 20.0
"""Gate overdrive of a read and of a depression over V_ds, where the user names no gate voltage for them."""


class TransistorSettings(SynapseSettings):
    """Settings of `transistor`; what is not given follows from the cell's thresholds and range."""

    steps: int = Field(50, ge=1, le=100_000, description="gate levels above the lowest")
    v_t: float = Field(0.5, description="threshold of the transistor; V")
    k: float | None = Field(
        None,
        gt=0,
        description="its k' W / L; such that the highest level is 0.9 of the cell's range if not given; A/V^2",
    )
    v_set: float | None = Field(
        None, gt=0, description="potentiating pulse; twice the cell's threshold if not given; V"
    )
    v_reset: float | None = Field(None, gt=0, description="depressing one; likewise, magnitude; V")
    width: float | None = Field(
        None,
        gt=0,
        description="of both; if not given, twenty of the cell's own pulses, doubled until a second one moves a cell "
        "by less than half a level; s",
    )
    w0: Fraction | None = Field(
        None, ge=0, le=1, description="pristine weight, set by gate levels; that of the cells as they are if not given"
    )
    gate_low: float | None = Field(None, description="gate at level 0; v_t + (v_set - V_th) if not given; V")
    gate_high: float | None = Field(None, description="gate at the last level; v_t + 3 (v_set - V_th); V")
    gate_on: float | None = Field(None, description="gate of reads and depression; v_t + 20 (v_set - V_th); V")


class TransistorSynapse(Synapse):
    """1M-1T: a cell in series with a transistor; w = G, moved along a line by steps of the gate's voltage."""

    settings_model: ClassVar = TransistorSettings
    structure: ClassVar = "1M-1T"
    formula: ClassVar = "G"
    transistors: ClassVar = 1
    _levels: NDArray[np.int64]
    note: ClassVar = "no sneak paths; potentiation linear in the gate's voltage; a step down takes two pulses"

    @classmethod
    def signs_of(cls, settings: Any) -> tuple[int, ...]:
        """One cell."""
        return (1,)

    @classmethod
    def area_of(cls, settings: Any) -> float:
        """That of Table 2, most of it the transistor's."""
        return 24.0

    def __init__(self, name: str, array: Device, settings: TransistorSettings) -> None:
        """Work out gate levels; `Unsupported` where cells have no threshold, or cannot be put behind a transistor."""
        super().__init__(name, array, settings)
        own = array.programming
        if not isinstance(array, Embedding):
            raise Unsupported(
                f"{array.name}: synapse = {name} puts a transistor behind every cell, which only a simulated one can "
                "be given: sim: devices whose cells move continuously; samples with transistors need no synapse of ours"
            )
        if own is None or not isinstance(array, Thresholded) or array.thresholds is None:
            raise Unsupported(
                f"{array.name}: synapse = {name} ends potentiation where the gate's current leaves the cell no more "
                "than its threshold, and the cells of this device have none"
            )
        self._embedding, p = array, own.polarity
        up, down = array.thresholds if p > 0 else array.thresholds[::-1]
        s = settings
        self.v_set, self.v_reset = s.v_set or 2 * up, s.v_reset or 2 * down
        if self.v_set <= up:
            raise InputError(f"synapse.v_set = {self.v_set:g} V must be above the cell's threshold of {up:g} V")
        self.threshold, v_ds = up, self.v_set - up
        self.gates = np.linspace(
            s.v_t + v_ds if s.gate_low is None else s.gate_low,
            s.v_t + 3 * v_ds if s.gate_high is None else s.gate_high,
            s.steps + 1,
        )
        self.gate_on = s.v_t + READ_OVERDRIVE * v_ds if s.gate_on is None else s.gate_on
        if not s.v_t < self.gates[0] < self.gates[-1] <= self.gate_on:
            raise InputError(
                f"gate voltages {self.gates[0]:g} .. {self.gates[-1]:g} V must rise from above synapse.v_t = {s.v_t:g} "
                f"V to synapse.gate_on = {self.gate_on:g} V at most"
            )
        self.k = s.k or 0.9 * own.g_max / float(self.limited(self.gates[-1:], 1.0)[0])
        self._polarity = p
        for field, v in (("v_set", self.v_set), ("v_reset", self.v_reset)):
            if v > min(self.limits.v_max, -self.limits.v_min, self.limits.v_cell):
                raise LimitError(f"{self.name}: synapse.{field} = {v:g} V is beyond the {self.limits.v_max:g} V of it")
        self._embed(0.0, 0.0, 0.0, 0.0)
        levels = GateLevels(self._embedding, self._circuit, self.gates, self.gate_on, self.v_set, self.v_reset)
        self.width, self.ends = levels.found(own.width, s.width)
        low, high = self.through(self.ends[[0, -1]])
        self.programming = Programming(self.v_set, self.v_reset, self.width, float(low), float(high))
        self.conductance_step = 0.0
        self._begin()

    def limited(self, gate: NDArray[np.float64], k: float) -> NDArray[np.float64]:
        """Conductance of a cell at which a gate (V) ends a potentiating pulse, S; see the module."""
        over, v_ds = gate - self.settings.v_t, self.v_set - self.threshold
        return k / 2 * (over**2 - np.maximum(over - v_ds, 0.0) ** 2) / self.threshold

    def through(self, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Conductance with the transistor of a read in series, at low voltages, S."""
        return 1 / (1 / conductance + 1 / (self.k * (self.gate_on - self.settings.v_t)))

    def combine(self, g: NDArray[np.float64]) -> NDArray[np.float64]:
        """The cell's conductance, as it is without its transistor."""
        return g[..., 0]

    def read_rows(self, rows: ArrayLike, v: float | None = None) -> NDArray[np.float64]:
        """Current over voltage of cells behind their transistors, whose gates are on, with the cells' noise and read
        noise; nothing is disturbed.

        At `read_voltage` if no voltage is given; see `Device.read_rows`.
        """
        self._require_open()
        chosen = self._rows(rows)
        volts = self.read_voltage if v is None else v
        if not np.isfinite(volts) or volts == 0:
            raise InputError(f"read voltage {volts} V: give a finite voltage other than 0")
        if not self.limits.v_min <= volts <= self.limits.v_max:
            raise LimitError(
                f"segment 0, row {chosen[0] if len(chosen) else 0}: {volts:g} V is outside {self.limits.v_min:g} V .. "
                f"{self.limits.v_max:g} V"
            )
        duration = 0.0 if v is None else self.read_width
        return self._embed(volts, 0.0, self.gate_on, duration, measured=True)[chosen] / volts

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Currents with all gates on, A: every vector's circuit is solved; nothing is disturbed; see `Device.mvm`."""
        self._require_open()
        v = self._column_voltages(v) if reverse else self._row_voltages(v)
        if v.size and not ((v >= self.limits.v_min) & (v <= self.limits.v_max)).all():
            row, worst = np.argwhere(~((v >= self.limits.v_min) & (v <= self.limits.v_max)))[0]
            raise LimitError(
                f"segment {row}, {'column' if reverse else 'row'} {worst}: {v[row, worst]:g} V is outside "
                f"{self.limits.v_min:g} V .. {self.limits.v_max:g} V"
            )
        out = np.empty((len(v), self.rows if reverse else self.cols))
        require_memory(f"{self.name}: {len(v):,} products", 8.0 * out.size)
        for n, driven in enumerate(v):
            if reverse:
                out[n] = -self._embed(0.0, driven[None, :], self.gate_on, 0.0, measured=True).sum(axis=1)
            else:
                out[n] = self._embed(driven[:, None], 0.0, self.gate_on, 0.0, measured=True).sum(axis=0)
        return out

    def taught(self, targets: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Refused: see the message."""
        raise Unsupported(
            f"{self.name}: a driver that teaches by waveforms on whole columns does not say what its gates do; "
            "take a driver that programs, such as hil train wta"
        )

    def _program(self, counts: NDArray[np.int64], scheme: str | None) -> None:
        if scheme is not None:
            raise InputError(f"scheme = {scheme}: no cell is half selected behind a transistor")
        last = len(self.gates) - 1
        levels = np.clip(self._levels + np.clip(counts, -MOST_PULSES, MOST_PULSES), 0, last)
        up, down = counts > 0, counts < 0
        # One potentiating pulse a level, as one `program` call a step would give.
        for n in range(1, int(min(counts.max(initial=0), last + 1)) + 1):
            self._set(np.minimum(self._levels + n, last), up & (counts >= n))
        for n in range(1, int(min(-counts.min(initial=0), last + 1)) + 1):
            self._lower(down & (-counts >= n), np.maximum(self._levels - n, 0))
        self._levels = levels

    def _lower(self, chosen: NDArray[np.bool_], levels: NDArray[np.int64]) -> None:
        """A depressing pulse on the chosen weights with their gates on, and a potentiating one at those of levels."""
        self._pulse(0.0, np.where(chosen, self.v_reset, 0.0), np.where(chosen, self.gate_on, 0.0))
        self._set(levels, chosen)

    def _set(self, levels: NDArray[np.int64], chosen: NDArray[np.bool_]) -> None:
        """A potentiating pulse on the chosen weights, at the gates of their levels."""
        self._pulse(np.where(chosen, self.v_set, 0.0), 0.0, np.where(chosen, self.gates[levels], 0.0))

    def _pulse(self, rows: ArrayLike, cols: ArrayLike, gates: ArrayLike) -> None:
        """A pulse, and a rest of its width."""
        self._embed(rows, cols, gates, self.width)
        self._embed(0.0, 0.0, 0.0, self.width)

    def _embed(
        self, rows: ArrayLike, cols: ArrayLike, gates: ArrayLike, duration: float, *, measured: bool = False
    ) -> NDArray[np.float64]:
        """Currents from rows to columns at the end, (rows, cols), A."""
        row, col, gate = (np.broadcast_to(np.asarray(x, np.float64), self.cells) for x in (rows, cols, gates))
        circuit = self._circuit(row, col, gate)
        return self._polarity * self._embedding.embed(circuit, duration, measured=measured)[1]

    def _circuit(
        self, rows: NDArray[np.float64], cols: NDArray[np.float64], gates: NDArray[np.float64]
    ) -> TransistorCells:
        return TransistorCells(rows, cols, gates, self.k, self.settings.v_t, self._polarity)

    def _begin(self) -> None:
        """Take pristine cells to the level of the pristine weight, or each for the level that is nearest to it."""
        middles = (self.ends[1:] + self.ends[:-1]) / 2
        self._levels = np.searchsorted(middles, self.array.read()).astype(np.int64)
        if self.settings.w0 is not None:
            self._levels = np.full(self.cells, round(self.settings.w0 * (len(self.gates) - 1)))
            self._lower(np.ones(self.cells, bool), self._levels)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Snapshot of the array, and the gate level of every weight."""
        return super().snapshot() | {"level": self._levels.copy()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a snapshot."""
        levels = self.own_state(state, "level", self.cells)
        if not ((levels >= 0) & (levels < len(self.gates)) & (levels % 1 == 0)).all():
            raise InputError(f"{self.name}: snapshot array level holds other levels than 0 .. {len(self.gates) - 1}")
        super().restore({name: array for name, array in state.items() if name != "level"})
        self._levels = levels.astype(np.int64)

    def reset(self) -> None:
        """Pristine cells, at the level of `w0` or those that are nearest to them."""
        super().reset()
        self._begin()

    def _ranged(self, own: Programming | None) -> Programming | None:
        """As the array's: the range that gates give is worked out with them."""
        return None if own is None else replace(own)
