"""`hil neuron`: one neuron by itself: traces, f-I curve and phase plane in a figure, numbers as rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hil.cli import checks, options
from hil.cli.group import lists
from hil.neurons.catalogue import NEURONS

Model = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Which model; without it, all are listed.")]
Preset = Annotated[str | None, typer.Option("--preset", metavar="NAME", help="Published values of its parameters.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter, SI units; may be repeated.")
]
Drive = Annotated[str | None, typer.Option("--current", metavar="CURRENT", help="What drives it, see above.")]
Duration = Annotated[
    float | None, typer.Option("--duration", metavar="S", callback=checks.finite, help="Of the traces, s.")
]
Samples = Annotated[int | None, typer.Option("--samples", help="Points of the traces (default: 10000).")]
Figure = Annotated[
    Path | None,
    typer.Option(
        "--figure", metavar="FILE", callback=checks.picture_file, help="Picture to write (default: NAME.png)."
    ),
]


@lists(NEURONS, "Models")
def neuron(
    model: Model = None,
    preset: Preset = None,
    current: Drive = None,
    duration: Duration = None,
    samples: Samples = None,
    settings: Set = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of a model that has chance in it.")] = 0,
    figure: Figure = None,
    json: options.Json = None,
) -> None:
    """Play a current into a neuron: all its states over time, f-I curve and phase plane as one figure, numbers as rows.

    A current is KIND:SIZE@START in the unit that drives the model, several joined by +:
    alpha:50uA (synaptic, tau 10 ns; alpha:50uA*4@1us/0.4us is four of them), step:14@10ms, pulse:2nA*5ms@20ms,
    ramp:15@30ms (a second), sine:1nA*50Hz. Without --current each model has one of its own; a preset of izhikevich that
    is a firing pattern has the current that shows it.

    \b
    hil neuron                                                   # all models
    hil neuron --model mif --current alpha:50uA
    hil neuron --model izhikevich --preset tonic-bursting
    hil neuron --model hh --current step:0.07@5ms --set g_na=1000
    hil neuron --model lif --current pulse:3nA*50ms@10ms --duration 0.1 --json -
    """
    from hil.errors import InputError
    from hil.neurons.report import listed
    from hil.runs.results import report

    if model is None:
        told = {"--preset": preset, "--current": current, "--duration": duration, "--samples": samples,
                "--set": settings, "--figure": figure}  # fmt: skip
        if given := [name for name, value in told.items() if value is not None]:
            raise InputError(f"{', '.join(given)}: name the neuron, --model NAME ({', '.join(NEURONS.names())})")
        report(listed(), "Neuron models", json, heads={"value": "played with", "unit": "driven in"})
        return
    _play(model, preset, current, duration, samples, settings or [], seed, figure, json)


def _play(
    model: str, preset: str | None, current: str | None, duration: float | None, samples: int | None,
    settings: list[str], seed: int, figure: Path | None, json: str | None,
) -> None:  # fmt: skip
    from hil.config import with_settings
    from hil.neurons import catalogue, currents, recording, report
    from hil.neurons.figure import save_neuron
    from hil.runs import results

    made = catalogue.make(model, with_settings({}, settings), preset=preset, seed=seed)
    shown = made.patterns.get(preset or "") if current is None else None
    text, long = shown or (current or made.demonstration.current, made.demonstration.duration)
    drive = currents.current(text, made.drive_unit)
    trace = recording.trace(made, drive, duration or long, recording.SAMPLES if samples is None else samples)
    f_i = report.curve(made, made.demonstration.duration)
    path = figure or Path(f"{model}.png")
    name = model if preset is None else f"{model} {preset}"
    save_neuron(made, trace, f_i, f"{name}, {text}", path)
    results.report(report.rows(model, made, drive, trace, f_i), name, json)
    print(f"picture: {path}", file=sys.stderr)
