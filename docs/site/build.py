"""Make the site: `make docs`, or ``python docs/site/build.py [FOLDER]``.

Pages of docs/ are copied, links to source files lead to pages made from the docstrings in them, and the reference is
made from commands, configurations and devices. Sphinx turns all of it into HTML and fails on any warning.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from contents import GALLERY, REFERENCE, SECTIONS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ROOMS = ("hil", "sim", "gateware", "instruments")
LINK = re.compile(r"(?<!!)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def assemble(target: Path) -> list[Path]:
    """Put the sources of the site into an empty folder; returns all pages."""
    modules: set[str] = set()
    for page in sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "site"):
        copied = target / page.relative_to(DOCS)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(_linked(page, copied, target, modules), encoding="utf-8")
    for notebook in (DOCS / "notebooks").glob("*.ipynb"):
        shutil.copyfile(notebook, target / "notebooks" / notebook.name)
    shutil.copytree(DOCS / "images", target / "images")
    shutil.copyfile(DOCS / "results.schema.json", target / "results.schema.json")
    shutil.copyfile(DOCS / "site" / "conf.py", target / "conf.py")
    _reference(target, modules)
    (target / "gallery.md").write_text(_gallery(), encoding="utf-8")
    (target / "index.md").write_text(_index(_sections(target)), encoding="utf-8")
    return sorted(target.rglob("*.md"))


def _linked(page: Path, copied: Path, target: Path, modules: set[str]) -> str:
    """Text of a page; what it links to outside docs/ is a page of the reference, a copy beside it, or plain text."""

    def replaced(link: re.Match[str]) -> str:
        where, anchor = link[1], link[2] or ""
        path = (page.parent / where).resolve()
        if "://" in where or not path.exists() or (path.is_relative_to(DOCS) and path.is_file()):
            return link[0]
        if path == DOCS / "add":
            return "](" + os.path.relpath(target / "add" / "README.md", copied.parent) + ")"
        inside = path.relative_to(ROOT)
        if inside.parts[0] in ROOMS and (path.is_dir() or path.suffix == ".py"):
            name = ".".join(inside.with_suffix("").parts)
            modules.add(name)
            return "](" + os.path.relpath(target / "reference" / "api" / f"{name}.md", copied.parent) + ")"
        return f"]({_copy(path, target, copied)}{anchor if path.suffix == '.md' else ''})"

    return LINK.sub(replaced, page.read_text(encoding="utf-8"))


def _copy(path: Path, target: Path, copied: Path) -> str:
    """Copy a file of the repository into the site, as text to be looked at, or list a folder; seen from a page."""
    place = target / "files" / f"{path.relative_to(ROOT)}.txt"
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        place.write_text("\n".join(sorted(each.name for each in path.iterdir())) + "\n", encoding="utf-8")
    else:
        shutil.copyfile(path, place)
    return os.path.relpath(place, copied.parent)


def _reference(target: Path, modules: set[str]) -> None:
    from reference import commands, configurations, devices, module

    folder = target / "reference"
    (folder / "api").mkdir(parents=True)
    for name, text in (("commands", commands()), ("configurations", configurations()), ("devices", devices())):
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    for name in sorted({"hil", *modules}):
        (folder / "api" / f"{name}.md").write_text(module(name), encoding="utf-8")
    listed = "\n".join(sorted({"hil", *modules}))
    (folder / "api" / "index.md").write_text(
        f"# Modules\n\nFrom their docstrings.\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n", encoding="utf-8"
    )


def _gallery() -> str:
    parts = ["# Gallery", "Pictures, and the command that made each."]
    parts += [f"## {name.partition('.')[0].replace('-', ' ')}\n\n```sh\n{command}\n```\n\n![{name}](images/{name})"
              for name, command in GALLERY.items()]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _sections(target: Path) -> list[str]:
    """Write a page for every section that lists its pages; their names, in order."""
    pages = dict(SECTIONS) | {"Reference": ("reference/commands", "reference/configurations", "reference/devices",
                                            *REFERENCE, "reference/api/index"), "Gallery": ("gallery",)}  # fmt: skip
    names = []
    for caption, listed in pages.items():
        name = caption.lower().replace(" ", "-") if len(listed) > 1 else listed[0]
        names.append(name)
        if len(listed) > 1:
            text = f"# {caption}\n\n```{{toctree}}\n:maxdepth: 2\n\n" + "\n".join(listed) + "\n```\n"
            (target / f"{name}.md").write_text(text, encoding="utf-8")
    return names


def _index(sections: list[str]) -> str:
    """First page: what the README says up to its links, and the sections."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("**Where to go next**")[0]
    tree = "```{toctree}\n:maxdepth: 1\n\n" + "\n".join(sections) + "\n```\n"
    return text.replace("](docs/", "](") + "\n\n" + tree


def main() -> None:
    """Build into a folder, build/site if not given."""
    site = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    sources = site.with_name(f"{site.name}-sources")
    for folder in (site, sources):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    os.environ["COLUMNS"] = "100"
    assemble(sources)
    work = ["-d", str(sources / "doctrees"), str(sources), str(site)]
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", *work]
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        print(f"site: {site / 'index.html'}")
    sys.exit(code)


if __name__ == "__main__":
    main()
