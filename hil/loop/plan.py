"""What `hil loop` is told to do: its settings, with what `--quick` makes of them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from pydantic import Field, model_validator

from hil.backends import check_address
from hil.config import Section
from hil.data import datasets
from hil.errors import InputError, nearest
from hil.fraction import Fraction
from hil.training.settings import LARGEST_SEED

QUICK = {
    "models": ("lhb", "nlsb", "nlhb"),
    "emulators": ("golden",),
    "neurons": 10,
    "epochs": 1.0,
    "seeds": 2,
    "pulses": 100,
}
"""What `--quick` sets where nothing else was asked for."""


class LoopPlan(Section):
    """Settings of a loop; a flag of `hil loop` each."""

    source: str = Field("", description="run folder or file with measured data; empty where a device is measured")
    device: str = Field("", description="device that is measured where there are no data")
    limits: tuple[str, ...] = Field((), description="words of `hil characterize ltp` on how it is measured")
    columns: tuple[str, ...] = Field((), description="words of `hil import` on what the file does not say")
    models: tuple[str, ...] = Field(("all",), min_length=1, description="device models that are fitted")
    hold_back: Fraction = Field(0.25, gt=0, lt=1, description="part of the data that checks the fit")
    pulses: int = Field(400, ge=2, description="pulses that compare a device with its emulator")
    driver: str = Field("wta", description="what trains the network: a driver of spiking networks")
    dataset: str = Field("digits", description="what it learns")
    data_dir: str = Field("", description="folder with IDX files of data sets that are not bundled")
    neurons: int = Field(10, ge=1, le=4096, description="columns of the crossbar")
    epochs: float = Field(2.0, gt=0, description="passes through the training images")
    seeds: int = Field(3, ge=1, le=10_000, description="trainings on each device, for the spread")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="first seed")
    emulators: tuple[str, ...] = Field(
        ("golden", "cxxrtl"), description="fpga: engines that train beside sim:; all but the first must equal the first"
    )
    check_seeds: int = Field(
        1, ge=1, le=10_000, description="trainings on each engine but the first, which simulate logic slowly"
    )
    board: str = Field("", description="FPGA board that a bitstream is built for")
    program: str = Field("", description="device on which cells are written and verified at last")

    @model_validator(mode="after")
    def _one_source(self) -> LoopPlan:
        if bool(self.source) == bool(self.device):
            raise ValueError("give measured data (a run folder or a file) or --device to measure, one of the two")
        return self

    def check(self) -> None:
        """Raise `InputError` for a source, device or board that cannot be used, before anything is run."""
        if self.source and not Path(self.source).exists():
            raise InputError(f"no run folder and no file {self.source}")
        for uri in filter(None, (self.device, self.program)):
            check_address(uri)
        for engine in self.emulators:
            check_address(f"fpga:{engine}")
        datasets.load(self.dataset, Path(self.data_dir) if self.data_dir else None)
        if self.board:
            _require_board(self.board)
        if self.program:
            _require_rehearsal(self.program)


def _require_board(name: str) -> None:
    """Ask `hil fpga boards`, which this room does not know, whether there is such a board."""
    known = [row["name"] for row in json.loads(_told(f"--board {name}", "fpga", "boards", "--json", "-"))["rows"]]
    if name not in known:
        raise InputError(f"no board '{name}' {nearest(name, known)}")


def _require_rehearsal(uri: str) -> None:
    """Rehearse the writing of cells, which comes last of all, on the device that it is asked of: nothing is driven."""
    _told(f"--program {uri}", "characterize", "ispp", "--device", uri, "--dry-run", "--commands", os.devnull)


def _told(option: str, *words: str) -> str:
    """What a command of `hil` prints; `InputError` with its last words, beside the option, where it fails."""
    done = subprocess.run([sys.executable, "-m", "hil", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2].removeprefix("hil: ")
        raise InputError(f"{option}: {last or f'hil {shlex.join(words)} fails'}")
    return done.stdout
