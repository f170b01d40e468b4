"""What some devices can do beyond the contract: small protocols, asked for with ``isinstance(device, Explaining)``.

Nothing needs them to train or measure; where a device has one, its users are told more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from pydantic import BaseModel

from hil.device import Device
from hil.waveform import Waveform


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
