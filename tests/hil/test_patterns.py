import zlib

import numpy as np

from hil.data import patterns


def test_lines_are_all_images_once():
    images, _ = patterns.draw_lines()
    assert images.shape == (512, 9)
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 1}
    assert len(np.unique(images, axis=0)) == 512


def test_image_number_is_read_from_the_top_left_pixel():
    images, _ = patterns.draw_lines()
    assert images[0b100_010_001].tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_line_labels_agree_with_inclusion_and_exclusion():
    _, labels = patterns.draw_lines()
    assert labels.dtype == np.int64
    assert labels.sum() == 512 - 7**3
    assert labels.sum() == 3 * 2**6 - 3 * 2**3 + 1


def test_only_vertical_lines_count():
    _, labels = patterns.draw_lines()
    assert labels[0b010_010_010] == 1
    assert labels[0b111_000_000] == 0
    assert labels[0b100_010_001] == 0


def test_shapes_take_turns():
    images, labels = patterns.draw_shapes(10, seed=1)
    assert images.shape == (10, 1024)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_shapes_depend_on_the_seed_alone():
    first, again, other = (patterns.draw_shapes(20, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_drawings_do_not_change_between_versions():
    images, _ = patterns.draw_shapes(8, seed=32)
    assert zlib.crc32(images.tobytes()) == 3119001543


def test_shapes_differ_in_place_and_size():
    images, labels = patterns.draw_shapes(40, seed=1)
    circles = images[labels == 0]
    assert len(np.unique(circles, axis=0)) == len(circles)


def test_every_shape_is_a_complete_outline():
    images, labels = patterns.draw_shapes(400, seed=5)
    lit = images.reshape(-1, patterns.SHAPE_SIZE, patterns.SHAPE_SIZE) > 127
    closed = labels != patterns.SHAPE_CLASSES.index("cross")
    border = np.ones((patterns.SHAPE_SIZE,) * 2, dtype=bool)
    border[1:-1, 1:-1] = False
    assert images.max(axis=1).min() == 255
    assert not lit[:, border].any()
    assert [_dark_regions(image) for image in lit[:40]] == np.where(closed, 2, 1)[:40].tolist()


def _dark_regions(lit: np.ndarray) -> int:
    """Count the 4-connected regions of unlit pixels: outside and inside for a closed outline."""
    unvisited = {tuple(pixel) for pixel in np.argwhere(~lit)}
    regions = 0
    while unvisited:
        regions += 1
        pending = [unvisited.pop()]
        while pending:
            row, column = pending.pop()
            for pixel in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if pixel in unvisited:
                    unvisited.remove(pixel)
                    pending.append(pixel)
    return regions
