import math

import pytest

from hil.runs.confidence import margin, mean_and_std, student_cdf, student_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 29, 100])
def test_quantile_is_scipys(freedom):
    stats = pytest.importorskip("scipy.stats")
    assert student_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)
    assert student_quantile(freedom, 0.8) == pytest.approx(stats.t.ppf(0.9, freedom), rel=1e-9)
    for t in (0.0, 0.3, 2.0, 9.0):
        assert student_cdf(t, freedom) == pytest.approx(2 * stats.t.cdf(t, freedom) - 1, abs=1e-12)


def test_margins():
    """Printed tables: t(0.975) is 12.706, 4.303 and 2.776 for 1, 2 and 4 degrees of freedom."""
    assert margin(1.0, 2) == pytest.approx(12.706 / math.sqrt(2), rel=1e-4)
    assert margin(2.0, 3) == pytest.approx(2 * 4.303 / math.sqrt(3), rel=1e-4)
    assert margin(1.0, 5) == pytest.approx(2.776 / math.sqrt(5), rel=1e-3)
    assert margin(None, None) == 0 and margin(0.0, 3) == 0
    assert margin(None, 1) == math.inf


def test_mean_and_std():
    assert mean_and_std((1.0, 2.0, 6.0)) == (3.0, pytest.approx(math.sqrt(7)))
    assert mean_and_std([4.0]) == (4.0, None)
