"""`Selector`: what is in series with every cell of an array, and the one place that knows all of them.

A selector is a two-terminal element without a memory beyond the pulse: a current that rises with the voltage and is 0
at 0 V or, where it is `hysteretic`, two such currents between which it switches. How it shares its cell's voltage is
`sim.crossbar.selected`'s matter; the third terminal of a transistor is a synapse's (`hil.synapses.transistor`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from hil.config import validated
from hil.errors import InputError
from hil.plugins import Registry

ON = "selector_on"
"""Name of the state array that says which threshold switches are on, in a pulse under way."""

GROUP, PREFIX = "sim.selectors", "selector."


class Selector(BaseModel, ABC):
    """Parameters and equations of a selector; voltages and currents count from the row to the column.

    Attributes
    ----------
    hysteretic : bool
        Whether it is on or off, which `on` tells in all that follows; else `on` is all False.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    hysteretic: ClassVar[bool] = False

    @property
    @abstractmethod
    def read_voltage(self) -> float:
        """Voltage of a line at which cells are read, V; selectors conduct there and cells are not to move."""

    @abstractmethod
    def current(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Current at voltages `v` (V), A; of the same shape."""

    @abstractmethod
    def slope(self, v: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Derivative of `current`, S, >= 0."""

    @abstractmethod
    def drop(self, current: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Voltage at a current (A, of either sign), V: the inverse of `current`."""

    def least(self, cell: float) -> float:
        """Voltage of a line that turns it on before a cell of `cell` ohm, V; 0 where nothing turns on."""
        return 0.0

    def turning_on(self, v: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether it turns on at a voltage `v` across itself, V."""
        return np.zeros(v.shape, bool)

    def staying_on(self, current: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether it stays on at a current, A."""
        return np.ones(current.shape, bool)


SELECTORS: Registry[type[Selector]] = Registry(GROUP, "selector", base="sim.selectors.selector:Selector")
"""All selectors by name, each a class derived from `Selector`."""


def selected(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of parameters with ``selector`` and ``selector.NAME`` made one `Selector`.

    Raises
    ------
    InputError
        For an unknown selector or setting, or a value out of range.
    """
    settings = {name.removeprefix(PREFIX): value for name, value in values.items() if name.startswith(PREFIX)}
    others = {name: value for name, value in values.items() if not name.startswith(PREFIX)}
    asked = values.get("selector")
    if asked is None or isinstance(asked, Selector):
        if settings:
            known = ", ".join(SELECTORS.names())
            raise InputError(f"selector.{min(settings)} is given, and no selector=NAME ({known})")
        return others
    return others | {"selector": validated(SELECTORS.find(str(asked)), settings, f"selector = {asked}")}
