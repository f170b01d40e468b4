"""A virtual 4200A-SCS with one 4225-PMU over KXCI: the subset of ``:PMU`` commands that the maker's examples use.

Every message is answered, settings by ``ACK``. What the real one refuses (segments that do not join, arrays of
different lengths, voltages beyond the range, measurements outside their segment, sequences that are not there) is
answered by an error and kept for ``:ERROR:LAST:GET``; its codes are made up, the manual's are not public. A ramp is
played as a step at its middle. Channel 1 is on row 0, channel 2 on column 0; each behind 50 ohm. A test runs in virtual
time and is over when ``:PMU:EXECUTE`` is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from instruments.pmu.segments import SHORTEST, STEP
from instruments.virtual.dut import Dut
from instruments.virtual.instrument import VirtualInstrument
from instruments.virtual.network import PortDrive

IDENTITY = "KEITHLEY INSTRUMENTS,KI4200A,04012345,V1.14"
CHANNELS = (1, 2)
OUTPUT = 50.0
AT_ONCE = 128
SAMPLES = 20
"""Samples that a waveform capture has of every measured segment here; a real one has as many as its rate gives."""

JOINED = 1e-9
FIELDS = ("TIME", "STARTV", "STOPV", "MEAS:TYPE", "MEAS:START", "MEAS:STOP")


class Refused(Exception):
    """A command that cannot be carried out: code and text."""


@dataclass
class ChannelState:
    """Settings and data of one channel."""

    volts: float = 10.0
    amps: float = 1e-2
    load: float = 1e6
    output: bool = False
    sequences: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    order: list[tuple[int, int]] = field(default_factory=list)
    train: tuple[float, float] | None = None
    times: tuple[float, ...] | None = None
    data: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HeldStep:
    """A stretch at one voltage, and what is measured in it: 0 nothing, 1 the mean, 2 all samples."""

    level: float
    duration: float
    kind: int


class VirtualK4200(VirtualInstrument):
    """Takes KXCI messages; see the module."""

    identity = IDENTITY
    terminator = b"\0"

    def __init__(self, dut: Dut) -> None:
        """Wire a device to the two channels."""
        self._dut = dut
        self._channels = {c: ChannelState() for c in CHANNELS}
        self._mode: int | None = None
        self._count, self._kind, self._last = 1, 2, ""
        if dut.series < OUTPUT:
            dut.series = OUTPUT
        dut.connect({0}, set(), "1")
        dut.connect({dut.truth.rows}, set(), "2")
        self._verbs: dict[str, Callable[[list[str]], str]] = {
            ":PMU:INIT": self._init, ":PMU:RPM:CONFIGURE": self._rpm, ":PMU:MEASURE:RANGE": self._range,
            ":PMU:MEASURE:MODE": self._measure_mode, ":PMU:SOURCE:RANGE": self._source, ":PMU:LOAD": self._load,
            ":PMU:PULSE:TRAIN": self._train, ":PMU:PULSE:TIMES": self._times, ":PMU:PULSE:BURST:COUNT": self._burst,
            ":PMU:SARB:WFM:SEQ:LIST": self._list, ":PMU:OUTPUT:STATE": self._output, ":PMU:EXECUTE": self._execute,
            ":PMU:ABORT": self._abort, ":PMU:TEST:STATUS?": lambda words: "0", ":PMU:DATA:COUNT?": self._data_count,
            ":PMU:DATA:GET": self._data, ":ERROR:LAST:GET": lambda words: self._last or "No error. (0)",
            ":ERROR:LAST:CLEAR": self._clear, "*IDN?": lambda words: self.identity, "*RST": self._reset,
        }  # fmt: skip
        for name in FIELDS:
            self._verbs[f":PMU:SARB:SEQ:{name}"] = partial(self._array, name)

    @property
    def output(self) -> bool:
        """Whether any channel's output is on."""
        return any(channel.output for channel in self._channels.values())

    @property
    def clock(self) -> float:
        """Virtual time, s."""
        return self._dut.clock

    def handle(self, message: str) -> str:
        """Carry out one message; every one is answered."""
        verb, _, rest = message.strip().partition(" ")
        words = [word.strip() for word in rest.split(",")] if rest.strip() else []
        try:
            act = self._verbs.get(verb.upper())
            if act is None:
                raise Refused(f"Unknown command '{verb[:40]}' (-100)")
            return act(words)
        except Refused as error:
            self._last = str(error)
        except (ValueError, IndexError, OverflowError):
            self._last = f"Bad parameters of {verb[:40]} (-101)"
        return f"ERR {self._last}"

    # ---- settings

    def _ready(self, mode: int | None = None) -> None:
        if self._mode is None or mode not in (None, self._mode):
            raise Refused("Initialise the PMU in the right mode first (-110)")

    def _channel(self, word: str) -> ChannelState:
        self._ready()
        number = int(word)
        if number not in self._channels:
            raise Refused(f"There is no channel {number} (-111)")
        return self._channels[number]

    def _init(self, words: list[str]) -> str:
        mode = int(words[0])
        if mode not in (0, 1):
            raise ValueError
        self._channels = {c: ChannelState() for c in CHANNELS}
        self._mode, self._count, self._kind = mode, 1, 2
        self._dut.standing.clear()
        return "ACK"

    def _rpm(self, words: list[str]) -> str:
        self._ready()
        if words[0] not in ("PMU1-1", "PMU1-2") or int(words[1]) not in (0, 1, 2, 3):
            raise Refused(f"There is no RPM {words[0]} (-112)")
        return "ACK"

    def _range(self, words: list[str]) -> str:
        channel, kind = self._channel(words[0]), int(words[1])
        if kind not in (0, 1, 2) or (kind and not 1e-7 <= float(words[2]) <= 0.8):
            raise ValueError
        channel.amps = float(words[2]) if kind else 0.2
        return "ACK"

    def _source(self, words: list[str]) -> str:
        volts = float(words[1])
        if volts not in (10.0, 40.0):
            raise ValueError
        self._channel(words[0]).volts = volts
        return "ACK"

    def _load(self, words: list[str]) -> str:
        load = float(words[1])
        if not 1.0 <= load <= 1e7:
            raise ValueError
        self._channel(words[0]).load = load
        return "ACK"

    def _measure_mode(self, words: list[str]) -> str:
        self._ready(0)
        kind = int(words[0])
        if kind not in (0, 1, 2, 3, 4):
            raise ValueError
        self._kind = {0: 0, 1: 1, 2: 2, 3: 1, 4: 2}[kind]
        return "ACK"

    def _train(self, words: list[str]) -> str:
        self._ready(0)
        channel, base, peak = self._channel(words[0]), float(words[1]), float(words[2])
        self._within(channel, (base, peak))
        channel.train = (base, peak)
        return "ACK"

    def _times(self, words: list[str]) -> str:
        self._ready(0)
        period, width, rise, fall = (float(word) for word in words[1:5])
        delay = float(words[5]) if len(words) > 5 else 0.0
        if min(rise, fall) < SHORTEST or width <= 0 or delay < 0 or delay + width + (rise + fall) / 2 > period:
            raise Refused("The pulse does not fit into its period (-120)")
        self._channel(words[0])
        for channel in self._channels.values():
            channel.times = (period, width, rise, fall, delay)
        return "ACK"

    def _burst(self, words: list[str]) -> str:
        self._ready(0)
        self._count = int(words[0])
        if not 1 <= self._count <= 100_000:
            raise ValueError
        return "ACK"

    def _array(self, name: str, words: list[str]) -> str:
        self._ready(1)
        channel, number, values = self._channel(words[0]), int(words[1]), [float(word) for word in words[2:]]
        if not 1 <= number <= 512 or not 1 <= len(values) <= AT_ONCE or not np.isfinite(values).all():
            raise ValueError
        if name == "TIME" and min(values) < SHORTEST - 1e-12:
            raise Refused("A segment is shorter than 20 ns (-121)")
        if name == "TIME" and any(abs(v / STEP - round(v / STEP)) > 1e-4 for v in values):
            raise Refused("A segment is no multiple of 10 ns (-122)")
        if name in ("STARTV", "STOPV"):
            self._within(channel, values)
        channel.sequences.setdefault(number, {})[name] = values
        return "ACK"

    def _within(self, channel: ChannelState, values: Sequence[float]) -> None:
        if max(abs(v) for v in values) > channel.volts:
            raise Refused(f"A voltage is beyond the range of {channel.volts:g} V (-123)")

    def _list(self, words: list[str]) -> str:
        self._ready(1)
        channel, numbers = self._channel(words[0]), [int(float(word)) for word in words[1:]]
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        if not pairs or any(n not in channel.sequences or not 1 <= loops <= 10**12 for n, loops in pairs):
            raise Refused("A sequence of the list is not defined (-124)")
        channel.order = pairs
        return "ACK"

    def _output(self, words: list[str]) -> str:
        channel, on = self._channel(words[0]), int(words[1])
        if on not in (0, 1):
            raise ValueError
        channel.output = bool(on)
        if not on:
            self._dut.standing.pop(words[0], None)
        return "ACK"

    def _abort(self, words: list[str]) -> str:
        for channel in self._channels.values():
            channel.output = False
        self._dut.standing.clear()
        return "ACK"

    def _clear(self, words: list[str]) -> str:
        self._last = ""
        return "ACK"

    def _reset(self, words: list[str]) -> str:
        self._abort(words)
        self._mode = None
        return "ACK"

    # ---- tests

    def _execute(self, words: list[str]) -> str:
        self._ready()
        live = {c: channel for c, channel in self._channels.items() if channel.output}
        if not live:
            raise Refused("No output is on (-130)")
        tracks = {c: self._sequence(channel) if self._mode else self._pulses(channel) for c, channel in live.items()}
        lengths = {round(sum(step.duration for step in steps), 10) for steps in tracks.values()}
        if len(lengths) > 1:
            raise Refused("The channels' waveforms are not of one length (-131)")
        factors = {c: (channel.load + OUTPUT) / channel.load for c, channel in live.items()}
        listed = {
            str(c): ([step.level * factors[c] for step in steps], [step.duration for step in steps])
            for c, steps in tracks.items()
        }
        # A channel whose output is off is open: its line floats, as in a real card with its relay open.
        played = self._dut.play_together(listed, {str(c): PortDrive(0.0) for c in live})
        for c, steps in tracks.items():
            seen = played[str(c)]
            live[c].data = self._points(steps, seen.voltage, seen.current)
        return "ACK"

    def _points(self, steps: list[HeldStep], voltage: NDArray[np.float64], current: NDArray[np.float64]) -> list[str]:
        time, points = 0.0, []
        for step, v, i in zip(steps, voltage, current, strict=True):
            time += step.duration
            if step.kind:
                terminal = v - i * OUTPUT
                points.append(f"{terminal:.9E},{i:.9E},{time - step.duration / 2:.9E},0")
        return points

    def _sequence(self, channel: ChannelState) -> list[HeldStep]:
        if not channel.order:
            raise Refused("A channel has no list of sequences (-132)")
        found: list[HeldStep] = []
        last = None
        for number, loops in channel.order:
            arrays = channel.sequences[number]
            if any(name not in arrays for name in ("TIME", "STARTV", "STOPV")):
                raise Refused(f"Sequence {number} lacks an array (-133)")
            count = len(arrays["TIME"])
            zeros = [0.0] * count
            rows = [arrays.get(name, zeros) for name in FIELDS]
            if any(len(row) != count for row in rows):
                raise Refused(f"Arrays of sequence {number} differ in length (-134)")
            for _ in range(loops):
                for time, start, stop, kind, begin, end in zip(*rows, strict=True):
                    if last is not None and abs(start - last) > JOINED:
                        raise Refused("Segments do not join (-135)")
                    if kind and not 0 <= begin < end <= time + 1e-12:
                        raise Refused("A measurement lies outside its segment (-136)")
                    last = stop
                    found += _played(time, start, stop, int(kind), begin, end)
        return found

    def _pulses(self, channel: ChannelState) -> list[HeldStep]:
        if channel.train is None or channel.times is None:
            raise Refused("A channel has no pulse (-137)")
        (base, peak), (period, width, rise, fall, delay) = channel.train, channel.times
        top = width - (rise + fall) / 2
        rest = period - delay - rise - top - fall
        one = [(delay, base, base), (rise, base, peak), (top, peak, peak), (fall, peak, base), (rest, base, base)]
        found: list[HeldStep] = []
        for _ in range(self._count):
            for time, start, stop in one:
                if time > 0:
                    measured = self._kind if self._kind == 2 or (start == stop == peak) else 0
                    found += _played(time, start, stop, measured, 0.0, time)
        return found

    # ---- data

    def _data_count(self, words: list[str]) -> str:
        return str(len(self._channel(words[0]).data))

    def _data(self, words: list[str]) -> str:
        data = self._channel(words[0]).data
        start = int(words[1]) if len(words) > 1 else 0
        count = int(words[2]) if len(words) > 2 else 2048
        if start < 0 or not 1 <= count <= 2048:
            raise ValueError
        return ";".join(data[start : start + count])


def _played(time: float, start: float, stop: float, kind: int, begin: float, end: float) -> list[HeldStep]:
    """Steps of one segment; a ramp is a step at its middle, what is measured has edges of its own."""
    if start != stop:
        half = time / 2
        wanted = kind if kind == 2 else 0
        return [HeldStep(start, half, wanted), HeldStep(stop, half, wanted)]
    if kind == 2:
        return [HeldStep(start, time / SAMPLES, 2)] * SAMPLES
    if kind in (1, 3):
        # The mean over a window of a level that stands is the reading at its middle, within the window's drift.
        middle = (begin + end) / 2
        return [HeldStep(start, middle, 1), *([HeldStep(start, time - middle, 0)] if time > middle else [])]
    return [HeldStep(start, time, 0)]


INSTRUMENTS = {"4200A": VirtualK4200}
