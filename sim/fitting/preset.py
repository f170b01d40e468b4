"""Preset files: parameters of a device as JSON, written by a fit, read by ``sim:`` and ``fpga:`` devices.

``{"format": "memhil-model/1", "model": "rram", "parameters": {"model": "nlhb", "alpha": 0.004, ...}}``, the form that
`gateware.model.load_preset` reads as well. `parameters` are what the cell is; where a trace began is no property of the
cell, and stands under `measured`, which no device reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hil.errors import InputError, nearest
from hil.files import read_json, write_json

FORMAT = "memhil-model/1"
"""Key `format` of a preset file."""

NOTES = {"measured", "warnings"}
"""Keys that a preset may have beside those of a device: facts of the measurement, words for the reader."""

MODELS = ("flca", "rram", "vteam")
"""Models with a file form; each is a simulated kind of the same name."""


def write(
    path: Path,
    model: str,
    parameters: Mapping[str, Any],
    measured: Mapping[str, float] | None = None,
    warnings: Sequence[str] = (),
) -> None:
    """Write the preset of a simulated kind (`model`).

    Parameters
    ----------
    path : Path
        File, replaced as a whole.
    model : str
        Simulated kind.
    parameters : mapping
        What the cell is.
    measured : mapping, optional
        What belongs to one measurement of it, such as the state in which that began; no device takes it.
    warnings : sequence of str
        What those who use the preset must know, such as parameters that no data have told.
    """
    content = {"format": FORMAT, "model": model, "parameters": dict(parameters)}
    write_json(path, content | {k: v for k, v in (("measured", measured), ("warnings", list(warnings))) if v})


def reader(model: str) -> Callable[[Path], Mapping[str, Any]]:
    """Make the function that reads presets of one kind, for `hil.backends.DeviceKind.read_preset`."""

    def read_preset(path: Path) -> Mapping[str, Any]:
        return read(path, model)

    return read_preset


def read(path: Path, model: str) -> Mapping[str, Any]:
    """Parameters from a preset of `model`.

    Raises
    ------
    InputError
        If the file cannot be read, is not of this form, or is of another model.
    """
    content = read_json(path, "preset file")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is no device model: its 'format' must be '{FORMAT}'")
    found = str(content.get("model"))
    if found == "curve":
        raise InputError(f"{path} is a measured curve, which only fpga devices play; fit it to a model with `hil fit`")
    if found not in MODELS:
        raise InputError(f"{path}: unknown model '{found}' {nearest(found, MODELS)}")
    if found != model:
        raise InputError(f"{path} is a model for sim:{found}, not for sim:{model}")
    others = content.keys() - {"format", "model", "parameters"} - NOTES
    if others:
        raise InputError(f"{path}: unknown key '{min(others)}' {nearest(min(others), {'parameters', *NOTES})}")
    if not isinstance(content.get("parameters"), dict):
        raise InputError(f"{path}: a preset needs 'parameters', names and values")
    return content["parameters"]
