"""Sanity checks on the results of a training: warnings where a number means less than it seems to.

A driver hands over what it saw (cells before and after, spikes, answers, accuracies beside their controls) in
`Driver.judge`; `Doubts` says in one sentence each what makes the numbers meaningless, its likely cause, and what to
do. The sentences are kept with the results as rows named "warning".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.device import Device
from hil.runs.confidence import CONFIDENCE, student_quantile
from hil.runs.results import Row, warning

MOVED = 1e-6
"""Change of a reading, as part of the mean reading, above which a cell has moved where repeated reads do not differ."""

REPEATS = 3.0
"""How many times the largest difference of repeated reads a change must be, where they do."""

COLLAPSED = 1e-3
"""Spread of all cells, as part of how far they moved, below which they ended at one value."""

ALIKE = 1e-3
"""Difference between columns, as part of how far the cells moved, below which the columns ended alike."""

MOSTLY = 0.5
"""Share of images without any output spike from which on a network counts as silent."""

ALWAYS = 0.99
"""Share of (image, neuron) with an output spike from which on every neuron counts as always firing."""

EQUAL = 1e-9
"""Difference of intensities, 0..1, below which pixels of mean images are the same."""

ONE_SIDED = 2 * CONFIDENCE - 1
"""Two-sided confidence whose upper bound is the one-sided one of `CONFIDENCE`, for being above a control."""


@dataclass(frozen=True)
class Cells:
    """Effect of the training of one seed on the cells.

    Attributes
    ----------
    moved : float
        Fraction of all cells whose reading changed, by more than repeated reads differ.
    unread : float
        Fraction of all cells without a finite reading.
    collapsed : bool
        Whether all cells moved and ended at one value.
    alike : bool
        Whether all columns ended alike although cells moved.
    start, end : float
        Mean reading before and after.
    noise : float
        How far repeated readings differ at most, as part of the mean reading.
    """

    moved: float
    unread: float
    collapsed: bool
    alike: bool
    start: float
    end: float
    noise: float = 0.0


def repeatability(reading: NDArray[np.float64], again: NDArray[np.float64]) -> float:
    """Largest difference of two readings of the same cells at rest; cells without a reading are left out."""
    return float(np.nanmax(np.abs(again - reading), initial=0.0))


def compare_cells(
    before: NDArray[np.float64], after: NDArray[np.float64], repeat: float = 0.0
) -> dict[str, float | bool]:
    """Compare readings (rows, cols) before and after a training; the fields of `Cells`, for a checkpoint.

    Parameters
    ----------
    before, after : (rows, cols) arrays
        Conductances or weights.
    repeat : float
        How far two readings of cells at rest differ, from `repeatability`.
    """
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        return asdict(Cells(0.0, 1.0, False, False, 0.0, 0.0))
    first, last = before[known].astype(np.float64), after[known].astype(np.float64)
    noise = REPEATS * repeat
    change = np.abs(last - first)
    moved = change > noise + MOVED * np.abs(first).mean()
    shift = abs(last.mean() - first.mean())
    columns = np.where(known, after, np.nan)
    apart = np.nanmax(np.ptp(columns[known.all(axis=1)], axis=1), initial=0.0) if after.shape[1] > 1 else np.inf
    return asdict(
        Cells(
            float(moved.sum() / known.size),
            float(1.0 - known.mean()),
            bool(moved.all() and np.ptp(last) < COLLAPSED * shift),
            bool(moved.any() and apart < ALIKE * change.max()),
            float(first.mean()),
            float(last.mean()),
            float(repeat / np.abs(first).mean()) if repeat else 0.0,
        )
    )


@dataclass(frozen=True)
class ControlledResult:
    """An accuracy, or another figure of merit, beside its control.

    Attributes
    ----------
    name : str
        What it is, as in the results.
    values, control : sequence of float
        One number a seed; a control of one number beside several values is exact.
    control_name : str
        What the control is.
    unit : str
        ``%`` for accuracies.
    images : int or None
        How many images every number was counted on; None where it is not a share of images.
    """

    name: str
    values: Sequence[float]
    control: Sequence[float]
    control_name: str
    unit: str = "%"
    images: int | None = None

    @property
    def difference(self) -> float:
        """Mean of the values minus mean of the control."""
        return float(np.mean(self.values) - np.mean(self.control))

    def margin(self) -> float:
        """Least difference from the control that is significant at `CONFIDENCE`, one-sided.

        The larger of two: Student's t with the pooled variance of both groups over the seeds, and the binomial error
        of a count on `images` images (the same for all seeds, so more seeds do not lessen it; one success and one
        failure are added, so that it is not 0 at 0 % and 100 %). With one seed, the second alone.
        """
        seeds = 0.0
        spread = [(len(group), float(np.var(group, ddof=1))) for group in (self.values, self.control) if len(group) > 1]
        if spread:
            freedom = sum(n - 1 for n, _ in spread)
            variance = sum((n - 1) * v for n, v in spread) / freedom
            seeds = student_quantile(freedom, ONE_SIDED) * np.sqrt(variance * sum(1 / n for n, _ in spread))
        counted = 0.0
        if self.images:
            shares = [(np.mean(g) / 100 * self.images + 1) / (self.images + 2) for g in (self.values, self.control)]
            counted = NormalDist().inv_cdf(CONFIDENCE) * 100 * np.sqrt(sum(p * (1 - p) for p in shares) / self.images)
        return float(max(seeds, counted))

    def told_apart(self) -> bool:
        """Whether the values are significantly above their control: by more than `margin`."""
        return self.difference > self.margin()

    def __str__(self) -> str:
        """Say both, and what they were counted on."""
        mine, theirs = (
            f"{np.mean(group):.3g}{' ' * bool(self.unit)}{self.unit}" for group in (self.values, self.control)
        )
        counted = f", {self.images:,} images" if self.images else ""
        seeds = f"{len(self.values)} seeds" if len(self.values) > 1 else "one seed: no spread over seeds is known"
        margin = self.margin()
        where = "below" if self.difference < -margin else "within the spread of" if margin else "not above"
        told = f"a difference of {margin:.2g} could be told; " if margin else ""
        return f"{self.name}, {mine}, is {where} its control, {self.control_name}, {theirs} ({told}{seeds}{counted})"


class Doubts:
    """Collects the warnings about one run; `sentences` and `rows` give them."""

    def __init__(self) -> None:
        """Begin without warnings."""
        self._causes: list[str] = []
        self._explanations: list[str] = []
        self._notes: list[str] = []
        self._comparisons: list[tuple[ControlledResult, str]] = []

    def cause(self, sentence: str) -> None:
        """Report something that makes the results meaningless: the fact, its likely cause, and what to do."""
        if sentence not in self._causes:
            self._causes.append(sentence)

    def explain(self, sentence: str) -> None:
        """Report a possible cause, told only if a result is not significantly above its control."""
        if sentence not in self._explanations:
            self._explanations.append(sentence)

    def note(self, sentence: str) -> None:
        """Report something that limits what the results mean."""
        if sentence not in self._notes:
            self._notes.append(sentence)

    def cells(self, seeds: Sequence[dict[str, Any] | None], still: str, alike: str = "") -> None:
        """Judge the cells of all seeds, from `compare_cells`; None where nothing is known of a seed.

        `still` ends the sentence that no cell moved, `alike` the one that all columns ended alike, where they should
        not; each says why that may be and what to do.
        """
        known = [Cells(**found) for found in seeds if found is not None]
        if not known:
            return
        unread = max(c.unread for c in known)
        if unread > 0:
            self.cause(
                f"{unread:.1%} of the cells gave no finite reading: a current at compliance or an open line; the "
                "numbers leave them out"
            )
        where = [c.moved == 0 and c.unread < 1 for c in known]
        if any(where):
            noise = max(c.noise for c in known)
            beyond = f" by more than its readings differ from one to the next ({noise:.2%})" if noise > MOVED else ""
            less = ", or read with less noise" if beyond else ""
            self.cause(f"no cell moved{beyond}{_seeds(where)}: {still}{less}")
        where = [c.alike and not c.collapsed and bool(alike) for c in known]
        if any(where):
            self.cause(f"all columns ended alike{_seeds(where)}: {alike}")
        where = [c.collapsed for c in known]
        if any(where):
            self.explain(
                f"all cells ended near one value, {known[where.index(True)].end:.3g}{_seeds(where)}: they ran into a "
                "bound; show fewer images, or use shorter or lower pulses"
            )

    def firing(self, silent: float, busy: float, mute: str, loud: str) -> None:
        """Judge output spikes.

        Parameters
        ----------
        silent : float
            Share of images without any output spike, 0..1.
        busy : float
            Share of (image, neuron) with an output spike, 0..1.
        mute, loud : str
            Why no neuron, or every neuron, may fire, and what to do.
        """
        if silent >= MOSTLY:
            who = "no neuron fires" if silent == 1 else f"no neuron fires for {silent:.1%} of the images"
            self.cause(f"{who}: {mute}")
        elif busy >= ALWAYS:
            self.cause(f"every neuron fires for every image: {loud}")

    def answers(self, answered: Sequence[Sequence[int] | None], names: Sequence[str], images: str) -> None:
        """Judge which classes were answered at all, per seed, on images of more than one class."""
        known = [found for found in answered if found is not None]
        ones = [found[0] for found in known if len(found) == 1]
        if ones and len(names) > 1:
            told = ", ".join(sorted({f"'{names[c]}'" for c in ones}))
            where = _seeds([len(found) == 1 for found in known])
            self.explain(f"all {images} got one and the same answer{where} ({told}): nothing tells them apart")

    def classes(self, names: Sequence[str], train: NDArray[np.int64], test: NDArray[np.int64]) -> None:
        """Name the classes that the training or the judged images do not show."""
        for labels, words in ((train, "trained on: they cannot be learned"), (test, "judged: no number tells of them")):
            absent = [name for c, name in enumerate(names) if not (labels == c).any()]
            if absent:
                listed = ", ".join(f"'{name}'" for name in absent[:5]) + ", ..." * (len(absent) > 5)
                self.note(f"{len(absent)} of {len(names)} classes ({listed}) have no image among those {words}")

    def mean_images(self, dataset: str, means: NDArray[np.float64]) -> None:
        """Judge the mean images (classes, pixels) of classes, which are all that a layer of templates can hold."""
        shown = means[~np.isnan(means[:, 0])]
        distinct = shown - shown.mean(axis=1, keepdims=True)
        if len(shown) > 1 and np.ptp(distinct, axis=0).max() < EQUAL:
            self.cause(
                f"the mean images of all classes of '{dataset}' are the same up to their brightness: layers that hold "
                "mean images cannot tell them apart; take another data set, or hil train pill, which learns pairs"
            )

    def accuracy(self, comparison: ControlledResult, labels: ArrayLike, hint: str) -> None:
        """Judge an accuracy on images with `labels` beside its control and beside the commonest class."""
        self.compare(comparison, hint)
        always = replace(comparison, control=[commonest(labels)], control_name="always answering the commonest class")
        self.compare(always, hint)

    def compare(self, comparison: ControlledResult, hint: str) -> None:
        """Judge a figure of merit beside its control; `hint` says what to do where they cannot be told apart."""
        self._comparisons.append((comparison, hint))

    def sentences(self) -> list[str]:
        """All that was found; a figure that is not told from its control is put down to the first cause, if any."""
        hidden = [(comparison, hint) for comparison, hint in self._comparisons if not comparison.told_apart()]
        said = list(self._causes)
        if hidden:
            said = said or self._explanations[:1]
            if said:
                said[0] += f"; so {hidden[0][0]}"
            else:
                said = [f"{hidden[0][0]}: {hidden[0][1]}"]
        return said + self._notes

    def rows(self, results: Sequence[Row] = ()) -> list[Row]:
        """Rows of all sentences; `results` that are not finite are among them, whatever the driver told."""
        for row in results:
            numbers = [v for v in (row.value, row.control) if isinstance(v, int | float)]
            if not np.isfinite(np.array(numbers, dtype=np.float64)).all():
                self.note(f"'{row.text.strip()}' is not a finite number: what it was computed from has none either")
        if not self._comparisons:
            self._from_rows(results)
        return [warning(sentence) for sentence in self.sentences()]

    def _from_rows(self, results: Sequence[Row]) -> None:
        """Compare the first accuracy with its control, for a driver that compares nothing itself."""
        for row in results:
            if row.unit == "%" and isinstance(row.value, int | float) and isinstance(row.control, int | float):
                if row.value - row.control <= (row.std or 0.0):
                    self.note(
                        f"{row.text.strip()}, {row.value:.3g} %, is not above its control, {row.control:.3g} %, by "
                        f"more than its spread over seeds ({row.std or 0.0:.2g}): nothing that was learned shows"
                    )
                return


def _seeds(where: Sequence[bool]) -> str:
    """Say in how many seeds something holds, if not in all."""
    return "" if all(where) else f" in {sum(where)} of {len(where)} seeds"


@dataclass(frozen=True)
class DeviceFacts:
    """Facts about a device that the checks need after it was closed.

    Attributes
    ----------
    name : str
    v_program : float or None
        Lowest voltage that the device itself says its cells are programmed with, V.
    """

    name: str
    v_program: float | None

    @classmethod
    def of(cls, device: Device) -> Self:
        """Ask a device."""
        own = device.programming
        return cls(device.name, None if own is None else min(own.v_set, own.v_reset))

    def still(self, amplitude: float, width: float, setting: str) -> str:
        """Say why pulses of `amplitude` V across a cell moved none, and what to set, for `Doubts.cells`."""
        pulses, v = f"the pulses of {amplitude:g} V, {width:g} s", self.v_program
        if v is not None and amplitude < v:
            return (
                f"{pulses} are below the {v:g} V that {self.name} is programmed with; give --set {setting}={v:g} or "
                "more, or a device with a lower threshold"
            )
        return f"{pulses} do too little to the cells of {self.name}: raise {setting}, or take a device that they move"


UNKNOWN = {"name": "the device", "v_program": None}
"""Facts of a device that a checkpoint of an earlier version does not tell."""


def commonest(labels: ArrayLike) -> float:
    """Accuracy in % of always answering the commonest of these labels."""
    counts = np.unique(np.asarray(labels), return_counts=True)[1]
    return float(100 * counts.max() / counts.sum())
