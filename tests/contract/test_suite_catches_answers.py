"""Devices that answer wrongly (times, currents, charges, energies, floating lines); tests that must fail on them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from test_suite_catches import SoundArray, breaks, failing_tests

BROKEN = []
breaks = partial(breaks, among=BROKEN)


@breaks("time_and_response_follow_the_waveform")
class HasNoTime(SoundArray):
    time = 0.0


@breaks("time_and_response_follow_the_waveform")
class StampsTheStart(SoundArray):
    def _play(self, waveform):
        response = super()._play(waveform)
        return replace(response, time=response.time - waveform.duration[response.segments])


@breaks("time_and_response_follow_the_waveform")
class CountsMeasuredSegments(SoundArray):
    def _play(self, waveform):
        response = super()._play(waveform)
        return replace(response, segments=np.arange(len(response.segments)))


@breaks("time_and_response_follow_the_waveform")
class AnswersForAllSegments(SoundArray):
    def _play(self, waveform):
        return super()._play(replace(waveform, measure=np.ones(len(waveform), dtype=bool)))


@breaks("time_and_response_follow_the_waveform")
class NeverTrips(SoundArray):
    def _play(self, waveform):
        response = super()._play(waveform)
        return replace(response, tripped=np.zeros_like(response.tripped))


@breaks("time_and_response_follow_the_waveform", "charge_and_energy_fit_the_current")
class GivesEnergy(SoundArray):
    def _play(self, waveform):
        response = super()._play(waveform)
        return replace(response, energy=-response.energy)


@breaks("charge_and_energy_of_pieces_add_up")
class TakesTheEndForTheWhole(SoundArray):
    def integral(self, before, duration):
        return duration * self.state["g"]


@breaks("charge_and_energy_of_pieces_add_up")
class TakesTheMeanOfStartAndEnd(SoundArray):
    def integral(self, before, duration):
        return duration * (before + self.state["g"]) / 2


@breaks("charge_and_energy_of_pieces_add_up")
class TakesTheEnergyAtTheEnd(SoundArray):
    def _play(self, waveform):
        response = super()._play(waveform)
        k = response.segments
        power = (response.currents * (waveform.rows[k].max(axis=1) - waveform.cols[k].max(axis=1))[:, None]).sum(axis=1)
        return replace(response, energy=np.abs(power) * waveform.duration[k])


@breaks("charge_and_energy_fit_the_current")
class CountsChargeInAmperes(SoundArray):
    def _play(self, waveform):
        response = super()._play(waveform)
        return replace(response, charge=response.currents)


@breaks("current_flows_towards_the_lower_voltage")
class MeasuresBackwards(SoundArray):
    def _play(self, waveform):
        response = super()._play(waveform)
        return replace(response, currents=-response.currents)


@breaks("current_flows_towards_the_lower_voltage")
class LeaksAtRest(SoundArray):
    def _play(self, waveform):
        response = super()._play(waveform)
        return replace(response, currents=response.currents + 1e-6)


@breaks("calls_may_be_joined_at_a_rest")
class AgesWithEveryCall(SoundArray):
    def _play(self, waveform):
        self.state["g"] *= 0.999
        return super()._play(waveform)


@breaks("measuring_changes_nothing")
class MovesOnlyWhenWatched(SoundArray):
    def _play(self, waveform):
        held = replace(waveform, rows=np.where(waveform.measure[:, None], waveform.rows, 0.0))
        return super()._play(held)


@breaks("a_floating_column_carries_no_current")
class HoldsFloatingLinesAtZero(SoundArray):
    def solve(self, rows, cols):
        return np.nan_to_num(rows), np.nan_to_num(cols)


@breaks("floating_all_lines_is_a_rest")
class ForgetsWhenFloating(SoundArray):
    def solve(self, rows, cols):
        if np.isnan(rows).all():
            self.state["g"][:] = 1e-3
        return super().solve(rows, cols)


@breaks("a_floating_row_adds_nothing_to_mvm")
class MultipliesNaN(SoundArray):
    def mvm(self, v):
        return np.nan_to_num(super().mvm(np.nan_to_num(v))) + 0.0 * np.sum(v)


@pytest.mark.parametrize("device", BROKEN, ids=lambda device: device.__name__)
def test_a_broken_device_fails(pytester, device):
    assert failing_tests(pytester, device, "-k", " or ".join(device.caught_by)) == device.caught_by
