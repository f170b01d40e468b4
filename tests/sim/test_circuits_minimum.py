"""The analog-minimum model of a VALVeD pair: its numbers, its error map, and where it must not be used."""

import numpy as np
import pytest

from hil.errors import InputError
from sim.circuits.minimum import MinimumModel, minimum_error_map, timing_errors
from sim.circuits.valved import valved

FULL = 1e-4
"""Flux of a full-scale input, 100 mV for 1 ms, V s."""


def test_gain_and_floor_come_from_the_circuit():
    model = MinimumModel.of()
    assert model.gain == pytest.approx(0.9866, abs=5e-5)
    assert model.floor == pytest.approx(3.2e-3, abs=1e-6)
    assert MinimumModel().gain == pytest.approx(model.gain, abs=1e-5)
    assert MinimumModel.of(leak=False) == MinimumModel(model.gain, 0.0)


def test_error_map_of_the_plain_minimum():
    """It never passes too much, and misses at most the leak of a closed pair."""
    errors = minimum_error_map(model=MinimumModel.of(leak=False))
    assert errors.circuit.shape == errors.error.shape == (41, 41)
    assert errors.worst == pytest.approx(0.0327, abs=2e-4)
    assert errors.mean == pytest.approx(0.0162, abs=2e-4)
    assert errors.error.max() < 1e-9
    assert np.abs(np.diag(errors.error)).max() < 8e-4


def test_error_map_of_the_model_with_its_floor():
    errors = minimum_error_map()
    assert errors.worst == pytest.approx(0.0197, abs=2e-4)
    assert errors.mean == pytest.approx(0.0035, abs=1e-4)
    above = (errors.v1 >= 0.01) | (errors.v2 >= 0.01)
    assert np.abs(errors.error[above]).max() < 0.01
    assert errors.circuit == pytest.approx(errors.circuit.T, rel=1e-9)


def test_the_map_holds_what_valved_gives():
    errors = minimum_error_map(points=3)
    assert errors.v1[:, 0].tolist() == [0, 0.05, 0.1] and errors.v2[0].tolist() == [0, 0.05, 0.1]
    assert errors.circuit[1, 2] == pytest.approx(valved(0.05, 0.1).flux, rel=1e-12)
    assert errors.circuit[1, 2] == pytest.approx(50.5e-6, abs=0.005e-6)
    model = MinimumModel.of()
    expected = 1e-3 * (model.gain * 0.05 + model.floor * 0.5)
    assert errors.model[1, 2] == pytest.approx(expected, rel=1e-12)
    assert errors.error[1, 2] == pytest.approx((expected - errors.circuit[1, 2]) / FULL, rel=1e-9)


def test_the_model_does_not_hold_in_time():
    """Coincident and far apart it is right; pulses within some relaxation times pass half of a coincidence more."""
    errors = timing_errors([0.0, 1e-4, 1e-3, 2e-3, 20e-3])
    assert np.abs(errors.error[[0, -1]]).max() < 1e-4
    assert errors.error[1:4] == pytest.approx([-0.039, -0.445, -0.172], abs=2e-3)
    assert errors.worst > 0.4


def test_the_model_of_other_signs():
    model = MinimumModel(gain=0.9, floor=0.0)
    assert model.flux([0.1, -0.1, 0.1, -0.02], [0.05, -0.05, -0.05, 0.1]) == pytest.approx([45e-6, -45e-6, 0, 0])
    assert MinimumModel(1.0, 0.003).flux(0.1, 0.0) == pytest.approx(3e-6)
    assert MinimumModel(1.0, 0.003).flux(0.0, 0.0) == 0
    assert MinimumModel(1.0, 0.003).flux(0.1, 0.0, lag=5e-4) == pytest.approx(3e-6)


def test_another_load_gives_another_model():
    model = MinimumModel.of(load=1e4)
    assert model.gain == pytest.approx(0.9950, abs=1e-4) and model.floor == pytest.approx(4.31e-3, abs=1e-5)


def test_a_map_needs_two_points():
    with pytest.raises(InputError, match="points = 1"):
        minimum_error_map(points=1)
