"""How the house is built: who may import whom, and how large a file or a function grows."""

from __future__ import annotations

import ast

import pytest
from source_tree import ROOMS, modules, python_files, target

ARROWS = {"hil": set(), "sim": {"hil"}, "gateware": {"hil", "sim"}, "instruments": {"hil", "sim"}}
CONTRACT = ("hil.device", "hil.waveform", "hil.limits")
LAYERS = ("hil.spiking", "hil.pill", "hil.training", "hil.experiments", "hil.runs", "hil.sweeps", "hil.reproduction")
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
COMPILED = ("njit", "vectorize", "guvectorize")


def test_rooms_import_along_the_arrows_alone():
    wrong = [
        f"{module.where}:{asked.line} imports {asked.module}, and {module.room} may import no {room}"
        for module in modules().values()
        for asked in module.imports
        if (room := asked.module.partition(".")[0]) in ROOMS and room not in {module.room, *ARROWS[module.room]}
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("contract", CONTRACT)
def test_the_contract_imports_no_layer(contract):
    wrong = [
        f"{modules()[contract].where}:{asked.line} imports {asked.module}, which is built on the contract"
        for asked in modules()[contract].imports
        if (asked.module + ".").startswith(tuple(f"{layer}." for layer in LAYERS))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_the_private_names_of_another():
    wrong = [
        f"{module.where}:{asked.line} imports {asked.name} of {asked.module}"
        for module in modules().values()
        for asked in module.imports
        if asked.module.partition(".")[0] in ROOMS
        and any(
            part.startswith("_") and not part.endswith("__") for part in [asked.name or "", *asked.module.split(".")]
        )
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle_of_imports():
    edges = {name: _edges(name) for name in modules()}
    circles = {min(circle[i:] + circle[:i] for i in range(len(circle))) for circle in _circles(edges)}
    assert not circles, "\n".join(" -> ".join([*circle, circle[0]]) for circle in sorted(circles))


def _edges(name: str) -> list[str]:
    """Modules that run when this one is imported: what it asks for, and the packages above that it isn't in itself."""
    found: dict[str, None] = {}
    for asked in modules()[name].imports:
        if asked.runs and (reached := target(asked)) and reached != name:
            above = reached.split(".")
            packages = (".".join(above[:n]) for n in range(1, len(above)))
            found |= dict.fromkeys(package for package in packages if not f"{name}.".startswith(f"{package}."))
            found[reached] = None
    return list(found)


def _circles(edges: dict[str, list[str]]) -> list[tuple[str, ...]]:
    """One circle for each edge that leads back to a module still being imported."""
    found: list[tuple[str, ...]] = []
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            found.append(path[path.index(name) :])
        elif name not in finished:
            for following in edges[name]:
                visit(following, (*path, name))
            finished.add(name)

    for name in edges:
        visit(name, ())
    return found


def test_no_file_is_longer_than_400_lines():
    lengths = ((module.where, len(module.text.splitlines())) for module in python_files())
    wrong = [f"{where} has {lines} lines" for where, lines in lengths if lines > LINES_OF_A_FILE]
    assert not wrong, "\n".join(wrong)


def test_no_function_is_longer_than_60_lines():
    """Compiled kernels and descriptions of hardware excepted: a call costs the one, and the other is no sequence."""
    long = [
        f"{module.where}:{node.lineno} {node.name} has {lines} lines"
        for module in python_files()
        for node in module.functions()
        if (lines := node.end_lineno - node.lineno + 1) > LINES_OF_A_FUNCTION
        and not (module.room == "gateware" and node.name == "elaborate")
        and not any(word in ast.unparse(decorator) for decorator in node.decorator_list for word in COMPILED)
    ]
    assert not long, "\n".join(long)


def test_every_module_class_and_function_that_is_public_says_what_it_is():
    wrong = [
        f"{module.where}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', module.name)} has no docstring"
        for module in modules().values()
        for node in _public(module.tree)
        if not ast.get_docstring(node)
    ]
    assert not wrong, "\n".join(wrong)


def _public(node: ast.Module | ast.ClassDef) -> list[ast.AST]:
    """A module or class and what is public in it, but for methods: those of a base class say it once."""
    inner = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
    functions = [n for n in inner if isinstance(n, ast.FunctionDef)] if isinstance(node, ast.Module) else []
    return [node, *functions, *(found for n in inner if isinstance(n, ast.ClassDef) for found in _public(n))]


def test_no_two_public_classes_have_one_name():
    homes: dict[str, list[str]] = {}
    for module in modules().values():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(f"{module.where}:{node.lineno}")
    shared = {name: places for name, places in homes.items() if len(places) > 1}
    assert not shared, "\n".join(f"{name}: {', '.join(places)}" for name, places in shared.items())
