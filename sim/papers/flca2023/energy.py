"""The energies of section 4, and the resistance that they imply.

"Assuming the lowest resistance for each memristive weight": the text gives no resistance for the perceptron. 10 kohm,
input and response at full scale on all 784 weights, gives all three numbers; the elements of Figure 3 do not.
"""

from __future__ import annotations

from typing import Any

from hil.papers import Finding, Scope, rounds_to
from hil.training.energy import pulse_energy
from sim.circuits import GROUND, Circuit, Drive, Resistor, Source
from sim.papers.flca2023.checks import by_ngspice

INPUTS, VOLTS, WIDTH = 784, 0.1, 1e-3
READ = 1e-3
OHM = 10e3
"""Inferred: the one round value with which all three printed energies come out."""

FIGURE_3 = 200.0
"""R0 of both elements of Figure 3 in series, ohm."""

IMAGES = 60_000
INFERRED = f"with {OHM / 1e3:g} kohm, inferred from the three numbers"


def energies(scope: Scope) -> list[Finding]:
    """Energy of a training image, of the whole training, and of an inference."""

    def image(ohm: float, pulses: int) -> float:
        return pulse_energy(INPUTS, VOLTS, WIDTH, ohm, pulses) * 1e6

    def inference(ohm: float, volts: float = READ) -> float:
        return pulse_energy(INPUTS, volts, WIDTH, ohm) * 1e12

    readings = {"10 kohm, input alone": (OHM, 1), "100 + 100 ohm of Figure 3, both pulses": (FIGURE_3, 2)}
    return [
        Finding(
            "energy", "784 weights, 100 mV 1 ms, input and response, every pixel lit", "1.6 uJ per training image",
            image(OHM, 2), "uJ", rounds_to(1.6, 0.1), open={k: image(*v) for k, v in readings.items()},
            **_ngspice(VOLTS, 2 * INPUTS * 1e6), note=INFERRED,
        ),
        Finding(
            "energy", f"the same for {IMAGES:,} images", "94 mJ", image(OHM, 2) * IMAGES * 1e-3, "mJ", rounds_to(94, 1),
            open={k: image(*v) * IMAGES * 1e-3 for k, v in readings.items()},
            **_ngspice(VOLTS, 2 * INPUTS * IMAGES * 1e3),
            note=f"{INFERRED}; the paper's own 94 mJ / {IMAGES:,} is {94e3 / IMAGES:.3f} uJ",
        ),
        Finding(
            "energy", "784 weights, one 1 mV 1 ms read, every pixel lit", "78 pJ per inference", inference(OHM), "pJ",
            rounds_to(78, 1), open={
                "100 + 100 ohm of Figure 3": inference(FIGURE_3), "10 kohm, 100 mV": inference(OHM, VOLTS),
            },
            **_ngspice(READ, INPUTS * 1e12), note=f"{INFERRED}; the read voltage is not printed either",
        ),
    ]  # fmt: skip


def _ngspice(volts: float, scale: float) -> dict[str, Any]:
    """Energy of one pulse on one weight, scaled."""
    circuit = Circuit(Source("in", "in"), Resistor("weight", "in", GROUND, OHM))
    return by_ngspice(circuit, Drive([WIDTH], {"in": [volts]}), "energy_weight", scale)
