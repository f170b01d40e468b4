"""Resolution and non-linearity of synaptic weight dynamics, and the dynamics that Brivio et al. (2021) investigated.

Front. Neurosci. 15:580909. With w(n) the weight after n identical pulses, driven from one bound to the other:

    eta    = 1 / int_0^inf (dw/dn)^2 dn                                        (4)   effective number of levels
    lambda = 4/pi int_0^inf |w''| / (1 + w'^2)^(3/2) dn                        (5)   non-linearity, no unit

Any dynamics dw/dn = f(w) > 0 turns both into integrals over the weight, for dn = dw / f and w'' = f f':

    eta    = 1 / int_0^1 f dw
    lambda = 4/pi int_0^1 |f'| / (1 + f^2)^(3/2) dw = 4/pi (total variation of f / sqrt(1 + f^2) over the weights)

For the potentiation f = a (1 - w ws)^gamma of eqs 1-3, which falls from f0 = a to f1 = a (1 - ws)^gamma,

    eta    = ws (gamma + 1) / (a (1 - (1 - ws)^(gamma + 1)))
    lambda = 4/pi (f0 / sqrt(1 + f0^2) - f1 / sqrt(1 + f1^2))

            a           ws        eta                   lambda
    L-HB    alpha       -> 0      1 / alpha             0
    NL-SB   alpha       1         (gamma + 1) / alpha   4/pi alpha / sqrt(1 + alpha^2)
    NL-HB   alpha / ws  of eq 3   as above              as above

The factor 4/pi would make lambda = 1 for NL-SB with alpha = 1 if the curvature were averaged along the arc: arctan f in
place of f / sqrt(1 + f^2), an exponent of 1 in eq 5. Eq 5 is taken as printed; the two differ by less than 3e-4 of
lambda in every dynamics of `INVESTIGATED`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot, inf, pi
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.files import write_figure
from hil.runs.results import Row
from sim.cells.rram import RramParameters, stop_weight

Rate = Callable[[NDArray[np.float64]], ArrayLike]
"""f(w) = |dw/dn|, the weight change per pulse at the weights w, which are in (0, 1)."""

# Tanh-sinh nodes and weights on (0, 1): they crowd at the bounds, where f may vanish with an infinite slope.
_T = np.linspace(-3.1, 3.1, 2001)
_NODES = 1.0 / (1.0 + np.exp(-pi * np.sinh(_T)))
_WEIGHTS = (_T[1] - _T[0]) * pi * np.cosh(_T) * _NODES * _NODES[::-1]


class Metrics(NamedTuple):
    """Properties of a weight dynamics: `eta` (eq 4, levels) and `lam` (eq 5, no unit)."""

    eta: float
    lam: float


def resolution(f: Rate) -> float:
    """Effective number of levels of any weight dynamics (eq 4), by quadrature.

    Parameters
    ----------
    f : callable
        |dw/dn| in weight per pulse, for an array of weights in (0, 1). It may vanish at the bounds.

    Returns
    -------
    float
        eta, in levels.
    """
    return float(1.0 / np.sum(_WEIGHTS * f(_NODES)))


def nonlinearity(f: Rate) -> float:
    """Average curvature of w(n) of any weight dynamics (eq 5), from the total variation of f / sqrt(1 + f^2).

    Parameters
    ----------
    f : callable
        |dw/dn| in weight per pulse, for an array of weights in (0, 1). It must be continuous, and may vanish at the
        bounds. Exact where f is monotonic; an extremum inside costs about 1e-6 relative.

    Returns
    -------
    float
        lambda, no unit.
    """
    rate = np.broadcast_to(f(_NODES), _NODES.shape)
    return float(4.0 / pi * np.sum(np.abs(np.diff(rate / np.hypot(1.0, rate)))))


def potentiation(parameters: RramParameters) -> Rate:
    """Weight gain per pulse f(w) of eqs 1-3 for the potentiation of a cell."""
    (a, gamma, ws), _ = parameters.branches()
    return lambda w: a * (1.0 - w * ws) ** gamma


def metrics(parameters: RramParameters) -> Metrics:
    """Closed form of eqs 4 and 5 for the potentiation of a cell (eqs 1-3)."""
    (a, gamma, ws), _ = parameters.branches()
    if ws == 0.0:
        return Metrics(1.0 / a, 0.0)
    last = a * (1.0 - ws) ** gamma
    eta = ws * (gamma + 1.0) / (a * (1.0 - (1.0 - ws) ** (gamma + 1.0)))
    return Metrics(eta, 4.0 / pi * (a / hypot(1.0, a) - last / hypot(1.0, last)))


def trajectory(parameters: RramParameters, n: ArrayLike) -> NDArray[np.float64]:
    """Weight after `n` potentiation pulses from w = 0: eqs 1-3 integrated, n counted continuously."""
    pulses = np.asarray(n, np.float64)
    if parameters.model == "lhb":
        return np.minimum(parameters.alpha * pulses, 1.0)
    soft = np.vectorize(stop_weight, otypes=[np.float64])(parameters.alpha, parameters.gamma, pulses)
    (_, _, ws), _ = parameters.branches()
    return np.minimum(soft / ws, 1.0)


@dataclass(frozen=True)
class Dynamics:
    """One row of `INVESTIGATED`; depression mirrors potentiation.

    Attributes
    ----------
    name : str
        What the row is called.
    panel : str
        Panel of Figure 2, A to D; empty if it is not drawn there.
    model : str
        ``lhb``, ``nlsb`` or ``nlhb``.
    alpha : float
        Scale of eqs 1-3, weight per pulse.
    gamma : float or None
        Exponent of eqs 2 and 3.
    nstop : float or None
        Pulses from bound to bound (eq 3).
    eta, lam : float or None
        What the paper's text gives as eq 4 (levels) and eq 5.
    note : str
        What of this row is the paper's, and what is not.
    """

    name: str
    panel: str
    model: Literal["lhb", "nlsb", "nlhb"]
    alpha: float
    gamma: float | None = None
    nstop: float | None = None
    eta: float | None = None
    lam: float | None = None
    note: str = ""

    @property
    def uri(self) -> str:
        """Address of a device with this dynamics."""
        given = (f"{key}={value}" for key in ("alpha", "gamma", "nstop") if (value := getattr(self, key)) is not None)
        return "&".join((f"sim:rram?model={self.model}", *given))

    @property
    def parameters(self) -> RramParameters:
        """Parameters of a device with this dynamics."""
        given = {key: value for key in ("gamma", "nstop") if (value := getattr(self, key)) is not None}
        return RramParameters(model=self.model, alpha=self.alpha, **given)

    @property
    def pulses(self) -> float:
        """Pulses from bound to bound; infinite for soft bounds."""
        return {"lhb": 1.0 / self.alpha, "nlsb": inf, "nlhb": self.parameters.nstop}[self.model]


_LINEAR = "alpha = 1 / eta"
_SOFT = "eta from the text; alpha and gamma are candidates"
_SAME_NSTOP = "equal Nstop from the text; the rest are candidates"
_SAME_ETA = "eta from the text; alpha, gamma and Nstop are candidates"

INVESTIGATED: tuple[Dynamics, ...] = (
    Dynamics("L-HB 1", "A", "lhb", 1 / 50, lam=0.0, note=f"{_LINEAR}; 50 levels are a candidate"),
    Dynamics("L-HB 2", "A", "lhb", 1 / 100, lam=0.0, note=f"{_LINEAR}; 100 levels are a candidate"),
    Dynamics("L-HB 3", "A", "lhb", 1 / 200, eta=200, lam=0.0, note=_LINEAR),
    Dynamics("L-HB 4", "A", "lhb", 1 / 500, eta=500, lam=0.0, note=_LINEAR),
    Dynamics("NL-SB 1", "B", "nlsb", 0.004, 1, eta=500, note=_SOFT),
    Dynamics("NL-SB 2", "B", "nlsb", 0.006, 2, eta=500, note=_SOFT),
    Dynamics("NL-SB 3", "B", "nlsb", 0.01, 4, eta=500, note=_SOFT),
    Dynamics(
        "NL-HB 1", "C", "nlhb", 0.03, 3, 500, eta=90, lam=0.047,
        note="alpha from the text; gamma and Nstop are candidates (3.13 and 511 would give eta and lambda of the text)",
    ),
    Dynamics("NL-HB 2", "C", "nlhb", 0.015, 3, 500, note=_SAME_NSTOP),
    Dynamics("NL-HB 3", "C", "nlhb", 0.006, 3, 500, note=_SAME_NSTOP),
    Dynamics("NL-HB 4", "D", "nlhb", 0.004, 2, 1093, eta=500, note=_SAME_ETA),
    Dynamics("NL-HB 5", "D", "nlhb", 0.005, 3, 2163, eta=500, note=_SAME_ETA),
    Dynamics("NL-HB 6", "D", "nlhb", 0.006, 4, 4781, eta=500, note=_SAME_ETA),
    Dynamics(
        "Wang 2016", "", "nlhb", 0.004, 1.02, 300, eta=266,
        note="alpha, gamma and 300 pulses from the text, which says about 266 levels: 297 pulses give that",
    ),
)  # fmt: skip
"""The dynamics investigated by Brivio et al. (2021), as far as they are known.

Their Table 1 (alpha, gamma, Nstop) is an image that our copy of the paper lacks. The text determines

* L-HB: alpha = 1 / eta; 200 and 500 levels are named.
* NL-SB: eta = 500, thus alpha = (gamma + 1) / 500.
* NL-HB 1-3: one Nstop; one of them has alpha = 0.03, eta = 90 and lambda = 0.047, the lowest eta and highest lambda.
* NL-HB 4-6: eta = 500.
* Wang et al. (2016), as fitted there: alpha = 0.004, gamma = 1.02, 300 pulses, about 266 levels.

Everything else is our choice, a candidate and not the paper's: how many L-HB and NL-SB rows there are, L-HB with 50 and
100 levels, every gamma but that of Wang, Nstop of NL-HB 1-6, alpha of NL-HB 2-6, and the order of the rows.
"""


def rows() -> list[Row]:
    """Eta (eq 4) and lambda (eq 5) of every row of `INVESTIGATED`, with what the paper's text says."""
    found = []
    for entry in INVESTIGATED:
        eta, lam = metrics(entry.parameters)
        found += [
            Row("eta", eta, "levels", reference=entry.eta, note=entry.note).under(
                f"{entry.name} ", dynamics=entry.name
            ),
            Row("lambda", lam, reference=entry.lam, note=entry.note).under(f"{entry.name} ", dynamics=entry.name),
        ]
    return found


def save_dynamics_figure(path: str | Path) -> None:
    """Draw w against n as in Figure 2 of the paper: potentiation solid, depression dotted, panels A to D."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.5), layout="constrained")
    titles = {"A": "L-HB", "B": "NL-SB", "C": "NL-HB, equal Nstop", "D": "NL-HB, equal η"}
    for axis, (panel, title) in zip(figure.subplots(2, 2).flat, titles.items(), strict=True):
        entries = [entry for entry in INVESTIGATED if entry.panel == panel]
        longest = max((entry.pulses for entry in entries if entry.pulses < inf), default=2000.0)
        for entry in entries:
            n = np.linspace(0.0, min(entry.pulses, longest), 400)
            w = trajectory(entry.parameters, n)
            given = f"α = {entry.alpha:g}" + (f", γ = {entry.gamma:g}" if entry.gamma is not None else "")
            (line,) = axis.plot(n, w, label=f"{given}, η = {metrics(entry.parameters).eta:.0f}")
            axis.plot(n, 1.0 - w, ":", color=line.get_color())
        axis.set(xlabel="pulses n", ylabel="weight w", xlim=(0, longest), ylim=(0, 1), title=f"{panel}  {title}")
        axis.legend(framealpha=0.9, edgecolor="none", fontsize="small", loc="center right")
    write_figure(path, figure, dpi=130)
