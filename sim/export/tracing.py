"""Parameters that remember what is computed from them: how `Law.constants` depends on the parameters of a law.

A law computes its constants in Python, such as k = mu R_on / d^2. They are computed here with traced numbers, which
keep the formula beside the value, so that an exported cell has the law's own parameters. Where a value is needed
itself, in a comparison or a function of numbers, its parameters are held: they become numbers in the export.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.cells.law import CellParameters
from sim.export.expression import FUNCTIONS, Arithmetic, Formula, apply, formula, names


class Traced(Arithmetic):
    """A number with its formula.

    Attributes
    ----------
    value : float
        The number.
    formula : Formula
        What it was computed by.
    held : set of str
        Parameters whose values were asked for, shared by all numbers of one tracing.
    """

    def __init__(self, value: float, of: Formula, held: set[str]) -> None:
        """Keep all of them."""
        self.value, self.formula, self.held = value, of, held

    def joined(self, function: str, *operands: Any) -> Any:
        """A traced number again."""
        values = [one.value if isinstance(one, Traced) else one for one in operands]
        if not all(isinstance(value, int | float | np.number) for value in values):
            return NotImplemented
        parts = [one.formula if isinstance(one, Traced) else one for one in operands]
        return Traced(float(FUNCTIONS[function](*values)), apply(function, *parts), self.held)

    def __float__(self) -> float:
        """The value itself, held from now on."""
        self.held |= set(names("parameter", self.formula))
        return self.value

    def __bool__(self) -> bool:
        """Whether it is not 0."""
        return bool(float(self))

    def __lt__(self, other: Any) -> bool:
        """Compare values."""
        return float(self) < float(other)

    def __le__(self, other: Any) -> bool:
        """Compare values."""
        return float(self) <= float(other)

    def __gt__(self, other: Any) -> bool:
        """Compare values."""
        return float(self) > float(other)

    def __ge__(self, other: Any) -> bool:
        """Compare values."""
        return float(self) >= float(other)

    def __eq__(self, other: object) -> bool:
        """Compare values."""
        return isinstance(other, int | float | Traced) and float(self) == float(other)

    def __hash__(self) -> int:
        """As of its value."""
        return hash(float(self))


@dataclass(frozen=True)
class Tracing:
    """Parameters of a law with traced numbers in the place of numbers.

    Attributes
    ----------
    parameters : CellParameters
        To make a law of.
    values : mapping
        The numbers, by the name that each has in formulas: its own, or with a number at its end for one of several.
    held : set of str
        Names of those whose values were asked for.
    """

    parameters: CellParameters
    values: dict[str, float]
    held: set[str]

    @classmethod
    def of(cls, parameters: CellParameters) -> Tracing:
        """Trace whatever is a finite number of floating point."""
        values: dict[str, float] = {}
        held: set[str] = set()

        def traced(name: str, value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(traced(f"{name}{k}", part) for k, part in enumerate(value))
            if not isinstance(value, float) or not np.isfinite(value):
                return value
            values[name] = value
            return Traced(value, Formula("parameter", name), held)

        fields = {name: traced(name, getattr(parameters, name)) for name in type(parameters).model_fields}
        return cls(type(parameters).model_construct(**fields), values, held)


def formulas(numbers: Sequence[Any]) -> list[Formula]:
    """Formulas of traced and other numbers."""
    return [one.formula if isinstance(one, Traced) else formula(one) for one in numbers]
