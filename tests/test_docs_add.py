"""The examples of docs/add are complete: their files make a package, their commands run and print what is shown.

A page's code blocks whose first line is a comment with a file name are the files of a package. Its ``pyproject.toml``
becomes what `pip install` would make of it. Then every command of its ``console`` blocks is run beside the files; the
lines that a block shows must come in what the command prints, in their order. ``...`` stands for anything, in a line or
as one, and neighbouring blanks are one.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from installing import record

PAGES = Path(__file__).parents[1] / "docs" / "add"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# ([\w./-]+\.(?:py|toml|json|csv))\n")


def blocks(page: Path, kind: str = r"\w+") -> list[str]:
    return [body for name, body in BLOCK.findall(page.read_text(encoding="utf-8")) if re.fullmatch(kind, name)]


def files(page: Path) -> dict[str, str]:
    """Content of every file of a page by its name."""
    found = {}
    for body in blocks(page):
        if head := FILE_NAME.match(body):
            assert head[1] not in found, f"{page.name} shows {head[1]} twice"
            found[head[1]] = body
    return found


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """Every command of a page with the lines that it is shown to print."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(blocks(page, "console")).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def install(page: Path, folder: Path) -> None:
    """Write the files of a page, and what an editable installation of them leaves for `importlib.metadata`."""
    for name, content in files(page).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    record(folder)


def run(command: str, folder: Path) -> str:
    """What a command prints, standard output before standard error."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "PYTHONPATH": str(folder), "MPLBACKEND": "agg", "COLUMNS": "160"}
    done = subprocess.run(
        shlex.split(command), cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    printed = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, f"'{command}' ended with {done.returncode}:\n{printed}"
    return printed


def missing(shown: list[str], printed: str) -> str | None:
    """First line that is shown and was not printed after those before it; None if there is none."""
    left = [" ".join(line.split()) for line in printed.splitlines()]
    for line in shown:
        if line.strip() in ("", "..."):
            continue
        pattern = ".*".join(re.escape(" ".join(part.split())) for part in line.split("..."))
        at = next((k for k, found in enumerate(left) if re.fullmatch(pattern.replace(r"\ .*", r".*"), found)), None)
        if at is None:
            return line
        left = left[at + 1 :]
    return None


def test_lines_that_are_not_printed_are_found():
    assert missing(["a  b", "...", "c ... e"], "a b\nx\nc d e\n") is None
    assert missing(["b", "a"], "a\nb\n") == "a"
    assert missing(["a ... c"], "a b\n") == "a ... c"


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.stem) for page in sorted(PAGES.glob("*.md")) if page.stem != "README"]
)
def test_the_example_of_a_page_runs(page, tmp_path):
    assert files(page) and commands(page), f"{page.name} has no complete example"
    install(page, tmp_path)
    for command, shown in commands(page):
        printed = run(command, tmp_path)
        lost = missing(shown, printed)
        assert lost is None, f"{page.name} shows '{lost}' of '{command}', which printed:\n{printed}"
