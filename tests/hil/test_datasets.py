import gzip
import socket
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from idx_writer import idx_bytes
from sklearn.datasets import load_digits

import hil
import hil.plugins
from hil.data import datasets
from hil.errors import InputError

BUNDLED = Path(hil.__file__).parent / "data"
WITHOUT_DIRECTORY = [
    "digits",
    "mnist-slice",
    "four32",
    "thin32",
    "lines3x3",
    "letters3x3",
    "letters4x4",
    "shapes32",
    "places16",
    "stimuli",
]
FROM_DIRECTORY = ["mnist", "emnist-digits", "emnist-mnist", "emnist-letters", "emnist-balanced"]
RNG_SEED = 3


def small_arrays(first_label: int = 0, size: tuple[int, int] = (28, 28)) -> dict[str, np.ndarray]:
    """Return four arrays under the published names of MNIST: 5 images for training and 3 for testing."""
    generator = np.random.default_rng(RNG_SEED)
    arrays = {}
    for part, count in (("train", 5), ("t10k", 3)):
        arrays[f"{part}-images-idx3-ubyte"] = generator.integers(0, 256, (count, *size), dtype=np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = np.arange(count, dtype=np.uint8) + first_label
    return arrays


def write(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        content = idx_bytes(array)
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder


def write_emnist(folder: Path, split: str, first_label: int = 0) -> dict[str, np.ndarray]:
    arrays = small_arrays(first_label)
    write(folder, {f"emnist-{split}-{name.replace('t10k', 'test')}": a for name, a in arrays.items()})
    return arrays


def message(name: str, directory: Path | None = None) -> str:
    with pytest.raises(InputError) as caught:
        datasets.load(name, directory)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a dataset opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)


class TestEveryDataset:
    @pytest.mark.parametrize("name", WITHOUT_DIRECTORY)
    def test_is_consistent_and_read_only(self, name, no_network):
        dataset = datasets.load(name)
        assert dataset.name == name
        assert dataset.inputs == dataset.shape[0] * dataset.shape[1]
        assert dataset.classes == len(dataset.class_names)
        for images, labels in (
            (dataset.train_images, dataset.train_labels),
            (dataset.test_images, dataset.test_labels),
        ):
            assert images.shape == (len(labels), dataset.inputs)
            assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
            assert images.max() == dataset.full_scale
            assert set(labels) == set(range(dataset.classes))
            with pytest.raises(ValueError, match="read-only"):
                images[0, 0] = 1
            with pytest.raises(ValueError, match="read-only"):
                labels[0] = 1

    def test_is_listed_with_one_line(self):
        ours = [
            "digits",
            "mnist-slice",
            *FROM_DIRECTORY,
            "four32",
            "thin32",
            "lines3x3",
            "letters3x3",
            "letters4x4",
            "shapes32",
            "places16",
            "stimuli",
        ]
        assert datasets._SOURCES.names("memhil") == ours
        assert all(text and "\n" not in text for text in datasets.names().values())

    @pytest.mark.parametrize("name", FROM_DIRECTORY)
    def test_asks_for_the_directory(self, name):
        expected = f'dataset "{name}" is not bundled: give the directory of its files with --data-dir'
        assert message(name) == expected

    @pytest.mark.parametrize(("wrong", "nearest"), [("digit", "digits"), ("MNIST", "mnist")])
    def test_suggests_the_nearest_name(self, wrong, nearest):
        assert message(wrong).startswith(f"unknown dataset '{wrong}' (known: digits, emnist-balanced")
        assert message(wrong).endswith(f"; did you mean '{nearest}'?")

    def test_lists_the_names_where_none_is_near(self):
        assert message("xyz") == f"unknown dataset 'xyz' (known: {', '.join(sorted(datasets.names()))})"


class TestBundled:
    def test_digits_are_those_of_scikit_learn(self):
        original, dataset = load_digits(), datasets.load("digits")
        np.testing.assert_array_equal(np.vstack([dataset.train_images, dataset.test_images]), original.data)
        labels = np.concatenate([dataset.train_labels, dataset.test_labels])
        np.testing.assert_array_equal(labels, original.target)
        assert (len(dataset.train_labels), len(dataset.test_labels)) == (1437, 360)
        assert (dataset.shape, dataset.full_scale) == ((8, 8), 16)

    def test_mnist_slice_is_what_its_files_hold(self):
        dataset = datasets.load("mnist-slice")
        for part, count in (("train", 1500), ("test", 500)):
            images = datasets.read_idx(BUNDLED / f"mnist-slice/{part}-images-idx3-ubyte.gz")
            labels = datasets.read_idx(BUNDLED / f"mnist-slice/{part}-labels-idx1-ubyte.gz")
            assert images.shape == (count, 28, 28)
            np.testing.assert_array_equal(getattr(dataset, f"{part}_images"), images.reshape(count, 784))
            np.testing.assert_array_equal(getattr(dataset, f"{part}_labels"), labels)

    def test_mnist_slice_starts_like_the_test_file_of_mnist(self):
        assert datasets.load("mnist-slice").train_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]

    @pytest.mark.parametrize("name", ["digits", "mnist-slice"])
    def test_files_carry_no_time_stamp(self, name):
        files = sorted((BUNDLED / name).glob("*.gz"))
        assert len(files) == 4
        assert all(path.read_bytes()[4:8] == bytes(4) for path in files)


class TestDrawn:
    def test_lines_are_tested_on_the_training_images(self):
        dataset = datasets.load("lines3x3")
        assert dataset.class_names == ("no line", "line")
        np.testing.assert_array_equal(dataset.train_images, dataset.test_images)
        assert np.bincount(dataset.test_labels).tolist() == [7**3, 512 - 7**3]

    def test_shapes_are_balanced_and_no_image_is_in_both_parts(self):
        dataset = datasets.load("shapes32")
        assert dataset.class_names == ("circle", "square", "triangle", "cross")
        assert np.bincount(dataset.train_labels).tolist() == [100] * 4
        assert np.bincount(dataset.test_labels).tolist() == [25] * 4
        assert len(np.unique(np.vstack([dataset.train_images, dataset.test_images]), axis=0)) == 500


class TestFileSearch:
    @pytest.mark.parametrize("ending", ["", ".gz"])
    @pytest.mark.parametrize("rename", [("-idx", "-idx"), ("-idx", ".idx"), ("t10k", "test")])
    @pytest.mark.parametrize("folder", [".", "raw", "MNIST/raw", "MNIST", "mnist", "gzip"])
    def test_finds_mnist_under_usual_names(self, tmp_path, folder, rename, ending):
        arrays = small_arrays()
        write(tmp_path / folder, {name.replace(*rename) + ending: a for name, a in arrays.items()})
        dataset = datasets.load("mnist", str(tmp_path))
        np.testing.assert_array_equal(dataset.train_images, arrays["train-images-idx3-ubyte"].reshape(5, 784))
        np.testing.assert_array_equal(dataset.test_labels, [0, 1, 2])

    @pytest.mark.parametrize("folder", [".", "gzip", "EMNIST/raw", "emnist", "emnist_source_files"])
    def test_finds_emnist_under_usual_names(self, tmp_path, folder):
        write_emnist(tmp_path / folder, "digits")
        assert len(datasets.load("emnist-digits", tmp_path).train_labels) == 5

    def test_takes_all_files_from_one_folder(self, tmp_path):
        stray = {"train-labels-idx1-ubyte": np.full(5, 9)}
        write(tmp_path, stray)
        write(tmp_path / "MNIST/raw", small_arrays())
        assert datasets.load("mnist", tmp_path).train_labels.tolist() == [0, 1, 2, 3, 4]

    def test_passes_over_a_folder_with_the_name_of_a_file(self, tmp_path):
        (tmp_path / "train-images-idx3-ubyte").mkdir()
        write(tmp_path, {name + ".gz": array for name, array in small_arrays().items()})
        assert len(datasets.load("mnist", tmp_path).train_labels) == 5

    def test_does_not_take_mnist_for_emnist(self, tmp_path):
        write(tmp_path, small_arrays())
        assert "no train images file emnist-digits-train-images-idx3-ubyte" in message("emnist-digits", tmp_path)

    def test_names_the_files_and_places_of_an_empty_directory(self, tmp_path):
        assert message("mnist", tmp_path) == (
            'dataset "mnist": no train images file train-images-idx3-ubyte or train-images.idx3-ubyte, '
            f"raw or .gz, in {tmp_path} or its subfolders raw, gzip, MNIST/raw, MNIST, mnist, EMNIST/raw, "
            "EMNIST, emnist, emnist_source_files"
        )

    def test_names_the_one_file_that_is_missing(self, tmp_path):
        folder = write(tmp_path / "raw", small_arrays())
        (folder / "train-labels-idx1-ubyte").unlink()
        assert message("mnist", tmp_path) == (
            'dataset "mnist": no train labels file train-labels-idx1-ubyte or train-labels.idx1-ubyte, '
            f"raw or .gz, in {folder}"
        )

    def test_says_that_the_directory_is_none(self, tmp_path):
        path = tmp_path / "file"
        path.touch()
        assert message("mnist", path) == f'dataset "mnist": {path} is not a directory'

    def test_refuses_a_path_that_the_system_cannot_look_up(self):
        assert message("mnist", Path("x" * 5000)).startswith('dataset "mnist": xxx')


class TestEmnist:
    def test_images_come_out_upright(self, tmp_path):
        arrays = write_emnist(tmp_path, "mnist")
        dataset = datasets.load("emnist-mnist", tmp_path)
        stored = arrays["train-images-idx3-ubyte"]
        for image, stored_image in zip(dataset.train_images, stored, strict=True):
            np.testing.assert_array_equal(image.reshape(28, 28), stored_image.T)
        np.testing.assert_array_equal(dataset.test_images[2].reshape(28, 28), arrays["t10k-images-idx3-ubyte"][2].T)

    def test_letters_count_from_zero(self, tmp_path):
        write_emnist(tmp_path, "letters", first_label=22)
        dataset = datasets.load("emnist-letters", tmp_path)
        assert [dataset.class_names[label] for label in dataset.train_labels] == list("vwxyz")
        assert (dataset.classes, dataset.train_labels.dtype) == (26, np.int64)

    def test_letters_have_no_label_zero(self, tmp_path):
        write_emnist(tmp_path, "letters", first_label=0)
        path = tmp_path / "emnist-letters-train-labels-idx1-ubyte"
        assert message("emnist-letters", tmp_path) == f"{path}: label 0 at index 0, expected 1 to 26"

    def test_balanced_names_follow_the_published_mapping(self, tmp_path):
        write_emnist(tmp_path, "balanced", first_label=42)
        dataset = datasets.load("emnist-balanced", tmp_path)
        assert dataset.classes == 47
        assert [dataset.class_names[label] for label in (0, 9, 10, 35, 36, 46)] == list("09AZat")
        assert [dataset.class_names[label] for label in dataset.train_labels] == list("hnqrt")


class TestFileContents:
    def reject(self, folder: Path, file: str, array: np.ndarray) -> str:
        """Return the message on MNIST with one file replaced, without the path of that file."""
        write(folder, small_arrays() | {file: array})
        text = message("mnist", folder)
        assert text.startswith(f"{folder / file}: ")
        return text.removeprefix(f"{folder / file}: ")

    def test_labels_for_other_images(self, tmp_path):
        text = self.reject(tmp_path, "train-labels-idx1-ubyte", np.zeros(4))
        assert text == "4 labels, expected 5, one for each image of train-images-idx3-ubyte"

    def test_label_out_of_range(self, tmp_path):
        text = self.reject(tmp_path, "t10k-labels-idx1-ubyte", np.array([1, 10, 2]))
        assert text == "label 10 at index 1, expected 0 to 9"

    def test_images_in_place_of_labels(self, tmp_path):
        text = self.reject(tmp_path, "train-labels-idx1-ubyte", np.zeros((5, 28, 28)))
        assert text == "3-dimensional data, expected 1-dimensional train labels"

    def test_labels_in_place_of_images(self, tmp_path):
        text = self.reject(tmp_path, "t10k-images-idx3-ubyte", np.zeros(3))
        assert text == "1-dimensional data, expected 3-dimensional test images"

    def test_no_images(self, tmp_path):
        text = self.reject(tmp_path, "train-images-idx3-ubyte", np.zeros((0, 28, 28)))
        assert text == "holds no train images, expected at least one"

    def test_different_sizes_of_train_and_test_images(self, tmp_path):
        text = self.reject(tmp_path, "t10k-images-idx3-ubyte", np.zeros((3, 28, 27)))
        assert text == "images of 28x27 pixels, expected 28x28 as in train-images-idx3-ubyte"

    def test_wrong_size_of_all_images(self, tmp_path):
        write(tmp_path, small_arrays(size=(32, 32)))
        path = tmp_path / "train-images-idx3-ubyte"
        assert message("mnist", tmp_path) == f"{path}: images of 32x32 pixels, expected 28x28"

    def test_damaged_file(self, tmp_path):
        write(tmp_path, small_arrays())
        path = tmp_path / "t10k-images-idx3-ubyte"
        path.write_bytes(path.read_bytes()[:100])
        assert message("mnist", tmp_path) == f"{path}: truncated after 84 bytes of data, expected 2352"


class TestOfAnotherPackage:
    """A source that an entry point names; what it makes is held to what `Dataset` promises."""

    @pytest.fixture
    def bring(self, monkeypatch):
        everything = hil.plugins.entry_points

        def add(**changes):
            two = np.array([[0, 3], [3, 0]], np.uint8)
            fields = {
                "name": "stripes", "shape": (1, 2), "full_scale": 3, "class_names": ("left", "right"),
                "train_images": two, "train_labels": np.array([1, 0]), "test_images": two.copy(),
                "test_labels": np.array([1, 0]),
            } | changes  # fmt: skip
            source = datasets.DatasetSource("stripes", "two pixels", lambda _: datasets.Dataset(**fields))
            monkeypatch.setattr(sys.modules[__name__], "stripes", source, raising=False)
            point = EntryPoint("stripes", f"{__name__}:stripes", "hil.datasets")
            monkeypatch.setattr(
                hil.plugins, "entry_points", lambda group: [*everything(group=group), *[point] * (group == point.group)]
            )

        return add

    def test_is_listed_and_loaded(self, bring):
        bring()
        assert datasets.names()["stripes"] == "two pixels"
        dataset = datasets.load("stripes")
        assert dataset.train_images.tolist() == [[0, 3], [3, 0]] and not dataset.train_images.flags.writeable

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"name": "strips"}, "its source made 'strips', not 'stripes'"),
            ({"train_images": np.zeros((2, 2))}, r"train_images are float64 \(2, 2\), uint8 \(2, 2\) was expected"),
            ({"test_images": np.zeros((2, 3), np.uint8)}, r"test_images are uint8 \(2, 3\), uint8 \(2, 2\)"),
            ({"train_labels": np.array([1])}, r"train_images are uint8 \(2, 2\), uint8 \(1, 2\)"),
            ({"full_scale": 2}, "train_images go to 3, above 2"),
            ({"test_labels": np.array([0, 2])}, r"test_labels are beyond 0 \.\. 1"),
            ({"test_labels": np.array([0.0, 1.0])}, "test_labels are float64"),
            ({"unheard": 1}, "data set 'stripes' cannot be made: TypeError"),
        ],
    )
    def test_is_refused_where_it_is_not_what_it_says(self, bring, changes, told):
        bring(**changes)
        with pytest.raises(InputError, match=told):
            datasets.load("stripes")
