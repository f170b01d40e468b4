"""Results that mean nothing say so: the checks against closed forms, and every driver where it cannot learn."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from hil.config import validated
from hil.data.datasets import load
from hil.runs.document import load_json
from hil.runs.results import Row, repeated, warning, warnings_in
from hil.runs.run import Run
from hil.sweeps.file import Point, Task
from hil.sweeps.summary import summary
from hil.training.driver import Driver
from hil.training.lifelong import LifelongTraining
from hil.training.pill import PillTraining
from hil.training.sanity import ControlledResult, Doubts, commonest, compare_cells, repeatability
from hil.training.stdp import StdpConfig, StdpTraining
from hil.training.wta import WtaTraining

DIGITS, LINES = load("digits"), load("lines3x3")


def few(images=300, test=100, classes=tuple(range(10))):
    """The first digits of some classes."""
    chosen = [np.flatnonzero(np.isin(labels, classes))[:n] for labels, n in
              ((DIGITS.train_labels, images), (DIGITS.test_labels, test))]  # fmt: skip
    return replace(
        DIGITS,
        train_images=DIGITS.train_images[chosen[0]], train_labels=DIGITS.train_labels[chosen[0]],
        test_images=DIGITS.test_images[chosen[1]], test_labels=DIGITS.test_labels[chosen[1]],
    )  # fmt: skip


def warned(folder, driver, dataset, uri=None, **sections):
    """Warnings that a complete run leaves in its results."""
    config = {"data": {"dataset": dataset.name}, **sections} | ({"device": {"uri": uri}} if uri else {})
    config["train"] = {"seeds": 1, **config.get("train", {})}
    with Run.create(folder / "run", driver.kind, config) as run:
        training = driver(validated(driver.config_model, config, "test"), dataset, run)
        rows, _ = training.complete(draw=False)
        assert load_json(run.path / "results.json") == rows
    return warnings_in(rows)


# ---- an accuracy beside its control


def test_the_margin_over_seeds_is_student_s_t():
    """Values that are above their control by the margin exactly have a one-sided p of 5 %."""
    rng = np.random.default_rng(0)
    for n in (2, 3, 8):
        values, control = rng.normal(0, 3, (2, n))
        margin = ControlledResult("", values, control, "").margin()
        shifted = values - values.mean() + control.mean() + margin
        assert stats.ttest_ind(shifted, control, alternative="greater").pvalue == pytest.approx(0.05, rel=1e-6)
        exact = ControlledResult("", values, [1.0], "").margin()
        shifted = values - values.mean() + 1.0 + exact
        assert stats.ttest_1samp(shifted, 1.0, alternative="greater").pvalue == pytest.approx(0.05, rel=1e-6)


def test_with_one_seed_the_margin_is_that_of_counting_images():
    """Two networks that are both right for a third of 300 images differ by more than the margin once in 20 times."""
    margin = ControlledResult("", [100 / 3], [100 / 3], "", images=300).margin()
    drawn = np.random.default_rng(1).binomial(300, 1 / 3, (2, 200_000)) / 3
    assert (drawn[0] - drawn[1] > margin).mean() == pytest.approx(0.05, abs=0.01)
    assert ControlledResult("", [0.0], [0.0], "", images=300).margin() > 0, "nothing right of 300 is no certainty"
    assert ControlledResult("", [5.0], [5.0], "").margin() == 0


def test_more_seeds_do_not_lessen_the_error_of_the_test_set():
    many = ControlledResult("", [30.0] * 50, [30.0] * 50, "", images=100)
    assert many.margin() == pytest.approx(ControlledResult("", [30.0], [30.0], "", images=100).margin())


@pytest.mark.parametrize(
    ("values", "control", "words"),
    [
        ([11.0], [9.7], "accuracy, 11 %, is within the spread of its control, shuffled labels, 9.7 %"),
        ([3.0], [30.0], "is below its control"),
        ([20.0, 40.0, 60.0], [25.0, 26.0, 27.0], "3 seeds, 360 images): show more"),
        ([11.0], [9.7], "one seed: no spread over seeds is known, 360 images"),
        ([80.0], [10.0], None),
        ([80.0, 81.0], [10.0, 25.0], None),
    ],
)
def test_an_accuracy_that_is_not_told_from_its_control_says_so(values, control, words):
    doubts = Doubts()
    doubts.compare(ControlledResult("accuracy", values, control, "shuffled labels", images=360), "show more")
    said = doubts.sentences()
    assert (words in said[0]) if words else not said


def test_a_cause_and_its_consequence_are_one_line_and_explanations_need_a_consequence():
    doubts = Doubts()
    doubts.explain("all ended near one value")
    assert not doubts.sentences()
    doubts.compare(ControlledResult("accuracy", [10.0], [10.0], "c", images=100), "show more")
    assert len(doubts.sentences()) == 1
    assert doubts.sentences()[0].startswith("all ended near one value; so accuracy, 10 %, is within")
    doubts.cause("no cell moved: why")
    assert doubts.sentences()[0].startswith("no cell moved: why; so accuracy, 10 %, is within")
    assert len(doubts.sentences()) == 1


def test_always_answering_the_commonest_class_is_a_control():
    labels = np.array([0] * 67 + [1] * 33)
    assert commonest(labels) == pytest.approx(67)
    doubts = Doubts()
    doubts.accuracy(ControlledResult("accuracy", [68.0], [30.0], "shuffled labels", images=100), labels, "look")
    assert "always answering the commonest class, 67 %" in doubts.sentences()[0]


# ---- cells


def test_cells_that_moved_are_told_from_the_noise_of_reading():
    rng = np.random.default_rng(2)
    g = rng.uniform(1e-5, 9e-5, (300, 4))
    noisy = [g * (1 + 0.02 * rng.normal(size=g.shape)) for _ in range(3)]
    repeat = repeatability(*noisy[:2])
    assert compare_cells(g, g)["moved"] == 0
    assert compare_cells(noisy[0], noisy[2], repeat)["moved"] == 0
    assert compare_cells(noisy[0], noisy[2])["moved"] > 0.9
    after = g.copy()
    after[:30] *= 1.01
    assert compare_cells(g, after)["moved"] == pytest.approx(0.1)
    after[0, 0] = np.nan
    found = compare_cells(g, after)
    assert found["unread"] == pytest.approx(1 / g.size)
    assert not found["collapsed"] and not found["alike"]


def test_cells_at_one_value_and_columns_alike():
    g = np.full((20, 3), 5e-5)
    assert compare_cells(g, np.full((20, 3), 9e-5))["collapsed"]
    rows = np.linspace(5e-5, 9e-5, 20)[:, None]
    found = compare_cells(g, np.tile(rows, 3))
    assert found["alike"] and not found["collapsed"]
    assert not compare_cells(g, rows * [1.0, 1.1, 1.0])["alike"]
    assert not compare_cells(g[:, :1], rows)["alike"], "a single column has none beside it"
    noisy = np.tile(rows, 3) + 1e-7 * np.random.default_rng(3).normal(size=(20, 3))
    assert not compare_cells(g, noisy, repeat=3e-7)["alike"], "noise may hide a difference"
    assert compare_cells(np.full((2, 2), np.nan), g[:2, :2])["unread"] == 1


# ---- drivers that cannot learn


QUICK = {"epochs": 0.5, "curve": 0}


@pytest.mark.parametrize("noise", [0, 0.03])
def test_stdp_whose_pulses_are_below_the_threshold_names_both(tmp_path, noise):
    uri = f"sim:rram?read_noise={noise}" if noise else "sim:rram"
    (told,) = warned(tmp_path, StdpTraining, few(), uri, train=QUICK)
    assert "the pulses of 0.1 V, 0.001 s are below the 1 V that sim:rram is programmed with" in told
    assert "give --set protocol.amplitude=1" in told
    assert "within the spread of its control, shuffled labels" in told
    if not noise:
        assert told.startswith("no cell moved: the pulses")
        return
    seen = re.match(r"no cell moved by more than its readings differ from one to the next \(([\d.]+)%\): ", told)
    # the largest of 640 differences of two readings is some 3 standard deviations, sqrt(2) 3 %
    assert 0.08 < float(seen[1]) / 100 < 0.25
    assert "or read with less noise" in told


def test_stdp_on_a_device_without_a_timing_window_says_that_columns_are_alike(tmp_path):
    (told,) = warned(tmp_path, StdpTraining, few(), "sim:flca?R=5e3,1.5e4&D=0.1&phi0=0.5", train=QUICK)
    assert told.startswith("all columns ended alike: the device does not tell a delay of 0.25 s from one of 0.01 s")
    assert "hil characterize stdp-window --device 'sim:flca?" in told


def test_stdp_on_lines_says_that_their_mean_images_are_flat(tmp_path):
    told = warned(tmp_path, StdpTraining, LINES, train=QUICK)
    assert told[0].startswith("the mean images of all classes of 'lines3x3' are the same up to their brightness")


def test_a_silent_network_names_the_weight_it_began_with(tmp_path):
    train = {"neurons": 20, "epochs": 0.5, "curve": 0}
    (told,) = warned(tmp_path, WtaTraining, few(), "sim:rram?w0=0.02&alpha=0.01", train=train)
    assert told.startswith("no neuron fires: the cells begin at a weight of 0.02 (w0 of the device or its preset)")
    assert "give --device 'sim:rram?w0=0.8&alpha=0.01'" in told
    assert "so test accuracy" in told


@pytest.mark.parametrize(
    ("uri", "neuron", "words"),
    [
        (
            "sim:rram?alpha=0.01",
            {"threshold": 500.0},
            "no neuron fires: the threshold of 500 full weights is not reached",
        ),
        ("sim:rram?alpha=1e-9", {}, "no cell moved: the rule's pulses do not change the cells of sim:rram"),
        (
            "sim:rram?alpha=0.01",
            {"threshold": 0.5, "inhibition": 0.0},
            "every neuron fires for every image: raise neuron.threshold or neuron.inhibition",
        ),
    ],
)
def test_other_networks_that_tell_nothing(tmp_path, uri, neuron, words):
    train = {"neurons": 20, "epochs": 0.3, "curve": 0}
    (told,) = warned(tmp_path, WtaTraining, few(), uri, train=train, neuron=neuron)
    assert told.startswith(words)


@pytest.mark.parametrize("dataset", [few(), LINES], ids=["digits", "lines"])
def test_paired_inputs_whose_pulses_move_nothing(tmp_path, dataset):
    train = {"curve": 0} if dataset is not LINES else {"epochs": 1, "controls": False}
    (told,) = warned(tmp_path, PillTraining, dataset, "sim:rram", train=train)
    assert told.startswith("no cell moved: the pulses of 0.2 V, 0.001 s are below the 1 V")


def test_lifelong_says_what_no_map_can_match_and_what_does_not_move(tmp_path):
    (told,) = warned(tmp_path / "flat", LifelongTraining, LINES, train={"images": 50, "targets": ["no line"]})
    assert told.startswith("the mean image of 'no line' is the same in all pixels: no map can match it")
    (told,) = warned(tmp_path / "still", LifelongTraining, few(), "sim:rram", train={"images": 20})
    assert told.startswith("no cell moved: the pulses of 0.1 V")


def test_classes_without_images_are_named(tmp_path):
    data = few(classes=(1, 2, 3))
    told = warned(tmp_path, StdpTraining, data, train={"epochs": 1, "curve": 0})
    assert told == [
        "7 of 10 classes ('0', '4', '5', '6', '7', ...) have no image among those trained on: they cannot be learned",
        "7 of 10 classes ('0', '4', '5', '6', '7', ...) have no image among those judged: no number tells of them",
    ]


@pytest.mark.parametrize(
    ("driver", "train"),
    [
        (StdpTraining, {"epochs": 3, "curve": 0, "seeds": 2}),
        (WtaTraining, {"neurons": 30, "epochs": 20, "curve": 0}),
        (PillTraining, {"curve": 0}),
        (LifelongTraining, {"images": 1000}),
    ],
    ids=["stdp", "wta", "pill", "lifelong"],
)
def test_a_training_that_learns_is_not_warned_of(tmp_path, driver, train):
    assert warned(tmp_path, driver, few(), train=train) == []


def test_lines_that_are_learned_are_not_warned_of(tmp_path):
    assert warned(tmp_path, PillTraining, LINES, train={"controls": False}) == []


# ---- where warnings go


class Foreign(Driver):
    """A driver of another package, which judges nothing itself."""

    kind = "train foreign"
    config_model = StdpConfig

    def __init__(self, config, dataset, run):
        self.run = run

    def play(self):
        pass

    def rows(self):
        return [repeated("accuracy", [10.0, 12.0], "%", control=11.0), Row("energy", float("nan"), "J")]

    def draw(self):
        return []


def test_a_driver_of_another_package_is_checked_by_its_rows(tmp_path):
    with Run.create(tmp_path / "run", Foreign.kind, {}) as run:
        rows, _ = Foreign(None, None, run).complete()
    told = warnings_in(rows)
    assert told[0] == "'energy' is not a finite number: what it was computed from has none either"
    assert told[1].startswith(
        "accuracy, 11 %, is not above its control, 11 %, by more than its spread over seeds (1.4)"
    )


def test_runs_and_sweeps_carry_warnings(tmp_path, monkeypatch, capsys):
    from hil.cli.main import main

    rows = [Row("accuracy", 10.0, "%", control=9.0), warning("no cell moved: [why]")]
    with Run.create(tmp_path / "runs" / "one", "train stdp", {}) as run:
        run.save_results(rows)
    monkeypatch.chdir(tmp_path)
    for words in (["runs"], ["runs", "show", "one"]):
        monkeypatch.setattr("sys.argv", ["hil", *words])
        with pytest.raises(SystemExit):
            main()
        assert "warning: no cell moved: [why]" in capsys.readouterr().out
    tasks = [Task(str(s), "train stdp", {"train.seed": Point(s, {"train.seed": s})}, {}) for s in range(3)]
    table = [
        {"task": str(seed), "row": number, "name": row.name, "value": row.value, "unit": row.unit, "std": None,
         "n": None, "control": row.control, "note": row.note}
        for seed in range(3) for number, row in enumerate(rows[: 1 + (seed > 0)])
    ]  # fmt: skip
    ((shown,), quantity) = summary(tasks, table)
    assert (shown.value, quantity) == (10.0, "accuracy")
    assert shown.note == "warning in 2 of 3 tasks: no cell moved: [why]"
