"""Spread over cells, each with an error of its own: unbiased, and intervals that hold what they say."""

import numpy as np
import pytest

from sim.fitting.spread import middle, spreading


def test_without_errors_it_is_the_standard_deviation_over_c4():
    z = np.random.default_rng(1).standard_normal(10)
    found = spreading(z, np.zeros(10))
    assert found.value == pytest.approx(z.std(ddof=1) / 0.9726593, rel=1e-6)  # c4 of ten, any table of control charts
    assert found.low == pytest.approx(np.sqrt(9 * z.var(ddof=1) / 19.0228), rel=1e-4)
    assert found.high == pytest.approx(np.sqrt(9 * z.var(ddof=1) / 2.70039), rel=1e-4)


@pytest.mark.parametrize(("cells", "error"), [(4, 0.0), (10, 0.05), (10, 0.2), (40, 0.1)])
def test_it_is_unbiased_and_covered_whatever_the_errors_of_the_cells(cells, error):
    rng, true = np.random.default_rng(7), 0.15
    found, hits, medians = [], 0, 0
    for _ in range(300):
        errors = error * rng.uniform(0.5, 1.5, cells)
        z = 2.0 + true * rng.standard_normal(cells) + errors * rng.standard_normal(cells)
        one = middle(z, errors)
        found.append(one.spread.value)
        hits += one.spread.low <= true <= one.spread.high
        medians += one.low <= np.exp(2.0) <= one.high
    assert np.mean(found) == pytest.approx(true, rel=0.06)
    assert 0.915 <= hits / 300 <= 0.98
    assert 0.915 <= medians / 300 <= 0.985


def test_of_cells_that_are_alike_nothing_is_left_but_their_errors():
    rng = np.random.default_rng(3)
    found = [spreading(0.1 * rng.standard_normal(20), np.full(20, 0.1)) for _ in range(200)]
    assert np.mean([one.low == 0.0 and not one.seen for one in found]) > 0.93
    assert np.median([one.value for one in found]) < 0.03


def test_one_cell_tells_no_spread_and_cells_that_tell_nothing_do_not_count():
    assert np.isnan(spreading(np.array([1.0]), np.zeros(1)).value)
    z = np.array([0.0, 1.0, np.nan, 5.0])
    assert spreading(z, np.array([0.0, 0.0, 0.0, np.inf])).count == 2
