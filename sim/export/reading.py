"""Reads what a Python function computes, and returns it as formulas: the laws' own code is their only description.

A function may assign, branch, call other such functions, and loop over ranges that are known; a branch on a formula
becomes a choice between what its two sides lead to. A function that iterates must say which equation it solves
(`sim.cells.equations.solution_of`): its result becomes an unknown with that equation. Everything else is refused by
name and line.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hil.device import Unsupported
from sim.cells.equations import solved_by
from sim.export.expression import Formula, apply, formula
from sim.export.frame import Frame, Results, Undefined, python_function

DEEPEST = 50
"""Calls within calls."""


def _names_of() -> dict[Any, str]:
    """What the functions of numpy, math and Python are called among formulas."""
    known = {
        np.negative: "negative", np.absolute: "abs", np.abs: "abs", abs: "abs", math.fabs: "abs", np.sign: "sign",
        np.power: "power", math.pow: "power", pow: "power", np.log: "ln", math.log: "ln",
        np.arcsin: "asin", np.arccos: "acos", np.arctan: "atan", np.minimum: "min", np.maximum: "max",
        np.fmin: "min", np.fmax: "max", np.where: "select",
    }  # fmt: skip
    for name in ("exp", "expm1", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh"):
        known |= {getattr(np, name): name, getattr(math, name): name}
    return known | {getattr(math, name): name for name in ("asin", "acos", "atan")}


_KNOWN = _names_of()


@dataclass
class Unknown:
    """What a function would find by iterating.

    Attributes
    ----------
    name : str
        Of the unknown, in formulas of the kind ``unknown``.
    scale : float
        Its typical magnitude.
    residual : Formula
        0 at the solution, in the unknown's unit.
    """

    name: str
    scale: float
    residual: Formula


@dataclass
class Reader:
    """Follows functions; unknowns that come up are collected in `unknowns`."""

    unknowns: list[Unknown] = field(default_factory=list)
    _solved: dict[Any, Any] = field(default_factory=dict)
    _depth: int = 0

    def value(self, function: Any, *arguments: Any) -> Any:
        """What a function returns: a formula, or a tuple of them."""
        return Frame.of(self, function, arguments).run()

    def written(self, function: Any, size: int, *arguments: Any) -> list[Formula]:
        """What a function writes to its last argument, an array of `size` numbers."""
        frame = Frame.of(self, function, (*arguments, Results([None] * size)))
        frame.run()
        out = next(value for value in frame.names.values() if isinstance(value, Results))
        for k, entry in enumerate(out):
            if entry is None or isinstance(entry, Undefined):
                raise Unsupported(f"{frame.name} leaves entry {k} of what it is to write without a value")
        return [formula(entry) for entry in out]

    def call(self, function: Any, arguments: Sequence[Any], frame: Frame, node: ast.AST) -> Any:
        """Result of a call within a function that is followed."""
        if (solved := solved_by(function)) is not None:
            return self._root(function, solved.equation, solved.scales, arguments)
        symbolic = any(isinstance(x, Formula) for x in arguments)
        if (name := _known(function)) is not None:
            return apply(name, *arguments) if symbolic else function(*arguments)
        if function in (min, max):
            return _folded("min" if function is min else "max", arguments) if symbolic else function(*arguments)
        if function is np.hypot:
            return apply("sqrt", arguments[0] * arguments[0] + arguments[1] * arguments[1])
        if function in (float, np.float64) and symbolic:
            return arguments[0]
        if function in (len, range, float, int, bool, round, np.float64) and not symbolic:
            return function(*arguments)
        if python_function(function) is None:
            frame.refuse(node, f"calls {getattr(function, '__name__', function)!s}, which has no counterpart")
        self._depth += 1
        if self._depth > DEEPEST:
            frame.refuse(node, f"calls more than {DEEPEST} functions within each other")
        try:
            inner = Frame.of(self, function, arguments)
            return inner.run()
        finally:
            self._depth -= 1

    def _root(self, function: Any, equation: Any, scales: tuple[float, ...], arguments: Sequence[Any]) -> Any:
        """Unknowns in the place of what a function would find by iterating; the same ones for the same call."""
        key = (function, tuple(_hashable(x) for x in arguments))
        if key not in self._solved:
            first = len(self.unknowns)
            found = [Formula("unknown", f"u{first + k}") for k in range(len(scales))]
            self.unknowns += [Unknown(f"u{first + k}", s, formula(0.0)) for k, s in enumerate(scales)]
            rest = self.value(equation, *found, *arguments)
            for k, one in enumerate(rest if isinstance(rest, tuple) else (rest,)):
                self.unknowns[first + k].residual = formula(one)
            self._solved[key] = tuple(found) if len(found) > 1 else found[0]
        return self._solved[key]


def _known(function: Any) -> str | None:
    try:
        return _KNOWN.get(function)
    except TypeError:
        return None


def _hashable(value: Any) -> Any:
    return tuple(_hashable(x) for x in value) if isinstance(value, list | tuple) else value


def _folded(function: str, arguments: Sequence[Any]) -> Any:
    """A function of two, of many."""
    everything = list(arguments[0]) if len(arguments) == 1 else list(arguments)
    result = everything[0]
    for other in everything[1:]:
        result = apply(function, result, other)
    return result
