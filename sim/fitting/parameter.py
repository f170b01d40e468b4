"""One parameter of a model: bounds, role, and whether it is fitted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model, for one measurement.

    Attributes
    ----------
    name, unit : str
        As the device calls it.
    low, high : float
        Bounds of the fit.
    role : str
        What it stands for, in words: two parameters are confused by these names.
    held : float or None
        Value that it keeps; None if it is fitted.
    why : str
        Why it is held.
    ends : tuple of bool
        Whether the low and the high bound are the model's own, with nothing beyond them; else the search stops there.
    scale : float, optional
        Magnitude below which it hardly matters, where that is known: differences are relative to it, or to the value
        if that is larger.
    alone : tuple of int, optional
        First reading that it moves, and the one after the last, where no other parameter with this set moves these.
    """

    name: str
    unit: str
    low: float
    high: float
    role: str
    held: float | None = None
    why: str = ""
    ends: tuple[bool, bool] = (False, False)
    alone: tuple[int, int] | None = None
    scale: float | None = None

    def own(self, bound: float) -> bool:
        """Whether a bound is one that the model has, and not only where the search stops."""
        return self.ends[0] if bound == self.low else self.ends[1]
