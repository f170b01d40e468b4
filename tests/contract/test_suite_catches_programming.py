"""Devices that read or program single cells wrongly, each in one way, and the tests that must fail on them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from test_suite_catches import SoundArray, breaks, failing_tests

from hil.biasing import SCHEMES
from hil.device import Unsupported

BROKEN = []
breaks = partial(breaks, among=BROKEN)


@breaks("some_rows_are_read_as_all_are")
class SortsTheRowsItReads(SoundArray):
    def read_rows(self, rows, v=None):
        return super().read_rows(np.sort(rows), v)


@breaks("rows_that_are_not_there_are_refused")
class CountsRowsFromTheEnd(SoundArray):
    def read_rows(self, rows, v=None):
        return super().read_rows(np.asarray(rows, dtype=float).astype(int).ravel() % self.rows, v)


@breaks("row_currents_balance_column_currents", "mvm_in_reverse_is_the_transposed_product")
class SensesCurrentsIntoItsRows(SoundArray):
    def _play(self, waveform):
        response = super()._play(waveform)
        return replace(response, row_currents=-response.row_currents)


@breaks("mvm_in_reverse_is_the_transposed_product")
class ForgetsTheSignInReverse(SoundArray):
    def mvm(self, v, *, reverse=False):
        found = super().mvm(v, reverse=reverse)
        return -found if reverse else found


@breaks("program_plays_the_pulses_of_its_counts")
class OnlyPotentiates(SoundArray):
    def program(self, counts, *, scheme=None):
        super().program(np.maximum(counts, 0), scheme=scheme)


@breaks("program_plays_the_pulses_of_its_counts")
class GivesEveryCellOnePulse(SoundArray):
    def program(self, counts, *, scheme=None):
        super().program(np.sign(counts), scheme=scheme)


@breaks("mvm_in_reverse_is_the_transposed_product")
class DrivesBeforeItRefuses(SoundArray):
    def mvm(self, v, *, reverse=False):
        found = super().mvm(v, reverse=reverse)
        if reverse:
            raise Unsupported("it senses its columns alone")
        return found


@breaks("program_plays_the_pulses_of_its_counts", "pulses_of_a_column_may_be_split_over_calls")
class GivesEveryCallOnePulseMore(SoundArray):
    def program(self, counts, *, scheme=None):
        super().program(np.asarray(counts) + np.sign(counts), scheme=scheme)


@breaks("a_biasing_scheme_that_cannot_be_driven_is_refused")
class ChoosesAnotherScheme(SoundArray):
    def program(self, counts, *, scheme=None):
        super().program(counts, scheme=scheme if scheme in SCHEMES else None)


@breaks("pulse_counts_that_are_none_are_refused")
class RoundsPulseCounts(SoundArray):
    def program(self, counts, *, scheme=None):
        super().program(np.trunc(np.nan_to_num(np.asarray(counts, dtype=float))), scheme=scheme)


@pytest.mark.parametrize("device", BROKEN, ids=lambda device: device.__name__)
def test_a_broken_device_fails(pytester, device):
    assert failing_tests(pytester, device, "-k", " or ".join(device.caught_by)) == device.caught_by
