"""Neurons around laws of `sim.cells`, against LSODA on the circuits and laws written anew."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from hil.neurons.catalogue import make
from hil.neurons.currents import current
from hil.neurons.recording import trace


def mott(drive):
    """Neuristor of two VO2 switches: Pickett & Williams (2012), with the default values."""
    area, length = np.pi * 36e-9**2, 50e-9

    def switch(v, outside):
        u = min(max(outside, 1e-4), 1 - 1e-4)
        r = 1e-2 * length / area / (1 + (1e-2 / 3e-6 - 1) * u**2)
        log = np.log(u)
        heat = length * area * (3.3e6 * 43 * (1 - u**2 + 2 * u**2 * log) / (2 * u * log**2) + 2 * 2.35e8 * u)
        rate = (v**2 / r - 2 * np.pi * length * 3.5 / np.log(1 / u) * 43) / heat
        return v / r, 0.0 if outside <= 1e-4 and rate < 0 else rate

    def slope(_, x):
        v2, v1, u1, u2 = x
        (i1, du1), (i2, du2) = switch(v1 + 0.9, u1), switch(0.9 - v2, u2)
        between = (v1 - v2) / 4e3
        return [(between - v2 / 1e5 + i2) / 0.4e-9, (drive - v1 / 4e3 - i1 - between) / 2e-9, du1, du2]

    return slope


def test_the_mott_neuristor_is_what_lsoda_makes_of_its_circuit():
    made = make("mott")
    drive, duration = 50e-6, 20e-6
    ours = trace(made, current(f"step:{drive}"), duration, 2000)
    exact = solve_ivp(
        mott(drive), (0, duration), made.start(), "LSODA", ours.time, rtol=1e-8, atol=[1e-10, 1e-10, 1e-12, 1e-12]
    ).y[0]  # fmt: skip
    spikes = int(((exact[1:] >= 0.45) & (exact[:-1] < 0.45)).sum())
    assert ours.spikes.sum() == spikes >= 2
    assert np.abs(ours.states[:, 0] - exact).max() < made.accuracy.bound


def test_a_neuristor_fires_all_or_nothing():
    peaks = {}
    for drive in (5e-6, 50e-6, 100e-6):
        ours = trace(make("mott"), current(f"step:{drive}@2us"), 60e-6, 6000)
        peaks[drive] = (int(ours.spikes.sum()), float(ours.states[:, 0].max()))
    assert peaks[5e-6][0] == 0 and peaks[5e-6][1] < 0.1
    assert peaks[50e-6][0] > 1 and peaks[100e-6][0] > peaks[50e-6][0]
    assert peaks[50e-6][1] == pytest.approx(peaks[100e-6][1], rel=0.02) and peaks[50e-6][1] > 0.7


def test_a_diffusive_neuron_is_what_lsoda_makes_of_it_and_resets_itself():
    def slope(_, x):
        v, f, r = x
        whole = min(max(f + r, 0), 1)
        i = v / (17e3 * whole + 1e10 * np.expm1((1 - whole) / 0.1) / np.expm1(10))
        df = min(1.0, abs(v) * 16 / max(1.1 - f - r, 1e-12) - 50.35 * f)
        return [(2e-6 - v / 1e6 - i) / 1e-6, df if f + r < 1 or df < 0 else 0.0, 0.35 * f - 0.42 * r]

    made = make("diffusive")
    ours = trace(made, current("step:2uA"), 2.0, 2000)
    exact = solve_ivp(slope, (0, 2.0), [0, 0, 0], "LSODA", ours.time, rtol=1e-9, atol=1e-10, max_step=1e-3).y[0]
    assert ours.spikes.sum() >= 2
    assert np.abs(ours.states[:, 0] - exact).max() < made.accuracy.bound
    first = int(np.flatnonzero(ours.spikes)[0])
    assert ours.states[first - 5, 0] > 0.5 and ours.states[first + 50 :, 0].min() < 0.3  # emptied, by itself
    assert trace(make("diffusive"), current("step:0.02uA"), 2.0, 2000).spikes.sum() == 0
