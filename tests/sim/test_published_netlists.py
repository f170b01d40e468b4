"""Six laws against SPICE netlists written by hand after the publications, each in another way than the exporter's.

The netlists stand beside their results in ``ngspice/published/``; run one by hand with ``ngspice -b mss.cir``. The
results are committed, so this comparison needs no ngspice; where it is installed, the netlists are run again.
"""

from pathlib import Path

import numpy as np
import pytest

from hil.backends import open_device
from sim import ngspice
from sim.export.sweeps import VoltageSweep, simulated_current

NETLISTS = Path(__file__).parent / "ngspice" / "published"

LAWS = {
    "ion_drift": ("ion-drift?preset=hp&window=joglekar&p=1", 1.0, 1.0),
    "yakopcic": ("yakopcic?preset=knowm", 0.45, 100.0),
    "mss": ("mss?preset=knowm", 0.5, 100.0),
    "threshold": ("threshold?preset=biolek-r2", 5.0, 50e6),
    "vteam": (
        "vteam?r_on=50&r_off=1000&k_on=-3333333333.3333335&k_off=166666.66666666666&alpha_on=3&alpha_off=1&v_on=-0.2"
        "&v_off=0.02&x0=0.1", 0.25, 1e6,
    ),
    "hysteretic": ("hysteretic?preset=paper", 1.0, 1e3),
}  # fmt: skip
"""Device, amplitude (V) and frequency (Hz) of every netlist."""

POINTS, PERIODS = 50, 2


def table(text):
    """Time (s), voltage (V), current (A)."""
    lines = [line.split() for line in text.splitlines()]
    return np.array([line for line in lines if line[0][0].isdigit()], dtype=float).T


def simulated(name):
    address, amplitude, frequency = LAWS[name]
    with open_device(f"sim:{address}") as device:
        law = device.parameters.law()
    return simulated_current(law, VoltageSweep("sine", amplitude, frequency, PERIODS, POINTS), 200)


@pytest.mark.parametrize("name", LAWS)
def test_the_simulation_agrees_with_the_netlist(name):
    time, _, current = table((NETLISTS / f"{name}.txt").read_text())
    assert len(time) == POINTS * PERIODS + 1
    assert time[-1] == pytest.approx(PERIODS / LAWS[name][2])
    expected = simulated(name)
    assert np.abs(current[1:] - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("name", LAWS)
def test_the_loops_are_open(name):
    """What is compared is a memristor: at one voltage the two branches of the curve differ, by a tenth of the peak."""
    _, voltage, current = table((NETLISTS / f"{name}.txt").read_text())
    up, down = np.abs(voltage[:-1]), np.abs(current[:-1])
    half = len(up) // 4
    there, back = down[1 : half // 2 + 1], down[half - half // 2 : half][::-1]
    assert np.abs(there - back).max() > 0.1 * down.max()


@pytest.mark.skipif(not ngspice.installed(), reason="ngspice is not installed")
@pytest.mark.parametrize("name", LAWS)
def test_ngspice_gives_the_committed_results(name):
    done = ngspice.run({"a.cir": (NETLISTS / f"{name}.cir").read_text()}, "a.cir", 60.0, (f"{name}.txt",))
    again, committed = table(done.files[f"{name}.txt"]), table((NETLISTS / f"{name}.txt").read_text())
    assert np.abs(again[2] - committed[2]).max() <= 1e-4 * np.abs(committed[2]).max()
