"""The models that can be fitted, by name.

A model is an entry point of the group ``sim.fits``, of this package or another: a function that makes it for a
measurement, and for an order of the memristance where the law has one (FLCA). `hil fit --model NAME` finds it here,
and every other simulated law by the name of its device (`sim.fitting.law`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hil.errors import InputError, nearest
from hil.plugins import Registry
from sim.catalogue import backend as devices
from sim.cells.law import Law
from sim.cells.rates import RateLaw
from sim.crossbar.parameters import JoinedParameters
from sim.fitting.data import Measurement
from sim.fitting.fitting import require_readings
from sim.fitting.flca import FlcaModel
from sim.fitting.law import LawModel
from sim.fitting.model import Model
from sim.fitting.retention import Description, ExponentialDecay, PowerLaw
from sim.fitting.rram import RramModel
from sim.fitting.vteam import VteamModel

FITS: Registry[Callable[[Measurement, int], Model]] = Registry("sim.fits", "model")
"""Makes a model for a measurement and an order of the memristance."""


DESCRIPTIONS: Mapping[str, type[Description]] = {law.name: law for law in (PowerLaw, ExponentialDecay)}
"""Laws of time alone, which no device has."""

USUAL: Mapping[str, tuple[str, ...]] = {
    "train": ("nlhb",),
    "sweep": ("vteam",),
    "decay": ("power-law", "exponential", "flca-volatile"),
}
"""Models of each kind of measurement where none is named."""


def model(name: str, measurement: Measurement, order: int = 1) -> Model:
    """Make a model by name; `InputError` naming the nearest if there is none.

    A law of its own device takes parameters as an address does: ``team?window=none``.
    """
    if name in DESCRIPTIONS:
        return DESCRIPTIONS[name](measurement)
    if name in FITS.names():
        return FITS.find(name)(measurement, order)
    bare, _, query = name.partition("?")
    laws = {kind.name: kind for kind in devices.kinds()}
    if bare not in laws:
        raise InputError(f"no model '{bare}' {nearest(bare, (*FITS.names(), *DESCRIPTIONS, *laws))}")
    if query and bare in FITS.names():
        raise InputError(f"--model {name}: {bare} takes no parameters; hold them with --fix NAME=VALUE")
    given = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
    return LawModel(laws[bare], measurement, given)


def applicable(measurement: Measurement, order: int = 1) -> tuple[list[Model], dict[str, str]]:
    """Every model that can explain a measurement, and why each of the others cannot."""
    models, refused = [], {}
    for name in (*FITS.names(), *DESCRIPTIONS):
        try:
            found = model(name, measurement, order)
            require_readings(found)
            models.append(found)
        except InputError as error:
            refused[name] = str(error).removeprefix(f"{measurement.source}: ")
    for kind in devices.kinds():
        if issubclass(kind.parameters, JoinedParameters) and issubclass(kind.parameters.law_type, RateLaw):
            why = _undetermined(kind.parameters.law_type, kind.name, measurement)
            try:
                found = LawModel(kind, measurement)
                require_readings(found)
            except InputError as error:
                why = str(error).removeprefix(f"{measurement.source}: ")
            found.thorough = False
            if why:
                refused[kind.name] = why
            else:
                models.append(found)
    return models, refused


def _undetermined(law: type[Law[Any]], name: str, measurement: Measurement) -> str:
    """Why a law is not among those that a measurement ranks; empty if it is."""
    if not np.any(measurement.voltage):
        return "moves by voltages, and there are none"
    if law.roots:
        return f"only when named, --model {name}: its current is a root found in every step, and a fit takes minutes"
    return ""


def lhb(measurement: Measurement, order: int) -> Model:
    """Linear steps between hard bounds."""
    return RramModel("lhb", measurement)


def nlsb(measurement: Measurement, order: int) -> Model:
    """Non-linear steps towards soft bounds."""
    return RramModel("nlsb", measurement)


def nlhb(measurement: Measurement, order: int) -> Model:
    """Non-linear steps between hard bounds."""
    return RramModel("nlhb", measurement)


def flca(measurement: Measurement, order: int) -> Model:
    """Memristance of a non-volatile flux, up to an order."""
    return FlcaModel("nonvolatile", measurement, order)


def flca_volatile(measurement: Measurement, order: int) -> Model:
    """Memristance of a flux that relaxes, up to an order."""
    return FlcaModel("volatile", measurement, order)


def vteam(measurement: Measurement, order: int) -> Model:
    """VTEAM without a window."""
    return VteamModel("none", measurement)


def vteam_biolek(measurement: Measurement, order: int) -> Model:
    """VTEAM with Biolek's window."""
    return VteamModel("biolek", measurement)
