"""Walks of bounded least squares where residuals leave float64."""

import warnings

import numpy as np
import pytest

from sim.fitting.descent import Box, descend


def test_a_step_that_overflows_is_refused_and_says_nothing():
    """Residuals that a power takes out of float64 warned of "overflow encountered in matmul" once."""
    low, high = np.array([-400.0, 0.0]), np.array([400.0, 10.0])
    box = Box(low, high, np.array([1e-6, 1e-6]), (None, None))

    def residuals(x):
        return np.array([10.0 ** np.clip(x[0], None, 300.0) - 1.0, x[1] - 2.0])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, cost = descend(residuals, np.array([100.0, 1.0]), box)
        assert np.isfinite(cost) and cost <= 1e200
        _, beyond = descend(residuals, np.array([250.0, 1.0]), box)
        near, least = descend(residuals, np.array([1.0, 1.0]), box)
    assert beyond == np.inf
    assert near == pytest.approx([0.0, 2.0], abs=1e-6) and least < 1e-12
