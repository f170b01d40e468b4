"""Node voltages of many small circuits at once: each the root of a current balance that falls with the voltage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError

Balance = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Net current (A) into every node at its voltage (V), and the derivative of that (S), which is not above 0."""

PRECISION = 1e-13
"""Of a node's voltage, as a fraction of the widest bracket."""

MOST_STEPS = 200


def settled(
    balance: Balance,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    start: NDArray[np.float64] | None = None,
    precision: float = PRECISION,
) -> NDArray[np.float64]:
    """Voltages between `low` and `high` at which no net current flows into any node; begin at `start` if it is given.

    Newton's method, each node falling back on bisection where a step would leave its bracket or hardly narrows it.
    At `low` the net current must be >= 0, at `high` <= 0.
    """
    a, b = low.astype(np.float64), high.astype(np.float64)
    x = 0.5 * (a + b) if start is None else np.clip(start, a, b)
    scale = max(float(np.abs(b - a).max(initial=0.0)), 1e-300)
    for _ in range(MOST_STEPS):
        net, slope = balance(x)
        a, b = np.where(net > 0, x, a), np.where(net < 0, x, b)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = x - net / slope
        # Where a step is nothing but rounding, a bracket that ends here would refuse it.
        inside = ((newton > a) & (newton < b)) | (np.abs(newton - x) <= precision * scale)
        following = np.where(net == 0, x, np.where(inside, newton, 0.5 * (a + b)))
        moved = np.abs(following - x)
        x = following
        if (moved <= precision * scale).all():
            return x
    raise InputError(
        f"a circuit around the cells does not settle: {float(moved.max()):g} V are left after so many steps"
    )
