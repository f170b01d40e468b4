"""Dry run of a session: lists the messages that it would send, and sends none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.waveform import Waveform

if TYPE_CHECKING:
    from instruments.device import SmuDevice
    from instruments.smu.session import Script
    from instruments.wiring import Passage


class Rehearsal:
    """Lists, waveform after waveform, the messages that a device would send from its present state on; none is sent."""

    def __init__(self, device: SmuDevice) -> None:
        """Begin with the device as it is."""
        self._device, self._prepared, self._wiring = device, device._prepared, device._wiring
        self._moved = False

    def explain(self, waveform: Waveform) -> list[str]:
        """Every message for a waveform that follows those explained before; comments begin with ``#``.

        Raises
        ------
        LimitError
            Just as `SmuDevice.apply` would.
        """
        smu, router = self._device.smu, self._device._router
        self._device.limits.check(waveform)
        found = self._device._compile(waveform)
        lines = [m.text for m in smu.setup()] if found and not self._prepared else []
        self._prepared = self._prepared or bool(found)
        trains = sum(script is not None for _, script in found)
        number = 0
        for passage, script in found:
            lines += [f"# {passage.rest:g} s at 0 V"] if passage.rest else []
            if script is not None and trains > 1:
                number += 1
                lines.append(_piece(passage, script, number, trains))
            if router is not None and passage.wiring not in (None, self._wiring):
                lines += router.explain(passage.wiring, moved=self._moved)
                self._moved, self._wiring = True, passage.wiring
            lines += [message.text for message in script.messages] if script is not None else []
        return lines

    def close(self) -> list[str]:
        """Every message at the end of the session."""
        device = self._device
        driver, watched = device.smu.driver, self._prepared and device._start_guard is not None
        settings = device.smu.settings
        lines = [*driver.off(settings), driver.is_off(settings).text] if watched else []
        return lines + (device._router.farewell(moved=self._moved) if device._router is not None else [])


def _piece(passage: Passage, script: Script, number: int, trains: int) -> str:
    """Which of several trains of a waveform follows, and what happens after it."""
    last = passage.first + len(script.plan) - 1
    what = f"# train {number} of {trains}: segments {passage.first} to {last}, {script.plan.total:g} s"
    between = (
        "; then outputs off, and the rest at 0 V up to the next train, longer where this program takes longer for it "
        "(`lateness`)"
    )
    return f"{what}; cut behind it: {passage.cut}{between}" if passage.cut else what
