"""Which matrix driver belongs to an answer to ``*IDN?``.

A family is a module here with a `FAMILY`; other packages add theirs by entry points of the group ``hil.matrices``.
"""

from __future__ import annotations

from hil.errors import InputError
from hil.plugins import Catalogue
from instruments.link.scpi import model_words
from instruments.matrix.driver import MatrixDriver, MatrixFamily, MatrixSpec

_FAMILIES = Catalogue(
    "hil.matrices",
    "family of switch matrices",
    MatrixFamily,
    lambda family: f"{family.driver.__module__}.{family.driver.__name__}",
    beside="instruments.matrix:FAMILY",
)


def models() -> dict[str, tuple[type[MatrixDriver], MatrixSpec]]:
    """Driver and specification of every model, by its name."""
    known = {spec.model: (family.driver, spec) for family in _FAMILIES.everything().values() for spec in family.specs}
    return dict(sorted(known.items()))


def matrix_driver_for(identity: str) -> MatrixDriver:
    """Driver of the matrix that answered `identity` to ``*IDN?``.

    Raises
    ------
    InputError
        If no driver knows the model.
    """
    words, known = model_words(identity), models()
    for driver, spec in known.values():
        if words & set(spec.identities):
            return driver(spec)
    raise InputError(f"no driver for the matrix '{identity.strip()}'; known: {', '.join(known)}")
