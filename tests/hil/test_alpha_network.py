"""The network of Zhou et al. (2022) against a plain reference of its own, closed forms, and what half cues recall."""

import numpy as np
import pytest

import hil
from hil.data.outlines import drawn, four, random_pixels, shared_fraction, thin
from hil.errors import InputError
from hil.neurons.catalogue import make
from hil.neurons.currents import current
from hil.neurons.recording import trace
from hil.spiking.alpha.cells import PlasticCells
from hil.spiking.alpha.network import AlphaNetwork
from hil.spiking.alpha.settings import AlphaNetworkSettings
from hil.training.patterns_measures import by_vote, by_winner, labels_of
from hil.training.recall_measures import CompletionWindow, cue, score

US = 20
"""Steps in a microsecond."""


def network(inputs, neurons, recurrent=True, seed=0, **settings):
    return AlphaNetwork(AlphaNetworkSettings(**{"strobe": 0.0, **settings}), inputs, neurons, recurrent, seed)


def spikes(*pairs):
    step, line = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T
    return np.ascontiguousarray(step), np.ascontiguousarray(line)


@pytest.mark.parametrize(("size", "bound"), [(50e-6, 0.1e-3), (300e-6, 0.7e-3)])
def test_a_neuron_of_the_network_is_the_exact_one_within_the_stated_error(size, bound):
    alone = network(1, 1, input_weight=size, inhibition=0.0)
    alone.weights[:] = 0
    ours = [alone.voltage[0]]
    for step in range(200):
        alone.play(1, *spikes(*[(0, 0)] * (step >= US and (step - US) % 8 == 0 and step < US + 64)), False)
        ours.append(alone.voltage[0])
    exact = trace(make("mif"), current(f"alpha:{size}*8@1us/0.4us"), 10e-6, 10_000).states[::50, 0]
    error = np.abs(np.array(ours) - exact).max()
    assert 0 < error < bound


def plain(net, steps, given):
    """The same network, one synapse and one spike at a time, with the equations written out."""
    s, n = net.settings, net.neurons
    w, delay = net.weights.copy(), net.delay
    v, x1, x2 = (np.full(2 * n, value) for value in make("mif").start()[:3])
    a, i, free = np.zeros(2 * n), np.zeros(2 * n), np.zeros(2 * n, int)
    t_pre, a_pre, t_post, a_post = np.zeros((4, n))
    due = {}
    u, out = s.dt / s.tau_syn, []

    def moved(x, u):
        rise, fall = 1 / (1 + np.exp((0.1 - u) / 0.015)), 1 / (1 + np.exp(u / 0.015))
        end = rise / (rise + fall)
        return end + (x - end) * np.exp(-(rise + fall) * s.dt / 1e-6)

    for t in range(steps):
        for j in due.pop(t, []):
            a[:n] += w[j]
        a[[line for step, line in given if step == t]] += s.input_weight
        x1, x2 = moved(x1, v), moved(x2, v - 0.05)
        g1, g2 = x1 / 1e3 + (1 - x1) / 1e5, x2 / 1e3 + (1 - x2) / 1e5
        mean = (i * (1 - np.exp(-u)) + a * (1 - (1 + u) * np.exp(-u))) / u
        end = (mean + g2 * 0.05) / (g1 + g2)
        v = end + (v - end) * np.exp(-(g1 + g2) * s.dt / 1e-10)
        i, a = (i + a * u) * np.exp(-u), a * np.exp(-u)
        fires = [k for k in range(2 * n) if v[k] >= 25e-3 and free[k] <= t]
        for k in fires:
            free[k] = t + round(3e-6 / s.dt)
        k = s.dt / s.tau_stdp
        a_pre, t_pre = (a_pre + t_pre * k) * np.exp(-k), t_pre * np.exp(-k)
        a_post, t_post = (a_post + t_post * k) * np.exp(-k), t_post * np.exp(-k)
        for k in fires:
            if k >= n:
                a[[j for j in range(n) if j != k - n]] -= s.inhibition
                continue
            out.append((t, k))
            a[n + k] += s.to_inhibitory
            due.setdefault(t + delay[k], []).append(k)
            w[k] = np.clip(w[k] + a_post, 0, s.bound)
            w[:, k] = np.clip(w[:, k] + a_pre, 0, s.bound)
            w[k, k] = 0
        for k in fires:
            if k < n:
                t_pre[k] += s.u_pre
                t_post[k] += s.u_post
    return out, w


@pytest.mark.parametrize("seed", [0, 1])
def test_spikes_and_weights_are_those_of_a_plain_reference(seed):
    net = network(12, 12, seed=seed, initial=5e-6, bound=20e-6, inhibition=6e-6, rate=2e6)
    rng = np.random.default_rng(seed)
    given = [(int(t), int(k)) for t, k in zip(*np.nonzero(rng.random((700, 12)) < 0.08), strict=True)]
    expected, weights = plain(net, 900, given)
    answer = net.play(900, *spikes(*given), True)
    assert len(expected) > 60
    found = [(round(t / 50e-9) - 1, int(k)) for t, k in zip(answer.times, answer.lines, strict=True)]
    assert found == expected
    assert np.abs(net.weights - weights).max() < 1e-4 * 20e-6  # the table of rates, and 1 / (1 + g/2 + g^2/12)
    assert np.abs(weights).max() > 5.5e-6  # it has learned
    assert (answer.counts == np.bincount([k for _, k in expected], minlength=12)).all()


@pytest.mark.parametrize("apart", [-7.0, -3.0, -0.5, 0.5, 3.0, 5.0, 9.0])
def test_a_pair_of_spikes_changes_a_weight_by_the_closed_form_of_equation_3(apart):
    """Input and neuron of Type 2; W_pre = U |dt| / tau exp(-|dt| / tau), the other sign before it; Figure 3 at 5 us."""
    tau, u_pre, u_post = 3e-6, 1e-6, -1e-6
    net = network(
        2, 1, recurrent=False, tau_stdp=tau, u_pre=u_pre, u_post=u_post, bound=200e-6, initial=200e-6, delay_min=0.0,
        delay_max=0.0, inhibition=0.0,
    )  # fmt: skip
    net.weights[:] = [[1e-6], [150e-6]]  # line 0 is watched; line 1 makes the neuron fire, once
    at = 20 * US
    seen = net.play(at + 20 * US, *spikes((at, 1)), False)
    fires = round(seen.times[0] / 50e-9) - 1
    assert len(seen.times) == 1
    net = network(
        2, 1, recurrent=False, tau_stdp=tau, u_pre=u_pre, u_post=u_post, bound=200e-6, initial=200e-6, delay_min=0.0,
        delay_max=0.0, inhibition=0.0,
    )  # fmt: skip
    net.weights[:] = [[1e-6], [150e-6]]
    watched = fires - round(apart * US)
    net.play(at + 20 * US, *spikes((at, 1), (watched, 0)), True)
    dt = apart * 1e-6
    expected = (u_pre if dt > 0 else u_post) * abs(dt) / tau * np.exp(-abs(dt) / tau)
    # an input spike is taken before the step's traces move, a neuron's after: one step of 50 ns of a time of 3 us
    assert net.weights[0, 0] - 1e-6 == pytest.approx(max(expected, -1e-6), abs=0.012e-6)
    if apart == 5.0:
        assert net.weights[0, 0] - 1e-6 == pytest.approx(0.3148e-6, abs=0.006e-6)


def test_a_spike_arrives_after_the_delay_of_its_line_and_inhibition_spares_its_own():
    net = network(3, 3, inhibition=30e-6, initial=0.0, delay_min=1e-6, delay_max=1e-6, bound=100e-6)
    net.weights[0, 1] = 60e-6
    course = []
    for step in range(80):
        fired = net.play(1, *spikes(*[(0, 0)] * (2 * (step == 20))), False)
        course.append((len(fired.times), *net.voltage))
    course = np.array(course)
    fired = int(np.flatnonzero(course[:, 0])[0])
    up = np.flatnonzero(np.diff(course[:, 2]) > 2e-3)[0] + 1
    assert up == fired + 20
    down = np.flatnonzero(np.diff(course[:, 3]) < -1e-3)[0] + 1
    assert fired < down <= fired + 3
    assert course[down, 1] > course[down - 1, 1] - 1e-3  # its own partner does not inhibit it


def test_a_network_goes_on_from_its_snapshot_in_the_same_bits():
    images = four().astype(float)
    first, second = network(1024, 1024), network(1024, 1024)
    rng = np.random.default_rng(3)
    first.present(images[0], rng, True)
    kept, weights, state = first.snapshot(), first.weights.copy(), rng.bit_generator.state
    ends = []
    for net in (first, second):
        if net is second:
            net.restore(kept)
            net.weights[...] = weights
            rng.bit_generator.state = state
        answer = net.present(images[1], rng, True)
        ends.append((answer.counts, net.weights, net.snapshot()))
    assert all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))


def remembered(passes=3, **settings):
    """Scores of one half cue of each of the four patterns after a few passes through them."""
    net, patterns = AlphaNetwork(AlphaNetworkSettings(**settings), 1024, 1024, True, 5), four()
    rng = np.random.default_rng(5)
    for pattern in np.tile(patterns, (passes, 1)):
        net.present(pattern.astype(float), rng, True)
    net.rest()
    found = []
    for k, pattern in enumerate(patterns):
        shown = cue(pattern, "left", 32, rng)
        found.append(score(net.present(shown.astype(float), rng, False).counts, patterns, k, shown))
    return found


def test_half_cues_are_completed_and_the_controls_complete_none():
    assert [each.completed for each in remembered()] == [True] * 4
    assert [each.completed for each in remembered(0)] == [False] * 4  # untrained
    without_delay = remembered(delay_min=0.0, delay_max=0.0)
    assert not any(each.completed for each in without_delay) and max(each.other for each in without_delay) > 0.3
    too_much = remembered(inhibition=20e-6)  # the paper's
    assert not any(each.completed for each in too_much) and max(each.missing for each in too_much) < 0.05


def test_drawings_have_the_pixels_that_are_written_about_them():
    assert four().sum(axis=1).tolist() == [192, 208, 216, 192]
    assert thin().sum(axis=1).tolist() == [100, 108, 116, 80]
    names, shapes = drawn(4, 3)
    assert len(set(names)) == 4 and (shapes.sum(axis=1) == 200).all()
    assert (drawn(4, 3)[1] == shapes).all() and (drawn(4, 4)[1] != shapes).any()


def test_the_shared_fraction_counts_synapses_that_lead_astray():
    patterns = random_pixels(3, 1, pixels=120)
    largest = 0.0
    for p in patterns:
        for j in np.flatnonzero(~p)[::7]:
            astray = [any(q[i] and q[j] for q in patterns) for i in np.flatnonzero(p)]
            largest = max(largest, float(np.mean(astray)))
    assert largest <= shared_fraction(patterns) < largest + 0.2
    apart = np.zeros((2, 10), bool)
    apart[0, :5] = apart[1, 5:] = True
    assert shared_fraction(apart) == 0.0
    window = CompletionWindow.of(four(), AlphaNetworkSettings())
    assert window.low == shared_fraction(four()) < window.high < 1


def test_cues_and_scores():
    pattern = np.zeros(16, bool)
    pattern[[0, 1, 5, 9, 14, 15]] = True
    rng = np.random.default_rng(0)
    assert np.flatnonzero(cue(pattern, "top", 4, rng)).tolist() == [0, 1, 5]
    assert np.flatnonzero(cue(pattern, "left", 4, rng)).tolist() == [0, 1, 5]
    shown = cue(pattern, "random", 4, rng)
    assert shown.sum() == 3 and not (shown & ~pattern).any()
    other = np.zeros(16, bool)
    other[[0, 2, 3]] = True
    counts = np.where(shown, 10, 0) + np.where(pattern & ~shown, 4, 0)
    found = score(counts, np.array([pattern, other]), 0, shown)
    assert (found.cued, found.missing, found.other, found.completed) == (10, 0.4, 0, True)
    counts[2] = 3
    assert not score(counts, np.array([pattern, other]), 0, shown).completed


def test_winner_and_vote_share_ties():
    labels = labels_of(np.array([[3, 0, 0, 1], [1, 2, 0, 1]]))
    assert labels.tolist() == [0, 1, -1, 0]
    counts = np.array([5, 5, 0, 0])
    assert (by_winner(counts, labels, 0), by_winner(np.zeros(4, int), labels, 0)) == (0.5, 0.0)
    assert (by_vote(counts, labels, 1, 2), by_vote(counts, labels, 0, 2)) == (1.0, 0.0)


# Weights in the cells of a device.


def test_pulses_bring_the_change_that_was_asked_for_on_average():
    with hil.open_device("sim:rram?rows=40&cols=50&alpha=0.02") as device:
        cells = PlasticCells(device, 5e-6, "pulses")
        rng = np.random.default_rng(0)
        wanted = rng.uniform(1e-6, 4e-6, (40, 50))
        cells.begin(wanted, rng)
        assert cells.step == pytest.approx((0.02, 0.02), rel=1e-6)
        before = cells.weights()
        assert np.abs(before - wanted).max() < 0.02 * 5e-6 * 1.01
        change = rng.uniform(-0.13e-6, 0.13e-6, (40, 50))
        cells.change(before, before + change, rng)
        moved = cells.weights() - before
        steps = moved / (0.02 * 5e-6)
        assert np.abs(steps - np.rint(steps)).max() < 1e-6  # whole pulses
        assert moved.sum() == pytest.approx(change.sum(), abs=4 * 0.5 * 0.02 * 5e-6 * np.sqrt(change.size))
        assert np.abs(moved - change).max() < 0.02 * 5e-6


def test_exact_changes_and_what_cannot_be_trained():
    with hil.open_device("sim:rram?rows=3&cols=4&alpha=0.02") as device:
        cells = PlasticCells(device, 5e-6, "exact")
        wanted = np.linspace(0, 5e-6, 12).reshape(3, 4)
        cells.begin(wanted, np.random.default_rng(0))
        assert cells.weights() == pytest.approx(wanted, abs=1e-12)
    with (
        hil.open_device("sim:mott?rows=3&cols=4") as device,
        pytest.raises(InputError, match="finds none"),
    ):
        PlasticCells(device, 5e-6, "pulses")
    with pytest.raises(InputError, match="as many neurons as inputs"):
        network(3, 4)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"delay_min": 3e-6}, "must not be below delay_min"),
        ({"initial": 9e-6}, "must not be above the bound"),
        ({"rate": 4e7}, "more than one spike in a step"),
        ({"dt": 1e-3}, "dt"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        AlphaNetworkSettings(**values)
