"""The energies of section 4, and the resistance that they imply.

"Assuming the lowest resistance for each memristive weight": the text gives no resistance for the perceptron. 10 kohm,
input and response at full scale on all 784 weights, gives all three numbers; the elements of Figure 3 do not.
"""

from __future__ import annotations

from hil.reproduction.papers import Finding, Scope, rounds_to
from hil.training.energy import pulse_energy

INPUTS, VOLTS, WIDTH = 784, 0.1, 1e-3
READ = 1e-3
OHM = 10e3
"""Inferred: the one round value with which all three printed energies come out."""

FIGURE_3 = 200.0
"""R0 of both elements of Figure 3 in series, ohm."""

IMAGES = 60_000
TOTAL, ROUNDED = 94.0, 0.5 / 94
"""mJ for all images, as printed, and how far rounding may have moved it: what the other numbers must agree with."""

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
            check=TOTAL * 1e3 / IMAGES, check_by=f"{TOTAL:g} mJ / {IMAGES:,}, as printed", check_tolerance=ROUNDED,
            note=INFERRED,
        ),
        Finding(
            "energy", f"the same for {IMAGES:,} images", "94 mJ", image(OHM, 2) * IMAGES * 1e-3, "mJ", rounds_to(94, 1),
            open={k: image(*v) * IMAGES * 1e-3 for k, v in readings.items()},
            note=f"{INFERRED}; the paper's own 94 mJ / {IMAGES:,} is {TOTAL * 1e3 / IMAGES:.3f} uJ",
        ),
        Finding(
            "energy", "784 weights, one 1 mV 1 ms read, every pixel lit", "78 pJ per inference", inference(OHM), "pJ",
            rounds_to(78, 1), open={
                "100 + 100 ohm of Figure 3": inference(FIGURE_3), "10 kohm, 100 mV": inference(OHM, VOLTS),
            },
            check=TOTAL * 1e9 / IMAGES / 2 * (READ / VOLTS) ** 2,
            check_by=f"{TOTAL:g} mJ / {IMAGES:,} / 2 pulses x (1 mV / 100 mV)^2", check_tolerance=ROUNDED,
            note=f"{INFERRED}; the read voltage is not printed either",
        ),
    ]  # fmt: skip
