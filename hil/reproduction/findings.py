"""`Finding`: a number of a paper beside ours, with a verdict that follows from the numbers alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from hil.runs.confidence import CONFIDENCE, margin, mean_and_std

Interval = tuple[float, float]

Measured = float | tuple[float, ...]
"""An exact number, or all repeats of a measured one."""


class Verdict(StrEnum):
    """Verdicts on a number of a paper."""

    REPRODUCED = "reproduced"
    FOLLOWS = "follows from the equations"
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


def shown(value: Measured) -> str:
    """A measured number for the reader, with its spread."""
    if not isinstance(value, tuple):
        return digits(value)
    mean, std = mean_and_std(value)
    return f"{digits(mean)} ± {std:.2g}" if std is not None else digits(mean)


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
        Standard deviation (ddof 1) and number of repeats; both None for a number without spread.
    open : mapping of str to float or tuple of float
        The same quantity under other readings of what the text leaves open, by what was assumed; all repeats, if any.
    follows, follows_by
        The same number from the paper's printed equations in closed form, or from counting: nothing had to be
        simulated, trained or chosen for it. None and "" where there is no such form.
    check, check_by, check_tolerance, check_margin
        An independent value, its source, and the relative or absolute difference up to which it confirms ours.
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
    open: Mapping[str, Measured] = field(default_factory=dict)
    follows: float | None = None
    follows_by: str = ""
    check: float | None = None
    check_by: str = ""
    check_tolerance: float = 1e-3
    check_margin: float = 0.0
    control: Measured | None = None
    control_is: str = ""
    note: str = ""
    stand_in: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers from which no verdict follows."""
        numbers = {"ours": self.ours, "check": self.check, "follows": self.follows, "control": self.control}
        for name, value in (*numbers.items(), *self.open.items()):
            if value is not None and not all(map(math.isfinite, _repeats(value))):
                raise ValueError(f"figure {self.figure}, {self.quantity}: {name} = {value} is not finite")

    @property
    def verdict(self) -> Verdict:
        """What follows from the numbers, by the first of these rules that applies.

        1. Other data than the paper's: not run.
        2. The independent check or the closed form is further from ours than its tolerance: not confirmed.
        3. No value, or nothing to compare with: not determined by the text.
        4. Some readings of the text, ours among them, clearly lie in the interval and others clearly do not: not
           determined by the text.
        5. A bound is within the confidence interval of a mean, ours or another reading's (Student's t; a single
           repeat has none): undecided.
        6. No reading lies in the interval: differs.
        7. All do, and the control clearly does as well: undecided, for the number does not show the effect.
        8. All do, and the number is a closed form or a count: follows from the equations.
        9. All do: reproduced.
        """
        if self.stand_in:
            return Verdict.NOT_RUN
        if not self.confirmed:
            return Verdict.UNCONFIRMED
        if self.ours is None or self.accept is None:
            return Verdict.OPEN
        places = {self._own_place, *map(self._place, self.open.values())}
        if {True, False} <= places:
            return Verdict.OPEN
        if None in places:
            return Verdict.UNDECIDED
        if False in places:
            return Verdict.DIFFERS
        if self._control_accepted:
            return Verdict.UNDECIDED
        return Verdict.REPRODUCED if self.follows is None else Verdict.FOLLOWS

    @property
    def confirmed(self) -> bool:
        """Whether the independent check and the closed form, if there are any, agree with ours."""
        return self._agrees(self.check) and self._agrees(self.follows)

    def accepts(self, value: float) -> bool:
        """Whether a value lies in the interval."""
        return self.accept is not None and self.accept[0] < value < self.accept[1]

    @property
    def rule(self) -> str:
        """The interval in words."""
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
        for value, source in ((self.check, self.check_by), (self.follows, self.follows_by)):
            if value is not None and not self._agrees(value):
                return f"{source} gives {digits(value)}"
        if self.ours is None or self.accept is None:
            return "the text gives no number to compare with" if self.ours is not None else "no value can be computed"
        return "; ".join([self._own_reason, *self._other_readings()])

    @property
    def _own_reason(self) -> str:
        value = digits(self.ours) if self.ours is not None else ""
        if self.n == 1:
            return f"a single repeat, {value}, has no known spread; the rule is {self.rule}"
        if self._own_place is None:
            within = f"{CONFIDENCE:.0%} confidence (Student's t, {digits(margin(self.std, self.n))})"
            return f"{value} is within {within} of a bound of {self.rule}"
        found = f"{value} is {'' if self._own_place else 'not '}in {self.rule}"
        return f"{found}, but so is the control" if self._own_place and self._control_accepted else found

    def _other_readings(self) -> Iterator[str]:
        for place, words in ((False, "outside"), (True, "inside"), (None, "too near to a bound")):
            values = [f"{name}: {shown(v)}" for name, v in self.open.items() if self._place(v) is place]
            if values:
                yield f"{words} are {', '.join(values)}"

    def _agrees(self, value: float | None) -> bool:
        if value is None or self.ours is None:
            return True
        return math.isclose(self.ours, value, rel_tol=self.check_tolerance, abs_tol=max(self.check_margin, 1e-12))

    def _place(self, value: Measured) -> bool | None:
        """Whether a reading lies in the interval; None if its repeats leave that open."""
        mean, std = mean_and_std(_repeats(value))
        return self._placed(mean, std, len(value) if isinstance(value, tuple) else None)

    @property
    def _own_place(self) -> bool | None:
        return None if self.ours is None else self._placed(self.ours, self.std, self.n)

    @property
    def _control_accepted(self) -> bool:
        return self.control is not None and self._place(self.control) is True

    def _placed(self, mean: float, std: float | None, n: int | None) -> bool | None:
        reach = margin(std, n)
        if self.accept is None or any(abs(mean - bound) < reach for bound in self.accept):
            return None
        return self.accepts(mean)

    def as_json(self) -> dict[str, Any]:
        """All fields with verdict, rule and reason; an infinite bound is None."""
        values = asdict(self)
        values["accept"] = self.accept and [None if math.isinf(bound) else bound for bound in self.accept]
        return {**values, "rule": self.rule, "verdict": str(self.verdict), "reason": self.reason}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Finding:
        """Undo `as_json`; the verdict is computed anew. Fields that an older version did not have get their default."""
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values or f.default is MISSING is
                 f.default_factory}  # fmt: skip
        if known.get("accept") is not None:
            low, high = known["accept"]
            known["accept"] = (-math.inf if low is None else low, math.inf if high is None else high)
        known["open"] = {name: _measured(value) for name, value in known.get("open", {}).items()}
        if "control" in known:
            known["control"] = _measured(known["control"])
        return cls(**known)


def _repeats(value: Measured) -> Sequence[float]:
    return value if isinstance(value, tuple) else (value,)


def _measured(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def repeated(figure: str, quantity: str, paper: str | None, values: Sequence[float], **more: Any) -> Finding:
    """Build the finding of a repeated measurement: mean, standard deviation and number of repeats."""
    mean, std = mean_and_std(values)
    return Finding(figure, quantity, paper, mean, std=std, n=len(values), **more)
