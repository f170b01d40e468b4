"""A sweep of every law that is given by its equations, and the law's parameters there."""

import numpy as np

from hil.backends import open_device
from hil.waveform import Waveform
from sim.fitting.data import sweep

NOISE = 0.01

SWEEPS = {
    "diffusive": ({"r_on": 2e4, "r_off": 1e7, "lam": 0.3, "mu": 16.0, "g1": 50.0, "g2": 0.42}, (1.5, 3.0), 2.0),
    "hysteretic": ({"R": 2e3, "k": 0.7, "tau": 3e-4}, (0.7, 1.0), 4e-2),
    "ion-drift": ({"r_on": 200.0, "r_off": 2e4, "mu": 3e-14, "x0": 0.1}, (1.5, 2.5), 1.0),
    "mott": ({}, (1.1, 1.4), 2e-7),
    "mss": ({"r_on": 800.0, "r_off": 9e3, "v_on": 0.3, "v_off": 0.25, "tau": 2e-4, "x0": 0.3}, (0.35, 0.5), 0.02),
    "nonlinear-drift": ({"n": 4.0, "a": 1.0, "chi": 0.1, "x0": 0.5, "window": "none"}, (1.0, 1.3), 1.0),
    "stanford": ({"V_0": 0.3, "I_0": 2e-4, "F_min": 1.0e9, "gap0": 1.2e-9}, (1.3, 1.7), 2e-6),
    "team": (
        {"i_off": 5e-5, "i_on": -4e-5, "k_off": 3e-9, "k_on": -3e-9, "alpha_off": 2.0, "alpha_on": 2.0, "r_on": 1e3,
         "r_off": 1e4, "window": "none", "x0": 1e-9}, (0.8, 1.2), 4.0,
    ),
    "threshold": ({"r_on": 1e3, "r_off": 10e3, "v_t": 0.6, "beta": 3e5, "r0": 6e3}, (0.9, 1.2), 1.0),
    "well-posed-rram": ({"V_0": 0.3, "I_0": 2e-4, "gap0": 1.2e-9, "g_leak": 1e-6}, (1.0, 1.3), 2e-2),
    "yakopcic": ({"a1": 1e-3, "a2": 1.5e-3, "b": 3.0, "v_p": 0.2, "v_n": 0.15, "a_p": 700.0, "a_n": 900.0,
                  "x0": 0.05}, (0.5, 1.0), 0.04),
}  # fmt: skip
"""Parameters that differ from the defaults, peaks of two loops in V, and the length of both in s."""


def history(peaks, period, samples):
    """Times and voltages of triangular loops to several peaks, one after the other."""
    count = samples // len(peaks)
    phase = (np.arange(count) + 1.0) / count
    loop = np.where(phase < 0.25, 4 * phase, np.where(phase < 0.75, 2 - 4 * phase, 4 * phase - 4))
    volts = np.concatenate([peak * loop for peak in peaks])
    volts[np.abs(volts) < 1e-9] = 0.0
    return period * (np.arange(len(volts)) + 1.0) / len(volts), volts


def played(name, seed=None, samples=240):
    """A sweep of a law as its device measures it, with 1 % of noise where there is a seed."""
    parameters, peaks, period = SWEEPS[name]
    time, volts = history(peaks, period, samples)
    with open_device(f"sim:{name}", **parameters) as device:
        answer = device.apply(Waveform.samples(volts, dwell=period / len(volts), measure=True))
    i = answer.currents[:, 0]
    if seed is not None:
        i = i * (1 + NOISE * np.random.default_rng(seed).standard_normal(len(i)))
    return sweep(time, volts, i, name)
