"""Tests of the contract: currents, charge, energy and conductances, the same however they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from hil.contract.bench import ROUNDING, ContractBench, assert_close
from hil.device import Device, Response, Unsupported
from hil.limits import LimitError
from hil.waveform import FLOATING, Waveform


class Answers(ContractBench):
    """Time, currents, conductances and floating lines."""

    def test_time_and_response_follow_the_waveform(self, device: Device) -> None:
        """For any waveform: device time, time stamps, shapes and types, energy, tripped."""

        def check(waveform: Waveform) -> None:
            before = device.time
            response = device.apply(waveform)
            assert_close(device.time, before + waveform.total, ROUNDING, "device time after a waveform")
            measured = np.flatnonzero(waveform.measure)
            assert np.array_equal(response.segments, measured)
            assert np.issubdtype(response.segments.dtype, np.integer)
            ends = before + np.cumsum(waveform.duration)
            assert_close(response.time, ends[measured], ROUNDING, "time at the end of measured segments")
            assert (np.diff(response.time) > 0).all(), f"time stamps {response.time} do not increase"
            assert response.currents.shape == response.charge.shape == (len(measured), device.cols)
            assert response.energy.shape == response.tripped.shape == (len(measured),)
            assert response.tripped.dtype == np.bool_
            for name in ("time", "currents", "charge", "energy"):
                array = getattr(response, name)
                assert array.dtype == np.float64 and np.isfinite(array).all(), f"{name} = {array}"
            assert (response.energy >= 0).all(), f"cells gave energy: {response.energy} J"
            reached = (np.abs(response.currents) >= device.limits.i_max).any(axis=1)
            assert response.tripped[reached].all(), "a current reached i_max and is not reported as tripped"
            assert np.isfinite(device.limits.i_max) or not response.tripped.any()

        self.for_all(self.stimulus(device).any(), check)

    def test_an_empty_waveform_plays_nothing(self, device: Device) -> None:
        """No segment, no time, no entry in the response."""
        with self.untouched(device):
            response = device.apply(self.stimulus(device).program()[:0])
        assert response.currents.shape == (0, device.cols)
        assert len(response.segments) == len(response.time) == len(response.energy) == 0

    def test_current_flows_towards_the_lower_voltage(self, device: Device) -> None:
        """Out of the columns below a positive row, into a positive column, nowhere at rest."""
        stimulus = self.stimulus(device)
        sign = np.sign(stimulus.voltage)
        last = stimulus.lines - 1
        drives = [stimulus.drive(levels) for levels in ({0: stimulus.voltage}, {}, {last: stimulus.voltage})]
        row, rest, column = device.apply(Waveform.concat(drives)).currents
        none = (self.noise + self.tolerance) * np.abs(row).max()
        assert (sign * row > -none).all() and np.abs(row).max() > 0, f"currents {row} A below a driven row"
        assert (np.abs(rest) <= none).all(), f"currents {rest} A with all lines at 0 V"
        assert sign * column[-1] < 0, f"current {column[-1]} A out of a driven column"
        assert (np.abs(column[:-1]) <= none).all(), f"currents {column[:-1]} A between lines at 0 V"

    def test_charge_and_energy_fit_the_current(self, device: Device) -> None:
        """For a short read of row 0: charge = current x time, and cells dissipate no more than voltage x charge."""
        self.programmed(device)
        v, width = device.read_voltage, device.read_width
        response = device.apply(self.stimulus(device).drive({0: v}, width))
        room = self.noise + self.tolerance
        assert_close(response.charge, response.currents * width, room, "charge of a read, C")
        given = v * response.charge.sum()
        assert 0 < response.energy[0] <= given * (1 + room), f"{response.energy[0]} J of {given} J dissipated"

    def test_row_currents_balance_column_currents(self, device: Device) -> None:
        """Kirchhoff: all currents out of the array add up to 0; a device that senses its columns alone gives None."""
        response = device.apply(self.stimulus(device).program())
        if response.row_currents is None:
            pytest.skip("the device senses its columns alone")
        assert response.row_currents.shape == (len(response.segments), device.rows)
        total = response.currents.sum(axis=1) + response.row_currents.sum(axis=1)
        through = np.abs(response.currents).sum(axis=1) + np.abs(response.row_currents).sum(axis=1)
        assert (np.abs(total) <= (self.noise + self.tolerance + ROUNDING) * through).all(), f"{total} A are lost"

    def test_some_rows_are_read_as_all_are(self, device: Device) -> None:
        """In any order, a row twice, and none at all."""
        self.programmed(device)
        whole, room = device.read(), 2 * self.noise + self.tolerance + 4 * device.read_disturbance
        for rows in ([device.rows - 1], [device.rows - 1, 0, 0], range(device.rows), []):
            found = device.read_rows(list(rows))
            assert found.shape == (len(rows), device.cols)
            assert_close(found, whole[list(rows)], room, f"conductance of rows {list(rows)}, S")

    def test_mvm_in_reverse_is_the_transposed_product(self, device: Device) -> None:
        """Columns driven, rows sensed; currents out of the array are positive for positive voltages."""
        self.programmed(device)
        v, room = device.read_voltage, 2 * self.noise + self.tolerance + 2 * device.read_disturbance
        signed = device.limits.v_min <= -v
        promised, time = device.read(), device.time
        if not signed:
            pytest.skip("columns would have to be driven below 0 V for the polarity of a read")
        try:
            currents = device.mvm(-v * np.eye(device.cols), reverse=True)
        except Unsupported:
            assert device.time == time, "what the device refused to read took time"
            pytest.skip("the device senses its columns alone")
        assert currents.shape == (device.cols, device.rows)
        assert_close(currents / -v, promised.T, room, "mvm of one column at a time, S")

    def test_a_read_pulse_and_mvm_agree_with_read(self, device: Device) -> None:
        """Each row at the read voltage gives the currents that `read` promises, by `apply`, `read(v)` and `mvm`."""
        stimulus = self.stimulus(device)
        self.programmed(device)
        v, room = device.read_voltage, self.noise + self.tolerance + 2 * device.read_disturbance
        promised = device.read()
        assert_close(device.mvm(v * np.eye(device.rows)) / v, promised, room, "mvm of one row at a time, S")
        together = v * np.tri(device.rows)
        assert_close(device.mvm(together), together @ promised, device.rows * room, "mvm of many rows, A")
        for row in range(device.rows):
            promised = device.read()[row]
            currents = device.apply(stimulus.drive({row: v}, device.read_width)).currents[0]
            assert_close(currents / v, promised, room, f"read pulse on row {row}, S")
        assert_close(device.read(v), device.read(), device.rows * room, "read with a voltage, S")

    def test_reads_disturb_no_more_than_stated(self, device: Device) -> None:
        """Three reads and an mvm, after the cells were programmed."""
        self.programmed(device)
        first = device.read()
        for count in range(1, 4):
            room = self.noise + count * device.read_disturbance
            assert_close(device.read(), first, room, f"conductance after {count} reads, S")
        device.mvm(device.read_voltage * np.eye(device.rows))
        assert_close(device.read(), first, room + 2 * device.read_disturbance, "conductance after mvm, S")

    def floated(self, device: Device, waveform: Waveform) -> Response:
        """Play a waveform with floating lines; skips the test where the device refuses them."""
        time = device.time
        try:
            return device.apply(waveform)
        except (Unsupported, LimitError) as reason:
            assert "float" in str(reason), f"the reason does not speak of floating lines: {reason}"
            assert device.time == time, "a refused waveform took time"
            pytest.skip(str(reason))

    def test_a_floating_column_carries_no_current(self, device: Device) -> None:
        """A floating column is not silently held at 0 V: grounded, it does draw a current in the same read."""
        stimulus = self.stimulus(device)
        self.programmed(device)
        read = stimulus.drive({0: device.read_voltage}, device.read_width)
        columns = np.zeros((1, device.cols))
        columns[0, -1] = FLOATING
        floating = self.floated(device, Waveform(read.duration, read.rows, columns, read.measure))
        grounded = device.apply(read)
        for name in ("currents", "charge"):
            none, some = getattr(floating, name)[0, -1], getattr(grounded, name)[0, -1]
            assert abs(none) < self.tolerance * abs(some), f"{name} {none} of a floating column, {some} grounded"

    def test_a_floating_row_adds_nothing_to_mvm(self, device: Device) -> None:
        """A row that floats above grounded columns adds no current to theirs; or it is refused."""
        self.programmed(device)
        v = np.full((2, device.rows), device.read_voltage)
        v[:, -1] = FLOATING, 0.0
        try:
            floating, grounded = device.mvm(v)
        except (Unsupported, LimitError) as reason:
            assert "float" in str(reason), f"the reason does not speak of floating lines: {reason}"
        else:
            assert_close(floating, grounded, self.noise + self.tolerance, "mvm with a row floating or at 0 V, A")

    def test_floating_all_lines_is_a_rest(self, device: Device) -> None:
        """With nothing driven the cells end up as after the same time at 0 V."""
        stimulus = self.stimulus(device)
        rest = stimulus.drive({})
        nothing = Waveform(rest.duration, rest.rows * FLOATING, rest.cols * FLOATING, rest.measure)
        self.floated(device, nothing)
        _, floated = self.replayed(device, [stimulus.program(), nothing])
        _, rested = self.replayed(device, [stimulus.program(), rest])
        assert_close(floated, rested, self.noise + self.tolerance, "conductance after floating, S")
