"""Long compilation is told once; short ones and kernels from the cache are not."""

import subprocess
import sys

SCRIPT = """
import sys
import hil.compiling
hil.compiling.PATIENCE = float(sys.argv[1])
@hil.compiling.njit
def inner(x):
    return x * x
@hil.compiling.njit
def outer(x):
    return inner(x) + 1
outer(1.0), outer(1)
"""


def told(patience):
    done = subprocess.run([sys.executable, "-c", SCRIPT, patience], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def test_long_compilation_is_told_once():
    assert told("0.01") == "compiling the simulation for this machine, once; later runs begin at once ...\n"


def test_short_compilation_is_not_told():
    assert told("600") == ""


def test_every_kernel_goes_through_it():
    from pathlib import Path

    root = Path(__file__).parents[2]
    sources = [file for room in ("hil", "sim", "gateware", "instruments") for file in (root / room).rglob("*.py")]
    direct = [file.name for file in sources if "from numba import" in file.read_text(encoding="utf-8")]
    assert direct == ["compiling.py"]
