"""A user's own files as data sets: what is read, how parts and classes come out, and what is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
from idx_writer import idx_bytes
from PIL import Image

from hil.data.datasets import load, names
from hil.data.labelled import ordered
from hil.data.own import READERS
from hil.errors import InputError

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(3), 10)
IMAGES = RNG.integers(0, 256, (30, 4, 6)).astype(np.uint8)


def refused(address) -> str:
    with pytest.raises(InputError) as caught:
        load(str(address))
    text = str(caught.value)
    assert "\n" not in text
    return text


def flowers(path: Path, header: str = "a,b,class", delimiter: str = ",") -> np.ndarray:
    values = RNG.normal([[1.0, -3.0]], [0.1, 2.0], (30, 2))
    names_ = np.array(["setosa", "virginica", "versicolor"])[LABELS]
    lines = [delimiter.join([f"{a:.4f}", f"{b:.4f}", name]) for (a, b), name in zip(values, names_, strict=True)]
    path.write_text("\n".join(filter(None, [header, *lines])) + "\n", encoding="utf-8")
    return np.round(values, 4)


def all_samples(data) -> np.ndarray:
    return np.concatenate([data.train_images, data.test_images])


class TestTables:
    def test_features_are_scaled_by_the_training_part_with_complements(self, tmp_path):
        values = flowers(tmp_path / "flowers.csv")
        data = load(str(tmp_path / "flowers.csv"))
        assert (data.name, data.shape, data.full_scale) == ("flowers.csv", (2, 2), 255)
        assert data.class_names == ("setosa", "versicolor", "virginica")
        assert (len(data.train_labels), len(data.test_labels)) == (24, 6)
        assert (np.bincount(data.test_labels) == 2).all()
        np.testing.assert_array_equal(data.train_images[:, 2:], 255 - data.train_images[:, :2])
        assert (data.train_images[:, :2].min(), data.train_images[:, :2].max()) == (0, 255)
        first = {}  # each training row is the affine image of one line of the file, with one scale a column
        for column in range(2):
            order = np.argsort(values[:, column])
            first[column] = np.sort(all_samples(data)[:, column])
            assert np.corrcoef(first[column], values[order, column])[0, 1] > 0.99

    def test_is_split_the_same_way_every_time(self, tmp_path):
        flowers(tmp_path / "f.csv")
        one, two = load(str(tmp_path / "f.csv")), load(str(tmp_path / "f.csv"))
        np.testing.assert_array_equal(one.test_images, two.test_images)
        more = load(f"{tmp_path}/f.csv?test=50%&complement=false")
        assert (len(more.test_labels), more.shape) == (15, (1, 2))

    @pytest.mark.parametrize("delimiter", [";", "\t", " "])
    def test_other_delimiters_and_no_header(self, tmp_path, delimiter):
        flowers(tmp_path / "f.txt", header="", delimiter=delimiter)
        data = load(f"{tmp_path}/f.txt?class_column=3")
        assert data.classes == 3
        assert "no column for the class among 1, 2, 3" in refused(tmp_path / "f.txt")

    def test_pixels_are_recognised_and_a_split_column_obeyed(self, tmp_path):
        table = np.c_[LABELS, IMAGES.reshape(30, 24)[:, :16]]
        head = ",".join(["label", *(f"p{k}" for k in range(16)), "split"])
        part = ["test" if k % 10 == 0 else "train" for k in range(30)]
        lines = [",".join([*map(str, row), p]) for row, p in zip(table, part, strict=True)]
        (tmp_path / "px.csv").write_text("\n".join([head, *lines]), encoding="utf-8")
        data = load(str(tmp_path / "px.csv"))
        assert data.shape == (4, 4)
        np.testing.assert_array_equal(data.test_images, table[::10, 1:])
        np.testing.assert_array_equal(data.test_labels, [0, 1, 2])
        assert load(f"{tmp_path}/px.csv?shape=8x2").shape == (2, 8)

    def test_wrong_tables_get_one_sentence(self, tmp_path):
        path = tmp_path / "f.csv"
        for text, told in (
            ("", "no line of numbers"),
            ("a,b,kind\n1,2,x\n", "no column for the class among a, b, kind: give ?class_column=NAME"),
            ("a,class\n1,x\n2,x\n", "1 class of samples; two at least"),
            ("a,class\n1,x\n2,x\n3,y\n", "class 'y' has 1 sample, of which 1 would be for testing"),
            ("a,class\n1,x\nnan,x\n3,y\n4,y\n", "sample 1 holds a value that is no finite number"),
            ("a,class\n1,x\nfoo,x\n", "could not convert string 'foo' to float64"),
            ("a,class\n1,x\n2\n", "invalid column index"),
            ("a,class,split\n1,x,train\n2,y,odd\n", "column split holds 'odd', train or test was expected"),
        ):
            path.write_text(text, encoding="utf-8")
            assert told in refused(path), text
        path.write_bytes(b"\xff\xfe\x00")
        assert "is no text in UTF-8" in refused(path)


class TestArrays:
    def test_images_with_parts_come_as_they_are(self, tmp_path):
        np.savez(tmp_path / "a.npz", x_train=IMAGES[:20], y_train=LABELS[:20] % 2, x_test=IMAGES[20:],
                 y_test=np.eye(2)[LABELS[20:] % 2])  # fmt: skip
        data = load(str(tmp_path / "a.npz"))
        assert (data.shape, data.class_names) == ((4, 6), ("0", "1"))
        np.testing.assert_array_equal(data.train_images, IMAGES[:20].reshape(20, 24))
        np.testing.assert_array_equal(data.test_labels, LABELS[20:] % 2)

    def test_fractions_are_scaled_and_channels_averaged(self, tmp_path):
        colour = np.stack([IMAGES / 255.0] * 3, axis=1)
        np.savez(tmp_path / "a.npz", images=colour, labels=np.array(list("abc"))[LABELS])
        data = load(str(tmp_path / "a.npz"))
        assert data.class_names == ("a", "b", "c")
        assert {row.tobytes() for row in all_samples(data)} <= {
            row.astype(np.uint8).tobytes() for row in IMAGES.reshape(30, 24)
        }

    def test_wrong_archives_get_one_sentence(self, tmp_path):
        path = tmp_path / "a.npz"
        for arrays, told in (
            ({"weights": np.ones((2, 2))}, "no arrays images and labels, or x_train and y_train (there are: weights)"),
            ({"images": IMAGES}, "all samples have no array of labels"),
            ({"images": IMAGES, "labels": LABELS[:3]}, "30 samples and 3 labels"),
            ({"images": np.zeros(0), "labels": LABELS[:0]}, "samples of shape (0,)"),
            ({"images": np.array([["a"]]), "labels": [1]}, "are no numbers"),
            ({"images": np.zeros((4, 2, 2, 2)), "labels": [0, 0, 1, 1]}, "samples of shape (2, 2, 2, 2)"),
        ):
            np.savez(path, **arrays)
            assert told in refused(path), told
        np.savez(path, images=np.array([{}]), labels=[1])
        assert "is no archive of arrays" in refused(path)
        path.write_bytes(b"PK")
        assert "is no archive of arrays" in refused(path)
        (tmp_path / "a.pt").write_bytes(b"junk")
        pytest.importorskip("torch")
        assert "holds no plain tensors" in refused(tmp_path / "a.pt")


class TestFolders:
    def pictures(self, folder: Path, parts: tuple[str, ...] = ("",)) -> None:
        for part in parts:
            for k, image in enumerate(IMAGES):
                place = folder / part / ["cat", "dog", "emu"][LABELS[k]]
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(place / f"{k:03d}.png")

    def test_a_folder_a_class(self, tmp_path):
        self.pictures(tmp_path / "animals")
        data = load(str(tmp_path / "animals"))
        assert (data.name, data.class_names, data.shape) == ("animals", ("cat", "dog", "emu"), (4, 6))
        assert {row.tobytes() for row in all_samples(data)} == {row.tobytes() for row in IMAGES.reshape(30, 24)}
        for image, label in zip(data.test_images, data.test_labels, strict=True):
            mine = np.flatnonzero((IMAGES.reshape(30, 24) == image).all(axis=1))[0]
            assert LABELS[mine] == label

    def test_train_and_test_as_folders_and_other_sizes(self, tmp_path):
        self.pictures(tmp_path / "a", ("Train", "val"))
        data = load(f"{tmp_path}/a?size=3x2")
        assert (len(data.train_labels), len(data.test_labels), data.shape) == (30, 30, (2, 3))
        Image.fromarray(IMAGES[0].T).save(tmp_path / "a/Train/cat/x.png")
        assert "give ?size=6x4 to scale all" in refused(tmp_path / "a")
        (tmp_path / "a/Train/cat/y.png").write_bytes(b"no picture")
        (tmp_path / "a/Train/cat/x.png").unlink()
        assert "y.png is no picture that can be read" in refused(tmp_path / "a")
        (tmp_path / "a/Train/cat/y.png").unlink()
        (tmp_path / "a/test/cat").mkdir(parents=True)
        assert "two test parts" in refused(tmp_path / "a")

    def test_sixteen_bits_are_brought_to_eight(self, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            for k in range(2):
                Image.fromarray(IMAGES[k].astype(np.uint16) * 257).save(tmp_path / name / f"{k}.png")
        data = load(str(tmp_path))
        assert {row.tobytes() for row in all_samples(data)} == {row.tobytes() for row in IMAGES[:2].reshape(2, 24)}

    def test_idx_of_any_size_and_number_of_classes(self, tmp_path):
        labels = LABELS.astype(np.uint8) + 40
        for part, cut in (("train", slice(0, 30)), ("t10k", slice(5, 25))):
            (tmp_path / f"my-{part}-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES[cut]))
            (tmp_path / f"my-{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels[cut]))
        data = load(str(tmp_path))
        assert (data.shape, data.class_names) == ((4, 6), ("40", "41", "42"))
        np.testing.assert_array_equal(data.train_labels, LABELS)
        np.testing.assert_array_equal(data.test_images, IMAGES[5:25].reshape(20, 24))
        (tmp_path / "my-t10k-labels-idx1-ubyte").write_bytes(idx_bytes(labels[:20] + 100))
        assert "the test part has class '140', of which none is there to train on" in refused(tmp_path)


def nmnist(events) -> bytes:
    return b"".join(bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255]) for x, y, p, t in events)


def aedat(events) -> bytes:
    """A DVS128's address: bit 0 the polarity (0 is ON), then x and y from the other corner."""
    words = (struct.pack(">II", (127 - y) << 8 | (127 - x) << 1 | (1 - p), t) for x, y, p, t in events)
    return b"#!AER-DAT2.0\r\n# a header\r\n" + b"".join(words)


def as_text(events) -> bytes:
    return ("t x y p\n" + "\n".join(f"{t} {x} {y} {p}" for x, y, p, t in events)).encode()


class TestEvents:
    EVENTS = ((3, 4, 1, 100), (3, 4, 0, 70000), (33, 0, 1, 200000))

    @pytest.mark.parametrize(
        ("write", "ending", "shape"),
        [(nmnist, ".bin", (34, 34)), (aedat, ".aedat", (128, 128)), (as_text, ".txt", (5, 34))],
    )
    def test_count_as_the_grey_value_of_their_pixel(self, tmp_path, write, ending, shape):
        for name in "01":
            (tmp_path / "Train" / name).mkdir(parents=True)
            (tmp_path / "Test" / name).mkdir(parents=True)
            for part in ("Train", "Test"):
                (tmp_path / part / name / f"1{ending}").write_bytes(write(self.EVENTS))
        data = load(str(tmp_path))
        image = data.train_images[0].reshape(data.shape)
        assert data.shape == shape
        assert sorted(zip(*np.nonzero(image), strict=True)) == [(0, 33), (4, 3)]
        assert (image[4, 3], image[0, 33]) == (255, 128)
        apart = load(f"{tmp_path}?polarity=apart")
        assert sorted(zip(*np.nonzero(apart.train_images[0].reshape(apart.shape)), strict=True)) == [
            (0, 33), (4, 3), (shape[0] + 4, 3),
        ]  # fmt: skip
        assert np.count_nonzero(load(f"{tmp_path}?polarity=off").train_images[0]) == 1

    def test_wrong_files_get_one_sentence(self, tmp_path):
        for name in "ab":
            (tmp_path / name).mkdir()
        for ending, content, told in (
            (".bin", b"1234", "4 bytes are no whole number of events of 5 bytes"),
            (".aedat", b"#!AER-DAT3.1\r\n", "is in AEDAT 3.1; 2.0 is read"),
            (".aedat", b"hello", "does not begin with #!AER-DAT"),
            (".txt", b"1 2 3\n", "event 0 has 3 columns, x, y, p, t were expected"),
            (".txt", b"0.5 2 1 7\n", "x is no whole number in every event"),
            (".txt", b"1 2 9 7\n", "p is not 0, 1 or -1"),
        ):
            for name in "ab":
                for k in range(2):
                    (tmp_path / name / f"{k}{ending}").write_bytes(content)
            assert told in refused(tmp_path)
            for name in "ab":
                for k in range(2):
                    (tmp_path / name / f"{k}{ending}").unlink()


def test_every_reader_says_what_it_reads():
    readers, problems = READERS.found()
    assert not problems
    assert sorted(readers) == ["arrays", "events", "idx", "images", "table"]
    assert all(reader.looks for reader in readers.values())


def test_paths_that_are_no_data(tmp_path):
    assert "no data set, file or folder" in refused(tmp_path / "none.csv")
    (tmp_path / "x.doc").write_text("hello", encoding="utf-8")
    assert "is no data set of a known kind: give an archive" in refused(tmp_path / "x.doc")
    flowers(tmp_path / "f.csv")
    assert "unknown parameter 'siz'" in refused(f"{tmp_path}/f.csv?siz=3")
    assert "test = 2 must be < 1" in refused(f"{tmp_path}/f.csv?test=2")
    assert "give WIDTHxHEIGHT" in refused(f"{tmp_path}/f.csv?shape=3")
    assert "'shape' is given twice" in refused(f"{tmp_path}/f.csv?shape=3x3&shape=3x3")


def test_a_folder_called_as_a_known_set_is_another_set(tmp_path):
    TestFolders().pictures(tmp_path / "digits")
    assert load(str(tmp_path / "digits")).name == "digits-files"
    assert "digits" in names()


def test_classes_are_in_order_of_their_numbers():
    assert ordered(np.array(["10", "9", "b", "a"])) == ["9", "10", "a", "b"]


def test_a_data_set_of_torch_becomes_a_file(tmp_path):
    torch = pytest.importorskip("torch")
    from hil.torch import save_dataset

    pairs = torch.utils.data.TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(LABELS))
    data = load(str(save_dataset(tmp_path / "t.npz", pairs, pairs)))
    np.testing.assert_array_equal(data.train_images, IMAGES.reshape(30, 24))
    np.testing.assert_array_equal(data.test_labels, LABELS)
    torch.save((torch.from_numpy(IMAGES), torch.from_numpy(LABELS)), tmp_path / "pair.pt")
    assert load(str(tmp_path / "pair.pt")).shape == (4, 6)
    with pytest.raises(InputError, match="train: the data set is empty"):
        save_dataset(tmp_path / "t.npz", torch.utils.data.TensorDataset(torch.zeros(0, 2)))
    with pytest.raises(InputError, match="no data set of pairs"):
        save_dataset(tmp_path / "t.npz", torch.utils.data.TensorDataset(torch.zeros(1, 2)))


@pytest.mark.parametrize("driver", ["wta", "stdp", "lifelong"])
def test_every_driver_takes_a_path(tmp_path, driver):
    flowers(tmp_path / "f.csv")
    import hil

    more = {"wta": {"neurons": 3, "epochs": 1}, "stdp": {"epochs": 1}, "lifelong": {"targets": "setosa,virginica"}}
    done = hil.train(driver, dataset=f"{tmp_path}/f.csv", seeds=1, run=tmp_path / "r", **more[driver])
    assert done.rows
