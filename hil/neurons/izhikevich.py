"""Izhikevich's simple model: IEEE Trans. Neural Netw. 14, 1569 (2003); all patterns of ibid. 15, 1063 (2004), Figure 1.

    dv/dt = k2 v^2 + k1 v + k0 - u + I,   du/dt = a (b (v - v_u) - u);   v >= peak: v := c, u := u + d

published in ms, mV and mV/ms; here in s, V and V/s, where I = 10 is the paper's I = 10. `PATTERNS` names for every
pattern the current that shows it (`hil.neurons.currents`), which is that of the paper's published code, with one
exception: the pulse that ends `bistability` comes at 207 ms instead of 216, for its phase decides.

The published code takes Euler steps of 0.1 to 0.5 ms, v first and then u. Two patterns exist in such steps alone:
solved exactly, `depolarizing-after-potential` fires again and again, `inhibition-induced-bursting` without end. Their
presets have `euler`, and are that map; all others are solved exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hil.neurons.integration import height, landing, rates, step, stepped
from hil.neurons.model import Accuracy, Demonstration, NeuronParameters, NeuronState, OdeNeurons


class IzhikevichParameters(NeuronParameters):
    """Parameters of `izhikevich`; the defaults are the tonic spiking of the 2004 paper."""

    a: float = Field(20.0, description="rate of the recovery (0.02 / ms)", json_schema_extra={"unit": "1/s"})
    b: float = Field(200.0, description="its sensitivity to v (0.2 / ms)", json_schema_extra={"unit": "1/s"})
    c: float = Field(-65e-3, ge=-1, le=1, description="v after a spike", json_schema_extra={"unit": "V"})
    d: float = Field(6.0, description="what a spike adds to u (6 mV/ms)", json_schema_extra={"unit": "V/s"})
    k2: float = Field(4e4, gt=0, description="0.04 / (mV ms)", json_schema_extra={"unit": "1/(V s)"})
    k1: float = Field(5e3, description="5 / ms", json_schema_extra={"unit": "1/s"})
    k0: float = Field(140.0, description="140 mV / ms", json_schema_extra={"unit": "V/s"})
    v_u: float = Field(0.0, ge=-1, le=1, description="v at which u goes to 0", json_schema_extra={"unit": "V"})
    u_leak: float = Field(1.0, ge=0, le=1, description="0 for du/dt = a b (v - v_u), as one pattern has it")
    peak: float = Field(30e-3, ge=-1, le=1, description="v that is a spike", json_schema_extra={"unit": "V"})
    v0: float = Field(-70e-3, ge=-1, le=1, description="v at the start", json_schema_extra={"unit": "V"})
    u0: float | None = Field(
        None, description="u at the start; b (v0 - v_u) if not given", json_schema_extra={"unit": "V/s"}
    )
    euler: float | None = Field(
        None, gt=0, le=1e-3, description="Euler steps of the published code; exact if not given",
        json_schema_extra={"unit": "s"},
    )  # fmt: skip

    @model_validator(mode="after")
    def _resets(self) -> Self:
        if self.c >= self.peak:
            raise ValueError(f"c {self.c:g} V must be below the peak {self.peak:g} V")
        return self


@rates
def slope(x, drive, p, out):
    """States v and u; p: a, b, c, d, k2, k1, k0, v_u, peak, u_leak, Euler step."""
    out[0] = (p[4] * x[0] + p[5]) * x[0] + p[6] - x[1] + drive
    out[1] = p[0] * (p[1] * (x[0] - p[7]) - p[9] * x[1])
    out[2] = 0.0


@height
def above(x, p):
    """Over the peak."""
    return x[0] - p[8]


@landing
def land(x, p):
    """Reset."""
    x[0] = p[2]
    x[1] += p[3]


@step
def euler(x, drive, dt, p, chance):
    """The published code's map: v by a step, then u with the new v, then the reset; x[2] is time left over."""
    fired = 0
    x[2] += dt
    while x[2] > (1.0 - 1e-9) * p[10]:
        x[2] -= p[10]
        x[0] += p[10] * ((p[4] * x[0] + p[5]) * x[0] + p[6] - x[1] + drive)
        x[1] += p[10] * p[0] * (p[1] * (x[0] - p[7]) - p[9] * x[1])
        if x[0] >= p[8]:
            x[0] = p[2]
            x[1] += p[3]
            fired += 1
    return fired


def published(a: float, b: float, c: float, d: float, v0: float, **more: float) -> dict[str, float]:
    """Parameters from the paper's numbers, in ms and mV."""
    return {"a": a * 1e3, "b": b * 1e3, "c": c * 1e-3, "d": d, "v0": v0 * 1e-3, **more}


_INTEGRATING = {"k1": 4.1e3, "k0": 108.0}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "tonic-spiking": published(0.02, 0.2, -65, 6, -70),
    "phasic-spiking": published(0.02, 0.25, -65, 6, -64),
    "tonic-bursting": published(0.02, 0.2, -50, 2, -70),
    "phasic-bursting": published(0.02, 0.25, -55, 0.05, -64),
    "mixed-mode": published(0.02, 0.2, -55, 4, -70),
    "frequency-adaptation": published(0.01, 0.2, -65, 8, -70),
    "class-1": published(0.02, -0.1, -55, 6, -60, **_INTEGRATING),
    "class-2": published(0.2, 0.26, -65, 0, -64),
    "spike-latency": published(0.02, 0.2, -65, 6, -70),
    "subthreshold-oscillations": published(0.05, 0.26, -60, 0, -62),
    "resonator": published(0.1, 0.26, -60, -1, -62),
    "integrator": published(0.02, -0.1, -55, 6, -60, **_INTEGRATING),
    "rebound-spike": published(0.03, 0.25, -60, 4, -64),
    "rebound-burst": published(0.03, 0.25, -52, 0, -64),
    "threshold-variability": published(0.03, 0.25, -60, 4, -64),
    "bistability": published(0.1, 0.26, -60, 0, -61),
    "depolarizing-after-potential": published(1.0, 0.2, -60, -21, -70, euler=1e-4),
    "accommodation": published(0.02, 1.0, -55, 4, -65, v_u=-65e-3, u0=-16.0, u_leak=0.0),
    "inhibition-induced-spiking": published(-0.02, -1.0, -60, 8, -63.8),
    "inhibition-induced-bursting": published(-0.026, -1.0, -45, -2, -63.8, euler=5e-4),
    "regular-spiking": published(0.02, 0.2, -65, 8, -65),
    "intrinsically-bursting": published(0.02, 0.2, -55, 4, -65),
    "chattering": published(0.02, 0.2, -50, 2, -65),
    "fast-spiking": published(0.1, 0.2, -65, 2, -65),
    "low-threshold-spiking": published(0.02, 0.25, -65, 2, -65),
    "thalamo-cortical": published(0.02, 0.25, -65, 0.05, -63),
}
"""The twenty patterns of 2004 in its order, then the cells of 2003."""

PATTERNS: Mapping[str, tuple[str, float]] = {
    "tonic-spiking": ("step:14@10ms", 0.1),
    "phasic-spiking": ("step:0.5@20ms", 0.2),
    "tonic-bursting": ("step:15@22ms", 0.22),
    "phasic-bursting": ("step:0.6@20ms", 0.2),
    "mixed-mode": ("step:10@16ms", 0.16),
    "frequency-adaptation": ("step:30@8.5ms", 0.085),
    "class-1": ("ramp:75@30ms", 0.3),
    "class-2": ("step:-0.5@0s+ramp:15@30ms", 0.3),
    "spike-latency": ("pulse:7.04*3ms@10ms", 0.1),
    "subthreshold-oscillations": ("pulse:2*5ms@20ms", 0.2),
    "resonator": ("pulse:0.65*4ms@40ms+pulse:0.65*4ms@60ms+pulse:0.65*4ms@280ms+pulse:0.65*4ms@320ms", 0.4),
    "integrator": ("pulse:9*2ms@9.09ms+pulse:9*2ms@14.09ms+pulse:9*2ms@70ms+pulse:9*2ms@80ms", 0.1),
    "rebound-spike": ("pulse:-15*5ms@20ms", 0.2),
    "rebound-burst": ("pulse:-15*5ms@20ms", 0.2),
    "threshold-variability": ("pulse:1*5ms@10ms+pulse:-6*5ms@70ms+pulse:1*5ms@80ms", 0.1),
    "bistability": ("step:0.24@0s+pulse:1*5ms@37.5ms+pulse:1*5ms@207ms", 0.3),
    "depolarizing-after-potential": ("pulse:20*2ms@9ms", 0.05),
    "accommodation": ("ramp:40@0s+ramp:-40@200ms+step:-8@200ms+ramp:320@300ms+ramp:-320@312.5ms+step:-4@312.5ms", 0.4),
    "inhibition-induced-spiking": ("step:80@0s+pulse:-5*200ms@50ms", 0.35),
    "inhibition-induced-bursting": ("step:80@0s+pulse:-5*200ms@50ms", 0.35),
}
"""For each pattern of 2004 the current that shows it, V/s, and how long, s."""


class IzhikevichNeurons(OdeNeurons):
    """Izhikevich's simple model, with the twenty firing patterns of 2004 and the cells of 2003 as presets."""

    parameters_model = IzhikevichParameters
    presets = PRESETS
    patterns = PATTERNS
    states = (
        NeuronState("v", "V", "membrane", 1e-3),
        NeuronState("u", "V/s", "recovery", 1.0),
        NeuronState("lag", "s", "time not yet stepped through, with euler", 1.0),
    )
    drive_unit = "V/s"
    accuracy = Accuracy(1e-7, "Dormand-Prince 5(4) with 1e-8 a step, spikes and resets located")
    demonstration = Demonstration("step:14@10ms", 0.1, (0.0, 20.0))
    plane = ("v", "u")
    slope, above, land = slope, above, land

    def constants(self) -> tuple[float, ...]:
        """In the order in which `slope` reads them."""
        p = self.parameters
        return p.a, p.b, p.c, p.d, p.k2, p.k1, p.k0, p.v_u, p.peak, p.u_leak, p.euler or 0.0

    def start(self) -> tuple[float, ...]:
        """As in the published code: not always an equilibrium."""
        p = self.parameters
        return p.v0, p.b * (p.v0 - p.v_u) if p.u0 is None else p.u0, 0.0

    def _play(self, dt: float, drive: NDArray[np.float64], course: NDArray[np.float64]) -> NDArray[np.int64]:
        if self.parameters.euler is None:
            return super()._play(dt, drive, course)
        spikes = np.zeros(drive.shape, np.int64)
        stepped(euler, self._x, drive, dt, self.p, np.zeros((1, self.count)), spikes, course)
        return spikes
