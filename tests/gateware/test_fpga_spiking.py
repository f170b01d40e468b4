"""Neurons in the emulator against the float core on the host."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateware.logarithm import probability_of
from gateware.protocol import Space
from gateware.spiking import FpgaCore
from hil.backends import open_device
from hil.device import Unsupported
from hil.errors import InputError
from hil.spiking.encoding import SpikeCode
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeBatch, SpikeTrain

EASY = Lif(threshold=2.0, leak=np.inf, refractory=2.0, inhibition=3.0)


def open_emulator(**parameters):
    return open_device("fpga:golden", tick=1.0, **parameters)


def random_spikes(rng, rows, count=200, duration=40):
    return SpikeTrain(np.sort(rng.integers(0, duration, count)).astype(float), rng.integers(0, rows, count))


@st.composite
def networks(draw):
    """Neurons without leak and weights and steps on the grid of 1/255: nothing rounds, so nothing may differ."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, cols = (int(n) for n in rng.integers(1, 7, 2))
    lif = Lif(
        # Half a unit off the grid: sums in float64 are a few 1e-16 off it.
        threshold=(int(rng.integers(100, 900)) - 0.4) / 255,
        leak=np.inf,
        refractory=float(draw(st.integers(0, 3))),
        inhibition=float(draw(st.integers(0, 3))),
        reset=draw(st.sampled_from(["all", "own"])),
        seed=int(rng.integers(100)),
        theta_plus=int(rng.integers(0, 60)) / 255,
    )
    return rng, rows, cols, lif


@settings(max_examples=30, deadline=None)
@given(networks(), st.booleans())
def test_spikes_and_weights_are_those_of_the_float_core(network, learn):
    rng, rows, cols, lif = network
    stdp = Stdp(float(rng.integers(0, 8)))
    alpha, alpha_dep = (int(n) / 255 for n in rng.integers(1, 40, 2))
    weights = rng.choice([0, 60, 120, 255, int(rng.integers(256))], (rows, cols))
    trains = [random_spikes(rng, rows, 80) for _ in range(3)]
    common = {"rows": rows, "cols": cols, "alpha": alpha, "alpha_dep": alpha_dep}
    with (
        open_device("sim:rram", threads=1, **common) as simulated,
        open_emulator(state_bits=16, lanes=2, **common) as emulated,
    ):
        simulated.set_weights(weights / 255)
        emulated.write_states(weights * 257)
        host, core = HostCore(simulated, lif, stdp), emulated.spiking(lif, stdp)
        assert isinstance(core, FpgaCore)
        for train in trains[:2]:
            assert core.present(train, 41.0, learn) == host.present(train, 41.0, learn)
        counts = core.present_batch(SpikeBatch.of(trains), 41.0, learn)
        assert np.array_equal(counts, host.present_batch(SpikeBatch.of(trains), 41.0, learn))
        assert core.weights() == pytest.approx(host.weights(), abs=1e-9)
        assert core.theta == pytest.approx(host.theta, abs=1e-9)
        assert emulated.read() == pytest.approx(simulated.read(), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(networks(), st.integers(0, 200))
def test_thresholds_of_zero_mean_and_ties_by_margin_are_those_of_the_float_core(network, plus):
    """Shares of a whole number of 1 / 65536 on 1, 2 or 4 neurons: nothing rounds, and a run goes on from its state."""
    rng, rows, _, lif = network
    cols = 2 ** int(rng.integers(0, 3))
    lif = replace(
        lif, tie="margin", theta_mean="zero", theta_plus=4 * plus / 255, threshold=lif.threshold + 2, inhibition=2.0
    )
    weights = rng.choice([0, 60, 120, 255, int(rng.integers(256))], (rows, cols))
    with (
        open_device("sim:rram", rows=rows, cols=cols, alpha=20 / 255) as simulated,
        open_emulator(rows=rows, cols=cols, state_bits=16, alpha=20 / 255, tie="margin", annealing=True) as emulated,
    ):
        simulated.set_weights(weights / 255)
        emulated.write_states(weights * 257)
        host, core = HostCore(simulated, lif, Stdp(3.0)), emulated.spiking(lif, Stdp(3.0))
        host.theta = core.theta = rng.integers(-300, 300, cols) / 255
        for k in range(6):
            train = random_spikes(rng, rows, 80)
            if k % 2:
                assert core.present(train, 41.0, True) == host.present(train, 41.0, True)
            else:
                batch = SpikeBatch.of([train])
                assert np.array_equal(core.present_batch(batch, 41.0, True), host.present_batch(batch, 41.0, True))
            assert core.theta == pytest.approx(host.theta, abs=1e-9)
            before = core.theta
            core = emulated.spiking(lif, Stdp(3.0))
            core.theta = before
            assert np.array_equal(core.theta, before)
        assert core.weights() == pytest.approx(host.weights(), abs=1e-9)


def test_room_is_made_before_a_threshold_is_as_large_as_it_can_be():
    """Each of 2 neurons spikes so often that its own part would pass 2^16 many times over; no limit changes."""
    lif = Lif(9.0, np.inf, refractory=15.0, inhibition=1.0, tie="margin", theta_mean="zero", theta_plus=12.0)
    train = SpikeTrain(np.arange(40.0), np.arange(40) % 4)
    with (
        open_device("sim:rram", rows=4, cols=2, w0=1.0, alpha=1e-9) as simulated,
        open_emulator(rows=4, cols=2, w0=1.0, alpha=0.002, tie="margin", annealing=True) as emulated,
    ):
        rule = Stdp(100.0)
        host, core = HostCore(simulated, lif, rule), emulated.spiking(lif, rule)
        batch = SpikeBatch.of([train] * 200)
        counts = host.present_batch(batch, 40.0, True)
        assert counts.sum(axis=0).min() * 12 * 255 > 4 * 65535
        assert np.array_equal(core.present_batch(batch, 40.0, True), counts)
        assert core.theta == pytest.approx(host.theta, abs=1e-9)


def test_pulses_by_lot_are_given_as_often_as_asked():
    p, rows = 0.3, 400
    with open_emulator(rows=rows, cols=1, state_bits=16, alpha=40 / 65535, w0=1.0, annealing=True, seed=3) as device:
        lif = Lif(threshold=0.5, leak=np.inf, refractory=0.0, inhibition=0.0)
        core = device.spiking(lif, Stdp(0.0, pulse_probability=2 * p, pulse_probability_end=p / 2))
        core.course.horizon = 100
        before = core.weights()
        batch = SpikeBatch.of([SpikeTrain([0.0], [0])] * 100)
        core.present_batch(batch, 1.0, True)
        pulses = (before - core.weights())[1:, 0] * 65535 / 40
    chances = np.array([2 * p * 0.25 ** (k / 100) for k in range(100)])
    assert pulses.mean() == pytest.approx(chances.sum(), abs=4 * np.sqrt((chances * (1 - chances)).sum() / (rows - 1)))
    assert pulses.std() == pytest.approx(np.sqrt((chances * (1 - chances)).sum()), rel=4 / np.sqrt(2 * rows))


@pytest.mark.parametrize("seed", range(4))
def test_the_highest_membrane_wins_where_that_is_built(seed):
    """Prime weights, so that no two membranes are ever equal: float64 would tell them apart by rounding."""
    rng = np.random.default_rng(seed)
    lif = Lif(threshold=499.6 / 255, leak=np.inf, refractory=1.0, inhibition=2.0, tie="membrane", reset="own")
    weights, train = np.tile(rng.permutation([181, 191, 193, 197]), (5, 1)), random_spikes(rng, 5)
    with (
        open_device("sim:rram?rows=5&cols=4&threads=1") as simulated,
        open_emulator(rows=5, cols=4, state_bits=16, tie="membrane") as emulated,
    ):
        simulated.set_weights(weights / 255)
        emulated.write_states(weights * 257)
        spikes = emulated.spiking(lif, Stdp()).present(train, 41.0, False)
        assert len(spikes) > 10
        assert spikes == HostCore(simulated, lif, Stdp()).present(train, 41.0, False)


def test_the_leak_is_that_of_the_ticks():
    """A membrane of one full weight fires with the next one or not, depending on how long ago that was."""
    leak = 10.0
    with open_emulator(rows=1, cols=1, w0=1.0) as device:
        for elapsed in range(1, 30):
            left = np.exp(-elapsed / leak)
            for threshold, fires in ((1 + left - 0.01, True), (1 + left + 0.01, False)):
                core = device.spiking(Lif(threshold=threshold, leak=leak, inhibition=1.0), Stdp(5.0))
                spikes = core.present(SpikeTrain([0.0, float(elapsed)], [0, 0]), 40.0, False)
                assert (len(spikes) > 0) == fires, (elapsed, threshold)


def test_more_spikes_than_the_log_holds_all_come_out():
    train = SpikeTrain(np.repeat(np.arange(1000.0), 2), np.tile([0, 1], 1000))
    with open_emulator(rows=2, cols=3, w0=1.0) as device:
        assert device.geometry.log_depth < 900
        core = device.spiking(Lif(threshold=1.0, leak=np.inf, refractory=1.0, inhibition=0.0), Stdp(1.0))
        spikes = core.present(train, 1000.0, False)
        assert len(spikes) == 3000
        assert np.array_equal(spikes.time, np.repeat(np.arange(1000.0), 3))
        assert np.array_equal(spikes.line, np.tile([0, 1, 2], 1000))


def test_spikes_after_the_end_are_not_played():
    with open_emulator(rows=1, cols=1, w0=1.0) as device:
        core = device.spiking(Lif(threshold=1.0, leak=np.inf, refractory=0.0, inhibition=1.0), Stdp(1.0))
        assert core.present(SpikeTrain([1.0, 3.0, 3.7], [0, 0, 0]), 3.5, False).time.tolist() == [1.0, 3.0]


def test_times_on_the_grid_are_not_a_tick_early():
    """3e-6 / 1e-6 is 2.9999999999999996 in float64."""
    with open_device("fpga:golden", rows=1, cols=1, w0=1.0) as device:
        core = device.spiking(Lif(threshold=1.0, refractory=0.0, inhibition=1e-6), Stdp())
        times = np.arange(50) * 1e-6
        assert core.present(SpikeTrain(times, np.zeros(50, int)), 50e-6, False).time == pytest.approx(times, abs=1e-12)


def test_a_checkpoint_continues_exactly():
    """States, random numbers and thresholds: all that learning depends on."""
    rng = np.random.default_rng(0)
    lif = Lif(threshold=3.0, leak=20.0, inhibition=2.0, theta_plus=0.2, theta_decay=1000.0, seed=3)
    trains = SpikeBatch.of([random_spikes(rng, 12) for _ in range(20)])
    with open_emulator(rows=12, cols=7, alpha=0.013, w0=0.7, lanes=4) as device:
        core = device.spiking(lif, Stdp(6.0))
        core.present_batch(trains, 41.0, True)
        state, theta = device.snapshot(), core.theta
        assert theta.any()
        counts, after = core.present_batch(trains, 41.0, True), device.snapshot()
        assert not np.array_equal(after["states"], state["states"])
    with open_emulator(rows=12, cols=7, alpha=0.013, w0=0.7, lanes=4) as device:
        device.restore(state)
        core = device.spiking(lif, Stdp(6.0))
        core.theta = theta
        assert np.array_equal(core.present_batch(trains, 41.0, True), counts)
        again = device.snapshot()
        assert again.keys() == after.keys()
        assert all(np.array_equal(again[name], after[name]) for name in after)


def test_a_batch_is_its_presentations():
    rng = np.random.default_rng(1)
    trains = [random_spikes(rng, 5) for _ in range(10)]
    counts = []
    for batched in (True, False):
        with open_emulator(rows=5, cols=3, alpha=0.05, w0=0.7) as device:
            core = device.spiking(EASY, Stdp(6.0))
            if batched:
                counts.append(core.present_batch(SpikeBatch.of(trains), 41.0, True))
            else:
                counts.append([core.present(train, 41.0, True).counts(3) for train in trains])
    assert np.array_equal(*counts)


def test_a_rule_or_reference_that_the_emulator_lacks_runs_on_the_host():
    from hil.spiking.rules import PairStdp

    with open_emulator(rows=3, cols=2, state_bits=16) as device:
        assert isinstance(device.spiking(EASY, PairStdp()), HostCore)
        assert isinstance(device.spiking(Lif(reference="none"), Stdp()), HostCore)


def test_the_host_core_learns_on_the_emulator_too():
    """Pulse by pulse through waveforms: the same as on chip, if nothing is rounded at random."""
    rng = np.random.default_rng(4)
    train, weights = random_spikes(rng, 4), []
    for on_chip in (True, False):
        with open_emulator(rows=4, cols=3, state_bits=16, alpha=5 / 255, w0=0.6) as device:
            core = device.spiking(EASY, Stdp(6.0)) if on_chip else HostCore(device, EASY, Stdp(6.0))
            core.present(train, 41.0, True)
            weights.append(device.states.copy())
    assert np.array_equal(*weights)
    assert np.ptp(weights[0]) > 0


# ---- encoding on chip


def test_latencies_encoded_on_chip_are_those_of_the_host():
    """One grey value a tick, so that the order within a tick is that of the rows on both sides."""
    code = SpikeCode(kind="latency", duration=255.0)
    images = np.random.default_rng(2).integers(0, 256, (6, 9)).astype(np.uint8)
    counts = []
    for on_chip in (True, False):
        with open_emulator(rows=9, cols=4, w0=0.8, alpha=0.05, encoder=True) as device:
            core = device.spiking(Lif(threshold=1.5, leak=200.0, inhibition=5.0), Stdp(60.0))
            if on_chip:
                counts.append(core.present_images(images, 255, code, 0, np.arange(len(images)), True))
            else:
                trains = code.encode(images, 255, 0, np.arange(len(images)))
                counts.append(core.present_batch(trains, 255.0, True))
    assert counts[0].sum() > 10
    assert np.array_equal(*counts)


@pytest.mark.parametrize("shortest", [1e-6, 30e-6])
def test_poisson_rates_on_chip_are_those_of_the_host(shortest):
    code = SpikeCode(kind="poisson", duration=1e-3, shortest=shortest)
    images = np.tile(np.array([0, 4, 16], np.uint8), (300, 1))
    with open_device("fpga:golden", rows=3, cols=1, encoder=True) as device:
        core = device.spiking(Lif(), Stdp())
        core.present_images(images, 16, code, 0, np.arange(300), False)
        played = device.client.read_registers("events")["events"]
    expected = len(code.encode(images, 16, 0, np.arange(300)).time)
    # Two Poisson counts, and the host's first interval has no shortest one before it.
    assert abs(played - expected) < 5 * np.sqrt(2 * expected) + 300 * 3 * shortest * 22.2e3 * 0.5


def test_black_pixels_spike_on_chip_at_the_stated_rate():
    """83 Hz is 5.4 / 65536 a tick: the table holds it to a part in 100,000."""
    with open_device("fpga:golden", rows=1, cols=1, encoder=True) as device:
        core = device.spiking(Lif(), Stdp())
        for f_min in (83.0, 5.0, 22.2e3):
            code = SpikeCode(kind="poisson", f_min=f_min)
            stated = 1.0 / (code.shortest + np.exp(-f_min * code.shortest) / f_min)
            core.present_images(np.zeros((1, 1), np.uint8), 255, code, 0, np.arange(1), False)
            chance = probability_of(int(device.client.read_memory(Space.CODE, 0, 1)[0])) / device.parameters.tick
            assert abs(chance / stated - 1) < 1e-5


def test_black_images_spike_on_chip_as_often_as_stated():
    with open_device("fpga:golden", rows=784, cols=1, encoder=True) as device:
        core, images = device.spiking(Lif(), Stdp()), np.zeros((200, 784), np.uint8)
        core.present_images(images, 255, SpikeCode(kind="poisson"), 0, np.arange(200), False)
        played = device.client.read_registers("events")["events"]
    assert abs(played - images.size * 83.0 * 350e-6) < 4 * np.sqrt(images.size * 83.0 * 350e-6)


@pytest.mark.parametrize(("encoder", "kind"), [(False, "poisson"), (False, "latency"), (True, "periodic")])
def test_the_host_encodes_what_the_chip_does_not(encoder, kind):
    """Its spikes are played one by one: their number is the host's own."""
    code, images = SpikeCode(kind=kind, duration=1e-3), np.full((20, 2), 9, np.uint8)
    with open_device("fpga:golden", rows=2, cols=1, encoder=encoder) as device:
        core = device.spiking(Lif(), Stdp())
        core.present_images(images, 16, code, 3, np.arange(20), False)
        played = device.client.read_registers("events")["events"]
    assert played == len(code.encode(images, 16, 3, np.arange(20)).time) > 0


def test_silent_pixels_are_silent_on_chip():
    images = np.tile(np.array([0, 7, 8, 16], np.uint8), (100, 1))
    for kind in ("poisson", "latency"):
        with open_device("fpga:golden", rows=4, cols=1, encoder=True) as device:
            core = device.spiking(Lif(), Stdp())
            quiet = SpikeCode(kind=kind, duration=1e-3, silent=0.5)
            core.present_images(images, 16, quiet, 0, np.arange(100), False)
            heard = device.client.read_registers("events")["events"]
        expected = len(quiet.encode(images, 16, 0, np.arange(100)).time)
        assert abs(heard - expected) <= (5 * np.sqrt(2 * expected) + 0.1 * expected if kind == "poisson" else 0)


# ---- what cannot be done


@pytest.mark.parametrize(
    ("lif", "words"),
    [
        (Lif(threshold=300.0), "threshold 300 full weights must be in 0.0039 .. 257"),
        (Lif(threshold=0.001), "threshold 0.001"),
        (Lif(tie="membrane"), "tie=membrane"),
        (Lif(inhibition=1e-8), "inhibition 1e-08 s is 0.01 ticks of 1e-06 s"),
        (Lif(inhibition=1.0), "inhibition 1 s is 1e\\+06 ticks"),
        (Lif(refractory=1.0), "refractory 1 s"),
        (Lif(leak=1e-7), "leak 1e-07 s"),
        (Lif(leak=1.0), "leak 1 s must be 1 to 8192 ticks"),
        (Lif(theta_plus=0.001), "theta_plus 0.001"),
        (Lif(theta_plus=300.0), "theta_plus 300"),
        (Lif(theta_plus=0.4, theta_plus_end=0.001), "theta_plus 0.001"),
        (Lif(tie="margin"), "settles ties by rank, not by margin: open it, and build it, with tie=margin"),
        (Lif(theta_plus=0.4, theta_mean="zero"), "theta_mean = zero needs an emulator with annealing"),
    ],
)
def test_settings_beyond_the_registers_are_refused(lif, words):
    with open_device("fpga:golden", rows=2, cols=2) as device, pytest.raises(Unsupported, match=words):
        device.spiking(lif, Stdp())


def test_thresholds_that_no_register_holds_are_refused():
    with open_device("fpga:golden", rows=2, cols=2) as device:
        core = device.spiking(Lif(), Stdp())
        for theta in ([-0.1, 0.0], [0.0, 257.1]):
            with pytest.raises(Unsupported, match="the emulator holds 0 to 257 or, with annealing=on"):
                core.theta = np.array(theta)
    with open_device("fpga:golden", rows=2, cols=2, annealing=True) as device:
        core = device.spiking(Lif(), Stdp())
        core.theta = np.array([-200.0, 57.0])
        assert core.theta.tolist() == [-200.0, 57.0]
        with pytest.raises(Unsupported, match=r"thresholds change by -200 to 58 full weights"):
            core.theta = np.array([-200.0, 58.0])


def test_lots_beyond_the_registers_are_refused():
    with open_device("fpga:golden", rows=2, cols=2) as device:
        for rule in (Stdp(pulse_probability=0.5), Stdp(pulse_probability_end=0.5)):
            with pytest.raises(Unsupported, match="a pulse probability of 0\\.5 needs an emulator with annealing"):
                device.spiking(Lif(), rule)
    with open_device("fpga:golden", rows=2, cols=2, annealing=True) as device:
        with pytest.raises(Unsupported, match="a pulse probability of 1e-06 is below 1\\.5e-05"):
            device.spiking(Lif(), Stdp(pulse_probability_end=1e-6))
        core = device.spiking(Lif(theta_plus=0.4, theta_mean="zero", theta_decay=1.0), Stdp())
        with pytest.raises(Unsupported, match="thresholds of zero mean are not forgotten in the emulator"):
            core.present(SpikeTrain([0.0], [0]), 1e-3, True)


def test_ties_by_membrane_need_inhibition():
    with (
        open_device("fpga:golden", rows=2, cols=2, tie="membrane") as device,
        pytest.raises(Unsupported, match="without inhibition"),
    ):
        device.spiking(Lif(tie="membrane", inhibition=0.0), Stdp())


def test_presentations_beyond_the_registers_are_refused():
    with open_device("fpga:golden", rows=2, cols=2) as device:
        core = device.spiking(Lif(), Stdp())
        train = SpikeTrain([0.0], [0])
        with pytest.raises(Unsupported, match="presentation of 0\\.01 s is 10000 ticks"):
            core.present(train, 0.01, False)
        with pytest.raises(InputError, match="a spike on row 2"):
            core.present(SpikeTrain([0.0], [2]), 1e-4, False)
        slow = device.spiking(Lif(theta_plus=1.0, theta_decay=100.0), Stdp())
        with pytest.raises(Unsupported, match="theta_decay 100 s takes"):
            slow.present(train, 1e-4, True)
