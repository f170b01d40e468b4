"""The trigger model of the 2450 family: numbered blocks, timers, and the virtual time they take.

2450-901-01 Rev. B, section 3-98 ff. and 6-131 ff. A block acts at once unless it delays, measures or waits. An event
that fires before its wait block is reached is latched, once, as in the instrument. A model that waits for an event
which nothing will ever fire stays in the state WAITING; ``*OPC?`` then gets no answer until ``ABORt``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from instruments.virtual.scpi import Handler, ScpiCommand
from instruments.virtual.scpi_parameters import ScpiError, arguments, boolean, choice, integer, number, string

if TYPE_CHECKING:
    from instruments.virtual.source import SmuReading

MOST_BLOCKS = 63
"""Blocks that a trigger model has (2450 3-98)."""

MOST_STEPS = 100_000
"""Blocks carried out in one run, and points of a sweep; a run that needs more counts as endless and waits."""

EVENT = 5
"""Work of an event of a timer, and of a block."""

MOST_BEHIND = 1000
"""Events of an endless timer that are fired one by one."""

TIMERS = 4
EVENTS = (
    "NONE",
    "DISPlay",
    "SLIMit",
    "COMMand",
    *(f"NOTify{n}" for n in range(1, 9)),
    *(f"TIMer{n}" for n in range(1, 5)),
)


class TriggerBlock(NamedTuple):
    """One block: its name in lists, and what it does; `act` gives the block to go on with, None for the next."""

    name: str
    act: Callable[[], int | None]


@dataclass
class TriggerTimer:
    """One trigger timer (2450 6-168 ff.).

    Attributes
    ----------
    delay : float
        Time between events, s.
    count : int
        Events of one start beyond that of the start itself; 0 for ever.
    stimulus : str
        Event that starts it.
    generate : bool
        Whether the start itself fires an event.
    enabled : bool
        Whether the timer is on.
    """

    delay: float = 10e-6
    count: int = 1
    stimulus: str = "NONE"
    generate: bool = False
    enabled: bool = False
    due: float = math.inf
    left: float = 0.0

    def start(self, now: float) -> None:
        """Begin to count; a timer that runs takes no further start."""
        if self.due == math.inf:
            self.due, self.left = now + self.delay, self.count or math.inf

    def tick(self, clock: float) -> float:
        """Take the event that is due; its time. Where a timer without end is far behind, older events are one."""
        if self.left == math.inf and clock - self.due > MOST_BEHIND * self.delay:
            self.due += math.floor((clock - self.due) / self.delay) * self.delay
        now = self.due
        self.left -= 1
        self.due = now + self.delay if self.left > 0 else math.inf
        return now


@dataclass
class TriggerModel:
    """Blocks and timers of one instrument.

    Attributes
    ----------
    smu : Any
        Whose source and buffers the blocks act on.
    waiting : bool
        Whether a run waits for an event that will not come by itself.
    """

    smu: Any
    blocks: list[TriggerBlock] = field(default_factory=list)
    timers: list[TriggerTimer] = field(default_factory=lambda: [TriggerTimer() for _ in range(TIMERS)])
    waiting: bool = False
    position: int = 0
    _latched: set[str] = field(default_factory=set)
    _passes: dict[int, int] = field(default_factory=dict)
    _reading: SmuReading | None = None

    @property
    def state(self) -> str:
        """Answer to ``TRIGger:STATe?`` (2450 6-164)."""
        word = "WAITING" if self.waiting else "IDLE"
        return f"{word};{word};{self.position}"

    def stop(self) -> None:
        """Give up a run; the output stays as it is."""
        self.waiting = False

    def load(self, blocks: Sequence[TriggerBlock]) -> None:
        """Replace the model."""
        if self.waiting:
            raise ScpiError(-213)
        self.blocks = list(blocks)

    def put(self, place: int, block: TriggerBlock) -> None:
        """Define a block: one that exists, or the next."""
        if self.waiting:
            raise ScpiError(-221)
        if not 1 <= place <= min(len(self.blocks) + 1, MOST_BLOCKS):
            raise ScpiError(-222)
        self.blocks[place - 1 : place] = [block]

    def load_sweep(self, levels: Sequence[float], delay: float, abort: bool, buffer: str) -> None:
        """Output on, every level for delay and measurement, output off (2461 6-127 ff.)."""
        smu = self.smu
        if len(levels) > MOST_STEPS:
            raise ScpiError(-222)
        for level in levels:
            smu.check_level(level)

        def sweep() -> None:
            smu.buffer([f'"{buffer}"'], 0).clear()
            smu.channel.switch(True, settle=False)
            step = delay + smu.measure_time
            parts = [[level] for level in levels] if abort else [list(levels)]
            for part in parts:
                readings = smu.channel.play(part, [step] * len(part), [True] * len(part))
                smu.store(buffer, readings)
                if abort and readings[-1].tripped:
                    break
            smu.channel.switch(False)

        self.load([TriggerBlock("SWEEP", sweep)])

    def initiate(self) -> None:
        """Run from the first block on; -213 if a run waits, -221 if there is nothing to run."""
        if self.waiting:
            raise ScpiError(-213)
        if not self.blocks:
            raise ScpiError(-221)
        self._latched.clear()
        self._passes.clear()
        for timer in self.timers:
            timer.due = math.inf
        self.position = 1
        self._run()

    def fire(self, event: str, now: float) -> None:
        """Latch an event and start the timers that wait for it."""
        self._latched.add(event)
        for n, timer in enumerate(self.timers, start=1):
            if timer.enabled and timer.stimulus == event and timer.due == math.inf:
                timer.start(now)
                if timer.generate:
                    self.fire(f"TIM{n}", now)

    def hold(self, seconds: float) -> None:
        """Let time pass at the present source value; timers go on."""
        if seconds > 0:
            self.smu.channel.hold(seconds)
            self.catch_up()

    def catch_up(self) -> None:
        """Fire all timer events up to now; latch the source limit."""
        if self.smu.channel.output and self.smu.channel.tripped:
            self._latched.add("SLIM")
        while True:
            n, timer = min(enumerate(self.timers, start=1), key=lambda item: item[1].due)
            if timer.due > self.smu.clock + 1e-12:
                return
            self.smu.budget.spend(EVENT)
            self.fire(f"TIM{n}", timer.tick(self.smu.clock))

    def wait(self, event: str) -> bool:
        """Hold until an event; False if it will not come."""
        while event not in self._latched:
            due = min(timer.due for timer in self.timers)
            if due == math.inf:
                return False
            self.hold(max(due - self.smu.clock, 0.0))
            self.catch_up()
        self._latched.discard(event)
        return True

    def measure(self, buffer: str) -> None:
        """One reading into a buffer."""
        self._reading = self.smu.channel.measure(self.smu.measure_time)
        self.smu.store(buffer, [self._reading])
        self.catch_up()

    def counted(self, place: int, target: int, block: int) -> int | None:
        """Branch until the block has been reached `target` times."""
        self._passes[place] = self._passes.get(place, 0) + 1
        if self._passes[place] < target:
            return block
        self._passes[place] = 0
        return None

    def within(self, kind: str, low: float, high: float, block: int) -> int | None:
        """Branch if the latest reading is where it should be."""
        value = math.nan if self._reading is None else self._reading.current
        inside = low <= value <= high
        hit = {"ABOV": value > high, "BEL": value < low, "IN": inside, "OUT": not inside}[kind]
        return block if hit else None

    def latched(self, event: str, block: int) -> int | None:
        """Branch if an event has fired."""
        hit = event in self._latched
        self._latched.discard(event)
        return block if hit else None

    def _run(self) -> None:
        self.waiting = True
        for _ in range(MOST_STEPS):
            if self.position > len(self.blocks):
                self.waiting = False
                return
            self.smu.budget.spend(EVENT)
            target = self.blocks[self.position - 1].act()
            if target == 0:
                return
            self.position = self.position + 1 if target is None else target


def _block(kind: str, least: int, most: int, build: Callable[..., Callable[[], int | None]]) -> ScpiCommand:
    def write(smu: Any, parameters: list[str], suffixes: dict[str, int]) -> None:
        place, *rest = arguments(parameters, least, most)
        number_of = integer(place, 1, MOST_BLOCKS)
        smu.trigger.put(number_of, TriggerBlock(kind, build(smu.trigger, number_of, *rest)))

    return ScpiCommand(f"TRIGger:BLOCk:{kind}", write)


def _clear(model: TriggerModel, place: int, *rest: str) -> Callable[[], None]:
    name = model.smu.buffer_name(rest, 0)
    return lambda: model.smu.buffers[name].clear()


def _recall(model: TriggerModel, place: int, name: str, index: str = "1") -> Callable[[], None]:
    levels = _levels(model, name)
    at = integer(index, 1, len(levels)) - 1
    model.smu.check_level(levels[at])

    def act() -> None:
        model._passes[-1] = at
        model.smu.channel.set_level(levels[at], settle=False)

    return act


def _next(model: TriggerModel, place: int, name: str) -> Callable[[], None]:
    levels = _levels(model, name)

    def act() -> None:
        at = (model._passes.get(-1, -1) + 1) % len(levels)
        model._passes[-1] = at
        model.smu.channel.set_level(levels[at], settle=False)

    return act


def _levels(model: TriggerModel, name: str) -> list[float]:
    levels = model.smu.lists.get(string(name))
    if not levels:
        raise ScpiError(-224, f"Illegal parameter value: configuration list {name} does not exist")
    return levels


def _state(model: TriggerModel, place: int, state: str) -> Callable[[], None]:
    on = boolean(state)
    return lambda: model.smu.channel.switch(on, settle=False)


def _delay(model: TriggerModel, place: int, seconds: str) -> Callable[[], None]:
    # 0 or 167 ns .. 10 000 s (2461 6-199).
    value = number(seconds, 0.0, 1e4)
    if 0 < value < 167e-9:
        raise ScpiError(-222)
    return lambda: model.hold(value)


def _measure(model: TriggerModel, place: int, *rest: str) -> Callable[[], None]:
    name = model.smu.buffer_name(rest, 0)
    count = integer(rest[1], 1, 1_000_000) if len(rest) > 1 else 1

    def act() -> None:
        for _ in range(count):
            model.measure(name)

    return act


def _wait(model: TriggerModel, place: int, event: str) -> Callable[[], int | None]:
    name = choice(event, EVENTS)
    return lambda: None if model.wait(name) else 0


def _notify(model: TriggerModel, place: int, number_of: str) -> Callable[[], None]:
    event = f"NOT{integer(number_of, 1, 8)}"
    return lambda: model.fire(event, model.smu.clock)


def _branch(model: TriggerModel, place: int, target: str, block: str) -> Callable[[], int | None]:
    return partial(model.counted, place, integer(target, 1, 268_435_455), integer(block, 1, MOST_BLOCKS))


def _always(model: TriggerModel, place: int, block: str) -> Callable[[], int]:
    to = integer(block, 1, MOST_BLOCKS)
    return lambda: to


def _on_event(model: TriggerModel, place: int, event: str, block: str) -> Callable[[], int | None]:
    return partial(model.latched, choice(event, EVENTS), integer(block, 1, MOST_BLOCKS))


def _on_limit(
    model: TriggerModel, place: int, kind: str, low: str, high: str, block: str, *_: str
) -> Callable[[], int | None]:
    word = choice(kind, ("ABOVe", "BELow", "INside", "OUTside"))
    return partial(model.within, word, number(low), number(high), integer(block, 1, MOST_BLOCKS))


def _timer(name: str, read: Callable[[str], object], tell: Callable[[object], str]) -> tuple[Handler, Handler]:
    def timer(smu: Any, suffixes: dict[str, int]) -> TriggerTimer:
        if not 1 <= suffixes["n"] <= TIMERS:
            raise ScpiError(-114)
        return smu.trigger.timers[suffixes["n"] - 1]

    def write(smu: Any, parameters: list[str], suffixes: dict[str, int]) -> None:
        setattr(timer(smu, suffixes), name, read(arguments(parameters, 1)[0]))

    return write, lambda smu, parameters, suffixes: tell(getattr(timer(smu, suffixes), name))


def _load(smu: Any, parameters: list[str], _: dict[str, int]) -> None:
    choice(string(arguments(parameters, 1)[0]), ("Empty",))
    smu.trigger.load([])


def _list(smu: Any, parameters: list[str], _: dict[str, int]) -> str:
    return "; ".join(f"{n}) {block.name}" for n, block in enumerate(smu.trigger.blocks, start=1)) or "Empty"


BLOCK_COMMANDS: tuple[ScpiCommand, ...] = (
    ScpiCommand("TRIGger:LOAD", _load),
    ScpiCommand("TRIGger:STATe", None, lambda smu, parameters, suffixes: smu.trigger.state),
    ScpiCommand("TRIGger:BLOCk:LIST", None, _list),
    _block("BUFFer:CLEar", 1, 2, _clear),
    _block("CONFig:RECall", 2, 3, _recall),
    _block("CONFig:NEXT", 2, 2, _next),
    _block("SOURce:STATe", 2, 2, _state),
    _block("DELay:CONStant", 2, 2, _delay),
    _block("MEASure", 1, 3, _measure),
    _block("WAIT", 2, 2, _wait),
    _block("NOTify", 2, 2, _notify),
    _block("NOP", 1, 1, lambda model, place: lambda: None),
    _block("BRANch:COUNter", 3, 3, _branch),
    _block("BRANch:ALWays", 2, 2, _always),
    _block("BRANch:EVENt", 3, 3, _on_event),
    _block("BRANch:LIMit:CONStant", 5, 6, _on_limit),
    ScpiCommand("TRIGger:TIMer<n>:DELay", *_timer("delay", partial(number, low=8e-6, high=1e5), lambda v: f"{v:.9g}")),
    ScpiCommand("TRIGger:TIMer<n>:COUNt", *_timer("count", partial(integer, low=0, high=1_048_575), str)),
    ScpiCommand("TRIGger:TIMer<n>:STATe", *_timer("enabled", boolean, lambda v: str(int(bool(v))))),
    ScpiCommand("TRIGger:TIMer<n>:STARt:STIMulus", *_timer("stimulus", partial(choice, words=EVENTS), str)),
    ScpiCommand("TRIGger:TIMer<n>:STARt:GENerate", *_timer("generate", boolean, lambda v: str(int(bool(v))))),
)
"""Messages that build and run a trigger model."""
