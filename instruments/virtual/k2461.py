"""Virtual Keithley 2461: a 2460 with the pulse builder of 2461-901-01 Rev. A, 6-107 ff.

Widths and off times are exact. All settings are snapshotted when a pulse message is sent (6-121): a limit or an
integration time changed afterwards acts from the next pulse message on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from instruments.virtual.blocks import MOST_STEPS, TriggerBlock
from instruments.virtual.k2450 import K2450
from instruments.virtual.scpi import ScpiCommand
from instruments.virtual.scpi_parameters import ScpiError, arguments, boolean, integer, number, show
from instruments.virtual.source_lists import LIST_MESSAGE, LIST_TOTAL

PULSE_LIST = "PulseVoltCustomSweepList"
"""Configuration list that holds what ``SOUR:PULS:LIST:VOLT`` sets."""

WIDTH_MIN, WIDTH_MAX = 150e-6, 1e4
"""Pulse widths, s; the shortest depends on the load (6-121)."""

DUTY_MAX = 0.9999
"""Largest duty cycle in the normal area (6-121)."""

EXTENDED_LIMIT, EXTENDED_WIDTH, EXTENDED_DUTY = 7.35, 1e-3, 0.05
"""Beyond this current limit (A) pulses are of the extended area: 1 ms and 5 % duty at most (6-121)."""

PULSE_LIMIT = 10.5
"""Largest current limit during a pulse, A (6-108)."""


class K2461(K2450):
    """A 2461; parameters as of `K2450`."""

    def commands(self) -> Sequence[ScpiCommand]:
        """Those of the family and of the pulse builder."""
        pulse = "[SOURce[1]:]PULSe"
        return [
            *super().commands(),
            ScpiCommand(f"{pulse}:TRain:VOLTage", _train),
            ScpiCommand(f"{pulse}:SWEep:VOLTage:LIST", _sweep),
            ScpiCommand(f"{pulse}:LIST:VOLTage", partial(_list, False), _tell),
            ScpiCommand(f"{pulse}:LIST:VOLTage:APPend", partial(_list, True)),
            ScpiCommand(f"{pulse}:VOLTage:ILIMit[:LEVel]", _limit, lambda s, p, n: show(s.pulse_limit)),
        ]

    def reset(self) -> None:
        """Defaults of the family; 105 uA during pulses."""
        super().reset()
        self.pulse_limit = 105e-6

    def load_pulses(
        self, bias: float, levels: Sequence[float], width: float, rest: float, delay: float, *,
        measure: bool, buffer: str, bias_limit: float, pulse_limit: float, abort: bool,
    ) -> None:  # fmt: skip
        """Output on at the bias, `delay` s, then every pulse and its rest, output off.

        Raises
        ------
        ScpiError
            -222 for a width, duty or level that the model does not have; -221 for a measurement that does not fit
            into the pulse, and for source readback with measurement.
        """
        slack = 1 + 1e-9
        if not WIDTH_MIN / slack <= width <= WIDTH_MAX * slack:
            raise ScpiError(-222)
        extended = pulse_limit > EXTENDED_LIMIT
        duty = width / (width + rest)
        if duty > (EXTENDED_DUTY if extended else DUTY_MAX) * slack or (extended and width > EXTENDED_WIDTH * slack):
            raise ScpiError(-222)
        for level in (bias, *levels):
            self.check_level(level)
        if measure and (self.readback or width * slack < self.measure_time):
            raise ScpiError(-221)
        channel = self.channel
        held = (channel.four_wire, channel.v_range, channel.i_range)

        def play() -> None:
            now = (channel.four_wire, channel.v_range, channel.i_range, channel.compliance)
            try:
                pulses()
            finally:
                channel.four_wire, channel.v_range, channel.i_range, channel.compliance = now

        def pulses() -> None:
            channel.four_wire, channel.v_range, channel.i_range = held
            self.buffers[buffer].clear()
            channel.compliance = bias_limit
            channel.set_level(bias, settle=False)
            channel.switch(True, settle=False)
            if delay > 0:
                channel.hold(delay)
            if bias_limit == pulse_limit and not abort:
                steps = [(level, width, measure) for level in levels]
                table = [step for pulse in steps for step in (pulse, (bias, rest, False))]
                self.store(buffer, channel.play(*map(list, zip(*table, strict=True))))
            else:
                self._one_by_one(bias, levels, width, rest, measure, buffer, bias_limit, pulse_limit, abort)
            channel.switch(False)

        self.trigger.load([TriggerBlock("PULSE", play)])

    def _one_by_one(
        self, bias: float, levels: Sequence[float], width: float, rest: float, measure: bool, buffer: str,
        bias_limit: float, pulse_limit: float, abort: bool,
    ) -> None:  # fmt: skip
        channel = self.channel
        for level in levels:
            channel.compliance = pulse_limit
            self.store(buffer, channel.play([level], [width], [measure]))
            tripped = channel.tripped
            channel.compliance = bias_limit
            channel.play([bias], [rest], [False])
            if abort and tripped:
                return


def _train(smu: K2461, parameters: list[str], _: dict[str, int]) -> None:
    """Bias, level, width, count, measure, buffer, delay, off time, limits of bias and pulse, abort (6-121)."""
    given = arguments(parameters, 4, 11)
    top = smu.capability.v_max
    bias, level = (number(text, -top, top) for text in given[:2])
    width, count = number(given[2]), integer(given[3], 1, MOST_STEPS)
    measure, delay, rest, bias_limit, pulse_limit, abort = _tail(smu, given[4:5], given[6:])
    smu.load_pulses(
        bias, [level] * count, width, rest, delay, measure=measure, buffer=smu.buffer_name(given, 5),
        bias_limit=bias_limit, pulse_limit=pulse_limit, abort=abort,
    )  # fmt: skip


def _tail(smu: K2461, measured: list[str], rest: list[str]) -> tuple[bool, float, float, float, float, bool]:
    top = smu.capability.i_max
    measure = boolean(measured[0]) if measured else True
    delay = number(rest[0], 0.0, 1e4, 0.0) if rest else 0.0
    off = number(rest[1], 0.0, 1e4) if len(rest) > 1 else 1e-3
    bias_limit = number(rest[2], smu.capability.i_min, top) if len(rest) > 2 else smu.channel.compliance
    pulse_limit = number(rest[3], smu.capability.i_min, PULSE_LIMIT) if len(rest) > 3 else smu.pulse_limit
    return measure, delay, off, bias_limit, pulse_limit, boolean(rest[4]) if len(rest) > 4 else True


def _sweep(smu: K2461, parameters: list[str], _: dict[str, int]) -> None:
    """Width, measure, buffer, first index, count, delay, off time, abort (6-115); the bias is the source level."""
    given = arguments(parameters, 1, 8)
    levels = smu.lists.get(PULSE_LIST)
    if not levels:
        raise ScpiError(-221)
    first = integer(given[3], 1, len(levels)) if len(given) > 3 else 1
    count = integer(given[4], 1, MOST_STEPS // len(levels)) if len(given) > 4 else 1
    smu.load_pulses(
        smu.channel.level, levels[first - 1 :] * count, number(given[0]),
        number(given[6], 0.0, 1e4) if len(given) > 6 else 1e-3, number(given[5], 0.0, 1e4) if len(given) > 5 else 0.0,
        measure=boolean(given[1]) if len(given) > 1 else True, buffer=smu.buffer_name(given, 2),
        bias_limit=smu.channel.compliance, pulse_limit=smu.pulse_limit,
        abort=boolean(given[7]) if len(given) > 7 else True,
    )  # fmt: skip


def _list(append: bool, smu: K2461, parameters: list[str], _: dict[str, int]) -> None:
    if not parameters or not parameters[0]:
        raise ScpiError(-109)
    if len(parameters) > LIST_MESSAGE:
        raise ScpiError(-223)
    values = [number(p, -smu.capability.v_max, smu.capability.v_max) for p in parameters]
    values = smu.lists.get(PULSE_LIST, []) + values if append else values
    if len(values) > LIST_TOTAL:
        raise ScpiError(-223)
    smu.lists[PULSE_LIST] = values


def _tell(smu: K2461, parameters: list[str], _: dict[str, int]) -> str:
    return ",".join(map(show, smu.lists.get(PULSE_LIST, [])))


def _limit(smu: K2461, parameters: list[str], _: dict[str, int]) -> None:
    smu.pulse_limit = number(arguments(parameters, 1)[0], smu.capability.i_min, PULSE_LIMIT)


INSTRUMENTS = {"2461": partial(K2461, model="2461")}
