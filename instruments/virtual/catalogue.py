"""Every virtual instrument by the name of its model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hil.backends import open_device
from hil.errors import InputError, nearest
from instruments.virtual.b2900 import B2900
from instruments.virtual.dut import Dut
from instruments.virtual.instrument import VirtualInstrument
from instruments.virtual.k2400 import K2400
from instruments.virtual.k2450 import K2450
from instruments.virtual.k2461 import K2461
from instruments.virtual.k2600 import K2600
from instruments.virtual.matrices import B2200, K707B

MODELS: dict[str, Callable[..., VirtualInstrument]] = {
    "2400": K2400,
    "2450": K2450,
    "2460": partial(K2450, model="2460"),
    "2461": partial(K2461, model="2461"),
    **{name: partial(K2600, model=name) for name in K2600.MODELS},
    **{name: partial(B2900, model=name) for name in B2900.MODELS},
    "707B": K707B,
    **{name: partial(B2200, model=name) for name in B2200.MODELS},
}
"""Model to what makes it, called with the device under test and options."""

BOTH_TERMINALS = ("2400", "2450", "2460", "2461")
"""Models with front and rear terminals, of which one pair is selected; they take ``dut_terminals``."""


def make(model: str, dut: Dut | None = None, **options: Any) -> VirtualInstrument:
    """Set up a virtual instrument.

    Parameters
    ----------
    model : str
        A key of `MODELS`.
    dut : Dut, optional
        What is at its terminals; nothing at all (an open circuit) where it is not given. A matrix and the
        source-measure units that it connects share one.
    **options
        Keyword arguments of the model's class, such as ``line_frequency``.

    Raises
    ------
    InputError
        For an unknown model.
    """
    if model not in MODELS:
        raise InputError(f"no virtual instrument '{model}' {nearest(model, MODELS)}")
    if dut is None:
        dut = Dut(open_device("sim:rram"))
        for port in ("1", "2"):
            dut.port(port).contact_open = True
    return MODELS[model](dut, **options)
