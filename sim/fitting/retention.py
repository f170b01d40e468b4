"""Retention as a law of time alone: power law or exponential, beside the devices that relax."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from sim.fitting.data import Measurement
from sim.fitting.model import Model, Values
from sim.fitting.parameter import Parameter


class Description(Model):
    """A law of time alone, of no cell: it gives numbers and no preset."""

    kind, state = "", ""

    def __init__(self, measurement: Measurement, order: int = 1) -> None:
        """Require a decay of one stretch; there is no memristance of an `order`."""
        if measurement.kind != "decay" or len(measurement.begins) > 1:
            raise InputError(f"{measurement.source}: {self.title} is a law of a cell left alone, in one stretch")
        super().__init__(measurement)

    @property
    def states(self) -> tuple[str, ...]:
        """None: time is all that it knows."""
        return ()

    def preset(self, values: Values) -> dict[str, Any]:
        """Nothing that a device could load."""
        return {}


class PowerLaw(Description):
    """G = G1 (t / 1 s)^-nu, the drift of phase-change cells and of many filaments."""

    name, title = "power-law", "power law"

    def __init__(self, measurement: Measurement, order: int = 1) -> None:
        """Require times after programming."""
        super().__init__(measurement, order)
        if (measurement.axis <= 0).any():
            raise InputError(f"{measurement.source}: a power law has no value at 0 s; leave that reading out")
        g = measurement.conductance
        self.parameters = (
            Parameter("G1", "S", 1e-6 * g.min(), 1e6 * g.max(), "conductance at 1 s"),
            Parameter("nu", "", -5.0, 5.0, "drift exponent"),
        )
        self.notes.append(
            "every simulated device drifts like this with drift=NU (from drift_t0 on): it is no parameter of a law, "
            "and in no preset"
        )

    @classmethod
    def prepared(cls, measurement: Measurement) -> Measurement:
        """Leave out readings at and before 0 s, where a power law has no value, and say so."""
        early = measurement.axis <= 0
        if measurement.kind != "decay" or not early.any():
            return measurement
        count = int(early.sum())
        note = f"{count} reading{'s' * (count > 1)} at 0 s left out: a power law has no value there"
        kept = {name: getattr(measurement, name)[~early] for name in ("seen", "conductance", "axis", "read_voltage")}
        return replace(measurement, **kept, notes=(*measurement.notes, note))

    def starts(self) -> Iterable[dict[str, float]]:
        """Through the points in log-log."""
        slope, level = np.polyfit(np.log(self.measurement.axis), np.log(self.measurement.conductance), 1)
        yield {"G1": float(np.exp(level)), "nu": -float(slope)}

    def curve(self, values: Values) -> NDArray[np.float64]:
        """Conductances at the readings, S."""
        return values["G1"] * self.measurement.axis ** -values["nu"]


class ExponentialDecay(Description):
    """G = G_end + dG exp(-t / tau): one time constant."""

    name, title = "exponential", "exponential"

    def __init__(self, measurement: Measurement, order: int = 1) -> None:
        """Find the span of times."""
        super().__init__(measurement, order)
        g, t = measurement.conductance, measurement.axis
        steps = np.diff(t)
        span = 10.0 * float(np.ptp(g)) + 1e-6 * float(g.max())
        self.parameters = (
            Parameter("G_end", "S", 0.0, 10.0 * float(g.max()), "conductance at the end", ends=(True, False)),
            Parameter("dG", "S", -span, span, "change"),
            Parameter("tau", "s", 0.1 * float(steps.min()), 1e2 * float(np.ptp(t)), "time constant"),
        )
        self.notes.append(
            "sim:flca?kind=volatile relaxes with one time constant, in its resistance: --model flca-volatile "
            "writes the preset"
        )

    def starts(self) -> Iterable[dict[str, float]]:
        """A grid of time constants; the rest by linear least squares."""
        g, t = self.measurement.conductance, self.measurement.axis
        tau = self.parameters[2]
        for value in np.geomspace(tau.low, tau.high, 40).tolist():
            basis = np.stack([np.ones_like(t), np.exp(-t / value)], axis=1) / g[:, None]
            end, change = np.linalg.lstsq(basis, np.ones_like(g), rcond=None)[0]
            yield {"G_end": float(end), "dG": float(change), "tau": value}

    def curve(self, values: Values) -> NDArray[np.float64]:
        """Conductances at the readings, S."""
        return values["G_end"] + values["dG"] * np.exp(-self.measurement.axis / values["tau"])
