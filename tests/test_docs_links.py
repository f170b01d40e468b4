"""What the documentation points at is there: linked files, files named in code, and modules by their dotted names."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
NAMED_FILE = re.compile(r"`((?:hil|sim|gateware|instruments|tests|examples|benchmarks)/[\w./-]*)`")
DOTTED = re.compile(r"\b((?:hil|sim|gateware|instruments)(?:\.[a-zA-Z_]\w*)+)")
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
REGISTERED = re.compile(r"(?:^\w*GROUP = |(?:Registry|Catalogue)\b[^(\n]*\(\s*)\"((?:hil|sim)\.\w+)\"", re.MULTILINE)
SOURCES = [
    file.read_text(encoding="utf-8")
    for room in ("hil", "sim", "instruments", "gateware")
    for file in (ROOT / room).rglob("*.py")
]
NAMES = {*ENTRY_POINTS, "hil.devices", *(name for text in SOURCES for name in REGISTERED.findall(text))}
GROUPS = re.compile("|".join(rf"\"?\b{re.escape(group)}\b(?!\.)" for group in sorted(NAMES)))
"""Names of entry-point groups, which look like modules."""


@pytest.fixture(params=[pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def page(request):
    return request.param


def test_links_lead_to_files(page):
    links = [link for link, _ in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_files_named_in_code_exist(page):
    named = NAMED_FILE.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def known(dotted: str) -> bool:
    """Whether a dotted name is a module, or an attribute that its module's text defines or imports."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:count])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            rest = parts[count:]
            return not rest or re.search(rf"\b{rest[0]}\b", file.read_text(encoding="utf-8")) is not None
    return False


def test_modules_named_exist(page):
    names = set(DOTTED.findall(GROUPS.sub("", page.read_text(encoding="utf-8"))))
    assert sorted(name for name in names if not known(name)) == []


def test_a_name_that_is_gone_is_found():
    assert known("hil.device.Device") and known("hil.runs.results") and known("hil.open_device")
    assert not known("hil.results.Nothing") and not known("hil.device.Devise") and not known("sim.flca")
