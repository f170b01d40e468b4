import numpy as np
import pytest

from hil.config import validated
from hil.errors import InputError
from hil.training.protocol import Protocol

PIXELS = np.array([[0.0, 0.5, 1.0], [1.0, 0.0, 0.25]])
IS_TARGET = np.array([[True, False], [False, True]])


def play(**settings):
    protocol = Protocol(**settings)
    return protocol, protocol.waveform(PIXELS, IS_TARGET)


def test_one_image_is_input_then_a_response_whose_delay_tells_the_target():
    protocol, waveform = play()
    assert waveform.total == pytest.approx(2 * protocol.interval)
    starts = waveform.starts[:6]
    assert starts == pytest.approx([0, 1e-3, 11e-3, 12e-3, 251e-3, 252e-3])
    assert np.array_equal(waveform.rows[0], [0, -0.05, -0.1])
    assert not waveform.rows[1:6].any()
    assert np.array_equal(waveform.cols[:6], [[0, 0], [0, 0], [0, -0.1], [0, 0], [-0.1, 0], [0, 0]])
    assert np.array_equal(waveform.cols[6:12], [[0, 0], [0, 0], [-0.1, 0], [0, 0], [0, -0.1], [0, 0]])


def test_forward_orientation_is_the_same_with_the_other_sign():
    mirrored, forward = play()[1], play(orientation="forward")[1]
    assert np.array_equal(mirrored.rows, -forward.rows)
    assert np.array_equal(mirrored.cols, -forward.cols)


def test_every_column_gets_exactly_one_response_per_image():
    for settings in ({}, {"target_delay": 0.01, "other_delay": 0.25}, {"target_delay": 0.0, "other_delay": 1e-3}):
        protocol, waveform = play(**settings)
        flux = (waveform.cols * waveform.duration[:, None]).sum(axis=0)
        assert flux == pytest.approx([-2 * protocol.amplitude * protocol.width] * 2)


def test_the_paper_delays_put_the_target_first():
    waveform = play(target_delay=0.01, other_delay=0.25)[1]
    assert np.array_equal(waveform.cols[2], [-0.1, 0])
    assert np.array_equal(waveform.cols[4], [0, -0.1])


def test_equal_delays_need_one_response_only():
    protocol, waveform = play(target_delay=0.05, other_delay=0.05)
    assert len(waveform) == 8
    assert (waveform.cols[2] == -0.1).all()
    assert waveform.total == pytest.approx(2 * protocol.interval)


def test_zero_delay_has_no_rest_before_the_response():
    waveform = play(target_delay=0.0, other_delay=0.1)[1]
    assert np.array_equal(waveform.cols[1], [-0.1, 0])


def test_measuring_asks_for_the_pulses_only():
    waveform = Protocol().waveform(PIXELS, IS_TARGET, measure=True)
    driven = (waveform.rows != 0).any(axis=1) | (waveform.cols != 0).any(axis=1)
    assert np.array_equal(waveform.measure, driven)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target_delay": 0.0105}, "target_delay 0.0105 s and other_delay 0.01 s must be equal or at least one width"),
        ({"interval": 0.2}, "interval 0.2 s must hold input, delay and response: >= 0.252 s"),
        ({"amplitude": 0}, "amplitude = 0 must be > 0"),
        ({"orientation": "upside"}, "orientation = 'upside' must be 'mirrored' or 'forward'"),
        ({"widht": 1}, "unknown parameter 'widht'.*did you mean 'width'"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_sentence(settings, message):
    with pytest.raises(InputError, match=message):
        validated(Protocol, settings, "protocol")
