"""Encoding of images: pixel intensities, and spike trains on the rows of a crossbar."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.compiling import njit
from hil.config import Section
from hil.fraction import Fraction
from hil.mixing import GOLDEN, mix
from hil.spiking.trains import SpikeBatch

QUANTILES = 4096
"""Equally probable values that stand for the normal distribution of intervals."""

_BINS = 2048
_PERIODIC, _POISSON, _LATENCY = range(3)


def intensities(images: NDArray[np.uint8], full_scale: int) -> NDArray[np.float64]:
    """Pixel intensities in 0..1: (B, N) grey values divided by the grey value of a fully lit pixel."""
    return images / np.float64(full_scale)


class SpikeCode(Section):
    """How pixels become spikes; section [code] of a configuration.

    `periodic` (Brivio et al. 2021): a rate linear in the grey value, the first spike anywhere in the first period,
    intervals normally distributed around it. `poisson`: the same rate, exponential intervals. `latency`: one spike a
    lit pixel, the brighter the earlier.

    The spikes of a presentation depend on the seed and on the presentation's number alone, so they are the same
    however the work is cut into batches.
    """

    kind: Literal["periodic", "poisson", "latency"] = Field("periodic", description="how pixels become spikes")
    duration: float = Field(350e-6, gt=0, description="length of a presentation, s")
    f_min: float = Field(83.0, gt=0, description="rate of a dark pixel, Hz")
    f_max: float = Field(22.2e3, gt=0, description="rate of a fully lit pixel, Hz")
    jitter: Fraction = Field(0.1, ge=0, le=1, description="standard deviation of a periodic interval, fraction of it")
    shortest: float = Field(10e-6, gt=0, description="shortest interval between spikes of a pixel, s")
    silent: Fraction = Field(0.0, ge=0, le=1, description="pixels below this intensity, 0..1, do not spike")

    def encode(self, images: NDArray[np.uint8], full_scale: int, seed: int, numbers: NDArray[np.int64]) -> SpikeBatch:
        """Spikes of a batch of images.

        Parameters
        ----------
        images : (B, N) array
            Grey values; pixel n spikes on row n.
        full_scale : int
            Grey value of a fully lit pixel.
        seed : int
            Seed of the run.
        numbers : (B,) array of int
            A number for every presentation, different for each that shall differ.
        """
        kind = ("periodic", "poisson", "latency").index(self.kind)
        size, longest = 2 * images.size + 1, 8 * images.shape[1] + 1
        while True:
            time, line = np.empty(size), np.empty(size, np.int32)
            start = np.zeros(len(images) + 1, np.int64)
            scratch = np.empty(longest), np.empty(longest, np.int32)
            fits = _encode(
                images, full_scale, kind, self.duration, self.f_min, self.f_max, self.jitter, self.shortest,
                self.silent * full_scale, np.uint64(seed), numbers, _normal(), *scratch, time, line, start,
            )  # fmt: skip
            if fits:
                return SpikeBatch(time[: start[-1]], line[: start[-1]], start)
            size, longest = 2 * size, 2 * longest


@cache
def _normal() -> NDArray[np.float64]:
    """Medians of QUANTILES equally probable parts of the standard normal distribution."""
    return np.array([NormalDist().inv_cdf((k + 0.5) / QUANTILES) for k in range(QUANTILES)])


@njit(cache=True, inline="always")
def _next(state):
    """SplitMix64: the next state, and 64 random bits."""
    state += GOLDEN
    return state, mix(state)


@njit(cache=True, inline="always")
def _uniform(bits):
    return (np.float64(bits >> np.uint64(11)) + 0.5) * 2.0**-53


@njit(cache=True, error_model="numpy")
def _encode(
    images, full_scale, kind, duration, f_min, f_max, jitter, shortest, silent, seed, numbers, normal,
    raw_time, raw_line, time, line, start,
):  # fmt: skip
    """Fill `time` and `line` train by train, sorted; False if they are too short."""
    filled = 0
    bins = np.empty(_BINS + 1, np.int32)
    periods = np.empty(256)
    for grey in range(256):
        periods[grey] = 1.0 / (f_min + (f_max - f_min) * (grey / full_scale)) if grey >= silent else np.inf
    for b in range(images.shape[0]):
        state, stir = _next(seed)
        state, stir = _next(stir + np.uint64(numbers[b]))
        count = 0
        for n in range(images.shape[1]):
            grey = images[b, n]
            if kind == _LATENCY:
                if grey > 0 and grey >= silent:
                    raw_time[count], raw_line[count] = (1.0 - grey / full_scale) * duration, n
                    count += raw_time[count] < duration
                continue
            period = periods[grey]
            state, bits = _next(state)
            own = bits
            now = _uniform(bits) * period if kind == _PERIODIC else -np.log(_uniform(bits)) * period
            while now < duration:
                if count == raw_time.size:
                    return False
                raw_time[count], raw_line[count] = now, n
                count += 1
                own, bits = _next(own)
                if kind == _PERIODIC:
                    interval = period * (1.0 + jitter * normal[bits >> np.uint64(52)])
                else:
                    interval = -np.log(_uniform(bits)) * period
                now += max(interval, shortest)
        if filled + count > time.size:
            return False
        _sort(raw_time, raw_line, count, duration, bins, time[filled:], line[filled:])
        filled += count
        start[b + 1] = filled
    return True


@njit(cache=True, error_model="numpy")
def _sort(raw_time, raw_line, count, duration, bins, time, line):
    """By time, then by line: a stable counting sort into bins, then insertion within them."""
    bins[:] = 0
    scale = _BINS / duration
    for k in range(count):
        bins[int(raw_time[k] * scale) + 1] += 1
    for k in range(_BINS):
        bins[k + 1] += bins[k]
    for k in range(count):
        place = int(raw_time[k] * scale)
        time[bins[place]], line[bins[place]] = raw_time[k], raw_line[k]
        bins[place] += 1
    for k in range(1, count):
        if time[k - 1] <= time[k]:
            continue
        t, n = time[k], line[k]
        j = k - 1
        while j >= 0 and time[j] > t:
            time[j + 1], line[j + 1] = time[j], line[j]
            j -= 1
        time[j + 1], line[j + 1] = t, n
