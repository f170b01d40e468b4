"""A training from what is asked to what comes out: started, resumed, stopped, taken back where it never began.

`hil train` and `hil.train` are both thin layers over `start` and `restart`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from hil.config import laid_out, layered, validated
from hil.data.datasets import Dataset, load
from hil.errors import HilError, InputError
from hil.runs import sending
from hil.runs.interrupt import how_to_continue
from hil.runs.live import Beside
from hil.runs.metadata import Metadata, checked
from hil.runs.outcome import Outcome
from hil.runs.results import Rows
from hil.runs.run import Run, new_path, summary
from hil.runs.stopping import resumable, resumed
from hil.training.catalogue import find_driver
from hil.training.driver import Driver
from hil.training.settings import addresses


def train(
    driver: str,
    *,
    device: str | None = None,
    dataset: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    epochs: float | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    run: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    play_again: bool = False,
    metadata: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Outcome:
    """Train a network on a device: what the command `hil train` does, with the same run folders and checks.

    Parameters
    ----------
    driver : str
        Which training, such as ``stdp``; ``hil train`` lists those of all packages.
    device : str, optional
        ``BACKEND:KIND?NAME=VALUE&...``; see ``hil devices``.
    dataset, data_dir : str and path, optional
        digits, mnist, mnist-slice, emnist-digits, ...; folder with the IDX files of those that are not bundled.
    epochs, seed, seeds : float and int, optional
        Passes through the training images, 0.25 is a quarter; first seed, and how many, for the spread.
    config : path or mapping, optional
        TOML file, or nested settings, on which everything else is laid.
    run, resume, play_again : path, path and bool, optional
        Folder of the new run (``runs/NAME-001`` ...); of one to go on with; whether a sample may have its last again.
    metadata : mapping, optional
        What it is about: ``name``, ``sample``, ``operator``, ``comment``, ``tags`` (a list) ...
    **settings
        Any setting by its name (``amplitude=0.2``), or a section (``protocol={"amplitude": 0.2}``).

    Returns
    -------
    Outcome
        Rows, run folder, pictures.

    Raises
    ------
    InputError
        For an unknown driver or setting, or a value out of range; nothing has been driven.
    Interrupted
        On Ctrl-C, SIGTERM or SIGHUP; the message says how to go on.

    Examples
    --------
    >>> hil.train("stdp", device="sim:flca-pair?d2d=5%", seeds=1).rows["test accuracy"].value  # doctest: +SKIP
    """
    chosen = find_driver(driver)
    named = _given(epochs=epochs, seed=seed, seeds=seeds, dataset=dataset, **settings)
    told = {**named, "device": device, "data_dir": data_dir, "config": config, "run": run, "metadata": metadata}
    if folder := resumed(resume, told, play_again):
        return restart(chosen, folder, play_again)
    asked = layered(laid_out(chosen.config_model, named, f"hil.train('{driver}')"), _places(device, data_dir))
    return start(chosen, layered(config, asked), None if run is None else Path(run), checked(metadata))


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _places(device: str | None, data_dir: str | os.PathLike[str] | None) -> dict[str, dict[str, str]]:
    """Sections that name the device and the folder of the data, where they are given."""
    sections = {} if device is None else {"device": {"uri": device}}
    return sections if data_dir is None else sections | {"data": {"dir": os.fspath(data_dir)}}


def start(
    driver: type[Driver],
    settings: Mapping[str, Any],
    path: Path | None = None,
    metadata: Metadata | None = None,
    live: Beside = nullcontext,
) -> Outcome:
    """Train with nested settings into a new run folder, the next free one unless `path` names it.

    `live` goes on beside it (`hil.runs.live`).
    """
    values: Any = validated(driver.config_model, settings, "configuration")
    dataset = load(values.data.dataset, values.data.dir)
    path = path or new_path(f"{driver.kind.split()[-1]}-{dataset.name}")
    with Run.create(path, driver.kind, values.model_dump(mode="json"), metadata) as run:
        try:
            with live(run.path):
                return _completed(driver, values, dataset, run)
        except (HilError, MemoryError):
            if run.checkpoint() is None and sending.left(run.path) is None:
                run.discard()
            raise


def restart(driver: type[Driver], path: Path, play_again: bool = False, live: Beside = nullcontext) -> Outcome:
    """Go on with the run in a folder from its last checkpoint; what was being played on a sample, if `play_again`."""
    with Run.resume(path, driver.kind) as run:
        sending.require_answered(run, driver.kind, play_again)
        values: Any = validated(driver.config_model, run.config, f"{path}/config.toml")
        dataset = load(values.data.dataset, values.data.dir)
        with live(path):
            return _completed(driver, values, dataset, run)


def draw_again(path: Path, folder: Path) -> list[Path]:
    """Draw the pictures of a finished training into a folder, in the style in use.

    Raises
    ------
    InputError
        If it is not finished: nothing is trained for a picture.
    """
    meta = summary(path)[0]
    if meta["state"] != "finished":
        raise InputError(f"{path} is {meta['state']}: {how_to_continue(str(meta.get('kind')), path)}, then draw it")
    driver = find_driver(str(meta["kind"]).partition(" ")[2])
    with Run.resume(path, driver.kind) as run:
        run.figures = folder
        values: Any = validated(driver.config_model, run.config, f"{path}/config.toml")
        training = driver(values, load(values.data.dataset, values.data.dir), run)
        training.play()
        return training.draw()


def _completed(driver: type[Driver], values: Any, dataset: Dataset, run: Run) -> Outcome:
    with resumable(run.path, driver.kind, run.set_state):
        training = driver(values, dataset, run)
        uris = addresses(values.device.model_dump())
        print(f"{run.path}: {', '.join(uris.values())} on '{dataset.name}'", file=sys.stderr)
        rows, figures = training.complete()
    return Outcome(run.path, Rows(rows, f"{run.path}"), tuple(figures))
