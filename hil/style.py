"""How figures look: on a screen, or in a paper at the width of its columns, with fonts that an editor can change.

Whoever draws asks for the `current` style; `hil plot` draws with another one in use. Colours are those of Okabe and Ito
(2008), which colour-blind readers tell apart; in a curve's look its dashes and its marker change with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

Scale = Literal["linear", "log"]
Width = Literal["one", "two"]

COLUMNS = {"one": 3.5, "two": 7.2}
"""Width of one and of two columns of a journal, in."""

ENDINGS = ("png", "pdf", "svg")
"""Forms of a figure."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "os^Dvx"
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (2.5, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (1, 1)))

SANS = ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"]
"""Fonts of a paper's figures, the first that is installed."""


@dataclass(frozen=True)
class Style:
    """Everything about a figure but its data.

    Attributes
    ----------
    paper : bool
        Ticks inwards on all sides, thin lines, small letters, no title.
    ending : str
        png, pdf or svg.
    width : str or None
        Columns that the figure is wide, one or two; as wide as its panels ask for if None.
    size : (float, float) or None
        Width and height, in; overrides `width`.
    font : float or None
        Letters, points; 8 in a paper, 10 on a screen if None.
    x, y : str or None
        linear or log for all axes that show quantities; as the data ask for if None.
    dpi : float
        Of a PNG.
    """

    paper: bool = False
    ending: str = "png"
    width: Width | None = None
    size: tuple[float, float] | None = None
    font: float | None = None
    x: Scale | None = None
    y: Scale | None = None
    dpi: float = 130

    @property
    def letters(self) -> float:
        """Size of letters, points."""
        return self.font or (8.0 if self.paper else 10.0)

    @property
    def inches(self) -> float | None:
        """Width of a figure, in; None where its panels decide."""
        if self.size is not None:
            return self.size[0]
        return COLUMNS[self.width] if self.width else None

    def settings(self) -> Any:
        """Settings of matplotlib."""
        from cycler import cycler

        small = self.letters - 1.0
        common: dict[str, Any] = {
            "font.size": self.letters, "axes.labelsize": self.letters, "axes.titlesize": self.letters,
            "legend.fontsize": small, "xtick.labelsize": small, "ytick.labelsize": small,
            "pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "memhil",
            "axes.prop_cycle": cycler(color=COLOURS), "axes.formatter.use_mathtext": True,
        }  # fmt: skip
        if not self.paper:
            return common
        return common | {
            "font.family": "sans-serif", "font.sans-serif": SANS, "mathtext.fontset": "custom",
            "mathtext.rm": "sans", "mathtext.it": "sans:italic", "mathtext.bf": "sans:bold",
            "mathtext.cal": "sans", "mathtext.tt": "sans",
            "axes.linewidth": 0.6, "lines.linewidth": 1.0, "lines.markersize": 3.0, "patch.linewidth": 0.6,
            "xtick.direction": "in", "ytick.direction": "in", "xtick.top": True, "ytick.right": True,
            "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.minor.width": 0.45, "ytick.minor.width": 0.45,
            "xtick.major.size": 3.0, "ytick.major.size": 3.0, "xtick.minor.size": 1.6, "ytick.minor.size": 1.6,
            "legend.frameon": False, "axes.titleweight": "normal",
        }  # fmt: skip

    def ended(self, path: Path) -> Path:
        """Name of a picture with the ending of this style; one that moves keeps its own."""
        return path.with_suffix(f".{self.ending}") if path.suffix == ".png" else path


SCREEN = Style()
PAPER = Style(paper=True, ending="pdf", width="one", dpi=600)

_current: ContextVar[Style] = ContextVar("style", default=SCREEN)


def current() -> Style:
    """Style in use."""
    return _current.get()


@contextmanager
def used(style: Style) -> Iterator[Style]:
    """Draw in a style until the block ends; matplotlib's settings are put back then."""
    import matplotlib

    token = _current.set(style)
    try:
        with matplotlib.rc_context(style.settings()):
            yield style
    finally:
        _current.reset(token)


def named(paper: bool, **changes: Any) -> Style:
    """The style of a paper or of the screen, with those changes that are not None."""
    return replace(PAPER if paper else SCREEN, **{name: value for name, value in changes.items() if value is not None})
