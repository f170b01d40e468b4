"""Waiting times of the encoder against theory: geometric, at every grey value's rate, one after another independent."""

import numpy as np
import pytest
from scipy import stats

from gateware.code_table import code_table
from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.golden.machine import _wait
from gateware.logarithm import LEAST, LOGARITHM, SLOPE, probability_of, waiting_code
from gateware.protocol import Command
from hil.errors import InputError
from hil.spiking.encoding import SpikeCode

TABLE = np.array([LOGARITHM, SLOPE])
CODE = SpikeCode(kind="poisson")


def waits(probability, number, seed=1):
    """Ticks until a pixel spikes, drawn by the golden model's function."""
    rng = np.random.default_rng(seed)
    code = waiting_code(probability)
    return np.array([1 + _wait(TABLE, int(x), code) for x in rng.integers(1, 1 << 32, number)])


@pytest.mark.parametrize("probability", [8.3e-5, 1e-3, 0.0222, 0.3, 0.9])
def test_waiting_times_are_geometric(probability):
    """Chi-squared over cells of equal probability, as far as ticks are fine enough for that."""
    drawn = waits(probability, 200_000)
    edges = np.unique(stats.geom.ppf(np.linspace(0, 1, 41)[:-1], probability))
    observed = np.histogram(drawn, np.append(edges, np.inf) + 0.5)[0]
    low = (drawn <= edges[0]).sum()
    cells = np.diff(np.append(stats.geom.cdf(edges, probability), 1.0))
    expected = np.append(stats.geom.cdf(edges[0], probability), cells) * len(drawn)
    observed = np.append(low, observed)
    kept = expected > 10
    assert stats.chisquare(observed[kept], expected[kept] * observed[kept].sum() / expected[kept].sum()).pvalue > 1e-4


@pytest.mark.parametrize("probability", [8.3e-5, 0.0222, 0.5])
def test_every_probability_of_a_wait_is_that_of_its_random_numbers(probability):
    """Not by drawing: the random number below which a wait is longer than k is 2^32 (1 - p)^k."""
    code = waiting_code(probability)
    for k in (1, 2, 5, 34, 200, 349):
        low, high = 1, (1 << 32) - 1
        while low < high:
            middle = (low + high) // 2
            if 1 + _wait(TABLE, middle, code) > k:
                low = middle + 1
            else:
                high = middle
        theory = (1 - probability) ** k
        if theory > 1e-6:
            assert abs((low / 2**32 - theory) / min(theory, 1 - theory)) < 2e-3 + 2**-24 / min(theory, 1 - theory)


@pytest.mark.parametrize("full_scale", [16, 255])
def test_every_grey_value_spikes_at_its_rate(full_scale):
    """All grey values at once, on the golden model: spikes of each against a binomial, and all together."""
    levels = min(full_scale + 1, 256)
    ticks, rows, number = 350, levels, 250
    core = GoldenCore(Geometry(rows, 1, t_bits=9))
    core.machine.code[:] = code_table("x", 1e-6, CODE, full_scale, 8)
    core.machine.drive[:] = np.arange(levels)
    core.set_register("duration", ticks)
    core.set_register("encoder_random", 12345)
    core.set_register("threshold", (1 << 24) - 1)
    grey = np.arange(levels) / full_scale
    rate = CODE.f_min + (CODE.f_max - CODE.f_min) * grey
    probability = 1e-6 / (CODE.shortest + np.exp(-rate * CODE.shortest) / rate)
    spikes = np.zeros(levels)
    for row in range(levels):
        core.machine.drive[:] = row
        before = core.register("events")
        for _ in range(max(1, number // rows)):
            assert core.execute(bytes([Command.PRESENT])) == b"\0"
            core.set_register("taken", core.register("history"))
        spikes[row] = core.register("events") - before
    trials = ticks * rows * max(1, number // rows)
    sd = np.sqrt(trials * probability * (1 - probability))
    off = (spikes - trials * probability) / sd
    assert np.abs(off).max() < 4.5
    assert stats.chi2.sf((off**2).sum(), levels) > 1e-4


def test_spikes_of_a_row_are_independent_of_one_another_and_of_its_neighbours():
    """One row's intervals, 300,000 of them: no correlation from one to the next, and the mean is 1 / p."""
    core = GoldenCore(Geometry(64, 1, t_bits=12, log_depth=1))
    core.machine.code[0] = waiting_code(0.02)
    core.set_register("duration", 4096)
    core.set_register("encoder_random", 99)
    core.set_register("threshold", (1 << 24) - 1)
    counts = []
    for _ in range(200):
        before = core.register("events")
        core.execute(bytes([Command.PRESENT]))
        core.set_register("taken", core.register("history"))
        counts.append(core.register("events") - before)
    n = 64 * 4096
    assert abs(np.mean(counts) - n * 0.02) < 4 * np.sqrt(n * 0.02 * 0.98 / 200)
    # Rows that followed one another would make the counts of whole images vary more, or less.
    ratio = np.var(counts, ddof=1) / (n * 0.02 * 0.98)
    assert stats.chi2.ppf(1e-4, 199) / 199 < ratio < stats.chi2.ppf(1 - 1e-4, 199) / 199


def test_codes_hold_probabilities_to_24_bits():
    for probability in (LEAST, 8.3e-5, 1e-3, 0.0222):
        assert abs(probability_of(waiting_code(probability)) - probability) < 2**-25
    for probability in (0.1, 0.5, 0.999, 1.0):
        assert abs(probability_of(waiting_code(probability)) / probability - 1) < 2**-18
    assert probability_of(waiting_code(0.0)) == 0.0


@pytest.mark.parametrize("probability", [1e-8, 1.1, -0.1])
def test_what_has_no_code_is_refused(probability):
    with pytest.raises(InputError, match="probability in a tick is"):
        waiting_code(probability)
