"""A measured curve as the device: a cell that moves by the steps that were measured, one a pulse, up and down.

The points are conductances after each of a train of equal pulses (`sim.cells.measured` says what they tell). With the
weight w = (G - g_min) / (g_max - g_min) a pulse that reaches a threshold moves it by the step that was measured at that
weight, interpolated between the points: the train that was measured comes out again, point by point. A pulse is that of
`sim.cells.rram`: its length and height beyond the threshold do not matter, nor how it is cut.

Points are noisy where cells are: a curve that does not rise (fall) from pulse to pulse has no step there. `smoothing`
lays a parabola through the points of a window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hil.compiling import njit
from hil.errors import InputError
from hil.fraction import Fraction
from hil.presets import CURVE, Preset
from hil.programming import Programming
from sim.cells.law import CellParameters, Columns, OhmicLaw, State, StateVariable, unit
from sim.cells.measured import Curve, MeasuredSteps, measured_steps
from sim.cells.rram import RramParameters
from sim.cells.segments import Segments
from sim.crossbar.kinds import simulated


def _example(up: bool, pulses: int = 60) -> tuple[float, ...]:
    """Points of the fit to Wang et al. (2016) that `sim:rram?preset=wang2016` is, S: no measurement."""
    rram = RramParameters(model="nlhb", alpha=0.02, gamma=1.02, nstop=float(pulses))
    w, points = 0.0, []
    (a, gamma, ws), _ = rram.branches()
    for _ in range(pulses):
        w = min(w + a * (1.0 - w * ws) ** gamma, 1.0)
        points.append(w)
    weights = np.array(points)[: np.searchsorted(points, 1.0)]
    return tuple(float(g) for g in rram.g_min + (weights if up else 1.0 - weights) * (rram.g_max - rram.g_min))


class CurveParameters(CellParameters):
    """Parameters of `sim:curve`."""

    potentiation: Curve = Field(
        _example(True), description="conductance after each pulse up", json_schema_extra=unit("S")
    )
    depression: Curve = Field(
        _example(False), description="conductance after each pulse down", json_schema_extra=unit("S")
    )
    smoothing: int = Field(
        0, ge=0, le=10_000, description="pulses on both sides over which points are smoothed; from 2 on it does"
    )
    v_set: float = Field(1.0, gt=0, description="potentiation threshold", json_schema_extra=unit("V"))
    v_reset: float = Field(1.0, gt=0, description="depression threshold (magnitude)", json_schema_extra=unit("V"))
    t_pulse: float = Field(1e-6, gt=0, description="width of a programming pulse", json_schema_extra=unit("s"))
    w0: Fraction = Field(0.5, ge=0, le=1, description="pristine weight")

    @model_validator(mode="after")
    def _monotone(self) -> Self:
        try:
            self.steps()
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    def steps(self) -> MeasuredSteps:
        """What the curve tells."""
        return measured_steps(self.potentiation, self.depression, self.smoothing)


class CurveLaw(OhmicLaw[CurveParameters]):
    """Such a cell; spread in sensitivity multiplies the steps, spread in memristance divides the conductance."""

    programmed, jumps = "weight", True
    no_equations = "it counts pulses, one step each whatever their width, so that no rate in time could be written"

    def __init__(self, parameters: CurveParameters) -> None:
        """Find the steps once."""
        super().__init__(parameters)
        object.__setattr__(self, "_steps", parameters.steps())

    _steps: MeasuredSteps

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """Weight, 0..1; and for a pulse under way, which threshold it has reached (1 set, -1 reset, 0 none)."""
        return (
            StateVariable("weight", self.parameters.w0, 0.0, 1.0),
            StateVariable("beyond", dtype=np.int8, in_pulse=True),
        )

    @property
    def programming(self) -> Programming:
        """One pulse, one step."""
        p = self.parameters
        return Programming(p.v_set, p.v_reset, p.t_pulse, self._steps.g_min, self._steps.g_max)

    def conductance_range(self, v_max: float) -> tuple[float, float]:
        """Lowest and highest conductance that was measured, S."""
        return self._steps.g_min, self._steps.g_max

    def advance(self, cells: Columns, play: Segments) -> None:
        """One step at every pulse that begins."""
        self._advance(cells, play, cells.state["weight"], cells.state["beyond"])

    def dose(self, cells: Columns, play: Segments, out: NDArray[np.float64]) -> None:
        """A pulse steps at its edge: all through the segment a cell conducts as it does at the end."""
        weight, beyond = (cells.state[name].copy() for name in ("weight", "beyond"))
        self._advance(cells, play, weight, beyond)
        if cells.factor.size:
            weight = np.clip(cells.origin + cells.factor * (weight - cells.origin), 0.0, 1.0)
        out[:] = play.duration[0] * self._conductance(weight)

    def memristance(self, state: State) -> NDArray[np.float64]:
        """Resistance at the weight, ohm."""
        return 1.0 / self._conductance(state["weight"])

    def _conductance(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._steps.g_min + weight * (self._steps.g_max - self._steps.g_min)

    def _advance(self, cells: Columns, play: Segments, weight: NDArray[np.float64], beyond: NDArray[np.int8]) -> None:
        p, (up, down) = self.parameters, self._steps[:2]
        _drive(play, weight, beyond, cells.gain, p.v_set, p.v_reset, *up, *down, cells.low, cells.high)


@njit(cache=True, nogil=True, error_model="numpy")
def _drive(
    play, weight, beyond, gain, v_set, v_reset, up_at, up_size, down_at, down_size, low, high
):  # fmt: skip
    """Step the weights (cols, rows) at every pulse that begins in the segments of `play`, as `sim.cells.rram`."""
    for c in range(play.cols.shape[1]):
        w, last, sensitivity = weight[c], beyond[c], gain[c]
        for t in range(play.rows.shape[0]):
            for r in range(w.size):
                v = play.rows[t, r] - play.cols[t, c]
                now = np.int8(v >= v_set) - np.int8(v <= -v_reset)
                if now != last[r] and now != 0:
                    step = np.interp(w[r], up_at, up_size) if now > 0 else -np.interp(w[r], down_at, down_size)
                    w[r] = min(max(w[r] + step * sensitivity[r], low), high)
                last[r] = now


PRESETS: Mapping[str, Mapping[str, Any]] = {"example": {}}
"""example: points of `sim:rram?model=nlhb`, made up; a measured curve is a file, `preset=FILE.json` (`hil.presets`)."""

kind = simulated(
    "curve", "measured curve: steps from its points", CurveLaw, CurveParameters, PRESETS, {CURVE: Preset.curve}
)
