"""How large a parameter of any law can be, from the unit it is in and from what was measured.

A voltage that the data can tell lies below their highest; a resistance near theirs; a time between their shortest
segment and their whole length. A unit made of these alone, such as ohm/(V s), has the product of their ranges. Anything
else is searched about its default.
"""

from __future__ import annotations

import numpy as np

from sim.fitting.data import Measurement

PLAIN, RATE = 30.0, 1e6
"""Factors on a default, up and down: of a parameter without time in its unit, and with it."""

READ = 0.1
"""Voltage taken for that of a reading that gives a conductance alone, V."""

Range = tuple[float, float]


def measured(m: Measurement) -> dict[str, Range]:
    """Lowest and highest of every base unit that a measurement sets a scale to."""
    volts = float(np.abs(m.voltage).max(initial=0.0)) or READ
    read = np.where(np.isnan(m.read_voltage), READ, np.abs(m.read_voltage))
    current, g = m.conductance * read, m.conductance
    shortest, longest = float(m.duration[m.duration > 0].min(initial=np.inf)), float(m.duration.sum())
    shortest = shortest if np.isfinite(shortest) else 1.0
    return {
        "V": (0.03 * volts, volts),
        "A": (1e-2 * float(current.min()), 1e2 * float(current.max())),
        "ohm": (0.03 / float(g.max()), 30.0 / float(g.min())),
        "S": (0.03 * float(g.min()), 30.0 * float(g.max())),
        "s": (0.1 * shortest, 30.0 * max(longest, shortest)),
    }


def magnitudes(unit: str, default: float, scales: dict[str, Range]) -> Range:
    """Range of magnitudes in which a parameter of a unit is searched; `default` > 0 where the unit says nothing."""
    above, _, below = unit.partition("/")
    powers = [(word, 1) for word in above.split()] + [(word, -1) for word in below.strip("()").split()]
    powers = [("s", -power) if word == "Hz" else (word, power) for word, power in powers if word != "1"]
    if not powers or any(word not in scales for word, _ in powers):
        reach = RATE if any(word == "s" for word, _ in powers) else PLAIN
        return default / reach, default * reach
    if powers == [("V", -1)]:  # the curvature of a current: a straight line, or e^12 at the highest voltage
        return 0.05 / scales["V"][1], 12.0 / scales["V"][1]
    low = high = 1.0
    for word, power in powers:
        least, most = scales[word] if power > 0 else scales[word][::-1]
        low, high = low * least**power, high * most**power
    return low, high
