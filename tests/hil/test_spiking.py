import numpy as np
import pytest

from hil.backends import open_device
from hil.errors import InputError
from hil.host_core import HostCore
from hil.spiking import Lif, Programming, SpikeBatch, SpikeTrain, Stdp
from sim.rram import RramArray

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
    assert len(subject.present(SpikeTrain([0.0, 1e-4], [0, 1]), 2e-4, False)) == 1
    assert subject.theta == pytest.approx([0.3])
    subject.present(SpikeTrain([], []), 1e-3, False)
    assert subject.theta == pytest.approx([0.3 * np.exp(-1)])


def test_one_presentation_is_reads_and_programming_pulses(monkeypatch):
    """The trace of what a device sees: a read for every input spike, then V/2 pulses on the winner's column."""
    trace = []
    play, mvm = RramArray._play, RramArray.mvm
    monkeypatch.setattr(RramArray, "mvm", lambda self, v: trace.append(("read", v.tolist())) or mvm(self, v))
    monkeypatch.setattr(RramArray, "_play", lambda self, w: trace.append(("program", w)) or play(self, w))
    subject = core(threshold=0.9)
    before = subject.weights()
    out = subject.present(SpikeTrain([0.0, 1 * US], [0, 2]), 1.0, True)
    winner = int(out.line[0])
    assert [kind for kind, _ in trace] == ["read", "read", "program"]
    assert trace[0][1] == [[1e-3, 0, 0]]
    assert trace[1][1] == [[0, 0, 1e-3]]
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
