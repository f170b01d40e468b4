"""Spikes in, spikes out: the second gear of a crossbar.

Input spikes on the rows are integrated by leaky neurons on the columns; their spikes program the cells. `SpikingCore`
says what that means; `hil.host_core.HostCore` does it on any device, with the neurons on the host, and back ends offer
faster cores with the same semantics.

For every input spike at time t on row r, in order of time, then of row:

1. all membranes leak: V *= exp(-dt / leak);
2. every neuron that is neither refractory nor inhibited gains the weight of its cell in row r;
3. cells of row r are programmed, if the rule asks for that at an input spike;
4. of the neurons that have reached their threshold, the winner fires (or all of them, where nothing inhibits): its
   column is programmed by the rule, membranes are reset, it is refractory and the others are inhibited.

A weight is w = (G - g_min) / (g_max - g_min). Membrane and threshold count full weights: a threshold of 60 is reached
by 60 simultaneous inputs of weight 1. On a read with voltage v, a membrane of 1 is a current of v (g_max - g_min).
`Lif.reference` says how the current of g_min, which every cell carries, is taken away.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError

MOST_PULSES = 100
"""Programming pulses that one pair of spikes may ask for."""


@dataclass(frozen=True, eq=False)
class SpikeTrain:
    """Spikes on numbered lines, sorted by time, then by line.

    Attributes
    ----------
    time : (N,) array
        s, >= 0.
    line : (N,) array of int
        Row of an input spike, neuron of an output spike.
    """

    time: NDArray[np.float64]
    line: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Sort and check."""
        time, line = np.asarray(self.time, dtype=np.float64), np.asarray(self.line, dtype=np.int64)
        if time.ndim != 1 or time.shape != line.shape:
            raise InputError(f"a spike train needs as many times as lines, not {time.shape} and {line.shape}")
        if not ((time >= 0) & (time < np.inf)).all() or (line < 0).any():
            raise InputError("a spike train needs finite times >= 0 s and lines >= 0")
        order = np.lexsort((line, time))
        object.__setattr__(self, "time", time[order])
        object.__setattr__(self, "line", line[order])

    def counts(self, lines: int) -> NDArray[np.int64]:
        """Spikes on each of `lines` lines."""
        return np.bincount(self.line, minlength=lines)

    def __len__(self) -> int:
        """Count the spikes."""
        return len(self.time)

    def __eq__(self, other: object) -> bool:
        """Compare spike by spike."""
        if not isinstance(other, SpikeTrain):
            return NotImplemented
        return np.array_equal(self.time, other.time) and np.array_equal(self.line, other.line)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class SpikeBatch:
    """Many spike trains in three arrays: train b has the spikes ``start[b]`` to ``start[b + 1]``.

    Attributes
    ----------
    time : (N,) array
        s; sorted within a train.
    line : (N,) array of int32
        Row.
    start : (B + 1,) array of int
        Where each train begins.
    """

    time: NDArray[np.float64]
    line: NDArray[np.int32]
    start: NDArray[np.int64]

    @classmethod
    def of(cls, trains: Iterable[SpikeTrain]) -> SpikeBatch:
        """Pack spike trains."""
        trains = list(trains)
        start = np.cumsum([0, *(len(train) for train in trains)])
        time = np.concatenate([np.zeros(0), *(train.time for train in trains)])
        line = np.concatenate([np.zeros(0, np.int64), *(train.line for train in trains)]).astype(np.int32)
        return cls(time, line, start)

    def __len__(self) -> int:
        """Count the trains."""
        return len(self.start) - 1

    def __getitem__(self, index: int) -> SpikeTrain:
        """One train; an index beyond the end raises `IndexError`."""
        index = range(len(self))[index]
        part = slice(self.start[index], self.start[index + 1])
        return SpikeTrain(self.time[part], self.line[part])


@dataclass(frozen=True)
class Lif:
    """Leaky integrate-and-fire neurons with lateral inhibition: a winner-take-all layer.

    Attributes
    ----------
    threshold : float
        In full weights (see the module), > 0.
    leak : float
        Time constant of the membrane, s.
    refractory : float
        How long a neuron ignores inputs after its own spike, s.
    inhibition : float
        How long all others ignore inputs after it, s; 0 for none, and then every neuron at threshold fires.
    reset : {"all", "own"}
        Which membranes a spike sets to 0. The paper of Brivio et al. (2021) does not say.
    tie : {"rank", "membrane"}
        Which of several neurons at threshold wins: the first in a fixed random order (they stand for the paper's random
        emission delays), or the one with the highest membrane, then that order.
    seed : int
        Of the random order.
    theta_plus : float
        Adaptive threshold: what a spike adds to its neuron's threshold while it learns, in full weights; 0 for none.
    theta_decay : float
        Time constant with which that is forgotten, s of presentation with learning.
    reference : {"exact", "column", "none"}
        What is subtracted from a column's current: v g_min exactly; the current of the device's last column, which is
        set to g_min beforehand and has no neuron; or nothing, and then every input adds g_min / (g_max - g_min) to
        all membranes.
    """

    threshold: float = 60.0
    leak: float = 120e-6
    refractory: float = 1e-9
    inhibition: float = 10e-6
    reset: Literal["all", "own"] = "all"
    tie: Literal["rank", "membrane"] = "rank"
    seed: int = 0
    theta_plus: float = 0.0
    theta_decay: float = np.inf
    reference: Literal["exact", "column", "none"] = "exact"

    def __post_init__(self) -> None:
        """Check ranges."""
        for field in ("threshold", "leak", "theta_decay"):
            if not getattr(self, field) > 0:
                raise InputError(f"Lif: {field} = {getattr(self, field)} must be > 0")
        for field in ("refractory", "inhibition", "theta_plus"):
            if not getattr(self, field) >= 0:
                raise InputError(f"Lif: {field} = {getattr(self, field)} must be >= 0")

    def ranks(self, neurons: int) -> NDArray[np.int64]:
        """Place of every neuron in the fixed random order; 0 wins."""
        return np.random.default_rng([self.seed, 5]).permutation(neurons)


class Rule(ABC):
    """Which programming pulses cells get when a row or a neuron spikes; any device can carry them out.

    Every window stands for one pulse: where the last spike of the other side lies `elapsed` seconds ago, a cell gets as
    many pulses as there are windows with ``elapsed <= window``. Only spikes of the same presentation count.

    Attributes
    ----------
    potentiating : tuple of float
        Windows at a neuron's spike, s: potentiation pulses for the rows of its column, the first pulse of all rows
        first.
    depresses_others : bool
        Whether rows that get no potentiation then get one depression pulse.
    depressing : tuple of float
        Windows at an input spike, s: depression pulses for the columns of its row, after the row was read.
    """

    potentiating: tuple[float, ...]
    depresses_others: bool
    depressing: tuple[float, ...]


@dataclass(frozen=True)
class Stdp(Rule):
    """The rectangular rule of Brivio et al. (2021), Figure 1B, on a neuron's spike.

    One potentiation pulse where the row's last spike is at most `window` ago, else one depression pulse.

    Attributes
    ----------
    window : float
        s.
    """

    window: float = 60e-6

    depresses_others = True
    depressing = ()

    def __post_init__(self) -> None:
        """Check the range."""
        if not self.window >= 0:
            raise InputError(f"Stdp: window = {self.window} s must be >= 0")

    @property
    def potentiating(self) -> tuple[float, ...]:
        """The one window."""
        return (self.window,)


@dataclass(frozen=True)
class PairStdp(Rule):
    """The exponential rule on pairs of nearest spikes (Bi & Poo 1998), in whole programming pulses.

    A neuron's spike gives its cells round(n_plus exp(-elapsed / tau_plus)) potentiation pulses, `elapsed` after the
    row's last spike; an input spike gives the cells of its row round(n_minus exp(-elapsed / tau_minus)) depression
    pulses, `elapsed` after their neuron's last spike.

    Attributes
    ----------
    n_plus, n_minus : float
        Pulses at no delay, >= 0.
    tau_plus, tau_minus : float
        s.
    """

    n_plus: float = 4.0
    n_minus: float = 2.0
    tau_plus: float = 40e-6
    tau_minus: float = 40e-6

    depresses_others = False

    def __post_init__(self) -> None:
        """Check ranges."""
        for field in ("n_plus", "n_minus"):
            if not 0 <= getattr(self, field) <= MOST_PULSES:
                raise InputError(f"PairStdp: {field} = {getattr(self, field)} must be in 0 .. {MOST_PULSES}")
        for field in ("tau_plus", "tau_minus"):
            if not 0 < getattr(self, field) < np.inf:
                raise InputError(f"PairStdp: {field} = {getattr(self, field)} s must be > 0 and finite")

    @property
    def potentiating(self) -> tuple[float, ...]:
        """Where round(n_plus exp(-elapsed / tau_plus)) passes 1, 2, ..."""
        return self._windows(self.n_plus, self.tau_plus)

    @property
    def depressing(self) -> tuple[float, ...]:
        """Where round(n_minus exp(-elapsed / tau_minus)) passes 1, 2, ..."""
        return self._windows(self.n_minus, self.tau_minus)

    @staticmethod
    def _windows(pulses: float, tau: float) -> tuple[float, ...]:
        return tuple(float(tau * np.log(pulses / (k - 0.5))) for k in range(1, int(pulses + 0.5) + 1))


@dataclass(frozen=True)
class Programming:
    """Pulses that move a cell by one step each, half of the voltage from its row and half from its column.

    Attributes
    ----------
    v_set, v_reset : float
        Cell voltages of a potentiation and (magnitude) of a depression pulse, V.
    width : float
        Width of a pulse and of the rest after it, s.
    g_min, g_max : float
        Conductances of weights 0 and 1, S.
    """

    v_set: float
    v_reset: float
    width: float
    g_min: float
    g_max: float


@dataclass(frozen=True)
class Reference:
    """What a reference column cost to prepare and what it left.

    Attributes
    ----------
    cells : int
        Cells of the column.
    pulses : int
        Depression pulses that were applied to it.
    residue : float
        Mean weight of its cells, which is subtracted from every input.
    """

    cells: int
    pulses: int
    residue: float


class Code(Protocol):
    """How images become spikes; `hil.encoding.SpikeCode` is one."""

    kind: str
    duration: float

    def encode(self, images: NDArray[np.uint8], full_scale: int, seed: int, numbers: NDArray[np.int64]) -> SpikeBatch:
        """Spikes of a batch of images."""


class SpikingCore(ABC):
    """LIF neurons and STDP on the cells of a device: one neuron a column.

    Attributes
    ----------
    lif : Lif
    stdp : Rule
    rows, neurons : int
        Inputs and neurons; with a reference column, there is one neuron less than columns.
    reference : Reference or None
        The reference column, where there is one.
    """

    lif: Lif
    stdp: Rule
    rows: int
    neurons: int
    reference: Reference | None = None

    @property
    @abstractmethod
    def theta(self) -> NDArray[np.float64]:
        """Adaptive part of every neuron's threshold, in full weights; may be assigned to."""

    @abstractmethod
    def weights(self) -> NDArray[np.float64]:
        """(rows, neurons) weights, 0..1."""

    @abstractmethod
    def present(self, spikes: SpikeTrain, duration: float, learn: bool) -> SpikeTrain:
        """Play one presentation of `duration` seconds and return the output spikes.

        Membranes start at 0, no row has spiked and no neuron is blocked. Input spikes at or after `duration` are not
        played. With `learn`, cells are programmed and adaptive thresholds move; without, nothing stays behind.
        """

    def present_batch(self, batch: SpikeBatch, duration: float, learn: bool) -> NDArray[np.int64]:
        """Play presentations one after another; (B, neurons) output spikes counted."""
        trains = (self.present(batch[b], duration, learn) for b in range(len(batch)))
        return np.array([train.counts(self.neurons) for train in trains]).reshape(len(batch), self.neurons)

    def present_images(
        self,
        images: NDArray[np.uint8],
        full_scale: int,
        code: Code,
        seed: int,
        numbers: NDArray[np.int64],
        learn: bool,
    ) -> NDArray[np.int64]:
        """Show images as spikes, one presentation each; (B, neurons) output spikes counted.

        Parameters as of `hil.encoding.SpikeCode.encode`, which is used unless the core encodes by itself.
        """
        return self.present_batch(code.encode(images, full_scale, seed, numbers), code.duration, learn)

    def flush(self) -> None:  # noqa: B027 - a core that works on the device itself has nothing to bring
        """Bring the device up to date with what was learned, where the core works on a copy."""

    def _require_rows(self, highest: int) -> None:
        if highest >= self.rows:
            raise InputError(f"a spike on row {highest}: the device has rows 0 to {self.rows - 1}")
