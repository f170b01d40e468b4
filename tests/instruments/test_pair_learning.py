"""Learning on passive 9 x 2 arrays by both channels of one instrument behind a matrix: as without instruments."""

import numpy as np
import pytest
from test_lab_stdp import BARE, VIRTUAL, trained, untrained
from test_pair_device import PULSES, bare, pair

from hil.programming import pulse_trains

HALF = "sim:ion-drift"


@pytest.mark.parametrize("model", ["2602B", "B2902A"])
def test_training_by_spike_timing_ends_with_the_map_of_the_bare_device(model):
    with trained(BARE, 2) as want, trained(f"{VIRTUAL}&model={model}&channels=2&watchdog=false", 2) as device:
        truth = device.bench.dut.truth.conductance
        assert truth == pytest.approx(want.conductance, rel=1e-6)
        assert device.read() == pytest.approx(want.conductance, rel=2e-3)
        assert np.abs(want.conductance / untrained() - 1).min() > 0.1, "every cell has learned"
        assert device.lateness == 0.0 and device.bench.matrix.instrument.hot_switches == 0


def test_noise_of_both_channels_does_not_reach_the_cells():
    uri = f"{VIRTUAL}&model=2602B&channels=2&watchdog=false&relative_noise=0.01"
    with trained(BARE, 2) as want, trained(uri, 2) as device:
        assert device.bench.dut.truth.conductance == pytest.approx(want.conductance, rel=1e-9)
        off = device.read() / want.conductance - 1
        assert 0.001 < np.abs(off).max() < 0.05


def test_half_selects_disturb_the_array_as_in_simulation():
    """9 x 2 cells without a threshold, written with V/2: every half-select is counted, and does what it does bare."""
    counts = np.random.default_rng(9).integers(0, 3, (9, 2))
    counts[0] = 0
    with bare(HALF, rows=9, cols=2) as want, pair(dut=HALF, rows=9, cols=2) as device:
        before, half, full = want.conductance.copy(), np.zeros((9, 2)), np.zeros((9, 2))
        for waveform in pulse_trains(counts, PULSES, device.limits.channels):
            across = np.abs(waveform.rows[:, :, None] - waveform.cols[:, None, :])
            half += np.isclose(across, PULSES.v_set / 2).sum(axis=0)
            full += np.isclose(across, PULSES.v_set).sum(axis=0)
            want.apply(waveform)
            device.apply(waveform)
        np.testing.assert_array_equal(full, np.abs(counts))
        assert half.sum() > np.abs(counts).sum(), "cells are half-selected more often than written"
        moved = np.abs(want.conductance / before - 1)
        assert half[0].min() > 0 and moved[0].max() > 1e-4, "the first row is never written, and disturbed"
        assert device.bench.dut.truth.conductance == pytest.approx(want.conductance, rel=1e-9)
        assert device.bench.matrix.instrument.hot_switches == 0
