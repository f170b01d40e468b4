"""examples/third_party is a package like anybody's: installed beside memhil, it is found by its entry points alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from installing import install, pip_can_build, record

PACKAGE = Path(__file__).parents[1] / "examples" / "third_party"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder into which the package is installed, without a network: by pip where that can, else by hand."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for file in (path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".toml", ".md")):
        place = source / file.relative_to(PACKAGE)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    if not pip_can_build():
        record(source)
        return source
    install(source, target)
    return target


def hil(folder, where, *words):
    """What the command prints in a process that finds the package."""
    environment = os.environ | {"PYTHONPATH": str(folder), "MPLBACKEND": "agg", "COLUMNS": "160"}
    command = [sys.executable, "-c", "from hil.cli.main import main; main()", *map(str, words)]
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_device_and_driver_are_listed(folder, tmp_path):
    assert "levels:array" in hil(folder, tmp_path, "devices", "levels")
    listed = " ".join(hil(folder, tmp_path, "train", "--help").split())
    assert "templates Write the mean image of every class into a column, by counted pulses." in listed
    assert "--pulses" in hil(folder, tmp_path, "train", "templates", "--help")


def test_its_driver_trains_any_device_and_its_device_is_trained_by_any_driver(folder, tmp_path):
    words = ["--dataset", "digits", "--seeds", 1]
    for device in ("levels:array", "sim:rram?w0=0&alpha=0.06"):
        row = json.loads(hil(folder, tmp_path, "train", "templates", *words, "--device", device, "--json", "-"))[
            "rows"
        ][0]
        assert row["value"] > 75 > 30 > row["control"]
    quick = ["--targets", 4, "--images", 20, "--seeds", 1]
    assert "1. target 4" in hil(folder, tmp_path, "train", "lifelong", *quick, "--device", "levels:array")


def test_it_is_swept(folder, tmp_path):
    out = hil(folder, tmp_path, "sweep", PACKAGE / "sweep.toml", "--workers", 1, "--folder", "found")
    two, sixteen = (float(_cells(out, f"levels={n}")[1].split()[0]) for n in (2, 16))
    assert sixteen > two


def test_its_device_keeps_the_contract(folder, tmp_path):
    (tmp_path / "test_levels.py").write_text(
        "from hil import open_device\nfrom hil.contract import DeviceContract\n\n\n"
        "class TestLevels(DeviceContract):\n    drive_voltage, examples = 2.5, 10\n\n"
        "    def open(self, rows, cols):\n        return open_device('levels:array', rows=rows, cols=cols)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_levels.py"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout


def _cells(table, name):
    """Cells of the row that a table has for a quantity."""
    row = next(line for line in table.splitlines() if line.startswith("│") and name in line)
    return [cell.strip() for cell in row.strip("│").split("│")]
