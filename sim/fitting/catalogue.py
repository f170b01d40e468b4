"""The models that can be fitted, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hil.errors import InputError, nearest
from sim.fitting.data import Measurement
from sim.fitting.flca import FlcaModel
from sim.fitting.model import Model
from sim.fitting.rram import TITLES, Dynamics, RramModel
from sim.fitting.vteam import VteamModel


def _rram(name: Dynamics, measurement: Measurement, _order: int) -> Model:
    return RramModel(name, measurement)


MODELS: dict[str, Callable[[Measurement, int], Model]] = {
    **{name: partial(_rram, name) for name in TITLES},
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
