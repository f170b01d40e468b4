"""The suite must fail on devices that break the contract; here are many that do, each in one way."""

from dataclasses import replace

import numpy as np
import pytest

from hil.contract import DeviceContract
from hil.device import Device, Response
from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.programming import Programming
from sim.network.lines import line_voltages


class SoundArray(Device):
    """Cells that add up the flux of voltages at or above 0.2 V; keeps the contract."""

    name = "sound array"
    limits = Limits(-1.0, 1.0, 0.75, 3e-4, 1e-4, 1.0, time_step=1e-4, v_step=0.01, channels=2)
    read_voltage = 0.1
    programming = Programming(v_set=0.5, v_reset=0.5, width=1e-3, g_min=1e-4, g_max=1e-2)
    caught_by = frozenset()

    def __init__(self, rows, cols):
        self.rows, self.cols = rows, cols
        self.reset()

    @property
    def time(self):
        return float(self.state["time"])

    def reset(self):
        self._require_open()
        self.state = {"g": np.full(self.cells, 1e-3), "time": np.zeros(())}

    def snapshot(self):
        self._require_open()
        return {name: array.copy() for name, array in self.state.items()}

    def restore(self, state):
        self._require_open()
        if {name: np.shape(a) for name, a in state.items()} != {name: a.shape for name, a in self.state.items()}:
            raise InputError(f"{self.name}: not a state of {self.rows} x {self.cols} cells")
        self.state = {name: array.copy() for name, array in state.items()}

    def solve(self, rows, cols):
        return line_voltages(self.state["g"], rows, cols)

    def step(self, across, duration):
        self.state["g"] *= np.exp(0.1 * np.where(np.abs(across) >= 0.2, across, 0.0) * duration / 1e-3)

    def integral(self, before, duration):
        """Of the conductance over a segment: the mean of an exponential is the logarithmic one."""
        growth = np.log(self.state["g"] / before)
        return duration * before * np.divide(np.expm1(growth), growth, out=np.ones_like(growth), where=growth != 0)

    def _play(self, waveform):
        records = []
        for t in range(len(waveform)):
            duration = waveform.duration[t]
            rows, cols = self.solve(waveform.rows[t], waveform.cols[t])
            across = rows[:, None] - cols[None, :]
            before = self.state["g"].copy()
            self.step(across, duration)
            self.state["time"] = np.array(self.time + duration)
            if waveform.measure[t]:
                passed = across * self.integral(before, duration)
                through = across * self.state["g"]
                own = t, self.time, through.sum(axis=0), passed.sum(axis=0), (across * passed).sum()
                records.append((*own, -through.sum(axis=1)))
        segments, time, currents, charge, energy, row_currents = zip(*records, strict=True) if records else [()] * 6
        row_currents = np.array(row_currents).reshape(-1, self.rows)
        currents = np.array(currents).reshape(-1, self.cols)
        tripped = (np.abs(currents) >= self.limits.i_max).any(axis=1)
        charge, energy = np.array(charge).reshape(-1, self.cols), np.array(energy, dtype=float)
        segments, time = np.array(segments, dtype=int), np.array(time, dtype=float)
        return Response(segments, time, currents, charge, energy, tripped, row_currents)


BROKEN = []


def breaks(*tests, among=BROKEN):
    """Enlist a device that fails at least these tests of the suite."""

    def enlist(device):
        device.caught_by = frozenset(f"test_{test}" for test in tests)
        among.append(device)
        return device

    return enlist


@breaks("voltages_beyond_the_range_are_refused")
class TruncatesVoltages(SoundArray):
    def apply(self, waveform):
        low, high = self.limits.v_min, self.limits.v_max
        return super().apply(replace(waveform, rows=waveform.rows.clip(low, high), cols=waveform.cols.clip(low, high)))


@breaks("voltages_between_steps_are_refused", "durations_between_steps_are_refused")
class RoundsToItsGrid(SoundArray):
    def apply(self, waveform):
        return super().apply(waveform.quantised(self.limits))


@breaks("voltages_beyond_the_range_are_refused", "durations_beyond_the_range_are_refused")
class ChecksTooLate(SoundArray):
    def apply(self, waveform):
        response = self._play(waveform)
        self.limits.check(waveform)
        return response


@breaks("voltages_beyond_the_range_are_refused", "voltages_between_steps_are_refused")
class ChecksRowsOnly(SoundArray):
    def apply(self, waveform):
        self.limits.check(replace(waveform, cols=np.zeros_like(waveform.cols)))
        return self._play(waveform)


@breaks("durations_beyond_the_range_are_refused", "durations_between_steps_are_refused")
class ChecksNoDurations(SoundArray):
    def apply(self, waveform):
        self.limits.check(replace(waveform, duration=np.full(len(waveform), self.read_width)))
        return self._play(waveform)


@breaks("cell_voltages_beyond_the_range_are_refused")
class ChecksNoCells(SoundArray):
    class Lenient(Limits):
        def _check_cells(self, waveform):
            pass

    limits = Lenient(**vars(SoundArray.limits))


@breaks("too_many_voltages_at_once_are_refused")
class ChecksNoChannels(SoundArray):
    class Lenient(Limits):
        def _check_channels(self, waveform, channels):
            pass

    limits = Lenient(**vars(SoundArray.limits))


@breaks("voltages_beyond_the_range_are_refused", "cell_voltages_beyond_the_range_are_refused")
class SaysNothingUseful(SoundArray):
    class Silent(Limits):
        def check(self, waveform):
            try:
                super().check(waveform)
            except LimitError:
                raise LimitError("out of range") from None

    limits = Silent(**vars(SoundArray.limits))


@breaks("apply_refuses_another_number_of_lines")
class IgnoresExtraLines(SoundArray):
    def apply(self, waveform):
        return super().apply(replace(waveform, rows=waveform.rows[:, : self.rows], cols=waveform.cols[:, : self.cols]))


@breaks("mvm_refuses_another_number_of_rows")
class TakesAnyVector(SoundArray):
    def mvm(self, v):
        return super().mvm(np.resize(v, (len(np.atleast_2d(v)), self.rows)))


@breaks("reads_disturb_no_more_than_stated")
class DisturbsOnRead(SoundArray):
    def read(self, v=None):
        self.state["g"] *= 1.001
        return super().read(v)


@breaks("reads_disturb_no_more_than_stated")
class DisturbsOnMvm(SoundArray):
    def mvm(self, v):
        self.state["g"] *= 1.001
        return super().mvm(v)


@breaks("a_read_pulse_and_mvm_agree_with_read")
class MixesUpColumns(SoundArray):
    def read(self, v=None):
        return super().read(v)[:, ::-1]


@breaks("restore_is_exact", "a_checkpoint_opens_in_a_new_device")
class RestoresSinglePrecision(SoundArray):
    def restore(self, state):
        super().restore(state)
        self.state["g"] = self.state["g"].astype(np.float32).astype(np.float64)


@breaks("restore_is_exact", "a_checkpoint_opens_in_a_new_device")
class RestoresNoTime(SoundArray):
    def restore(self, state):
        super().restore(state | {"time": self.state["time"]})


@breaks("restore_is_exact")
class HidesPartOfItsState(SoundArray):
    warmth = 1.0

    def step(self, across, duration):
        self.warmth *= 1.001
        super().step(across * self.warmth, duration)


@breaks("a_checkpoint_opens_in_a_new_device")
class IsMadeAnew(SoundArray):
    made = 0

    def __init__(self, rows, cols):
        super().__init__(rows, cols)
        IsMadeAnew.made += 1
        self.gain = 1 + 0.001 * self.made

    def step(self, across, duration):
        super().step(across * self.gain, duration)


@breaks("a_snapshot_is_a_copy")
class LendsItsState(SoundArray):
    def snapshot(self):
        return dict(self.state)


@breaks("a_snapshot_is_a_copy")
class KeepsWhatItWasGiven(SoundArray):
    def restore(self, state):
        super().restore(state)
        self.state = dict(state)


@breaks("a_foreign_state_is_refused")
class TakesAnyState(SoundArray):
    def restore(self, state):
        self._require_open()
        self.state = self.state | {name: array.copy() for name, array in state.items()}


@breaks("reset_is_pristine")
class ResetKeepsTime(SoundArray):
    def reset(self):
        time = getattr(self, "state", {"time": np.zeros(())})["time"]
        super().reset()
        self.state["time"] = time


@breaks("reset_is_pristine")
class ResetKeepsCells(SoundArray):
    def reset(self):
        cells = getattr(self, "state", {}).get("g")
        super().reset()
        self.state["g"] = self.state["g"] if cells is None else cells


@breaks("close_is_final", "close_after_an_error", "a_with_statement_closes_after_an_exception")
class ClosesOnce(SoundArray):
    def close(self):
        if self._closed:
            raise RuntimeError("already closed")
        super().close()


@breaks("close_is_final")
class DrivesAfterClose(SoundArray):
    def _require_open(self):
        pass


@breaks("a_with_statement_closes_after_an_exception")
class StaysOpenAfterWith(SoundArray):
    def __exit__(self, kind, error, trace):
        pass


def failing_tests(pytester, device, *options):
    """Put a device through the suite and name the tests that fail."""
    pytester.makepyfile(
        f"""
        from hil.contract import DeviceContract
        from {device.__module__} import {device.__name__}


        class TestDevice(DeviceContract):
            examples = 8
            repeatable = getattr({device.__name__}, "repeatable", True)

            def open(self, rows, cols):
                return {device.__name__}(rows, cols)
        """
    )
    passed, skipped, failed = pytester.inline_run("-p", "no:cacheprovider", *options).listoutcomes()
    assert not skipped, [report.longrepr for report in skipped]
    assert passed or failed
    return {report.nodeid.rpartition("::")[2].partition("[")[0] for report in failed}


def test_a_sound_device_passes(pytester):
    assert failing_tests(pytester, SoundArray) == set()


@pytest.mark.parametrize("device", BROKEN, ids=lambda device: device.__name__)
def test_a_broken_device_fails(pytester, device):
    assert failing_tests(pytester, device, "-k", " or ".join(device.caught_by)) == device.caught_by


def test_an_unnamed_device_is_told_what_to_override():
    with pytest.raises(NotImplementedError, match=r"override open\(rows, cols\)"):
        DeviceContract().open(1, 1)
