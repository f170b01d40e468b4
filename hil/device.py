"""The contract: what a training driver or a characterization may ask of a crossbar, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.arrays import number, numbers
from hil.errors import HilError, InputError
from hil.limits import Limits
from hil.needs import require_memory
from hil.pill.pairs import PairedCore, PairedInputs
from hil.pill.protocol import PillProtocol
from hil.programming import Programming
from hil.spiking.core import SpikingCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import Rule
from hil.waveform import Waveform


class Unsupported(HilError):
    """A capability that this device truly lacks; the message gives the reason."""


class DeviceClosed(HilError):
    """The device was closed and drives nothing any more."""


@dataclass(frozen=True, eq=False, repr=False)
class Response:
    """What a device answered to a waveform: one entry for every measured segment, in order.

    Attributes
    ----------
    segments : (K,) array of int
        Index of the measured segment in the waveform.
    time : (K,) array
        Device time at the end of the segment, s.
    currents : (K, C) array
        Current that flows out of the array into each column at the end of the segment, A; a floating column carries
        none.
    charge : (K, C) array
        The same current integrated over the segment, C.
    energy : (K,) array
        Energy dissipated in all cells during the segment, J.
    tripped : (K,) array of bool
        Whether the compliance current was reached in the segment.
    """

    segments: NDArray[np.int64]
    time: NDArray[np.float64]
    currents: NDArray[np.float64]
    charge: NDArray[np.float64]
    energy: NDArray[np.float64]
    tripped: NDArray[np.bool_]

    def __repr__(self) -> str:
        """Say what was answered in one line."""
        count, columns = self.currents.shape
        head = f"Response({count} measured segment{'s' * (count != 1)}, {columns} column{'s' * (columns != 1)}"
        if not count:
            return f"{head})"
        known = self.currents[np.isfinite(self.currents)]
        span = f", {known.min():.4g}..{known.max():.4g} A" if known.size else ", no current known"
        trips = int(self.tripped.sum())
        return f"{head}{span}, {self.energy.sum():.4g} J{f', {trips} at the compliance' if trips else ''})"

    def _repr_html_(self) -> str:
        """Show the first segments as a table, for a notebook."""
        from hil import notebook

        return notebook.response(self)


class Device(ABC):
    """A crossbar of ``rows`` x ``cols`` lines with a memristive cell at each crossing.

    A cell sees ``V_row - V_col``; a positive cell voltage drives current from the row to the column. A back end
    implements `_play`, `reset` and `_release`, and overrides the rest where it can do better.

    A pulse of a cell is the longest stretch of one call in which its voltage stays the same and is not 0. Every call
    begins and ends with all lines at 0 V, so two calls are two pulses; within a waveform, neighbouring segments that
    leave a cell at its voltage are one, whether they are measured or not and whatever other lines do. What a pulse does
    to a cell, its random part included, does not depend on how it was cut.

    Attributes
    ----------
    name : str
        What the user called it, such as ``sim:flca-pair``.
    rows, cols : int
        Number of lines.
    limits : Limits
        What the device survives and resolves.
    read_voltage, read_width : float
        Voltage (V) and duration (s) of the least disturbing read.
    read_disturbance : float
        Largest relative change of any cell's conductance that one `read` with default arguments may cause.
    conductance_step : float
        Largest change of a cell's conductance from one of its states to the next, S; 0 where states are continuous.
    programming : Programming or None
        Pulses that move a cell by one step, and the conductances of weights 0 and 1; None where the device has none.
    """

    name: str
    rows: int
    cols: int
    limits: Limits
    read_voltage: float = 1e-3
    read_width: float = 1e-3
    read_disturbance: float = 0.0
    conductance_step: float = 0.0
    programming: Programming | None = None
    _closed: bool = False

    @property
    def cells(self) -> tuple[int, int]:
        """Shape of the array of cells."""
        return self.rows, self.cols

    @property
    @abstractmethod
    def time(self) -> float:
        """Device time in s: the total length of everything applied since the start or the last reset."""

    def apply(self, waveform: Waveform) -> Response:
        """Drive the lines from 0 V and back to 0 V; device time advances by the waveform's length.

        Raises
        ------
        InputError
            If the waveform drives another number of lines than the device has.
        LimitError
            If any value is beyond `limits`. Nothing has been applied then.
        DeviceClosed
            After `close`.
        """
        self._require_open()
        if waveform.lines != (self.rows, self.cols):
            raise InputError(
                f"the waveform drives {waveform.lines[0]} x {waveform.lines[1]} lines, "
                f"{self.name} has {self.rows} x {self.cols}"
            )
        self.limits.check(waveform)
        return self._play(waveform)

    def read(self, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of every cell, (rows, cols), in S.

        One row after the other is raised to `v` volts (default `read_voltage`) for `read_width` seconds while all
        other lines are at 0 V, and the column currents are divided by `v`. The default disturbs no cell by more than
        `read_disturbance`.
        """
        v = self.read_voltage if v is None else number(v, "read voltage", finite=False)
        if v == 0 or not np.isfinite(v):
            raise InputError(f"read voltage {v} V: give a finite voltage other than 0")
        require_memory(
            f"{self.name}: {self.rows:,} rows one after the other", 24.0 * self.rows * (self.rows + self.cols)
        )
        scan = Waveform.samples(
            v * np.eye(self.rows), np.zeros((self.rows, self.cols)), dwell=self.read_width, measure=True
        )
        return self.apply(scan).currents / v

    def mvm(self, v: ArrayLike) -> NDArray[np.float64]:
        """Column currents (B, cols) in A for a batch of row voltages `v` (B, rows) in V, all columns at 0 V.

        This is the array's analog matrix-vector product. By default it is played as one short read a vector.
        """
        v = self._row_voltages(v)
        reads = Waveform.samples(v, np.zeros((len(v), self.cols)), dwell=self.read_width, measure=True)
        return self.apply(reads).currents

    def snapshot(self) -> dict[str, NDArray]:
        """Exact state as named arrays, for checkpoints; `Unsupported` where a device cannot tell its state."""
        raise Unsupported(f"{self.name} cannot save its state: its cells cannot be set to an exact value again")

    def restore(self, state: dict[str, NDArray]) -> None:
        """Return to a state given by `snapshot`, bit for bit."""
        raise Unsupported(f"{self.name} cannot restore a state: its cells cannot be set to an exact value")

    def spiking(self, lif: Lif, stdp: Rule) -> SpikingCore:
        """Neurons and STDP on this device's cells; by default on the host, event by event."""
        from hil.spiking.host import HostCore

        return HostCore(self, lif, stdp)

    def paired(self, inputs: int, protocol: PillProtocol) -> PairedCore:
        """A paired-input layer on this device's cells, one row a pair of `inputs`; by default the pairs on the host."""
        return PairedInputs(self, inputs, protocol)

    @abstractmethod
    def reset(self) -> None:
        """Bring all cells back to the pristine (or formed) state and set device time to 0."""

    def close(self) -> None:
        """Switch all outputs off and let go of the device; safe to call again and after errors."""
        if not self._closed:
            self._closed = True
            self._release()

    @abstractmethod
    def _play(self, waveform: Waveform) -> Response:
        """Drive a waveform that has been checked against shape and limits."""

    def _release(self) -> None:  # noqa: B027 - a device that holds nothing has nothing to do
        """Switch outputs off and free what the device holds."""

    def _require_open(self) -> None:
        if self._closed:
            raise DeviceClosed(f"{self.name} is closed: open it again before driving it")

    def _row_voltages(self, v: ArrayLike) -> NDArray[np.float64]:
        v = np.atleast_2d(numbers(v, "row voltages"))
        if v.ndim != 2 or v.shape[1] != self.rows:
            raise InputError(f"row voltages of shape {v.shape}: {self.name} needs (batch, {self.rows})")
        return v

    def __enter__(self) -> Self:
        """Use the device in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it on every way out."""
        self.close()

    def __repr__(self) -> str:
        """Name and size."""
        return f"<{self.name}, {self.rows} x {self.cols}{', closed' if self._closed else ''}>"
