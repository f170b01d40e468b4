"""What cells do beyond their law, in one picture: python examples/nonidealities.py [FILE.png]

Telegraph and 1/f noise in time and as spectra beside their formulas, drift with spread, and a window that closes.
"""

import sys

import numpy as np

from hil import Waveform, open_device

TRAP = {"rtn": 0.2, "rtn_empty": 3e-3, "rtn_full": 1e-3}
STEP, COUNT, CELLS = 1e-4, 2048, 50


def readings(**options: float) -> np.ndarray:
    """(COUNT, CELLS) currents over those of the law, read every `STEP` s."""
    with open_device("sim:rram", rows=1, cols=CELLS, **options) as device:
        rest = Waveform.rest(STEP, rows=1, cols=CELLS)
        seen = []
        for _ in range(COUNT):
            device.apply(rest)
            seen.append(device.read()[0] / device.conductance[0])
    return np.array(seen)


def spectrum(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies, Hz, and one-sided spectral density, 1/Hz, mean of all cells."""
    window = np.hanning(COUNT)[:, None]
    power = 2 * STEP / (window**2).sum() * np.abs(np.fft.rfft(window * (seen - seen.mean(axis=0)), axis=0)) ** 2
    return np.fft.rfftfreq(COUNT, STEP)[1:-1], power.mean(axis=1)[1:-1]


def main(path: str) -> None:
    """Draw all of them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.5), layout="constrained")
    time, spectra, drift, wear = figure.subplots(2, 2).flat
    rate, full = 1 / TRAP["rtn_empty"] + 1 / TRAP["rtn_full"], 0.25
    for name, options, colour in (
        ("telegraph", TRAP, "C0"),
        ("1/f", {"noise_1f": 0.01, "noise_1f_low": 1.0, "noise_1f_high": 5e3}, "C1"),
    ):
        seen = readings(**options)
        time.plot(np.arange(600) * STEP * 1e3, seen[:600, 1], color=colour, lw=0.8, label=name)
        f, power = spectrum(seen)
        spectra.loglog(f, power, color=colour, lw=0.6, alpha=0.6, label=name)
        expected = 4 * 0.2**2 * full * (1 - full) * rate / (rate**2 + (2 * np.pi * f) ** 2)
        spectra.loglog(f, expected if name == "telegraph" else 0.01**2 / f, "k--", lw=1)
    time.set(xlabel="Time (ms)", ylabel="Current over the law's")
    spectra.set(xlabel="Frequency (Hz)", ylabel="Spectral density (1/Hz)")

    with open_device("sim:rram?rows=1&cols=12&drift=0.06&drift_spread=0.4&drift_t0=0.01&w0=0.8") as device:
        times = np.geomspace(0.01, 1e5, 40)
        seen = []
        for t in times:
            device.apply(Waveform.rest(t - device.time, rows=1, cols=12))
            seen.append(device.conductance[0])
    drift.loglog(times, np.array(seen) * 1e6, color="C2", lw=1)
    drift.set(xlabel="Time since programming (s)", ylabel="Conductance (µS)")

    for end, style in ((0.5, "-"), (1.0, ":")):
        with open_device("sim:rram?alpha=1&w0=0&endurance=1000&endurance_shape=2", endurance_end=end) as device:
            cycles, states = [], []
            for n in range(1, 4001):
                both = []
                for v in (1.2, -1.2):
                    device.apply(Waveform.pulse(v, width=1e-6))
                    both.append(device.conductance[0, 0] * 1e6)
                cycles.append(n)
                states.append(both)
        wear.loglog(cycles, states, style, color="C3", lw=1.2)
        wear.plot([], [], style, color="C3", label=f"endurance_end={end:g}")
    wear.set(xlabel="Cycle", ylabel="Conductance of both states (µS)")
    for axis in (time, spectra, wear):
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "nonidealities.png")
