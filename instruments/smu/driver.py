"""Base of the drivers of source-measure units: each turns a train into messages, and the answers into readings.

A driver opens nothing and sends nothing. `instruments.smu.session.Smu` sends what it says, checks every answer and asks
for errors after every message; so a driver is tested by the exact messages it makes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from instruments.link.message import Message, printed, together
from instruments.plan import PairPlan, Plan

CHANGED = "the instrument was reset, switched off or changed by somebody since this session set it up; open it again"
"""What another answer to the question before a train means."""


def before_output(standing: Message, *more: Message) -> Message:
    """Last question before an output goes on: whether the settings in `standing`, and those in `more`, are in force."""
    put = printed if standing.separator == "\t" else together
    return replace(put(*standing.parts, *more), hint=CHANGED, last=True)


@dataclass(frozen=True)
class Spec:
    """What a model can do, from its data sheet or manual.

    Attributes
    ----------
    model : str
        Its name, such as ``2450``.
    identities : tuple of str
        Words of the second field of its ``*IDN?`` answer that it is known by.
    v_max, i_max : float
        Largest source voltage (V) and compliance current (A).
    i_min : float
        Smallest compliance current, A.
    v_step : float
        Resolution of the source on the range used for memristors, V; 0 if the manual gives none.
    width_min : float
        Shortest step that it can source, s.
    width_measured : float
        Shortest step at whose end it can measure a current, s.
    width_max : float
        Longest step, s.
    time_step : float
        Steps are multiples of this, s.
    points : int
        Steps of equal length that one train may have.
    channels : int
        Source channels.
    v_ranges, i_ranges : tuple of float
        Its source and measure ranges, ascending.
    source : str
        Where these figures stand.
    envelope : tuple of (float, float)
        Corners of the area it can work in: up to so many V, so many A, ascending in V; empty where `v_max` and
        `i_max` go together.
    nplc : (float, float)
        Range of the integration time, power line cycles.
    terminals : tuple of str
        Sets of terminals to choose from; empty where there is but one.
    overvoltage : tuple of float
        Steps of the overvoltage protection, V, ascending; empty where there is none.
    edges_min : float or None
        Shortest time between edges of two channels, s; None where that is `width_min`.
    shared : tuple of (float, float)
        Corners of the area for the sum of both channels' currents, as of `envelope`; empty where each has its own.
    """

    model: str
    identities: tuple[str, ...]
    v_max: float
    i_max: float
    i_min: float
    v_step: float
    width_min: float
    width_measured: float
    width_max: float
    time_step: float
    points: int
    channels: int
    v_ranges: tuple[float, ...]
    i_ranges: tuple[float, ...]
    source: str
    envelope: tuple[tuple[float, float], ...] = ()
    nplc: tuple[float, float] = (0.01, 10.0)
    terminals: tuple[str, ...] = ()
    overvoltage: tuple[float, ...] = ()
    edges_min: float | None = None
    shared: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class ChannelSettings:
    """What is set before the first train, with the output off, and holds for every train.

    Attributes
    ----------
    compliance : float
        Current limit, A.
    v_peak : float
        Largest magnitude of any voltage that will be sourced, V; the source range is fixed to hold it.
    nplc : float
        Integration time of a measurement in power line cycles.
    four_wire : bool
        Remote sensing.
    channel : int
        Source channel, from 1.
    line_frequency : float or None
        Of the mains, Hz: turns `nplc` into seconds. None is asked for when a session begins.
    terminals : str or None
        ``front`` or ``rear``, where a model has both. None keeps those that a session finds.
    overvoltage : float
        Voltage up to which a sense lead that comes off may drive the sample, V, where that is beyond `v_peak`.
    all_channels : bool
        Whether a session resets all channels of the instrument, and switches all of them off, or only its own.
    time_tolerance : float
        Part of its length by which a step, and a train, may differ from what was asked.
    second : ChannelSettings or None
        Of the other channel, where a session plays both (`PairPlan`): limit, range, sensing. What holds for the whole
        instrument, mains, integration time, tolerance, is that of the first.
    """

    compliance: float
    v_peak: float
    nplc: float = 0.01
    four_wire: bool = False
    channel: int = 1
    line_frequency: float | None = 50.0
    terminals: str | None = None
    overvoltage: float = 0.0
    all_channels: bool = False
    time_tolerance: float = 0.1
    second: ChannelSettings | None = None

    @property
    def each(self) -> tuple[ChannelSettings, ...]:
        """Settings of every channel of the session, complete."""
        own = replace(self, second=None)
        if self.second is None:
            return (own,)
        shared = {name: getattr(self, name) for name in ("nplc", "line_frequency", "terminals", "time_tolerance")}
        return own, replace(self.second, **shared)

    @property
    def mains(self) -> float:
        """Line frequency, Hz, once it is known."""
        assert self.line_frequency is not None
        return self.line_frequency


@dataclass(frozen=True, eq=False)
class Readings:
    """What came back for the measured steps of a plan, in order; of a `PairPlan`, a second axis is the channel.

    Attributes
    ----------
    current : (K,) or (K, 2) array
        A, positive out of HI; NaN for a reading beyond the measure range, and of a channel that was not measured.
    voltage : (K,) or (K, 2) array
        V, as sourced: no instrument here reads it back. At the current limit it is the sample's upper bound.
    time : (K,) array
        s since the train began, by the instrument's clock.
    tripped : (K,) or (K, 2) array of bool
        Whether the source was at its current limit, or the current beyond the measure range.
    stamps : (float, float)
        The instrument's own times of the first and the last reading, s, where its clock runs on from train to train.
    power : (K,) array, optional
        That both channels together deliver, W.
    """

    current: NDArray[np.float64]
    voltage: NDArray[np.float64]
    time: NDArray[np.float64]
    tripped: NDArray[np.bool_]
    stamps: tuple[float, float] = (np.nan, np.nan)
    power: NDArray[np.float64] | None = None


class SmuDriver(ABC):
    """Writes the messages of one family of source-measure units for a plan, and parses their answers.

    Attributes
    ----------
    spec : Spec
        The model at hand.
    error_query : str
        Asks for the oldest error and takes it from the queue.
    sync : str
        ``scpi`` (``*ESE n;*ESE?``) or ``tsp`` (``print("sync-n")``): how a link is brought back in step.
    questions : mapping
        How the instrument is asked for a setting that the user did not give: name of the setting to message.
    """

    spec: Spec
    error_query: ClassVar[str]
    sync: ClassVar[str]
    questions: ClassVar[Mapping[str, str]]

    def __init__(self, spec: Spec) -> None:
        """Drive the model of `spec`."""
        self.spec = spec

    @abstractmethod
    def identify(self) -> tuple[Message, ...]:
        """Questions that change nothing and must be answered as expected: the command language, first of all."""

    @abstractmethod
    def prepare(self, settings: ChannelSettings) -> tuple[Message, ...]:
        """Set up with the output off and read back what matters.

        Raises
        ------
        LimitError
            If the model cannot do what is asked, naming field, value and range.
        """

    @abstractmethod
    def standing(self, settings: ChannelSettings) -> Message:
        """Ask for all that protects the sample: limit, ranges, sensing, terminals; part of every train."""

    @abstractmethod
    def off(self, settings: ChannelSettings) -> tuple[str, ...]:
        """Stop whatever plays and switch the output off, from any state; needs no answer.

        Only the session's own channel, unless `ChannelSettings.all_channels`.
        """

    @abstractmethod
    def play(self, plan: Plan, settings: ChannelSettings) -> tuple[Message, ...]:
        """One train from output on to output off, played on the instrument; the last answers are for `parse`.

        The `standing` question comes last before the output goes on.

        Raises
        ------
        LimitError
            If the plan needs more than the model has: a shorter step, more points, a higher voltage.
        """

    def margins(self, plan: Plan, settings: ChannelSettings) -> tuple[float, float]:
        """How long the output is on at 0 V before a train begins and after it ends, s: by it the train is timed."""
        return 0.0, 0.0

    def reads(self, plan: PairPlan, settings: ChannelSettings) -> PairPlan:
        """The same plan, measured by those of both channels that can be, at the steps where any current is wanted."""
        return plan

    def play_pair(self, plan: PairPlan, settings: ChannelSettings) -> tuple[Message, ...]:
        """As `play`, for two channels at once: no edge of one may wait for the other's.

        At its end, and whatever cuts it off, both levels go to 0 V before any output goes off: a cell between the two
        would have the other's voltage alone.

        Raises
        ------
        LimitError
            If the plan needs more than the model has, two channels among others.
        """
        raise LimitError(f"a {self.spec.model} plays {self.spec.channels} channel at a time, two are asked for")

    def parse_pair(self, plan: PairPlan, settings: ChannelSettings, replies: Sequence[str]) -> Readings:
        """As `parse`, with arrays of (K, 2), a row for every step at which any current is wanted."""
        raise LimitError(f"a {self.spec.model} plays {self.spec.channels} channel at a time, two are asked for")

    def margins_pair(self, plan: PairPlan, settings: ChannelSettings) -> tuple[float, float]:
        """As `margins`."""
        return 0.0, 0.0

    @abstractmethod
    def is_off(self, settings: ChannelSettings) -> Message:
        """Ask for the state of the output, which must be off."""

    @abstractmethod
    def parse(self, plan: Plan, settings: ChannelSettings, replies: Sequence[str]) -> Readings:
        """Readings of the measured steps from the answers to the messages of `play`.

        Raises
        ------
        ProtocolError
            If the answers are not what they should be.
        TimingError
            If the steps took another time than was asked for.
        """

    @abstractmethod
    def parse_error(self, reply: str) -> tuple[int, str] | None:
        """Number and text of an answer to `error_query`; None if there was no error."""


@dataclass(frozen=True)
class Family:
    """A driver and all models that it drives."""

    driver: type[SmuDriver]
    specs: tuple[Spec, ...]
