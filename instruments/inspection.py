"""`hil lab check`: what an instrument is, can and is set to, without changing anything on it or driving the sample."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING, Any

from hil.errors import HilError
from hil.runs.results import Row
from instruments.link.dialogue import Dialogue
from instruments.link.errors import LinkError, ProtocolError

if TYPE_CHECKING:
    from instruments.link.link import Link
    from instruments.smu.session import Smu

QUESTIONS = 20
"""Questions of the link's self-test."""

MOST_LATENCY = 0.5
"""Median time of an answer, s, beyond which the link is too slow to be watched: half the watchdog's lease."""


def inspect(
    resource: str, *, timeout: float, reach: dict[str, Any], v_max: float | None, i_max: float | None, channel: int
) -> list[Row]:
    """Ask an instrument what there is to know before a sample is connected; only questions are sent.

    Its own self-test (``*TST?``) is not asked for: some models source during it, or want their terminals open.

    Parameters
    ----------
    resource : str
        VISA resource name.
    timeout, reach : float and dict
        Of `Link.open`.
    v_max, i_max : float, optional
        Limits of a sample, V and A, held against the model's.
    channel : int
        Source channel.

    Raises
    ------
    HilError
        If nobody answers, there is no driver, or a limit is beyond the model's.
    """
    from instruments.link.link import Link
    from instruments.safety.limits import SafetyLimits
    from instruments.smu.driver import ChannelSettings
    from instruments.smu.models import driver_for
    from instruments.smu.session import Smu

    with Link.open(resource, timeout=timeout, **reach) as link:
        spec = driver_for(link.query("*IDN?")).spec
        v_max, i_max = v_max or min(1.0, spec.v_max), i_max or min(max(1e-6, spec.i_min), spec.i_max)
        safety = SafetyLimits(v_max=v_max, i_max=i_max)
        smu = Smu(link, ChannelSettings(i_max, v_max, channel=channel, line_frequency=None), safety)
        link.sync = smu.driver.sync
        return [*_facts(smu), *_state(link, smu), *_settings(smu), _link(link)]


def _facts(smu: Smu) -> Iterator[Row]:
    maker, model, number, firmware = [*(word.strip() for word in smu.identity.split(",")), "", "", "", ""][:4]
    spec = smu.driver.spec
    yield Row("instrument", f"{maker} {model}", note=f"serial number {number}" if number else "")
    yield Row("firmware", firmware or "not told")
    yield Row("driver", spec.model, note=f"{type(smu.driver).__module__}; figures from {spec.source}")
    yield Row("voltage, at most", spec.v_max, "V")
    yield Row("compliance", f"{spec.i_min:g} .. {spec.i_max:g}", "A")
    yield Row("shortest step", spec.width_min, "s", note=f"measured {spec.width_measured:g} s")
    yield Row("steps of a train", spec.points)
    yield Row("channels", spec.channels, note=f"channel {smu.settings.channel} is asked")


def _state(link: Link, smu: Smu) -> Iterator[Row]:
    try:
        Dialogue(link, smu.driver).exchange(smu.driver.is_off(smu.settings))
        yield Row("output", "off")
    except ProtocolError as error:
        yield Row("output", "ON", note=f"somebody left it on; the first train of a session switches it off: {error}")
    terminals = smu.settings.terminals or "one pair"
    yield Row("terminals", terminals, note="those selected now; a session selects them again after its reset"
              if smu.driver.spec.terminals else "")  # fmt: skip
    yield Row("line frequency", smu.settings.line_frequency, "Hz")


def _settings(smu: Smu) -> Iterator[Row]:
    """Whether a session with these limits could be set up; the messages are made and not sent."""
    limits = f"{smu.safety.v_max:g} V, {smu.safety.i_max:g} A"
    try:
        count = len(smu.setup())
        yield Row("limits of the sample", "possible", note=f"{limits}: {count} messages set it up")
    except HilError as error:
        yield Row("limits of the sample", "refused", note=f"{limits}: {error}")


def _link(link: Link) -> Row:
    """Ask the same question again and again: all answers must be the same one, and come soon."""
    times, answers = [], set()
    try:
        for _ in range(QUESTIONS):
            began = time.perf_counter()
            answers.add(link.query("*IDN?"))
            times.append(time.perf_counter() - began)
    except LinkError as error:
        return Row("link", "fault", note=str(error))
    if len(answers) > 1:
        return Row("link", "fault", note=f"{len(answers)} different answers to one question: somebody else is talking")
    slow = median(times) > MOST_LATENCY
    return Row("link", "slow" if slow else "ok", note=f"{QUESTIONS} questions, {1e3 * median(times):.2g} ms an answer, "
               f"{1e3 * max(times):.2g} ms at most")  # fmt: skip
