"""Fit any simulated law, by what its parameters say of themselves: default, range, unit, description.

`hil fit --model NAME` takes every kind of ``sim:`` that is an array of a law; models of ``sim.fits`` know more of their
own (which parameters some data can tell, where to start) and go first. Here every parameter that is a number and that
the law calls distinct (`Law.indistinct`) is fitted, within what its unit allows beside the data (`sim.fitting.scales`),
from starts of a search (`sim.fitting.law_search`). What is 0 by default leaves a term out, and stays so unless it is
freed. The parameter that puts the programmed state where a pristine cell has it is where the measurement began.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from hil.backends import DeviceKind
from hil.config import validated
from hil.errors import InputError, nearest
from hil.limits import LimitError
from sim.cells.law import Law, StateVariable
from sim.cells.pulse_parameters import PulseParameters
from sim.cells.rates import RateLaw
from sim.crossbar.parameters import JoinedParameters
from sim.fitting.data import Measurement
from sim.fitting.law_search import QUICK, RESURVEY, SEGMENTS, SLOW, SURVEY, SURVEYED, THOROUGH, Effort, Search, thinned
from sim.fitting.model import Model, ModelDrive, Values
from sim.fitting.parameter import Parameter
from sim.fitting.scales import magnitudes, measured, threshold_currents
from sim.fitting.trace import segments

BEYOND, RATES_BEYOND = 1e3, 1e12
"""Factors by which the bounds of a fit are wider than those of the search: of a parameter without time, and with it."""

READINGS = "add readings at several voltages, up to the highest that the cell bears"
AMPLITUDES = "add pulses or sweeps of several amplitudes, near the threshold and far above it"
SATURATING = "add a train that saturates in both directions"


class LawModel(Model):
    """Any law of the catalogue on a measurement.

    Attributes
    ----------
    curves : int
        How often the law was played so far.
    """

    step = 1e-5
    profiled = False

    def __init__(self, kind: DeviceKind, measurement: Measurement, given: Mapping[str, str] | None = None) -> None:
        """Find the parameters, and which way round the cell is; `given` are parameters as an address has them."""
        super().__init__(measurement)
        if not issubclass(kind.parameters, JoinedParameters):
            raise InputError(f"sim:{kind.name} is no array of cells of one law: it cannot be fitted")
        self.kind, self.curves, self._of, self._given = kind.name, 0, kind, dict(given or {})
        words = [f"{name}={value}" for name, value in self._given.items()]
        self.name = re.sub("[^A-Za-z0-9.]+", "-", "-".join((kind.name, *words)))
        self.title = ", ".join((kind.name, *words))
        self._law_type, self._type = kind.parameters.law_type, kind.parameters.cell_type
        first = {**next(iter(kind.presets.values()), {}), **self._given}
        for name in self._given:
            if name not in self._type.model_fields:
                raise InputError(f"{kind.name} has no parameter '{name}' {nearest(name, self._type.model_fields)}")
        own = {k: v for k, v in first.items() if k in self._type.model_fields}
        self._cell = validated(self._type, own, f"--model {self.address}")
        self._fields = {
            name: field
            for name, field in self._type.model_fields.items()
            if isinstance(getattr(self._cell, name), float)
            and not (issubclass(self._type, PulseParameters) and name in PulseParameters.model_fields)
        }
        self.state = self._pristine_parameter()
        self._drive = self._turned()
        self.slow = self._law_type.roots > 0
        self._spans: dict[str, tuple[float, float]] = {}
        self.parameters = tuple(self._parameters())

    @property
    def plan(self) -> tuple[Effort, ...]:
        """Searches for a start, one after the other until one is good."""
        if self.survey:
            return SURVEY if self.survey == 1 else RESURVEY
        if self._law_type.roots > 1:
            return SLOW
        return THOROUGH if self.thorough and not self.slow else QUICK

    @property
    def generations(self) -> int:
        """Steps of the searches, at most."""
        return sum(effort.generations for effort in self.plan)

    @property
    def address(self) -> str:
        """Name, with what was given as in the address of a device."""
        words = "&".join(f"{name}={value}" for name, value in self._given.items())
        return f"{self.kind}?{words}" if words else self.kind

    @property
    def states(self) -> tuple[str, ...]:
        """Parameters that say where the stretches began; none where a cell always begins pristine."""
        return super().states if self.state else ()

    def starting(self, values: Values) -> NDArray[np.float64]:
        """(T,) state in which the cell is put before a segment that begins a stretch, NaN elsewhere."""
        variable = _programmed(self._law(values))
        if self.state:
            return np.clip(super().starting(values), variable.low, variable.high)
        start = np.full(len(self.measurement.voltage), np.nan)
        start[list(self.measurement.begins)] = variable.pristine
        return start

    def starts(self) -> Iterator[dict[str, float]]:
        """Two searches over all parameters, on a thinned sweep."""
        quick, kept = thinned(self.measurement, SURVEYED if self.survey else SEGMENTS)
        model = self if quick is self.measurement else LawModel(self._of, quick, self._given)
        ranges = [(p, self._spans[p.name]) for p in self.free if p.name not in self.states[1:]]
        sigma = (0.01 * self.measurement.conductance if self.sigma is None else self.sigma)[kept]
        ends = 1.0 / self.measurement.conductance.max(), 1.0 / self.measurement.conductance.min()
        hints = dict(zip(self._window, map(float, ends), strict=False))
        search = Search(
            self._law,
            lambda values: model.curve(self._begun(values)),
            quick,
            ranges,
            self.state,
            self._drive.sign,
            sigma,
            hints,
        )
        held = {p.name: p.held for p in self.parameters if p.held is not None}
        defaults = {name: float(getattr(self._cell, name)) for name in self._fields} | held
        for found in search.starts(held, defaults, self.plan, self.watch):
            yield self._begun(found)
        self.curves += search.curves if model is not self else 0

    def _begun(self, values: Values) -> dict[str, float]:
        """Values with a start for every stretch: that of the first where the search has no other."""
        return {**dict.fromkeys(self.states, values.get(self.state, 0.0)), **values}

    def curve(self, values: Values) -> NDArray[np.float64]:
        """Conductances at the readings, S; where there is no such cell or it leaves float64, such as no data have."""
        m = self.measurement
        self.curves += 1
        try:
            law = self._law(values)
            states = law.trace(self._drive.play, self.starting(values))
        except (LimitError, ArithmeticError):
            return np.full(len(m), 1e6 * float(m.conductance.max()))
        v = np.where(np.isnan(m.read_voltage), law.read_voltage, self._drive.sign * m.read_voltage)[None]
        seen = {name: np.ascontiguousarray(state[:, m.seen]) for name, state in states.items()}
        seen |= {s.name: np.zeros(1) for s in law.states if s.per_column}
        with np.errstate(all="ignore"):
            return (law.current(v, seen) / v)[0]

    def seconds(self) -> float:
        """What one curve takes."""
        values = {p.name: float(getattr(self._cell, p.name, p.low)) for p in self.parameters if p.name in self._fields}
        self.curve(self._begun(values))
        begun = time.monotonic()
        self.curve(self._begun(values))
        return time.monotonic() - begun

    def needed(self) -> int:
        """Curves that a fit plays, about: those of the search, of walks and of the curvature."""
        count = len(self.free)
        searched = (
            e.population * count * (e.generations + 1) + (e.walks * e.walk // 2) * (count + 1) for e in self.plan
        )
        return sum(searched) + 20 * (count + 1)

    def preset(self, values: Values) -> dict[str, Any]:
        """Parameters of the simulated kind, the programming pulses among them: those of the data."""
        highest = float(np.abs(self.measurement.voltage).max())
        room = {"v_max": highest} if highest > 5.0 else {}
        variable, own = _programmed(self._law(values)), self._own(values)
        cell = self._cell.model_copy(update=own).model_dump(include=set(self._type.model_fields))
        if self.state:
            pristine = float(np.clip(cell.pop(self.state), variable.low, variable.high))
            default = float(getattr(self._type(), self.state))
            cell |= {} if variable.low <= default <= variable.high else {self.state: pristine}
        return {**cell, **self._pulses(), **room}

    def remedy(self, *names: str) -> str:
        """Measurement that would tell parameters, by what they are of."""
        if set(names) & set(self.states):
            return SATURATING
        law = self._law({})
        return READINGS if all(self._touches(name, law, rates=False) for name in names) else AMPLITUDES

    def _pulses(self) -> dict[str, float]:
        """The highest voltage of either sign and the usual width, where the law has such parameters."""
        if not issubclass(self._type, PulseParameters):
            return {}
        up, down = self._drive.amplitudes(1), self._drive.amplitudes(-1)
        found = {"v_set": up[-1:], "v_reset": down[-1:]}
        return {
            **{name: float(value[0]) for name, value in found.items() if len(value)},
            "t_pulse": float(np.median(self.measurement.duration[self.measurement.pulses != 0])),
        } if len(up) or len(down) else {}  # fmt: skip

    def _own(self, values: Values) -> dict[str, float]:
        return {name: float(value) for name, value in values.items() if name in self._fields}

    def _law(self, values: Values) -> Law[Any]:
        """The law with these values; `LimitError` where it allows none such."""
        own = self._own(values)
        cell = self._cell.model_copy(update=own)
        if self.state:
            variable = _programmed(self._law_type(cell))
            start = float(np.clip(getattr(cell, self.state), variable.low, variable.high))
            cell = cell.model_copy(update={self.state: start})
        try:
            return self._law_type(self._type.model_validate(cell.model_dump()))
        except (ValidationError, ArithmeticError):
            raise LimitError(f"sim:{self.kind} has no cell with these values") from None

    def _pristine_parameter(self) -> str:
        """Parameter that moves where the programmed state of a pristine cell is; empty where there is none."""
        before = _programmed(self._law_type(self._cell)).pristine
        for name in self._fields:
            changed = self._cell.model_copy(update={name: 0.9 * getattr(self._cell, name) + 1e-12})
            if _programmed(self._law_type(changed)).pristine != before:
                return name
        return ""

    def _turned(self) -> ModelDrive:
        """Voltages as the law takes them: its own parameter `set` turns the cell round where it has one."""
        raises, field = self._raises(), self._type.model_fields.get("set")
        drive = ModelDrive(self.measurement, raises)
        if drive.sign > 0:
            return drive
        if field is not None and get_args(field.annotation):
            (other,) = (choice for choice in get_args(field.annotation) if choice != getattr(self._cell, "set"))  # noqa: B009
            self._cell = self._cell.model_copy(update={"set": other})
            return ModelDrive(self.measurement, -raises)
        self.notes.append(
            f"sim:{self.kind} moves the other way here: the preset is the cell with its terminals swapped"
        )
        return drive

    def _raises(self) -> float:
        """Sign of what a positive voltage does to the conductance of the law as it is by default; 0 for no matter."""
        law = self._law_type(self._cell)
        variable = _programmed(law)
        middle = 0.5 * (variable.low + variable.high) if np.isfinite(variable.high - variable.low) else 0.0
        for v in 0.1 * 2.0 ** np.arange(7):
            change = []
            for sign in (1.0, -1.0):
                history = segments(np.array([0.0, sign * v]), np.array([0.0, 1e-3]))
                try:
                    states = law.trace(history, np.array([middle, np.nan]))
                except LimitError:
                    change.append(0.0)
                    continue
                states = states | {s.name: np.zeros(1) for s in law.states if s.per_column}
                g = law.current(np.full((1, 2), law.read_voltage), states)[0] / law.read_voltage
                change.append(float(sign * np.sign(g[1] - g[0])))
            if any(change):
                return 0.5 * sum(change) if all(change) else sum(change)
        return 1.0

    def _parameters(self) -> Iterable[Parameter]:
        law, scales = self._law({}), measured(self.measurement)
        ohms = [n for n, f in self._fields.items() if _unit(f) == "ohm" and n != self.state]
        self._window = sorted(ohms, key=lambda n: float(getattr(self._cell, n))) if len(ohms) == 2 else []
        for name, field in self._fields.items():
            parameter, self._spans[name] = self._parameter(name, field, scales, law)
            yield from self.started(parameter) if name == self.state else (parameter,)

    def _parameter(
        self, name: str, field: FieldInfo, scales: dict[str, tuple[float, float]], law: Law[Any]
    ) -> tuple[Parameter, tuple[float, float]]:
        """A parameter with the bounds of the fit, and between what it is searched."""
        default, (least, most) = float(getattr(self._cell, name)), _declared(field)
        unit = _unit(field)
        about = abs(default) or (1.0 if not np.isfinite(most) else float(most))
        small, large = magnitudes(unit, about, scales)
        if unit == "A" and not self._touches(name, law, rates=False):
            small, large = threshold_currents(self.measurement)
        if name in self._window:
            middle = float(1.0 / np.sqrt(np.percentile(self.measurement.conductance, (10, 90)).prod()))
            small, large = (small, middle) if name == self._window[0] else (middle, large)
        wider = RATES_BEYOND if "s" in unit.replace("(", " ").replace(")", " ").replace("/", " ").split() else BEYOND
        low, high = small / wider, large * wider
        scale = 0.1 * float(np.sqrt(small * large)) if large <= 1e4 * small else 0.0
        if default < 0:
            small, large, low, high = -large, -small, -high, -low
        elif name == self.state and least < 0:
            low = -high
        span = (max(small, least), min(large, most))
        low, high = (least, most) if np.isfinite(most - least) else (max(low, least), min(high, most))
        if low <= 0 <= high and (default == 0.0 or name == self.state or np.isfinite(most)):
            span = (low, high)
        why = "given" if name in self._given else law.indistinct.get(name, "")
        if name != self.state and not why:
            why = (
                "0 leaves its term out" if default == 0.0
                else "" if self._touches(name, law) else "nothing in these data depends on it"
            )  # fmt: skip
        held, words, ends = default if why else None, field.description or name, (low == least, high == most)
        return Parameter(name, unit, low, high, words, held, why, ends, scale=scale if low * high > 0 else None), span

    def _touches(self, name: str, law: Law[Any], rates: bool = True) -> bool:
        """Whether a parameter changes bounds or current, or rates, at voltages of the signs of the data."""
        return any(self._touched(name, factor, law, rates) for factor in (1.01, 2.0, 0.5))

    def _touched(self, name: str, factor: float, law: Law[Any], rates: bool) -> bool:
        try:
            other = self._law({name: factor * float(getattr(self._cell, name))})
        except LimitError:
            return False
        if not isinstance(law, RateLaw) or not isinstance(other, RateLaw) or law.states != other.states:
            return True
        x = np.array([s.pristine for s in law.states])
        moved, variable = [s.name for s in law.states].index(law.programmed), _programmed(law)
        volts = np.unique(self._drive.voltage)
        signs = {float(s) for s in np.sign(volts)} - {0.0}
        peak = float(np.abs(volts).max(initial=0.0)) or 1.0
        with np.errstate(all="ignore"):
            for share in (0.2, 0.5, 0.8):
                if np.isfinite(variable.high - variable.low):
                    x[moved] = variable.low + share * (variable.high - variable.low)
                state = {s.name: np.full((1, 1), at) for s, at in zip(law.states, x, strict=True)}
                for v in [0.0, *np.outer(sorted(signs), peak * np.geomspace(0.03, 1e3, 19)).ravel()]:
                    here = np.full((1, 1), v)
                    if not np.array_equal(law.current(here, state), other.current(here, state)):
                        return True
                    if rates and not np.array_equal(law.velocity(float(v), x), other.velocity(float(v), x)):
                        return True
        return False


def _programmed(law: Law[Any]) -> StateVariable:
    return next(state for state in law.states if state.name == law.programmed)


def _unit(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _declared(field: FieldInfo) -> tuple[float, float]:
    """Range of a parameter as its field says it; the number next to an end that is not allowed itself."""
    low, high = -np.inf, np.inf
    for mark in field.metadata:
        for kind in ("ge", "gt", "le", "lt"):
            bound = getattr(mark, kind, None)
            if bound is not None:
                step = {"gt": 1e-9, "lt": -1e-9}.get(kind, 0.0) * abs(bound)
                low, high = (bound + step, high) if kind in ("ge", "gt") else (low, bound + step)
    return low, high
