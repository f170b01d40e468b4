"""Self-organising maps, tours, conditioning and reservoirs against closed forms and exhaustive search."""

from itertools import permutations

import numpy as np
import pytest

from hil.backends import open_device
from hil.data.points import draw_cities
from hil.training.loop import Stage
from hil.training.techniques.pavlov import PavlovSettings, PavlovTrainee
from hil.training.techniques.reservoir import Reservoir, ReservoirSettings, trains_of
from hil.training.techniques.som import MapSettings, MapTrainee, grid_of, ring_of
from hil.training.techniques.tour import improved, length, shortest_tour

SOFT = "sim:rram?model=nlsb&gamma=1"


def map_of(units, inputs, alpha, **settings):
    """A map of exact cells with soft bounds, its first weights by lot."""
    x = np.random.default_rng(1).random((40, inputs))
    device = open_device(f"{SOFT}&alpha={alpha}", defaults={"rows": inputs + 1, "cols": units})
    norm = float((x**2).sum(1).max())
    trainee = MapTrainee(device, x, ring_of(units), MapSettings(**settings), 2.0, norm, 0)
    trainee.reset()
    return trainee, x


def test_one_product_of_the_array_finds_the_nearest_unit():
    """|x - w|^2 = |x|^2 - 2 (x w - |w|^2 / 2): the last row holds |w|^2 to within half a step."""
    trainee, x = map_of(9, 5, 0.002)
    w = trainee.weights()
    off = trainee.norm * np.abs(w[-1] - (w[:-1] ** 2).sum(axis=0) / trainee.norm)
    assert off.max() < 0.02
    apart = ((x[:, None] - w[:-1].T[None]) ** 2).sum(axis=2)
    order = np.sort(apart, axis=1)
    clear = order[:, 1] - order[:, 0] > 2 * off.max()
    assert clear.sum() > 20
    assert (trainee.nearest(x)[clear] == apart.argmin(axis=1)[clear]).all()
    wrong = trainee.nearest(x, by_distance=False)
    assert (wrong == (x @ w[:-1]).argmax(axis=1)).all() and (wrong != apart.argmin(axis=1)).any()


def test_pulses_by_lot_on_soft_bounds_are_the_maps_rule():
    """Mean of many updates: alpha rate h (x - w), without reading w."""
    alpha, rate = 0.02, 0.8
    moved, wanted = np.zeros((5, 6)), np.zeros((5, 6))
    trainee, x = map_of(6, 5, alpha, rate=rate, rate_end=1.0)
    order = np.full(1, 7)
    for seed in range(400):
        trainee._seed = seed
        before, state = trainee.weights()[:-1], trainee.snapshot()
        best = trainee.nearest(x[7:8])[0]
        trainee.show(Stage("trained", 0, True, order), slice(0, 1))
        moved += trainee.weights()[:-1] - before
        reach = rate * np.exp(-(ring_of(6)[best] ** 2) / (2 * 2.0**2))
        wanted += alpha * reach * (x[7][:, None] - before)
        trainee.restore(state)
    assert moved / 400 == pytest.approx(wanted / 400, abs=5 * alpha * 0.7 / 400**0.5)
    assert np.corrcoef(moved.ravel(), wanted.ravel())[0, 1] > 0.97


def test_distances_on_a_map_and_on_a_ring():
    assert grid_of(3)[0].tolist() == pytest.approx([0, 1, 2, 1, 2**0.5, 5**0.5, 2, 5**0.5, 8**0.5])
    assert ring_of(5)[0].tolist() == [0, 1, 2, 2, 1]


def test_the_shortest_tour_known_is_the_shortest_there_is():
    """Exhaustive search over 8 cities; exchanges leave no crossing."""
    cities = draw_cities(8, 3) / 255
    exact = min(length(cities, (0, *rest)) for rest in permutations(range(1, 8)))
    assert shortest_tour(cities) == pytest.approx(exact)
    square = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    assert length(square, improved(square, [0, 1, 2, 3])) == pytest.approx(4.0)


def test_a_bell_predicts_food_as_rescorla_and_wagner_say():
    """w <- w + rate (1 - w) with food, w <- w - rate w without: geometric, within the rounding to pulses."""
    settings = PavlovSettings(pairings=40, extinctions=40, rate=0.1)
    device = open_device("sim:rram?alpha=0.0005", defaults={"rows": 2, "cols": 1})
    trainee = PavlovTrainee(device, settings, 0)
    trainee.reset()
    first = trainee.current(np.array([1.0, 0.0]))
    trainee.show(Stage("trained", 0, True, np.zeros(80, np.int64)), slice(0, 80))
    n = np.arange(40)
    up = 1 - (1 - first) * 0.9**n
    assert trainee.responses[:40] == pytest.approx(up, abs=0.005)
    top = 1 - (1 - first) * 0.9**40
    assert trainee.responses[40:] == pytest.approx(top * 0.9**n, abs=0.005)


def test_turns_and_pairs_are_as_many():
    trainee = PavlovTrainee.__new__(PavlovTrainee)
    trainee._settings = PavlovSettings(pairings=6, extinctions=3)
    paired, turns = ([trainee.trial(role, k) for k in range(15)] for role in ("trained", "unpaired"))
    assert paired[:6] == [(True, True)] * 6 and paired[6:9] == [(True, False)] * 3
    assert sum(bell for bell, food in turns[:12]) == 6 == sum(food for bell, food in turns[:12])
    assert not any(bell and food for bell, food in turns) and turns[12:] == [(True, False)] * 3


def test_volatile_cells_hold_a_train_in_closed_form():
    """phi <- phi e^(-D t) + A v (1 - e^(-D t)) / D; the read pulse meets R0 + R1 phi, at its end."""
    settings = ReservoirSettings(pixels=3, amplitude=0.1, read=0.01, width=1e-3, gap=0.5e-3, rest=0.2)
    trains = np.array(
        [[[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 0]], [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 1, 0]]], bool
    )
    device = open_device("sim:flca?kind=volatile&D=400", defaults={"rows": 1, "cols": 4})
    found = Reservoir(device, settings).states(trains)
    wanted = np.zeros((2, 4))
    for b, image in enumerate(trains):
        for c, train in enumerate(image):
            phi = 0.0
            for lit in train:
                phi = phi * np.exp(-0.4) + 0.1 * lit * (1 - np.exp(-0.4)) / 400
                phi *= np.exp(-0.2)
            phi = phi * np.exp(-0.4) + 0.01 * (1 - np.exp(-0.4)) / 400
            wanted[b, c] = 0.01 / (100 + 1e6 * phi)
    assert found == pytest.approx(wanted, rel=1e-6)
    assert len(np.unique(np.round(wanted, 9))) == 8


def test_rows_and_columns_are_cut_into_trains():
    image = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0]], bool)
    trains = trains_of(image.reshape(1, 9), (3, 3), 2)[0].astype(int).tolist()
    assert trains[:6] == [[1, 0], [1, 0], [0, 0], [1, 0], [1, 1], [0, 0]]
    assert trains[6:] == [[1, 0], [1, 0], [0, 0], [1, 0], [1, 1], [0, 0]]
