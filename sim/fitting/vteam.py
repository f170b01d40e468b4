"""Fit VTEAM (Kvatinsky et al. 2015), `sim:vteam`, with or without a window.

One amplitude gives one rate, and a rate has three parameters (threshold, k, exponent). In a direction with one
amplitude threshold and exponent are held, with two the exponent; from three on all are fitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from sim.cells.vteam import VteamParameters
from sim.fitting.data import Measurement
from sim.fitting.filters import ENTRIES, Innovations, ReadAlong, Spread, filter_vteam
from sim.fitting.model import Model, ModelDrive, Values, unsaturated
from sim.fitting.parameter import Parameter
from sim.fitting.trace import vteam_states

SEED = 20150
"""Of the search for thresholds, so that a fit is the same whenever it is made."""

GENERATIONS = 40
"""Of that search, at most."""


class VteamModel(Model):
    """Thresholds, rates and resistances of a cell, on a train or a sweep."""

    kind, state = "vteam", "x0"
    renamed = VteamParameters.renamed
    filters = True

    def __init__(self, window: Literal["none", "biolek"], measurement: Measurement) -> None:
        """Find the sign that switches on, and count the amplitudes of either sign."""
        super().__init__(measurement)
        self._window, self._cell = window, VteamParameters.model_construct(window=window)
        self.name = "vteam" if window == "none" else f"vteam-{window}"
        self.title = "VTEAM" if window == "none" else f"VTEAM, {window.capitalize()} window"
        self._drive = ModelDrive(measurement, raises=-1.0)
        if not np.any(measurement.voltage):
            raise InputError(f"{measurement.source}: VTEAM moves by voltages, and there are none")
        self.parameters = tuple(self._parameters())

    def _parameters(self) -> Iterable[Parameter]:
        ohm = 1.0 / self.measurement.conductance
        middle = float(np.sqrt(np.percentile(ohm, (10, 90)).prod()))
        for side, sign in (("off", 1), ("on", -1)):
            yield from self._direction(side, sign)
        yield Parameter("r_on", "ohm", 1e-3 * ohm.min(), middle, "window")
        yield Parameter("r_off", "ohm", middle, 1e3 * ohm.max(), "window")
        yield from self.started(Parameter("x0", "", 0.0, 1.0, "initial state", ends=(True, True)))
        if self._window == "biolek":
            yield Parameter("p", "", 0.5, 50.0, "window exponent", ends=(True, True))

    def _direction(self, side: str, sign: int) -> Iterable[Parameter]:
        found = self._drive.amplitudes(sign)
        if not len(found):
            self.notes.append(f"no voltage switches {side}: the preset has no threshold within reach there")
            beyond = sign * 2.0 * float(np.abs(self._drive.voltage).max())
            yield Parameter(f"v_{side}", "V", -1e6, 1e6, "threshold", beyond, "not driven")
            yield Parameter(f"k_{side}", "1/s", -1e15, 1e15, "rate", sign * 1.0, "not driven")
            yield Parameter(f"alpha_{side}", "", 0.05, 20.0, "exponent", 1.0, "not driven")
            return
        enough = f"{len(found)} amplitude{'s' if len(found) > 1 else ''} in this direction; {{}} would tell it"
        held = {1: {f"v_{side}": sign * found[0] / 2, f"alpha_{side}": 1.0}, 2: {f"alpha_{side}": 1.0}}.get(
            len(found), {}
        )
        if held:
            self.notes.append(
                f"{len(found)} amplitude{'s' if len(found) > 1 else ''} switch{'es' * (len(found) < 2)} {side}: "
                f"{' and '.join(held)} {'are' if len(held) > 1 else 'is'} held; "
                f"add a {'second' if len(found) == 1 else 'third'} amplitude to fit "
                f"{'them' if len(held) > 1 else 'it'}"
            )
        whys = {1: enough.format("more"), 2: enough.format("a third")}
        fast = 30.0 / float(np.min(self.measurement.duration[self.measurement.duration > 0]))
        for name, unit, role, span in (
            (f"v_{side}", "V", "threshold", (0.01 * found[0], found[-1])),
            (f"k_{side}", "1/s", "rate", (1e-6 / float(self.measurement.duration.sum()), 1e6 * fast)),
            (f"alpha_{side}", "", "exponent", (0.05, 20.0)),
        ):
            low, high = sorted(sign * x for x in span) if role != "exponent" else span
            value = held.get(name)
            yield Parameter(name, unit, low, high, role, value, "" if value is None else whys[len(found)])

    @property
    def generations(self) -> int:
        """Steps of two searches."""
        return 2 * GENERATIONS

    def starts(self) -> Iterable[dict[str, float]]:
        """Differential evolution over thresholds, rates and exponents; resistances by non-negative least squares.

        Searched is the rate at the highest amplitude, which the data tell, in place of k, which they tell only
        together with threshold and exponent.
        """
        from scipy.optimize import differential_evolution

        searched = [p for p in self.free if p.role != "window" and p.name not in self.states[1:]]
        held = {p.name: p.held for p in self.parameters if p.held is not None}
        m = self.measurement
        rates = 0.01 / float(m.duration.sum()), 300.0 / float(np.min(m.duration[m.duration > 0]))
        ranges = {"rate": np.log(rates), "exponent": np.log((0.3, 12.0))}
        highest = {sign: float(found[-1]) for sign in (1, -1) if len(found := self._drive.amplitudes(sign))}
        bounds = [tuple(ranges[p.role]) if p.role in ranges else (p.low, p.high) for p in searched]

        def values(x: NDArray[np.float64]) -> dict[str, float]:
            trial = held | {
                p.name: float(np.exp(v) if p.role in ranges else v) for p, v in zip(searched, x, strict=True)
            }
            trial |= {name: trial[self.state] for name in self.states if name not in trial}
            for side, sign in (("off", 1), ("on", -1)):
                if f"k_{side}" not in held:
                    over = max(highest[sign] / abs(trial[f"v_{side}"]) - 1.0, 1e-3)
                    trial[f"k_{side}"] = sign * trial[f"k_{side}"] / over ** trial[f"alpha_{side}"]
            return trial | {k: v for k, v in self._resistances(trial).items() if k not in held}

        def misfit(x: NDArray[np.float64]) -> float:
            return float(np.mean(np.log(self.curve(values(x)) / m.conductance) ** 2))

        def generation(*_: object, **__: object) -> None:
            self.watch()

        for seed in (SEED, SEED + 1):
            found = differential_evolution(
                misfit, bounds, rng=seed, popsize=8, maxiter=GENERATIONS, tol=1e-4, polish=False, callback=generation
            )
            yield values(found.x)

    def doubts(self, values: Values) -> list[str]:
        """Say so if the state never meets its bounds."""
        x = self._states(values)[self.measurement.seen]
        return unsaturated(x) if self._window == "none" else []

    def ends(self) -> dict[str, float]:
        """Resistances of the bounds, ohm."""
        low, high = np.percentile(self.measurement.conductance, (2, 98)).tolist()
        return {"r_on": 1.0 / high, "r_off": 1.0 / low}

    def curve(self, values: Values) -> NDArray[np.float64]:
        """Conductances at the readings, S."""
        return 1.0 / self._values(values).resistance_at(self._states(values)[self.measurement.seen])

    def filtered(self, values: Values, seen: ReadAlong, spread: Spread, scale: float) -> Innovations:
        """What every reading is off by."""
        p = self._values(values)
        table = 1.0 / (scale * p.resistance_at(np.linspace(0.0, 1.0, ENTRIES)))
        return filter_vteam(p, self._drive.play, seen, spread, table)

    def preset(self, values: Values) -> dict[str, Any]:
        """Parameters of `sim:vteam`."""
        highest = float(np.abs(self.measurement.voltage).max())
        room = {"v_max": highest} if highest > 5.0 else {}
        turned = {"set": "positive"} if self._drive.sign < 0 else {}
        cell = {name: value for name, value in values.items() if name not in self.states}
        return {**cell, "window": self._window, **turned, **room}

    def _states(self, values: Values) -> NDArray[np.float64]:
        return vteam_states(self._values(values), self._drive.play, self.starting(values))

    def _values(self, values: Mapping[str, float]) -> VteamParameters:
        return self._cell.model_copy(update={k: float(v) for k, v in values.items()})

    def _resistances(self, values: Mapping[str, float]) -> dict[str, float]:
        from scipy.optimize import nnls

        g = self.measurement.conductance
        x = self._states(values)[self.measurement.seen]
        on, off = nnls(np.stack([1.0 - x, x], axis=1) * g[:, None], np.ones_like(g))[0]
        bounds = {p.name: (p.low, p.high) for p in self.parameters}
        return {"r_on": float(np.clip(on, *bounds["r_on"])), "r_off": float(np.clip(off, *bounds["r_off"]))}


def vteam(measurement: Measurement, order: int = 1) -> Model:
    """VTEAM without a window."""
    return VteamModel("none", measurement)


def vteam_biolek(measurement: Measurement, order: int = 1) -> Model:
    """VTEAM with Biolek's window."""
    return VteamModel("biolek", measurement)
