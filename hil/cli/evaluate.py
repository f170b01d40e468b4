"""`hil evaluate`: a trained network, or a run of ours, on another device or later."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from hil.cli import options
from hil.cli.about import About, flags_of, with_about
from hil.cli.group import made_when_used
from hil.errors import InputError
from hil.runs.stopping import refuse_with_resume

Source = Annotated[
    Path | None,
    typer.Argument(metavar="MODEL|RUN", help="Network (.pt, .npz, .nir) or run folder.", show_default=False),
]


@with_about
def _evaluate(
    source: Source = None,
    config: options.Config = None,
    settings: options.Settings = None,
    run: options.RunFolder = None,
    resume: options.Resume = None,
    *,
    about: About,
    json: options.Json = None,
    **flags: Any,
) -> None:
    from hil.energy.report import show_run
    from hil.evaluation import play
    from hil.runs.metadata import checked

    if resume is not None:
        told = {"MODEL|RUN": source, "--config": config, "--set": settings, "--run": run}
        refuse_with_resume({**told, **flags, **flags_of(about)})
        done = play.restart(resume)
    else:
        values = options.resolve(config, settings, {"evaluate.source": source, **flags})
        if "source" not in values.get("evaluate", {}):
            raise InputError("name a network or a run: hil evaluate MODEL|RUN --device URI (see hil evaluate --help)")
        done = play.start(values, run, checked(about))
    show_run(done.rows, done.rows.title, done.path, json)
    for figure in done.figures:
        print(f"picture: {figure}", file=sys.stderr)
    print(f"confusion: {done.path / play.CONFUSION}", file=sys.stderr)


def _made() -> Callable[..., None]:
    from hil.cli.flags import with_flags
    from hil.evaluation.settings import EvaluateConfig

    return with_flags(_evaluate, EvaluateConfig)


@made_when_used(_made)
def evaluate() -> None:
    """Evaluate a trained network or a run on devices, step by step, beside shuffled weights.

    Accuracy in floating point; mapped (cells set exactly, where the device can: range, states, noise of reads, wires);
    programmed by write-verify; and after times of rest. Every layer of a network has a device of its own, two cells a
    weight; biases and functions stay on the host.

    \b
    hil evaluate model.pt --dataset mnist --data-dir DIR --device "sim:rram?d2d=10%&drift=0.02" --after 1h,1d,30d
    hil evaluate model.pt --dataset mnist --data-dir DIR --set evaluate.mean=0.1307 --set evaluate.std=0.3081
    hil evaluate layers.npz --dataset digits --device fpga:golden --exact
    hil evaluate runs/wta-digits-001 --device "sim:rram?read_noise=5%" --tolerance 5%
    hil evaluate --resume runs/evaluate-model-001

    A .pt holds a state_dict (its layers are taken one after the other, --activation between them) or an nn.Sequential
    of torch's own layers; an .npz arrays named as in a state_dict.
    """
