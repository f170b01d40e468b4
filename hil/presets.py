"""Preset files: what a device is made of, as JSON; written by a fit or by hand, read by any device that knows the law.

A fitted or chosen law, with the parameters of the simulated kind of that name::

    {"format": "memhil-model/1", "model": "rram", "parameters": {"model": "nlhb", "alpha": 0.004, ...}}

or a measured curve, for devices that play it as it is: the conductance after each of a train of equal pulses, in S::

    {"format": "memhil-model/1", "model": "curve", "potentiation": [...], "depression": [...]}

`parameters` are what the cell is; where a trace began is no property of the cell, and stands under `measured`, which no
device reads. Which files a device takes is said by its `hil.backends.DeviceKind.models`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.errors import InputError, nearest
from hil.files import read_json, write_json

FORMAT = "memhil-model/1"
"""Key `format` of a preset file."""

CURVE = "curve"
"""Model of a file that holds a measured curve."""

NOTES = ("measured", "warnings")
"""Keys for facts of the measurement and words for the reader, beside those that a device reads."""


@dataclass(frozen=True, eq=False)
class Preset:
    """A preset file that has been read; what its model must have is checked when it is asked for.

    Attributes
    ----------
    path : Path
        Where it came from, for messages.
    model : str
        Name of the law, or `CURVE`.
    content : mapping
        All that stands in the file.
    """

    path: Path
    model: str
    content: Mapping[str, Any]

    def parameters(self) -> Mapping[str, Any]:
        """Parameters of the law by name; `InputError` if the file has none, or anything else."""
        (values,) = self._values("parameters")
        if not isinstance(values, dict):
            raise InputError(f"{self.path}: 'parameters' must be an object of names and values")
        return values

    def curve(self) -> Mapping[str, Sequence[float]]:
        """`potentiation` and `depression`, conductances in S; `InputError` if either is missing or no list of them."""
        names = ("potentiation", "depression")
        for name, values in zip(names, self._values(*names), strict=True):
            if not isinstance(values, list) or not all(isinstance(x, int | float) for x in values):
                raise InputError(f"{self.path}: '{name}' must be a list of conductances in S")
        return {name: self.content[name] for name in names}

    def _values(self, *names: str) -> list[Any]:
        """What stands under these keys, all of which must be there, and nothing else but notes."""
        others = self.content.keys() - {"format", "model", *names, *NOTES}
        if others:
            raise InputError(f"{self.path}: unknown key '{min(others)}' {nearest(min(others), (*names, *NOTES))}")
        for name in names:
            if name not in self.content:
                raise InputError(f"{self.path}: a preset of model '{self.model}' needs '{name}'")
        return [self.content[name] for name in names]


def read(path: Path) -> Preset:
    """Read a preset file; `InputError` if it cannot be read or is none."""
    content = read_json(path, "preset file")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is no device model: its 'format' must be '{FORMAT}'")
    return Preset(path, str(content.get("model")), content)


def write(
    path: Path,
    model: str,
    parameters: Mapping[str, Any],
    measured: Mapping[str, float] | None = None,
    warnings: Sequence[str] = (),
) -> None:
    """Write the preset of a law.

    Parameters
    ----------
    path : Path
        File, replaced as a whole.
    model : str
        Name of the law: the simulated kind that takes these parameters.
    parameters : mapping
        What the cell is.
    measured : mapping, optional
        What belongs to one measurement of it, such as the state in which that began; no device takes it.
    warnings : sequence of str
        What those who use the preset must know, such as parameters that no data have told.
    """
    content = {"format": FORMAT, "model": model, "parameters": dict(parameters)}
    write_json(path, content | {k: v for k, v in (("measured", measured), ("warnings", list(warnings))) if v})
