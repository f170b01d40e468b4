"""Energies of training and inference, in closed form, and those that the paper prints with what they assume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hil.runs.results import Row


def pulse_energy(inputs: int, v: float, width: float, resistance: float, pulses: int = 1) -> float:
    """Energy in J of `pulses` pulses of `v` volts and `width` seconds on `inputs` resistors of `resistance` ohm."""
    return inputs * v**2 * width / resistance * pulses


def paper_rows() -> list[Row]:
    """Energies that Zivasatienraj & Doolittle (2023) print, with the one set of assumptions that gives all three.

    The paper says "the lowest resistance for each memristive weight" and gives no resistance; 10 kohm, with input and
    response at full scale on all 784 inputs, is inferred. Its circuit value R0 = 100 + 100 ohm would give 39.2 uJ for
    a single pulse.
    """
    image = pulse_energy(784, 0.1, 1e-3, 10e3, pulses=2)
    assumption = "784 weights of 10 kohm (inferred, not printed)"
    return [
        Row(
            "paper: energy per training image",
            image,
            "J",
            reference="1.6 uJ",
            note=f"{assumption}, two 100 mV 1 ms pulses, every pixel fully lit",
        ),
        Row("paper: energy of 60,000 images", 60_000 * image, "J", reference="94 mJ", note="the same"),
        Row(
            "paper: energy per inference",
            pulse_energy(784, 1e-3, 1e-3, 10e3),
            "J",
            reference="78 pJ",
            note=f"{assumption}, one 1 mV 1 ms read of a fully lit image",
        ),
    ]


def energy_rows(name: str, joules: Mapping[str, float], note: str, **more: Any) -> list[Row]:
    """Energy in J of all devices of a run together and, where there are several, of each of them."""
    each = {device: joules[device] for device in sorted(joules)} if len(joules) > 1 else {}
    return [
        Row(name, sum(joules.values()), "J", note=note, **more),
        *(
            Row(name, energy, "J", note="of this device", label=f"  {name}: {device}").under(device=device)
            for device, energy in each.items()
        ),
    ]
