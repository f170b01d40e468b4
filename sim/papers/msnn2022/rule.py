"""Figure 3: what a pair of spikes 5 us apart does to a weight."""

from __future__ import annotations

import numpy as np

from hil.reproduction.papers import Finding, Scope
from hil.spiking.alpha.network import AlphaNetwork
from hil.spiking.alpha.settings import AlphaNetworkSettings
from sim.papers.canvas import canvas, save

TAU, U = 3e-6, 1e-6
"""Of the figure's caption: s, A."""


def change(apart: float, dt: float = 10e-9) -> float:
    """Change of a weight, A, by an input spike `apart` s before the neuron's, in the network itself."""
    found: list[float] = []
    for watched in (None, apart):
        net = AlphaNetwork(
            AlphaNetworkSettings(
                tau_stdp=TAU,
                u_pre=U,
                u_post=-U,
                bound=200e-6,
                initial=0.0,
                delay_min=0.0,
                delay_max=0.0,
                strobe=0.0,
                inhibition=0.0,
                dt=dt,
            ),
            2,
            1,
            False,
            0,
        )
        net.weights[:] = [[2e-6], [150e-6]]
        kick = round(20e-6 / dt)
        given = [(kick, 1)]
        if watched is not None:
            given.append((round((found[0] - watched) / dt), 0))
        step, line = np.array(sorted(given)).T.copy()
        evoked = net.play(round(40e-6 / dt), step, line, True)
        found.append(float(evoked.times[0]) - dt if watched is None else float(net.weights[0, 0]) - 2e-6)
    return found[1]


def closed(apart: float) -> float:
    """Equation 3, A."""
    return float(np.sign(apart) * U * abs(apart) / TAU * np.exp(-abs(apart) / TAU))


def window(scope: Scope) -> list[Finding]:
    """The change that Figure 3 shows, and the window around it."""
    figure, (axis,) = canvas(1, (5, 3))
    apart = np.concatenate([np.linspace(-15e-6, -0.5e-6, 15), np.linspace(0.5e-6, 15e-6, 15)])
    axis.plot(1e6 * apart, [1e6 * closed(a) for a in apart], label="equation 3")
    axis.plot(1e6 * apart, [1e6 * change(a) for a in apart], "o", ms=3, label="the network's rule")
    axis.set(xlabel="t_post - t_pre (us)", ylabel="change (uA)")
    axis.legend(frameon=False, fontsize=7)
    save(figure, scope.folder / "msnn-window.png")
    printed = U * np.sinh(5 / 3)
    return [
        Finding(
            "3",
            "change of a weight, spikes 5 us apart",
            "around 0.3 uA",
            1e6 * change(5e-6),
            "uA",
            accept=(0.25, 0.35),
            follows=1e6 * closed(5e-6),
            follows_by="U |dt| / tau exp(-|dt| / tau)",
            check_tolerance=0.02,
            control=1e6 * printed,
            control_is="the sign of equation 4b as printed: T_pre grows, U sinh(dt / tau)",
            note="the text says ms where the caption's time constant asks for us",
        )
    ]
