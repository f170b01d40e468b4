"""Preparation of the cell: one and the same starting state before every block of an experiment that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from hil.device import Unsupported
from hil.errors import InputError
from hil.experiments.bench import CellBench, Samples
from hil.experiments.experiment import Block, PulseSettings, filled, quantity, unit
from hil.grid import Grid
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

    def play_prepared(self, bench: CellBench, block: Block) -> Samples:
        """Prepare the cell, then play the last waveform of a block; one before it is the preparing train.

        Raises
        ------
        InputError
            If the device is to be reset and cannot.
        """
        *trains, waveform = block.waveforms
        if not self._reset(bench) and self.prepare != "none":
            for train in trains:
                bench.play(train)
        return bench.play(waveform)

    def _reset(self, bench: CellBench) -> bool:
        """Reset the device if settings and device allow it; returns whether it was."""
        if self.prepare not in ("auto", "reset"):
            return False
        try:
            bench.reset()
        except Unsupported as error:
            if self.prepare == "reset":
                raise InputError(f"prepare = 'reset': {error}; use 'train' or 'none'") from None
            return False
        return True


class IntervalSettings(PreparedSettings):
    """Settings of experiments that play pulses, wait, and see how the cell answers to one pulse more."""

    recovery: float = Field(5.0, gt=0, description="time at 0 V after every pair", json_schema_extra=unit("s"))
    polarity: Literal["positive", "negative"] = Field("positive", description="sign of the pulses")

    @property
    def height(self) -> float:
        """Voltage of a pulse with its sign, V."""
        return self.signed(1 if self.polarity == "positive" else -1)

    def measured_pulse(self) -> Waveform:
        """One measured pulse, without a gap after it."""
        return Waveform.pulse(self.height, width=filled(self.width), measure=True)

    def interval_blocks(
        self, setting: str, column: str, intervals: Sequence[float], first: Waveform, grid: Grid
    ) -> list[Block]:
        """One block an interval: `first`, the interval, one measured pulse, the recovery.

        Parameters
        ----------
        setting, column : str
            Names of the setting that holds the intervals, for messages, and of the column that gets them.
        intervals : sequence of float
            At 0 V between `first` and the pulse, s.
        first : Waveform
            What is played before the interval.
        grid : Grid
            Steps in which the device drives; the column gets the interval as it is driven.
        """
        trains = (self.preparing_trains() + Waveform.rest(self.recovery),) if self.prepare == "train" else ()
        note = "after a reset, where the device can" if self.prepare in ("auto", "reset") else ""
        driven = {t: grid.seconds(t) for t in intervals}
        grid.require_different(setting, "s", driven.items())
        return [
            Block(
                f"{column} {quantity(driven[t], 's')}",
                (*trains, first + Waveform.rest(t) + self.measured_pulse() + Waveform.rest(self.recovery)),
                {column: driven[t]},
                note,
            )
            for t in intervals
        ]
