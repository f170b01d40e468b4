"""Bringing the cell back to one starting state before every block of an experiment that changes it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hil.device import Unsupported
from hil.errors import InputError
from hil.experiments.bench import Bench
from hil.experiments.experiment import PulseSettings
from hil.waveform import Waveform


class PreparedSettings(PulseSettings):
    """Settings of experiments whose blocks each begin with a prepared cell."""

    prepare: Literal["auto", "reset", "train", "none"] = Field(
        "auto",
        description="before every block: reset the device, a train of each sign, or nothing; auto resets where it can",
    )
    prepare_pulses: int = Field(50, ge=1, description="pulses of a preparing train: negative, then as many positive")

    def preparing_trains(self) -> Waveform:
        """A train of negative, then one of positive pulses."""
        negative, positive = (self.pulse(self.signed(p), measure=False) * self.prepare_pulses for p in (-1, 1))
        return negative + positive

    def prepare_cell(self, bench: Bench, trains: Waveform | None) -> None:
        """Reset the device or play `trains`; None where `auto` shall do nothing on a device that cannot reset.

        Raises
        ------
        InputError
            If the device is to be reset and cannot.
        """
        if self.prepare in ("auto", "reset"):
            try:
                bench.reset()
                return
            except Unsupported as error:
                if self.prepare == "reset":
                    raise InputError(f"prepare = 'reset': {error}; use 'train' or 'none'") from None
        if self.prepare != "none" and trains is not None:
            bench.play(trains)
