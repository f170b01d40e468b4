"""Windows: how a state slows down at its bounds, f(x) of laws of the form dx/dt = rate f(x, sign), x in 0..1.

=============  ==================================================  ===============================================
name           f                                                   at a bound
=============  ==================================================  ===============================================
none           1                                                   the state runs into it, and leaves at full rate
strukov        x (1 - x)                                           stuck (Strukov et al., Nature 453, 80 (2008))
joglekar       1 - (2 x - 1)^(2p)                                  stuck (Eur. J. Phys. 30, 661 (2009))
biolek         1 - (x - s)^(2p), s = 1 where x falls, else 0       leaves freely (Radioengineering 18, 210 (2009))
prodromakis    j (1 - ((x - 1/2)^2 + 3/4)^p)                       stuck (IEEE Trans. El. Dev. 58, 3099 (2011))
zha            j (1 - ((x - s)^2 / 4 + 3/4)^p)                     leaves freely
=============  ==================================================  ===============================================

"Stuck" is what the equations say: a state exactly at 0 or 1 never leaves it, and one that came close leaves slowly.
With a window that does not know the direction, x(T) = x(0) after any drive of no net flux.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from hil.compiling import njit
from sim.cells.law import CellParameters

Window = Literal["none", "strukov", "joglekar", "biolek", "prodromakis", "zha"]

NONE, STRUKOV, JOGLEKAR, BIOLEK, PRODROMAKIS, ZHA = (float(k) for k in range(6))


class WindowParameters(CellParameters):
    """Parameters of a law with a window."""

    window: Window = Field("joglekar", description="how the state meets its bounds")
    p: float = Field(1.0, gt=0, le=50, description="exponent of the window (all but none and strukov)")
    j: float = Field(1.0, gt=0, le=10, description="height of the window (prodromakis, zha)")

    def window_constants(self) -> tuple[float, float, float]:
        """Which window, its exponent and its height, as `window` takes them."""
        return float(get_args(Window).index(self.window)), self.p, self.j

    def window_without(self, rate: str) -> dict[str, str]:
        """Parameters that this window does not have, or only together with a `rate`, and why no current tells them."""
        unused = f"the window {self.window} has none"
        own = {} if self.window not in ("none", "strukov") else {"p": unused}
        return own | {"j": f"only its product with {rate} is told" if self.window in ("prodromakis", "zha") else unused}


@njit(cache=True, error_model="numpy")
def window(kind, p, j, x, falls):
    """f(x) of the module's table, for a state that `falls` or rises."""
    if kind == NONE:
        return 1.0
    if kind == STRUKOV:
        return x * (1.0 - x)
    if kind == JOGLEKAR:
        return 1.0 - abs(2.0 * x - 1.0) ** (2.0 * p)
    away = x - 1.0 if falls else x
    if kind == BIOLEK:
        return 1.0 - abs(away) ** (2.0 * p)
    if kind == PRODROMAKIS:
        return j * (1.0 - ((x - 0.5) ** 2 + 0.75) ** p)
    return j * (1.0 - (0.25 * away**2 + 0.75) ** p)
