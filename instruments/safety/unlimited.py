"""Safety where an instrument has no current limit: what a resistor in series leaves, told before anything is driven.

A source-measure unit limits the current within microseconds. A pulse card or a crossbar board drives whatever its
output resistance lets through: a cell that switches to a low resistance gets ``v / (source + series)``. So either the
resistors keep that below `i_max`, or the user takes it on himself, in words; and every reading beyond `i_max` ends what
is played, after the fact.
"""

from __future__ import annotations

from hil.limits import LimitError


def worst_current(v_max: float, source: float, series: float) -> float:
    """Current through a short circuit at the sample, A; infinite without any resistance."""
    resistance = source + series
    return v_max / resistance if resistance > 0 else float("inf")


def require_resistor(
    model: str, v_max: float, i_max: float, source: float, series: float, accepted: bool, *, lines: int = 1
) -> None:
    """Refuse a sample that only a current limit would protect.

    Parameters
    ----------
    model : str
        Instrument without a current limit.
    v_max, i_max : float
        Largest voltage that is allowed, V; largest current that the sample may see, A.
    source, series : float
        Output resistance and the resistor in series with the sample that the user declares, ohm.
    accepted : bool
        Whether the user accepts more current than `i_max`.
    lines : int
        Sources that drive the sample at once.

    Raises
    ------
    LimitError
        Saying which resistor is needed.
    """
    worst = worst_current(v_max, source * lines, series)
    if accepted or worst <= i_max * (1 + 1e-9):
        return
    needed = v_max / i_max - source * lines
    through = "any current" if worst == float("inf") else f"{worst:.3g} A"
    raise LimitError(
        f"i_max = {i_max:g} A: the {model} has no current limit, a short sample would see {through} at v_max = "
        f"{v_max:g} V; put a resistor of {needed:.4g} ohm or more in series and declare it (series=), lower v_max, "
        "or accept it (no_compliance=true)"
    )
