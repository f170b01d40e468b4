"""A source-measure unit at work: what a driver says is sent, every answer is checked, and the output never stays on."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

from hil.interrupt import Interrupted, stops_heard_by, terminate
from instruments.dialogue import Dialogue, Line
from instruments.errors import LinkError
from instruments.plan import Plan
from instruments.safety import SafetyLimits
from instruments.smu.driver import Driver, Message, Readings, Settings
from instruments.smu.models import driver_for


class Guard(Protocol):
    """What the session needs of a watchdog; `instruments.guard.OutputGuard` is one."""

    def arm(self) -> None:
        """Announce that the output goes on."""

    def beat(self) -> None:
        """Give a sign of life."""

    def rest(self) -> None:
        """Announce that the output is off."""

    def close(self) -> None:
        """Dismiss the watchdog."""


class Smu:
    """One channel of one instrument, set up for one sample.

    Attributes
    ----------
    driver : Driver
        Of the model that answered.
    identity : str
        What it answered to ``*IDN?``.
    pulses : int
        Pulses that the sample has had in this session.
    """

    def __init__(self, line: Line, settings: Settings, safety: SafetyLimits) -> None:
        """Ask who is there, check language and limits; nothing is changed, the output stays as it is.

        Raises
        ------
        InputError
            For an instrument without a driver, or limits that it does not have.
        """
        self._line, self.settings, self.safety = line, settings, safety
        self._guard: Guard | None = None
        self.identity = line.query("*IDN?").strip()
        self.driver: Driver = driver_for(self.identity)
        self._dialogue = Dialogue(line, self.driver)
        self.pulses = 0
        safety.against(self.driver.spec)
        for message in self.driver.identify():
            self._dialogue.exchange(message)

    def prepare(self, guard: Guard | None) -> None:
        """Switch the output off, set the channel up and read back what matters; from now on `guard` watches."""
        self._guard = guard
        self._line.heartbeat = guard.beat if guard is not None else None
        self._dialogue.forget_errors()
        self._dialogue.say(*self.driver.prepare(self.settings))

    def compile(self, plans: Sequence[Plan]) -> list[tuple[Message, ...]]:
        """Messages for every plan, each ending with the question whether the output is off; nothing is sent.

        Every plan is held against the sample's limits and the model's.

        Raises
        ------
        LimitError
            Naming what is beyond which limit.
        """
        played, scripts = self.pulses, []
        for plan in plans:
            played = self.safety.check(plan, played)
            scripts.append((*self.driver.play(plan, self.settings), self.driver.is_off(self.settings)))
        return scripts

    def play(self, plan: Plan) -> Readings:
        """Play one train, from output on to output off.

        Raises
        ------
        LimitError
            Before anything is sent.
        InstrumentError, LinkError
            If the instrument refuses a message or does not answer; the output has been switched off, or the watchdog
            will do it.
        Interrupted
            On Ctrl-C, SIGTERM or SIGHUP; the output is off.
        """
        (script,) = self.compile([plan])
        if self._guard is not None:
            self._guard.arm()
        try:
            with _abort_on_signals():
                replies = self._dialogue.say(*script)
        except BaseException:
            # Where the link is gone, the watchdog stays armed and does it.
            with suppress(LinkError):
                self.off()
            raise
        if self._guard is not None:
            self._guard.rest()
        self.pulses = self.safety.check(plan, self.pulses)
        return self.driver.parse(plan, self.settings, replies[:-1])

    def off(self) -> None:
        """Stop and switch the output off, whatever state it is in; the watchdog stays armed where this fails.

        Raises
        ------
        ProtocolError
            If the output stays on.
        """
        beat, self._line.heartbeat = self._line.heartbeat, None  # a watchdog that has acted must not get in the way
        try:
            for text in self.driver.off:
                self._line.write(text)
            self._dialogue.forget_errors()
            self._dialogue.exchange(self.driver.is_off(self.settings))
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
