"""Optional parts of the installation: which extras are complete, and which packages shadow ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from hil.doctor.diagnosis import Diagnosis

PACKAGE = "memhil"

ROOMS = ("hil", "sim", "gateware", "instruments")
"""Names that are imported; other packages have some of them too."""

FOR_DEVELOPERS = ("dev", "clients")

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)([^;]*);?.*extra == ['\"]([\w-]+)['\"]")


def check() -> Iterator[Diagnosis]:
    """Every extra, and every room."""
    try:
        asked = distribution(PACKAGE).requires or []
    except PackageNotFoundError:
        yield Diagnosis(PACKAGE, "fault", "is not installed, only found", "pip install -e . in its folder")
        return
    extras: dict[str, list[str]] = {}
    for requirement in asked:
        found = _REQUIREMENT.match(requirement)
        if found and found[3] not in FOR_DEVELOPERS:
            extras.setdefault(found[3], []).append(found[1])
    for extra, names in sorted(extras.items()):
        missing = sorted({name for name in names if not _installed(name)})
        if missing:
            yield Diagnosis(extra, "absent", f"without {', '.join(missing)}", f'pip install "{PACKAGE}[{extra}]"')
        else:
            yield Diagnosis(extra, "ok", ", ".join(f"{name} {version(name)}" for name in names))
    yield from _rooms()


def _rooms() -> Iterator[Diagnosis]:
    """Whether each room is ours: InstrumentKit and others install packages of the same names."""
    here = Path(__file__).parents[2]
    owners = packages_distributions()
    for room in ROOMS:
        spec = find_spec(room)
        where = Path(spec.origin).parent if spec is not None and spec.origin else None
        others = sorted(set(owners.get(room, [])) - {PACKAGE})
        if where is not None and where != here / room:
            cure = f"remove {' or '.join(others) or where}, or use an environment for {PACKAGE} alone"
            yield Diagnosis(f"package {room}", "fault", f"is imported from {where}, not from {here / room}", cure)
        elif others:
            cure = f"an environment for {PACKAGE} alone: the next installation may overwrite ours"
            yield Diagnosis(f"package {room}", "fault", f"is installed by {', '.join(others)} too", cure)
        else:
            yield Diagnosis(f"package {room}", "ok", str(where))


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
