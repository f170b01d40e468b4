"""Every pattern of Izhikevich (2004), by what its figure shows."""

import numpy as np
import pytest

from hil.neurons.catalogue import make
from hil.neurons.currents import current
from hil.neurons.izhikevich import PATTERNS
from hil.neurons.recording import trace


def pattern(name):
    text, duration = PATTERNS[name]
    made = make("izhikevich", preset=name)
    ours = trace(made, current(text, "V/s"), duration, round(duration / 5e-5))
    return ours, ours.spike_times * 1e3


def bursts(times, within=10.0):
    """Lengths of bursts: spikes that follow each other within so many ms."""
    return np.array([len(part) for part in np.split(times, np.flatnonzero(np.diff(times) > within) + 1)])


CLASSIFIED = {
    "tonic-spiking": lambda s: len(s) >= 4 and np.ptp(np.diff(s)[-2:]) < 1,
    "phasic-spiking": lambda s: len(s) == 1 and s[0] > 20,
    "tonic-bursting": lambda s: len(bursts(s)) >= 3 and (bursts(s)[:-1] >= 3).all(),
    "phasic-bursting": lambda s: len(bursts(s)) == 1 and len(s) >= 4 and s[-1] < 100,
    "mixed-mode": lambda s: bursts(s)[0] >= 3 and (bursts(s)[1:] == 1).all() and len(bursts(s)) >= 4,
    "frequency-adaptation": lambda s: (np.diff(np.diff(s)) > 0)[:-1].all() and np.diff(s)[-1] > 5 * np.diff(s)[0],
    "class-1": lambda s: (np.diff(np.diff(s)) < 0).all() and np.diff(s)[0] > 2.3 * np.diff(s)[-1],
    "class-2": lambda s: len(s) > 8 and np.diff(s)[0] < 2.6 * np.diff(s)[-1] and s[0] > 90,
    "spike-latency": lambda s: len(s) == 1 and s[0] > 13 + 2,
    "subthreshold-oscillations": lambda s: len(s) == 1,
    "resonator": lambda s: len(s) == 1 and 320 < s[0] < 360,
    "integrator": lambda s: len(s) == 1 and 14 < s[0] < 30,
    "rebound-spike": lambda s: len(s) == 1 and s[0] > 25,
    "rebound-burst": lambda s: len(bursts(s)) == 1 and len(s) >= 4 and s[0] > 25,
    "threshold-variability": lambda s: len(s) == 1 and s[0] > 80,
    "bistability": lambda s: len(s) >= 4 and s[0] < 60 and s[-1] < 215,
    "depolarizing-after-potential": lambda s: len(s) == 1,
    "accommodation": lambda s: len(s) == 1 and s[0] > 300,
    "inhibition-induced-spiking": lambda s: len(s) >= 3 and (s > 50).all() and s[-1] < 270,
    "inhibition-induced-bursting": lambda s: len(bursts(s)) >= 2 and (bursts(s) >= 4).all() and (s > 50).all(),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_the_pattern_is_the_published_one(name):
    ours, spikes = pattern(name)
    assert CLASSIFIED[name](spikes), spikes
    v = ours.states[:, 0] * 1e3
    if name == "subthreshold-oscillations":
        after = v[ours.time > spikes[0] * 1e-3 + 10e-3]
        peaks = np.flatnonzero((np.diff(after)[:-1] > 0) & (np.diff(after)[1:] <= 0))
        assert len(peaks) >= 3 and after[peaks[0]] > after[peaks[1]] > after[peaks[2]]
    if name == "depolarizing-after-potential":
        after = v[ours.time > spikes[0] * 1e-3 + 1e-4]
        assert after[:20].max() > v[0] + 5 and after[-1] == pytest.approx(v[0], abs=2)


def test_all_twenty_patterns_differ_from_what_another_one_is_taken_for():
    """The classifier can fail: tonic spiking is none of most others."""
    spikes = pattern("tonic-spiking")[1]
    assert sum(bool(check(spikes)) for check in CLASSIFIED.values()) <= 3
