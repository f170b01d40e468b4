"""Figures of characterizations drawn again from their records, in any style, several runs laid over each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hil.errors import InputError
from hil.experiments import catalogue, figures
from hil.experiments.experiment import Records
from hil.experiments.records import DEVICE, load, load_devices
from hil.runs.listing import Listed


def draw_again(runs: Sequence[Listed], folder: Path) -> list[Path]:
    """Draw the figure of every experiment among these runs into `folder`, in the style in use.

    Runs of one experiment are laid over each other. A curve is called by its device; where there are several runs, by
    the run's own name, its sample or its folder too.

    Raises
    ------
    InputError
        If a run has no records yet, or its experiment is not known.
    """
    by_experiment: dict[str, list[Listed]] = {}
    for run in runs:
        by_experiment.setdefault(str(run.meta.get("experiment", "")), []).append(run)
    drawn = []
    for name, members in by_experiment.items():
        curves: dict[str, Records] = {}
        experiment = catalogue.experiment(name)
        for run in members:
            own = _curves(run, alone=len(members) == 1)
            curves |= {called: experiment.with_reading(records) for called, records in own.items()}
        drawn.append(figures.write(experiment, curves, folder / f"{name}.png"))
    return drawn


def _curves(run: Listed, alone: bool) -> dict[str, Records]:
    """Records of all devices of a run by the names of their curves."""
    records, devices = load(run.path), load_devices(run.path)
    found: dict[str, Records] = {}
    for index, (uri, _) in enumerate(devices):
        mine = records[DEVICE] == index
        if not mine.any():
            continue
        own = {name: column[mine] for name, column in records.items() if name != DEVICE}
        found[uri if alone else f"{_called(run)} {uri}" if len(devices) > 1 else _called(run)] = own
    if not found:
        raise InputError(f"{run.path} holds no points yet: nothing can be drawn")
    return found


def _called(run: Listed) -> str:
    """What to call a run in a legend: its name or sample, else its folder."""
    return run.metadata.name or run.metadata.sample or run.path.name
