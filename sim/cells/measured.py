"""A measured curve: the conductance after each of a train of equal pulses, up and down, and the steps that it tells.

Weights 0 and 1 are the lowest and the highest conductance measured. A step is known at every conductance that was
followed by another one; between them it is interpolated, beyond the outermost it is that of the outermost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from hil.errors import InputError


def _numbers(value: Any) -> Any:
    return tuple(part for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Curve = Annotated[tuple[float, ...], BeforeValidator(_numbers)]
"""Conductances, as text separated by commas."""


class KnownSteps(NamedTuple):
    """Steps of a cell in one direction.

    Attributes
    ----------
    weight : (N,) array
        Weights at which they are known, 0..1, rising.
    size : (N,) array
        How far a pulse moves a cell there, > 0.
    """

    weight: NDArray[np.float64]
    size: NDArray[np.float64]

    def at(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sizes at any weights."""
        return np.interp(weight, self.weight, self.size)


class MeasuredSteps(NamedTuple):
    """What a measured curve tells.

    Attributes
    ----------
    potentiation, depression : KnownSteps
        Both directions.
    g_min, g_max : float
        Conductances of weights 0 and 1, S.
    """

    potentiation: KnownSteps
    depression: KnownSteps
    g_min: float
    g_max: float


def measured_steps(potentiation: Sequence[float], depression: Sequence[float], smoothing: int = 0) -> MeasuredSteps:
    """Steps of a measured device.

    Parameters
    ----------
    potentiation, depression : sequences of float
        Conductance after each of a train of equal pulses, S: rising from pulse to pulse, and falling.
    smoothing : int
        Half the width, in pulses, of the window in which a parabola is laid through the points (Savitzky & Golay,
        Anal. Chem. 36, 1627, 1964); 0 takes the points as they are.

    Raises
    ------
    InputError
        If a curve has less than 2 points, is not positive, or not monotone after smoothing.
    """
    rise = _monotone("potentiation", potentiation, 1.0, smoothing)
    fall = _monotone("depression", depression, -1.0, smoothing)
    g_min, g_max = min(rise[0], fall[-1]), max(rise[-1], fall[0])
    up, down = (rise - g_min) / (g_max - g_min), (fall[::-1] - g_min) / (g_max - g_min)
    return MeasuredSteps(
        KnownSteps(up[:-1], np.diff(up)), KnownSteps(down[1:], np.diff(down)), float(g_min), float(g_max)
    )


def smoothed(curve: NDArray[np.float64], smoothing: int) -> NDArray[np.float64]:
    """Curve with noise taken out, see `measured_steps`; no window is wider than the curve."""
    width = min(2 * smoothing + 1, len(curve) - (len(curve) + 1) % 2)
    if width <= 3:
        return curve
    from scipy.signal import savgol_filter  # takes most of a second to import

    return savgol_filter(curve, width, 2, mode="interp")


def _monotone(name: str, curve: Sequence[float], sign: float, smoothing: int) -> NDArray[np.float64]:
    values = np.asarray(curve, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise InputError(f"model curve: {name} must have at least 2 conductances in S")
    if not (np.isfinite(values) & (values > 0)).all():
        k = int(np.flatnonzero(~(np.isfinite(values) & (values > 0)))[0])
        raise InputError(f"model curve: {name}[{k}] = {values[k]:g} S must be finite and > 0")
    smooth = smoothed(values, smoothing)
    wrong = np.flatnonzero((np.diff(smooth) * sign <= 0) | (smooth[1:] <= 0) | (smooth[0] <= 0))
    if not len(wrong):
        return smooth
    k = int(wrong[0]) + 1
    relation = "above" if sign > 0 else "below"
    told = f"model curve: {name}[{k}] = {smooth[k]:g} S must be {relation} the value before it, {smooth[k - 1]:g} S"
    enough = (s for s in range(2, len(values) // 2 + 1) if (np.diff(smoothed(values, s)) * sign > 0).all())
    least = next(enough, None)
    advice = "" if least is None else f" (smoothing={least} of sim:curve is enough)"
    raise InputError(f"{told}; smooth the measurement first{advice}")
