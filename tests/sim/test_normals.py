"""Normal numbers by place: what they are to the last bit, and that they are normal and independent."""

import math

import numpy as np
import pytest
from scipy import stats

from sim.crossbar.normals import BLOCK, fill_normals, key_of, normal_at, normals
from sim.crossbar.variability import cycle_factor, cycle_key

PINNED = ["0x1.2264c60000000p-1", "0x1.b745240000000p-1", "-0x1.367f500000000p-2", "0x1.f20f360000000p-3"]
PINNED_FACTOR = "0x1.690dd5c081f0ap+0"
GOLDEN, MASK = 0x9E3779B97F4A7C15, 2**64 - 1


def mixed(z):
    """Finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def key(seed, part, count):
    return mixed(mixed(seed * GOLDEN + part & MASK) + count * GOLDEN & MASK)


def box_muller(first, turn):
    radius = math.sqrt(-2 * math.log(first))
    return radius * math.cos(2 * math.pi * turn), radius * math.sin(2 * math.pi * turn)


def pair(key, j):
    """Pair `j` of an event in Python's integers and double precision."""
    x = j * 0x9E3779B9 + key & 0xFFFFFFFF
    x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
    x ^= x >> 16
    y = (x ^ key >> 32) * 0x7FEB352D & 0xFFFFFFFF
    y = (y ^ y >> 15) * 0x846CA68B & 0xFFFFFFFF
    quarter = (y - 2**32 * (y >> 31)) * 2.0**-33
    cosine, sine = box_muller((2 * (x >> 1) + 0.5) / 2**32, quarter)
    return -cosine if x & 1 else cosine, sine


def test_numbers_are_those_of_box_and_muller():
    for seed, part, count in ((0, 3, 1), (2**63 - 1, 5, 10**12), (7, 3, 2**31)):
        found = normals(seed, part, count, (100,))
        for place, number in enumerate(found):
            block, within = divmod(place, BLOCK)
            of_pair = pair(key(seed, part, count), BLOCK // 2 * block + within % (BLOCK // 2))
            assert number == pytest.approx(of_pair[within // (BLOCK // 2)], abs=3e-5)


def test_factors_of_pulses_are_those_of_box_and_muller():
    for seed, event, col, row in ((0, 0, 0, 0), (2**63 - 1, 10**12, 499, 783), (5, 3, 100_000, 7)):
        z = mixed(key(seed, 4, event) + (col << 32) + row + GOLDEN & MASK)
        first, turn = ((z >> 11) + 0.5) * 2.0**-53, (mixed(z + GOLDEN & MASK) >> 11) * 2.0**-53
        assert cycle_factor(1.0, seed, event, col, row) - 1.0 == pytest.approx(box_muller(first, turn)[0], abs=1e-14)


def test_numbers_are_the_same_on_all_machines():
    """To the last bit: what a seed gives must not hang on the processor."""
    assert [number.hex() for number in normals(1, 3, 2, (18,))[[0, 1, 16, 17]]] == PINNED
    assert cycle_factor(0.5, 1, 2, 3, 4).hex() == PINNED_FACTOR


@pytest.mark.parametrize("shape", [(1,), (31,), (32,), (33,), (5, 7), (1000,)])
def test_a_place_has_one_number_however_many_are_asked_for(shape):
    whole = normals(9, 3, 4, (1024,))
    assert np.array_equal(normals(9, 3, 4, shape).ravel(), whole[: math.prod(shape)])


def test_one_number_is_that_of_its_block():
    out = np.empty(4 * BLOCK, np.float32)
    fill_normals(np.uint64(key(3, 3, 9)), out)
    assert [normal_at(np.uint64(key(3, 3, 9)), place) for place in range(out.size)] == out.tolist()


def test_keys_are_those_of_the_draws():
    assert np.uint64(key_of(3, 4, 9)) == key(3, 4, 9)
    assert np.uint64(cycle_key(3, 9, 2)) == key(3, 4, 9) + (2 << 32) + GOLDEN & MASK


@pytest.fixture(scope="module")
def table():
    """Of 2000 events, 1000 places each."""
    return np.array([normals(5, 3, count, (1000,)) for count in range(2000)])


def test_numbers_are_normal(table):
    x = table.ravel()
    n = x.size
    assert abs(x.mean()) < 4 / np.sqrt(n)
    assert abs(x.std() - 1) < 4 / np.sqrt(2 * n)
    assert abs(stats.skew(x)) < 4 * np.sqrt(6 / n)
    assert abs(stats.kurtosis(x)) < 4 * np.sqrt(24 / n)
    assert stats.kstest(x, "norm").pvalue > 1e-3
    for z in (3.0, 4.0, 4.5):
        assert stats.binomtest(int((np.abs(x) > z).sum()), n, 2 * stats.norm.sf(z)).pvalue > 1e-3


def test_sums_over_events_and_over_places_are_normal(table):
    for axis in (0, 1):
        total = table.sum(axis=axis) / np.sqrt(table.shape[axis])
        assert stats.kstest(total, "norm").pvalue > 1e-3


def test_numbers_are_independent_of_their_neighbours(table):
    bound = 5 / np.sqrt(table.size)
    for axis in (0, 1):
        for lag in (1, 2, BLOCK // 2, BLOCK, 3 * BLOCK):
            other = np.roll(table, lag, axis=axis)
            assert abs(np.mean(table * other)) < bound
            assert abs(np.mean((table**2 - 1) * (other**2 - 1))) < 2 * bound
            assert abs(np.mean(table * (other**2 - 1))) < 2 * bound


def test_both_numbers_of_a_pair_are_independent(table):
    blocks = table[:, : 1000 // BLOCK * BLOCK].reshape(-1, 2, BLOCK // 2)
    one, other = blocks[:, 0].ravel(), blocks[:, 1].ravel()
    turn, radius = np.arctan2(other, one) / (2 * np.pi) + 0.5, np.exp(-(one**2 + other**2) / 2)
    counts = np.histogram2d(turn, radius, bins=32, range=[[0, 1], [0, 1]])[0]
    expected = counts.sum() / counts.size
    assert stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), counts.size - 1) > 1e-3


@pytest.mark.parametrize(("one", "other"), [((5, 3, 1), (6, 3, 1)), ((5, 3, 1), (5, 5, 1)), ((5, 3, 1), (5, 3, 2))])
def test_seed_kind_and_count_all_matter(one, other):
    x, y = normals(*one, (4000,)), normals(*other, (4000,))
    assert abs(np.mean(x * y)) < 5 / np.sqrt(4000)
