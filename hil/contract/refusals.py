"""Tests of the contract: sizes and limits, and that a waveform that breaks them is refused before it is driven."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from hil.contract.bench import ContractBench, next_above, on_grid
from hil.device import Device, Unsupported
from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.waveform import Waveform


class Refusals(ContractBench):
    """Tests that a device describes itself, and refuses what it cannot do."""

    def test_a_new_device_describes_itself(self, device: Device) -> None:
        """Name, size, limits and a time of 0."""
        assert device.name and device.name in repr(device)
        assert device.rows >= 1 and device.cols >= 1
        assert device.cells == (device.rows, device.cols)
        assert isinstance(device.limits, Limits)
        assert device.time == 0.0

    def test_read_gives_one_conductance_a_cell(self, device: Device) -> None:
        """`read` gives (rows, cols) finite conductances >= 0 in float64."""
        for conductance in (device.read(), device.read(device.read_voltage)):
            assert conductance.shape == device.cells
            assert conductance.dtype == np.float64
            assert np.isfinite(conductance).all() and (conductance >= 0).all()

    @pytest.mark.parametrize("voltage", [0.0, np.nan, np.inf])
    def test_read_refuses_a_voltage_that_reads_nothing(self, device: Device, voltage: float) -> None:
        """0 V, NaN and infinite read voltages are refused by value."""
        with self.untouched(device), pytest.raises(InputError, match=f"{voltage}"):
            device.read(voltage)

    def test_mvm_maps_row_voltages_to_column_currents(self, device: Device) -> None:
        """(B, rows) gives (B, cols), one vector counts as a batch of one, none as an empty batch."""
        vectors = device.read_voltage * np.eye(device.rows)
        assert device.mvm(vectors).shape == (device.rows, device.cols)
        assert device.mvm(vectors[0]).shape == (1, device.cols)
        assert device.mvm(vectors[:0]).shape == (0, device.cols)

    @pytest.mark.parametrize("extra", [-1, 1])
    def test_mvm_refuses_another_number_of_rows(self, device: Device, extra: int) -> None:
        """The message names the shape that was given and the number of rows."""
        wrong = device.rows + extra
        with self.untouched(device), pytest.raises(InputError) as caught:
            device.mvm(np.zeros((7, wrong)))
        numbers = re.findall(r"\d+", str(caught.value))
        assert str(wrong) in numbers and str(device.rows) in numbers, f"no sizes in: {caught.value}"

    @pytest.mark.parametrize("extra", [(1, 0), (0, 1)])
    def test_apply_refuses_another_number_of_lines(self, device: Device, extra: tuple[int, int]) -> None:
        """The message names both sizes and nothing is played."""
        rows, cols = device.rows + extra[0], device.cols + extra[1]
        with self.untouched(device), pytest.raises(InputError) as caught:
            device.apply(Waveform.rest(self.stimulus(device).width, rows, cols))
        for size in (f"{rows} x {cols}", f"{device.rows} x {device.cols}"):
            assert size in str(caught.value), f"'{size}' is missing in: {caught.value}"

    @pytest.mark.parametrize("bound", ["v_min", "v_max"])
    def test_voltages_beyond_the_range_are_refused(self, device: Device, bound: str) -> None:
        """On a row, on a column, in `read` and in `mvm`."""
        limits, stimulus = device.limits, self.stimulus(device)
        if not np.isfinite(getattr(limits, bound)):
            pytest.skip(f"any voltage is above {bound}" if bound == "v_min" else "any voltage is below v_max")
        sign = 1.0 if bound == "v_max" else -1.0
        beyond = sign * next_above(abs(getattr(limits, bound)), limits.v_step)
        self.refused(device, stimulus.drive({0: beyond}), "row 0", f"{beyond:g} V")
        last = device.cols - 1
        self.refused(device, stimulus.drive({stimulus.lines - 1: beyond}), f"column {last}", f"{beyond:g} V")
        with self.untouched(device), pytest.raises(LimitError, match="row 0"):
            device.read(beyond)
        with self.untouched(device), pytest.raises(LimitError, match="row 0"):
            device.mvm(beyond * np.eye(device.rows))

    def test_cell_voltages_beyond_the_range_are_refused(self, device: Device) -> None:
        """Each line in range but too much across the cell between them."""
        limits = device.limits
        if not np.isfinite(limits.v_cell):
            pytest.skip("a cell may see any voltage")
        beyond = next_above(limits.v_cell, limits.v_step)
        if beyond <= limits.v_max:
            levels = {0: beyond}
        elif -beyond >= limits.v_min:
            levels = {0: -beyond}
        elif beyond <= limits.v_max - limits.v_min and limits.channels != 1:
            row = on_grid(beyond + limits.v_min, limits.v_step)
            levels = {0: row, device.rows: row - beyond}
        else:
            pytest.skip(f"no two lines can be {beyond:g} V apart, v_cell is {limits.v_cell:g} V")
        across = levels[0] - levels.get(device.rows, 0.0)
        self.refused(device, self.stimulus(device).drive(levels), "row 0", "column 0", f"{across:g} V")

    def test_durations_beyond_the_range_are_refused(self, device: Device) -> None:
        """Segments that are too short and too long, by their duration."""
        limits = device.limits
        durations = [limits.width_min / 2] if limits.width_min > 0 else []
        durations += [next_above(limits.width_max, limits.time_step)] if np.isfinite(limits.width_max) else []
        if not durations:
            pytest.skip("segments may have any duration")
        for duration in durations:
            self.refused(device, self.stimulus(device).drive({}, duration), f"{duration:g} s")

    def test_voltages_between_steps_are_refused(self, device: Device) -> None:
        """Never rounded: on a row, on a column and in `mvm`."""
        stimulus, step = self.stimulus(device), device.limits.v_step
        if step == 0:
            pytest.skip("any voltage in range can be driven")
        between = stimulus.voltage - np.sign(stimulus.voltage) * step / 2
        value, last = f"{between:.9g} V", device.cols - 1
        self.refused(device, stimulus.drive({0: between}), "row 0", value)
        self.refused(device, stimulus.drive({stimulus.lines - 1: between}), f"column {last}", value)
        with self.untouched(device), pytest.raises(LimitError, match="row 0"):
            device.mvm(between * np.eye(device.rows))

    def test_durations_between_steps_are_refused(self, device: Device) -> None:
        """Never rounded."""
        stimulus, step = self.stimulus(device), device.limits.time_step
        if step == 0:
            pytest.skip("any duration in range can be driven")
        between = stimulus.width + (step / 2 if stimulus.width < device.limits.width_max else -step / 2)
        self.refused(device, stimulus.drive({}, between), f"{between:.9g} s")

    def test_too_many_voltages_at_once_are_refused(self, device: Device) -> None:
        """One voltage more than there are channels."""
        channels, stimulus = device.limits.channels, self.stimulus(device)
        if channels is None or channels >= stimulus.lines:
            pytest.skip("there is a channel for every line")
        step = device.limits.v_step or abs(stimulus.voltage) / (channels + 1)
        levels = {line: np.sign(stimulus.voltage) * (line + 1) * step for line in range(channels + 1)}
        self.refused(device, stimulus.drive(levels), f"{channels + 1} different voltages")

    @pytest.mark.parametrize("rows", [[-1], [10**9], [0.5], [[0]], ["a"], [float("nan")]])
    def test_rows_that_are_not_there_are_refused(self, device: Device, rows: list[Any]) -> None:
        """In `read_rows`; nothing is driven."""
        with self.untouched(device), pytest.raises(InputError, match="rows"):
            device.read_rows(rows)

    @pytest.mark.parametrize("wrong", ["shape", "fraction", "nan", "text", "endless"])
    def test_pulse_counts_that_are_none_are_refused(self, device: Device, wrong: str) -> None:
        """In `program`: another shape, fractions, no numbers, more than any device would live to see."""
        if device.programming is None:
            with self.untouched(device), pytest.raises(Unsupported, match=re.escape(device.name)):
                device.program(np.zeros((device.rows, device.cols), int))
            return
        counts: dict[str, Any] = {
            "shape": np.zeros((device.rows + 1, device.cols)),
            "fraction": np.full((device.rows, device.cols), 0.5),
            "nan": np.full((device.rows, device.cols), np.nan),
            "text": [["a"] * device.cols] * device.rows,
            "endless": np.full((device.rows, device.cols), 1e12),
        }
        with self.untouched(device), pytest.raises(InputError, match="pulse count"):
            device.program(counts[wrong])

    def test_a_biasing_scheme_that_cannot_be_driven_is_refused(self, device: Device) -> None:
        """In `program`: one that is unknown, and V/3 where it takes more voltages than there are channels."""
        if device.programming is None:
            pytest.skip("the device has no pulse that moves a cell by one step")
        counts = np.ones(device.cells, int)
        with self.untouched(device), pytest.raises(InputError, match="V/17"):
            device.program(counts, scheme="V/17")
        if device.limits.channels == 1 and min(device.cells) > 1:
            with self.untouched(device), pytest.raises(LimitError, match="different voltages"):
                device.program(np.eye(*device.cells, dtype=int), scheme="V/3")
