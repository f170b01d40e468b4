"""Tests of the contract: snapshots, reset and closing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from hil.contract.bench import ContractBench, assert_close, assert_identical
from hil.device import Device, DeviceClosed, Unsupported
from hil.errors import InputError
from hil.waveform import Waveform


class States(ContractBench):
    """Tests that the state of a device can be saved, restored and reset, and that closing is final."""

    def test_restore_is_exact(self, device: Device) -> None:
        """Bit for bit: the state itself, what any waveform does after it, and what is read."""
        self.snapshot(device)

        def check(waveform: Waveform) -> None:
            state = device.snapshot()
            response, after, read = device.apply(waveform), device.snapshot(), device.read()
            device.restore(state)
            assert_identical(state, device.snapshot(), "restored state")
            assert_identical(vars(response), vars(device.apply(waveform)), "response after restore")
            assert_identical(after, device.snapshot(), "state after restore and the same waveform")
            assert np.array_equal(read, device.read()), "another reading after restore and the same waveform"

        self.for_all(self.stimulus(device).any(), check)

    def test_a_snapshot_is_a_copy(self, device: Device) -> None:
        """Neither later waveforms change it, nor does a change to it reach the device."""
        state = self.snapshot(device)
        assert all(isinstance(array, np.ndarray) for array in state.values()), f"not all arrays: {state}"
        kept = {name: np.array(array) for name, array in state.items()}
        device.apply(self.stimulus(device).program())
        assert_identical(kept, state, "snapshot after a later waveform")
        for source in (state, device.snapshot()):
            device.restore(source)
            with self.untouched(device):
                for array in source.values():
                    array[...] = 0

    def test_a_checkpoint_opens_in_a_new_device(self, device: Device) -> None:
        """A snapshot goes through an .npz file and continues on a freshly opened device, bit for bit."""
        program = self.stimulus(device).program()
        device.apply(program)
        file, state = io.BytesIO(), dict[str, Any](self.snapshot(device))
        np.savez(file, **state)
        response, after = device.apply(program), device.snapshot()
        device.close()
        file.seek(0)
        with self.open(self.rows, self.cols) as again, np.load(file, allow_pickle=False) as state:
            again.restore(dict(state))
            assert_identical(vars(response), vars(again.apply(program)), "response of a new device")
            assert_identical(after, again.snapshot(), "state of a new device")

    def test_a_foreign_state_is_refused(self, device: Device) -> None:
        """Arrays missing, unknown or of another shape; the device stays as it was."""
        state = self.snapshot(device)
        device.apply(self.stimulus(device).program())
        foreign = [{}, state | {"of another device": np.zeros(3)}]
        foreign += [{name: state[name] for name in state if name != missing} for missing in state]
        foreign += [state | {name: np.zeros((*state[name].shape, 2))} for name in state]
        for wrong in foreign:
            with self.untouched(device), pytest.raises(InputError):
                device.restore(wrong)

    def test_reset_is_pristine(self, device: Device) -> None:
        """Time 0 and the conductances of a new device."""
        pristine = device.read()
        device.apply(self.stimulus(device).program())
        self.reset(device)
        assert device.time == 0.0
        room = self.noise + 2 * device.read_disturbance
        assert_close(device.read(), pristine, room, "conductance after reset, S")

    def assert_closed(self, device: Device) -> None:
        """Check that nothing can be driven any more and that closing again does no harm."""
        for drive in (
            lambda: device.apply(self.stimulus(device).program()),
            lambda: device.read(),
            lambda: device.mvm(np.zeros(device.rows)),
        ):
            with pytest.raises(DeviceClosed, match="closed"):
                drive()
        for manage in (device.snapshot, device.reset, lambda: device.restore({})):
            with pytest.raises((DeviceClosed, Unsupported)):
                manage()
        device.close()

    def test_close_is_final(self, device: Device) -> None:
        """Every call raises DeviceClosed afterwards."""
        device.apply(self.stimulus(device).program())
        device.close()
        self.assert_closed(device)

    def test_close_after_an_error(self, device: Device) -> None:
        """A refused waveform does not keep the device from closing."""
        with pytest.raises(InputError):
            device.apply(Waveform.rest(self.stimulus(device).width, device.rows + 1, device.cols))
        device.close()
        self.assert_closed(device)

    def test_a_with_statement_closes_after_an_exception(self, device: Device) -> None:
        """The exception goes on, the outputs are off."""
        with pytest.raises(ZeroDivisionError), device as entered:
            assert entered is device
            raise ZeroDivisionError
        self.assert_closed(device)
