"""What a published paper says, beside what we find: rows as data, and verdicts that follow from their numbers.

A paper is an entry point of the group ``hil.papers``: a `Paper` whose figures compute findings. `hil reproduce` lists,
plays and prints them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hil.errors import InputError, nearest

if TYPE_CHECKING:
    from hil.results import Row
    from hil.training.driver import Driver

    Training = TypeVar("Training", bound=Driver)

GROUP = "hil.papers"

STANDARD_ERRORS = 2.0
"""A mean nearer than this many standard errors to a bound of its interval decides nothing."""

Interval = tuple[float, float]


class Verdict(StrEnum):
    """What a row says about the paper."""

    REPRODUCED = "reproduced"
    DIFFERS = "differs"
    OPEN = "not determined by the text"
    UNDECIDED = "undecided"
    UNCONFIRMED = "not confirmed by our own check"
    NOT_RUN = "not run"


def near(value: float, relative: float) -> Interval:
    """Interval of `value` plus or minus a fraction of it."""
    return value - abs(value) * relative, value + abs(value) * relative


def rounds_to(value: float, last_digit: float) -> Interval:
    """Interval of all numbers that are printed as `value` when its last digit counts `last_digit`."""
    return value - last_digit / 2, value + last_digit / 2


def above(value: float) -> Interval:
    """Everything larger than `value`."""
    return value, math.inf


def below(value: float) -> Interval:
    """Everything smaller than `value`."""
    return -math.inf, value


def digits(value: float) -> str:
    """A number for the reader: four digits, seven from 10,000 on; what rounding leaves of 0 is 0."""
    if abs(value) < 1e-12:
        return "0"
    return f"{value:,.7g}" if abs(value) >= 1e4 else f"{value:,.4g}"


@dataclass(frozen=True)
class Finding:
    """One row: a quantity that a paper states, and ours. All numbers of a row are in its `unit`.

    Attributes
    ----------
    figure : str
        Key of the figure, table or claim it belongs to.
    quantity : str
        What was computed.
    paper : str or None
        As printed, with its unit; None where the paper gives nothing to compare with.
    ours : float or None
        The number; the mean where there are repeats. None where the text gives too little to compute one.
    unit : str
        Of `ours` and of all that is compared with it.
    accept : (float, float) or None
        Our value counts as the paper's strictly between these two; None where nothing can be compared.
    std, n : float, int or None
        Standard deviation (ddof 1) and number of repeats.
    open : mapping of str to float
        The same quantity under other readings of what the text leaves open, by what was assumed.
    check, check_by, check_tolerance
        An independent value, its source, and the relative difference up to which it confirms ours.
    control, control_is
        The same quantity where the effect must be absent, and what was done; None and "" if there is no such case.
    note : str
        Assumptions, explanation.
    stand_in : str
        What was used instead of the paper's own data or size; such a row decides nothing.
    """

    figure: str
    quantity: str
    paper: str | None
    ours: float | None
    unit: str = ""
    accept: Interval | None = None
    std: float | None = None
    n: int | None = None
    open: Mapping[str, float] = field(default_factory=dict)
    check: float | None = None
    check_by: str = ""
    check_tolerance: float = 1e-3
    control: float | None = None
    control_is: str = ""
    note: str = ""
    stand_in: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers from which no verdict follows."""
        for name, value in (("ours", self.ours), ("check", self.check), ("control", self.control), *self.open.items()):
            if value is not None and not math.isfinite(value):
                raise ValueError(f"figure {self.figure}, {self.quantity}: {name} = {value} is not finite")

    @property
    def verdict(self) -> Verdict:
        """What follows from the numbers, by the first of these rules that applies.

        1. Other data than the paper's: not run.
        2. The independent check is further from ours than its tolerance: not confirmed by our own check.
        3. No value, or nothing to compare with: not determined by the text.
        4. A bound of the interval is within `STANDARD_ERRORS` of the mean: undecided.
        5. No reading of the text lies in the interval: differs.
        6. Some do and others do not: not determined by the text.
        7. All do, and the control does as well: undecided, for the number does not show the effect.
        8. All do: reproduced.
        """
        if self.stand_in:
            return Verdict.NOT_RUN
        if not self.confirmed:
            return Verdict.UNCONFIRMED
        if self.ours is None or self.accept is None:
            return Verdict.OPEN
        if self._too_close:
            return Verdict.UNDECIDED
        inside = [self.accepts(value) for value in (self.ours, *self.open.values())]
        if not any(inside):
            return Verdict.DIFFERS
        if not all(inside):
            return Verdict.OPEN
        if self.control is not None and self.accepts(self.control):
            return Verdict.UNDECIDED
        return Verdict.REPRODUCED

    @property
    def confirmed(self) -> bool:
        """Whether the independent check, if there is one, agrees with ours."""
        if self.check is None or self.ours is None:
            return True
        return math.isclose(self.ours, self.check, rel_tol=self.check_tolerance, abs_tol=1e-12)

    def accepts(self, value: float) -> bool:
        """Whether a value lies in the interval."""
        return self.accept is not None and self.accept[0] < value < self.accept[1]

    @property
    def rule(self) -> str:
        """The interval in words, such as "> 70 %"."""
        if self.accept is None:
            return ""
        low, high = self.accept
        unit = f" {self.unit}" if self.unit else ""
        if math.isinf(high):
            return f"> {digits(low)}{unit}"
        return f"< {digits(high)}{unit}" if math.isinf(low) else f"{digits(low)} to {digits(high)}{unit}"

    @property
    def reason(self) -> str:
        """Why the verdict is what it is, in numbers."""
        if self.stand_in:
            return self.stand_in
        if self.check is not None and not self.confirmed:
            return f"{self.check_by} gives {digits(self.check)}"
        if self.ours is None or self.accept is None:
            return "the text gives no number to compare with" if self.ours is not None else "no value can be computed"
        if self._too_close:
            return f"{digits(self.ours)} is within {STANDARD_ERRORS:g} standard errors of a bound of {self.rule}"
        outside = [f"{name}: {digits(v)}" for name, v in self.open.items() if not self.accepts(v)]
        within = [f"{name}: {digits(v)}" for name, v in self.open.items() if self.accepts(v)]
        found = f"{digits(self.ours)} is {'' if self.accepts(self.ours) else 'not '}in {self.rule}"
        if self.verdict is Verdict.UNDECIDED:
            return f"{found}, but so is the control"
        others = {"outside are": outside, "inside are": within}
        return "; ".join([found, *(f"{where} {', '.join(values)}" for where, values in others.items() if values)])

    @property
    def _too_close(self) -> bool:
        if self.accept is None or self.ours is None or not self.std or not self.n:
            return False
        margin = STANDARD_ERRORS * self.std / math.sqrt(self.n)
        return any(abs(self.ours - bound) < margin for bound in self.accept)

    def as_json(self) -> dict[str, Any]:
        """All fields with verdict, rule and reason; an infinite bound is None."""
        values = asdict(self)
        values["accept"] = self.accept and [None if math.isinf(bound) else bound for bound in self.accept]
        return {**values, "rule": self.rule, "verdict": str(self.verdict), "reason": self.reason}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Finding:
        """Undo `as_json`; the verdict is computed anew."""
        known = {f.name: values[f.name] for f in fields(cls)}
        if known["accept"] is not None:
            low, high = known["accept"]
            known["accept"] = (-math.inf if low is None else low, math.inf if high is None else high)
        return cls(**known)


def repeated(figure: str, quantity: str, paper: str | None, values: Sequence[float], **more: Any) -> Finding:
    """Build the finding of a repeated measurement: mean, standard deviation and number of repeats."""
    n, mean = len(values), math.fsum(values) / len(values)
    std = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else None
    return Finding(figure, quantity, paper, mean, std=std, n=n, **more)


@dataclass(frozen=True)
class Scope:
    """What a figure may use, and where it leaves its pictures.

    Attributes
    ----------
    folder : Path
        For pictures.
    work : Path
        For the runs of training drivers, kept so that an interrupted one goes on.
    quick : bool
        Whether all figures together must take less than two minutes on two cores.
    data_dir : Path or None
        Folder with the MNIST files; bundled digits stand in without it.
    sweep : Path or None
        Folder of a finished sweep, for papers that are reproduced from one.
    pause : callable
        To be called between the parts of a figure that takes long: raises `Interrupted` if the user wants to stop.
    """

    folder: Path
    work: Path
    quick: bool = False
    data_dir: Path | None = None
    sweep: Path | None = None
    pause: Callable[[], None] = lambda: None

    def train(self, driver: type[Training], config: Mapping[str, Any], name: str) -> Training:
        """Run a training driver to its end in a folder `name` of its own, or go on with the one that is there."""
        from hil.config import validated
        from hil.datasets import load
        from hil.runs import Run

        path = self.work / name
        values: Any = validated(driver.config_model, config, name)
        dataset = load(values.data.dataset, values.data.dir)
        if (path / "config.toml").is_file():
            run = Run.resume(path, driver.kind)
        else:
            run = Run.create(path, driver.kind, values.model_dump(mode="json"))
        with run:
            training = driver(values, dataset, run)
            training.complete()
        return training


@dataclass(frozen=True)
class PaperFigure:
    """A figure, table or claim: `make` draws it into the scope's folder and returns its rows."""

    key: str
    title: str
    make: Callable[[Scope], list[Finding]]
    needs_sweep: bool = False


@dataclass(frozen=True)
class Paper:
    """A paper that the project covers.

    Attributes
    ----------
    key : str
        Its name on the command line.
    citation : str
        Authors, year, journal.
    figures : tuple of PaperFigure
        In the order of the paper.
    from_sweep : callable or None
        For `hil plot`: draws all figures of a finished sweep into a folder.
    check : callable
        Raises `InputError` before anything is computed if the scope's data cannot be read.
    """

    key: str
    citation: str
    figures: tuple[PaperFigure, ...]
    from_sweep: Callable[[Path, Path], tuple[list[Row], list[Path]]] | None = None
    check: Callable[[Scope], None] = lambda scope: None

    def __call__(self, sweep: Path, folder: Path) -> tuple[list[Row], list[Path]]:
        """Draw from a sweep, as `hil plot` does."""
        if self.from_sweep is None:
            raise InputError(f"'{self.key}' is not drawn from a sweep: use hil reproduce {self.key}")
        return self.from_sweep(sweep, folder)

    def select(self, keys: Sequence[str]) -> list[PaperFigure]:
        """Figures by key, all if none is named; upper and lower case are the same."""
        known = {figure.key.lower(): figure for figure in self.figures}
        for key in keys:
            if key.lower() not in known:
                raise InputError(f"'{self.key}' has no figure '{key}' {nearest(key, [f.key for f in self.figures])}")
        wanted = {key.lower() for key in keys} or set(known)
        return [figure for key, figure in known.items() if key in wanted]


def papers() -> dict[str, Paper]:
    """All installed papers by key."""
    found = [point.load() for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)]
    return {paper.key: paper for paper in found if isinstance(paper, Paper)}


def find_paper(key: str) -> Paper:
    """Find an installed paper; `InputError` names the known ones."""
    known = papers()
    if key not in known:
        raise InputError(f"no paper '{key}' {nearest(key, known)}")
    return known[key]
