"""The models that can be fitted, by name.

A model is an entry point of the group ``sim.fits``, of this package or another: a class derived from
`sim.fitting.model.Model`, or a function that makes one, called with a measurement and an order of the memristance (FLCA
has one). `hil fit --model NAME` finds it here, and every other simulated law by the name of its device
(`sim.fitting.law`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hil.errors import InputError, nearest
from hil.plugins import Registry

if TYPE_CHECKING:
    from sim.cells.law import Law
    from sim.fitting.data import Measurement
    from sim.fitting.model import Model

FITS: Registry[Callable[[Measurement, int], Model]] = Registry("sim.fits", "model")
"""Makes a model for a measurement and an order of the memristance."""

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
    if name in FITS.names():
        return FITS.find(name)(measurement, order)
    from sim.catalogue import backend as devices
    from sim.fitting.law import LawModel

    bare, _, query = name.partition("?")
    laws = {kind.name: kind for kind in devices.kinds()}
    if bare not in laws:
        raise InputError(f"no model '{bare}' {nearest(bare, (*FITS.names(), *laws))}")
    if query and bare in FITS.names():
        raise InputError(f"--model {name}: {bare} takes no parameters; hold them with --fix NAME=VALUE")
    given = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
    return LawModel(laws[bare], measurement, given)


def prepared(names: Iterable[str], measurement: Measurement) -> Measurement:
    """Leave out the readings that one of the models cannot explain whatever its parameters are (`Model.prepared`)."""
    for name in names:
        if name in FITS.names():
            measurement = getattr(FITS.find(name), "prepared", lambda same: same)(measurement)
    return measurement


def applicable(measurement: Measurement, order: int = 1) -> tuple[list[Model], dict[str, str]]:
    """Every model that can explain a measurement, and why each of the others cannot."""
    from sim.catalogue import backend as devices
    from sim.cells.rates import RateLaw
    from sim.crossbar.parameters import JoinedParameters
    from sim.fitting.fitting import require_readings
    from sim.fitting.law import LawModel

    models: list[Model] = []
    refused = {}
    for name in FITS.names():
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
    if not measurement.voltage.any():
        return "moves by voltages, and there are none"
    if law.roots:
        return f"only when named, --model {name}: its current is a root found in every step, and a fit takes minutes"
    return ""
