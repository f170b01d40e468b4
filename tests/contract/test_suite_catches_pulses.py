"""Devices that break the rules of a pulse, each in one way, and the tests of the suite that must fail on them."""

from functools import partial

import numpy as np
import pytest
from test_suite_catches import SoundArray, breaks, failing_tests

BROKEN = []
breaks = partial(breaks, among=BROKEN)


class CountingArray(SoundArray):
    """Cells that move one step a pulse, whatever its length; keeps the contract."""

    def _play(self, waveform):
        self.last = np.zeros(self.cells)
        return super()._play(waveform)

    def step(self, across, duration):
        begins = (across != self.last) & (np.abs(across) >= 0.2)
        self.state["g"] *= np.where(begins, 1 + 0.1 * np.sign(across), 1.0)
        self.last = across

    def integral(self, before, duration):
        return duration * self.state["g"]


@breaks("two_calls_are_two_pulses")
class CarriesTheLastLevelOver(CountingArray):
    last = 0.0

    def _play(self, waveform):
        return SoundArray._play(self, waveform)


@breaks("a_pulse_may_be_cut", "other_lines_do_not_cut_a_pulse")
class BeginsAPulseWithEverySegment(CountingArray):
    def step(self, across, duration):
        self.last = np.zeros(self.cells)
        super().step(across, duration)


@breaks("other_lines_do_not_cut_a_pulse")
class BeginsAllPulsesTogether(CountingArray):
    def step(self, across, duration):
        self.last = self.last if np.array_equal(across, self.last) else np.zeros(self.cells)
        super().step(across, duration)


@breaks("a_pulse_may_be_cut")
class BeginsAPulseWhereWatched(CountingArray):
    def _play(self, waveform):
        self.watched = iter(waveform.measure)
        return super()._play(waveform)

    def step(self, across, duration):
        self.last = self.last * (not next(self.watched))
        super().step(across, duration)


class SpreadArray(SoundArray):
    """Every pulse does more or less than it should, and not the same after a reset; keeps the rules of a pulse."""

    repeatable = False
    random = np.random.default_rng(4)

    def _play(self, waveform):
        self.last, self.factor = np.zeros(self.cells), np.ones(self.cells)
        return super()._play(waveform)

    def step(self, across, duration):
        drawn = 1 + 0.3 * self.random.standard_normal(self.cells)
        self.factor = np.where(across == self.last, self.factor, drawn)
        self.last = across
        super().step(across, duration * self.factor)


@breaks("a_pulse_may_be_cut", "other_lines_do_not_cut_a_pulse")
class DrawsAnewForEverySegment(SpreadArray):
    def step(self, across, duration):
        self.last = np.full(self.cells, np.nan)
        super().step(across, duration)


@breaks("a_pulse_may_be_cut", "other_lines_do_not_cut_a_pulse")
class DrawsTheSameForEverySegment(DrawsAnewForEverySegment):
    repeatable = True

    def reset(self):
        super().reset()
        self.random = np.random.default_rng(4)


def test_a_counting_device_passes(pytester):
    assert failing_tests(pytester, CountingArray) == set()


def test_a_device_that_never_repeats_is_judged_by_its_spread(pytester):
    assert failing_tests(pytester, SpreadArray, "-k", "cut_a_pulse or may_be_cut") == set()


@pytest.mark.parametrize("device", BROKEN, ids=lambda device: device.__name__)
def test_a_broken_device_fails(pytester, device):
    assert failing_tests(pytester, device, "-k", " or ".join(device.caught_by)) == device.caught_by
