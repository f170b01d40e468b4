"""Every virtual instrument by the name of its model.

A module here with a table ``INSTRUMENTS`` is all it takes; other packages add theirs by entry points of the group
``hil.virtual_instruments``, each such a table: model to what makes it, called with the device under test and options.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from hil.backends import open_device
from hil.errors import InputError, nearest
from hil.plugins import Registry, beside
from instruments.virtual.dut import Dut
from instruments.virtual.instrument import VirtualInstrument

GROUP = "hil.virtual_instruments"

BOTH_TERMINALS = ("2400", "2410", "2420", "2425", "2440", "2450", "2460", "2461", "2470")
"""Models with front and rear terminals, of which one pair is selected; they take ``dut_terminals``."""


_TABLES: Registry[Mapping[str, Callable[..., VirtualInstrument]]] = Registry(
    GROUP, "table of virtual instruments", dict
)


@cache
def models() -> Mapping[str, Callable[..., VirtualInstrument]]:
    """What makes each model, by its name, ours before others; a table that cannot be loaded is told on stderr."""
    tables = [*_TABLES.everything().values(), *beside("instruments.virtual:INSTRUMENTS")]
    return {name: make for table in tables for name, make in table.items()}


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
        from sim.crossbar.array import SimulatedArray

        device = open_device("sim:rram")
        assert isinstance(device, SimulatedArray)
        dut = Dut(device)
        for port in ("1", "2"):
            dut.port(port).contact_open = True
    return known[model](dut, **options)
