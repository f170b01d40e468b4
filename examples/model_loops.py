"""Pinched loops of every simulated device model under a sine, in one picture: python examples/model_loops.py [FILE.png]

Each model is driven by three periods of a sine at an amplitude and a frequency at which it moves; the last period is
drawn, current against voltage.
"""

import sys

import numpy as np

from hil import Waveform, open_device

MODELS = {
    "ion-drift?window=joglekar": (1.0, 1.0),
    "nonlinear-drift": (1.0, 1.0),
    "simmons": (0.9, 100.0),
    "team?a_off=3e-9&a_on=0&r_on=1e3&r_off=1e4&i_off=1e-4&i_on=-1e-4&k_off=3e-9&k_on=-3e-9": (2.0, 1.0),
    "vteam": (1.4, 50.0),
    "yakopcic": (0.45, 100.0),
    "mss": (0.5, 100.0),
    "mss-switches?number=100": (0.3, 1000.0),
    "stanford": (1.8, 1e6),
    "well-posed-rram": (1.2, 1e5),
    "jart-vcm": (1.3, 1e3),
    "hysteretic": (1.0, 1e3),
    "threshold?preset=slow": (2.2, 1e3),
    "flca": (0.1, 1.0),
    "flca-pair?preset=figure3": (1.0, 1.0),
    "flca-step?R=100,1e6&D=1": (0.1, 1.0),
    "rram?alpha=0.4&w0=0": (1.2, 1e3),
    "curve?w0=0": (1.2, 1e3),
    "diffusive": (1.0, 0.5),
    "mott": (1.5, 1e6),
}
"""Device and amplitude (V), frequency (Hz)."""

POINTS = 200


def loop(name: str, amplitude: float, frequency: float) -> tuple[np.ndarray, np.ndarray]:
    """Voltage (V) and current (A) of the last of three periods."""
    phase = np.arange(POINTS) / POINTS
    volts = amplitude * np.sin(2 * np.pi * phase)
    period = Waveform.samples(volts, dwell=1 / (POINTS * frequency), measure=True)
    with open_device(f"sim:{name}") as device:
        for _ in range(3):
            currents = device.apply(period).currents[:, 0]
    return volts, currents


def main(path: str) -> None:
    """Draw all of them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 11), layout="constrained")
    for axis, (name, (amplitude, frequency)) in zip(figure.subplots(5, 4).flat, MODELS.items(), strict=False):
        volts, currents = loop(name, amplitude, frequency)
        scale = 10.0 ** (3 * np.floor(np.log10(np.abs(currents).max()) / 3))
        axis.plot(np.append(volts, volts[0]), np.append(currents, currents[0]) / scale, lw=1.2)
        axis.set_title(f"{name.partition('?')[0]}, {frequency:g} Hz", fontsize=9)
        axis.set(xlabel="Voltage (V)", ylabel=f"Current ({scale:.0e} A)")
        axis.axhline(0, color="0.8", lw=0.6, zorder=0)
        axis.axvline(0, color="0.8", lw=0.6, zorder=0)
    for axis in figure.axes[len(MODELS) :]:
        axis.remove()
    figure.savefig(path, dpi=110)
    print(path)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models.png")
