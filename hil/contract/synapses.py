"""The contract of `hil.synapses.synapse.Synapse` as a pytest class: subclass it, and say how a synapse is opened."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.contract.bench import assert_close, assert_identical
from hil.device import DeviceClosed, Unsupported
from hil.errors import InputError
from hil.spiking.core import SpikingCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeTrain
from hil.synapses.synapse import Synapse
from hil.waveform import Waveform


class SynapseContract:
    """What every synapse must do on every device that it can be put in front of.

    Attributes
    ----------
    rows, cols : int
        Weights that `open` is asked for.
    pulses : int
        That surely move a weight.
    noise : float
        Relative spread of two readings of one state.
    disturbed : float
        Part of its range by which a weight may move that is not meant.
    proportional : float
        Relative agreement of a product with voltages times weights; cells that are not ohmic agree less.
    """

    rows: int = 3
    cols: int = 2
    pulses: int = 3
    noise: float = 1e-9
    disturbed: float = 1e-9
    proportional: float = 1e-6

    def open(self, rows: int, cols: int) -> Synapse:
        """Open a pristine synapse under test, its weights neither at the one nor at the other end of their range."""
        raise NotImplementedError("override open(rows, cols) to return the synapse under test")

    @pytest.fixture
    def synapse(self) -> Iterator[Synapse]:
        """Open the synapse for one test and close it afterwards."""
        with self.open(self.rows, self.cols) as synapse:
            yield synapse

    def one(self, synapse: Synapse, row: int, col: int, count: int) -> NDArray[np.int64]:
        """Counts of pulses for one weight alone."""
        counts = np.zeros(synapse.cells, np.int64)
        counts[row, col] = count
        return counts

    def test_it_describes_itself(self, synapse: Synapse) -> None:
        """Structure, cells, area, sign, and as many weights as asked for."""
        kind = type(synapse)
        assert synapse.cells == (self.rows, self.cols)
        assert synapse.cells_a_weight * self.cols == synapse.array.cols and self.rows == synapse.array.rows
        assert kind.structure and kind.formula and kind.__doc__
        assert kind.area_of(synapse.settings) >= 4 * synapse.cells_a_weight
        assert kind.transistors >= 0 and set(synapse.signs.tolist()) <= {1, -1}
        assert synapse.signed or (synapse.programming is not None and synapse.programming.g_min >= 0)
        assert synapse.array.name in synapse.name and synapse.name in repr(synapse)

    def test_weights_have_their_sign_and_range(self, synapse: Synapse) -> None:
        """-1..1 or 0..1, (rows, cols) float64, and a signed one of equal cells is 0."""
        w = synapse.weights()
        assert w.shape == synapse.cells and w.dtype == np.float64 and np.isfinite(w).all()
        room = 1e-6 + self.disturbed
        assert (w <= 1 + room).all() and (w >= (-1 if synapse.signed else 0) - room).all()
        g = synapse.cell_conductances()
        alike = synapse.combine(np.broadcast_to(g[:1, :1, :1], (1, 1, synapse.cells_a_weight)))
        assert abs(float(alike[0, 0])) < 1e-12 if synapse.signed else alike[0, 0] > 0

    def test_pulses_move_a_weight_both_ways(self, synapse: Synapse) -> None:
        """Up and down again, the last row and column as well as the first, and the others stay."""
        for row, col in ((0, 0), (self.rows - 1, self.cols - 1)):
            before = synapse.weights()
            synapse.program(self.one(synapse, row, col, self.pulses))
            higher = synapse.weights()
            synapse.program(self.one(synapse, row, col, -self.pulses))
            lower = synapse.weights()
            least = 5 * (self.noise + self.disturbed)
            assert higher[row, col] > before[row, col] + least, f"{before} -> {higher} by {self.pulses} pulses up"
            assert lower[row, col] < higher[row, col] - least, f"{higher} -> {lower} by {self.pulses} pulses down"
            others = np.ones(synapse.cells, bool)
            others[row, col] = False
            apart = np.abs(lower - before)[others].max(initial=0.0)
            assert apart <= self.noise + self.disturbed, f"weights that were not meant moved by {apart:g}"

    def test_no_pulses_do_nothing(self, synapse: Synapse) -> None:
        """Not even take time."""
        before, time = synapse.read(), synapse.time
        synapse.program(np.zeros(synapse.cells, int))
        assert synapse.time == time
        assert_close(synapse.read(), before, self.noise, "weights after no pulse, S")

    def test_a_product_is_voltages_times_weights(self, synapse: Synapse) -> None:
        """For either sign of voltage and several rows; one vector, a batch, none."""
        counts = np.resize([self.pulses, -self.pulses, 0], synapse.cells)
        synapse.program(counts)
        v = synapse.read_voltage * np.vstack([np.eye(self.rows), np.ones(self.rows)])
        expected = v @ synapse.read()
        scale = np.abs(expected).max()
        assert np.abs(synapse.mvm(v) - expected).max() <= (self.noise + self.proportional) * scale
        assert synapse.mvm(v[0]).shape == (1, self.cols) and synapse.mvm(v[:0]).shape == (0, self.cols)
        with pytest.raises(InputError):
            synapse.mvm(np.zeros((2, self.rows + 1)))

    def test_rows_are_read_one_by_one(self, synapse: Synapse) -> None:
        """In the order asked for."""
        synapse.program(self.one(synapse, 0, 0, self.pulses))
        order = [self.rows - 1, 0, 0]
        assert_close(synapse.read_rows(order), synapse.read()[order], 2 * self.noise + 1e-12, "weights of rows, S")

    @pytest.mark.parametrize("wrong", ["shape", "fraction", "nan"])
    def test_counts_that_are_none_are_refused(self, synapse: Synapse, wrong: str) -> None:
        """And nothing moves."""
        before = synapse.read()
        counts = {
            "shape": np.zeros((self.rows + 1, self.cols)),
            "fraction": np.full(synapse.cells, 0.5),
            "nan": np.full(synapse.cells, np.nan),
        }
        with pytest.raises(InputError, match="pulse count"):
            synapse.program(counts[wrong])
        assert_close(synapse.read(), before, self.noise, "weights after a refusal, S")

    def test_a_snapshot_goes_on_as_it_would_have(self, synapse: Synapse) -> None:
        """Bit for bit, pulses after it included; a foreign one is refused and changes nothing."""
        synapse.program(np.resize([1, -1, 2], synapse.cells))
        try:
            state = synapse.snapshot()
        except Unsupported as reason:
            assert str(reason).strip()
            pytest.skip(str(reason))
        kept = {name: np.array(array) for name, array in state.items()}
        then = np.resize([-2, 1], synapse.cells)
        synapse.program(then)
        after = synapse.snapshot()
        for wrong in ({}, kept | {"of another": np.zeros(2)}, dict(list(kept.items())[:-1])):
            with pytest.raises(InputError):
                synapse.restore(wrong)
            assert_identical(after, synapse.snapshot(), "state after a refused one")
        synapse.restore(state)
        assert_identical(kept, synapse.snapshot(), "restored state")
        synapse.program(then)
        assert_identical(after, synapse.snapshot(), "state after the same pulses")

    def test_a_reset_is_pristine(self, synapse: Synapse) -> None:
        """Time 0, the weights of a new one, and the same pulses do the same again."""
        counts = np.resize([self.pulses, -1], synapse.cells)
        ends = []
        for _ in range(2):
            try:
                synapse.reset()
            except Unsupported as reason:
                pytest.skip(str(reason))
            assert synapse.time == 0.0
            before = synapse.read()
            synapse.program(counts)
            ends.append((before, synapse.read()))
        for one, other in zip(*ends, strict=True):
            assert_close(one, other, 2 * self.noise + 1e-12, "weights before and after the same pulses, S")

    def test_waveforms_are_played_or_refused(self, synapse: Synapse) -> None:
        """Never played as something else: where they are refused, nothing moves."""
        before = synapse.read()
        rest = Waveform.rest(synapse.read_width, *synapse.cells)
        try:
            assert synapse.apply(rest).currents.shape == (0, self.cols)
        except Unsupported as reason:
            assert str(reason).strip()
        assert_close(synapse.read(), before, self.noise, "weights after a rest, S")
        with pytest.raises(InputError, match=f"{self.rows} x {self.cols}"):
            synapse.apply(Waveform.rest(synapse.read_width, self.rows + 1, self.cols))

    def test_a_column_is_taught_as_a_whole(self, synapse: Synapse) -> None:
        """Cells that raise a weight as it is told, those that lower it the opposite; or refused with the reason."""
        targets = np.arange(2 * self.cols).reshape(2, self.cols) % 3 == 0
        try:
            taught = synapse.taught(targets)
        except Unsupported as reason:
            assert str(reason).strip()
            return
        assert taught.shape == (2, synapse.array.cols) and taught.dtype == np.bool_
        for c in range(self.cols):
            for k, sign in enumerate(synapse.signs):
                assert (taught[:, c * synapse.cells_a_weight + k] == (targets[:, c] == (sign > 0))).all()

    def test_neurons_learn_by_its_pulses(self, synapse: Synapse) -> None:
        """The rows of a neuron that have just spiked gain, the others lose; `HostCore` on weights."""
        level = float(synapse.weights()[0].mean())
        level = (level + 1) / 2 if synapse.signed else level
        neurons = Lif(threshold=0.5 * level, leak=1e-3, refractory=1e-9, inhibition=1e-3, seed=0)
        core = synapse.spiking(neurons, Stdp(60e-6))
        assert isinstance(core, SpikingCore) and core.neurons == self.cols
        before = synapse.weights()
        spikes = core.present(SpikeTrain(np.array([1e-6]), np.array([0])), 1e-4, True)
        assert len(spikes.line) == 1
        moved = (synapse.weights() - before)[:, spikes.line[0]]
        assert moved[0] > 0 and (moved[1:] < 0).all(), f"weights of the neuron moved by {moved}"

    def test_closing_is_final(self, synapse: Synapse) -> None:
        """And closes the cells."""
        synapse.close()
        for drive in (synapse.read, synapse.reset, lambda: synapse.program(np.zeros(synapse.cells, int))):
            with pytest.raises((DeviceClosed, Unsupported)):
                drive()
        with pytest.raises(DeviceClosed):
            synapse.array.read()
        synapse.close()
