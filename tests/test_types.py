"""The type checker stays strict: its configuration, what is exempt from it, and that `make lint` asks it."""

from __future__ import annotations

import ast
import fnmatch
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from installing import install, pip_can_build
from source_tree import ROOMS, ROOT, modules

COMPILED = (
    "njit", "intrinsic", "vectorize", "guvectorize", "register_jitable", "rate_equation", "current_equation", "rates",
    "height", "landing", "step",
)  # fmt: skip
"""Decorators that compile: numba's, and those of laws and of neurons."""

SETTINGS = {
    "packages": list(ROOMS),
    "python_version": "3.11",
    "plugins": ["pydantic.mypy"],
    "strict": True,
    "warn_return_any": False,
}
"""All that [tool.mypy] says for every module: `strict`, but for numpy's, scipy's and numba's results that are Any."""

EASED = {
    "disable_error_code = ['valid-type'], disallow_subclassing_any = False": ["gateware.*"],
    "disallow_subclassing_any = False, disallow_untyped_decorators = False": ["hil.torch.*"],
    "disallow_untyped_defs = False": [
        "gateware.golden.image", "gateware.golden.machine", "gateware.image_code", "hil.mixing", "hil.neurons.*",
        "hil.spiking.alpha.*", "hil.spiking.encoding", "hil.training.pair_template", "sim.cells.*",
        "sim.circuits.kernel", "sim.crossbar.*", "sim.fitting.*", "sim.network.*", "sim.neurons.*", "sim.pill.kernel",
    ],
}  # fmt: skip
"""What is asked of some of our own modules no longer, and of which at most."""

IGNORE = re.compile(r"#\s*type:\s*ignore(?P<code>\[[a-z-]+\])?(?P<reason>\s+#\s*\S.*)?")


def _configuration() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


def _ours(pattern: str) -> bool:
    return pattern.partition(".")[0] in ROOMS


def test_every_module_is_held_against_the_strict_rules():
    configuration = dict(_configuration()["mypy"])
    configuration.pop("overrides")
    assert configuration == SETTINGS
    assert _configuration()["pydantic-mypy"] == {"init_forbid_extra": True}


def test_no_module_of_ours_is_eased_beyond_what_is_known():
    for override in _configuration()["mypy"]["overrides"]:
        patterns = override.pop("module")
        own = [pattern for pattern in patterns if _ours(pattern)]
        told = ", ".join(f"{name} = {value}" for name, value in sorted(override.items()))
        assert own in ([], patterns), f"{told} for modules of ours and of others: {own}"
        for pattern in own:
            assert any(fnmatch.fnmatch(pattern, known) for known in EASED.get(told, [])), f"{told} for {pattern}"
            assert fnmatch.filter(modules(), pattern), f"no module is called {pattern}"


def test_every_room_is_packaged_as_typed():
    packaged = _configuration()["setuptools"]["package-data"]
    assert [room for room in ROOMS if "py.typed" in packaged[room] and (ROOT / room / "py.typed").is_file()] == [*ROOMS]


def test_only_compiled_kernels_have_no_types():
    """mypy lets a module with a kernel have functions without any: they are compiled for what they are called with."""
    wrong = [
        f"{module.where}:{node.lineno} {node.name}"
        for module in modules().values()
        for node in module.functions()
        if _bare(node) and not any(word in ast.unparse(d) for d in node.decorator_list for word in COMPILED)
    ]
    assert not wrong, "\n".join(wrong)


def _bare(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    untold = node.returns is None and node.name != "__init__"
    return untold or any(a.annotation is None and a.arg not in ("self", "cls") for a in named)


@pytest.mark.parametrize(
    "comment, fine",
    [
        ("# type: ignore[misc]  # numba has no types", True),
        ("# type: ignore[misc]", False),
        ("# type: ignore  # because", False),
    ],
)
def test_what_an_exception_must_say(comment, fine):
    assert _fine(f"x = 1  {comment}") is fine


def _fine(line: str) -> bool:
    found = IGNORE.search(line)
    return found is None or all(found.groups())


def test_exceptions_name_their_code_and_their_reason():
    wrong = [
        f"{module.where}:{number} {line.strip()}"
        for module in modules().values()
        for number, line in enumerate(module.text.splitlines(), 1)
        if not _fine(line) or line.lstrip().startswith("# mypy:")
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_cast_to_a_type_that_it_may_not_have():
    wrong = [
        f"{module.where}:{asked.line}"
        for module in modules().values()
        for asked in module.imports
        if (asked.module, asked.name) in (("typing", "cast"), ("typing", "no_type_check"))
    ]
    assert not wrong, f"check with isinstance, or give the value its type where it is made: {', '.join(wrong)}"


def test_lint_asks_the_type_checker_and_ci_asks_lint():
    recipes = dict(re.findall(r"^([a-z]+):(.*\n(?:\t.*\n)*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert "-m mypy" in recipes["lint"] and " lint" in recipes["test"]
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_an_editable_install_is_a_path_that_type_checkers_follow(tmp_path):
    """setuptools makes an import hook of it, which mypy does not see, unless all packages lie at one place."""
    assert _configuration()["setuptools"]["package-dir"] == {"": "."}
    if not pip_can_build():
        pytest.skip("needs setuptools 77 to build")
    source, made = tmp_path / "source", tmp_path / "made"
    for room in ROOMS:
        (source / room).mkdir(parents=True)
        (source / room / "__init__.py").touch()
    shutil.copy(ROOT / "hil" / "version.py", source / "hil")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = f"from setuptools import build_meta; print(build_meta.build_editable({str(made)!r}))"
    made.mkdir()
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next(made.glob("*.whl"))) as wheel:
        (path,) = [name for name in wheel.namelist() if name.endswith(".pth")]
        assert wheel.read(path).decode().split() == [str(source)]
        assert not any(name.endswith(".py") for name in wheel.namelist()), "no import hook"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["as it is here", "installed by pip"])
def test_another_packages_code_is_checked_against_ours(tmp_path, how):
    """What ``py.typed`` promises, seen from outside: the types of a device arrive, and a wrong one is refused.

    Seen from the environment that the tests run in, where it is installed in whatever way, and from one of its own with
    what pip installs of it.
    """
    python = sys.executable if how == "as it is here" else str(_installed(tmp_path))
    (tmp_path / "mine.py").write_text(
        "from hil.backends import open_device\n"
        "from hil.waveform import Waveform\n"
        "with open_device('sim:rram') as device:\n"
        "    reveal_type(device.apply(Waveform.rest(1e-3)).charge)\n"
        "    device.apply('a pulse')\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--python-executable",
            python,
            "--cache-dir",
            str(tmp_path / "cache"),
            str(tmp_path / "mine.py"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert 'note: Revealed type is "numpy.ndarray' in done.stdout and "float64" in done.stdout, done.stdout
    assert 'error: Argument 1 to "apply" of "Device" has incompatible type "str"; expected "Waveform"' in done.stdout
    assert "Found 1 error in 1 file" in done.stdout


def _installed(folder: Path) -> Path:
    """A Python that finds what pip installs of this repository, and the packages of ours but no other copy of it."""
    if not pip_can_build():
        pytest.skip("needs pip and setuptools 77 to build")
    source, target = folder / "source", folder / "target"
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    install(source, target)
    venv.create(folder / "env", with_pip=False)
    (site,) = (folder / "env").rglob("site-packages")
    others = [path for path in sys.path if path.endswith("site-packages")]
    (site / "packages.pth").write_text("\n".join([str(target), *others]))
    return next((folder / "env").glob("*/python"))
