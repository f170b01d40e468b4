"""How a device's cells are programmed: the pulses that move one by a step, and the range of conductances between."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Programming:
    """Pulses that move a cell by one step each, half of the voltage from its row and half from its column.

    Attributes
    ----------
    v_set, v_reset : float
        Cell voltages of a potentiation and (magnitude) of a depression pulse, V.
    width : float
        Width of a pulse and of the rest after it, s.
    g_min, g_max : float
        Conductances of weights 0 and 1, S.
    """

    v_set: float
    v_reset: float
    width: float
    g_min: float
    g_max: float
