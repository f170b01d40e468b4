"""Base class and tools of the contract's tests: opening the device, waveforms that it allows, comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from hil.device import Device, Unsupported
from hil.limits import LimitError
from hil.waveform import Waveform

ROUNDING = 1e-9
"""Relative tolerance of sums of many float64 durations."""


@dataclass(frozen=True)
class Stimulus:
    """Makes waveforms within a device's limits, one line driven and all others at 0 V; rows are numbered first.

    Attributes
    ----------
    device : Device
        Where they will be played.
    voltage, width : float
        Height (V, negative for a device that drives no positive voltage) and duration (s) of a programming pulse.
    joined : bool
        Whether neighbouring segments may be one pulse.
    """

    device: Device
    voltage: float
    width: float
    joined: bool = True

    @property
    def lines(self) -> int:
        """Number of rows and columns."""
        return self.device.rows + self.device.cols

    @property
    def bipolar(self) -> bool:
        """Whether the voltage of opposite sign may be driven too."""
        return self.device.limits.v_min <= -self.voltage <= self.device.limits.v_max

    def drive(self, levels: dict[int, float], width: float | None = None, measure: bool = True) -> Waveform:
        """One segment with the given lines at the given voltages (V), the others at 0 V."""
        table, rows = np.zeros(self.lines), self.device.rows
        for line, voltage in levels.items():
            table[line] = voltage
        return Waveform.pulse(table[:rows], table[rows:], width=width or self.width, measure=measure)

    def program(self, measure: bool = True) -> Waveform:
        """Move cells of different rows and columns by different amounts, in every direction the device can drive."""
        last_row, last_col = self.device.rows - 1, self.lines - 1
        drives = [{0: self.voltage}, {}, {last_col: self.voltage}, {}]
        drives += [{last_row: -self.voltage}, {}] if self.bipolar else []
        return Waveform.concat(self.drive(levels, measure=measure) for levels in drives)

    def any(self, most: int = 6) -> st.SearchStrategy[Waveform]:
        """Strategy: up to `most` segments of any line, none to all of the voltage in quarters, one to three widths."""
        limits = self.device.limits
        segment = st.tuples(
            st.integers(0, self.lines - 1),
            st.integers(-4 if self.bipolar else 0, 4),
            st.integers(1, 3 if 3 * self.width <= limits.width_max else 1),
            st.booleans(),
        )

        def built(drawn: list[tuple[int, int, int, bool]]) -> Waveform:
            parts: list[Waveform] = []
            for line, quarters, widths, measure in drawn:
                level = on_grid(quarters / 4 * self.voltage, limits.v_step)
                part = self.drive({line: level}, widths * self.width, measure)
                if parts and not self.joined and goes_on(parts[-1], part):
                    part = self.drive({}, widths * self.width, measure)
                parts.append(part)
            return Waveform.concat(parts)

        return st.lists(segment, min_size=1, max_size=most).map(built)


def goes_on(before: Waveform, after: Waveform) -> bool:
    """Whether a cell stays at its voltage, other than 0 V, from one segment to the next: it sees a single pulse."""
    first, second = (part.rows[0, :, None] - part.cols[0, None, :] for part in (before, after))
    return bool(((first == second) & (first != 0)).any())


def on_grid(value: float, step: float) -> float:
    """Nearest multiple of `step`; `value` itself on a grid of 0."""
    return float(np.round(value / step) * step) if step > 0 else value


def next_above(value: float, step: float) -> float:
    """Least multiple of `step` above `value` >= 0; a little more than `value` on a grid of 0."""
    return float((np.floor(value / step + 1e-6) + 1) * step) if step > 0 else 1.01 * value + 1e-3


def assert_close(left: ArrayLike, right: ArrayLike, relative: float, what: str) -> None:
    """Fail unless two arrays agree to a relative tolerance, element by element."""
    left, right = np.asarray(left), np.asarray(right)
    assert left.shape == right.shape, f"{what}: shapes {left.shape} and {right.shape}"
    apart = np.abs(left - right)
    allowed = relative * np.maximum(np.abs(left), np.abs(right))
    assert (apart <= allowed).all(), (
        f"{what}: {left} and {right} differ by {apart.max():g}, more than {relative:g} of them"
    )


def assert_identical(left: dict[str, NDArray[Any]], right: dict[str, NDArray[Any]], what: str) -> None:
    """Fail unless two sets of arrays are the same, bit for bit."""
    assert left.keys() == right.keys(), f"{what}: arrays {sorted(left)} and {sorted(right)}"
    for name, array in left.items():
        a, b = np.asarray(array), np.asarray(right[name])
        same = a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        assert same, f"{what}: {name} was {a}, is {b}"


class ContractBench:
    """Base class of the contract's tests: opens the device and drives it; `DeviceContract` documents the attributes."""

    rows: int = 3
    cols: int = 2
    drive_voltage: float | None = None
    drive_width: float | None = None
    settling: float = 0.0
    noise: float = 1e-9
    tolerance: float = 1e-6
    charge_tolerance: float = 1e-6
    examples: int = 15
    repeatable: bool = True
    joined: bool = True

    def open(self, rows: int, cols: int) -> Device:
        """Open a pristine device under test."""
        raise NotImplementedError("override open(rows, cols) to return the device under test")

    @pytest.fixture
    def device(self) -> Iterator[Device]:
        """Open the device for one test and close it afterwards."""
        with self.open(self.rows, self.cols) as device:
            yield device

    def stimulus(self, device: Device) -> Stimulus:
        """Waveforms that are legal on the device."""
        limits, voltage = device.limits, self.drive_voltage
        if voltage is None:
            sign = 1.0 if limits.v_max > 0 else -1.0
            reach = min(limits.v_max if sign > 0 else -limits.v_min, limits.v_cell)
            half = reach / 2 if np.isfinite(reach) else 1.0
            voltage = sign * (max(on_grid(half, limits.v_step), limits.v_step) if limits.v_step else half)
        width = device.read_width if self.drive_width is None else self.drive_width
        return Stimulus(device, voltage, width, self.joined)

    def programmed(self, device: Device) -> None:
        """Program cells of the device and let it settle."""
        stimulus = self.stimulus(device)
        device.apply(stimulus.program())
        if self.settling > 0:
            device.apply(stimulus.drive({}, self.settling))

    def for_all(self, strategy: st.SearchStrategy, check: Callable[[Any], None]) -> None:
        """Hold `check` true for whatever `strategy` draws, the same draws every time."""
        wanted = settings(
            max_examples=self.examples,
            phases=[Phase.generate, Phase.shrink],
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        wanted(given(strategy)(check))()

    def snapshot(self, device: Device) -> dict[str, NDArray[Any]]:
        """Snapshot of the device; skips the test where it is unsupported for a stated reason."""
        try:
            return device.snapshot()
        except Unsupported as reason:
            assert str(reason).strip(), "Unsupported must give its reason"
            with pytest.raises(Unsupported):
                device.restore({})
            pytest.skip(str(reason))

    def reset(self, device: Device) -> None:
        """Reset the device; skips the test where it is unsupported for a stated reason."""
        try:
            device.reset()
        except Unsupported as reason:
            assert str(reason).strip(), "Unsupported must give its reason"
            pytest.skip(str(reason))

    def replayed(self, device: Device, parts: list[Waveform]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Currents and conductances after a reset and `parts`."""
        self.reset(device)
        currents = [device.apply(part).currents for part in parts]
        return np.concatenate([np.zeros((0, device.cols)), *currents]), device.read()

    @contextmanager
    def untouched(self, device: Device) -> Iterator[None]:
        """Fail if device time or any cell changes inside."""
        conductance = device.read()
        try:
            state, time = device.snapshot(), device.time
        except Unsupported:
            state, time = None, device.time
        yield
        assert device.time == time, f"device time went from {time} s to {device.time} s"
        if state is not None:
            assert_identical(state, device.snapshot(), "state that must not have changed")
        room = self.noise + 2 * device.read_disturbance
        assert_close(conductance, device.read(), room, "conductances that must not have changed")

    def refused(self, device: Device, bad: Waveform, *words: str) -> None:
        """Check that a forbidden segment is refused by a message with `words`, and that nothing is played.

        `bad` is one segment. It is played between two allowed ones, so that a device that checks only the first
        is found.
        """
        good = self.stimulus(device).program()
        with self.untouched(device), pytest.raises(LimitError) as caught:
            device.apply(good[:1] + bad + good[1:2])
        for word in ("segment 1", *words):
            assert word in str(caught.value), f"'{word}' is missing in: {caught.value}"
