"""Fit any simulated law, by what its parameters say of themselves: default, range, unit, description.

`hil fit --model NAME` takes every kind of ``sim:`` that is an array of a law; models of ``sim.fits`` know more of their
own (which parameters some data can tell, where to start) and go first. Here every parameter that is a number is
fitted, from a thousandth to a thousand times its default, or as far as its own range goes; the parameter that puts the
programmed state where a pristine cell has it is where the measurement began. Hold what is known with ``--fix``: data
that do not tell a parameter are reported as such, not as a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic.fields import FieldInfo

from hil.backends import DeviceKind
from hil.errors import InputError
from hil.limits import LimitError
from sim.cells.law import Law
from sim.crossbar.parameters import JoinedParameters
from sim.fitting.data import Measurement
from sim.fitting.model import Model, ModelDrive, Values
from sim.fitting.parameter import Parameter
from sim.fitting.trace import segments

SEED = 20261
"""Of the search for starts, so that a fit is the same whenever it is made."""

GENERATIONS = 30
"""Of a search, at most."""

REACH = 1e3
"""Factor on a default, up and down, within which a parameter is searched where it has no range of its own."""

_HOPELESS = 1e3
"""Squared logarithm that stands for conductances that a law cannot have."""


class LawModel(Model):
    """Any law of the catalogue on a measurement."""

    def __init__(self, kind: DeviceKind, measurement: Measurement) -> None:
        """Find the parameters, and which way round the cell is."""
        super().__init__(measurement)
        if not issubclass(kind.parameters, JoinedParameters):
            raise InputError(f"sim:{kind.name} is no array of cells of one law: it cannot be fitted")
        self.name = self.kind = kind.name
        self.title, self.generations = kind.summary, 2 * GENERATIONS
        self._law_type, self._cell = kind.parameters.law_type, kind.parameters.cell_type()
        self._fields = {
            name: field
            for name, field in type(self._cell).model_fields.items()
            if isinstance(getattr(self._cell, name), float)
        }
        self.state = self._pristine_parameter()
        self._drive = ModelDrive(measurement, raises=self._raises())
        if self._drive.sign < 0:
            self.notes.append(
                f"sim:{self.kind} moves the other way here: the preset is the cell with its terminals swapped"
            )
        self.parameters = tuple(self._parameters())

    def starts(self) -> Iterable[dict[str, float]]:
        """Differential evolution over all parameters, of one sign in logarithms."""
        from scipy.optimize import differential_evolution

        free, seen = self.free, self.measurement.conductance
        held = {p.name: p.held for p in self.parameters if p.held is not None}
        low, high = np.array([p.low for p in free]), np.array([p.high for p in free])
        wide = (low * high > 0) & (np.maximum(np.abs(low), np.abs(high)) > 20 * np.minimum(np.abs(low), np.abs(high)))
        ends = np.sort([np.where(wide, np.log(np.abs(end) + ~wide), end) for end in (low, high)], axis=0).T

        def values(x: NDArray[np.float64]) -> dict[str, float]:
            found = np.clip(np.where(wide, np.sign(high) * np.exp(np.where(wide, x, 0.0)), x), low, high)
            return {**held, **{p.name: float(v) for p, v in zip(free, found, strict=True)}}

        def misfit(x: NDArray[np.float64]) -> float:
            with np.errstate(all="ignore"):
                off = np.log(np.abs(self.curve(values(x))) / seen) ** 2
            return float(np.mean(np.where(np.isfinite(off), off, _HOPELESS)))

        for seed in (SEED, SEED + 1):
            found = differential_evolution(
                misfit, ends, rng=seed, popsize=8, maxiter=GENERATIONS, tol=1e-4, polish=False,
                callback=lambda *_, **__: self.watch(),
            )  # fmt: skip
            yield values(found.x)

    def curve(self, values: Values) -> NDArray[np.float64]:
        """Conductances at the readings, S; where a law leaves the range of numbers, such as no data have."""
        law, m = self._law(values), self.measurement
        try:
            states = law.trace(self._drive.play, self.starting(values))
        except LimitError:
            return np.full(len(m), 1e6 * float(m.conductance.max()))
        v = np.where(np.isnan(m.read_voltage), law.read_voltage, self._drive.sign * m.read_voltage)[None]
        i = law.current(v, {name: np.ascontiguousarray(state[:, m.seen]) for name, state in states.items()})
        return (i / v)[0]

    def preset(self, values: Values) -> dict[str, Any]:
        """Parameters of the simulated kind."""
        highest = float(np.abs(self.measurement.voltage).max())
        room = {"v_max": highest} if highest > 5.0 else {}
        return {name: value for name, value in values.items() if name not in self.states} | room

    def _law(self, values: Values) -> Law[Any]:
        own = {name: float(value) for name, value in values.items() if name in self._fields}
        return self._law_type(self._cell.model_copy(update=own))

    def _pristine_parameter(self) -> str:
        """Parameter that moves where the programmed state of a pristine cell is."""

        def pristine(values: Values) -> float:
            law = self._law(values)
            return next(state.pristine for state in law.states if state.name == law.programmed)

        for name in self._fields:
            value = getattr(self._cell, name)
            if pristine({name: 0.9 * value + 1e-3}) != pristine({}):
                return name
        raise InputError(
            f"sim:{self.kind} has no parameter that puts the state of a pristine cell: it cannot be fitted"
        )

    def _raises(self) -> float:
        """Sign of what a positive voltage does to the conductance of the law as it is by default; 1 if nothing."""
        law = self._law({})
        middle = np.array([next(state.pristine for state in law.states if state.name == law.programmed)])
        for v in 0.1 * 2.0 ** np.arange(7):
            for sign in (1.0, -1.0):
                history = segments(np.array([0.0, sign * v]), np.array([0.0, 1e-3]))
                try:
                    states = law.trace(history, np.array([middle[0], np.nan]))
                except LimitError:
                    continue
                g = law.current(np.full((1, 2), law.read_voltage), states)[0] / law.read_voltage
                if g[1] != g[0]:
                    return float(sign * np.sign(g[1] - g[0]))
        return 1.0

    def _parameters(self) -> Iterable[Parameter]:
        for name, field in self._fields.items():
            parameter = self._parameter(name, field)
            yield from self.started(parameter) if name == self.state else (parameter,)

    def _parameter(self, name: str, field: FieldInfo) -> Parameter:
        default = float(getattr(self._cell, name))
        low, high = sorted((default / REACH, default * REACH)) if default and name != self.state else (-REACH, REACH)
        least, most = _declared(field)
        low, high = max(low, least), min(high, most)
        extra = field.json_schema_extra
        unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
        return Parameter(name, unit, low, high, field.description or name, ends=(low == least, high == most))


def _declared(field: FieldInfo) -> tuple[float, float]:
    """Range of a parameter as its field says it; the number next to an end that is not allowed itself."""
    low, high = -np.inf, np.inf
    for mark in field.metadata:
        for kind in ("ge", "gt", "le", "lt"):
            bound = getattr(mark, kind, None)
            if bound is not None:
                step = {"gt": 1e-9, "lt": -1e-9}.get(kind, 0.0) * max(abs(bound), 1.0)
                low, high = (bound + step, high) if kind in ("ge", "gt") else (low, bound + step)
    return low, high
