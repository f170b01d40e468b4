"""The models that can be fitted, by name."""

from __future__ import annotations

from collections.abc import Callable

from hil.errors import InputError, nearest
from sim.fitting.data import Measurement
from sim.fitting.flca import FlcaModel
from sim.fitting.model import Model
from sim.fitting.rram import TITLES, RramModel
from sim.fitting.vteam import VteamModel

MODELS: dict[str, Callable[[Measurement, int], Model]] = {
    **{name: lambda m, _, name=name: RramModel(name, m) for name in TITLES},
    "flca": lambda m, order: FlcaModel("nonvolatile", m, order),
    "flca-volatile": lambda m, order: FlcaModel("volatile", m, order),
    "vteam": lambda m, _: VteamModel("none", m),
    "vteam-biolek": lambda m, _: VteamModel("biolek", m),
}
"""Makes a model for a measurement and an order of the memristance (FLCA)."""


def model(name: str, measurement: Measurement, order: int = 1) -> Model:
    """Make a model by name; `InputError` naming the nearest if there is none."""
    if name not in MODELS:
        raise InputError(f"no model '{name}' {nearest(name, MODELS)}")
    return MODELS[name](measurement, order)
