"""The door to fits of device models, whichever package brings them: `hil.fit`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hil.errors import InputError
from hil.plugins import Registry
from hil.runs.outcome import Outcome
from hil.runs.results import Rows

FUNCTIONS: Registry[Callable[..., Fitted]] = Registry("hil.functions", "function")
"""Functions of the top level of `hil` that other rooms bring: ``fit``."""

WINDOW_DEVICE = "sim:rram?alpha=0.01"
"""Device on which a spike-timing window is played if no other is named."""


@dataclass(frozen=True, eq=False, repr=False)
class Fitted(Outcome):
    """Results of a fit.

    Attributes
    ----------
    presets : dict
        Address of the fitted device by the name of the model: ``hil.open_device(fitted.presets["nlhb"])``.
    shown : Rows
        Those rows that a screen has room for.
    told : tuple of str
        Verdict, warnings, and what can be done with it now; a line each.
    """

    presets: Mapping[str, str] = field(default_factory=dict)
    shown: Rows = field(default_factory=Rows)
    told: tuple[str, ...] = ()


def fit(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    model: str | None = None,
    *,
    noise: Sequence[float] | float | str | None = None,
    loss: str = "linear",
    fix: Mapping[str, float] | None = None,
    free: Sequence[str] = (),
    order: int = 1,
    profile: bool = True,
    spread: bool = False,
    hold_back: float | str | None = None,
    device: int | None = None,
    run: str | os.PathLike[str] | None = None,
    play: str = WINDOW_DEVICE,
    pairs: int = 1,
    **about: Any,
) -> Fitted:
    """Fit device models to measured data: what the command `hil fit` does, with the same run folders and checks.

    Parameters
    ----------
    source : path or sequence of paths
        Runs of characterizations and imports, or measured files of any format that `hil import` reads.
    model : str, optional
        Models with commas between, or ``all``; those usual for the kind of data if not given.
    noise, loss : float, pair of floats or str; str
        Uncertainty of a reading: fraction, and a floor in S (a sweep: A); ``soft_l1`` weakens outliers.
    fix, free, order : mapping, sequence of str, int
        Parameters held; freed though held by default; highest power n of R_n (FLCA), 1 to 6.
    profile, spread : bool
        Whether intervals follow the profile of the likelihood; whether c2c and read noise of one cell are estimated.
    hold_back, device : float or str; int
        Fraction of a train, its end, that checks the fit; only this device of a run, counted from 0.
    run, play, pairs : path, str, int
        Folder of the new run; device that is to play a spike-timing window, and pairs whose change together is told.
    **about
        How a file is read, as in `hil.import_data`: ``columns``, ``dwell``, ``pulse``, ``window``, ``cell`` ...

    Returns
    -------
    Fitted
        Rows with intervals, addresses of fitted devices, warnings, run folder, pictures.

    Raises
    ------
    InputError
        If there is nothing to read, no such model, or the data cannot be explained by it.
    """
    paths = [Path(source)] if isinstance(source, str | os.PathLike) else [Path(one) for one in source]
    if not paths:
        raise InputError("hil.fit needs a run or a file")
    return FUNCTIONS.find("fit")(
        paths, model=model, noise=noise, loss=loss, fix=dict(fix or {}), free=tuple(free), order=order,
        profile=profile, spread=spread, wanted={"hold_back": hold_back, "play": play, "pairs": pairs}, about=about,
        device=device, run=None if run is None else Path(run),
    )  # fmt: skip
