"""Fit a single FLCA memristor, `sim:flca`, non-volatile (eq 4 of Zivasatienraj & Doolittle 2023) or volatile (eq 3).

The flux comes in by A v and out by M = sum R_n |phi|^n, so that a curve depends on A^n R_n alone: A is held at 1 unless
the user knows it. A decay alone has no voltage to measure the flux by, and depends on phi0^n R_n: phi0 is held as well.
M is a straight line in the R_n, so that those of a start follow from non-negative least squares.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from sim.cells.flca import FlcaParameters
from sim.cells.memristance import memristance_table
from sim.fitting.data import Measurement
from sim.fitting.filters import ENTRIES, Innovations, ReadAlong, Spread, filter_flca
from sim.fitting.model import Model, ModelDrive, Values
from sim.fitting.parameter import Parameter
from sim.fitting.trace import flca_fluxes

DECAY_FLUX = 1e-3
"""Flux at the first reading of a decay, V s, where nobody says better: that of 1 V for 1 ms."""

ROOM = 1.25
"""Highest flux of a preset over the highest flux of the data; the emulator's states share it out."""


class FlcaModel(Model):
    """A volatile or a non-volatile element, with memristance of a given order."""

    kind = "flca"
    state = "phi0"

    def __init__(self, kind: Literal["nonvolatile", "volatile"], measurement: Measurement, order: int = 1) -> None:
        """Find the direction in which the resistance rises, and what of the model the measurement can tell."""
        super().__init__(measurement)
        if order < 1:
            raise InputError(f"order {order} must be at least 1: the memristance of a memristor depends on the flux")
        self._volatile, self._order = kind == "volatile", order
        self.filters = not self._volatile
        self._cell = FlcaParameters.model_construct(kind=kind)
        self.name = "flca-volatile" if self._volatile else "flca"
        self.title = f"FLCA, {'volatile' if self._volatile else 'non-volatile'}"
        self._drive = ModelDrive(measurement, raises=-1.0)
        if self._drive.sign < 0 and not self._volatile:
            self.notes.append(
                "positive pulses raise the conductance here and lower it in sim:flca: "
                "the preset is the cell with its terminals swapped"
            )
        self._driven = bool(np.any(measurement.voltage))
        if not self._driven and not self._volatile:
            raise InputError(f"{measurement.source}: a non-volatile cell at rest does not move; try flca-volatile")
        moves = np.abs(measurement.voltage * measurement.duration)
        self._flux = float(max(moves.max(), np.abs(np.cumsum(measurement.voltage * measurement.duration)).max()))
        self.parameters = tuple(self._parameters())

    def _parameters(self) -> Iterable[Parameter]:
        m = self.measurement
        ohm = 1.0 / m.conductance
        steps = m.duration[m.duration > 0]
        reach = self._flux if self._driven else DECAY_FLUX
        yield Parameter("A", "", 1e-12, 1e12, "gain", 1.0, "only A^n R_n can be told; give it if it is known")
        yield Parameter("D", "1/s", 0.0, 30.0 / float(np.min(steps)), "relaxation", ends=(True, False))
        for n in range(self._order + 1):
            low, high = (1e-6 * ohm.min(), ohm.max()) if n == 0 else (0.0, 1e3 * ohm.max() / (0.1 * reach) ** n)
            role = "offset resistance" if n == 0 else f"R{n}"
            yield Parameter(f"R{n}", _ohm(n), low, high, role, ends=(n > 0, False))
        if not self._driven:
            why = "a decay alone fixes phi0^n R_n; give phi0 = volts x seconds of the pulse before it if you know them"
            first = Parameter("phi0", "V s", -1e12, 1e12, "initial flux", DECAY_FLUX, why)
            yield from (p if p.name == "phi0" else replace(p, held=None) for p in self.started(first))
        elif self._volatile:
            yield from self.started(
                Parameter("phi0", "V s", -10 * reach, 10 * reach, "initial flux", 0.0, "taken to begin relaxed")
            )
        else:
            yield from self.started(Parameter("phi0", "V s", 0.0, 10 * reach, "initial flux", ends=(True, False)))

    def starts(self) -> Iterable[dict[str, float]]:
        """A grid over relaxation and initial flux; the memristance by non-negative least squares."""
        m = self.measurement
        total, shortest = float(m.duration.sum()), float(np.min(m.duration[m.duration > 0]))
        rates = np.geomspace(0.03 / total, 3.0 / shortest, 16)
        begins = (0.0,) if self._volatile or not self._driven else (0.0, 0.1, 0.3, 1.0)
        for rate in rates:
            for begin in begins:
                start = begin * self._flux if self._driven else DECAY_FLUX
                values = {"A": 1.0, "D": float(rate), **dict.fromkeys(self.states, start)}
                values |= {p.name: p.held for p in self.parameters if p.held is not None}
                yield values | self._memristance(values)

    def curve(self, values: Values) -> NDArray[np.float64]:
        """Conductances at the readings, S."""
        return 1.0 / memristance_table(self._coefficients(values), self._fluxes(values))

    def filtered(self, values: Values, seen: ReadAlong, spread: Spread, scale: float) -> Innovations | None:
        """What every reading of a non-volatile cell is off by; nothing bounds its flux from above but the drive."""
        if self._volatile:
            return None
        p = self._cell.model_copy(update={"A": float(values["A"]), "D": float(values["D"])})
        high = values["A"] * self._flux * max(spread.gain, 1.0) + max(self.began(values).values())
        grid = np.linspace(0.0, ROOM * high, ENTRIES)
        table = 1.0 / (scale * memristance_table(self._coefficients(values), grid))
        return filter_flca(p, self._drive.play, seen, spread, table, 0.0, float(grid[-1]))

    def preset(self, values: Values) -> dict[str, Any]:
        """Parameters of `sim:flca`; those of a non-volatile cell are the emulator's as well."""
        chosen = {name: values[name] for name in ("A", "D")} | {"R": list(self._coefficients(values))}
        if self._volatile:
            return {"kind": "volatile", **chosen}
        highest = max(float(np.abs(self._fluxes(values, everywhere=True)).max()), *self.began(values).values())
        return {**chosen, "phi_max": ROOM * highest}

    def _coefficients(self, values: Values) -> tuple[float, ...]:
        return tuple(values[f"R{n}"] for n in range(self._order + 1))

    def _fluxes(self, values: Values, everywhere: bool = False) -> NDArray[np.float64]:
        given = {name: float(values[name]) for name in ("A", "D", "phi0")}
        fluxes = flca_fluxes(self._cell.model_copy(update=given), self._drive.play, self.starting(values))
        return fluxes if everywhere else fluxes[self.measurement.seen]

    def _memristance(self, values: Values) -> dict[str, float]:
        """R_n for a course of the flux, by relative deviations of the resistance."""
        from scipy.optimize import nnls

        g, phi = self.measurement.conductance, np.abs(self._fluxes(values))
        terms = np.stack([phi**n for n in range(self._order + 1)], axis=1) * g[:, None]
        size = np.maximum(np.abs(terms).max(axis=0), 1e-300)
        found = nnls(terms / size, np.ones_like(g))[0] / size
        return {f"R{n}": float(r) for n, r in enumerate(found)}


def _ohm(n: int) -> str:
    return "ohm" if n == 0 else f"ohm/(V s){'' if n == 1 else f'^{n}'}"
