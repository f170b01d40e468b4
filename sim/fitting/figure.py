"""The figure of a fit: data and models on a linear and a logarithmic scale, standardised residuals, their histogram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import EngFormatter, NullFormatter
from numpy.typing import NDArray

from hil.files import write_figure
from sim.fitting.fitting import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AXES = {"train": "pulses", "decay": "time (s)", "sweep": "time (s)"}

WIDE = 30.0
"""Ratio of times from which a decay is drawn against log time."""

MANY = 500
"""Readings from which their markers are drawn smaller."""


def save_figure(fits: Sequence[Fit], path: Path) -> None:
    """Draw the fits of one measurement.

    Parameters
    ----------
    fits : sequence of Fit
        All of the same measurement; the first is drawn on top.
    path : Path
        PNG file.
    """
    from matplotlib.figure import Figure

    m = fits[0].model.measurement
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    grid = figure.add_gridspec(2, 4, height_ratios=(1.7, 1))
    linear, log = figure.add_subplot(grid[0, :2]), figure.add_subplot(grid[0, 2:])
    below, shape = figure.add_subplot(grid[1, :3]), figure.add_subplot(grid[1, 3])
    current = m.kind == "sweep"
    across = m.read_voltage if current else m.axis
    factor = np.abs(m.read_voltage) if current else np.ones(len(m))
    for axis, sign in ((linear, np.sign(across) if current else 1.0), (log, 1.0)):
        axis.errorbar(
            across, sign * factor * m.conductance, yerr=factor * fits[0].uncertainty, fmt="o", lw=0.7,
            ms=2.8 if len(m) < MANY else 1.5, color="0.55", mfc="none", label="measured", zorder=1,
        )  # fmt: skip
        for n, fit in reversed(list(enumerate(fits))):
            shown = sign * factor * fit.curve
            shown, at = (_broken(x, across) if current else x for x in (shown, across))
            axis.plot(at, shown, color=f"C{n}", lw=1.6, label=fit.model.title, zorder=3 + len(fits) - n)
        axis.set_ylabel("conductance" if not current else "current" if axis is linear else "|current|")
    log.set_yscale("log")
    seen = factor * m.conductance
    log.set_ylim(0.7 * seen.min(), 1.4 * seen.max())
    for axis in (linear, log):
        axis.yaxis.set_major_formatter(EngFormatter("A" if current else "S"))
    log.yaxis.set_minor_formatter(
        EngFormatter("A" if current else "S") if np.ptp(np.log10(seen)) < 1 else NullFormatter()
    )
    log.tick_params(axis="y", which="minor", labelsize=7)
    linear.set_title("linear")
    log.set_title("logarithmic")
    linear.legend(framealpha=0.9, edgecolor="none", fontsize="small")
    _draw_residuals(fits, below, shape)
    times = m.axis[m.axis > 0]
    for axis in (linear, log, below):
        axis.set_xlabel("voltage (V)" if current and axis is not below else _AXES[m.kind])
        if m.kind == "decay" and times[-1] / times[0] > WIDE:
            axis.set_xscale("symlog", linthresh=times[0])
            axis.set_xlim(0.0 if m.axis[0] == 0 else 0.8 * times[0], 1.3 * times[-1])
    figure.suptitle(f"{m.source}", fontsize=10)
    write_figure(path, figure, dpi=130)


def _draw_residuals(fits: Sequence[Fit], below: Axes, shape: Axes) -> None:
    """Draw residuals in units of their uncertainty: along the data, and how they are spread beside a normal curve."""
    below.axhspan(-2, 2, color="0.93", zorder=0)
    below.axhline(0, color="0.5", lw=0.8)
    furthest = max(float(np.abs(fit.residuals).max()) for fit in fits[:1])
    edges = np.linspace(-1, 1, 22) * max(4.0, min(furthest, 8.0))
    for n, fit in enumerate(fits):
        below.plot(fits[0].model.measurement.axis, fit.residuals, ".", ms=4, color=f"C{n}", alpha=0.8)
        shape.hist(
            fit.residuals, edges.tolist(), density=True, orientation="horizontal", histtype="step", color=f"C{n}"
        )  # fmt: skip
    z = np.linspace(edges[0], edges[-1], 200)
    shape.plot(np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), z, "k:", lw=1, label="normal")
    shape.legend(frameon=False, fontsize="small")
    reach = 1.15 * max(4.0, min(max(float(np.abs(fit.residuals).max()) for fit in fits), 4 * furthest + 4))
    below.set(ylabel="residual / uncertainty", ylim=(-reach, reach))
    shape.set(xlabel="density", ylim=(edges[0], edges[-1]), ylabel="residual / uncertainty")


def _broken(values: NDArray[np.float64], voltage: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interrupt a line where the voltage changes its sign: the samples about 0 V are not there."""
    return np.insert(values, np.flatnonzero(np.diff(np.sign(voltage))) + 1, np.nan)
