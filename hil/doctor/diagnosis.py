"""`Diagnosis`: what was found of one thing; the registry of all checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from hil.errors import told
from hil.plugins import Registry

State = Literal["ok", "absent", "fault"]


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What, such as ``Python``.
    state : {"ok", "absent", "fault"}
        ``ok``: as it should be. ``absent``: not there, which only those miss who use it. ``fault``: something that is
        there will not work.
    told : str
        What was found.
    cure : str
        What to do, where there is something to do.
    """

    name: str
    state: State
    told: str
    cure: str = ""


Check = Callable[[], Iterable[Diagnosis]]

CHECKS: Registry[Check] = Registry("hil.checks", "check")
"""All checks that are installed, by the part that they look at."""


def diagnoses(part: str | None = None) -> Iterator[tuple[str, Diagnosis]]:
    """Part and finding, of all checks one after the other, or of one; a check that fails is a finding."""
    checks, problems = CHECKS.found(None if part is None else [part])
    for name, problem in problems.items():
        yield name, Diagnosis(name, "fault", str(problem), "reinstall the package that brings it, or remove it")
    for part, check in checks.items():
        try:
            for finding in check():
                yield part, finding
        except Exception as error:  # whatever is wrong with a machine, all other checks are still of use
            yield part, Diagnosis(part, "fault", f"the check itself failed: {told(error)}", "report this")
