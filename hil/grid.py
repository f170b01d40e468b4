"""`Grid`: rounds the voltages and times of an experiment to what a device can drive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from hil.device import Device
from hil.errors import InputError
from hil.waveform import Waveform


@dataclass(frozen=True)
class Grid:
    """Steps of voltages (V) and durations (s) that are driven, 0 for any.

    Everything that an experiment notes about its pulses is taken from what this gives back, never from a setting.
    """

    v_step: float = 0.0
    time_step: float = 0.0

    @classmethod
    def of(cls, device: Device, quantise: bool = True) -> Self:
        """Grid of a device; none where values off it shall be refused instead of rounded."""
        return cls(device.limits.v_step, device.limits.time_step) if quantise else cls()

    def waveform(self, waveform: Waveform) -> Waveform:
        """What is driven for `waveform`; `InputError` if a segment would round to no time at all."""
        return waveform.quantised(self) if self.v_step > 0 or self.time_step > 0 else waveform

    @overload
    def volts(self, asked: float, most: float = ...) -> float: ...
    @overload
    def volts(self, asked: NDArray[np.float64], most: float = ...) -> NDArray[np.float64]: ...
    def volts(self, asked: float | NDArray[np.float64], most: float = np.inf) -> float | NDArray[np.float64]:
        """Voltages that are driven for those that are asked, not beyond `most` in magnitude, V."""
        if self.v_step <= 0:
            return asked
        driven: NDArray[np.float64] = np.asarray(np.round(np.divide(asked, self.v_step)) * self.v_step)
        driven = np.where(np.abs(driven) > most, driven - np.copysign(self.v_step, driven), driven)
        return driven if np.ndim(asked) else float(driven)

    @overload
    def seconds(self, asked: float) -> float: ...
    @overload
    def seconds(self, asked: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def seconds(self, asked: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
        """Durations that are driven for those that are asked, s."""
        if self.time_step <= 0:
            return asked
        driven: NDArray[np.float64] = np.asarray(np.round(np.divide(asked, self.time_step)) * self.time_step)
        return driven if np.ndim(asked) else float(driven)

    def require_different(self, name: str, unit: str, pairs: Iterable[tuple[float, float]]) -> None:
        """Refuse settings (asked, driven) that differ but that the device's grid rounds to the same value."""
        seen: dict[float, float] = {}
        for asked, driven in pairs:
            other = seen.setdefault(driven, asked)
            if other != asked:
                step = self.time_step if unit in ("s", "Hz") else self.v_step
                raise InputError(
                    f"{name}: {other:g} {unit} and {asked:g} {unit} are both {driven:g} {unit} on this device, "
                    f"which has steps of {step:g} {'V' if unit == 'V' else 's'}: leave one of them out"
                )
