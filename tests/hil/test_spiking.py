import numpy as np
import pytest

from hil.backends import open_device
from hil.errors import InputError
from hil.mixing import lots
from hil.programming import Programming
from hil.spiking.core import Reference
from hil.spiking.course import odds
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import PairStdp, Stdp
from hil.spiking.trains import SpikeBatch, SpikeTrain
from sim.crossbar.pulse_step import PulseStepArray

US = 1e-6


def core(rows=3, cols=2, uri="sim:rram?alpha=0.1&w0=0.5", **lif):
    return HostCore(open_device(uri, rows=rows, cols=cols), Lif(**{"threshold": 1.2} | lif), Stdp())


def test_spike_trains_are_sorted_by_time_then_line():
    train = SpikeTrain([3.0, 1.0, 1.0], [0, 2, 1])
    assert train.time.tolist() == [1.0, 1.0, 3.0]
    assert train.line.tolist() == [1, 2, 0]
    assert train.counts(4).tolist() == [1, 1, 1, 0]
    batch = SpikeBatch.of([train, SpikeTrain([], []), SpikeTrain([0.5], [3])])
    assert [len(batch[b]) for b in range(3)] == [3, 0, 1]
    assert batch[0] == train


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpikeTrain([1.0], [1, 2]), "as many times as lines"),
        (lambda: SpikeTrain([np.nan], [1]), "finite times"),
        (lambda: SpikeTrain([-1.0], [1]), "finite times >= 0 s"),
        (lambda: Lif(threshold=0), "Lif: threshold = 0 must be > 0"),
        (lambda: Lif(inhibition=-1), "Lif: inhibition = -1 must be >= 0"),
        (lambda: Stdp(window=-1), "Stdp: window = -1 s must be >= 0"),
        (lambda: Stdp(pulse_probability=0), "Stdp: pulse_probability = 0 must be > 0 and at most 1"),
        (
            lambda: PairStdp(pulse_probability=0.5, pulse_probability_end=0.6),
            "PairStdp: pulse_probability_end = 0.6 must be > 0 and at most pulse_probability = 0.5",
        ),
        (lambda: Lif(theta_plus_end=0.1), "Lif: theta_plus_end = 0.1 must be > 0 and at most theta_plus = 0"),
        (
            lambda: core(theta_plus=0.4, theta_plus_end=0.1).present(SpikeTrain([], []), 1.0, True),
            "theta_plus falls from 0.4 to 0.1 over a run of unknown length: set course.horizon",
        ),
        (lambda: PairStdp(n_plus=-1), "PairStdp: n_plus = -1 must be in 0 .. 100"),
        (lambda: PairStdp(n_minus=101), "PairStdp: n_minus = 101 must be in 0 .. 100"),
        (lambda: PairStdp(tau_plus=0), "PairStdp: tau_plus = 0 s must be > 0"),
        (lambda: core(cols=1, reference="column"), "sim:rram has one column: a reference column needs another"),
        (
            lambda: core(uri="sim:rram?model=nlsb&gamma=6&alpha=0.01&w0=0.5", reference="column"),
            "10000 depression pulses leave the reference column at a weight of up to 0.2.*do not reach g_min",
        ),
        (lambda: core().present(SpikeTrain([0.0], [3]), 1.0, False), "a spike on row 3: the device has rows 0 to 2"),
        (lambda: core(uri="sim:flca?phi0=1e-3"), "sim:flca does not say by which pulses a cell is programmed"),
    ],
)
def test_errors_are_one_sentence(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_membranes_sum_weights_and_leak_exactly():
    """Two inputs of weight 0.5 reach 0.9 together only if at most leak ln(0.5 / 0.4) apart."""
    leak = 100 * US
    for gap, fires in ((0.99, True), (1.01, False)):
        spikes = SpikeTrain([0.0, gap * leak * np.log(0.5 / 0.4)], [0, 1])
        assert (len(core(threshold=0.9, leak=leak).present(spikes, 1.0, False)) > 0) == fires


def test_the_winner_inhibits_the_others_and_the_rank_decides_ties():
    lif = Lif(threshold=0.4, inhibition=10 * US, refractory=20 * US)
    winner = int(lif.ranks(2).argmin())
    spikes = SpikeTrain(np.array([0.0, 5.0, 12.0, 25.0]) * US, [0, 0, 0, 0])
    out = HostCore(open_device("sim:rram?w0=0.5", rows=1, cols=2), lif, Stdp()).present(spikes, 1.0, False)
    assert out.time == pytest.approx([0.0, 12 * US, 25 * US])
    assert out.line.tolist() == [winner, 1 - winner, winner]


def test_adaptive_thresholds_rise_with_every_spike_and_are_forgotten():
    subject = core(threshold=0.4, theta_plus=0.3, theta_decay=1e-3, inhibition=0.0, cols=1)
    assert len(subject.present(SpikeTrain([0.0, 1e-4], [0, 1]), 2e-4, True)) == 1
    assert subject.theta == pytest.approx([0.3])
    subject.present(SpikeTrain([], []), 1e-3, True)
    assert subject.theta == pytest.approx([0.3 * np.exp(-1)])


@pytest.mark.parametrize(("tie", "winner"), [("rank", 0), ("membrane", 1), ("margin", 2)])
def test_the_winner_is_the_first_the_highest_or_the_furthest_above_its_threshold(tie, winner):
    """Weights 0.5, 0.9, 0.7; thresholds 0.4, 0.8, 0.5: margins of 0.1, 0.1 and 0.2."""
    device = open_device("sim:rram", rows=1, cols=3)
    device.set_weights(np.array([[0.5, 0.9, 0.7]]))
    seed = next(s for s in range(100) if Lif(seed=s).ranks(3).argmin() == 0)
    subject = HostCore(device, Lif(threshold=0.3, tie=tie, seed=seed), Stdp())
    subject.theta = np.array([0.1, 0.5, 0.2])
    assert subject.present(SpikeTrain([0.0], [0]), 1.0, False).line.tolist() == [winner]


def test_thresholds_of_zero_mean_rise_where_a_neuron_fires_and_fall_everywhere():
    subject = core(threshold=0.4, theta_plus=0.3, theta_mean="zero", cols=3, refractory=1.0)
    (winner,) = subject.present(SpikeTrain([0.0], [0]), 1.0, True).line
    assert subject.theta == pytest.approx(np.where(np.arange(3) == winner, 0.2, -0.1))


def test_what_falls_does_so_geometrically_over_the_run_and_no_further():
    subject = core(threshold=0.4, theta_plus=0.4, theta_plus_end=0.1, cols=1, refractory=1.0)
    subject.course.horizon, seen = 4, []
    for _ in range(6):
        subject.theta = np.zeros(1)
        subject.present(SpikeTrain([0.0], [0]), 1.0, True)
        subject.present(SpikeTrain([0.0], [0]), 1.0, False)  # does not count
        seen.append(subject.theta[0])
    assert seen == pytest.approx([0.4 * 0.25 ** min(k / 4, 1) for k in range(6)])


def test_cells_get_their_pulses_with_the_probability_that_is_asked_for():
    """Counted on a linear device, of 200 spikes on 400 cells; cells and spikes draw independently."""
    device, p = open_device("sim:rram?alpha=0.001&w0=0.5", rows=400, cols=1), 0.3
    subject = HostCore(device, Lif(threshold=0.1, refractory=0.0), Stdp(0.0, pulse_probability=p, seed=5))
    for _ in range(200):
        subject.present(SpikeTrain([0.0], [0]), 1.0, True)
    pulses = np.rint((0.5 - subject.weights()[1:, 0]) / 0.001)
    spread = np.sqrt(200 * p * (1 - p))
    assert pulses.mean() == pytest.approx(200 * p, abs=4 * spread / np.sqrt(399))
    assert pulses.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * 399))
    assert subject.course.asked == 200
    alone = np.array([lots(5, k, 400, odds(p)) for k in range(1, 201)])
    assert np.array_equal(alone.sum(axis=0)[1:], pulses)
    for one, other in ((alone[:-1], alone[1:]), (alone[:, :-1], alone[:, 1:])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(alone.size)
    assert lots(5, 1, 400, odds(1.0)).all()


def test_a_presentation_without_learning_leaves_nothing_behind():
    subject = core(threshold=0.4, theta_plus=0.3, theta_decay=1e-3)
    subject.theta = np.array([0.05, 0.02])
    weights = subject.weights()
    assert len(subject.present(SpikeTrain([0.0, 1e-4], [0, 1]), 2e-4, False)) == 2
    assert subject.theta.tolist() == [0.05, 0.02]
    assert np.array_equal(subject.weights(), weights)


def test_one_presentation_is_reads_and_programming_pulses(monkeypatch):
    """The trace of what a device sees: a read for every input spike, then V/2 pulses on the winner's column."""
    trace = []
    play, read = PulseStepArray._play, PulseStepArray.read_rows
    monkeypatch.setattr(
        PulseStepArray, "read_rows", lambda self, r, v=None: trace.append(("read", list(r))) or read(self, r, v)
    )
    monkeypatch.setattr(PulseStepArray, "_play", lambda self, w: trace.append(("program", w)) or play(self, w))
    subject = core(threshold=0.9)
    before = subject.weights()
    trace.clear()
    out = subject.present(SpikeTrain([0.0, 1 * US], [0, 2]), 1.0, True)
    winner = int(out.line[0])
    assert [kind for kind, _ in trace] == ["read", "read", "program"]
    assert [rows for kind, rows in trace if kind == "read"] == [[0], [2]]
    waveform = trace[2][1]
    column = np.arange(2) == winner
    assert np.array_equal(waveform.rows, [[0.5, 0, 0.5], [0, 0, 0], [0, -0.5, 0], [0, 0, 0]])
    assert np.array_equal(waveform.cols, np.outer([-0.5, 0, 0.5, 0], column))
    change = subject.weights() - before
    assert change[:, winner] == pytest.approx([0.1, -0.1, 0.1])
    assert change[:, 1 - winner] == pytest.approx([0, 0, 0], abs=1e-12)


def test_any_device_learns_through_the_host_core():
    """FLCA cells: no thresholds, so half-selected cells move too, and the selected ones most."""
    device = open_device("sim:flca?R=1e4,1e6&D=0.01&phi0=0.05", rows=4, cols=3)
    pulses = Programming(v_set=-1.0, v_reset=-1.0, width=1e-3, g_min=1 / 1.1e5, g_max=1e-4)
    subject = HostCore(device, Lif(threshold=0.1), Stdp(), pulses)
    before = subject.weights()
    out = subject.present(SpikeTrain([0.0, 1e-6], [0, 1]), 1.0, True)
    change = subject.weights() - before
    assert len(out) >= 1
    winner = int(out.line[0])
    assert (change[:2, winner] > 0).all()
    assert (change[2:, winner] < 0).all()
    assert np.abs(change[0, winner]) > np.abs(np.delete(change[0], winner)).max()


def test_a_device_says_how_its_cells_are_programmed():
    with open_device("sim:rram?v_set=0.8&v_reset=1.1&g_min=1e-6&g_max=5e-5", rows=2, cols=2) as device:
        assert device.programming == Programming(0.8, 1.1, 1e-6, 1e-6, 5e-5)


def test_pair_rule_gives_the_rounded_exponential_in_pulses():
    """Pulses counted on a linear device, at delays all along both branches of the STDP window."""
    rule = PairStdp(n_plus=5.0, n_minus=3.0, tau_plus=30 * US, tau_minus=50 * US)
    quiet = {"threshold": 0.5, "leak": 1e-3, "inhibition": 0.0, "refractory": 1.0}
    for delay in np.arange(1.0, 160.0, 7.3) * US:
        device = open_device("sim:rram?alpha=0.001&w0=0.6", rows=3, cols=1)
        subject = HostCore(device, Lif(**quiet | {"threshold": 1.0}), rule)
        before, after = SpikeTrain([0.0, delay], [0, 1]), SpikeTrain([0.0, 0.0, delay], [0, 1, 2])
        fired = subject.present(before, 1.0, True)
        assert len(fired) == 1
        pulses = (subject.weights()[:, 0] - 0.6) / 0.001
        assert pulses == pytest.approx([np.rint(5 * np.exp(-delay / (30 * US))), 5, 0], abs=1e-6)
        subject = HostCore(open_device("sim:rram?alpha=0.001&w0=0.6", rows=3, cols=1), Lif(**quiet), rule)
        subject.present(after, 1.0, True)
        pulses = (subject.weights()[:, 0] - 0.6) / 0.001
        assert pulses[2] == pytest.approx(-np.rint(3 * np.exp(-delay / (50 * US))), abs=1e-6)


def test_an_input_is_read_before_it_depresses():
    """The second input still adds the weight of before its own depression."""
    rule = PairStdp(n_plus=0.0, n_minus=1.0, tau_minus=1.0)
    subject = core(threshold=0.5, cols=1, refractory=0.0, inhibition=0.0)
    subject = HostCore(subject.device, subject.lif, rule)
    out = subject.present(SpikeTrain([0.0, 1 * US, 2 * US], [0, 0, 0]), 1.0, True)
    assert out.time.tolist() == [0.0, 1 * US]
    assert subject.weights()[0, 0] == pytest.approx(0.3)


def test_a_low_on_off_ratio_needs_a_reference():
    """At an on/off ratio of 5, nothing subtracted adds 1/4 to every input; the column takes it away and costs cells."""
    low = "sim:rram?alpha=0.1&w0=0.5&g_min=2e-5&g_max=1e-4"
    spikes = SpikeTrain(np.arange(4) * 1e-9, [0, 1, 2, 0])
    fires = {
        reference: len(core(uri=low, cols=2, threshold=2.1, reference=reference).present(spikes, 1.0, False))
        for reference in ("exact", "column", "none")
    }
    assert fires == {"exact": 0, "column": 0, "none": 1}
    subject = core(uri=low, cols=2, reference="column")
    assert subject.neurons == 1
    assert subject.reference == Reference(cells=3, pulses=5, residue=pytest.approx(0.0, abs=1e-12))
    assert subject.weights().shape == (3, 1)
