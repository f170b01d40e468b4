"""Options of `hil fpga` that say what is built, and the geometry that they make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hil.cli import checks

if TYPE_CHECKING:
    from gateware.geometry import Geometry

FASTEST = 1000.0
"""Highest --clock, MHz, that is not a mistake; whether a board can make it is known only to its PLL's settings."""

Rows = Annotated[int | None, typer.Option("--rows", min=1, help="Lines of the crossbar, one an input.")]
Cols = Annotated[int | None, typer.Option("--cols", min=1, help="Columns, each with its neuron.")]
Lanes = Annotated[
    int | None, typer.Option("--lanes", min=1, help="Cells read at once: more are faster and take more of the FPGA.")
]
StateBits = Annotated[int | None, typer.Option("--state-bits", help="Width of a cell's state, 8 .. 16.")]
Cell = Annotated[
    Literal["step", "flca"] | None,
    typer.Option("--cell", help="step: pulse tables and learning on chip; flca: memristor under waveforms."),
]
Tie = Annotated[
    Literal["rank", "membrane", "margin"] | None,
    typer.Option(
        "--tie",
        help="Which of several ready neurons fires: the lowest column, the highest membrane, or the membrane furthest "
        "above its own threshold.",
    ),
]
Annealing = Annotated[
    bool | None,
    typer.Option(
        "--annealing/--no-annealing",
        help="Registers for what falls during a run: pulses by lot, and thresholds of zero mean.",
    ),
]
Encoder = Annotated[bool | None, typer.Option("--encoder/--no-encoder", help="Turn images into spikes on chip.")]
TimeBits = Annotated[
    int | None,
    typer.Option("--t-bits", help="Width of times, 6 .. 15: a presentation has at most 2^N ticks."),
]
MembraneBits = Annotated[
    int | None, typer.Option("--v-bits", help="Width of a membrane, 12 .. 24; a full weight counts 255.")
]
LogDepth = Annotated[
    int | None, typer.Option("--log-depth", help="Output spikes of a presentation that are kept with times, 1 .. 4096.")
]


def _clock(value: float | None) -> float | None:
    if value is not None and not 0 < value <= FASTEST:
        raise typer.BadParameter(f"{value} is not above 0 and at most {FASTEST:g} MHz")
    return value


Clock = Annotated[
    float | None,
    typer.Option(
        "--clock", metavar="MHZ", callback=_clock, help="Clock, made by the FPGA's PLL where the board's is another."
    ),
]
LOWEST_BAUD, HIGHEST_BAUD = 9600.0, 12e6
"""Bit rates of the serial line that addresses can name; a board's chip may reach less (`Board.most_baud`)."""


def _baud(value: float | None) -> float | None:
    if value is not None and not LOWEST_BAUD <= value <= HIGHEST_BAUD:
        raise typer.BadParameter(f"{value} is not in {LOWEST_BAUD:g} .. {HIGHEST_BAUD:g} bits a second")
    return value


Baud = Annotated[
    float | None,
    typer.Option(
        "--baud",
        metavar="RATE",
        callback=_baud,
        help="Bit rate of the serial line, such as 3e6; the board's address then says baud=3e6.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option("--preset", metavar="FILE|NAME", help="Build in the tables of this device: a fit's preset, a curve."),
]
Device = Annotated[
    str | None,
    typer.Option("--device", metavar="URI", help="The same for the device of an address, such as sim:rram?alpha=0.01."),
]
Seed = Annotated[
    int,
    typer.Option("--seed", min=0, max=2**31 - 1, help="Of the placer: another one may give a faster placement."),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds", min=1, max=64, help="Build with so many seeds and keep the fastest; a stopped sweep goes on."
    ),
]
Run = Annotated[
    bool,
    typer.Option("--run/--no-run", help="--no-run: write the project for the tools, such as Vivado, and stop."),
]
BuildOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        callback=checks.output_folder,
        help="Folder to fill (default: build/BOARD-ROWSxCOLSpLANES).",
    ),
]


def chosen_geometry(
    default: Geometry, sizes: dict[str, Any], preset: str | None = None, device: str | None = None
) -> Geometry:
    """The default geometry, changed by what was given on the command line, with the device that is built in.

    Parameters
    ----------
    default : Geometry
        What is not given.
    sizes : dict
        Fields of the geometry, None for those that were not given; `clock` in MHz.
    preset, device : str, optional
        The device whose tables are built in.
    """
    from gateware.chosen import parameters_of, with_device

    given = {name: value for name, value in sizes.items() if value is not None}
    if "clock" in given:
        given["clock"] *= 1e6
    parameters = parameters_of(preset, device)
    if parameters is None:
        return replace(default, **given)
    return with_device(default, parameters, Path(preset).stem if preset else str(device), given)
