"""A characterization from what is asked to what comes out: started, resumed, taken back where it never began.

`hil characterize` and `hil.characterize` are both thin layers over `start` and `restart`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.config import layered
from hil.errors import HilError, InputError
from hil.experiments.characterization import Characterization, MeasurementPlan
from hil.experiments.records import KIND, CharacterizationRun, load
from hil.runs.live import Beside
from hil.runs.metadata import Metadata, checked
from hil.runs.outcome import Outcome
from hil.runs.results import Rows
from hil.runs.run import new_path
from hil.runs.stopping import resumable, resumed


@dataclass(frozen=True, eq=False, repr=False)
class Measured(Outcome):
    """Results of a characterization: those of every run, and the records."""

    @cached_property
    def records(self) -> Mapping[str, NDArray[np.float64]]:
        """Every measured point: (N,) arrays in SI units by the name of their column, with ``device`` (its index)."""
        return load(self.path)

    @property
    def data(self) -> Path | None:
        """The records as netCDF, with units and settings; None where xarray is not installed."""
        path = self.path / "data.nc"
        return path if path.exists() else None


def characterize(
    experiment: str | None = None,
    *,
    device: str | Sequence[str] | None = None,
    v_max: float | None = None,
    i_max: float | None = None,
    allow_forming: bool = False,
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    run: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    play_again: bool = False,
    metadata: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Measured:
    """Characterize one cell of one or several devices: what the command `hil characterize` does, with the same checks.

    Parameters
    ----------
    experiment : str
        iv, ltp, stdp, ppf, desensitisation, retention, endurance, ispp, forming, or another package's.
    device : str or sequence of str, optional
        ``BACKEND:KIND?NAME=VALUE&...``; curves of several are laid over each other.
    v_max, i_max : float, optional
        Never drive more than this, V; compliance current, A.
    allow_forming : bool
        Let the experiment `forming` form the device, for good.
    config : path or mapping, optional
        TOML file with sections [device], [ltp], ..., or nested settings, on which everything else is laid.
    run, resume, play_again : path, path and bool, optional
        Folder of the new run (``runs/NAME-001`` ...); one that was cut short, to go on with; whether a sample may have
        again what it was being given then.
    metadata : mapping, optional
        What it is about: ``name``, ``sample``, ``wafer``, ``die``, ``operator``, ``comment``, ``tags`` (a list).
    **settings
        Settings of the experiment by their names; ``hil characterize NAME --show-settings`` lists them.

    Returns
    -------
    Measured
        Rows, records, run folder, pictures.

    Raises
    ------
    InputError
        For an unknown experiment or setting, or a value out of range; nothing has been driven.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP; the message says how to go on.

    Examples
    --------
    >>> result = hil.characterize("ltp", device="sim:rram", pulses=50)  # doctest: +SKIP
    >>> result.records["conductance"]  # doctest: +SKIP
    """
    limits = {name: value for name, value in (("v_max", v_max), ("i_max", i_max)) if value is not None}
    own = {**settings, **({"allowed": True} if allow_forming else {})}
    told = {"device": device, "config": config, "run": run, "metadata": metadata}
    if folder := resumed(resume, told | limits | own, play_again):
        return restart(folder, experiment, play_again)
    asked = _asked(experiment, device, limits, own)
    return start(MeasurementPlan(layered(config, asked)), None if run is None else Path(run), checked(metadata))


def _asked(
    experiment: str | None, device: str | Sequence[str] | None, limits: Mapping[str, Any], own: Mapping[str, Any]
) -> dict[str, Any]:
    """Sections of a configuration from what is asked for."""
    if experiment is None:
        raise InputError("hil.characterize needs the name of an experiment, such as 'ltp', or a run to resume")
    uris = {} if device is None else {"uri": (device,) if isinstance(device, str) else tuple(device)}
    sections = {"device": {**limits, **uris}, experiment: own}
    return {"experiment": experiment} | {name: section for name, section in sections.items() if section}


def start(
    plan: MeasurementPlan, path: Path | None = None, metadata: Metadata | None = None, live: Beside = nullcontext
) -> Measured:
    """Measure a plan into a new run folder, the next free one unless `path` names it; `metadata` says what it is of.

    `live` goes on beside it (`hil.runs.live`).
    """
    name, uris = plan.experiment.name, plan.device.uri
    path = path or new_path(f"{name}-{uris[0].partition('?')[0].replace(':', '-').replace('/', '_')}")
    with CharacterizationRun.create(path, KIND, plan.dump(), metadata) as run:
        try:
            with live(run.path), resumable(run.path, KIND, run.set_state):
                print(f"{run.path}: {name} on {', '.join(uris)}", file=sys.stderr)
                return _completed(plan, run)
        except HilError:
            if not run.records_file.exists():
                run.discard()
            raise


def restart(
    path: Path, experiment: str | None = None, play_again: bool = False, live: Beside = nullcontext
) -> Measured:
    """Go on with the run in a folder after its last whole block; `InputError` if it is not one of `experiment`.

    A block that was being played on a sample when the run ended is refused, unless `play_again`.
    """
    with CharacterizationRun.resume(path, KIND) as run, live(path), resumable(run.path, KIND, run.set_state):
        plan = MeasurementPlan(run.config, f"{path}/config.toml")
        name = plan.experiment.name
        if experiment not in (None, name):
            raise InputError(f"{path} is a run of 'hil characterize {name}', not of '{experiment}'")
        return _completed(plan, run, play_again)


def _completed(plan: MeasurementPlan, run: CharacterizationRun, play_again: bool = False) -> Measured:
    rows, figures = Characterization(plan, run, play_again).complete()
    return Measured(run.path, Rows(rows, f"{run.path}"), tuple(figures))
