"""A cell as other programs are given it: parameters, states with bounds, and formulas of rates and current.

A state x is kept as a voltage of order 1, x = offset + span V. Where it has two bounds they are V = 0 and 1; where it
has one, that is V = 0; else the span is its typical magnitude (`sim.cells.law.Law.magnitudes`).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic.fields import FieldInfo

from hil.device import Unsupported
from sim.cells.law import Law, StateVariable
from sim.export.expression import Formula, apply, evaluate, formula, names, replaced
from sim.export.reading import Reader, Unknown
from sim.export.tracing import Tracing, formulas


@dataclass(frozen=True)
class ExportedParameter:
    """A parameter of the law.

    Attributes
    ----------
    name : str
        In formulas.
    value : float or str
        In SI units.
    unit, description : str
        For the reader.
    bounds : tuple of (float, bool) or None
        Lower and upper bound, each with whether it is itself allowed; None where there is none.
    """

    name: str
    value: float | str
    unit: str
    description: str
    bounds: tuple[tuple[float, bool] | None, tuple[float, bool] | None] = (None, None)


@dataclass(frozen=True)
class ExportedState:
    """A state, x = offset + span V.

    Attributes
    ----------
    name : str
        As in the law.
    offset, span : Formula
        Of parameters.
    start : Formula
        V of a pristine cell.
    low, high : bool
        Whether V is bounded by 0, and by 1.
    rate : Formula
        dx/dt, of the voltage ``v``, states, unknowns and parameters.
    """

    name: str
    offset: Formula
    span: Formula
    start: Formula
    low: bool
    high: bool
    rate: Formula


@dataclass(frozen=True)
class ExportedCell:
    """All that a program needs to know of a cell.

    Attributes
    ----------
    name, summary, source : str
        Of the device, and the text with the law's equations and papers.
    parameters, fixed : tuple of ExportedParameter
        Those that stand in the formulas, and those that became numbers in them or do not occur.
    states : tuple of ExportedState
        Their values in formulas are names of the kind ``state``.
    unknowns : tuple of Unknown
        Solved along with the rest.
    current : Formula
        From plus to minus, A.
    """

    name: str
    summary: str
    source: str
    parameters: tuple[ExportedParameter, ...]
    fixed: tuple[ExportedParameter, ...]
    states: tuple[ExportedState, ...]
    unknowns: tuple[Unknown, ...]
    current: Formula

    def values(self) -> dict[str, float]:
        """Values of the parameters in formulas, by name."""
        return {one.name: float(one.value) for one in self.parameters}


def describe(name: str, summary: str, law: Law[Any]) -> ExportedCell:
    """Read the equations of a law.

    Raises
    ------
    Unsupported
        If it has none, or they cannot be written as formulas; with the reason.
    """
    if law.equations is None:
        raise Unsupported(f"{name} cannot be exported: {law.no_equations}")
    tracing = Tracing.of(law.parameters)
    try:
        traced = type(law)(tracing.parameters)
        constants: list[Any] = formulas(traced.constants())
        states = [_bounds(state) for state in traced.states]
    except (TypeError, AttributeError, ArithmeticError, ValueError):  # what it computes needs numbers
        constants, states = formulas(law.constants()), [_bounds(state) for state in law.states]
        tracing = replace(tracing, held=set(tracing.values))
    variables = [state for state in law.states if not state.per_column]
    states = [bounds for bounds, state in zip(states, law.states, strict=True) if not state.per_column]
    try:
        reader, constants = Reader(), [c if c.number is None else c.number for c in constants]
        v, x = Formula("voltage", "v"), [Formula("state", state.name) for state in variables]
        current = formula(reader.value(law.equations.current, v, x, constants))
        rates = reader.written(law.equations.rate, len(x), v, x, constants)
    except Unsupported as reason:
        raise Unsupported(f"{name} cannot be exported: {reason}") from None
    magnitudes = law.magnitudes()
    exported = [
        _state(state.name, bounds, rate, magnitudes.get(state.name, 1.0))
        for state, bounds, rate in zip(variables, states, rates, strict=True)
    ]
    whole = ExportedCell(name, summary, _source(law), (), (), tuple(exported), tuple(reader.unknowns), current)
    return _with_parameters(whole, law, tracing)


def _source(law: Law[Any]) -> str:
    module = inspect.getmodule(type(law))
    return inspect.cleandoc((module and module.__doc__) or type(law).__doc__ or "")


def _bounds(state: StateVariable) -> tuple[Formula, Formula, Formula]:
    pristine, low, high = formulas((state.pristine, state.low, state.high))
    return pristine, low, high


def _state(name: str, bounds: tuple[Formula, Formula, Formula], rate: Formula, magnitude: float) -> ExportedState:
    pristine, bottom, top = bounds
    low, high = (one.number is None or bool(np.isfinite(one.number)) for one in (bottom, top))
    offset = bottom if low else formula(0.0)
    span = apply("-", top, offset) if high else formula(magnitude)
    return ExportedState(name, offset, span, apply("/", apply("-", pristine, offset), span), low, high, rate)


def _with_parameters(cell: ExportedCell, law: Law[Any], tracing: Tracing) -> ExportedCell:
    """The same with held parameters as numbers, and the lists of both kinds."""
    numbers = {Formula("parameter", name): formula(tracing.values[name]) for name in tracing.held}

    def final(one: Formula) -> Formula:
        return replaced(one, numbers)

    states = tuple(
        replace(s, offset=final(s.offset), span=final(s.span), start=final(s.start), rate=final(s.rate))
        for s in cell.states
    )
    unknowns = tuple(Unknown(u.name, u.scale, final(u.residual)) for u in cell.unknowns)
    current = final(cell.current)
    roots = [current, *(u.residual for u in unknowns)]
    roots += [one for s in states for one in (s.offset, s.span, s.start, s.rate)]
    used, listed = set(names("parameter", *roots)), _listed(law)
    return replace(
        cell, states=states, unknowns=unknowns, current=current,
        parameters=tuple(one for one in listed if one.name in used),
        fixed=tuple(one for one in listed if one.name not in used),
    )  # fmt: skip


def _listed(law: Law[Any]) -> list[ExportedParameter]:
    """All parameters of a law, those of several numbers one by one."""
    found = []
    for name, field in type(law.parameters).model_fields.items():
        value = getattr(law.parameters, name)
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        unit, text = str(extra.get("unit", "")), field.description or ""
        if isinstance(value, tuple):
            found += [ExportedParameter(f"{name}{k}", float(one), unit, text) for k, one in enumerate(value)]
        else:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            shown = float(value) if number else str(value)
            found.append(ExportedParameter(name, shown, unit, text, _allowed(field)))
    return found


def _allowed(field: FieldInfo) -> tuple[tuple[float, bool] | None, tuple[float, bool] | None]:
    """Lower and upper bound of a parameter as its model checks them."""
    ends: Mapping[str, tuple[int, bool]] = {"ge": (0, True), "gt": (0, False), "le": (1, True), "lt": (1, False)}
    found: list[tuple[float, bool] | None] = [None, None]
    for one in field.metadata:
        for name, (side, itself) in ends.items():
            if getattr(one, name, None) is not None:
                found[side] = (float(getattr(one, name)), itself)
    return found[0], found[1]


def state_value(cell: ExportedCell, state: ExportedState) -> tuple[float, float]:
    """Offset and span of a state at the cell's own parameters."""
    values = cell.values()
    return float(evaluate(state.offset, values)), float(evaluate(state.span, values))
