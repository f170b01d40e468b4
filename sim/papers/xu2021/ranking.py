"""Table 1's "Accuracy", from lowest to highest, and what is said of cost: measured on data of a reference model.

Every model is fitted to the same sweep of a cell of another, more detailed model, JART VCM v1b, with 1 % of noise. Its
accuracy is how far the fitted curve is from the readings, root mean square of the relative deviation. The review names
no data; that of Stanford-PKU's model is the other reading of it. Cost is the processor time of a step of a cell.
"""

from __future__ import annotations

import time

import numpy as np

from hil.backends import open_device
from hil.reproduction.papers import Finding, Scope, above, below, repeated
from hil.waveform import Waveform
from sim.catalogue import backend
from sim.fitting.data import Measurement, sweep
from sim.fitting.fitting import Noise, fit
from sim.fitting.law import LawModel
from sim.papers.xu2021.models import MODELS, POINTS

ORDER = ("linear ion drift", "non-linear ion drift", "TEAM", "Simmons tunnel barrier")
"""From lowest to highest: "Lowest", "Low", "Sufficient", "Highest accuracy"."""

REFERENCES = {"JART VCM": ("sim:jart-vcm", (0.9, 1.2), 2e-3), "Stanford-PKU": ("sim:stanford", (1.3, 1.7), 2e-6)}
"""Address, peaks of two loops, V, and their length, s."""

NOISE, SAMPLES, SEEDS = 0.01, 80, 3
"""Relative standard deviation of a reading, readings, repeats with other noise."""


def measured(reference: str, seed: int) -> Measurement:
    """A sweep of a cell of the reference model, as an instrument has it."""
    address, peaks, length = REFERENCES[reference]
    phase = (np.arange(SAMPLES // 2) + 1.0) / (SAMPLES // 2)
    triangle = np.where(phase < 0.25, 4 * phase, np.where(phase < 0.75, 2 - 4 * phase, 4 * phase - 4))
    volts = np.concatenate([peak * triangle for peak in peaks])
    volts[np.abs(volts) < 1e-9] = 0.0
    dwell = length / len(volts)
    with open_device(address) as device:
        current = device.apply(Waveform.samples(volts, dwell=dwell, measure=True)).currents[:, 0]
    noisy = current * (1 + NOISE * np.random.default_rng(seed).standard_normal(len(current)))
    return sweep(dwell * (np.arange(len(volts)) + 1.0), volts, noisy, reference)


def error(name: str, reference: str, seed: int) -> float:
    """Root mean square of G fitted / G read - 1, %, which is what a fit makes small."""
    kind = MODELS[name].address.removeprefix("sim:").partition("?")[0]
    data = measured(reference, seed)
    given = {"window": "none"} if kind == "nonlinear-drift" else {}
    model = LawModel(backend.kind(kind), data, given)
    model.thorough = False
    found = fit(model, Noise(NOISE), profile=False)
    return float(100 * np.sqrt(np.mean((model.curve(found.values) / data.conductance - 1) ** 2)))


def cost(name: str) -> float:
    """Processor time of a step of a cell, ns: of a sine of segments that opens its loop."""
    model, side = MODELS[name], 6
    volts = model.volts * np.sin(2 * np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    wave = Waveform.samples(np.tile(volts[:, None], side), np.zeros((POINTS, side)), dwell=1 / (model.hertz * POINTS))
    with open_device(model.address, rows=side, cols=side, threads=1, d2d=0.1) as device:
        device.apply(wave)
        begun = time.process_time()
        device.apply(wave)
        return 1e9 * (time.process_time() - begun) / (POINTS * side * side)


def accuracy_and_cost(scope: Scope) -> list[Finding]:
    """Errors of neighbours in the table's order, and costs."""
    chosen = ORDER[:-1] if scope.quick else ORDER
    seeds = range(2 if scope.quick else SEEDS)
    errors: dict[tuple[str, str], tuple[float, ...]] = {}
    for reference in list(REFERENCES)[: 1 if scope.quick else None]:
        for name in chosen:
            found = []
            for seed in seeds:
                scope.pause()
                scope.say(f"fitting {name} to {reference}, noise {seed + 1} of {len(seeds)}")
                found.append(error(name, reference, seed))
            errors[name, reference] = tuple(found)
    return [*_accuracies(errors), *_costs()]


def _accuracies(errors: dict[tuple[str, str], tuple[float, ...]]) -> list[Finding]:
    rows = []
    for better, worse in zip(ORDER[1:], ORDER[:-1], strict=True):
        fitted = [reference for reference in REFERENCES if (better, reference) in errors]
        quantity = f"error of {better} less that of {worse}, fitted to {next(iter(REFERENCES))}"
        claim = f'"{_word(better)}" against "{_word(worse)}"'
        if not fitted:
            slow = "its fit takes minutes: not with --quick"
            rows.append(Finding("T1-ranking", quantity, claim, None, "%", below(0.0), stand_in=slow))
            continue
        apart = [
            tuple(b - w for b, w in zip(errors[better, reference], errors[worse, reference], strict=True))
            for reference in fitted
        ]
        each = (f"{name} to {r}: {np.mean(errors[name, r]):.3g} %" for name in (better, worse) for r in fitted)
        rows.append(
            repeated(
                "T1-ranking",
                quantity,
                claim,
                apart[0],
                unit="%",
                accept=below(0.0),
                open={f"fitted to {r}": values for r, values in zip(fitted[1:], apart[1:], strict=True)},
                control=0.0,
                control_is="one model less itself",
                note="; ".join(each),
            )
        )
    return rows


def _word(name: str) -> str:
    return dict(
        zip(ORDER, ("Lowest accuracy", "Low accuracy", "Sufficient accuracy", "Highest accuracy"), strict=True)
    )[name]


def _costs() -> list[Finding]:
    """Cost of Simmons' model, which is called computationally inefficient, over those of the others."""
    turns = 5
    spent = {name: [cost(name) for _ in range(turns)] for name in ORDER}
    own = tuple(a / b for a, b in zip(spent["TEAM"][1:], spent["TEAM"][:-1], strict=True))
    return [
        repeated(
            "T1-ranking",
            f"time of a step, Simmons tunnel barrier over {name}",
            '"very complicated and computationally inefficient"',
            tuple(a / b for a, b in zip(spent["Simmons tunnel barrier"], spent[name], strict=True)),
            accept=above(1.5),
            control=own,
            control_is="TEAM over itself, another turn",
            note=f"{min(spent['Simmons tunnel barrier']):,.0f} and {min(spent[name]):,.0f} ns; rule: 1.5",
        )
        for name in ORDER[:-1]
    ]
