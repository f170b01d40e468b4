"""`hil loop`: from a measured device to a network on an emulator of it, in one resumable run."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hil.cli import checks, options
from hil.runs.stopping import refuse_with_resume

if TYPE_CHECKING:
    from hil.loop.plan import LoopPlan


Source = Annotated[
    str | None,
    typer.Argument(metavar="RUN|FILE", help="Run of `hil characterize`, or any measured file.", show_default=False),
]
Device = Annotated[
    str | None, typer.Option("--device", metavar="URI", help="Measure this device where there are no data yet.")
]
Measure = Annotated[
    str | None, typer.Option("--measure", metavar="WORDS", help="Words for `hil characterize ltp`, in quotes.")
]
Reading = Annotated[
    str | None, typer.Option("--import", metavar="WORDS", help="Words for `hil import FILE`, in quotes.")
]
Models = Annotated[
    str | None, typer.Option("--model", metavar="A,B,...", help="Device models that compete (default: all).")
]
DataSet = Annotated[str | None, typer.Option("--dataset", metavar="NAME", help="digits, mnist, mnist-slice, ...")]
Seeds = Annotated[int | None, typer.Option("--seeds", help="Trainings on each device, for the spread.")]
Neurons = Annotated[int | None, typer.Option("--neurons", help="Columns of the crossbar (default: 10).")]
Epochs = Annotated[
    float | None, typer.Option("--epochs", callback=checks.finite, help="Passes through the training images.")
]
Emulators = Annotated[
    str | None, typer.Option("--emulators", metavar="A,B,...", help="golden, cxxrtl, sim (default: golden,cxxrtl).")
]
CheckSeeds = Annotated[
    int | None,
    typer.Option("--check-seeds", help="Trainings on each emulator but the first, which they must equal (default: 1)."),
]
Board = Annotated[str | None, typer.Option("--board", metavar="NAME", help="Build a bitstream, see `hil fpga boards`.")]
Program = Annotated[
    str | None, typer.Option("--program", metavar="URI", help="At last, write and verify cells of this device.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Under two minutes without a build: less of everything.")]


def loop(
    source: Source = None,
    device: Device = None,
    measure: Measure = None,
    reading: Reading = None,
    model: Models = None,
    dataset: DataSet = None,
    data_dir: options.DataDir = None,
    neurons: Neurons = None,
    epochs: Epochs = None,
    seeds: Seeds = None,
    emulators: Emulators = None,
    check_seeds: CheckSeeds = None,
    board: Board = None,
    program: Program = None,
    quick: Quick = False,
    run: options.RunFolder = None,
    resume: options.Resume = None,
    json: options.Json = None,
) -> None:
    """Go the whole way: data -> fitted model -> check on held-back data -> emulator -> networks -> report.

    Data come from a run, from a file (`hil import` reads it) or from --device (`hil characterize ltp` measures it).
    The model that explains them best is opened as sim:, its steps are loaded into the FPGA emulator, conductances are
    compared pulse by pulse, and a network is trained on each, beside its controls. Every stage is a `hil` command with
    its own folder; RUN/report.html shows all of them, each with the command that repeats it.

    \b
    hil loop train.csv --quick
    hil loop runs/ltp-sim-rram-001 --board icebreaker
    hil loop --device "visa:virtual?dut=sim:rram" --measure "--set pulses=60" --program "sim:rram?rows=8&cols=8"
    hil loop IV.csv --import "--dwell 10e-3" --model vteam,vteam-biolek
    hil loop --resume runs/loop-train-001           # after Ctrl-C, a failed stage, or anything worse
    """
    from hil.loop import play
    from hil.runs.results import report

    asked: dict[str, Any] = {
        "source": source, "device": device, "limits": _words(measure), "columns": _words(reading),
        "models": _names(model), "dataset": dataset, "data_dir": str(data_dir) if data_dir else None,
        "neurons": neurons, "epochs": epochs, "seeds": seeds, "emulators": _names(emulators), "board": board,
        "check_seeds": check_seeds,
        "program": program,
    }  # fmt: skip
    if resume is not None:
        told = {f"--{name.replace('_', '-')}": value for name, value in asked.items()}
        refuse_with_resume({**told, "--quick": quick or None, "--run": run})
    done = play.start(_plan(asked, quick), run) if resume is None else play.restart(resume)
    report(done.rows, str(done.path), json)
    for page in done.figures:
        print(f"report: {page}", file=sys.stderr)


def _plan(asked: dict[str, Any], quick: bool) -> LoopPlan:
    from hil.config import validated
    from hil.loop.plan import QUICK, LoopPlan

    given = {name: value for name, value in asked.items() if value is not None}
    return validated(LoopPlan, {**(QUICK if quick else {}), **given}, "hil loop")


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _words(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(shlex.split(text))
