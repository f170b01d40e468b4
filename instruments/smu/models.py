"""Which driver belongs to an answer to ``*IDN?``.

A family is a module here with a `FAMILY`; other packages add theirs by entry points of the group ``hil.smus``.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

import instruments.smu
from hil import plugins
from hil.errors import InputError
from instruments.link.scpi import model_words
from instruments.smu.driver import Driver, Family, Spec

GROUP = "hil.smus"


def families() -> list[Family]:
    """All families, ours first.

    Raises
    ------
    InputError
        If a package's family cannot be loaded.
    """
    package = instruments.smu
    modules = [import_module(f"{package.__name__}.{info.name}") for info in pkgutil.iter_modules(package.__path__)]
    ours = [module.FAMILY for module in modules if hasattr(module, "FAMILY")]
    theirs, problems = plugins.gathered(GROUP, "family of source-measure units", Family)
    for problem in problems.values():
        raise problem
    return [*ours, *theirs]


def models() -> dict[str, tuple[type[Driver], Spec]]:
    """Driver and specification of every model, by its name."""
    known = {spec.model: (family.driver, spec) for family in families() for spec in family.specs}
    return dict(sorted(known.items()))


def driver_for(identity: str) -> Driver:
    """Driver of the instrument that answered `identity` to ``*IDN?``.

    Parameters
    ----------
    identity : str
        Maker, model, serial number and firmware, separated by commas: ``KEITHLEY INSTRUMENTS,MODEL 2450,01234567,1.7``.

    Raises
    ------
    InputError
        If it has no second field, or no driver knows the model.
    """
    words, known = model_words(identity), models()
    for driver, spec in known.values():
        if words & set(spec.identities):
            return driver(spec)
    raise InputError(f"no driver for '{identity.strip()}'; known: {', '.join(known)}")
