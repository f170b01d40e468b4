"""ngspice, where it is installed: an independent program that solves what is written for it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.errors import HilError


@dataclass(frozen=True)
class NgspiceRun:
    """What ngspice left behind.

    Attributes
    ----------
    stdout : str
        What it printed, errors included.
    files : mapping
        Texts of the files that were asked for and that it wrote, by name.
    """

    stdout: str
    files: Mapping[str, str]


def installed() -> bool:
    """Whether ngspice can be run here."""
    return shutil.which("ngspice") is not None


def run(files: Mapping[str, str], main: str, timeout: float = 120.0, wanted: Sequence[str] = ()) -> NgspiceRun:
    """Run a netlist in a folder of its own, in batch mode.

    Parameters
    ----------
    files : mapping
        Texts by the names of the files.
    main : str
        The one to run.
    timeout : float
        Seconds after which it is stopped.
    wanted : sequence of str
        Files to bring back.

    Raises
    ------
    HilError
        If ngspice is not installed, or takes longer.
    """
    program = shutil.which("ngspice")
    if program is None:
        raise HilError("ngspice is not installed, or not on the PATH")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text)
        try:
            done = subprocess.run(
                [program, "-b", main], cwd=folder, text=True, timeout=timeout, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise HilError(f"ngspice needs more than {timeout:g} s for {main}") from None
        return NgspiceRun(
            done.stdout, {file: (folder / file).read_text() for file in wanted if (folder / file).exists()}
        )
