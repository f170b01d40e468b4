"""Names of the project's own modules, classes and functions in docstrings lead somewhere."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

from source_tree import ROOMS, ROOT, Module, modules, resolves

NAME = re.compile(rf"`+((?:{'|'.join(ROOMS)})(?:\.[A-Za-z_]\w*)+)[`(]")
POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
GROUPS = {*POINTS, "hil.boards", "hil.matrices", "hil.smus", "hil.virtual_instruments"}
"""Entry-point groups, whose names look like modules."""


def texts(module: Module) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring, of attributes too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def test_names_in_docstrings_resolve():
    wrong = [
        f"{module.where}:{line} names {name}, which is not there"
        for module in modules().values()
        for line, text in texts(module)
        for name in NAME.findall(text)
        if name not in GROUPS and not resolves(name)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_name_that_is_gone_is_found():
    assert resolves("hil.device.Device.apply") and resolves("hil.runs.run.Run") and resolves("gateware.boards")
    assert not resolves("hil.device.Devise") and not resolves("hil.device.Device.aply") and not resolves("hil.nothing")
    assert NAME.findall("see `hil.device.Device` and ``sim.cells.flca``") == ["hil.device.Device", "sim.cells.flca"]
