"""Every virtual instrument by the name of its model.

A module here with a table ``INSTRUMENTS`` is all it takes; other packages add theirs by entry points of the group
``hil.virtual_instruments``, each such a table: model to what makes it, called with the device under test and options.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import instruments.virtual
from hil import plugins
from hil.backends import open_device
from hil.errors import InputError, nearest
from instruments.virtual.dut import Dut
from instruments.virtual.instrument import VirtualInstrument

GROUP = "hil.virtual_instruments"

BOTH_TERMINALS = ("2400", "2450", "2460", "2461")
"""Models with front and rear terminals, of which one pair is selected; they take ``dut_terminals``."""


@cache
def models() -> Mapping[str, Callable[..., VirtualInstrument]]:
    """What makes each model, by its name; `InputError` if a package's instruments cannot be loaded."""
    package = instruments.virtual
    modules = [import_module(f"{package.__name__}.{info.name}") for info in pkgutil.iter_modules(package.__path__)]
    tables = [module.INSTRUMENTS for module in modules if hasattr(module, "INSTRUMENTS")]
    theirs = [plugins.load(point, "virtual instrument", dict) for point in plugins.installed(GROUP).values()]
    return {name: make for table in [*theirs, *tables] for name, make in table.items()}


def make(model: str, dut: Dut | None = None, **options: Any) -> VirtualInstrument:
    """Set up a virtual instrument.

    Parameters
    ----------
    model : str
        A name of `models`.
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
    known = models()
    if model not in known:
        raise InputError(f"no virtual instrument '{model}' {nearest(model, known)}")
    if dut is None:
        dut = Dut(open_device("sim:rram"))
        for port in ("1", "2"):
            dut.port(port).contact_open = True
    return known[model](dut, **options)
