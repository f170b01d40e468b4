"""A fit checked on readings that it has not seen: the end of every train, or of a sweep or a decay.

The pulses of the held-back readings are played, since they happened; what the cell conducted after them is not told to
the fit. So the model must foretell how a train goes on, which an interpolation cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.runs.results import Row
from sim.fitting import catalogue
from sim.fitting.data import Measurement
from sim.fitting.fitting import Fit
from sim.fitting.model import Model


def held_back(measurement: Measurement, share: float) -> NDArray[np.bool_]:
    """(K,) readings that check a fit: the last `share` of every run of pulses of one sign, or of a sweep or a decay.

    Every stretch keeps its first reading, by which its start is known.

    Raises
    ------
    InputError
        If that leaves nothing to fit, or nothing to check.
    """
    m, held = measurement, np.zeros(len(measurement), bool)
    for first, end in m.readings:
        edges = [first, end]
        if m.kind == "train":
            signs = _signs(m)[first:end]
            edges = [first, *(first + 1 + np.flatnonzero(np.diff(signs))).tolist(), end]
        for start, stop in pairwise(edges):
            held[stop - int(share * (stop - start)) : stop] = True
        held[first] = False
    if held.sum() < 2 or (~held).sum() < 2:
        raise InputError(
            f"--hold-back {share:g}: of {len(m)} readings of {m.source} that holds back {held.sum()}; "
            "at least 2 must be left to fit and 2 to check"
        )
    return held


def without(measurement: Measurement, held: NDArray[np.bool_]) -> Measurement:
    """The same history, with those readings untold."""
    kept = {name: getattr(measurement, name)[~held] for name in ("seen", "conductance", "axis", "read_voltage")}
    return replace(measurement, **kept)


def prediction(fit: Fit, whole: Model, held: NDArray[np.bool_]) -> list[Row]:
    """How well a fit without them foretells the held-back readings, beside a cell that stays as it was last seen.

    Parameters
    ----------
    fit : Fit
        Made `without` the held-back readings.
    whole : Model
        The same model on all readings.
    held : (K,) array
        Which are held back.
    """
    found = whole.curve(fit.values)[held]
    measured = whole.measurement.conductance
    last_seen = np.maximum.accumulate(np.where(held, 0, np.arange(len(held))))
    kept, true = measured[last_seen][held], measured[held]
    about = float(np.sum((true - true.mean()) ** 2))
    explained = 1.0 - float(np.sum((found - true) ** 2)) / about if about > 0 else None
    which = "the ends of trains" if fit.model.measurement.kind == "train" else "the end"
    span = float(np.ptp(measured))
    return [
        Row("held-back R^2", explained, n=int(held.sum()), note=f"about their mean; {which}, unseen by the fit"),
        Row(
            "held-back error", _percent(found - true, span), "%", n=int(held.sum()),
            control=_percent(kept - true, span),
            note="root mean square, of the measured range; control: every reading as the last one that was seen",
        ),
    ]  # fmt: skip


def checks(fits: Sequence[Fit], whole: Measurement, held: NDArray[np.bool_], order: int) -> list[Row]:
    """`prediction` of every fit on the readings that are held back of a whole measurement."""
    found = []
    for f in fits:
        rows = prediction(f, catalogue.model(f.model.name, whole, order), held)
        found += [row if len(fits) == 1 else row.under(f"{f.model.name} ", model=f.model.name) for row in rows]
    return found


def _percent(deviation: NDArray[np.float64], span: float) -> float | None:
    return 100.0 * float(np.sqrt(np.mean(deviation**2))) / span if span > 0 else None


def _signs(m: Measurement) -> NDArray[np.float64]:
    """(K,) sign of the last pulse before every reading; 0 before the first."""
    pulses = np.sign(m.pulses)
    last = np.maximum.accumulate(np.where(pulses != 0, np.arange(len(pulses)), -1))
    return np.where(last >= 0, pulses[last], 0.0)[m.seen]
