"""`hil train pill`: the outcomes of Figure 9 and its controls, classes on paired inputs, resuming, bad input."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from hil.backends import open_device
from hil.cli.main import build
from hil.config import validated
from hil.data.datasets import load
from hil.errors import InputError
from hil.limits import LimitError
from hil.pill.protocol import PillProtocol
from hil.runs.interrupt import Interrupted, StopRequest
from hil.runs.run import Run
from hil.training.pair_template import pair_template
from hil.training.pill import PillTraining
from hil.training.pill_classes import seen_from_pixels
from hil.training.pill_lines import associated, line_given_pair, line_labels, separation
from hil.training.pill_readout import READOUTS, PairReadout
from hil.training.pill_settings import PillConfig, columns_of, flipped

DIGITS, LINES = load("digits"), load("lines3x3")


def trained(folder, config, dataset):
    config = {"data": {"dataset": dataset.name}, **config}
    with Run.create(folder, PillTraining.kind, config) as run:
        training = PillTraining(validated(PillConfig, config, "test"), dataset, run)
        training.play()
        rows, pictures = training.rows(), training.draw()
    return training, {row.text.strip(): row for row in rows}, pictures


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("lines") / "run", {"train": {"seeds": 2}}, LINES)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("digits") / "run", {"train": {"seeds": 2}}, DIGITS)


def orders(training, name):
    """Whether associated weights are above (1), below (-1) or among (0) the others, at every epoch of every seed."""
    return {separation(r)[0] for seed in training.task.seeds for r in training.task.resistances(name, seed)[1:]}


def test_labels_of_lines_by_looking_at_every_image():
    for image, two, three in zip(LINES.train_images, line_labels(LINES.train_images, 2),
                                 line_labels(LINES.train_images, 3), strict=True):  # fmt: skip
        columns = ["".join(str(image[3 * y + x]) for y in range(3)) for x in range(3)]
        assert two == any("11" in column for column in columns)
        assert three == any("111" in column for column in columns)
    assert np.array_equal(line_labels(LINES.train_images, 3), LINES.train_labels == 1)


def test_probabilities_that_decide_what_can_be_separated():
    """The figures of counting by hand; for 2-pixel lines pairs 1-7 lie below every other pair."""
    pairs = list(combinations(range(9), 2))
    three, two = (line_given_pair(LINES.train_images, n) for n in (3, 2))
    assert np.allclose(three, [79 / 128 if j % 3 == i % 3 else 65 / 128 for i, j in pairs])
    for (i, j), p in zip(pairs, two, strict=True):
        if i % 3 == j % 3:
            assert p == (1.0 if j - i == 3 else pytest.approx(103 / 128))
        else:
            assert 0.84 < p < 0.97
    assert two[associated()].min() < two[~associated()].min()


def test_three_pixel_lines_separate_all_nine_weights_at_every_epoch(lines):
    training, rows, _ = lines
    assert orders(training, "trained") == {1}
    assert rows["3-pixel lines: margin"].value == pytest.approx(460, abs=60)
    assert "above all others at epoch 1 to 3" in rows["3-pixel lines: margin"].note


@pytest.mark.parametrize(("name", "outcome"), [("resistors", -1), ("opposite", -1), ("silent", 0), ("other", 0)])
def test_controls_end_as_they_do_in_the_full_circuit(lines, name, outcome):
    assert orders(lines[0], name) == {outcome}


def test_an_opposing_response_parts_the_weights_much_further(lines):
    rows = lines[1]
    assert -rows["control: opposing response: margin"].value > 5 * rows["3-pixel lines: margin"].value


def test_adjacent_pairs_alone_separate_for_two_pixel_lines(lines):
    resistance = lines[0].task.resistances("other", 0)[-1]
    pairs = np.array(list(combinations(range(9), 2)))
    adjacent = associated() & (pairs[:, 1] - pairs[:, 0] == 3)
    ends = associated() & ~adjacent
    assert resistance[adjacent].min() > resistance[~associated()].max()
    assert resistance[ends].max() < resistance[~associated()].min()


def test_the_trained_layer_recognises_lines_and_the_controls_do_not(lines):
    rows = lines[1]
    row = rows["images with 3-pixel lines recognised, clean"]
    assert row.value > 90
    assert row.control < 85
    assert rows["control: responses at random"].value < 85
    assert rows["baseline: always the same answer"].value == pytest.approx(100 * 343 / 512)
    assert row.value < rows["baseline: associated pairs counted"].value + 1


@pytest.mark.pictures
def test_figure_nine_is_drawn(lines):
    (picture,) = lines[2]
    assert min(Image.open(picture).size) > 500


@pytest.mark.parametrize(
    "device", ["fpga:golden?cell=flca&R=5e3,4.5e5&phi_max=0.2&v_step=1e-3", "sim:pill"], ids=["fpga:golden", "sim:pill"]
)
@pytest.mark.parametrize("timing", ["together", "serial"])
def test_the_same_task_ends_with_the_same_order_elsewhere(tmp_path, device, timing):
    config = {"device": {"uri": device}, "train": {"seeds": 1, "controls": False}, "protocol": {"timing": timing}}
    training, _, _ = trained(tmp_path / "run", config, LINES)
    assert separation(training.task.resistances("trained", 0)[-1])[0] == 1


def test_digits_are_learned_and_the_controls_are_not(digits):
    _, rows, pictures = digits
    assert rows["test accuracy"].value > 82
    assert rows["test accuracy"].n == 2
    assert rows["test accuracy"].control < 40
    assert rows["control: untrained"].value < 18
    assert rows["test accuracy"].value < rows["baseline: pair template"].value + 4
    assert [p.name for p in pictures] == ["maps.png", "learning.png"]


def test_a_column_holds_the_mean_pairs_of_its_class(digits):
    """Small steps from the flux that an input holds: what is added is proportional to the class mean of min(x, y)."""
    training = digits[0]
    maps, task = training.task._loop.arrays["g/trained #0"], training.task
    order = next(s for s in task.stages() if s.name == "trained #0").order
    first, second = np.array(list(combinations(range(64), 2))).T
    x, y = DIGITS.train_images[order] / 16, DIGITS.train_labels[order]
    for c in range(10):
        shown = x[y == c]
        mean = np.minimum(shown[:, first], shown[:, second]).sum(axis=0)
        expected = seen_from_pixels(mean[:, None], 64)[:, 0]
        assert np.corrcoef(expected, -maps[:, c])[0, 1] > 0.995


def test_energy_is_that_of_what_was_driven(digits):
    """Played again image by image on the trained weights, with every pulse measured by the device."""
    training, rows, _ = digits
    assert 0 < rows["energy to read an image"].value < rows["energy to show an image"].value
    device = open_device("sim:flca?R=5e3,4.5e5&phi0=0.1&rows=2016&cols=10")
    task = training.task
    stage = next(s for s in task.stages() if s.name == "trained #0")
    shown = slice(0, 20)
    pixels = DIGITS.train_images[stage.order[shown]] / 16
    energies = device.apply(PillProtocol().waveform(pixels, stage.is_target[shown], measure=True)).energy
    assert rows["energy to show an image"].value == pytest.approx(energies.mean(), rel=0.05)


def test_several_classes_share_a_column_and_inputs_are_corrupted(tmp_path):
    train = {"seeds": 1, "controls": False, "columns": "0+1,2+3,4+5", "flipped": 0.1, "flipped_test": 0.1, "curve": 0}
    _, rows, pictures = trained(tmp_path / "run", {"train": train}, DIGITS)
    assert rows["test accuracy"].value > 85
    assert 70 < rows["test accuracy, corrupted images"].value < rows["test accuracy"].value
    assert "10% of the pixels inverted" in rows["test accuracy"].note
    assert [p.name for p in pictures] == ["maps.png"]


@pytest.mark.parametrize("dataset", [LINES, DIGITS], ids=["lines", "digits"])
def test_batches_do_not_matter(tmp_path, dataset):
    """Neither for the weights nor for which pixels are inverted."""
    train = {"seeds": 1, "epochs": 1 if dataset is LINES else 0.2, "controls": False, "flipped": 0.1, "curve": 0}
    one, two = (
        trained(tmp_path / str(b), {"train": {**train, "batch": b}}, dataset)[0].task._loop.arrays for b in (32, 256)
    )
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_test_images_are_not_corrupted_like_training_images(tmp_path, monkeypatch):
    drawn = {}
    for module in ("pill_settings", "pill_classes"):
        monkeypatch.setattr(
            f"hil.training.{module}.flipped",
            lambda pixels, fraction, seed, numbers, m=module: drawn.setdefault(m, set()).update(numbers) or pixels,
        )
    train = {"seeds": 1, "epochs": 0.2, "controls": False, "flipped": 0.1, "flipped_test": 0.1, "curve": 0}
    trained(tmp_path / "run", {"train": train}, DIGITS)
    assert len(drawn["pill_classes"]) == len(DIGITS.test_images)
    assert not drawn["pill_settings"] & drawn["pill_classes"]


def test_recognition_is_counted_on_images_that_chose_nothing(lines):
    """A score that is right on one half and wrong on the other is worth nothing."""
    task, labels = lines[0].task, line_labels(LINES.train_images, 3)
    order = np.random.default_rng([0, 2]).permutation(512)
    score = np.where(np.isin(np.arange(512), order[:256]), labels, ~labels).astype(float)
    assert task._accuracy(score[None], 0) == 0
    assert task._accuracy(labels[None].astype(float), 0) == 100


def test_readouts_beside_their_formulas():
    rng = np.random.default_rng(6)
    core = open_device("sim:flca?preset=pill&rows=10&cols=3").paired(5, PillProtocol())
    pristine = core.conductances().mean(axis=0)
    core.present(rng.random((200, 5)), rng.random((200, 3)) < [0.2, 0.5, 0.7])
    g, x, reference = core.conductances(), rng.random((7, 5)), rng.random((20, 5))
    first, second = np.array(list(combinations(range(5), 2))).T
    pairs, known = (np.minimum(images[:, first], images[:, second]) for images in (x, reference))
    changed, centred = g - pristine, g - g.mean(axis=0)
    distinct, typical = ((p @ g) - (p @ g).mean(axis=1, keepdims=True) for p in (pairs, known))
    expected = {
        "raw": pairs @ g,
        "total": pairs @ g / g.sum(axis=0),
        "unit": pairs @ changed / np.linalg.norm(changed, axis=0),
        "centred": pairs @ centred / np.linalg.norm(centred, axis=0),
        "contrast": (distinct - typical.mean(axis=0)) / typical.std(axis=0),
    }
    scores = PairReadout(core, pristine, reference).scores(x)
    assert list(scores) == list(READOUTS) == list(expected)
    for name, score in scores.items():
        assert np.allclose(score, expected[name], rtol=1e-9, atol=1e-12), name


def test_flipped_pixels_depend_on_seed_and_number_alone():
    pixels = np.tile(np.linspace(0, 1, 50), (40, 1))
    one = flipped(pixels, 0.3, 7, np.arange(40))
    again = flipped(pixels[10:20], 0.3, 7, np.arange(10, 20))
    assert np.array_equal(one[10:20], again)
    changed = one != pixels
    assert np.allclose(one[changed], 1 - pixels[changed])
    assert changed.mean() == pytest.approx(0.3, abs=0.05)
    assert flipped(pixels, 0.0, 7, np.arange(40)) is pixels


def test_pair_template_beside_numpy():
    x, y = DIGITS.train_images[:300] / 16, DIGITS.train_labels[:300]
    first, second = np.array(list(combinations(range(64), 2))).T
    pairs = np.minimum(x[:, first], x[:, second])
    means = np.array([pairs[y == c].sum(axis=0) for c in range(10)])
    means -= means.mean(axis=1, keepdims=True)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    expected = (pairs @ means.T).argmax(axis=1)
    assert (pair_template(x, y, x, list(range(10))) == expected).mean() > 0.995


class Answers:
    """An attribute that answers with the next of a series each time it is read."""

    def __init__(self, answers):
        self._answers = answers

    def __get__(self, instance, owner):
        return next(self._answers)

    def __set__(self, instance, value):
        pass


@pytest.mark.parametrize(
    ("dataset", "train"),
    [(LINES, {"epochs": 2, "batch": 64}), (DIGITS, {"epochs": 0.3, "batch": 64, "flipped": 0.05})],
    ids=["lines", "digits"],
)
def test_stopping_and_resuming_gives_the_same_weights_bit_for_bit(tmp_path, monkeypatch, dataset, train):
    config = {"data": {"dataset": dataset.name}, "train": {"seeds": 1, **train}}
    whole, whole_rows, _ = trained(tmp_path / "whole", config, dataset)
    stops = iter([False, True, False, False, True] + [False] * 1000)
    monkeypatch.setattr(StopRequest, "requested", Answers(stops), raising=False)
    model = validated(PillConfig, config, "test")
    with Run.create(tmp_path / "cut", PillTraining.kind, config) as run, pytest.raises(Interrupted, match="--resume"):
        PillTraining(model, dataset, run).play()
    for _ in range(3):
        with Run.resume(tmp_path / "cut", PillTraining.kind) as run:
            training = PillTraining(model, dataset, run)
            try:
                training.play()
            except Interrupted:
                continue
            break
    mine, theirs = training.task._loop.arrays, whole.task._loop.arrays
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    assert {row.text.strip(): row for row in training.rows()} == whole_rows


def test_one_source_is_told_how_to_go_on(tmp_path):
    config = {"device": {"uri": "visa:virtual?dut=sim:flca;R=5e3,4.5e5"}, "train": {"seeds": 1, "controls": False}}
    with pytest.raises(LimitError, match=r"one source.*timing=serial"):
        trained(tmp_path / "run", config, LINES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "lines3x3", "--epochs", "1.5"], "whole epochs"),
        (["--dataset", "lines3x3", "--set", "train.batch=100"], "must divide the 512"),
        (["--dataset", "lines3x3", "--line", "4"], "train.line = 4 must be 2 or 3"),
        (["--dataset", "lines3x3", "--columns", "0,1"], "is for classes"),
        (["--dataset", "lines3x3", "--device", "sim:flca?rows=35"], "9 pixels make 36 pairs"),
        (["--columns", "0+1"], "at least two columns"),
        (["--columns", "0,1+0"], "a class once"),
        (["--columns", "0,eleven"], "no class 'eleven'"),
        (["--set", "data.holdout=0"], "hold some of 1437 out"),
        (["--set", "train.readout=best"], "train.readout = 'best' must be"),
        (["--set", "protocol.front=mininum"], "did you mean 'minimum'"),
        (["--set", "protocol.polarity=opposing"], "take one column"),
        (["--set", "protocol.timing=serial"], "one column by their rows alone"),
        (["--flipped", "0.7"], "train.flipped = 0.7 must be <= 0.5"),
        (["--device", "sim:flca?v_max=0.05"], "outside"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_run(tmp_path, monkeypatch, capsys, arguments, message):
    from hil.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["hil", "train", "pill", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line and not line.startswith("runs/")]
    assert message in " ".join(lines)
    assert not list(tmp_path.glob("runs/*/config.toml"))


def test_help_shows_the_verb():
    result = CliRunner().invoke(build(), ["train", "pill", "--help"])
    assert result.exit_code == 0
    assert "--columns" in result.output


def test_columns_are_read_from_names():
    assert columns_of(None, DIGITS) == [[c] for c in range(10)]
    assert columns_of("3, 1+0", DIGITS) == [[3], [1, 0]]
    odd = replace(DIGITS, class_names=("a,b", "c+d", "e f", *DIGITS.class_names[3:]))
    assert columns_of('"a,b"+3, "c+d", e f', odd) == [[0, 3], [1], [2]]
    with pytest.raises(InputError, match="did you mean '0'"):
        columns_of("00,1", DIGITS)
