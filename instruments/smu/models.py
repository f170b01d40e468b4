"""Which driver belongs to an answer to ``*IDN?``."""

from __future__ import annotations

from hil.errors import InputError
from instruments.link.scpi import model_words
from instruments.smu.b2900 import B2901A, B2902A, B2911A, B2912A, KeysightB2900
from instruments.smu.driver import Driver, Spec
from instruments.smu.k2400 import K2400, K2401, Keithley2400
from instruments.smu.k2450 import K2450, K2460, Keithley2450
from instruments.smu.k2461 import K2461, Keithley2461
from instruments.smu.k2600 import DUAL, SINGLE, Keithley2600

_FAMILIES: tuple[tuple[type[Driver], tuple[Spec, ...]], ...] = (
    (Keithley2400, (K2400, K2401)),
    (Keithley2450, (K2450, K2460)),
    (Keithley2461, (K2461,)),
    (Keithley2600, (*SINGLE, *DUAL)),
    (KeysightB2900, (B2901A, B2902A, B2911A, B2912A)),
)

MODELS: dict[str, tuple[type[Driver], Spec]] = {
    spec.model: (family, spec) for family, specs in _FAMILIES for spec in specs
}
"""Driver and specification of every model, by its name."""


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
    words = model_words(identity)
    for family, spec in MODELS.values():
        if words & set(spec.identities):
            return family(spec)
    raise InputError(f"no driver for '{identity.strip()}'; known: {', '.join(MODELS)}")
