"""The site: every page has its place, every link leads somewhere, and tutorials do what they show."""

import re
import sys
from pathlib import Path

import pytest
from test_docs_add import commands, missing, run

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "site"))

import build  # noqa: E402 - beside the pages
import contents  # noqa: E402

TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))


def test_every_page_is_in_one_section():
    pages = {str(p.relative_to(DOCS).with_suffix("")) for p in DOCS.rglob("*.md")}
    placed = [name for names in contents.SECTIONS.values() for name in names] + list(contents.REFERENCE)
    assert sorted(placed) == sorted(pages)


def test_every_picture_of_the_gallery_is_there():
    for name, command in contents.GALLERY.items():
        assert (DOCS / "images" / name).exists() and command.split()[0] in ("hil", "python")
        for file in re.findall(r"examples/\S+", command):
            assert (ROOT / file).exists()


def test_links_of_the_assembled_pages_lead_to_pages(tmp_path):
    pages = build.assemble(tmp_path / "sources")
    assert len(pages) > 100
    lost = [
        f"{page.relative_to(tmp_path)}: {link}"
        for page in pages
        for link, _ in build.LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).is_file()
    ]
    assert lost == []
    reference = (tmp_path / "sources" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert "### hil runs" in reference and "#### hil runs show" in reference and "--dry-run" in reference
    assert "## wta\n" in (tmp_path / "sources" / "reference" / "configurations.md").read_text(encoding="utf-8")
    assert "## sim:vteam\n" in (tmp_path / "sources" / "reference" / "devices.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in TUTORIALS])
def test_a_tutorial_does_what_it_shows(page, tmp_path):
    assert commands(page)
    for command, shown in commands(page):
        printed = run(command, tmp_path)
        lost = missing(shown, printed)
        assert lost is None, f"{page.name} shows '{lost}' of '{command}', which printed:\n{printed}"


@pytest.mark.slow
def test_sphinx_makes_the_site_without_a_warning(tmp_path, monkeypatch):
    for name in ("sphinx", "myst_parser", "pydata_sphinx_theme", "sphinx_copybutton"):
        pytest.importorskip(name)
    monkeypatch.setattr(sys, "argv", ["build.py", str(tmp_path / "site")])
    with pytest.raises(SystemExit) as end:
        build.main()
    assert end.value.code == 0
    assert "searchindex" in " ".join(p.name for p in (tmp_path / "site").iterdir())
