"""A loop under way: what the finished stages have found, which later ones are built on."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hil import presets
from hil.backends import load_backend, open_device
from hil.data import datasets
from hil.errors import InputError
from hil.files import read_json
from hil.loop.plan import LoopPlan
from hil.waveform import Waveform

SHORTEST, LONGEST = 1e-9, 10.0
"""Widths of a pulse that are tried, s."""

SPAN = 0.9
"""Part of its window that a train of pulses moves a cell through."""


UNDRIVEN = {
    "ppf": "paired pulses", "stdp": "a spike-timing window", "retention": "a decay", "endurance": "an endurance test",
}  # fmt: skip
"""Kinds of measured data that say nothing about the steps of a cell."""


class Loop:
    """The folder of a loop, and what its finished stages say.

    Parameters
    ----------
    plan : LoopPlan
        What was asked for.
    path : Path
        Its folder.
    """

    STEPS_A_TRAIN = 50
    """Pulses of a train on the fitted model."""

    def __init__(self, plan: LoopPlan, path: Path) -> None:
        """Look at nothing yet."""
        self.plan, self.path = plan, path

    def folder(self, stage: str) -> Path:
        """Where a stage leaves its results."""
        return self.path / stage

    @property
    def reads_a_file(self) -> bool:
        """Whether the source is a file, not a run folder."""
        return Path(self.plan.source).is_file()

    @property
    def data(self) -> str:
        """Run folder with the measured data."""
        if self.plan.device:
            return str(self.folder("measure"))
        return str(self.folder("data")) if self.reads_a_file else self.plan.source

    @property
    def populations(self) -> list[dict[str, Any]]:
        """What `hil fit` wrote of many cells, by every model, the best first; empty where there is one cell."""
        file = self.folder("fit") / "populations.json"
        return list(read_json(file)) if file.exists() else []

    @property
    def winner(self) -> str:
        """Name of the model that the data prefer, as `hil fit` calls it."""
        return str((self.populations or self.fits("fit"))[0]["model"])

    @property
    def fitted(self) -> Path:
        """Preset of that model, with the spread of many cells and the noise of readings where they are told."""
        return self.folder("fit") / f"{self.winner}.json"

    @property
    def model(self) -> Path:
        """Preset that the network is made of: the fitted one, or its steps where the emulator cannot play it."""
        if self.emulated(self.fitted):
            return self.fitted
        return self.folder("steps") / f"{self.fits('steps')[0]['model']}.json"

    def median(self, preset: Path) -> Path:
        """The cell of a preset without spread and noise, which an emulator does not play."""
        other = preset.with_name(f"{preset.stem}-median.json")
        return other if other.exists() else preset

    def emulated(self, preset: Path) -> bool:
        """Whether the emulator takes the law of a preset."""
        found = presets.read(preset)
        return found.model in load_backend("fpga").kind("golden").models and found.parameters().get("cell") != "flca"

    def uri(self, name: str) -> str:
        """Address of the network's cells on ``sim`` or on one of the emulator's engines."""
        return self.uri_of(self.model) if name == "sim" else f"fpga:{name}?preset={self.median(self.model)}"

    @property
    def alike(self) -> str:
        """Address of the network's cells on ``sim``, all of them alike, as an emulator has them."""
        return self.uri_of(self.median(self.model))

    def uri_of(self, preset: Path) -> str:
        """Address of the simulated device of a preset."""
        return f"sim:{presets.read(preset).model}?preset={preset}"

    def spoken(self, name: str) -> str:
        """What a device is called in a heading."""
        return "the model" if name == "sim" else f"fpga:{name}"

    @cached_property
    def rows(self) -> int:
        """Inputs of the network."""
        return datasets.load(self.plan.dataset, Path(self.plan.data_dir) if self.plan.data_dir else None).inputs

    def pulse(self) -> tuple[float, float]:
        """Amplitude (V) and width (s) of pulses of which a train moves the fitted model through most of its window.

        The amplitude is the largest that was measured; the width is found by trying. The cell is driven to either end
        by long pulses first, which tells its window.

        Raises
        ------
        InputError
            If no width does that.
        """
        amplitude = self._largest_voltage()
        with open_device(self.uri_of(self.median(self.fitted))) as cell:
            for width in np.geomspace(SHORTEST, LONGEST, 121):
                ends, moved = [], []
                for volts in (amplitude, -amplitude):
                    cell.reset()
                    cell.apply(Waveform.pulse(-volts, width=LONGEST))
                    before = float(cell.read()[0, 0])
                    for _ in range(self.STEPS_A_TRAIN):
                        cell.apply(Waveform.pulse(volts, width=float(width)))
                    moved.append(abs(float(cell.read()[0, 0]) - before))
                    cell.apply(Waveform.pulse(volts, width=LONGEST))
                    ends.append(abs(float(cell.read()[0, 0]) - before))
                if min(ends) > 0 and min(m / e for m, e in zip(moved, ends, strict=True)) >= SPAN:
                    return amplitude, float(width)
        raise InputError(
            f"{self.fitted}: no train of {self.STEPS_A_TRAIN} pulses of {amplitude:g} V, {SHORTEST:g} to {LONGEST:g} s "
            "long, moves the fitted model through its window: it has no steps that an emulator could play"
        )

    def _largest_voltage(self) -> float:
        from hil.experiments.records import load_driven

        return float(max(np.abs(part.voltage).max(initial=0.0) for part in load_driven(Path(self.data), 0)))

    def fits(self, stage: str) -> list[dict[str, Any]]:
        """What `hil fit` wrote of every model, the best first."""
        found = read_json(self.folder(stage) / "fits.json")
        if not isinstance(found, list) or not found:
            raise InputError(f"{self.folder(stage)}/fits.json is damaged: it holds no fits")
        return found


def require_drive(data: Path) -> None:
    """Refuse measured data in which nothing was driven that an emulator could play, before anything is fitted.

    Raises
    ------
    InputError
        If the run in this folder is a table of points, or a decay.
    """
    meta = read_json(data / "meta.json") if (data / "meta.json").exists() else {}
    kind = meta.get("experiment", "") if isinstance(meta, dict) else ""
    if kind in UNDRIVEN:
        raise InputError(
            f"{data} holds {UNDRIVEN[kind]}: hil loop needs trains of pulses or sweeps, which tell the steps of a "
            f"cell; {'hil fit --play fpga:golden plays a window' if kind == 'stdp' else 'hil fit tells the rest'}"
        )
