"""What an installation of a package leaves for `importlib.metadata`, without pip, setuptools or a network."""

import tomllib
from pathlib import Path


def record(folder: Path) -> None:
    """Write the metadata of the package whose pyproject.toml and files lie in a folder that is on the path."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    points = [f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in of.items()) for group, of in groups]
    (info / "entry_points.txt").write_text("\n".join(points))
