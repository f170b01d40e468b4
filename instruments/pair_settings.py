"""Checks what is said about a second channel: driven together with the first, or on a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import InputError

if TYPE_CHECKING:
    from instruments.backend import SampleParameters


def require_channels(name: str, p: SampleParameters) -> None:
    """Refuse what cannot go together: with two channels, with a gate, with sense leads that are not there."""
    if p.sense_check and not p.four_wire:
        raise InputError(f"{name}: sense_check looks at the sense leads of four_wire=true, which is not given")
    if p.gate is not None:
        _require_gate(name, p)
    if p.channels == 1 and p.gate is None:
        return
    if p.channel != 1:
        raise InputError(f"{name}: channel = {p.channel} is one of two, channels = 2 takes both: leave channel out")


def _require_gate(name: str, p: SampleParameters) -> None:
    """Refuse a gate that is not told enough of, or cannot go with something else."""
    if p.v_gate_max is None:
        raise InputError(f"{name}: gate = {p.gate} needs v_gate_max, the largest voltage of the gate, V")
    for field in ("v_gate", "v_gate_on"):
        if (getattr(p, field) or 0.0) > p.v_gate_max:
            raise InputError(f"{name}: {field} = {getattr(p, field):g} V must be <= v_gate_max = {p.v_gate_max:g} V")
    if p.channels > 1 or p.rows * p.cols > 1:
        raise InputError(
            f"{name}: gate = {p.gate} takes one cell between HI and LO of channel 1: leave channels, rows, cols out"
        )
    if p.sense_check:
        raise InputError(
            f"{name}: sense_check finds a lost lead by the current it drives, and a gate draws none: leave it out, or "
            "gate, or sense with two wires"
        )
    if p.abort_on_compliance:
        raise InputError(f"{name}: abort_on_compliance cuts trains, and gate steps with them: leave one of them out")
