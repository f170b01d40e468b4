"""Currents into neurons, written in a word: ``alpha:50uA``, ``step:14@10ms``, sums of them with ``+``.

    step:A@T            A from T on
    pulse:A*W@T         A for W from T on
    ramp:S@T            0 until T, then S a second (S in the model's unit per s)
    sine:A*F@T          A sin(2 pi F (t - T)) from T on
    alpha:A@T           synaptic, equation 2 of Zhou et al. (2022): A (s/tau) exp(-s/tau) with tau = 10 ns;
    alpha:A*N@T/D       N of them, D apart

Amplitudes take prefixes and the unit that drives the model, or none; times are in s unless a unit says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError, shortened
from hil.importing.units import PREFIXES, quantity

TAU_SYN = 10e-9
"""Time constant of an alpha current unless told otherwise, s; section II of Zhou et al. (2022)."""

Charge = Callable[[NDArray[np.float64]], NDArray[np.float64]]

KINDS = ("alpha", "pulse", "ramp", "sine", "step")

_PART = re.compile(r"(?P<kind>[a-z]+):(?P<size>[^@/*]+)(?:\*(?P<by>[^@/]+))?(?:@(?P<at>[^/]+))?(?:/(?P<every>.+))?")


@dataclass(frozen=True)
class Current:
    """A current over time.

    Attributes
    ----------
    charge : callable
        Its integral from 0 to each of (K,) times in s, in the unit of drive times s.
    text, unit : str
        As it was written; its unit.
    """

    charge: Charge
    text: str
    unit: str

    def means(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K-1,) mean current between neighbouring times (K,), exact."""
        return np.diff(self.charge(times)) / np.diff(times)


def current(text: str, unit: str = "A", tau_syn: float = TAU_SYN) -> Current:
    """Read a current.

    Parameters
    ----------
    text : str
        As above.
    unit : str
        Unit that drives the model.
    tau_syn : float
        Time constant of alpha currents, s.

    Raises
    ------
    InputError
        If it cannot be read; the sentence says how one is written.
    """
    parts = [_part(part, unit, tau_syn) for part in re.split(r"\+(?=[a-z]+:)", text)]
    return Current(lambda t: np.sum([charge(t) for charge in parts], axis=0), text, unit)


def amplitude(text: str, unit: str, what: str = "amplitude") -> float:
    """Read a number with a prefix and `unit`, such as ``50uA``; without them it is in `unit` already."""
    found = re.fullmatch(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\D.*?|)\s*", text)
    ending = found[2].replace("\N{MICRO SIGN}", "u") if found else ""
    prefix = ending.removesuffix(unit) if ending.endswith(unit) else ending
    if found is None or prefix not in PREFIXES or (prefix.isupper() and prefix not in "KMG"):
        raise InputError(f"{what} {shortened(text)!r}: write a number in {unit}, such as 50u{unit} or 5e-5")
    return float(found[1]) * PREFIXES[prefix]


def _part(text: str, unit: str, tau: float) -> Charge:
    found = _PART.fullmatch(text)
    if found is None or found["kind"] not in KINDS:
        raise InputError(
            f"current {shortened(text)!r}: write KIND:SIZE@TIME with KIND one of {', '.join(KINDS)}, such as "
            "alpha:50uA, step:14@10ms or pulse:1nA*5ms@20ms, several joined by +"
        )
    kind, at = found["kind"], _time(found["at"] or "0s", "start")
    by, every = found["by"], found["every"]
    if every is not None and kind != "alpha":
        raise InputError(f"current {shortened(text)!r}: /INTERVAL is for alpha currents alone")
    if (by is None) == (kind in ("pulse", "sine")) and kind != "alpha":
        raise InputError(f"current {shortened(text)!r}: {'give' if by is None else 'omit'} *{_BY.get(kind, 'VALUE')}")
    if kind == "ramp":
        rate = amplitude(found["size"].removesuffix("/s") if found["size"].endswith("/s/s") else found["size"], unit)
        return lambda t: 0.5 * rate * np.maximum(t - at, 0.0) ** 2
    size = amplitude(found["size"], unit)
    if kind == "step":
        return lambda t: size * np.maximum(t - at, 0.0)
    if kind == "pulse":
        width = _time(by, "width")
        return lambda t: size * np.clip(t - at, 0.0, width)
    if kind == "sine":
        omega = 2 * np.pi * quantity(by, "Hz", "frequency", "50Hz")
        if omega == 0:
            raise InputError(f"current {shortened(text)!r}: a frequency of 0 Hz is no sine")
        return lambda t: size / omega * (1.0 - np.cos(omega * np.maximum(t - at, 0.0)))
    count = 1 if by is None else _count(by, text)
    if (count > 1) != (every is not None):
        raise InputError(
            f"current {shortened(text)!r}: write alpha:SIZE*COUNT@TIME/INTERVAL, such as alpha:50uA*4@1us/0.4us"
        )
    starts = at + np.arange(count) * (_time(every, "interval") if every is not None else 0.0)
    return lambda t: sum((_alpha_charge(t - start, size, tau) for start in starts), np.zeros_like(t))


_BY = {"pulse": "WIDTH", "sine": "FREQUENCY"}


def _alpha_charge(s: NDArray[np.float64], size: float, tau: float) -> NDArray[np.float64]:
    """Integral of size (s / tau) exp(-s / tau) from 0 to s."""
    u = np.maximum(s, 0.0) / tau
    return size * tau * (1.0 - (1.0 + u) * np.exp(-u))


def _time(text: str, what: str) -> float:
    value = quantity(text, "s", what, "10ms")
    if value < 0:
        raise InputError(f"{what} {shortened(text)!r}: a time must be >= 0 s")
    return value


def _count(text: str, whole: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise InputError(
            f"current {shortened(whole)!r}: {shortened(text)!r} alpha currents: a whole number, 1 .. 100000"
        )
    return int(text)
