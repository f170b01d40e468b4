"""Fit the pulse-step dynamics of Brivio et al. (2021), `sim:rram`: L-HB, NL-SB, NL-HB.

The weight moves with the number of pulses, so amplitude and width are not parameters: the thresholds of the preset are
the smallest amplitudes of the train. G = g_min + w (g_max - g_min) is a straight line in w, so that g_min and g_max of
a start follow from linear least squares.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from sim.cells.rram import RramParameters
from sim.fitting.data import Measurement
from sim.fitting.filters import ENTRIES, Innovations, ReadAlong, Spread, filter_rram
from sim.fitting.model import Model, ModelDrive, Values, unsaturated
from sim.fitting.parameter import Parameter
from sim.fitting.trace import rram_weights

Dynamics = Literal["lhb", "nlsb", "nlhb"]

TITLES: dict[Dynamics, str] = {"lhb": "L-HB", "nlsb": "NL-SB", "nlhb": "NL-HB"}
"""Names of the paper."""

_RATE, _SHAPE, _SPAN, _WINDOW, _START = "rate", "non-linearity", "number of pulses", "window", "initial state"


class RramModel(Model):
    """One of the three dynamics, on a train or a sweep."""

    kind, state = "rram", "w0"
    filters = True

    def __init__(self, name: Dynamics, measurement: Measurement) -> None:
        """Find the direction of potentiation, and which parameters the measurement can tell at all."""
        super().__init__(measurement)
        self.name, self.title = name, TITLES[name]
        self._drive = ModelDrive(measurement, raises=1.0)
        up, down = self._drive.amplitudes(1), self._drive.amplitudes(-1)
        if not len(up) and not len(down):
            raise InputError(f"{measurement.source}: {self.title} counts pulses, and there are none")
        if self._drive.sign < 0:
            self.notes.append(
                "positive pulses lower the conductance here and raise it in sim:rram: "
                "the preset is the cell with its terminals swapped"
            )
        self._thresholds = v_set, v_reset = self._smallest(up, down), self._smallest(down, up)
        self._cell = RramParameters.model_construct(model=name, v_set=v_set, v_reset=v_reset)
        self.parameters = tuple(self._parameters(bool(len(up)), bool(len(down))))

    def _smallest(self, own: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        """Threshold of one direction, V; of a sweep, half its peak."""
        found = own if len(own) else other
        return float(found[-1] / 2 if self.measurement.kind == "sweep" else found[0])

    def _parameters(self, up: bool, down: bool) -> Iterable[Parameter]:
        g = self.measurement.conductance
        middle = float(np.percentile(g, (10, 90)).mean())  # outliers must not shut out the truth
        for suffix, driven, absent in (("", up, "potentiation"), ("_dep", down, "depression")):
            if not driven:
                self.notes.append(f"no {absent} in the data: the preset gives it the values of the other direction")
                continue
            yield Parameter(f"alpha{suffix}", "", 1e-7, 1.0, _RATE, ends=(False, True))
            if self.name != "lhb":
                yield Parameter(f"gamma{suffix}", "", 1.0, 15.0, _SHAPE, ends=(True, False))
            if self.name == "nlhb":
                run = max(self._drive.longest_run(-1 if suffix else 1), 2)
                yield Parameter(f"nstop{suffix}", "", 1.0, 100.0 * run, _SPAN)
        yield Parameter("g_min", "S", 1e-3 * g.min(), middle, _WINDOW)
        yield Parameter("g_max", "S", middle, 30.0 * g.max(), _WINDOW)
        alone = "only {} in the data, taken to begin at its bound"
        began = list(self.started(Parameter("w0", "", 0.0, 1.0, _START, ends=(True, True))))
        if not (up and down):
            firsts = [g[first] for first, _ in self.measurement.readings]
            k = int(np.argmin(firsts) if up else np.argmax(firsts))
            why = alone.format("potentiation" if up else "depression")
            began[k] = replace(began[k], held=0.0 if up else 1.0, why=why)
        yield from began

    def starts(self) -> Iterable[dict[str, float]]:
        """A grid over shape, rate and span; the window by linear least squares."""
        g = self.measurement.conductance
        runs = [max(self._drive.longest_run(sign), 1) for sign in (1, -1)]
        gammas = (1.0,) if self.name == "lhb" else (1.05, 2.0, 4.0)
        spans = (0.5, 1.0, 2.0) if self.name == "nlhb" else (1.0,)
        low, high = g.min(), g.max()
        span = (high - low) or 1.0
        began = {
            name: float(np.clip((g[first] - low) / span, 0.0, 1.0))
            for name, (first, _) in zip(self.states, self.measurement.readings, strict=True)
        }
        for reach, gamma, gamma_dep, span, span_dep in product(
            (0.5, 1.0, 2.0, 5.0, 15.0), gammas, gammas, spans, spans
        ):
            values = {
                "alpha": min(reach / runs[0], 1.0),
                "alpha_dep": min(reach / runs[1], 1.0),
                "gamma": gamma,
                "gamma_dep": gamma_dep,
                "nstop": max(span * runs[0], 2.0),
                "nstop_dep": max(span_dep * runs[1], 2.0),
                **began,
            }
            wanted = {p.name: values.get(p.name, 0.0) if p.held is None else p.held for p in self.parameters}
            window = np.linalg.lstsq(*self._line(wanted, g), rcond=None)[0]
            wanted["g_min"], wanted["g_max"] = float(window[0]), float(window[0] + window[1])
            yield wanted

    def ends(self) -> dict[str, float]:
        """Conductances of the bounds, S."""
        low, high = np.percentile(self.measurement.conductance, (2, 98)).tolist()
        return {"g_min": low, "g_max": high}

    def curve(self, values: Values) -> NDArray[np.float64]:
        """Conductances at the readings, S."""
        return values["g_min"] + self._weights(values) * (values["g_max"] - values["g_min"])

    def filtered(self, values: Values, seen: ReadAlong, spread: Spread, scale: float) -> Innovations:
        """What every reading is off by; G is a straight line in w."""
        table = np.linspace(values["g_min"], values["g_max"], ENTRIES) / scale
        return filter_rram(self._with(values), self._drive.play, seen, spread, table)

    def preset(self, values: Values) -> dict[str, Any]:
        """Parameters of `sim:rram` and of the emulator's step cells."""
        v_set, v_reset = self._thresholds
        highest = float(np.abs(self.measurement.voltage).max())
        room = {"v_max": highest} if highest > 5.0 else {}
        cell = {name: value for name, value in self._mirrored(values).items() if name not in self.states}
        return {"model": self.name, **cell, "v_set": v_set, "v_reset": v_reset, **room}

    def doubts(self, values: Values) -> list[str]:
        """Say so if a weight with hard bounds never meets them."""
        return unsaturated(self._weights(values)) if self.name != "nlsb" else []

    def _mirrored(self, values: Values) -> dict[str, float]:
        """Give potentiation the values of depression where there was none; `RramParameters` does the opposite."""
        if "alpha" in values:
            return dict(values)
        return {name.removesuffix("_dep"): value for name, value in values.items()}

    def _weights(self, values: Values) -> NDArray[np.float64]:
        return rram_weights(self._with(values), self._drive.play, self.starting(values))[self.measurement.seen]

    def _with(self, values: Values) -> RramParameters:
        return self._cell.model_copy(update=self._mirrored(values))

    def _line(self, values: Values, g: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Relative deviations of a straight line in w, as a linear problem."""
        w = self._weights(values)
        return np.stack([np.ones_like(w), w], axis=1) / g[:, None], np.ones_like(g)


def lhb(measurement: Measurement, order: int = 1) -> Model:
    """Linear steps between hard bounds."""
    return RramModel("lhb", measurement)


def nlsb(measurement: Measurement, order: int = 1) -> Model:
    """Non-linear steps towards soft bounds."""
    return RramModel("nlsb", measurement)


def nlhb(measurement: Measurement, order: int = 1) -> Model:
    """Non-linear steps between hard bounds."""
    return RramModel("nlhb", measurement)
