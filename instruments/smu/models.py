"""Which driver belongs to an answer to ``*IDN?``.

A family is a module here with a `FAMILY`; other packages add theirs by entry points of the group ``hil.smus``.
"""

from __future__ import annotations

from hil.errors import InputError
from hil.plugins import Catalogue
from instruments.link.scpi import model_words
from instruments.smu.driver import Family, SmuDriver, Spec

GROUP = "hil.smus"

_FAMILIES = Catalogue(
    GROUP,
    "family of source-measure units",
    Family,
    lambda family: f"{family.driver.__module__}.{family.driver.__name__}",
    beside="instruments.smu:FAMILY",
)


def models() -> dict[str, tuple[type[SmuDriver], Spec]]:
    """Driver and specification of every model, by its name."""
    known = {spec.model: (family.driver, spec) for family in _FAMILIES.everything().values() for spec in family.specs}
    return dict(sorted(known.items()))


def driver_for(identity: str) -> SmuDriver:
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
