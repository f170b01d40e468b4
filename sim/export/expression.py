"""Formulas: numbers, names and functions of them, which are printed in another language or evaluated.

Equal formulas are one object, so that what occurs twice is found by `is`. Made by operators and by `apply`, which
computes what consists of numbers alone and leaves out what does nothing (+ 0, * 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np

BOOLEAN = frozenset({"less", "at most", "equal", "and", "or", "not"})
"""Functions that are conditions."""

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": np.divide,
    "power": np.power,
    "negative": lambda a: -a,
    "abs": abs,
    "sign": np.sign,
    "exp": np.exp,
    "expm1": np.expm1,
    "ln": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "min": np.fmin,
    "max": np.fmax,
    "less": lambda a, b: a < b,
    "at most": lambda a, b: a <= b,
    "equal": lambda a, b: a == b,
    "and": lambda a, b: bool(a) and bool(b),
    "or": lambda a, b: bool(a) or bool(b),
    "not": lambda a: not a,
    "select": lambda condition, a, b: a if condition else b,
}
"""What every function is, on numbers."""


def _joining(function: str, swapped: bool = False) -> Callable[[Any, Any], Any]:
    """Method of an operator."""
    if swapped:
        return lambda self, other: self.joined(function, other, self)
    return lambda self, other: self.joined(function, self, other)


def _of_one(function: str) -> Callable[[Any], Any]:
    return lambda self: self.joined(function, self)


class Arithmetic:
    """Python's operators, by one method that joins operands by a function."""

    __slots__ = ()

    __array_ufunc__ = None  # numpy's numbers leave operators to this class

    def joined(self, function: str, *operands: Any) -> Any:
        """What a function of these operands is, at least one of them of this class."""
        return apply(function, *operands)

    __add__, __radd__ = _joining("+"), _joining("+", True)
    __sub__, __rsub__ = _joining("-"), _joining("-", True)
    __mul__, __rmul__ = _joining("*"), _joining("*", True)
    __truediv__, __rtruediv__ = _joining("/"), _joining("/", True)
    __pow__, __rpow__ = _joining("power"), _joining("power", True)
    __neg__, __abs__ = _of_one("negative"), _of_one("abs")


class Formula(Arithmetic):
    """One of them; see the module.

    Attributes
    ----------
    function : str
        A key of `FUNCTIONS`, ``number``, or the kind of a name: ``voltage``, ``state``, ``unknown``, ``parameter``.
    arguments : tuple
        Formulas; of a number its value, of a name its text.
    """

    __slots__ = ("__weakref__", "arguments", "function")
    _known: ClassVar[WeakValueDictionary[tuple[Any, ...], Formula]] = WeakValueDictionary()

    function: str
    arguments: tuple[Any, ...]

    def __new__(cls, function: str, *arguments: Any) -> Formula:
        """Return the one formula of this kind."""
        key = (function, *((math.copysign(1.0, arguments[0]),) if function == "number" else ()), *arguments)
        found = Formula._known.get(key)
        if found is None:
            found = object.__new__(cls)
            found.function, found.arguments = function, arguments
            Formula._known[key] = found
        return found

    @property
    def is_condition(self) -> bool:
        """Whether it is true or false."""
        if self.function == "select":
            return bool(self.arguments[1].is_condition)
        return self.function in BOOLEAN

    @property
    def number(self) -> float | None:
        """Its value where it is a number."""
        return float(self.arguments[0]) if self.function == "number" else None

    @property
    def parts(self) -> tuple[Formula, ...]:
        """Formulas that it is a function of."""
        return self.arguments if self.function in FUNCTIONS else ()


def formula(value: Any) -> Formula:
    """A number as a formula; a formula as it is."""
    return value if isinstance(value, Formula) else Formula("number", float(value))


def apply(function: str, *values: Any) -> Formula:
    """A function of formulas or numbers, simplified."""
    arguments = tuple(formula(value) for value in values)
    numbers = [argument.number for argument in arguments]
    if function == "select":
        return _select(*arguments)
    if all(number is not None for number in numbers):
        with np.errstate(all="ignore"):
            return formula(FUNCTIONS[function](*numbers))
    return _simpler(function, arguments, numbers) or Formula(function, *arguments)


def _select(condition: Formula, a: Formula, b: Formula) -> Formula:
    if condition.number is not None:
        return a if condition.number else b
    return a if a is b else Formula("select", condition, a, b)


def _simpler(function: str, arguments: tuple[Formula, ...], numbers: list[float | None]) -> Formula | None:
    """What is left where a part does nothing; None where all of it counts."""
    if function in ("+", "*"):
        neutral = 0.0 if function == "+" else 1.0
        if 0.0 in numbers and function == "*":
            return formula(0.0)
        if neutral in numbers:
            return arguments[1 - numbers.index(neutral)]
    elif (function == "-" and numbers[1] == 0.0) or (function in ("/", "power") and numbers[1] == 1.0):
        return arguments[0]
    elif function == "-" and numbers[0] == 0.0:
        return apply("negative", arguments[1])
    elif function == "/" and numbers[0] == 0.0:
        return formula(0.0)
    elif function == "negative" and arguments[0].function == "negative":
        return arguments[0].parts[0]
    elif function == "abs" and arguments[0].function == "abs":
        return arguments[0]
    elif function in ("and", "or"):
        for mine, other in ((0, 1), (1, 0)):
            if numbers[mine] is not None:
                decides = (numbers[mine] == 0.0) == (function == "and")
                return arguments[mine] if decides else arguments[other]
    elif function == "not" and arguments[0].function == "not":
        return arguments[0].parts[0]
    elif function == "power" and numbers[1] == 0.0:
        return formula(1.0)
    return None


def ordered(*roots: Formula) -> list[Formula]:
    """Every formula within some, parts before what they are parts of."""
    seen: dict[Formula, None] = {}
    stack: list[tuple[Formula, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        one, done = stack.pop()
        if done:
            seen[one] = None
        elif one not in seen:
            stack.append((one, True))
            stack += [(part, False) for part in reversed(one.parts)]
    return list(seen)


def names(kind: str, *roots: Formula) -> list[str]:
    """Names of one kind within formulas, in the order in which they occur."""
    return [one.arguments[0] for one in ordered(*roots) if one.function == kind]


def evaluate(root: Formula, values: Mapping[str, Any]) -> Any:
    """Value of a formula at values of its names: of parameters by name, else by kind and name (``state x``)."""
    known: dict[Formula, Any] = {}
    with np.errstate(all="ignore"):
        for one in ordered(root):
            if one.function == "number":
                known[one] = one.arguments[0]
            elif one.function in FUNCTIONS:
                known[one] = FUNCTIONS[one.function](*(known[part] for part in one.parts))
            else:
                name = str(one.arguments[0])
                known[one] = values[name if one.function == "parameter" else f"{one.function} {name}"]
    return known[root]


def replaced(root: Formula, new: Mapping[Formula, Formula]) -> Formula:
    """A formula with others in place of some of its parts."""
    known: dict[Formula, Formula] = {}
    for one in ordered(root):
        if one in new:
            known[one] = new[one]
        elif one.parts:
            known[one] = apply(one.function, *(known[part] for part in one.parts))
        else:
            known[one] = one
    return known[root]
