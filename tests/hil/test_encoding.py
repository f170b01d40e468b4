import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hil.spiking.encoding import SpikeCode, intensities


def trains_of(code, grey, count=3000, seed=0):
    images = np.full((count, 1), grey, np.uint8)
    batch = code.encode(images, 255, seed, np.arange(count))
    return [batch.time[batch.start[b] : batch.start[b + 1]] for b in range(count)]


def test_intensities():
    assert intensities(np.array([[0, 51, 255]], np.uint8), 255).tolist() == [[0.0, 0.2, 1.0]]


@pytest.mark.parametrize("kind", ["periodic", "poisson"])
@pytest.mark.parametrize("grey", [0, 64, 255])
def test_rates_are_linear_in_the_grey_value(kind, grey):
    code = SpikeCode(kind=kind, duration=5e-3, shortest=1e-9)
    rate = 83 + (22.2e3 - 83) * grey / 255
    counts = np.array([len(train) for train in trains_of(code, grey, 1000)])
    spread = 4 * np.sqrt(max(rate * 5e-3, 0.1) / 1000)
    assert counts.mean() == pytest.approx(rate * 5e-3, abs=spread)


@pytest.mark.parametrize("kind", ["periodic", "poisson", "latency"])
def test_silent_pixels_do_not_spike_and_leave_the_others_alone(kind):
    images = np.tile(np.array([0, 83, 84, 200], np.uint8), (50, 1))
    code = SpikeCode(kind=kind, duration=2e-3, silent=84 / 255)
    every, some = (
        SpikeCode(**c).encode(images, 255, 1, np.arange(50)) for c in ({"kind": kind, "duration": 2e-3}, dict(code))
    )
    loud = every.line >= 2
    assert 0 < loud.sum() < len(every.line)
    assert np.array_equal(some.line, every.line[loud])
    assert np.array_equal(some.time, every.time[loud])


def test_periodic_intervals_are_normal_and_the_phase_is_uniform():
    trains = trains_of(SpikeCode(duration=2e-3), 100)
    period = 1 / (83 + (22.2e3 - 83) * 100 / 255)
    intervals = np.concatenate([np.diff(train) for train in trains])
    assert stats.kstest(intervals[:3000] / period, "norm", (1.0, 0.1)).pvalue > 1e-3
    first = np.array([train[0] for train in trains])
    assert stats.kstest(first / period, "uniform").pvalue > 1e-3


def test_poisson_intervals_are_exponential():
    intervals = np.concatenate(
        [np.diff(t) for t in trains_of(SpikeCode(kind="poisson", duration=0.02, shortest=1e-12), 50)]
    )
    rate = 83 + (22.2e3 - 83) * 50 / 255
    assert stats.kstest(intervals[:3000] * rate, "expon").pvalue > 1e-3


def test_no_interval_is_shorter_than_allowed():
    trains = trains_of(SpikeCode(jitter=0.8, shortest=30e-6, duration=2e-3), 255)
    assert min(np.diff(train).min() for train in trains) >= 30e-6 - 1e-12


def test_latency_puts_the_brightest_pixel_first():
    images = np.array([[0, 51, 255, 102]], np.uint8)
    batch = SpikeCode(kind="latency", duration=1e-3).encode(images, 255, 0, np.arange(1))
    assert batch.line.tolist() == [2, 3, 1]
    assert batch.time == pytest.approx([0.0, 0.6e-3, 0.8e-3])


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["periodic", "poisson", "latency"]),
    shape=st.tuples(st.integers(1, 6), st.integers(1, 60)),
    seed=st.integers(0, 2**32),
    cut=st.integers(0, 6),
)
def test_trains_are_sorted_and_do_not_depend_on_the_batch(kind, shape, seed, cut):
    images = np.random.default_rng(seed).integers(256, size=shape).astype(np.uint8)
    code, numbers = SpikeCode(kind=kind), np.arange(shape[0]) + 7
    whole = code.encode(images, 255, seed, numbers)
    parts = [code.encode(images[p], 255, seed, numbers[p]) for p in (slice(0, cut), slice(cut, None))]
    assert np.array_equal(whole.time, np.concatenate([p.time for p in parts]))
    assert np.array_equal(whole.line, np.concatenate([p.line for p in parts]))
    for b in range(len(whole)):
        train = slice(whole.start[b], whole.start[b + 1])
        assert (whole.time[train] < code.duration).all()
        assert np.array_equal(np.lexsort((whole.line[train], whole.time[train])), np.arange(train.stop - train.start))


def test_seeds_and_numbers_give_different_spikes():
    image = np.full((1, 50), 200, np.uint8)
    codes = [SpikeCode().encode(image, 255, s, np.array([n])).time for s, n in ((0, 0), (0, 1), (1, 0), (0, 0))]
    assert np.array_equal(codes[0], codes[3])
    assert not np.array_equal(codes[0][:5], codes[1][:5])
    assert not np.array_equal(codes[0][:5], codes[2][:5])
