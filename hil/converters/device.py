"""A device whose inputs come from digital-to-analog converters, and whose currents go through analog-to-digital ones.

It stands in front of any device, as a synapse does, and below a synapse: every line of the array has its converters.
Products and reads are converted: an input voltage goes to the nearest code of its converter (one beyond the range is
refused), a current is told by the nearest code of its line's. Pulses that program, which `apply` and `program` play,
come from drivers of their own, at the voltages asked for; what they measure is converted.

The range of currents is `adc_range`. Where none is given, gains are switched with the drive: the range is then what as
many cells at the highest conductance would carry at the largest voltage of it, one in a read, all of a line in a
product. No current is beyond that but of cells with spread, and most use little of it. `calibrate` sets the range to
what a set of inputs gives, and takes offsets away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.abilities import Announcing, Explaining, Identified, Parametrised, PulseChoosing, Rehearsing, Thresholded
from hil.arrays import number, numbers
from hil.converters.settings import ConverterSettings, converted, step_of
from hil.device import Device, Response
from hil.errors import InputError
from hil.limits import LimitError
from hil.waveform import Waveform

COUNT = "conversions"
"""Name of what a snapshot holds beside the array's."""

ZERO_READINGS = 64
"""Readings without a drive from which `calibrate` takes offsets."""

_TINY = 1e-300

ABILITIES: dict[type, tuple[str, ...]] = {
    Identified: ("identity",),
    Parametrised: ("parameters",),
    Thresholded: ("thresholds",),
    Announcing: ("before_train",),
    PulseChoosing: ("choose_pulses",),
    Explaining: ("explain",),
    Rehearsing: ("rehearse",),
}
"""What a device behind converters still can; it lends its cells to no circuit, whose currents would miss them."""


@dataclass(frozen=True)
class Calibration:
    """What `ConvertedDevice.calibrate` found.

    Attributes
    ----------
    adc_range : float
        Largest current that is told, A.
    step : float
        Least step of it, A.
    clipped : float
        Fraction of the currents of the inputs that are beyond it.
    offsets : (cols,) array
        Taken away from the columns' codes from now on, steps.
    """

    adc_range: float
    step: float
    clipped: float
    offsets: NDArray[np.float64]


class ConvertedDevice(Device):
    """A device behind converters; everything else is as it is there.

    Parameters
    ----------
    array : Device
        The device; closed with this one.
    settings : ConverterSettings
        As an address gives them.

    Attributes
    ----------
    clipped : int
        Currents so far that were beyond the range of their converter, and told as its end.
    """

    def __init__(self, array: Device, settings: ConverterSettings) -> None:
        """Draw the offsets; `InputError` where nothing says how large a current can be."""
        s = settings
        self.array, self.settings, self.name = array, settings, array.name
        self.rows, self.cols, self.limits = array.rows, array.cols, array.limits
        self.read_width, self.read_disturbance = array.read_width, array.read_disturbance
        self.conductance_step, self.programming = array.conductance_step, array.programming
        self.read_voltage = array.read_voltage
        self.dac_range = array.read_voltage if s.dac_range is None else s.dac_range
        if s.dac_bits is not None:
            step = step_of(s.dac_bits, self.dac_range)
            self.read_voltage = step * min(max(round(array.read_voltage / step), 1), 2 ** (s.dac_bits - 1) - 1)
        if s.adc_bits is not None and s.adc_range is None and self.programming is None:
            if isinstance(array, PulseChoosing):
                self.programming = array.programming = array.choose_pulses()
            else:
                raise InputError(
                    f"{array.name}: adc_bits = {s.adc_bits} needs adc_range, the largest current in A: this device "
                    "does not say between which conductances its cells are"
                )
        self.adc_range, self.clipped, self._count = s.adc_range, 0, 0
        spread = np.random.default_rng([s.converter_seed, 1]).standard_normal(self.rows + self.cols)
        self._offsets = s.adc_offset * spread
        self._taken = np.zeros(self.rows + self.cols)
        unequal = np.random.default_rng([s.converter_seed, 3]).standard_normal(self.rows + self.cols)
        self._input_offsets = s.dac_offset * unequal

    @property
    def time(self) -> float:
        """Device time of the array, s."""
        return self.array.time

    def read_rows(self, rows: ArrayLike, v: float | None = None) -> NDArray[np.float64]:
        """Conductances of some rows, S, from converted currents; without `v`, as little disturbing as the array's."""
        self._require_open()
        chosen = self._rows(rows)
        if v is None:
            v = self.read_voltage
            drive = v * np.eye(self.rows)[chosen]
            if v == self.array.read_voltage and not (self.settings.dac_noise or self.settings.dac_offset):
                currents = v * self.array.read_rows(chosen)
            else:
                currents = self.array.mvm(self._driven(drive))
        else:
            v = number(v, "read voltage", finite=False)
            if v == 0 or not np.isfinite(v):
                raise InputError(f"read voltage {v} V: give a finite voltage other than 0")
            drive = v * np.eye(self.rows)[chosen]
            currents = v * self.array.read_rows(chosen, v)
        return self._told(currents, self._columns(), np.abs(drive).max(axis=1, initial=0.0)) / v

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Converted currents of converted voltages, A; see `Device.mvm`."""
        self._require_open()
        v = self._column_voltages(v) if reverse else self._row_voltages(v)
        currents = self.array.mvm(self._driven(v, "column" if reverse else "row"), reverse=reverse)
        lines = self._lines_of_rows() if reverse else self._columns()
        return self._told(currents, lines, np.abs(np.nan_to_num(v)).max(axis=1, initial=0.0) * v.shape[1])

    def calibrate(self, v: ArrayLike, *, percentile: float = 100.0) -> Calibration:
        """Set the range of currents to what some inputs give, and take the offsets of the columns away.

        Parameters
        ----------
        v : (B, rows) array
            Row voltages as they will be used, V. The array is read once for each, and 64 times with none.
        percentile : float
            Of the magnitudes of their currents that the range is to hold, 0 .. 100; below 100, a few large ones are
            clipped for finer steps.

        Raises
        ------
        InputError
            If there is no `adc_bits`, no input, or no current.
        """
        self._require_open()
        s, v = self.settings, self._row_voltages(v)
        if s.adc_bits is None:
            raise InputError(f"{self.name}: there is no converter to calibrate: give adc_bits")
        if not 0 < percentile <= 100:
            raise InputError(f"percentile = {percentile:g} must be above 0 and at most 100")
        found = np.abs(self.array.mvm(self._driven(v)))
        if not found.size or not np.percentile(found, percentile) > 0:
            raise InputError(f"{self.name}: these inputs give no current that a range could be set to")
        self.adc_range = float(np.percentile(found, percentile))
        lines, step = self._columns(), step_of(s.adc_bits, self.adc_range)
        self._taken[lines] = 0.0
        silent = np.zeros((ZERO_READINGS, self.cols))
        offsets = self._told(silent, lines, None).mean(axis=0) / step
        self._taken[lines] = offsets
        return Calibration(self.adc_range, step, float((found > self.adc_range * (1 + 1e-12)).mean()), offsets)

    def program(self, counts: ArrayLike, *, scheme: str | None = None) -> None:
        """Give every cell a number of programming pulses, which no converter plays; see `Device.program`."""
        self._require_open()
        self.array.program(counts, scheme=scheme)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Snapshot of the array, with how many conversions were noisy so far, and what calibration found."""
        self._require_open()
        state = np.array([self._count, self.clipped, self.adc_range or 0.0])
        return self.array.snapshot() | {COUNT: np.concatenate([state, self._taken])}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to a snapshot."""
        self._require_open()
        own = numbers(state.get(COUNT, ()), f"{self.name}: snapshot array {COUNT}")
        if own.shape != (3 + self.rows + self.cols,):
            raise InputError(f"{self.name}: a snapshot holds '{COUNT}' of {3 + self.rows + self.cols} numbers")
        self.array.restore({name: array for name, array in state.items() if name != COUNT})
        self._count, self.clipped, self.adc_range = int(own[0]), int(own[1]), float(own[2]) or None
        self._taken = own[3:].copy()

    def reset(self) -> None:
        """Reset the array; a calibration stays."""
        self._require_open()
        self.array.reset()
        self._count = self.clipped = 0

    def _play(self, waveform: Waveform) -> Response:
        told = self.array.apply(waveform)
        if self.settings.adc_bits is None or not len(told.segments):
            return told
        across = np.nan_to_num(waveform.rows[told.segments][:, :, None] - waveform.cols[told.segments][:, None, :])
        currents = self._told(told.currents, self._columns(), np.abs(across).max(axis=2).sum(axis=1))
        return replace(told, currents=currents, tripped=told.tripped | self._beyond.any(axis=1))

    def _release(self) -> None:
        self.array.close()

    def _columns(self) -> slice:
        return slice(self.rows, None)

    def _lines_of_rows(self) -> slice:
        return slice(0, self.rows)

    def _driven(self, v: NDArray[np.float64], kind: str = "row") -> NDArray[np.float64]:
        """Voltages that the converters give for those asked for, V."""
        s = self.settings
        if s.dac_bits is None:
            return v
        beyond = np.argwhere(np.abs(v) > self.dac_range * (1 + 1e-12))
        if beyond.size:
            batch, line = beyond[0]
            raise LimitError(
                f"segment {batch}, {kind} {line}: {v[batch, line]:g} V is beyond dac_range = {self.dac_range:g} V"
            )
        given, step = converted(v, s.dac_bits, self.dac_range)[0], step_of(s.dac_bits, self.dac_range)
        if s.dac_offset:
            given = given + step * self._input_offsets[self._lines_of_rows() if kind == "row" else self._columns()]
        return given + s.dac_noise * step * self._normal(v.shape) if s.dac_noise else given

    def _told(
        self, currents: NDArray[np.float64], lines: slice, volts: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Currents (B, lines) as their converters tell them, A.

        `volts` (B,) are what a cell at the highest conductance would have to see, V, to carry the range alone.
        """
        s = self.settings
        if s.adc_bits is None:
            return currents
        p, full_scale = self.programming, np.full((len(currents), 1), self.adc_range or 0.0)
        if self.adc_range is None and p is not None and volts is not None:
            full_scale = max(abs(p.g_min), abs(p.g_max)) * volts[:, None]
        full_scale[full_scale == 0] = _TINY
        shift = self._offsets[lines] + (s.adc_noise * self._normal(currents.shape) if s.adc_noise else 0.0)
        told, self._beyond = converted(currents, s.adc_bits, full_scale, shift)
        self.clipped += int(self._beyond.sum())
        return told - self._taken[lines] * step_of(s.adc_bits, full_scale)

    def _normal(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        self._count += 1
        return np.random.default_rng([self.settings.converter_seed, 2, self._count]).standard_normal(shape)


def behind_converters(array: Device, settings: ConverterSettings) -> ConvertedDevice:
    """Put converters in front of a device, which keeps its abilities (`hil.abilities`); closed where that fails."""
    able = [name for kind, names in ABILITIES.items() if isinstance(array, kind) for name in names]
    kind = type(ConvertedDevice.__name__, (ConvertedDevice,), {name: _of_array(name) for name in able})
    try:
        made: ConvertedDevice = kind(array, settings)
    except BaseException:
        array.close()
        raise
    return made


def _of_array(name: str) -> property:
    """An attribute that is the array's."""
    read: Callable[[ConvertedDevice], Any] = lambda self: getattr(self.array, name)  # noqa: E731
    return property(read, lambda self, value: setattr(self.array, name, value))
