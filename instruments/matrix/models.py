"""Which matrix driver belongs to an answer to ``*IDN?``."""

from __future__ import annotations

from hil.errors import InputError
from instruments.link.scpi import model_words
from instruments.matrix.b2200 import B2200A, B2201A, KeysightB2200
from instruments.matrix.driver import MatrixDriver, MatrixSpec
from instruments.matrix.k707b import K707B, K708B, Keithley707B

MODELS: dict[str, tuple[type[MatrixDriver], MatrixSpec]] = {
    spec.model: (family, spec)
    for family, specs in ((Keithley707B, (K707B, K708B)), (KeysightB2200, (B2200A, B2201A)))
    for spec in specs
}
"""Driver and specification of every model, by its name."""


def matrix_driver_for(identity: str) -> MatrixDriver:
    """Driver of the matrix that answered `identity` to ``*IDN?``.

    Raises
    ------
    InputError
        If no driver knows the model.
    """
    words = model_words(identity)
    for family, spec in MODELS.values():
        if words & set(spec.identities):
            return family(spec)
    raise InputError(f"no driver for the matrix '{identity.strip()}'; known: {', '.join(MODELS)}")
