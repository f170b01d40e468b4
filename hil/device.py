"""The contract: what a training driver or a characterization may ask of a crossbar, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil import layers
from hil.arrays import number, numbers
from hil.errors import HilError, InputError
from hil.limits import Limits
from hil.needs import require_memory
from hil.programming import Programming, pulse_trains, whole_counts
from hil.waveform import Waveform

if TYPE_CHECKING:
    from hil.energy.meter import Meter

Layer = TypeVar("Layer")


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
    row_currents : (K, R) array or None
        Current that flows out of the array into each row at the end of the segment, A; None where the device senses
        its columns alone. A driven row that feeds the array has a negative one: all currents out of the array add up
        to 0.
    """

    segments: NDArray[np.int64]
    time: NDArray[np.float64]
    currents: NDArray[np.float64]
    charge: NDArray[np.float64]
    energy: NDArray[np.float64]
    tripped: NDArray[np.bool_]
    row_currents: NDArray[np.float64] | None = None

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
    meter : Meter or None
        Is told what the device is given, where the energy of a run is wanted. `apply` does that; a device that reads or
        programs in another way tells it as well.
    energy_note : str
        What is to be known of the energies that it tells.
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
    meter: Meter | None = None
    energy_note: str = ""
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
        return self._play(waveform) if self.meter is None else self.meter.applied(self, waveform, self._play)

    def read(self, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of every cell, (rows, cols), in S.

        One row after the other is raised to `v` volts (default `read_voltage`) for `read_width` seconds while all
        other lines are at 0 V, and the column currents are divided by `v`. The default disturbs no cell by more than
        `read_disturbance`.
        """
        return self.read_rows(np.arange(self.rows), v)

    def read_rows(self, rows: ArrayLike, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of the cells of some rows, (len(rows), cols), in S; otherwise as `read`.

        Parameters
        ----------
        rows : sequence of int
            Rows, counted from 0, in the order in which they are wanted; a row may be asked for twice.
        v : float, optional
            Read voltage, V; `read_voltage` if not given.

        Raises
        ------
        InputError
            For a row that the device does not have, or a voltage of 0 or not finite.
        """
        chosen = self._rows(rows)
        v = self.read_voltage if v is None else number(v, "read voltage", finite=False)
        if v == 0 or not np.isfinite(v):
            raise InputError(f"read voltage {v} V: give a finite voltage other than 0")
        require_memory(
            f"{self.name}: {len(chosen):,} rows one after the other", 24.0 * len(chosen) * (self.rows + self.cols)
        )
        scan = np.zeros((len(chosen), self.rows))
        scan[np.arange(len(chosen)), chosen] = v
        columns = np.zeros((len(chosen), self.cols))
        found = self.apply(Waveform.samples(scan, columns, dwell=self.read_width, measure=True)).currents / v
        return self._found(chosen, found)

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Analog matrix-vector product: currents of the array for a batch of voltages, by default one read a vector.

        Parameters
        ----------
        v : (B, rows) array
            Row voltages in V, all columns at 0 V; with `reverse`, (B, cols) column voltages, all rows at 0 V.
        reverse : bool
            Drive the columns and sense the rows: the product with the transposed matrix, as backpropagation needs it.

        Returns
        -------
        (B, cols) array, or (B, rows) with `reverse`
            Current that flows out of the array into every sensed line, A; positive for positive voltages.

        Raises
        ------
        Unsupported
            With `reverse`, if the device senses its columns alone. Nothing has been driven then.
        """
        if not reverse:
            v = self._row_voltages(v)
            reads = Waveform.samples(v, np.zeros((len(v), self.cols)), dwell=self.read_width, measure=True)
            return self.apply(reads).currents
        v = self._column_voltages(v)
        reads = Waveform.samples(np.zeros((len(v), self.rows)), v, dwell=self.read_width, measure=True)
        silent = self.apply(reads[:0]).row_currents is None
        currents = None if silent else self.apply(reads).row_currents
        if currents is None:
            raise Unsupported(f"{self.name} senses its columns alone: it cannot be read from its rows (mvm in reverse)")
        return currents

    def program(self, counts: ArrayLike, *, scheme: str | None = None) -> None:
        """Give every cell a number of programming pulses, those of `programming`.

        Columns are programmed one after the other, potentiation before depression. The cells of a column get their
        pulses together, one with many pulses to the end; each pulse is followed by a rest of its width. Cells that are
        not meant see what the scheme leaves on them.

        Parameters
        ----------
        counts : (rows, cols) array of int
            Pulses a cell: positive ones potentiate, negative ones depress.
        scheme : str, optional
            How other cells are kept from most of the voltage, a key of `hil.biasing.SCHEMES`; if not given, the best
            that the device's channels allow (`hil.programming.scheme_for`).

        Raises
        ------
        InputError
            If counts have another shape, are not whole or not finite. Nothing has been driven then.
        LimitError
            If the device cannot drive such a pulse. Nothing has been driven then.
        Unsupported
            If the device has no pulses that move a cell by a step.
        """
        self._require_open()
        if self.programming is None:
            raise Unsupported(f"{self.name} has no pulse that moves a cell by one step: play a waveform with apply")
        whole = whole_counts(counts, (self.rows, self.cols), self.name)
        for checked in (True, False):
            for waveform in pulse_trains(whole, self.programming, self.limits.channels, scheme, once=checked):
                self.limits.check(waveform) if checked else self.apply(waveform)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Exact state as named arrays, for checkpoints; `Unsupported` where a device cannot tell its state."""
        raise Unsupported(f"{self.name} cannot save its state: its cells cannot be set to an exact value again")

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a state given by `snapshot`, bit for bit."""
        raise Unsupported(f"{self.name} cannot restore a state: its cells cannot be set to an exact value")

    def offer(self, layer: type[Layer], *question: Any) -> Layer | None:
        """The best implementation of a layer that this device has of its own; None where the one on the host must do.

        A layer (spiking neurons, paired inputs, ...) asks for it by its class, with what it must be able to do. A back
        end that runs a layer faster, or in hardware, answers here, and returns None for all that it does not know.
        """
        return None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Layers as methods: ``device.spiking(lif, rule)`` puts the layer `spiking` of `hil.layers` on this device."""
        if name.startswith("_") or name not in layers.names():
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return partial(layers.find(name), self)

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

    def _found(
        self, rows: NDArray[np.int64], conductance: NDArray[np.float64], v: float | None = None
    ) -> NDArray[np.float64]:
        """Tell the meter what a read of rows has found; with `v`, V, also that it was one, for it was no waveform."""
        if self.meter is not None:
            self.meter.found(self, rows, conductance, v)
        return conductance

    def _require_open(self) -> None:
        if self._closed:
            raise DeviceClosed(f"{self.name} is closed: open it again before driving it")

    def _rows(self, rows: ArrayLike) -> NDArray[np.int64]:
        """Row numbers, checked."""
        chosen = numbers(rows, "rows")
        if chosen.ndim != 1 or not ((chosen >= 0) & (chosen < self.rows) & (chosen % 1 == 0)).all():
            raise InputError(
                f"rows {np.asarray(rows).tolist()}: give a list of whole numbers, 0 .. {self.rows - 1} on {self.name}"
            )
        return chosen.astype(np.int64)

    def _column_voltages(self, v: ArrayLike) -> NDArray[np.float64]:
        v = np.atleast_2d(numbers(v, "column voltages"))
        if v.ndim != 2 or v.shape[1] != self.cols:
            raise InputError(f"column voltages of shape {v.shape}: {self.name} needs (batch, {self.cols})")
        return v

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
