import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from idx_writer import idx_bytes

from hil.data.idx import read_idx
from hil.errors import InputError

ARRAYS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
SMALL = idx_bytes(np.arange(12).reshape(3, 2, 2))
WRITERS = {"raw": idx_bytes, "gzip": lambda array: gzip.compress(idx_bytes(array), mtime=0)}


@pytest.fixture(scope="session")
def scratch_file(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "data-idx3-ubyte"


@pytest.mark.parametrize("compression", WRITERS)
@settings(deadline=None)
@given(array=ARRAYS)
def test_reads_back_what_was_written(scratch_file, compression, array):
    scratch_file.write_bytes(WRITERS[compression](array))
    result = read_idx(scratch_file)
    assert result.dtype == np.uint8
    assert result.shape == array.shape
    assert not result.flags.writeable
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize("compression", WRITERS)
@settings(deadline=None)
@given(array=ARRAYS, data=st.data())
def test_any_truncation_is_an_input_error(scratch_file, compression, array, data):
    content = WRITERS[compression](array)
    scratch_file.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(InputError):
        read_idx(scratch_file)


@pytest.mark.parametrize("compression", WRITERS)
@settings(deadline=None)
@given(data=st.data())
def test_any_changed_byte_gives_an_array_or_an_input_error(scratch_file, compression, data):
    content = bytearray(WRITERS[compression](np.arange(12).reshape(3, 2, 2)))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    scratch_file.write_bytes(content)
    try:
        result = read_idx(scratch_file)
    except InputError as error:
        assert str(scratch_file) in str(error)
    else:
        assert result.dtype == np.uint8


def test_accepts_a_text_path(scratch_file):
    scratch_file.write_bytes(SMALL)
    assert read_idx(str(scratch_file)).shape == (3, 2, 2)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"", "the file is empty, expected IDX data", id="empty"),
        pytest.param(gzip.compress(b""), "the file is empty, expected IDX data", id="empty gzip"),
        pytest.param(SMALL[:3], "truncated after 3 bytes, an IDX header needs at least 4", id="three bytes"),
        pytest.param(
            SMALL[:10],
            "truncated after 10 bytes, the header of 3 dimensions needs 16",
            id="half a header",
        ),
        pytest.param(SMALL[:-2], "truncated after 10 bytes of data, expected 12", id="data missing"),
        pytest.param(SMALL + b"xyz", "3 trailing bytes after the expected 12 bytes of data", id="trailing bytes"),
        pytest.param(
            b"\x89PNG\r\n\x1a\n",
            "magic number 0x89504e47 is not one of an IDX file, expected 0x000008NN with NN dimensions",
            id="foreign file",
        ),
        pytest.param(
            b"\x00\x00\x07" + SMALL[3:],
            "magic number 0x00000703 is not one of an IDX file, expected 0x000008NN with NN dimensions",
            id="unknown type",
        ),
        pytest.param(
            b"\x00\x00\x08\x00\x05",
            "magic number 0x00000800 is not one of an IDX file, expected 0x000008NN with NN dimensions",
            id="no dimensions",
        ),
        pytest.param(b"\x00\x00\x0d" + SMALL[3:], "holds float32 values, expected uint8", id="float"),
    ],
)
def test_names_the_file_and_what_is_wrong_with_it(scratch_file, content, complaint):
    scratch_file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_idx(scratch_file)
    assert str(caught.value) == f"{scratch_file}: {complaint}"


@pytest.mark.parametrize("damage", [lambda c: c[:-5], lambda c: c[:12] + b"\xff\xff" + c[14:]])
def test_says_that_gzip_data_is_damaged(scratch_file, damage):
    scratch_file.write_bytes(damage(gzip.compress(SMALL, mtime=0)))
    with pytest.raises(InputError) as caught:
        read_idx(scratch_file)
    assert str(caught.value).startswith(f"{scratch_file}: corrupt or truncated gzip data: ")


@pytest.mark.parametrize("shape", [(0, *3 * [2**32 - 1]), 65 * (1,)], ids=["too large", "too deep"])
def test_refuses_a_shape_that_no_array_can_have(scratch_file, shape):
    header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    scratch_file.write_bytes(header + (b"" if 0 in shape else b"x"))
    with pytest.raises(InputError, match=f"cannot hold the header's {len(shape)} dimensions in an array"):
        read_idx(scratch_file)


def test_names_a_missing_file(tmp_path):
    with pytest.raises(InputError) as caught:
        read_idx(tmp_path / "absent")
    assert str(caught.value) == f"{tmp_path / 'absent'}: cannot be read: No such file or directory"
