"""The figures of docs/circuits.md: ``python -m sim.circuits.figures FOLDER`` draws them all."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hil.files import write_figure
from sim.circuits.bidirectional import stdp_window
from sim.circuits.drive import Drive
from sim.circuits.minimum import MinimumModel, minimum_error_map, timing_errors
from sim.circuits.solve import simulate
from sim.circuits.valved import HIGH, WIDTH, resistor_circuit, valved_circuit

RATES = (1.0, 5.0, 20.0, 70.0)
"""Relaxation rates of the volatile element for which the timing window is drawn, 1/s."""


def draw_valved(path: Path) -> None:
    """Figures 2C and 2D: inputs, and the output with resistors and with memristors, in three pulses 9 ms apart."""
    from matplotlib import pyplot

    duration = np.array([1, 9, 1, 9, 1, 2]) * WIDTH
    levels = {"in1": HIGH * np.array([1, 0, 0, 0, 0.5, 0]), "in2": HIGH * np.array([1, 0, 1, 0, 1, 0])}
    drive = Drive(duration, levels)
    figure, axes = pyplot.subplots(1, 3, figsize=(9, 2.6), sharey=True, layout="constrained")
    for circuit, style, label in (
        (resistor_circuit(), "C7--", "out, resistors"),
        (valved_circuit(), "C3-", "out, memristors"),
    ):
        run = simulate(circuit, drive, record=200)
        for k, axis in enumerate(axes):
            shown = slice(2 * k * 201, (2 * k + 1) * 201)
            time = (run.time[shown] - run.time[shown][0]) * 1e3
            axis.plot(time, run.voltage["out"][shown] * 1e3, style, label=label)
            if "m1" in run.phi:
                flux = (run.area["out"][shown][-1] - run.area["out"][shown][0]) * 1e6
                axis.set_title(
                    f"{levels['in1'][2 * k] * 1e3:.0f} and {levels['in2'][2 * k] * 1e3:.0f} mV: {flux:.2f} µV s",
                    fontsize=10,
                )  # fmt: skip
    for axis in axes:
        axis.set(xlabel="time in the pulse (ms)", ylim=(-3, 106))
    axes[0].set_ylabel("mV")
    axes[1].legend(frameon=False, fontsize=8)
    _save(figure, path)


def draw_minimum(path: Path) -> None:
    """Flux of the circuit over its inputs, the errors of the analog-minimum model, and its failure in time."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 4, figsize=(13, 3), layout="constrained")
    with_floor, plain = minimum_error_map(), minimum_error_map(model=MinimumModel.of(leak=False))
    edges = {"origin": "lower", "extent": (0, HIGH * 1e3, 0, HIGH * 1e3), "interpolation": "nearest"}
    panels = (
        (with_floor.circuit.T * 1e6, "circuit, µV s", "viridis", 0, 100),
        (plain.error.T * 100, "plain minimum − circuit, %", "RdBu_r", -3.3, 3.3),
        (with_floor.error.T * 100, "with floor − circuit, %", "RdBu_r", -3.3, 3.3),
    )
    for axis, (values, title, colours, low, high) in zip(axes, panels, strict=False):
        image = axis.imshow(values, cmap=colours, vmin=low, vmax=high, **edges)
        axis.set(xlabel="V1 (mV)", ylabel="V2 (mV)")
        axis.set_title(title, fontsize=9)
        figure.colorbar(image, ax=axis, shrink=0.85)
    lag = np.linspace(-6, 6, 121) * 1e-3
    timing = timing_errors(lag)
    axes[3].plot(lag * 1e3, timing.circuit * 1e6, "C3", label="circuit")
    axes[3].plot(lag * 1e3, timing.model * 1e6, "k:", label="model")
    axes[3].set(xlabel="second pulse later by (ms)", ylabel="µV s")
    axes[3].set_title("two pulses of 100 mV, 1 ms", fontsize=9)
    axes[3].legend(frameon=False, fontsize=8)
    _save(figure, path)


def draw_stdp(path: Path) -> None:
    """Figure 4 for several relaxation rates, delays on a logarithmic axis on either side."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
    delay = np.geomspace(1e-4, 20, 200)
    for side, axis in zip((-1, 1), axes, strict=True):
        for k, rate in enumerate(RATES):
            window = stdp_window(side * delay, rate)
            axis.semilogx(delay, window.change * 100, f"C{k}", label=f"D = {rate:g} /s")
            axis.axvline(np.log(2) / rate, color=f"C{k}", linestyle=":", linewidth=0.8)
        for paper in (0.01, 0.25):
            axis.axvline(paper, color="0.75", linewidth=4, zorder=0)
        axis.axhline(0, color="k", linewidth=0.5)
    axes[0].set(xlabel="post before pre by (s)", ylabel="change of conductance (%)")
    axes[0].invert_xaxis()
    axes[1].set(xlabel="pre before post by (s)")
    axes[1].legend(frameon=False, fontsize=8)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    from matplotlib import pyplot

    write_figure(path, figure, dpi=80)
    pyplot.close(figure)


def main(folder: Path) -> None:
    """Draw all three into `folder`."""
    import matplotlib

    matplotlib.use("agg")
    draw_valved(folder / "circuits-valved.png")
    draw_minimum(folder / "circuits-minimum.png")
    draw_stdp(folder / "circuits-stdp.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
