import numpy as np
import pytest

from hil.backends import open_device
from hil.training.pair_template import pair_template
from hil.training.readout import READOUTS, Readout, class_means, nearest_class_mean, winners

V_READ = 1e-3
LUCK = np.random.default_rng(0)


@pytest.fixture
def device():
    """Three layers of five cells whose conductances are all different."""
    with open_device("sim:rram", rows=5, cols=3) as device:
        state = device.snapshot()
        device.restore(state | {"weight": np.random.default_rng(1).random(state["weight"].shape)})
        yield device


def test_each_readout_is_its_formula(device):
    rng = np.random.default_rng(2)
    reference, pixels = rng.random((40, 5)), rng.random((7, 5))
    scores = Readout(device, reference, V_READ).scores(pixels)
    assert tuple(scores) == READOUTS
    g = device.read()
    for image in range(7):
        for layer in range(3):
            x, weights = pixels[image], g[:, layer]
            current = V_READ * x @ weights
            assert scores["raw"][image, layer] == pytest.approx(current)
            assert scores["total"][image, layer] == pytest.approx(x @ weights / weights.sum())
            centred = weights - weights.mean()
            assert scores["centred"][image, layer] == pytest.approx(x @ centred / np.linalg.norm(centred))
            typical = np.mean([V_READ * r @ weights for r in reference])
            assert scores["relative"][image, layer] == pytest.approx(current / typical)
            against = weights - g.mean(axis=1)
            background = np.array([r @ against for r in reference])
            expected = (x @ against - background.mean()) / background.std()
            assert scores["contrast"][image, layer] == pytest.approx(expected)


def test_layers_that_are_all_alike_know_nothing():
    with open_device("sim:flca-pair", rows=4, cols=3) as device:
        scores = Readout(device, np.random.default_rng(0).random((9, 4)), V_READ).scores(np.eye(4))
    for name, score in scores.items():
        assert np.ptp(score, axis=1) == pytest.approx(np.zeros(4), abs=1e-12 * np.abs(score).max()), name
        drawn = [winners(score, np.random.default_rng(k))[0] for k in range(300)]
        assert np.bincount(drawn, minlength=3) == pytest.approx([100, 100, 100], abs=35)


def test_a_clear_winner_does_not_depend_on_luck():
    scores = np.array([[0.1, 0.3, 0.2], [-5.0, -7.0, -6.0]])
    assert all(winners(scores, np.random.default_rng(k)).tolist() == [1, 0] for k in range(5))


def test_a_layer_without_a_score_does_not_win():
    scores = np.array([[np.nan, -3.0, -4.0], [np.nan, -np.inf, np.nan], [np.nan, np.nan, np.nan]])
    drawn = np.array([winners(scores, np.random.default_rng(k)) for k in range(300)])
    assert set(drawn[:, 0]) == {1}
    assert np.bincount(drawn[:, 2], minlength=3) == pytest.approx([100, 100, 100], abs=35)


@pytest.mark.parametrize("absent", [0, 1, 2])
@pytest.mark.parametrize("classify", [nearest_class_mean, pair_template])
def test_a_class_without_training_images_changes_nothing_for_the_others(classify, absent):
    """The answers are those of the other classes on their own, whichever place the absent one has in the list."""
    rng = np.random.default_rng(4)
    train, test = rng.random((60, 9)), rng.random((40, 9))
    others = np.array([c for c in range(3) if c != absent])
    labels = others[rng.integers(2, size=60)]
    alone = others[classify(train, labels, test, list(others))]
    assert len(set(alone)) == 2
    assert np.array_equal(classify(train, labels, test, [0, 1, 2]), alone)


def test_class_means_are_plain_means_and_nan_where_there_is_none(recwarn):
    values, labels = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 5.0]]), np.array([0, 0, 2])
    assert np.array_equal(
        class_means(values, labels, [0, 1, 2]), [[2.0, 4.0], [np.nan, np.nan], [5.0, 5.0]], equal_nan=True
    )
    assert not recwarn.list


def test_nearest_class_mean_against_scikit_learn():
    from sklearn.neighbors import NearestCentroid

    rng = np.random.default_rng(3)
    train, labels, test = rng.random((60, 4)), rng.integers(3, size=60), rng.random((30, 4))
    expected = NearestCentroid().fit(train, labels).predict(test)
    assert np.array_equal(nearest_class_mean(train, labels, test, [0, 1, 2]), expected)
