"""Axes as a paper has them: one prefix an axis, in its label; ticks that fit the scale; legends outside the data.

`label` names the axes, `legend` collects what is drawn, `note` writes a remark; `finish` lays it all out once the data
are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import (
    AutoMinorLocator,
    Formatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from hil import style
from hil.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}

FLAT = 1e-6
"""Span of an axis over the largest magnitude on it below which it shows rounding, and is not zoomed into."""

PLAIN = 4
"""Decades from 1 within which a logarithmic axis writes plain numbers."""

_NAMES = "_memhil_names"
_SCALED = "_memhil_scaled"
_POINTS = "_memhil_points"


def label(axis: Axes, x: tuple[str, str], y: tuple[str, str], scaled: str = "xy") -> None:
    """Name both axes: (quantity, unit), unit empty for none.

    `scaled` are the axes, x or y, that a user may ask to be linear or logarithmic: those that show quantities.
    """
    setattr(axis, _NAMES, {"x": x, "y": y})
    setattr(axis, _SCALED, scaled)


def points(axis: Axes, names: Sequence[str]) -> None:
    """Name the points x = 0, 1, ... of an axis along which there is no quantity."""
    axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axis.minorticks_off()
    setattr(axis, _POINTS, True)


def note(axis: Axes, text: str) -> None:
    """Write a remark above the axes."""
    axis.set_title(_wrapped(text, axis), style="italic", color="0.25", fontsize=style.current().letters - 1)


def legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Put one legend for these axes above the figure, in as many columns as its width has room for."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, text in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(text, handle)
    if not found:
        return
    small = style.current().letters - 1
    room = figure.get_size_inches()[0] * 72 / (0.52 * small)
    columns = max(1, min(len(found), int(room // (max(map(len, found)) + 6))))
    figure.legend(
        list(found.values()), list(found), loc="outside upper center", ncols=columns, frameon=False, fontsize=small,
        handlelength=2.6, columnspacing=1.4, borderaxespad=0.2, borderpad=0.1,
    )  # fmt: skip


def finish(figure: Figure) -> None:
    """Give all axes that have names their scale, prefix and ticks."""
    for axis in figure.axes:
        names = getattr(axis, _NAMES, None)
        if names is None:
            continue
        for which in "xy":
            _set_scale(axis, which)
        for which, (name, unit) in names.items():
            _finish(axis, which, name, unit)
        if not style.current().paper:
            axis.grid(alpha=0.25, linewidth=0.6)


def _set_scale(axis: Axes, which: str) -> None:
    """Make an axis linear or logarithmic where that is asked for."""
    asked = getattr(style.current(), which)
    if asked is None or which not in getattr(axis, _SCALED):
        return
    if asked == "log":
        values = drawn(axis, which)
        name = getattr(axis, _NAMES)[which][0]
        if len(values) and values.min() <= 0:
            raise InputError(f"--{which} log: '{name}' has values that are not above 0, such as {values.min():.3g}")
    getattr(axis, f"set_{which}scale")(asked)


def drawn(axis: Axes, which: str) -> np.ndarray:
    """All finite values along x or y of the lines that are data, not guides across the whole axes."""
    found = [np.zeros(0)]
    for line in axis.lines:
        if line.get_transform() is axis.transData or line.get_transform() == axis.transData:
            values = np.asarray(line.get_xdata() if which == "x" else line.get_ydata(), np.float64)
            found.append(values[np.isfinite(values)])
    return np.concatenate(found)


def _finish(axis: Axes, which: str, name: str, unit: str) -> None:
    ruler: Axis = getattr(axis, f"{which}axis")
    scale = getattr(axis, f"get_{which}scale")()
    if scale == "linear":
        _open_up(axis, which)
    low, high = sorted(getattr(axis, f"get_{which}lim")())
    power = _power(low, high, scale) if unit and unit != "%" else 0
    power = min(power, 0) if unit == "s" else power  # nobody counts in kiloseconds
    first = 1 if name.startswith("|") else 0
    title = name[:first] + name[first : first + 1].upper() + name[first + 1 :]
    getattr(axis, f"set_{which}label")(f"{title} ({PREFIXES[power]}{unit})" if unit else title)
    if scale == "log":
        _log_ticks(ruler, low, high, power)
    elif scale == "linear" and not (which == "x" and getattr(axis, _POINTS, False)):
        locator = ruler.get_major_locator()
        if not isinstance(locator, MaxNLocator) or getattr(locator, "_nbins", "") == "auto":
            ruler.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        ruler.set_major_formatter(Prefixed(power))
        whole = getattr(ruler.get_major_locator(), "_integer", False)
        ruler.set_minor_locator(MaxNLocator(20, integer=True) if whole else AutoMinorLocator())


def _open_up(axis: Axes, which: str) -> None:
    """Do not zoom into rounding: where all values are the same, show them in the middle of a tenth of their size."""
    values = drawn(axis, which)
    if not len(values):
        return
    middle, span = float((values.max() + values.min()) / 2), float(np.ptp(values))
    low, high = getattr(axis, f"get_{which}lim")()
    same = span <= FLAT * np.abs(values).max()
    if same and (not middle or abs(high - low) < 0.1 * abs(middle)):
        reach = 0.05 * abs(middle) or 1.0
        getattr(axis, f"set_{which}lim")(min(low, middle - reach), max(high, middle + reach))


def _power(low: float, high: float, scale: str) -> int:
    """Power of ten of the prefix that makes the numbers on an axis short."""
    largest = max(abs(low), abs(high))
    if scale == "log" and high < 1e3 * low:
        largest = float(np.sqrt(low * high))
    if not np.isfinite(largest) or largest <= 0:
        return 0
    return int(np.clip(3 * np.floor(np.log10(largest * 1.0001) / 3), min(PREFIXES), max(PREFIXES)))


def _log_ticks(ruler: Axis, low: float, high: float, power: int) -> None:
    decades = np.log10(high / low)
    if decades < 0.7:
        ruler.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        ruler.set_minor_locator(NullLocator())
    elif decades < 1.0:
        ruler.set_major_locator(LogLocator(subs=[1, 2, 3, 5, 7], numticks=20))
        ruler.set_minor_locator(LogLocator(subs=[k / 2 for k in range(2, 20)], numticks=50))
    elif decades < 2.0:
        ruler.set_major_locator(LogLocator(subs=[1, 2, 5], numticks=20))
        ruler.set_minor_locator(LogLocator(subs=list(range(1, 10)), numticks=50))
    else:
        ruler.set_major_locator(LogLocator(numticks=8))
        ruler.set_minor_locator(LogLocator(subs=list(range(1, 10)), numticks=100))
    exponents = np.floor(np.log10(low)) - power, np.ceil(np.log10(high)) - power
    ruler.set_major_formatter(Prefixed(power, powers=max(abs(e) for e in exponents) > PLAIN))
    ruler.set_minor_formatter(NullFormatter())


class Prefixed(Formatter):
    """Numbers of an axis over 10^`power`, with as many digits as the distance of its ticks asks for.

    With `powers`, powers of ten are written as such.
    """

    def __init__(self, power: int, powers: bool = False) -> None:
        """Take the power of the prefix."""
        self._power, self._powers, self._digits = power, powers, 6

    def set_locs(self, locs: Any) -> None:
        """Count the digits that tell neighbouring ticks apart."""
        steps = np.diff(np.unique(np.asarray(locs, np.float64)) / 10.0**self._power)
        self._digits = int(np.clip(np.ceil(-np.log10(steps.min())) + 1, 0, 12)) if len(steps) else 6

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Text of a tick."""
        value = x / 10.0**self._power
        if self._powers and value > 0:
            exponent = np.log10(value)
            if abs(exponent - round(exponent)) < 1e-6:
                return f"$10^{{{round(exponent)}}}$"
        text = f"{value:.{self._digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text in ("-0", "") else text.replace("-", "\N{MINUS SIGN}")


def short_names(addresses: Sequence[str]) -> list[str]:
    """Names of devices for a legend: without the parameters that all of one kind share, each different from the others.

    ``sim:rram?rows=4&alpha=0.1`` and ``sim:rram?rows=4&alpha=0.2`` are ``sim:rram, alpha=0.1`` and ``... 0.2``.
    """
    split = [address.partition("?") for address in addresses]
    parameters = [[part for part in query.split("&") if part] for _, _, query in split]
    names = []
    for (kind, _, _), own in zip(split, parameters, strict=True):
        others = [p for (other, _, _), p in zip(split, parameters, strict=True) if other == kind]
        told = [part for part in own if len(others) > 1 and not all(part in other for other in others)]
        names.append(", ".join([kind, *told]))
    short = [name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 3]}..." for name in names]
    return [name if short.count(name) == 1 else f"{name} ({k + 1})" for k, name in enumerate(short)]


MOST_LETTERS = 32
"""Letters of a device's name in a legend."""


def save(figure: Figure, path: Path) -> None:
    """Finish a figure and write it."""
    from hil.files import write_figure

    finish(figure)
    write_figure(path, figure, dpi=style.current().dpi)


def _wrapped(text: str, axis: Axes) -> str:
    """Text in lines that fit into the axes."""
    import textwrap

    figure = axis.get_figure(root=True)
    wide = figure.get_size_inches()[0] * axis.get_position().width if figure else 4.0
    return textwrap.fill(text, max(int(wide * 72 / (0.55 * (style.current().letters - 1))), 20))
