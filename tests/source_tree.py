"""The project's own source, read with `ast` and never imported: what is defined where, and who imports whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("hil", "sim", "gateware", "instruments")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Import:
    """One name that a module asks another for; `name` is None where it is the module itself."""

    line: int
    module: str
    name: str | None
    runs: bool
    """Whether it happens when the importing module is imported."""


@dataclass(frozen=True)
class Module:
    """One file of Python."""

    path: Path

    @cached_property
    def name(self) -> str:
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def where(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def package(self) -> str:
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._imports(self.tree.body, runs=True))

    def _imports(self, nodes: list[ast.stmt], runs: bool) -> Iterator[Import]:
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from (Import(node.lineno, a.name, None, runs) for a in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self.package.split(".")[: len(self.package.split(".")) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                yield from (Import(node.lineno, module, a.name, runs) for a in node.names)
            else:
                typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
                later = isinstance(node, FUNCTIONS) or typing_only
                children = [n for n in ast.walk(node) if n is not node] if later else ast.iter_child_nodes(node)
                if later:
                    inner = [n for n in children if isinstance(n, ast.Import | ast.ImportFrom)]
                    yield from self._imports(inner, runs=False)
                else:
                    yield from self._imports([n for n in children if isinstance(n, ast.stmt | ast.ExceptHandler)], runs)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        yield from (node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS))

    def classes(self) -> Iterator[ast.ClassDef]:
        yield from (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))


@cache
def modules() -> dict[str, Module]:
    """Modules of the four rooms by their dotted names."""
    found = (Module(path) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
    return {module.name: module for module in found}


def python_files() -> list[Module]:
    """All Python of the project, tests, examples and benchmarks included."""
    folders = (*ROOMS, "tests", "examples", "benchmarks")
    return [Module(path) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def target(asked: Import) -> str | None:
    """Module of the four rooms that an import reaches; None for anything else."""
    submodule = f"{asked.module}.{asked.name}"
    return next((name for name in (submodule, asked.module) if name in modules()), None)


def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module of the four rooms or something defined in one, down to fields and methods."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if module := modules().get(".".join(parts[:length])):
            return _member(module, parts[length:])
    return False


def _member(module: Module, parts: list[str]) -> bool:
    if not parts:
        return True
    node = _definitions(module.name).get(parts[0])
    if node is None:
        return False
    if isinstance(node, Import):
        return _found(node, parts[1:])
    if len(parts) == 1:
        return True
    return isinstance(node, ast.ClassDef) and _field(module, node, parts[1])


def _found(asked: Import, rest: list[str]) -> bool:
    """Whether what an import brings exists; what other projects bring is taken to."""
    if asked.module.partition(".")[0] not in ROOMS:
        return True
    return resolves(".".join([asked.module, *([asked.name] if asked.name else []), *rest]))


@cache
def _definitions(name: str) -> dict[str, ast.AST | Import]:
    """What a module defines at its top, by name."""
    module = modules()[name]
    found: dict[str, ast.AST | Import] = {}
    for node in module.tree.body:
        for inner in ast.walk(node) if isinstance(node, ast.If | ast.Try) else (node,):
            found |= dict.fromkeys(_bound(inner), inner)
    for asked in module.imports:
        if asked.name:
            found.setdefault(asked.name, asked)
    return found


def _bound(node: ast.AST) -> list[str]:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, ast.TypeAlias) if hasattr(ast, "TypeAlias") else False:
        return [node.name.id]
    return []


def _field(module: Module, owner: ast.ClassDef, name: str) -> bool:
    """Whether a class has a field, a method or an attribute set in a method; of its bases in the project as well."""
    if any(name in _bound(node) for node in owner.body):
        return True
    attributes = (node for node in ast.walk(owner) if isinstance(node, ast.Attribute))
    if any(node.attr == name and ast.unparse(node.value) == "self" for node in attributes):
        return True
    return any(_inherits(module, ast.unparse(base).partition("[")[0], name) for base in owner.bases)


def _inherits(module: Module, base: str, name: str) -> bool:
    node = _definitions(module.name).get(base)
    if isinstance(node, Import):
        return node.module.partition(".")[0] in ROOMS and resolves(f"{node.module}.{node.name}.{name}")
    return isinstance(node, ast.ClassDef) and _field(module, node, name)
