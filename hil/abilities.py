"""What some devices can do beyond the contract: small protocols, asked for with ``isinstance(device, Explaining)``.

Nothing needs them to train or measure; where a device has one, its users are told more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from hil.device import Device
from hil.energy.dissipation import Dissipation
from hil.programming import Programming
from hil.waveform import Waveform

PULSES_OF_A_RANGE = 50
"""Pulses from one end of a cell's range to the other, where nobody says how many."""


@runtime_checkable
class Identified(Protocol):
    """Hardware that says who it is: instruments do, and records keep it.

    Attributes
    ----------
    identity : str
        Such as the answer to ``*IDN?``: maker, model, serial number, firmware.
    """

    identity: str


@runtime_checkable
class Parametrised(Protocol):
    """A device that was opened with checked parameters, which records keep.

    Attributes
    ----------
    parameters : pydantic.BaseModel or None
        As its kind declares them (`hil.backends.DeviceKind.parameters`); None where it was made in another way.
    """

    parameters: BaseModel | None


@runtime_checkable
class Thresholded(Protocol):
    """A device whose cells move beyond a voltage alone; experiments that are given none choose theirs by it.

    Attributes
    ----------
    thresholds : (float, float) or None
        Magnitudes of the positive and of the negative cell voltage beyond which a cell moves, V; None where every
        voltage moves it.
    """

    thresholds: tuple[float, float] | None


BEYOND_THRESHOLD = 1.5
"""Pulse over the device's threshold where the user names none."""


def beyond_thresholds(device: Device, beyond: float = BEYOND_THRESHOLD) -> tuple[float, float] | None:
    """Magnitudes of a positive and a negative voltage, `beyond` times a device's thresholds and within its limits, V.

    None where the device names no thresholds.
    """
    if not isinstance(device, Thresholded) or device.thresholds is None:
        return None
    most = min(device.limits.v_max, -device.limits.v_min, device.limits.v_cell)
    positive, negative = (min(beyond * v, most) for v in device.thresholds)
    return positive, negative


@runtime_checkable
class Announcing(Protocol):
    """Says when it drives its cells; a run notes that before it happens, so that no resume gives a sample it twice.

    Attributes
    ----------
    before_train : callable or None
        Called before every train of a waveform, once nothing is left that could keep it from being played; what it
        raises keeps the train from being played. Reads of the device's own (`Device.read`) are no trains.
    """

    before_train: Callable[[], None] | None


@runtime_checkable
class PulseChoosing(Protocol):
    """A device that works out by which pulses its cells are programmed, where nobody has named any.

    Drivers that need pulses ask it; `hil.device.Device.programming` stays what the device was opened with.
    """

    def choose_pulses(self, steps: int = PULSES_OF_A_RANGE) -> Programming:
        """Pulses of which about `steps` take a cell through its range; `Unsupported` where none do, with the reason."""


@runtime_checkable
class Settable(Protocol):
    """A device whose cells can be put at a conductance without any pulse: simulations and emulators can."""

    def set_conductances(self, conductances: NDArray[np.float64]) -> None:
        """Put every cell as near to (rows, cols) conductances, S, as its states and its stuck cells allow."""


class CellCurrents(Protocol):
    """What all cells of an array carry at their present states; results have the shape (rows, cols) of the voltages."""

    def current(self, v: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Currents at cell voltages `v`, A."""

    def differential_conductance(self, v: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Derivative of `current`, S."""


class CellCircuit(Protocol):
    """A circuit around each cell or group of cells of an array, which no line joins with others."""

    def across(self, cells: CellCurrents, /) -> NDArray[np.float64]:
        """Voltages of all cells (rows, cols) at their present states, V."""


@runtime_checkable
class Embedding(Protocol):
    """A device whose cells can be put into circuits of their own, such as one with a transistor; simulations can."""

    def embed(
        self, circuit: CellCircuit, duration: float, *, measured: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Let `duration` s pass with the cells inside the circuit, from rest to rest.

        Voltages (V) and currents (A) of all cells at the end, (rows, cols) each; where `measured`, with the noise of
        the cells and that of reading them. In no time, it is only solved. Raises `Unsupported`, with the reason, and
        `LimitError` where a cell voltage is beyond the device's limits.
        """

    def nominal(self, rows: int, cols: int) -> Embedding:
        """New pristine cells of the same kind, all alike and without noise; whoever asks closes them."""

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Exact state; see `Device.snapshot`."""

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a snapshot; see `Device.restore`."""

    def close(self) -> None:
        """Let go of the cells; see `Device.close`."""


@runtime_checkable
class Rebuilding(Protocol):
    """A device that can be had once more in another size, and whose cells can be put anywhere; simulations are."""

    def resized(self, rows: int, cols: int, *, wires: bool = True) -> Device:
        """A new one, pristine, of the same parameters, with its wires or none; whoever asks closes it."""

    def cell_range(self) -> tuple[float, float]:
        """Lowest and highest conductance of a cell by itself, S; 0 if nothing bounds it from below."""

    def furthest(self) -> tuple[int, int]:
        """Row and column of the cell that is furthest from what drives its lines."""

    def put(self, conductance: NDArray[np.float64]) -> None:
        """Put every cell (rows, cols) at a conductance of its own, S, in no time; one that is stuck stays."""


@runtime_checkable
class Dissipating(Protocol):
    """A device that knows what its cells draw without driving them; what a run takes is told by it (`hil.energy`)."""

    def dissipation(
        self, duration: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> Dissipation:
        """Energies, J, of segments (T,), s, at line voltages (T, R) and (T, C), V, cells staying as they are now."""


@runtime_checkable
class Lined(Protocol):
    """A device whose lines have capacitances."""

    def line_delay(self) -> float | None:
        """Elmore delay from a row's driver over the furthest cell to its column's end, s; None without capacitance."""

    def line_capacitance(self) -> tuple[float, float]:
        """Of a whole row, and of a whole column, F."""


@runtime_checkable
class Explaining(Protocol):
    """Says what it would do for a waveform without doing it; ``--dry-run`` asks."""

    def explain(self, waveform: Waveform) -> str | Sequence[str]:
        """Lines, such as every message that an instrument would be sent; raises `LimitError` as `apply` would."""


@runtime_checkable
class Rehearsed(Explaining, Protocol):
    """A session told through from its first waveform to its end, nothing of it sent."""

    def close(self) -> Sequence[str]:
        """Lines on what happens when the device is closed."""


@runtime_checkable
class Rehearsing(Protocol):
    """Makes rehearsals, which know what was explained before: set-up is told once; ``--dry-run`` asks."""

    def rehearse(self) -> Rehearsed:
        """A rehearsal that begins before the first waveform."""
