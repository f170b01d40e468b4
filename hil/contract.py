"""One pytest suite that every `Device` must pass, whoever makes it.

Subclass it in a test module of your own and say how your device is opened::

    from hil.contract import DeviceContract

    class TestMyArray(DeviceContract):
        def open(self, rows, cols):
            return MyArray(rows, cols)

pytest then runs the whole suite on it. All waveforms stay inside ``device.limits`` but for those that must be refused,
and drive one line at a time, so that a device with a single channel can play them. Nothing else in `hil` imports this
module: it needs pytest and hypothesis, which are development dependencies (``pip install memhil[dev]``).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from hil.device import Device, DeviceClosed, Response, Unsupported
from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.waveform import FLOAT, Waveform

ROUNDING = 1e-9
"""Relative room for sums of many float64 durations."""


@dataclass(frozen=True)
class Stimulus:
    """Waveforms that a device's limits allow, with one line driven and all others at 0 V.

    Attributes
    ----------
    device : Device
        Where they will be played.
    voltage : float
        Height of a programming pulse, V; negative for a device that drives no positive voltage.
    width : float
        Its duration, s.
    """

    device: Device
    voltage: float
    width: float

    @classmethod
    def for_device(cls, device: Device, voltage: float | None, width: float | None) -> Stimulus:
        """Take half of the voltage that the limits allow (1 V if they allow any) and the read's width, if not told."""
        limits = device.limits
        if voltage is None:
            sign = 1.0 if limits.v_max > 0 else -1.0
            reach = min(limits.v_max if sign > 0 else -limits.v_min, limits.v_cell)
            voltage = sign * (reach / 2 if np.isfinite(reach) else 1.0)
            if limits.v_step > 0:
                voltage = sign * max(np.floor(abs(voltage) / limits.v_step), 1.0) * limits.v_step
        return cls(device, voltage, device.read_width if width is None else width)

    @property
    def lines(self) -> int:
        """Number of lines; rows count first, columns after them."""
        return self.device.rows + self.device.cols

    @property
    def bipolar(self) -> bool:
        """Whether the voltage of opposite sign may be driven too."""
        return self.device.limits.v_min <= -self.voltage <= self.device.limits.v_max

    def drive(self, levels: dict[int, float], width: float | None = None, measure: bool = True) -> Waveform:
        """One segment with the given lines at the given voltages (V), the others at 0 V."""
        table = np.zeros(self.lines)
        for line, voltage in levels.items():
            table[line] = voltage
        rows = self.device.rows
        return Waveform.pulse(table[:rows], table[rows:], width=width or self.width, measure=measure)

    def program(self, measure: bool = True) -> Waveform:
        """Move cells of different rows and columns by different amounts, in every direction the device can drive."""
        last_row, last_col = self.device.rows - 1, self.lines - 1
        drives = [{0: self.voltage}, {}, {last_col: self.voltage}, {}]
        drives += [{last_row: -self.voltage}, {}] if self.bipolar else []
        return Waveform.concat(self.drive(levels, measure=measure) for levels in drives)

    def any(self) -> st.SearchStrategy[Waveform]:
        """Strategy: up to six segments of any line, a quarter to all of the voltage, one to three widths."""
        limits = self.device.limits
        most = 3 if 3 * self.width <= limits.width_max else 1
        segment = st.builds(
            lambda line, quarters, widths, measure: self.drive(
                {line: on_grid(quarters / 4 * self.voltage, limits.v_step)}, widths * self.width, measure
            ),
            st.integers(0, self.lines - 1),
            st.integers(-4 if self.bipolar else 0, 4),
            st.integers(1, most),
            st.booleans(),
        )
        return st.lists(segment, min_size=1, max_size=6).map(Waveform.concat)


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


def assert_identical(left: dict[str, NDArray], right: dict[str, NDArray], what: str) -> None:
    """Fail unless two sets of arrays are the same, bit for bit."""
    assert left.keys() == right.keys(), f"{what}: arrays {sorted(left)} and {sorted(right)}"
    for name, array in left.items():
        a, b = np.asarray(array), np.asarray(right[name])
        same = a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        assert same, f"{what}: {name} was {a}, is {b}"


def arrays_of(response: Response) -> dict[str, NDArray]:
    """All arrays of a response, by name."""
    return {field.name: getattr(response, field.name) for field in fields(response)}


class DeviceContract:
    """What any `Device` owes its drivers, as tests; override `open`, and the attributes where they do not fit.

    Attributes
    ----------
    rows, cols : int
        Size that `open` is asked for; a device of fixed size may ignore it.
    drive_voltage, drive_width : float or None
        Height (V) and duration (s) of a programming pulse; `Stimulus.for_device` chooses them if None.
    noise : float
        Relative spread of two readings of one state.
    tolerance : float
        Relative agreement of a read pulse played by `apply` with `read` and with `mvm`.
    examples : int
        How many random waveforms a property is tried on.
    """

    rows: int = 3
    cols: int = 2
    drive_voltage: float | None = None
    drive_width: float | None = None
    noise: float = 1e-9
    tolerance: float = 1e-6
    examples: int = 15

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
        return Stimulus.for_device(device, self.drive_voltage, self.drive_width)

    def for_all(self, strategy: st.SearchStrategy, check: Callable[[Any], None]) -> None:
        """Hold `check` true for whatever `strategy` draws, the same draws every time."""
        wanted = settings(
            max_examples=self.examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        wanted(given(strategy)(check))()

    def snapshot(self, device: Device) -> dict[str, NDArray]:
        """Snapshot of the device; skips the test where it is unsupported for a stated reason."""
        try:
            return device.snapshot()
        except Unsupported as reason:
            assert str(reason).strip(), "Unsupported must give its reason"
            with pytest.raises(Unsupported):
                device.restore({})
            pytest.skip(str(reason))

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
        """Fail unless `bad` as the middle one of three segments is refused in `words` before anything is played."""
        good = self.stimulus(device).program()
        with self.untouched(device), pytest.raises(LimitError) as caught:
            device.apply(good[:1] + bad + good[1:2])
        for word in ("segment 1", *words):
            assert word in str(caught.value), f"'{word}' is missing in: {caught.value}"

    # ---- shapes and units

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
            device.mvm(np.zeros((4, wrong)))
        assert f"(4, {wrong})" in str(caught.value) and f"{device.rows})" in str(caught.value)

    @pytest.mark.parametrize("extra", [(1, 0), (0, 1)])
    def test_apply_refuses_another_number_of_lines(self, device: Device, extra: tuple[int, int]) -> None:
        """The message names both sizes and nothing is played."""
        rows, cols = device.rows + extra[0], device.cols + extra[1]
        with self.untouched(device), pytest.raises(InputError) as caught:
            device.apply(Waveform.rest(self.stimulus(device).width, rows, cols))
        for size in (f"{rows} x {cols}", f"{device.rows} x {device.cols}"):
            assert size in str(caught.value), f"'{size}' is missing in: {caught.value}"

    # ---- limits

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

    def test_segments_that_are_too_short_are_refused(self, device: Device) -> None:
        """The duration is named."""
        short = device.limits.width_min / 2
        if short == 0:
            pytest.skip("no segment is too short")
        self.refused(device, self.stimulus(device).drive({}, short), f"{short:g} s")

    def test_segments_that_are_too_long_are_refused(self, device: Device) -> None:
        """The duration is named."""
        if not np.isfinite(device.limits.width_max):
            pytest.skip("no segment is too long")
        long = next_above(device.limits.width_max, device.limits.time_step)
        self.refused(device, self.stimulus(device).drive({}, long), f"{long:g} s")

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
        between = stimulus.width + step / 2
        self.refused(device, stimulus.drive({}, between), f"{between:g} s")

    def test_too_many_voltages_at_once_are_refused(self, device: Device) -> None:
        """One voltage more than there are channels."""
        channels, stimulus = device.limits.channels, self.stimulus(device)
        if channels is None or channels >= stimulus.lines:
            pytest.skip("there is a channel for every line")
        step = device.limits.v_step or abs(stimulus.voltage) / (channels + 1)
        levels = {line: np.sign(stimulus.voltage) * (line + 1) * step for line in range(channels + 1)}
        self.refused(device, stimulus.drive(levels), f"{channels + 1} different voltages", f"{channels}")

    # ---- what a response says

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
        device.apply(self.stimulus(device).program())
        v, width = device.read_voltage, device.read_width
        response = device.apply(self.stimulus(device).drive({0: v}, width))
        room = self.noise + self.tolerance
        assert_close(response.charge, response.currents * width, room, "charge of a read, C")
        given = v * response.charge.sum()
        assert 0 < response.energy[0] <= given * (1 + room), f"{response.energy[0]} J of {given} J dissipated"

    # ---- reading

    def test_a_read_pulse_and_mvm_agree_with_read(self, device: Device) -> None:
        """Each row at the read voltage gives the currents that `read` promises, by `apply`, `read(v)` and `mvm`."""
        stimulus = self.stimulus(device)
        device.apply(stimulus.program())
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
        device.apply(self.stimulus(device).program())
        first = device.read()
        for count in range(1, 4):
            room = self.noise + count * device.read_disturbance
            assert_close(device.read(), first, room, f"conductance after {count} reads, S")
        device.mvm(device.read_voltage * np.eye(device.rows))
        assert_close(device.read(), first, room + 2 * device.read_disturbance, "conductance after mvm, S")

    # ---- how a waveform is asked for does not matter

    def replayed(self, device: Device, parts: list[Waveform]) -> tuple[NDArray, NDArray]:
        """Currents and conductances after a reset and `parts`."""
        device.reset()
        currents = np.concatenate([device.apply(part).currents for part in parts])
        return currents, device.read()

    def test_a_waveform_may_be_cut(self, device: Device) -> None:
        """Two calls of `apply` are one call with the two parts joined."""

        def check(drawn: tuple[Waveform, int]) -> None:
            waveform, cut = drawn
            whole = self.replayed(device, [waveform])
            pieces = self.replayed(device, [waveform[:cut], waveform[cut:]])
            for a, b, what in zip(whole, pieces, ("currents, A", "conductances, S"), strict=True):
                assert_close(a, b, self.noise, f"{what}, of a whole waveform and of one cut at {cut}")

        self.for_all(st.tuples(self.stimulus(device).any(), st.integers(0, 6)), check)

    def test_measuring_changes_nothing(self, device: Device) -> None:
        """Cells end up the same whether currents are wanted or not."""
        stimulus = self.stimulus(device)
        _, measured = self.replayed(device, [stimulus.program(measure=True)])
        _, unmeasured = self.replayed(device, [stimulus.program(measure=False)])
        assert_close(measured, unmeasured, self.noise + self.tolerance, "conductance measured or not, S")

    # ---- floating lines

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
        """Never silently held at 0 V: the same read does draw a current from a grounded column."""
        stimulus = self.stimulus(device)
        device.apply(stimulus.program())
        read = stimulus.drive({0: device.read_voltage}, device.read_width)
        columns = np.zeros((1, device.cols))
        columns[0, -1] = FLOAT
        floating = self.floated(device, Waveform(read.duration, read.rows, columns, read.measure))
        grounded = device.apply(read)
        for name in ("currents", "charge"):
            none, some = getattr(floating, name)[0, -1], getattr(grounded, name)[0, -1]
            assert abs(none) < self.tolerance * abs(some), f"{name} {none} of a floating column, {some} grounded"

    def test_floating_all_lines_is_a_rest(self, device: Device) -> None:
        """With nothing driven the cells end up as after the same time at 0 V."""
        stimulus = self.stimulus(device)
        rest = stimulus.drive({})
        nothing = Waveform(rest.duration, rest.rows * FLOAT, rest.cols * FLOAT, rest.measure)
        self.floated(device, nothing)
        _, floated = self.replayed(device, [stimulus.program(), nothing])
        _, rested = self.replayed(device, [stimulus.program(), rest])
        assert_close(floated, rested, self.noise + self.tolerance, "conductance after floating, S")

    # ---- checkpoints

    def test_restore_is_exact(self, device: Device) -> None:
        """Bit for bit: the state itself, and what any waveform does after it."""
        self.snapshot(device)

        def check(waveform: Waveform) -> None:
            state = device.snapshot()
            first, after = arrays_of(device.apply(waveform)), device.snapshot()
            device.restore(state)
            assert_identical(state, device.snapshot(), "restored state")
            assert_identical(first, arrays_of(device.apply(waveform)), "response after restore")
            assert_identical(after, device.snapshot(), "state after restore and the same waveform")
            device.restore(state)
            device.apply(waveform)
            assert_identical(
                first | {"read": device.read()}, first | {"read": self._again(device, state, waveform)}, ""
            )

        self.for_all(self.stimulus(device).any(), check)
