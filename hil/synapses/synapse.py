"""`Synapse`: base of all synapse circuits, a device of weights in front of an array of cells."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict

from hil.abilities import PulseChoosing
from hil.arrays import numbers
from hil.device import Device, Layer, Response, Unsupported
from hil.errors import InputError
from hil.programming import Programming, whole_counts
from hil.spiking.core import SpikingCore
from hil.waveform import Waveform


class SynapseSettings(BaseModel):
    """Settings of a synapse, ``synapse.NAME=VALUE`` in an address."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Synapse(Device):
    """Weights of `rows` x `cols`, each of several cells of an array; a device whose `read` gives weights, S.

    The cells of a weight lie side by side: weight (r, c) of k cells has columns c k .. c k + k - 1 of row r of the
    array. Where a synapse is `signed`, weights and currents may be negative. `program` moves a weight by the pulses of
    its cells. Time, limits, snapshots and errors are the array's.

    Attributes
    ----------
    array : Device
        The cells; closed with the synapse.
    settings : SynapseSettings
        As given.
    structure : str
        Short name in the literature, such as ``2M``.
    formula : str
        Weight by the conductances G or memristances M of its cells.
    signed : bool
        Whether weights have both signs.
    transistors : int
        Beside the cells, a weight.
    """

    settings_model: ClassVar[type[SynapseSettings]] = SynapseSettings
    structure: ClassVar[str]
    formula: ClassVar[str]
    signed: ClassVar[bool] = False
    transistors: ClassVar[int] = 0
    note: ClassVar[str] = ""
    """What else is to be known of it, in a few words."""

    def __init__(self, name: str, array: Device, settings: Any) -> None:
        """Put weights in front of `array`, whose columns must be whole weights."""
        self.settings, self.array = settings, array
        self.cells_a_weight = k = self.cells_of(settings)
        if array.cols % k:
            raise InputError(f"{array.name} has {array.cols} columns: weights of {k} cells need a multiple of {k}")
        self.name = f"{array.name}?synapse={name}"
        self.rows, self.cols, self.limits = array.rows, array.cols // k, array.limits
        self.read_voltage, self.read_width = array.read_voltage, array.read_width
        self.read_disturbance = array.read_disturbance
        self._pulseless = "its cells name none"
        if array.programming is None and isinstance(array, PulseChoosing):
            try:
                array.programming = array.choose_pulses()
            except Unsupported as reason:  # drivers that play waveforms on the cells need none
                self._pulseless = str(reason)
        self.programming = self._ranged(array.programming)
        self.conductance_step = self._step(array.conductance_step)

    @classmethod
    def cells_of(cls, settings: Any) -> int:
        """Cells a weight."""
        return len(cls.signs_of(settings))

    @classmethod
    @abstractmethod
    def signs_of(cls, settings: Any) -> tuple[int, ...]:
        """Whether a weight rises (1) or falls (-1) with the conductance of each of its cells."""

    @classmethod
    @abstractmethod
    def area_of(cls, settings: Any) -> float:
        """Area of a weight in F^2, F being half the pitch of the narrowest lines; as in Table 2 where it is there."""

    @abstractmethod
    def combine(self, g: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights (...,), S, of the conductances (..., k) of their cells, S."""

    def cell_weights(self, weights: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Weights (..., k), 0..1, of the cells of weights (...,) over their range (-1..1 where they have signs).

        None where a weight is no sum of its cells': it is written as one, by `program`.
        """
        return None

    @property
    def signs(self) -> NDArray[np.int64]:
        """(k,) `signs_of` as an array."""
        return np.array(self.signs_of(self.settings))

    @property
    def time(self) -> float:
        """Device time of the array, s."""
        return self.array.time

    def cell_conductances(self) -> NDArray[np.float64]:
        """(rows, cols, k) conductances of all cells, S."""
        return self._grouped(self.array.read())

    def read_rows(self, rows: ArrayLike, v: float | None = None) -> NDArray[np.float64]:
        """Weights of some rows, (len(rows), cols), S: their cells are read and combined."""
        self._require_open()
        return self.combine(self._grouped(self.array.read_rows(rows, v)))

    def weights(self) -> NDArray[np.float64]:
        """(rows, cols) weights over their range: 0..1, or -1..1 where they have signs.

        `Unsupported` where the array does not say between which conductances its cells are programmed.
        """
        p = self.programming
        if p is None:
            raise Unsupported(f"{self.name} does not say between which conductances its cells are: use read")
        return self.read() / p.g_max if self.signed else (self.read() - p.g_min) / (p.g_max - p.g_min)

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Product of voltages and weights, A; see `Device.mvm`.

        Computed from the weights as they are read, once for the whole batch; a synapse whose currents add up in the
        array overrides it.
        """
        self._require_open()
        v = self._column_voltages(v) if reverse else self._row_voltages(v)
        lines = np.zeros((len(v), self.rows if reverse else self.array.cols))
        driven = np.repeat(v, self.cells_a_weight, axis=1) if reverse else v
        pair = (lines, driven) if reverse else (driven, lines)
        self.limits.check(Waveform.samples(*pair, dwell=self.read_width))
        g = self.read()
        return v @ (g.T if reverse else g)

    def program(self, counts: ArrayLike, *, scheme: str | None = None) -> None:
        """Move every weight by a number of pulses, positive ones up; see `Device.program`."""
        self._require_open()
        self._require_pulses()
        self._program(whole_counts(counts, self.cells, self.name), scheme)

    def _program(self, counts: NDArray[np.int64], scheme: str | None) -> None:
        """Give all cells of a weight its pulses, those of sign -1 the opposite ones."""
        pulses = np.empty((*counts.shape, self.cells_a_weight), np.int64)
        for cell, sign in enumerate(self.signs_of(self.settings)):
            np.multiply(counts, sign, out=pulses[:, :, cell])
        self.array.program(self._flat(pulses), scheme=scheme)

    def taught(self, targets: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Columns of the array (..., cols k) that respond to an input, `targets` (..., cols) saying which weights do.

        For drivers that teach by waveforms on whole columns: a cell by which its weight falls is taught the opposite.
        """
        return (targets[..., None] == (self.signs > 0)).reshape(*targets.shape[:-1], -1)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Snapshot of the array."""
        self._require_open()
        return self.array.snapshot()

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a snapshot."""
        self._require_open()
        self.array.restore(state)

    def reset(self) -> None:
        """Pristine cells."""
        self._require_open()
        self.array.reset()

    def offer(self, layer: type[Layer], *question: Any) -> Layer | None:
        """Spiking neurons on the host that program weights instead of cells."""
        if layer is not SpikingCore:
            return None
        from hil.synapses.core import SynapseCore

        own = SynapseCore(self, *question)
        return own if isinstance(own, layer) else None

    def own_state(self, state: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """An array of a snapshot that the synapse itself needs; `InputError` where it is not there, or is no such."""
        self._require_open()
        if name not in state:
            raise InputError(f"{self.name}: a snapshot holds '{name}', not only {sorted(state)}")
        found = numbers(state[name], f"{self.name}: snapshot array {name}")
        if found.shape != shape:
            raise InputError(f"{self.name}: snapshot array {name} is {found.shape}, not {shape}")
        return found

    def _play(self, waveform: Waveform) -> Response:
        raise Unsupported(
            f"{self.name}: a weight of {self.cells_a_weight} cells is no cell between a row and a column that a "
            "waveform could drive: use program, read and mvm, or play the waveform on its cells (synapse.array)"
        )

    def _release(self) -> None:
        self.array.close()

    def _ranged(self, own: Programming | None) -> Programming | None:
        """Pulses with the range of weights: between all cells at one end of their range, and at the other."""
        if own is None:
            return None
        high = np.where(self.signs > 0, own.g_max, own.g_min)
        low = np.where(self.signs > 0, own.g_min, own.g_max)
        return replace(own, g_min=float(self.combine(low)), g_max=float(self.combine(high)))

    def _step(self, step: float) -> float:
        """Largest change of a weight where cells move from one of their states to the next, S."""
        return step * self.cells_a_weight

    def _require_pulses(self) -> None:
        if self.programming is None:
            raise Unsupported(f"{self.name} has no pulse that moves a weight: {self._pulseless}")

    def _grouped(self, of_cells: NDArray[Any]) -> NDArray[Any]:
        """(..., cols, k) of what is (..., cols k) in the array."""
        return of_cells.reshape(*of_cells.shape[:-1], self.cols, self.cells_a_weight)

    def _flat(self, of_cells: NDArray[Any]) -> NDArray[Any]:
        """Undo `_grouped`."""
        return of_cells.reshape(*of_cells.shape[:-2], -1)


class SummedSynapse(Synapse):
    """A synapse whose cells carry currents that add up, each with its sign: w = sum of sign G."""

    def cell_pulses(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pulses of the cells, (rows, columns of the array), for pulses (rows, cols) of weights."""
        return self._flat(counts[:, :, None] * self.signs)

    def combine(self, g: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of the conductances with their signs."""
        return g @ self.signs.astype(np.float64)

    def cell_weights(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """One-sided: a positive weight lies in the cells that raise it, a negative one in those that lower it.

        All others are at the lower end of their range, where a cell that is stuck or noisy does least.
        """
        return np.clip(weights[..., None] * self.signs, 0.0, 1.0)

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Add the currents of the array's columns; in reverse, drive columns of sign -1 with the opposite voltage."""
        self._require_open()
        if reverse:
            driven = self._column_voltages(v)[:, :, None] * self.signs
            return self.array.mvm(self._flat(driven), reverse=True)
        return self.combine(self._grouped(self.array.mvm(self._row_voltages(v))))


class DividedSynapse(Synapse):
    """A synapse whose weight is a divided voltage over the input's, made a current by a transconductance."""

    def _step(self, step: float) -> float:
        """At most the step over the least sum of two conductances of a divider, of each cell, times the conductance."""
        own = self.array.programming
        if not step:
            return 0.0
        return self.settings.transconductance * self.cells_a_weight * step / (own.g_min * 2 if own else step)


Lines = TypeVar("Lines")


def driven(device: Lines, targets: NDArray[np.bool_]) -> tuple[Lines | Device, NDArray[np.bool_]]:
    """The array whose lines a waveform drives, and which of its columns respond where `targets` (..., cols) do."""
    return (device.array, device.taught(targets)) if isinstance(device, Synapse) else (device, targets)


def cell_conductances(device: Device) -> NDArray[np.float64]:
    """Conductances of all cells, (rows, columns of the array), S; those of a synapse are its array's."""
    return device.array.read() if isinstance(device, Synapse) else device.read()
