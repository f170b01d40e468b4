"""Paired inputs: what every cell sees, and what it does to cells whose closed form is known."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hil.backends import open_device
from hil.errors import InputError
from hil.limits import LimitError
from hil.pill.pairs import PairedInputs
from hil.pill.protocol import AT_ONCE, PillProtocol, front, pair_count, pair_indices
from hil.waveform import Waveform
from sim.circuits.pill_cell import pill_cell
from sim.circuits.valved import valved

K, COLS = 4, 2
images = arrays(np.float64, (3, K), elements=st.floats(0, 1))
responses = arrays(np.bool_, (3, COLS))


def layer(uri="sim:flca?preset=pill", inputs=K, cols=1, **protocol):
    device = open_device(uri, defaults={"rows": pair_count(inputs), "cols": cols})
    return device.paired(inputs, PillProtocol(**protocol))


def cell_voltages(waveform, images):
    """Voltage of all cells in every segment, (images, segments, pairs, cols)."""
    across = waveform.rows[:, :, None] - waveform.cols[:, None, :]
    return across.reshape(images, -1, *across.shape[1:])


@pytest.mark.parametrize("inputs", [2, 3, 9, 28])
def test_pairs_are_all_combinations_row_by_row(inputs):
    first, second = pair_indices(inputs)
    assert list(zip(first, second, strict=True)) == list(combinations(range(inputs), 2))
    assert len(first) == pair_count(inputs)
    number = first * (2 * inputs - first - 1) // 2 + second - first - 1
    assert np.array_equal(number, np.arange(len(first)))


def test_mnist_has_306936_pairs():
    assert pair_count(784) == 306_936


@given(images, responses, st.sampled_from(["forward", "mirrored"]))
def test_a_cell_sees_the_smaller_input_plus_the_response(pixels, response, orientation):
    protocol = PillProtocol(amplitude=0.1, response=0.08, orientation=orientation)
    waveform = protocol.waveform(pixels, response)
    sign = 1 if orientation == "forward" else -1
    seen = cell_voltages(waveform, 3)
    assert np.allclose(waveform.duration.reshape(3, -1), [1e-3, 1e-3])
    for b in range(3):
        for p, (i, j) in enumerate(combinations(range(K), 2)):
            for c in range(COLS):
                expected = sign * (0.1 * min(pixels[b, i], pixels[b, j]) + 0.08 * response[b, c])
                assert seen[b, 0, p, c] == pytest.approx(expected, abs=1e-15)
    assert not seen[:, 1].any()


@given(images, arrays(np.bool_, (3, 1)))
def test_an_opposing_response_is_felt_where_both_inputs_are_darker_than_it(pixels, response):
    seen = cell_voltages(PillProtocol(polarity="opposing").waveform(pixels, response), 3)[:, 0, :, 0]
    for b in range(3):
        for p, (i, j) in enumerate(combinations(range(K), 2)):
            low, high = sorted(0.1 * pixels[b, [i, j]])
            expected = high - 0.1 if response[b, 0] else low
            assert seen[b, p] == pytest.approx(expected, abs=1e-15)


@given(images, responses)
def test_resistors_pass_the_mean(pixels, response):
    seen = cell_voltages(PillProtocol(front="resistors").waveform(pixels, response), 3)[:, 0]
    for p, (i, j) in enumerate(combinations(range(K), 2)):
        expected = 0.05 * (pixels[:, [i]] + pixels[:, [j]]) + 0.1 * response
        assert np.allclose(seen[:, p], expected, rtol=0, atol=1e-15)


@given(images, responses)
def test_a_later_response_comes_alone_after_its_delay(pixels, response):
    protocol = PillProtocol(timing="after", delay=4e-3, other_delay=1e-3, interval=20e-3)
    waveform = protocol.waveform(pixels, response)
    seen, starts = cell_voltages(waveform, 3), waveform.starts.reshape(3, -1)
    assert waveform.total == pytest.approx(60e-3)
    smaller = np.array([[min(x[i], x[j]) for i, j in combinations(range(K), 2)] for x in pixels])
    for at, expected in (
        (0.0, np.repeat(0.1 * smaller[:, :, None], COLS, axis=2)),
        (2e-3, np.broadcast_to(0.1 * ~response[:, None, :], (3, 6, COLS))),
        (5e-3, np.broadcast_to(0.1 * response[:, None, :], (3, 6, COLS))),
    ):
        segment = int(np.flatnonzero(np.isclose(starts[0], at, rtol=0, atol=1e-9))[0])
        assert np.allclose(seen[:, segment], expected, rtol=0, atol=1e-15)
        assert waveform.duration[segment] == pytest.approx(1e-3)
        seen[:, segment] = 0
    assert not seen.any()


@given(arrays(np.float64, (3, K), elements=st.sampled_from([0.0, 0.5, 1.0])), arrays(np.bool_, (3, 1)))
def test_serial_pulses_are_those_of_together_one_voltage_at_a_time(pixels, response):
    together = cell_voltages(PillProtocol(interval=9e-3).waveform(pixels, response), 3)
    waveform = PillProtocol(timing="serial", interval=9e-3).waveform(pixels, response)
    assert waveform.total == pytest.approx(27e-3)
    assert not waveform.cols.any()
    assert all(len(np.unique(row[row != 0])) <= 1 for row in waveform.rows)
    image = np.floor((waveform.starts + 1e-9) / 9e-3)
    for b in range(3):
        rows = waveform.rows[image == b]
        assert ((rows != 0).sum(axis=0) <= 1).all()
        assert np.allclose(rows.sum(axis=0), together[b, 0, :, 0], rtol=0, atol=1e-15)


@pytest.mark.parametrize("interval", [1e-3, 2e-3, 3e-3])
@given(arrays(np.float64, (3, K), elements=st.sampled_from([0.0, 0.5, 1.0])), arrays(np.bool_, (3, 1)))
def test_no_serial_pulse_goes_on_into_the_next_image(interval, pixels, response):
    """Neighbouring segments at one voltage are one pulse: equal pulses of two images need a rest between them."""
    waveform = PillProtocol(timing="serial", interval=interval).waveform(pixels, response)
    together = cell_voltages(PillProtocol(interval=9e-3).waveform(pixels, response), 3)
    before, after = waveform.rows[:-1], waveform.rows[1:]
    assert not ((before == after) & (before != 0)).any()
    assert waveform.rows.sum(axis=0) == pytest.approx(together.sum(axis=(0, 1))[:, 0], abs=1e-12)


@pytest.mark.parametrize("name", ["minimum", "resistors", "circuit"])
def test_the_total_is_the_sum_over_pairs(name):
    pixels = np.random.default_rng(0).random((5, 7))
    protocol = PillProtocol(front=name)
    assert np.allclose(protocol.total(pixels), protocol.passed(pixels).sum(axis=1), rtol=1e-12)


def test_the_circuit_front_is_the_circuit_between_its_grid_points():
    rng = np.random.default_rng(1)
    first, second = rng.uniform(-0.1, 0.2, (2, 60))
    solved = valved(first, second, 1e-3, 5e3 * 10**0.5).flux / 1e-3
    assert np.abs(front("circuit")(first, second, 1e-3) - solved).max() < 1e-3
    assert np.abs(front("minimum")(first, second, 1e-3) - solved).max() < 7e-3


@pytest.mark.parametrize("timing", ["together", "serial"])
@pytest.mark.parametrize("images_shown", [1, 40])
def test_one_pair_learns_by_the_closed_form_of_eq_4(timing, images_shown):
    """A D T = 1 ms pulse of v takes phi to v - (v - phi) exp(-D T) if v > phi, and leaves it otherwise."""
    core = layer(inputs=2, timing=timing)
    rng = np.random.default_rng(2)
    pixels, response = rng.random((images_shown, 2)), rng.random((images_shown, 1)) < 0.4
    core.present(pixels, response)
    phi = 0.0
    for x, r in zip(pixels, response[:, 0], strict=True):
        v = 0.1 * x.min() + 0.1 * r
        phi = v - (v - phi) * np.exp(-1e-3) if v > phi else phi
    assert core.conductances()[0, 0] == pytest.approx(1 / (5e3 + 4.5e5 * phi), rel=1e-12)


def test_a_constant_coincidence_approaches_its_own_bound():
    core = layer(inputs=2)
    core.present(np.ones((300, 2)), np.ones((300, 1), dtype=bool))
    phi = 0.2 * (1 - np.exp(-300 * 1e-3))
    assert core.conductances()[0, 0] == pytest.approx(1 / (5e3 + 4.5e5 * phi), rel=1e-12)


def test_a_response_after_the_input_teaches_an_integrating_cell_nothing_about_coincidence():
    """The same pulses in other company: as many lit pairs and responses, coinciding or never."""
    conductances = {}
    for timing in ("together", "after"):
        for coincide in (True, False):
            core = layer(inputs=2, timing=timing, interval=15e-3)
            lit = np.arange(200) % 2 == 0
            core.present(np.repeat(lit[:, None], 2, axis=1), (lit == coincide)[:, None])
            conductances[timing, coincide] = core.conductances()[0, 0]
    assert conductances["together", True] < 0.99 * conductances["together", False]
    assert conductances["after", True] == pytest.approx(conductances["after", False], rel=1e-9)


def test_currents_are_those_of_the_passed_voltages_and_disturb_nothing():
    core = layer(cols=2, v_read=5e-3)
    rng = np.random.default_rng(3)
    core.present(rng.random((20, K)), rng.random((20, 2)) < 0.5)
    before, pixels = core.conductances(), rng.random((6, K))
    smaller = np.array([[min(x[i], x[j]) for i, j in combinations(range(K), 2)] for x in pixels])
    assert np.allclose(core.currents(pixels), 5e-3 * smaller @ before, rtol=1e-12)
    assert np.array_equal(core.conductances(), before)


def test_a_snapshot_brings_the_weights_back_and_a_reset_the_pristine_ones():
    core = layer()
    lit, responds = np.ones((5, K)), np.ones((5, 1), dtype=bool)
    pristine = core.conductances()
    core.present(lit, responds)
    state, trained = core.snapshot(), core.conductances()
    core.present(lit, responds)
    core.restore(state)
    assert np.array_equal(core.conductances(), trained)
    core.reset()
    assert np.array_equal(core.conductances(), pristine)


def test_many_images_are_cut_into_waveforms_and_nothing_changes(monkeypatch):
    rng = np.random.default_rng(4)
    pixels, response = rng.random((30, K)), rng.random((30, 1)) < 0.5
    whole, cut = layer(), layer()
    whole.present(pixels, response)
    monkeypatch.setattr("hil.pill.pairs.AT_ONCE", 24)
    played = []
    apply = cut.device.apply
    monkeypatch.setattr(cut.device, "apply", lambda w: played.append(len(w)) or apply(w))
    cut.present(pixels, response)
    assert played == [8] * 7 + [4]
    assert np.array_equal(whole.conductances(), cut.conductances())
    assert AT_ONCE >= 306_936


class OneSource:
    """Limits of an instrument with one source, on a simulated array that has more."""

    @staticmethod
    def of(device):
        from dataclasses import replace

        device.limits = replace(device.limits, channels=1)
        return device


def test_one_source_cannot_drive_both_sides_at_once():
    device = OneSource.of(open_device("sim:flca", defaults={"rows": 6}))
    with pytest.raises(LimitError, match=r"one source.*timing=serial"):
        device.paired(K, PillProtocol()).check()
    before = device.read()
    with pytest.raises(LimitError, match="2 different voltages"):
        device.paired(K, PillProtocol(response=0.05)).present(np.ones((1, K)), np.ones((1, 1), dtype=bool))
    assert np.array_equal(device.read(), before)
    for timing in ("serial", "after"):
        core = device.paired(K, PillProtocol(timing=timing, interval=20e-3))
        core.check()
        core.present([[1, 1, 0, 0]], [[True]])
    assert not np.array_equal(device.read(), before)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: pair_indices(1), "at least 2"),
        (lambda: front("minimal"), "did you mean 'minimum'"),
        (lambda: layer(front="middle"), "not a front end"),
        (lambda: layer(inputs=5).device.paired(4, PillProtocol()), "open it with rows=6"),
        (lambda: layer().present(np.ones((1, 5)), np.ones((1, 1), bool)), r"needs \(batch, 4\)"),
        (lambda: layer().present(np.full((1, 4), 1.5), np.ones((1, 1), bool)), "intensity 1.5"),
        (lambda: layer().present(np.full((1, 4), np.nan), np.ones((1, 1), bool)), "intensity nan"),
        (lambda: layer().present(np.ones((2, 4)), np.ones((1, 1), bool)), r"needs \(2, 1\) of bool"),
        (lambda: layer().present(np.ones((1, 4)), np.ones((1, 1))), "float64"),
        (lambda: layer(cols=2, timing="serial").check(), "one column by their rows alone"),
        (lambda: layer(cols=2, polarity="opposing").check(), "take one column"),
    ],
)
def test_bad_input_is_one_sentence(act, message):
    with pytest.raises(InputError, match=message):
        act()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"timing": "after", "interval": 11e-3}, "must hold all pulses"),
        ({"interval": 0.5e-3}, "must hold all pulses"),
        ({"timing": "after", "other_delay": 0.0104, "interval": 1.0}, "at least one width"),
        ({"amplitude": 0.0}, "greater than 0"),
    ],
)
def test_a_protocol_that_cannot_be_played_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        PillProtocol(**values)


def test_measured_pulses_are_asked_for_only_where_something_is_driven():
    waveform = PillProtocol().waveform(np.ones((2, K)), np.ones((2, 1), dtype=bool), measure=True)
    assert isinstance(waveform, Waveform)
    assert waveform.measure.tolist() == [True, False] * 2


def test_the_default_of_any_device_is_pairs_on_the_host():
    core = layer("sim:rram")
    assert type(core) is PairedInputs
    assert (core.inputs, core.pairs, core.cols) == (K, 6, 1)


@pytest.mark.parametrize(
    ("name", "polarity", "error"),
    [
        ("circuit", "aiding", 0.015),
        ("circuit", "opposing", 0.035),
        ("minimum", "aiding", 0.025),
        ("minimum", "opposing", 0.07),
        ("resistors", "aiding", None),
        ("resistors", "opposing", None),
    ],
)
def test_fronts_beside_the_whole_circuit(name, polarity, error):
    """Growth of 36 weights over 96 images, against three states a cell solved as one circuit."""
    rng = np.random.default_rng(5)
    pixels, response = (rng.random((96, 9)) < 0.5).astype(float), rng.random((96, 1)) < 0.3
    core = layer(inputs=9, front=name, polarity=polarity, interval=11e-3)
    core.present(pixels, response)
    grown = 1 / core.conductances()[:, 0] - 5e3
    first, second = pair_indices(9)
    column = np.where(response, -0.1 if polarity == "aiding" else 0.1, 0.0)[:, 0]
    whole = pill_cell(0.1 * pixels[:, first].T, 0.1 * pixels[:, second].T, column, np.zeros(36)).resistance[:, -1] - 5e3
    worst = np.abs(grown - whole).max() / whole.mean()
    if error is None:
        assert worst > 0.4
    else:
        assert worst < error
