"""The names at the top level: there, lazy, and the same as where they are defined."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import hil


@pytest.mark.parametrize("name", sorted(set(hil.__all__) - {"__version__"}))
def test_names_are_those_of_their_modules(name):
    assert getattr(hil, name) is getattr(import_module(hil._PLACES[name]), name)
    assert name in dir(hil)


def test_editors_see_the_same_names_as_the_interpreter():
    """What stands under ``if TYPE_CHECKING`` is what `__getattr__` imports, name by name, place by place."""
    tree = ast.parse(Path(hil.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    assert {alias.name: node.module for node in block.body for alias in node.names} == hil._PLACES
    assert set(hil.__all__) == {"__version__", *hil._PLACES}


def test_unknown_names_are_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'hil' has no attribute 'trian'"):
        hil.trian  # noqa: B018


def test_importing_hil_imports_no_array():
    code = "import sys, hil; print(sorted({'numpy', 'pydantic', 'typer', 'hil.device'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
