"""Every published law on random waveforms, against scipy's solution of its own equations with bounds that hold."""

import zlib

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from hil.backends import open_device
from hil.waveform import Waveform

LAWS = [
    "diffusive", "hysteretic", "ion-drift", "jart-vcm", "mott", "mss", "nonlinear-drift", "simmons", "stanford", "team",
    "threshold", "well-posed-rram", "yakopcic",
]  # fmt: skip

AMPLITUDES = {
    "diffusive": (0.2, 1e-1), "hysteretic": (0.8, 2e-5), "ion-drift": (1.0, 0.1), "mss": (0.4, 1e-4),
    "nonlinear-drift": (1.0, 0.05), "stanford": (1.4, 2e-8), "team": (3.0, 1e3), "threshold": (5.0, 1e-9),
    "yakopcic": (0.4, 2e-4), "mott": (0.2, 2e-8), "simmons": (1.0, 1e-3), "jart-vcm": (0.75, 1e-7),
    "well-posed-rram": (1.5, 1e-7),
}  # fmt: skip
"""Voltages and widths at which each law moves but does not only sit at a bound."""


def followed_by_scipy(slopes, x, low, high, t):
    """State and charge of a cell of one state after `t` s, from `x`: by DOP853 up to a bound, and at rest there."""
    scale = max(abs(x), high - low if np.isfinite(high - low) else 1.0)

    def scaled(_, y):
        rate, current = slopes(min(max(y[0] * scale, low), high))
        return rate / scale, current

    def beyond(_, y):
        return min(high / scale - y[0], y[0] - low / scale) + 1e-12

    beyond.terminal, beyond.direction = True, -1
    out = slopes(x)[0]
    if (x >= high and out > 0) or (x <= low and out < 0):
        return x, t * slopes(x)[1]
    found = solve_ivp(
        scaled, (0, t), [x / scale, 0.0], method="DOP853", rtol=1e-11, atol=1e-14, max_step=t / 100, events=beyond
    )
    end = min(max(found.y[0, -1] * scale, low), high)
    if found.status == 1:
        end = high if abs(end - high) < abs(end - low) else low
    elif found.status < 0:  # no float64 of time is short enough for its steps: it is as good as there
        bound = high if slopes(end)[0] > 0 else low
        assert abs(bound - end) < 1e-9 * t * abs(slopes(end)[0])
        end = bound
    return end, found.y[1, -1] + (t - found.t[-1]) * slopes(end)[1]


def all_followed_by_scipy(slopes, x, low, high, t):
    """The same for several states, which bounds may hold one by one."""
    scale, n = np.maximum(np.abs(x), np.where(np.isfinite(high - low), high - low, 1.0)), len(x)

    def scaled(_, y):
        rates, current = slopes(np.clip(y[:n] * scale, low, high))
        outward = ((y[:n] * scale >= high) & (rates > 0)) | ((y[:n] * scale <= low) & (rates < 0))
        return [*np.where(outward, 0.0, rates) / scale, current]

    found = solve_ivp(scaled, (0, t), [*x / scale, 0.0], method="LSODA", rtol=1e-10, atol=1e-13, max_step=t / 300)
    return np.clip(found.y[:n, -1] * scale, low, high), found.y[n, -1]


def check_against_scipy(law, seed):
    """A random waveform: states to 2e-6 of their range, charges to 5e-6, against scipy with bounds as the laws say."""
    rng = np.random.default_rng([zlib.crc32(law.encode()), seed])
    amplitude, width = AMPLITUDES[law]
    volts = amplitude * rng.uniform(-1, 1, 5)
    widths = width * rng.uniform(0.2, 1.0, 5)
    with open_device(f"sim:{law}") as device:
        laws = device.law
        names = [state.name for state in laws.states]
        low, high = (np.array([getattr(state, end) for state in laws.states]) for end in ("low", "high"))
        rate, current = laws.equations
        p = np.array(laws.constants(), dtype=float)
        x = np.array([state.pristine for state in laws.states], dtype=float)
        scale = np.maximum(np.abs(x), np.where(np.isfinite(high - low), high - low, 1.0))
        for v, t in zip(volts, widths, strict=True):
            given = device.apply(Waveform.pulse(v, width=t, measure=True))

            def slopes(x, v=v):
                out, at = np.zeros(len(names)), np.atleast_1d(np.asarray(x, dtype=float))
                rate(v, at, p, out)
                return (out if len(names) > 1 else out[0]), current(v, at, p)

            if len(names) > 1:
                x, charge = all_followed_by_scipy(slopes, x, low, high, t)
            else:
                end, charge = followed_by_scipy(slopes, x[0], low[0], high[0], t)
                x = np.array([end])
            states = np.array([device.state(name)[0, 0] for name in names])
            assert states / scale == pytest.approx(x / scale, abs=2e-6)
            assert given.charge[0, 0] == pytest.approx(charge, rel=5e-6)
            x = states


@pytest.mark.parametrize("law", LAWS)
def test_random_waveforms_are_those_of_the_equations(law):
    for seed in range(2):
        check_against_scipy(law, seed)


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
def test_fifty_random_waveforms_are_those_of_the_equations(law):
    for seed in range(50):
        check_against_scipy(law, seed)
