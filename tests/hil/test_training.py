from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hil.config import validated
from hil.data.datasets import load
from hil.device import Unsupported
from hil.errors import InputError
from hil.runs.interrupt import Interrupted, StopRequest
from hil.runs.run import Run
from hil.training.energy import paper_rows, pulse_energy
from hil.training.lifelong import LifelongConfig, LifelongTraining
from hil.training.loop import presentation_order
from hil.training.stdp import StdpConfig, StdpTraining
from sim.crossbar.array import SimulatedArray

DIGITS = load("digits")


def settings(**train):
    return {"train": {"seeds": 1, "epochs": 1.0, "batch": 128, "curve": 4, **train}}


def trained(folder, config, dataset=DIGITS, driver=StdpTraining, model=StdpConfig):
    with Run.create(folder, driver.kind, config) as run:
        training = driver(validated(model, config, "test"), dataset, run)
        training.play()
        rows, pictures = training.rows(), training.draw()
    return training, {row.text.strip(): row for row in rows}, pictures


class Answers:
    """An attribute that answers with the next of a series each time it is read."""

    def __init__(self, answers):
        self._answers = answers

    def __get__(self, instance, owner):
        return next(self._answers)

    def __set__(self, instance, value):
        pass


@pytest.mark.pictures
@pytest.mark.parametrize("uri", ["sim:flca-pair", "sim:flca-step"])
def test_layers_learn_digits_and_the_controls_do_not(tmp_path, uri):
    config = settings(seeds=2) | {"device": {"uri": uri}}
    _, rows, pictures = trained(tmp_path / "run", config)
    assert rows["test accuracy"].value > 75
    assert rows["test accuracy"].n == 2
    assert rows["control: untrained"].value < 18
    assert rows["control: shuffled labels"].value < 35
    assert rows["test accuracy"].value < rows["baseline: nearest class mean"].value + 5
    assert [p.name for p in pictures] == ["maps.png", "protocol.png", "learning.png"]
    for picture in pictures:
        assert min(Image.open(picture).size) > 200


def test_delays_the_wrong_way_round_unlearn(tmp_path):
    """The paper's delays (target 10 ms, other 250 ms) are anti-Hebbian for a pair with Dv = 70 /s (docs/physics.md)."""
    config = settings(controls=False, readout="contrast")
    config["protocol"] = {"target_delay": 0.01, "other_delay": 0.25}
    _, rows, _ = trained(tmp_path / "run", config)
    assert rows["test accuracy"].value < 10


def test_timing_means_nothing_to_a_device_without_a_volatile_element(tmp_path):
    config = settings(controls=False) | {"device": {"uri": "sim:flca?R=5e3,1.5e4&D=0.1&phi0=0.5"}}
    training, rows, _ = trained(tmp_path / "run", config)
    layers = training.maps()
    assert np.ptp(layers, axis=1).max() < 1e-9 * layers.mean()
    assert rows["test accuracy"].value < 20


def test_the_driver_runs_on_pulse_step_rram_where_only_amplitude_counts(tmp_path):
    config = settings(controls=False, epochs=0.1) | {"device": {"uri": "sim:rram?v_set=0.05&v_reset=0.05"}}
    training, _, _ = trained(tmp_path / "run", config)
    assert np.ptp(training.maps()) > 0


def test_same_seed_same_weights_another_seed_others(tmp_path):
    maps = [trained(tmp_path / str(k), settings(seed=s, epochs=0.2, controls=False))[0].maps()
            for k, s in enumerate((5, 5, 6))]  # fmt: skip
    assert np.array_equal(maps[0], maps[1])
    assert not np.array_equal(maps[0], maps[2])


def test_batches_do_not_matter(tmp_path):
    one, two = (trained(tmp_path / str(b), settings(batch=b, epochs=0.2, controls=False, curve=0))[0].maps()
                for b in (37, 256))  # fmt: skip
    assert np.array_equal(one, two)


def test_selection_never_looks_at_the_test_set(tmp_path):
    training, rows, _ = trained(tmp_path / "run", settings() | {"data": {"evaluate": "holdout"}})
    assert "holdout accuracy" in rows
    assert all("test" not in outcome for name, outcome in training._loop.outcomes.items() if "#" in name)


def test_stopping_and_resuming_gives_the_same_weights(tmp_path, monkeypatch):
    config = settings(epochs=0.5)
    whole, _, _ = trained(tmp_path / "whole", config)
    stops = iter([False, False, True, False, True] + [False] * 1000)
    monkeypatch.setattr(StopRequest, "requested", Answers(stops), raising=False)
    model = validated(StdpConfig, config, "test")
    with (
        Run.create(tmp_path / "cut", StdpTraining.kind, config) as run,
        pytest.raises(Interrupted, match="stopped after"),
    ):
        StdpTraining(model, DIGITS, run).play()
    for _ in range(9):
        with Run.resume(tmp_path / "cut", StdpTraining.kind) as run:
            training = StdpTraining(model, DIGITS, run)
            try:
                training.play()
            except Interrupted:
                continue
            metrics = run.metrics()
            break
    assert np.array_equal(training.maps(), whole.maps())
    assert np.array_equal(training.maps("shuffled"), whole.maps("shuffled"))
    assert metrics == whole.run.metrics()


def test_a_device_that_cannot_tell_its_state_starts_the_stage_again(tmp_path, monkeypatch):
    config = settings(epochs=0.3, controls=False)
    whole, _, _ = trained(tmp_path / "whole", config)

    def unsupported(self):
        raise Unsupported("no state")

    monkeypatch.setattr(SimulatedArray, "snapshot", unsupported)
    stops = iter([False, False, True] + [False] * 1000)
    monkeypatch.setattr(StopRequest, "requested", Answers(stops), raising=False)
    model = validated(StdpConfig, config, "test")
    with Run.create(tmp_path / "cut", StdpTraining.kind, config) as run, pytest.raises(Interrupted):
        StdpTraining(model, DIGITS, run).play()
    with Run.resume(tmp_path / "cut", StdpTraining.kind) as run:
        training = StdpTraining(model, DIGITS, run)
        training.play()
    assert np.array_equal(training.maps(), whole.maps())


@pytest.mark.pictures
def test_lifelong_relearning_follows_its_targets(tmp_path):
    config = {"train": {"seeds": 2, "images": 2000, "frames": 4}}
    _, rows, pictures = trained(tmp_path / "run", config, driver=LifelongTraining, model=LifelongConfig)
    assert list(rows) == [f"{k}. target {t}: correlation with its mean image" for k, t in ((1, 4), (2, 7), (3, 2))]
    for row in rows.values():
        assert row.value > row.control
    sheet, animation = pictures
    assert Image.open(animation).n_frames == 12
    assert min(Image.open(sheet).size) > 200


NAMES = ("no line", "a-b_c.d/e", "10", "10 #0.1", "Ж, β", "[red]$x$[/]", 'say "x"')


def renamed(names, images=150):
    """The digits under other names; those beyond the names are left out."""
    chosen = {
        part: np.flatnonzero(getattr(DIGITS, f"{part}_labels") < len(names))[:images] for part in ("train", "test")
    }
    arrays = {f"{part}_{k}": getattr(DIGITS, f"{part}_{k}")[rows] for part, rows in chosen.items() for k in PARTS}
    return replace(DIGITS, name="renamed", class_names=tuple(names), **arrays)


PARTS = ("images", "labels")


def in_pieces(folder, config, dataset, driver, model, monkeypatch):
    """The same run, stopped and resumed again and again."""
    checked = validated(model, config, "test")
    stops = iter([False, True, False, True] + [False] * 1000)
    monkeypatch.setattr(StopRequest, "requested", Answers(stops), raising=False)
    with Run.create(folder, driver.kind, config) as run, pytest.raises(Interrupted):
        driver(checked, dataset, run).play()
    while True:
        with Run.resume(folder, driver.kind) as run:
            training = driver(checked, dataset, run)
            try:
                training.play()
            except Interrupted:
                continue
            return training, training.rows(), training.draw()


@pytest.mark.pictures
def test_classes_may_have_any_name_whatever_ends_the_process(tmp_path, monkeypatch):
    """Names that look like a stage's key, hold separators, or mark-up of a terminal or a picture."""
    dataset = renamed(NAMES)
    targets = ["a-b_c.d/e", "10 #0.1", "10", "Ж, β", "[red]$x$[/]", 'say "x"', "no line"]
    config = {"train": {"seeds": 2, "images": 96, "batch": 64, "frames": 2, "targets": targets}}
    plain = [str(NAMES.index(name)) for name in targets]
    digits = {"train": config["train"] | {"targets": plain}}
    _, expected, _ = trained(tmp_path / "plain", digits, renamed("0123456"), LifelongTraining, LifelongConfig)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    training, rows, pictures = in_pieces(
        tmp_path / "cut", config, dataset, LifelongTraining, LifelongConfig, monkeypatch
    )
    assert [row.text for row in rows] == [
        f"{k}. target {name}: correlation with its mean image" for k, name in enumerate(targets, start=1)
    ]
    for mine, theirs in zip(rows, expected.values(), strict=True):
        assert (mine.value, mine.std, mine.control) == (theirs.value, theirs.std, theirs.control)
    assert Image.open(pictures[1]).n_frames == 2 * len(targets)
    shown = {s.name for s in training.stages() if s.role == "target"}
    assert shown == {f"target {n} #{seed}" for n in targets for seed in (0, 1)}


def test_the_other_drivers_take_any_name_too(tmp_path):
    dataset = renamed(NAMES)
    config = settings(epochs=0.5, curve=0, controls=False) | {"data": {"holdout": 0.3}}
    _, rows, _ = trained(tmp_path / "odd", config, dataset)
    _, plain, _ = trained(tmp_path / "plain", config, renamed("0123456"))
    assert {n: r.value for n, r in rows.items()} == {n: r.value for n, r in plain.items()}


def test_targets_in_quotes_may_hold_commas():
    for given, expected in [
        ("4, 7,2", ("4", "7", "2")),
        ('"Ж, β",no line, "x"', ("Ж, β", "no line", "x")),
        (["a,b", 7], ("a,b", "7")),
        (4, ("4",)),
    ]:
        assert validated(LifelongConfig, {"train": {"targets": given}}, "test").train.targets == expected


def test_no_line_is_a_target(tmp_path, monkeypatch, capsys):
    from hil.cli.main import main

    words = ["train", "lifelong", "--dataset", "lines3x3", "--targets", "no line,line", "--seeds", "1"]
    monkeypatch.setattr("sys.argv", ["hil", *words, "--images", "200", "--run", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert "1. target no line: correlation" in capsys.readouterr().out


def test_a_checkpoint_of_other_stages_is_refused(tmp_path):
    config = {"train": {"seeds": 1, "images": 100, "targets": ["4", "7"]}}
    trained(tmp_path / "run", config, driver=LifelongTraining, model=LifelongConfig)
    other = validated(LifelongConfig, {"train": {"seeds": 1, "images": 100, "targets": ["4", "2"]}}, "test")
    with Run.resume(tmp_path / "run", LifelongTraining.kind) as run:
        with pytest.raises(InputError, match="a checkpoint of other stages than its configuration"):
            LifelongTraining(other, DIGITS, run).play()
        arrays, info = run.checkpoint()
        run.save_checkpoint(arrays, {k: v for k, v in info.items() if k != "plan"})
        with pytest.raises(InputError, match="a checkpoint of an earlier version"):
            LifelongTraining(other, DIGITS, run)


def test_a_run_begun_by_an_earlier_version_goes_on(tmp_path, monkeypatch):
    """Its checkpoint has the same keys, and no plan."""
    config = settings(epochs=0.5, controls=False, curve=0)
    whole, _, _ = trained(tmp_path / "whole", config)
    stops = iter([False, True] + [False] * 1000)
    monkeypatch.setattr(StopRequest, "requested", Answers(stops), raising=False)
    model = validated(StdpConfig, config, "test")
    with Run.create(tmp_path / "cut", StdpTraining.kind, config) as run, pytest.raises(Interrupted):
        StdpTraining(model, DIGITS, run).play()
    with Run.resume(tmp_path / "cut", StdpTraining.kind) as run:
        arrays, info = run.checkpoint()
        assert "untrained #0" in info["outcomes"]
        run.save_checkpoint(arrays, {k: info[k] for k in ("stage", "done", "outcomes")})
        training = StdpTraining(model, DIGITS, run)
        training.play()
    assert np.array_equal(training.maps(), whole.maps())


@pytest.mark.parametrize(
    ("driver", "model", "config", "message"),
    [
        (LifelongTraining, LifelongConfig, {"train": {"targets": "4,ten"}}, "'digits' has no class 'ten'"),
        (StdpTraining, StdpConfig, {"data": {"holdout": 0}}, "data.holdout = 0 leaves no image to select on"),
        (
            StdpTraining,
            StdpConfig,
            {"device": {"uri": "sim:flca-pair?rows=63"}},
            "has 63 rows, the images .* 64 pixels",
        ),
        (StdpTraining, StdpConfig, {"device": {"uri": "sim:flca-pair?cols=9"}}, "has 9 columns, 10 layers"),
        (
            StdpTraining,
            StdpConfig,
            {"protocol": {"amplitude": 9.0}},
            r"segment 0, row 0: -9 V is outside -5 V \.\. 5 V",
        ),
    ],
)
def test_a_configuration_that_does_not_fit_is_one_sentence(tmp_path, driver, model, config, message):
    with pytest.raises(InputError, match=message):
        trained(tmp_path / "run", config, driver=driver, model=model)


def test_presentation_order_shows_every_image_once_an_epoch():
    order = presentation_order(50, 120, 3)
    assert sorted(order[:50]) == sorted(order[50:100]) == list(range(50))
    assert len(order) == 120
    assert not np.array_equal(order[:50], order[50:100])


def test_energies_of_the_paper_follow_from_one_set_of_assumptions():
    image, total, inference = (row.value for row in paper_rows())
    assert image == pytest.approx(1.6e-6, rel=0.025)
    assert total == pytest.approx(94e-3, rel=2e-3)
    assert inference == pytest.approx(78e-12, rel=6e-3)
    assert pulse_energy(784, 0.1, 1e-3, 200.0) == pytest.approx(39.2e-6)


def test_forward_orientation_collapses_every_weight(tmp_path):
    """Input raises phi, every response lowers it: eq 4 lets all weights fall to the bound (docs/physics.md)."""
    config = settings(controls=False, curve=0) | {
        "device": {"uri": "sim:flca-pair?preset=lifelong"},
        "protocol": {"orientation": "forward"},
    }
    training, _, _ = trained(tmp_path / "run", config)
    pristine = 1 / (5e3 + 5e3 + 4.5e5 / 60)
    collapsed = 1 / (5e3 + 5e3)
    assert pristine < 0.6 * collapsed
    assert training.maps().min() > 0.95 * collapsed
