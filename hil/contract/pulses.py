"""Tests of the contract: what counts as one pulse, however it is cut into segments, measured, or split over calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from hil.contract.bench import ROUNDING, ContractBench, assert_close
from hil.device import Device
from hil.limits import LimitError
from hil.programming import pulse, scheme_for
from hil.waveform import Waveform

CALLS = 3
"""Calls of one pulse each."""

PIECES = 4
"""Segments into which a pulse is cut."""

REPEATS = 100
"""Repeats of a pulse of random effect, from which its spread is measured."""

SPREADS_APART = 1.5
"""Ratio of two standard deviations of at least `REPEATS` changes each that chance cannot explain."""


class PulseIdentity(ContractBench):
    """Tests that a pulse is a stretch of one call in which a cell's voltage stays the same and is not 0."""

    def test_two_calls_are_two_pulses(self, device: Device) -> None:
        """All lines are at 0 V where `apply` ends: pulses in calls of their own are pulses with rests between them."""
        stimulus, limits = self.stimulus(device), device.limits
        shortest = max(limits.width_min, limits.time_step, 1e-6 * stimulus.width)
        rest = stimulus.drive({}, shortest, measure=False)
        for line in (0, stimulus.lines - 1):
            pulse = stimulus.drive({line: stimulus.voltage}, measure=False)
            apart = self.replayed(device, [Waveform.concat([pulse, rest] * CALLS)])
            calls = self.replayed(device, [pulse] * CALLS)
            what = f"conductances after {CALLS} pulses on line {line}, by one call with rests or by as many calls, S"
            assert_close(apart[1], calls[1], self.noise + self.tolerance, what)

    def test_calls_may_be_joined_at_a_rest(self, device: Device) -> None:
        """Two calls of `apply` are one call with both, if the first of them ends with a rest."""
        stimulus = self.stimulus(device)

        def check(parts: tuple[Waveform, Waveform]) -> None:
            first, second = parts[0] + stimulus.drive({}), parts[1]
            whole = self.replayed(device, [first + second])
            pieces = self.replayed(device, [first, second])
            for a, b, what in zip(whole, pieces, ("currents, A", "conductances, S"), strict=True):
                assert_close(a, b, self.noise, f"{what}, by one call and by two")

        self.for_all(st.tuples(stimulus.any(3), stimulus.any(3)), check)

    @pytest.mark.parametrize("wanted", ["none", "all", "some"])
    def test_a_pulse_may_be_cut(self, device: Device, wanted: str) -> None:
        """Neighbouring segments at one voltage are one pulse, measured or not; its random part belongs to all of it."""
        stimulus = self.stimulus(device)
        if PIECES * stimulus.width > device.limits.width_max:
            pytest.skip(f"a segment of {PIECES} x {stimulus.width:g} s is longer than the device allows")
        measured = {"none": [False] * PIECES, "all": [True] * PIECES, "some": [False, True, True, False]}[wanted]
        for line in (0, stimulus.lines - 1):
            levels = {line: stimulus.voltage}
            whole = stimulus.drive(levels, PIECES * stimulus.width, measure=False)
            pieces = Waveform.concat(stimulus.drive(levels, measure=measure) for measure in measured)
            self.alike(device, whole, pieces, f"a pulse on line {line} whole or in pieces, {wanted} of them measured")

    def test_charge_and_energy_of_pieces_add_up(self, device: Device) -> None:
        """A measured pulse in measured pieces, even or not, gives the charge and the energy of the whole."""
        stimulus, limits = self.stimulus(device), device.limits
        if not self.repeatable:
            pytest.skip("the random part of a pulse is never the same again")
        if PIECES * stimulus.width > limits.width_max:
            pytest.skip(f"a segment of {PIECES} x {stimulus.width:g} s is longer than the device allows")
        for line in (0, stimulus.lines - 1):
            levels = {line: stimulus.voltage}
            totals = []
            for widths in ([PIECES], [1] * PIECES, [1, PIECES - 1]):
                self.reset(device)
                pieces = Waveform.concat(stimulus.drive(levels, n * stimulus.width) for n in widths)
                try:
                    response = device.apply(pieces)
                except LimitError as reason:
                    pytest.skip(str(reason))
                totals.append((response.charge.sum(axis=0), response.energy.sum()))
            room = self.noise + self.charge_tolerance
            for charge, energy in totals[1:]:
                largest = np.abs(totals[0][0]).max()
                apart = np.abs(charge - totals[0][0]).max()
                assert apart <= room * largest, (
                    f"charge of a pulse on line {line}: {totals[0][0]} C whole and {charge} C in pieces "
                    f"differ by more than {room:g}"
                )
                assert_close(energy, totals[0][1], room, f"energy of a pulse on line {line}, whole and in pieces, J")

    def test_other_lines_do_not_cut_a_pulse(self, device: Device) -> None:
        """Cells of row 0 see one pulse, whatever another row does meanwhile."""
        stimulus = self.stimulus(device)
        if device.rows < 2 or 3 * stimulus.width > device.limits.width_max:
            pytest.skip("there is no other row, or no segment may be as long")
        still = {0: stimulus.voltage}
        busy = still | {device.rows - 1: stimulus.voltage}
        pieces = Waveform.concat(stimulus.drive(levels, measure=False) for levels in (still, busy, still))
        whole = stimulus.drive(still, 3 * stimulus.width, measure=False)
        self.alike(device, whole, pieces, "a pulse on row 0 alone, or while another row has one", rows=slice(0, 1))

    def test_measuring_changes_nothing(self, device: Device) -> None:
        """Cells end up the same whether currents are wanted or not."""
        stimulus = self.stimulus(device)
        _, measured = self.replayed(device, [stimulus.program(measure=True)])
        _, unmeasured = self.replayed(device, [stimulus.program(measure=False)])
        assert_close(measured, unmeasured, self.noise, "conductance measured or not, S")

    def alike(self, device: Device, one: Waveform, other: Waveform, what: str, rows: slice = slice(None)) -> None:
        """Check that two waveforms leave cells in the same state or, where pulses are random, equally spread."""
        if self.repeatable:
            end, other_end = (self.ends(device, waveform)[rows] for waveform in (one, other))
            assert_close(end, other_end, self.noise + self.tolerance, f"conductances after {what}, S")
            return
        changes = [self.changes(device, waveform, rows) for waveform in (one, other)]
        (a, b), (spread, other_spread) = ([f(change) for change in changes] for f in (np.mean, np.std))
        assert max(spread, other_spread) <= SPREADS_APART * min(spread, other_spread), (
            f"changes of conductance by {what} are spread by {spread:g} and {other_spread:g} S"
        )
        assert abs(a - b) <= 5 * np.hypot(spread, other_spread) / np.sqrt(changes[0].size), (
            f"mean changes of conductance by {what}: {a:g} and {b:g} S"
        )

    def ends(self, device: Device, waveform: Waveform) -> NDArray[np.float64]:
        """Conductances after a reset and a waveform; skips the test where the device cannot play it."""
        self.reset(device)
        try:
            device.apply(waveform)
        except LimitError as reason:
            pytest.skip(str(reason))
        return device.read()

    def changes(self, device: Device, waveform: Waveform, rows: slice) -> NDArray[np.float64]:
        """Changes of conductance of the cells that move, over many repeats, S."""
        before = self.replayed(device, [])[1]
        found: Sequence[NDArray[Any]] = [self.ends(device, waveform) - before for _ in range(REPEATS)]
        moved = np.array(found)[:, rows]
        return moved[:, np.abs(moved).max(axis=0) > 0]

    def test_program_plays_the_pulses_of_its_counts(self, device: Device) -> None:
        """Column by column, potentiation before depression, cells with more pulses to the end; 0 plays nothing."""
        p = device.programming
        if p is None:
            pytest.skip("the device has no pulse that moves a cell by one step")
        counts = np.resize([2, -1, 0, 1, -3], (device.rows, device.cols))
        by_hand = []
        scheme = scheme_for(device.cells, device.limits.channels)
        for col in range(device.cols):
            for v, wanted in ((p.up, counts[:, col]), (p.down, -counts[:, col])):
                for number in range(1, max(int(wanted.max()), 0) + 1):
                    chosen = wanted >= number
                    by_hand.append(pulse(chosen, np.arange(device.cols) == col, v, p.width, scheme))
        self.reset(device)
        device.program(np.zeros_like(counts))
        device.program(counts)
        found, moved = device.read(), device.time
        self.reset(device)
        for one in by_hand:
            device.apply(one)
        assert_close(found, device.read(), self.noise + self.tolerance, "conductances after `program`, S")
        assert_close(moved, device.time, ROUNDING, "device time of `program`, s")

    @pytest.mark.parametrize("sign", [1, -1])
    def test_pulses_of_a_column_may_be_split_over_calls(self, device: Device, sign: int) -> None:
        """Two calls of `program` are one with the sum of their counts: in one column all pulses come in one order."""
        if device.programming is None:
            pytest.skip("the device has no pulse that moves a cell by one step")
        counts = np.zeros(device.cells, int)
        counts[:, -1] = sign * np.resize([3, 1, 2, 0], device.rows)
        first = np.clip(counts, -1, 1)
        ends = []
        for calls in ([counts], [first, counts - first]):
            self.reset(device)
            for part in calls:
                device.program(part)
            ends.append((device.read(), device.time))
        (whole, time), (split, split_time) = ends
        assert_close(whole, split, self.noise + self.tolerance, "conductances after `program`, in one call and two, S")
        assert_close(time, split_time, ROUNDING, "device time of `program`, in one call and in two, s")
