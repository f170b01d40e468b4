"""`sim:pill` and its compiled pairs against `PairedInputs` on `sim:flca`, and against the closed form written out."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.backends import open_device
from hil.data.datasets import load
from hil.device import DeviceClosed
from hil.errors import InputError
from hil.limits import LimitError
from hil.pill.pairs import PairedInputs
from hil.pill.protocol import PillProtocol, pair_count, pair_indices
from sim.pill.kernel import pulses
from sim.pill.pairs import CompiledPairs

R = (5e3, 4.5e5)
ROUNDING = 1e-5
"""Relative room for float32: an update rounds by 6e-8 of the flux, and relaxation forgets."""

PROTOCOLS = {
    "aiding": {},
    "opposing": {"polarity": "opposing"},
    "opposing, weaker than a pixel": {"polarity": "opposing", "response": 0.07},
    "mirrored": {"orientation": "mirrored", "response": 0.13},
    "mirrored, opposing": {"orientation": "mirrored", "polarity": "opposing", "response": 0.07},
    "no response": {"response": 0.0},
    "after": {"timing": "after", "interval": 0.05},
    "after, opposing": {"timing": "after", "interval": 0.05, "polarity": "opposing"},
    "after, mirrored, all columns": {
        "timing": "after", "interval": 0.1, "other_delay": 0.05, "orientation": "mirrored",
    },
    "resistors": {"front": "resistors"},
    "resistors, mirrored, opposing": {"front": "resistors", "orientation": "mirrored", "polarity": "opposing"},
}  # fmt: skip

protocols = st.builds(
    lambda timing, **fields: PillProtocol(**timing, **fields),
    st.sampled_from(
        [{}, {"timing": "after", "interval": 0.1}, {"timing": "after", "interval": 0.1, "other_delay": 0.05}]
    ),
    response=st.sampled_from([0.0, 0.07, 0.1, 0.13]),
    polarity=st.sampled_from(["aiding", "opposing"]),
    orientation=st.sampled_from(["forward", "mirrored"]),
    front=st.sampled_from(["minimum", "resistors"]),
)
cells = st.fixed_dictionaries(
    {
        "A": st.sampled_from([1.0, 0.3, 5e4]),
        "D": st.sampled_from([0.0, 0.03, 1.0, 70.0, 2e3]),
        "phi0": st.sampled_from([0.0, 0.02, 0.1]),
        "phi_max": st.sampled_from([0.11, np.inf]),
    }
)


def show(inputs, images, cols, seed=0, lit=0.4, chance=0.3):
    """Images of 256 grey values, some pixels dark, and who responds."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (images, inputs)) / 255 * (rng.random((images, inputs)) < lit)
    return pixels, rng.random((images, cols)) < chance


def layer(inputs, cols, protocol, **parameters):
    return open_device("sim:pill", inputs=inputs, cols=cols, **parameters).paired(inputs, protocol)


def exact(inputs, protocol, pixels, response, **parameters):
    """Fluxes (cols, pairs) that `PairedInputs` on `sim:flca` reaches, column by column, and the last one's layer."""
    fluxes = []
    for answers in response.T:
        device = open_device("sim:flca", rows=pair_count(inputs), R=R, **parameters)
        core = PairedInputs(device, inputs, protocol)
        core.present(pixels, answers[:, None])
        fluxes.append(device.snapshot()["phi"][0])
    return np.array(fluxes), core


def assert_same(fluxes, expected):
    assert np.abs(fluxes - expected).max() <= ROUNDING * np.abs(expected).max() + 1e-30


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_compiled_pairs_end_where_pairs_on_single_memristors_do(data):
    inputs, cols = data.draw(st.integers(2, 12), "inputs"), data.draw(st.integers(1, 3), "cols")
    protocol, cell = data.draw(protocols, "protocol"), data.draw(cells, "cell")
    lit, chance = data.draw(st.sampled_from([0.0, 0.2, 0.7, 1.0])), data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    pixels, response = show(inputs, data.draw(st.integers(0, 90)), cols, data.draw(st.integers(0, 99)), lit, chance)
    expected, _ = exact(inputs, protocol, pixels, response, **cell)
    core = layer(inputs, cols, protocol, **cell)
    assert isinstance(core, CompiledPairs)
    core.present(pixels, response)
    assert_same(core.device.fluxes(), expected)


@pytest.mark.parametrize("fields", PROTOCOLS.values(), ids=PROTOCOLS)
@pytest.mark.parametrize("d", [0.0, 1.0, 70.0])
def test_every_kind_of_pulse_is_the_closed_form(fields, d):
    """Section 5 and eq 4, one pair and one pulse after the other, as they stand on paper."""
    protocol, a, phi0, width = PillProtocol(**fields), 2.0, 0.06 / (1 + d), 1e-3
    pixels, response = show(6, 40, 1)
    assert response.any() and not response.all()
    core = layer(6, 1, protocol, A=a, D=d, phi0=phi0)
    core.present(pixels, response)
    sign = -1 if protocol.orientation == "mirrored" else 1
    answer = protocol.response * sign * (1 if protocol.polarity == "aiding" else -1)
    keep = np.exp(-d * width)

    def passed(u):
        if protocol.front == "resistors":
            return sum(u) / 2
        return min(u, key=abs) if u[0] * u[1] > 0 else 0.0

    def pulse(phi, v):
        if d == 0:
            return max(0.0, phi + a * v * width)
        held = a * v / d
        moved = held + (phi - held) * keep
        return max(phi, moved) if v >= 0 else max(0.0, moved)

    for pair, (i, j) in enumerate(zip(*pair_indices(6), strict=True)):
        phi = phi0
        for image, responds in zip(pixels, response[:, 0], strict=True):
            shown = [sign * 0.1 * image[i], sign * 0.1 * image[j]]
            if protocol.timing == "after":
                phi = pulse(phi, passed(shown))
                phi = pulse(phi, answer) if responds or protocol.other_delay is not None else phi
            else:
                phi = pulse(phi, passed([u + answer * responds for u in shown]))
        assert core.device.fluxes()[0, pair] == pytest.approx(phi, rel=ROUNDING, abs=1e-9)
    assert not np.allclose(core.device.fluxes(), phi0) or protocol.response == 0


def test_vertical_lines_end_as_on_single_memristors():
    data = load("lines3x3")
    pixels = np.tile(data.train_images, (3, 1)).astype(float)
    response = (pixels.reshape(-1, 3, 3).all(axis=1)).any(axis=1)[:, None]
    assert response.any()
    expected, _ = exact(9, PillProtocol(), pixels, response, phi0=0.1)
    core = layer(9, 1, PillProtocol(), phi0=0.1)
    core.present(pixels, response)
    assert_same(core.device.fluxes(), expected)
    assert expected.max() > 0.11


def test_digits_end_as_on_single_memristors_and_read_alike():
    data, images = load("digits"), np.random.default_rng(0).integers(0, 1000, 5000)
    pixels, response = data.train_images[images] / 16, data.train_labels[images, None] == np.arange(2)
    expected, _ = exact(64, PillProtocol(), pixels, response, phi0=0.1)
    core = layer(64, 2, PillProtocol(), phi0=0.1)
    core.present(pixels, response)
    assert_same(core.device.fluxes(), expected)
    onto = PairedInputs(open_device("sim:flca", rows=2016, cols=2, R=R), 64, PillProtocol())
    onto.device.restore(onto.device.snapshot() | {"phi": expected})
    np.testing.assert_allclose(core.currents(pixels), onto.currents(pixels), rtol=ROUNDING)
    np.testing.assert_allclose(core.conductances(), onto.conductances(), rtol=ROUNDING)


def test_all_pairs_of_28x28_end_as_on_single_memristors():
    pixels = load("mnist-slice").train_images[:24] / 255
    response = np.arange(24)[:, None] % 3 == 0
    expected, _ = exact(784, PillProtocol(), pixels, response, phi0=0.05)
    core = layer(784, 1, PillProtocol(), phi0=0.05)
    core.present(pixels, response)
    assert_same(core.device.fluxes(), expected)
    on_host = PairedInputs(core.device, 784, PillProtocol())
    np.testing.assert_allclose(core.currents(pixels), on_host.currents(pixels), rtol=ROUNDING)


@pytest.mark.parametrize("fields", PROTOCOLS.values(), ids=PROTOCOLS)
def test_batches_and_threads_change_no_bit(fields):
    protocol = PillProtocol(**fields)
    pixels, response = show(20, 700, 5)
    whole, parts = layer(20, 5, protocol, phi0=0.05, threads=2), layer(20, 5, protocol, phi0=0.05, threads=1)
    whole.present(pixels, response)
    for cut in np.split(np.arange(700), [1, 64, 100, 612]):
        parts.present(pixels[cut], response[cut])
    assert np.array_equal(whole.device.fluxes(), parts.device.fluxes())
    assert np.array_equal(whole.currents(pixels), parts.currents(pixels))
    assert whole.device.time == pytest.approx(parts.device.time)


@pytest.mark.parametrize("fields", PROTOCOLS.values(), ids=PROTOCOLS)
def test_currents_and_time_are_those_of_pairs_on_the_same_device(fields):
    protocol = PillProtocol(**fields, v_read=2e-3)
    pixels, response = show(9, 50, 1)
    core, on_host = (layer(9, 1, protocol, phi0=0.05, d2d_r=0.2, stuck_on=0.1, stuck_off=0.1) for _ in range(2))
    on_host = PairedInputs(on_host.device, 9, protocol)
    for one in (core, on_host):
        one.present(pixels, response)
    assert_same(core.device.fluxes(), on_host.device.fluxes())
    np.testing.assert_allclose(core.currents(pixels), on_host.currents(pixels), rtol=ROUNDING)
    conductances = core.conductances()
    np.testing.assert_allclose(conductances, on_host.conductances(), rtol=ROUNDING)
    assert np.isin(conductances, core.device.parameters.conductance_range()).any(), "no cell is stuck"
    assert core.device.time == pytest.approx(on_host.device.time, rel=1e-12)
    assert np.array_equal(core.snapshot()["counters"], on_host.snapshot()["counters"])


def test_columns_of_opposing_polarity_do_not_share_their_rows():
    """A compiled pair answers to each column; rows driven from outside cannot."""
    protocol = PillProtocol(polarity="opposing")
    pixels, response = show(6, 30, 2)
    expected, _ = exact(6, protocol, pixels, response, phi0=0.05)
    core = layer(6, 2, protocol, phi0=0.05)
    with pytest.raises(InputError, match="share their rows"):
        PairedInputs(core.device, 6, protocol).present(pixels, response)
    core.present(pixels, response)
    assert_same(core.device.fluxes(), expected)


def test_snapshot_restore_and_reset():
    pixels, response = show(8, 60, 2)
    core = layer(8, 2, PillProtocol(), phi0=0.01)
    pristine = core.conductances()
    core.present(pixels[:30], response[:30])
    kept = core.snapshot()
    assert kept["phi"].dtype == np.float32
    core.present(pixels[30:], response[30:])
    ended = core.device.fluxes().copy()
    core.restore(kept)
    assert not np.array_equal(core.device.fluxes(), ended)
    core.present(pixels[30:], response[30:])
    assert np.array_equal(core.device.fluxes(), ended)
    core.reset()
    assert core.device.time == 0
    assert np.array_equal(core.conductances(), pristine)


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ({"d2d": 0.1}, {}),
        ({"c2c": 0.1}, {}),
        ({"read_noise": 0.1}, {}),
        ({}, {"timing": "serial", "interval": 1.0}),
        ({"torch": "cpu", "c2c": 0.1}, {}),
    ],
)
def test_what_is_not_compiled_is_played_on_the_host(parameters, fields):
    core = layer(4, 1, PillProtocol(**fields), **parameters)
    assert type(core) is PairedInputs
    core.present(*show(4, 3, 1))


def test_rows_follow_from_inputs_and_inputs_from_rows():
    for size in ({"inputs": 28}, {"rows": 378}, {"inputs": 28, "rows": 378}):
        device = open_device("sim:pill", **size)
        assert (device.inputs, device.rows) == (28, 378)
    assert open_device("sim:pill").cells == (1, 1)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"inputs": 28, "rows": 379}, "rows = 379 .* 28 inputs make 378"),
        ({"rows": 5}, "rows = 5 .* no number of inputs makes so many"),
        ({"inputs": 1}, "inputs"),
        ({"phi0": 0.2, "phi_max": 0.1}, "phi0 = 0.2 V s is above phi_max = 0.1 V s"),
        ({"phi_min": -1.0}, "unknown parameter 'phi_min'"),
    ],
)
def test_bad_parameters_are_refused(parameters, words):
    with pytest.raises(InputError, match=words):
        open_device("sim:pill", **parameters)


def test_another_number_of_inputs_is_refused():
    with pytest.raises(InputError, match="10 inputs make 45 pairs"):
        open_device("sim:pill", inputs=9).paired(10, PillProtocol())


def test_voltages_beyond_the_limits_are_refused_before_anything_moves():
    protocol = PillProtocol(amplitude=6.0, response=1.0)
    core = layer(4, 2, protocol, phi0=0.01, v_max=5.0)
    bright, dark = np.ones((2, 4)), np.full((2, 4), 0.5)
    response = np.array([[False, True], [False, False]])
    with pytest.raises(LimitError, match=r"6 V is outside -5 V \.\. 5 V"):
        core.check()
    with pytest.raises(LimitError, match="6 V is outside"):
        core.present(np.concatenate([dark, bright]), np.tile(response, (2, 1)))
    assert (core.device.fluxes() == np.float32(0.01)).all() and core.device.time == 0
    core.present(dark, response)
    assert (core.device.fluxes() > 0.01).all()
    one_lit = np.eye(4)
    core.present(one_lit, np.zeros((4, 2), bool))
    reading = layer(4, 2, PillProtocol(v_read=6.0), v_max=5.0)
    assert reading.currents(dark).shape == (2, 2)
    with pytest.raises(LimitError, match="6 V is outside"):
        reading.currents(bright)


def test_bad_images_are_refused():
    core = layer(4, 2, PillProtocol())
    for pixels, response in [
        (np.zeros((2, 5)), np.zeros((2, 2), bool)),
        (np.full((2, 4), 1.5), np.zeros((2, 2), bool)),
        (np.zeros((2, 4)), np.zeros((2, 3), bool)),
        (np.zeros((2, 4)), np.zeros((2, 2))),
    ]:
        with pytest.raises(InputError):
            core.present(pixels, response)
    assert core.device.time == 0


def test_a_closed_device_learns_and_reads_nothing():
    core = layer(4, 1, PillProtocol())
    core.device.close()
    for action in (
        lambda: core.present(np.ones((1, 4)), np.ones((1, 1), bool)),
        lambda: core.currents(np.ones((1, 4))),
        core.conductances,
    ):
        with pytest.raises(DeviceClosed):
            action()


def test_no_image_is_no_pulse():
    core = layer(4, 2, PillProtocol())
    core.present(np.zeros((0, 4)), np.zeros((0, 2), bool))
    assert core.device.time == 0
    assert core.currents(np.zeros((0, 4))).shape == (0, 2)


def test_voltages_that_cancel_are_exactly_zero():
    """A pixel as bright as an opposing response holds its pairs, though 0.1 * 0.7 - 0.07 is -1e-17 in float64."""
    protocol = PillProtocol(polarity="opposing", response=0.07)
    assert 0.1 * 0.7 - 0.07 != 0
    batch = pulses(np.array([[0.7, 1.0, 0.0]]), np.ones((1, 1), bool), protocol, 1.0)
    assert batch.drive[1].tolist() == [0.0, pytest.approx(0.03), pytest.approx(-0.07)]


MEMORY = """
from pathlib import Path
import numpy as np
from hil.backends import open_device
from hil.pill.protocol import PillProtocol

def kilobytes(name):
    return int(Path("/proc/self/status").read_text().partition(name + ":")[2].split()[0])

open_device("sim:pill", inputs=3).paired(3, PillProtocol())
before = kilobytes("VmRSS")
core = open_device("sim:pill", inputs=784, cols=10, phi0=0.05).paired(784, PillProtocol())
pixels, response = np.random.default_rng(0).random((256, 784)), np.eye(10, dtype=bool)[np.arange(256) % 10]
core.present(pixels, response)
core.currents(pixels)
core.conductances()
core.snapshot()
assert core.device.fluxes().nbytes == 4 * 306936 * 10
print((kilobytes("VmHWM") - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ten_layers_of_28x28_take_less_than_200_megabytes():
    ran = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, timeout=200, check=True)
    assert 4 * 3069360 < int(ran.stdout) < 200e6


class TestTorch:
    """The torch version, on the processor."""

    torch = pytest.importorskip("torch")

    @pytest.mark.parametrize("fields", PROTOCOLS.values(), ids=PROTOCOLS)
    @pytest.mark.parametrize("phi_max", [np.inf, 0.052])
    def test_it_ends_where_the_compiled_pairs_do(self, fields, phi_max):
        from sim.pill.torch_kernel import TorchPairs

        protocol = PillProtocol(**fields)
        pixels, response = show(12, 150, 3)
        cell = {"phi0": 0.05, "phi_max": phi_max, "D": 3.0}
        compiled, core = layer(12, 3, protocol, **cell), layer(12, 3, protocol, torch="cpu", **cell)
        assert isinstance(core, TorchPairs)
        for one in (compiled, core):
            one.present(pixels[:70], response[:70])
            one.present(pixels[70:], response[70:])
        assert_same(core.device.fluxes(), compiled.device.fluxes())
        np.testing.assert_allclose(core.currents(pixels), compiled.currents(pixels), rtol=ROUNDING)
        assert core.device.time == compiled.device.time

    def test_a_torch_device_that_is_not_there_is_refused(self):
        for name in ("cuda:99", "abacus"):
            with pytest.raises(InputError, match=f"torch={name}: torch has no such device here"):
                layer(4, 1, PillProtocol(), torch=name)
