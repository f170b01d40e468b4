"""Preset files: parameters of a device as JSON, written by a fit, read by ``sim:`` and ``fpga:`` devices.

``{"format": "memhil-model/1", "model": "rram", "parameters": {"model": "nlhb", "alpha": 0.004, ...}}``, the form that
`gateware.model.load_preset` reads as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hil.errors import InputError, nearest

FORMAT = "memhil-model/1"
"""Key `format` of a preset file."""

MODELS = ("flca", "rram", "vteam")
"""Models with a file form; each is a simulated kind of the same name."""


def write(path: Path, model: str, parameters: Mapping[str, Any]) -> None:
    """Write the preset of a simulated kind (`model`) with its parameters."""
    content = {"format": FORMAT, "model": model, "parameters": dict(parameters)}
    try:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"preset {path} cannot be written: {error.strerror}") from None


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
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no preset file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {(error.strerror or 'unknown reason').lower()}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a valid JSON file: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is no device model: its 'format' must be '{FORMAT}'")
    found = content.get("model")
    if found == "curve":
        raise InputError(f"{path} is a measured curve, which only fpga devices play; fit it to a model with `hil fit`")
    if found not in MODELS:
        raise InputError(f"{path}: unknown model '{found}' {nearest(str(found), MODELS)}")
    if found != model:
        raise InputError(f"{path} is a model for sim:{found}, not for sim:{model}")
    if content.keys() != {"format", "model", "parameters"} or not isinstance(content["parameters"], dict):
        raise InputError(f"{path}: a preset needs 'parameters', names and values, beside format and model, no more")
    return content["parameters"]
