"""Packages installed into a folder without a network: by pip where that can, else what an installation leaves."""

import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def pip_can_build() -> bool:
    """Whether this environment has what our packages' pyproject.toml ask for to be built without a network."""
    try:
        version("pip")
        return int(version("setuptools").partition(".")[0]) >= 77
    except PackageNotFoundError:
        return False


def install(source: Path, target: Path) -> None:
    """Let pip build the package whose files lie in `source` and install it into the folder `target`."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True, timeout=120)


def record(folder: Path) -> None:
    """Write the metadata of the package whose pyproject.toml and files lie in a folder that is on the path."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    points = [f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in of.items()) for group, of in groups]
    (info / "entry_points.txt").write_text("\n".join(points))
