"""Source lists of the 2450 family: sweeps and configuration lists (2450-901-01 Rev. B, 2461-901-01 Rev. A)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from instruments.virtual.blocks import MOST_STEPS
from instruments.virtual.scpi_parameters import ScpiError, arguments, boolean, choice, integer, number, show, string

SWEEP_LIST = "VoltCustomSweepList"
"""Configuration list that holds what ``SOUR:LIST:VOLT`` sets (2461 6-101)."""

LIST_MESSAGE, LIST_TOTAL = 100, 2500
"""Values in one message, and in a list (2461 6-101)."""


def pause(text: str) -> float:
    """0 or 50 us .. 10 000 s (2461 6-128)."""
    value = number(text, 0.0, 1e4, 0.0)
    if 0 < value < 50e-6 * (1 - 1e-9):
        raise ScpiError(-222)
    return value


def set_list(append: bool, smu: Any, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:LIST:VOLTage`` and its ``APPend``: -223 beyond 100 values in a message or 2500 in all."""
    if not parameters or not parameters[0]:
        raise ScpiError(-109)
    if len(parameters) > LIST_MESSAGE:
        raise ScpiError(-223)
    values = [number(p, -smu.capability.v_max, smu.capability.v_max) for p in parameters]
    values = smu.lists.get(SWEEP_LIST, []) + values if append else values
    if len(values) > LIST_TOTAL:
        raise ScpiError(-223)
    smu.lists[SWEEP_LIST] = values


def tell_list(smu: Any, parameters: list[str], _: dict[str, int]) -> str:
    """``SOURce:LIST:VOLTage?``."""
    return ",".join(map(show, smu.lists.get(SWEEP_LIST, [])))


def sweep_list(smu: Any, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:SWEep:VOLTage:LIST`` start index, delay, count, abort, buffer (2461 6-128)."""
    start, *rest = arguments(parameters, 1, 5)
    levels = smu.lists.get(SWEEP_LIST)
    if not levels:
        raise ScpiError(-221)
    first = integer(start, 1, len(levels))
    delay = pause(rest[0]) if rest else 0.0
    count = integer(rest[1], 1, MOST_STEPS) if len(rest) > 1 else 1
    abort = boolean(rest[2]) if len(rest) > 2 else True
    name = smu.buffer_name(rest, 3)
    if len(levels) * count > MOST_STEPS:
        raise ScpiError(-222)
    smu.trigger.load_sweep(levels[first - 1 :] * count, delay, abort, name)


def sweep_linear(smu: Any, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:SWEep:VOLTage:LINear`` start, stop, points, delay, count, range, abort, dual, buffer."""
    given = arguments(parameters, 3, 9)
    v = smu.capability.v_max
    start, stop = number(given[0], -v, v), number(given[1], -v, v)
    points = integer(given[2], 2, MOST_STEPS)
    delay = pause(given[3]) if len(given) > 3 else 0.0
    count = integer(given[4], 1, MOST_STEPS // points) if len(given) > 4 else 1
    if len(given) > 5:
        choice(given[5], ("AUTO", "BEST", "FIXed"))
    abort = boolean(given[6]) if len(given) > 6 else True
    levels = np.linspace(start, stop, points).tolist()
    levels = levels + levels[-2::-1] if len(given) > 7 and boolean(given[7]) else levels
    smu.trigger.load_sweep(levels * count, delay, abort, smu.buffer_name(given, 8))


def config_list(smu: Any, parameters: Sequence[str]) -> list[float]:
    """Configuration list named by the first parameter; -224 if it does not exist."""
    if not parameters:
        raise ScpiError(-109)
    name = string(parameters[0])
    if name not in smu.lists:
        raise ScpiError(-224, f"Illegal parameter value: configuration list {name} does not exist")
    return smu.lists[name]


def config_create(smu: Any, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:CONFiguration:LIST:CREate``."""
    name = string(arguments(parameters, 1)[0])
    if name in smu.lists:
        raise ScpiError(-221)
    smu.lists[name] = []


def config_store(smu: Any, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:CONFiguration:LIST:STORe``: the present level, at the end or at an index."""
    stored = config_list(smu, arguments(parameters, 1, 2))
    if len(parameters) == 1:
        stored.append(smu.channel.level)
    else:
        stored[integer(parameters[1], 1, len(stored)) - 1] = smu.channel.level


def config_recall(smu: Any, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:CONFiguration:LIST:RECall``: source what is stored at an index."""
    stored = config_list(smu, arguments(parameters, 1, 2))
    level = stored[integer(parameters[1], 1, len(stored)) - 1 if len(parameters) > 1 else 0]
    smu.check_level(level)
    smu.channel.set_level(level)


def config_delete(smu: Any, parameters: list[str], _: dict[str, int]) -> None:
    """``SOURce:CONFiguration:LIST:DELete``."""
    config_list(smu, arguments(parameters, 1, 2))
    del smu.lists[string(parameters[0])]
