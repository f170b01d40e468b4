"""What `hil neuron` reports: one model played with one current, as rows; all models, as a list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hil.neurons.catalogue import NEURONS
from hil.neurons.currents import Current
from hil.neurons.model import CLOCKS, NeuronModel
from hil.neurons.recording import Trace, firing_rates
from hil.runs.results import Row

POINTS = 25
"""Currents of an f-I curve."""

STEPS = 200
"""Steps in which an f-I curve's time is taken."""


def curve(neurons: NeuronModel, duration: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Currents and rates of the model's f-I curve, each counted for `duration` after as long to settle."""
    drives = np.linspace(*neurons.demonstration.drives, POINTS)
    many = type(neurons)(neurons.parameters, POINTS, neurons.seed)
    return drives, firing_rates(many, duration, STEPS, drives)


def rows(
    name: str,
    neurons: NeuronModel,
    current: Current,
    trace: Trace,
    f_i: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> list[Row]:
    """Spikes, intervals, ends of every state, and the f-I curve in three numbers."""
    conditions = {"model": name, "current": current.text}
    times, first = trace.spike_times, neurons.states[0]
    found = [Row("spikes", len(times), note=f"{current.text} for {trace.time[-1]:g} s", headline=True)]
    if len(times):
        found.append(Row("first spike", float(times[0]), "s", note=f"to {trace.time[1]:.3g} s"))
    if len(times) > 1:
        gaps = np.diff(times)
        spread = float(gaps.std(ddof=1)) if len(gaps) > 1 else None
        found.append(Row("interval between spikes", float(gaps.mean()), "s", std=spread, n=len(gaps)))
    for k, state in enumerate(neurons.states):
        if state.name in CLOCKS:
            continue
        course = trace.states[:, k]
        note = f"{state.meaning}; from {course.min():.5g} to {course.max():.5g} {state.unit}".rstrip()
        found.append(Row(f"{state.name} at rest", float(course[0]), state.unit, note=note))
    drives, rates = f_i
    fires = np.flatnonzero(rates > 0)
    lowest = float(drives[fires[0]]) if len(fires) else None
    between = f"{drives[0]:g} .. {drives[-1]:g} {neurons.drive_unit}, {POINTS} currents, half of the time to settle"
    found.append(Row("lowest constant current that fires", lowest, _unit(neurons), note=between))
    found.append(
        Row(
            "highest rate",
            float(rates.max()),
            "Hz",
            note=f"at {float(drives[rates.argmax()]):.4g} {neurons.drive_unit}",
        )
    )
    bound = f"<= {neurons.accuracy.bound:g} {first.unit}".rstrip() if neurons.accuracy.bound else "rounding"
    found.append(Row("stated error", bound, note=f"of {first.name}: {neurons.accuracy.how}"))
    return [row.under(**conditions) for row in found]


def listed(name: str | None = None) -> list[Row]:
    """All models with what drives them; or one model's parameters, presets and states."""
    if name is None:
        return [_summary(key, NEURONS.find(key)) for key in NEURONS.names()]
    model = NEURONS.find(name)
    found = [_summary(name, model)]
    for key, field in model.parameters_model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = field.get_default()
        shown = default if isinstance(default, int | float | None) else str(default)
        found.append(
            Row(key, shown, str(extra.get("unit", "")), reference=_range(field.metadata), note=field.description or "")
        )
    found += [
        Row("preset", key, note=", ".join(f"{k}={v:g}" for k, v in values.items()) or "the defaults")
        for key, values in model.presets.items()
    ]
    found += [Row("state", state.name, state.unit, note=state.meaning) for state in model.states]
    return found


def _summary(name: str, model: type[NeuronModel]) -> Row:
    text = " ".join((model.__doc__ or "").partition("\n\n")[0].split())
    states = ", ".join(state.name for state in model.states)
    return Row(name, model.demonstration.current, model.drive_unit, note=f"{text} States: {states}.")


def _range(metadata: list[object]) -> str | None:
    signs = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
    bounds = [f"{s} {getattr(m, a):g}" for m in metadata for a, s in signs if getattr(m, a, None) is not None]
    return ", ".join(bounds) or None


def _unit(neurons: NeuronModel) -> str:
    return "" if neurons.drive_unit == "1" else neurons.drive_unit
