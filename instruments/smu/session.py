"""Session with a source-measure unit: sends what its driver writes, checks every answer, never leaves the output on."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import FrameType
from typing import Protocol

from hil.errors import InputError
from hil.runs.interrupt import Interrupted, stops_heard_by, terminate
from instruments.link.answers import shown
from instruments.link.clock import Clock
from instruments.link.dialogue import Dialogue, Line
from instruments.link.errors import LinkError, ProtocolError, TimingError
from instruments.link.events import note, output_on
from instruments.link.message import Message, query
from instruments.plan import PairPlan, Plan
from instruments.safety.limits import SafetyLimits
from instruments.smu.capability import check_channels, which_terminals
from instruments.smu.driver import ChannelSettings, Readings, SmuDriver
from instruments.smu.models import driver_for
from instruments.smu.timing import check_elapsed


class Guard(Protocol):
    """What the session needs of a watchdog; `instruments.safety.guard.OutputGuard` is one."""

    def arm(self) -> None:
        """Announce that the output goes on."""

    def beat(self) -> None:
        """Give a sign of life."""

    def rest(self) -> None:
        """Announce that the output is off."""

    def close(self) -> None:
        """Dismiss the watchdog."""


@dataclass(frozen=True, eq=False)
class Script:
    """One train, checked against every limit and translated once: a dry run lists the same messages as are sent.

    Attributes
    ----------
    plan : Plan or PairPlan
        What is played.
    settings : ChannelSettings
        What the channel must be set up with.
    messages : tuple of Message
        All of it; the last one asks whether the output is off.
    margins : (float, float)
        How long the output is on at 0 V before and after it, s.
    """

    plan: Plan | PairPlan
    settings: ChannelSettings
    messages: tuple[Message, ...]
    margins: tuple[float, float]


class Smu:
    """One channel of one instrument, or two of one, set up for one sample.

    Attributes
    ----------
    driver : SmuDriver
        Of the model that answered.
    identity : str
        What it answered to ``*IDN?``.
    settings : ChannelSettings
        With the line frequency and the terminals that the instrument told, where the user did not.
    pulses : int
        Pulses that the sample may have had in this session: those of a train count before it is played.
    tally : callable or None
        Told that number before every train.
    announce : callable or None
        Called right before the output goes on; what it raises keeps it off.
    """

    tally: Callable[[int], None] | None
    announce: Callable[[], None] | None = None

    def __init__(self, line: Line, settings: ChannelSettings, safety: SafetyLimits) -> None:
        """Ask who is there, check language and limits; nothing is changed, the output stays as it is.

        Raises
        ------
        InputError
            For an instrument without a driver, or limits that it does not have.
        ProtocolError
            If it does not tell what the user did not say.
        """
        self._line, self.safety = line, safety
        self._guard: Guard | None = None
        self.identity = line.query("*IDN?").strip()
        self.driver: SmuDriver = driver_for(self.identity)
        self._dialogue = Dialogue(line, self.driver)
        self.pulses, self.tally = 0, None
        safety.against(self.driver.spec)
        check_channels(self.driver.spec, replace(settings, line_frequency=settings.line_frequency or 50.0))
        for message in self.driver.identify():
            self._dialogue.exchange(message)
        self.settings, self._found = self._completed(settings)
        self._stamp = -math.inf

    def _completed(self, settings: ChannelSettings) -> tuple[ChannelSettings, tuple[Message, ...]]:
        """Settings that the user left open, as the instrument tells them, and questions whether they still are so."""
        found = []
        if settings.line_frequency is None:
            reply = self._dialogue.exchange(query(self.driver.questions["line_frequency"]))
            try:
                mains = float(reply)
            except ValueError:
                mains = math.nan
            if not 45.0 <= mains <= 65.0:
                raise ProtocolError(
                    f"{self._line.resource}: '{self.driver.questions['line_frequency']}' answers '{shown(reply)}', no "
                    "frequency of the mains: give it, line_frequency=50 or 60"
                )
            settings = replace(settings, line_frequency=mains)
        if settings.terminals is None and self.driver.spec.terminals:
            question = self.driver.questions["terminals"]
            reply = self._dialogue.exchange(query(question)).strip().casefold()
            known = [
                name for name in self.driver.spec.terminals if name.startswith(reply) and len(reply) >= len("rear")
            ]
            if not known:
                raise ProtocolError(
                    f"{self._line.resource}: '{question}' answers '{shown(reply)}': say which terminals the sample is "
                    "on, terminals=front or rear"
                )
            settings = replace(settings, terminals=known[0])
            found += which_terminals(question, settings)
        return settings, tuple(found)

    def setup(self) -> tuple[Message, ...]:
        """Messages of `prepare`; a reset would bring back the front terminals, so those found must still be in use."""
        return (*self._found, *self.driver.prepare(self.settings))

    def prepare(self, start_guard: Callable[[], Guard] | None) -> None:
        """Switch the output off, set the channel up and read back what matters; from now on a guard watches, if any."""
        if self._guard is None and start_guard is not None:
            self._guard = start_guard()
            self._line.heartbeat = self._guard.beat
        self._dialogue.forget_errors()
        self._begin(self.setup())

    def set_up(self, settings: ChannelSettings) -> None:
        """Set the channel up otherwise, with the output off; a guard that watches goes on doing so."""
        self.settings = settings
        self._begin(self.driver.prepare(settings))

    def _begin(self, messages: Sequence[Message]) -> None:
        """Reset and set up; a reset forgets readings, and may set the clock of their stamps back."""
        self._stamp = -math.inf
        self._dialogue.say(*messages)

    def compile(self, plans: Sequence[Plan | PairPlan]) -> list[Script]:
        """Hold every plan against the sample's limits and the model's, and translate it; nothing is sent.

        Raises
        ------
        LimitError
            Naming what is beyond which limit.
        """
        played, scripts, driver, settings = self.pulses, [], self.driver, self.settings
        for plan in plans:
            played = self.safety.check(plan, played)
            if isinstance(plan, PairPlan):
                messages, margins = driver.play_pair(plan, settings), driver.margins_pair(plan, settings)
            else:
                messages, margins = driver.play(plan, settings), driver.margins(plan, settings)
            scripts.append(Script(plan, settings, (*messages, driver.is_off(settings)), margins))
        return scripts

    def play(self, script: Script, clock: Clock | None = None) -> Readings:
        """Play one train, from output on to output off.

        Parameters
        ----------
        script : Script
            From `compile`; sent as it is.
        clock : Clock, optional
            Tells how long the instrument takes, where its own time stamps do not.

        Raises
        ------
        LimitError, InputError
            Before anything is sent: where trains in between have used up `SafetyLimits.pulses_max`; where the log of
            commands cannot be written, or the channel has been set up otherwise since.
        InstrumentError, LinkError
            If the instrument refuses a message, does not answer, is no longer set up as it was, or answers with the
            readings of an older train; the output has been switched off, or the watchdog will do it.
        TimingError
            If the train took longer than was asked for; it is over and the output off.
        Interrupted
            On Ctrl-C, SIGTERM or SIGHUP; the output is off.
        """
        plan, settings = script.plan, script.settings
        if settings != self.settings:
            raise InputError(f"{self._line.resource}: a train was compiled for other settings than are set up now")
        pulses = self.safety.check(plan, self.pulses)
        log = getattr(self._line, "log", None)
        if log is not None:
            log.require()
        if self._guard is not None:
            self._guard.arm()
        # A train that is cut off has been played in part: it counts.
        self.pulses = pulses
        if self.tally is not None:
            self.tally(self.pulses)
        began = None if clock is None else clock.now()
        try:
            with _abort_on_signals():
                replies = self._played(script.messages)
        except BaseException:
            # Where the link is gone, the watchdog stays armed and does it.
            with suppress(LinkError):
                self.off()
            raise
        if self._guard is not None:
            self._guard.rest()
        elapsed = None if clock is None or began is None else clock.now() - began
        try:
            readings = self._parsed(script, replies[:-1])
            if clock is not None and elapsed is not None:
                slack = clock.latency + float(plan.duration.max())
                # What the output is on at 0 V before and after it is the driver's, and no part of what was asked.
                check_elapsed(elapsed - sum(script.margins), plan, settings, self.driver.spec.model, slack)
        except TimingError as error:
            path = getattr(log, "path", None)
            raise error if path is None else TimingError(f"{error}; what it read stands at the end of {path}") from None
        self._refuse_old(readings)
        return self._noted(readings)

    def _noted(self, readings: Readings) -> Readings:
        """Tell the log of readings at the compliance."""
        if readings.tripped.any():
            note(self._line, f"compliance in {readings.tripped.sum()} of {len(readings.tripped)} readings")
        return readings

    def _parsed(self, script: Script, replies: Sequence[str]) -> Readings:
        """Readings of one channel, or of both."""
        plan, driver = script.plan, self.driver
        if isinstance(plan, PairPlan):
            return driver.parse_pair(plan, script.settings, replies)
        return driver.parse(plan, script.settings, replies)

    def _played(self, messages: Sequence[Message]) -> list[str]:
        """Answers to all messages of a train; before the first that may switch the output on, `announce` is called."""
        harmless = next((number for number, message in enumerate(messages, 1) if message.last), 0)
        replies = self._dialogue.say(*messages[:harmless])
        if self.announce is not None:
            self.announce()
        note(self._line, output_on(self.pulses, self.safety.pulses_max))
        replies += self._dialogue.say(*messages[harmless:])
        note(self._line, "output off")
        return replies

    def _refuse_old(self, readings: Readings) -> None:
        """Readings of a train must be younger than those of the one before, where the instrument's clock runs on."""
        first, last = readings.stamps
        if first <= self._stamp:
            self._stamp = -math.inf
            raise ProtocolError(
                f"{self._line.resource}: the readings are those of an older train: this one was not played, or the "
                "instrument's clock was set back"
            )
        if not math.isnan(last):
            self._stamp = last

    def off(self) -> None:
        """Stop and switch the output off, whatever state it is in; the watchdog stays armed where this fails.

        Raises
        ------
        ProtocolError
            If the output stays on.
        """
        beat, self._line.heartbeat = self._line.heartbeat, None  # a watchdog that has acted must not get in the way
        try:
            for text in self.driver.off(self.settings):
                self._line.write(text)
            self._dialogue.forget_errors()
            self._dialogue.exchange(self.driver.is_off(self.settings))
            note(self._line, "output off")
        finally:
            self._line.heartbeat = beat
        if self._guard is not None:
            self._guard.rest()

    def close(self) -> None:
        """Switch the output off and let go; what cannot be done any more is left to the watchdog."""
        try:
            if self._guard is not None:
                with suppress(LinkError):
                    self.off()
        finally:
            self._line.close()
            if self._guard is not None:
                self._guard.close()


@contextmanager
def _abort_on_signals() -> Iterator[None]:
    """Turn the first signal that asks to end into `Interrupted` at once; who waits for it already hears of it too."""

    def abort(number: int, frame: FrameType | None) -> None:
        for each, handler in previous.items():
            signal.signal(each, handler)
        handler = previous[number]
        if callable(handler) and handler not in (signal.default_int_handler, terminate):
            handler(number, frame)
        raise Interrupted(f"stopped by {signal.Signals(number).name} while a train was played: the output is off")

    with stops_heard_by(abort) as previous:
        yield
