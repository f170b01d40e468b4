"""Energy of a long waveform whose pulses are not measured, on a device that can be wound back.

Cells move in a pulse and relax after it, so conductances before and after a waveform are not enough. The waveform is
played in `PLACES` pieces, cut where all lines are at 0 V. Before each, its first `RUNS` runs (a run is what lies
between two such places) are played on trial, pulse by pulse in halves, with the mean conductance of both ends of each,
and the device is wound back. What these take, over what they would take at the conductances of their beginning, is the
factor on the piece's V^2 G t with the mean conductances of both its ends. A piece whose ends differ much is wound back
and played in two halves.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hil.energy.dissipation import Dissipation
from hil.waveform import Waveform

if TYPE_CHECKING:
    from hil.device import Response

PLACES, RUNS = 4, 3
"""Pieces of a waveform, and runs at the beginning of each that are played on trial."""

MOVED = 0.05
"""Difference of what a piece takes at the conductances of its ends, over their sum, above which it is halved."""


@runtime_checkable
class Rewinding(Protocol):
    """A device that knows what its cells draw and can be wound back, at little cost (`plain`)."""

    @property
    def draws_plainly(self) -> bool:
        """Whether `dissipation` costs no more than a product of matrices."""

    def dissipation(
        self, duration: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> Dissipation:
        """See `hil.abilities.Dissipating`."""

    def moment(self) -> tuple[Any, ...]:
        """Everything as it is now, for `recall`."""

    def recall(self, moment: tuple[Any, ...]) -> None:
        """Return to what `moment` gave."""


def cuts(waveform: Waveform) -> NDArray[np.int64]:
    """Segments before which all lines are at 0 V and after which some are not: where runs begin, the first at 0."""
    still = np.asarray(~(np.nan_to_num(waveform.rows).any(axis=1) | np.nan_to_num(waveform.cols).any(axis=1)))
    return np.concatenate([[0], np.flatnonzero(still[:-1] & ~still[1:]) + 1]).astype(np.int64)


def played(
    device: Rewinding, waveform: Waveform, begins: NDArray[np.int64], play: Callable[[Waveform], Response]
) -> Dissipation:
    """Play a waveform without any measured segment, and give its energy, J; `begins` are its `cuts`."""
    found, bounds = Dissipation(), [*begins.tolist(), len(waveform)]
    places = np.linspace(0, len(begins), PLACES + 1).astype(int).tolist()
    pieces = list(pairwise(places))[::-1]
    while pieces:
        first, last = pieces.pop()
        piece = waveform[bounds[first] : bounds[last]]
        moment = device.moment()
        factor = _factor(device, waveform[bounds[first] : bounds[min(first + RUNS, last)]], play)
        before = _of(device, piece)
        play(piece)
        after = _of(device, piece)
        if last - first > RUNS and abs(after.total - before.total) > MOVED * (after.total + before.total):
            device.recall(moment)
            middle = (first + last) // 2
            pieces += [(middle, last), (first, middle)]
            continue
        found = found.plus(before.plus(after).times(0.5 * factor))
    return found


def _of(device: Rewinding, waveform: Waveform) -> Dissipation:
    return device.dissipation(waveform.duration, waveform.rows, waveform.cols)


def _factor(device: Rewinding, trial: Waveform, play: Callable[[Waveform], Response]) -> float:
    """What runs take, over what they would at the conductances of their beginning."""
    at_first, took, moment = _of(device, trial).total, 0.0, device.moment()
    try:
        for k in range(len(trial)):
            segment = trial[k]
            if not (segment.rows.any() or segment.cols.any()):
                play(segment)
                continue
            half = Waveform(segment.duration / 2, segment.rows, segment.cols, segment.measure)
            for _ in range(2):
                before = _of(device, half).total
                play(half)
                took += (before + _of(device, half).total) / 2
    finally:
        device.recall(moment)
    return took / at_first if at_first > 0 else 1.0
