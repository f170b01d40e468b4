"""Trains that are not identical pulses: rising, widening, bipolar, and linearised by the slope that was measured."""

import numpy as np
import pytest
from experiment_runner import play

from hil.backends import open_device
from hil.errors import InputError
from hil.experiments.experiment import where
from hil.writing.plan import WritePlan
from hil.writing.shapes import equal_steps
from hil.writing.write import Fate, Write

SATURATING = "sim:vteam?window=biolek&p=0.5&resistance=linear&r_off=2e4&k_on=-2000&k_off=2000&v_on=-0.7&v_off=0.7"
"""dx/dt = k (1 - x) and -k x at 1.4 V: exponential approaches, whose slope is known."""

PULSE = {"amplitude": 1.4, "amplitude_negative": 1.4, "width": 1e-4, "gap": 0.0}


def test_widths_are_inverse_to_the_slope_of_an_exponential():
    t = np.linspace(0, 3, 4001)
    widths = equal_steps(t, 5.0 + 2.0 * (1 - np.exp(-t)), 10, covered=0.9)
    whole = 1 - np.exp(-3)
    goals = np.linspace(0, 0.9 * whole, 11)
    assert widths == pytest.approx(np.diff(-np.log(1 - goals)), rel=1e-5)
    assert equal_steps(t, 5.0 - 2.0 * (1 - np.exp(-t)), 10, covered=0.9) == pytest.approx(widths, rel=1e-12)


def test_a_train_that_does_nothing_has_no_widths_and_noise_that_goes_back_is_passed_over():
    assert equal_steps(np.arange(5.0), np.full(5, 2.0), 4) is None
    assert equal_steps(np.arange(2.0), np.array([np.nan, 1.0]), 4) is None
    g = np.array([0.0, 0.4, 0.3, 0.6, 1.0])
    assert (equal_steps(np.arange(5.0), g, 7) > 0).all()
    assert equal_steps(np.arange(5.0), g, 7).sum() == pytest.approx(3.0 + 0.35 / 0.4)


def test_a_linearised_train_is_straight_where_identical_pulses_are_not():
    experiment, records, _ = play("ltp", SATURATING, pulses=30, cycles=2, linearise=True, **PULSE)

    def bent(cycle, polarity):
        g = where(records, cycle=cycle, polarity=polarity)["conductance"]
        return np.abs((g - g[0]) / (g[-1] - g[0]) - np.linspace(0, 1, len(g))).max()

    for polarity in (1, -1):
        assert bent(0, polarity) > 0.1 and bent(1, polarity) < 0.03
    told = {row.text: row.value for row in experiment.analyse(records) if row.text.endswith("alpha_p")}
    before, after = (told[next(name for name in told if ("identical" in name) == plain)] for plain in (True, False))
    assert abs(before - 1.0) > 0.5 and abs(after - 1.0) < 0.2 * abs(before - 1.0)


def test_a_linearised_train_of_a_cell_that_does_not_move_stays_as_it_is():
    experiment, records, _ = play("ltp", "sim:flca?R=1000", pulses=4, cycles=2, linearise=True, **PULSE)
    assert np.ptp(records["conductance"]) < 1e-12
    assert experiment.still(records) is not None


def test_rising_and_widening_pulses_are_as_told():
    settings = dict(PULSE, pulses=5, cycles=1)
    _, records, _ = play("ltp", SATURATING, rise=1.5, **settings)
    up, down = (where(records, cycle=0, polarity=p)["voltage"][1:] for p in (1, -1))
    assert up == pytest.approx(1.4 * np.linspace(1, 1.5, 5)) and down == pytest.approx(-up)
    _, records, _ = play("ltp", SATURATING, widen=16.0, **settings)
    times = np.diff(where(records, cycle=0, polarity=1)["time"])
    assert times == pytest.approx(1e-4 * np.array([1, 2, 4, 8, 16]) + 1e-3)  # each with its read


def test_a_bipolar_train_takes_back_a_part_of_every_pulse():
    """Of an exponential cell: x -> 1 - (1 - x) e^-a up, then x e^-b down, at the rates of both heights."""
    _, records, _ = play("ltp", SATURATING, pulses=6, cycles=1, opposite=0.75, **PULSE)
    a = 2000 * 1e-4  # at twice the threshold
    b = 2000 * (0.75 * 1.4 / 0.7 - 1) ** 3 * 1e-4
    g = where(records, cycle=0, polarity=1)["conductance"]
    x = (1 / g - 1e4) / 1e4
    expected = [x[0]]
    for _ in range(6):
        expected.append((1 - (1 - expected[-1]) * np.exp(-a)) * np.exp(-b))
    assert x == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"linearise": True, "rise": 1.2}, r"ltp\.rise = 1\.2: linearise"),
        ({"linearise": True, "opposite": 0.5}, r"ltp\.opposite = 0\.5: linearise"),
        ({"linearise": True, "cycles": 1}, r"ltp\.cycles = 1 must be >= 2"),
        ({"rise": 0}, "rise"),
        ({"opposite": 1.5}, "opposite"),
    ],
)
def test_trains_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        play("ltp", SATURATING, pulses=4, **settings)


@pytest.mark.parametrize("controller", ["rising", "shaped"])
def test_controllers_of_unequal_pulses_reach_targets(controller):
    uri = f"{SATURATING}&d2d=0.05&x0=0.5&overdrive=1"
    device = open_device(uri, defaults={"rows": 4, "cols": 3})
    given = {"pulse_set": 1.2, "pulse_reset": 1.2, "pulse_width": 2e-5, "g_min": 5e-5, "g_max": 1e-4}
    plan = WritePlan(source="x", controller=controller, tolerance=0.02, rounds=300, max_pulses=600, **given)
    weights = np.random.default_rng(2).uniform(0.1, 0.85, (4, 3))
    write = Write(device, 5e-5 + 5e-5 * weights, plan)
    for _ in write.rounds():
        pass
    assert (write.fate == Fate.REACHED).all()
    assert np.abs(device.read() - write.target).max() <= 0.02 * 5e-5
    before = write.controller.state()
    assert all(np.isfinite(array).any() for array in before.values())
    write.controller.recall(before)


def test_shaped_pulses_are_wide_where_cells_are_slow():
    uri = f"{SATURATING}&x0=0.5&overdrive=1"
    device = open_device(uri, defaults={"rows": 12, "cols": 1})
    given = {"pulse_set": 1.4, "pulse_reset": 1.4, "pulse_width": 1e-5, "g_min": 5e-5, "g_max": 1e-4}
    plan = WritePlan(source="x", controller="shaped", tolerance=0.01, rounds=300, max_pulses=600, **given)
    write = Write(device, 5e-5 + 5e-5 * np.linspace(0.05, 0.9, 12)[:, None], plan)
    for _ in write.rounds():
        pass
    slope = write.controller.slope[0]
    known = slope[~np.isnan(slope)]
    assert len(known) > 3 and known[-1] < 0.6 * known.max()
