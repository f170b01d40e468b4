"""A simulated device is opened without the others."""

import subprocess
import sys

import pytest

from hil.errors import InputError
from sim.catalogue import KINDS, backend


def test_a_law_is_opened_without_importing_the_others():
    """Nor what none of them needs: a command would wait for seconds."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from hil.backends import open_device; open_device('sim:rram')\n"
            "print(*sorted({'sim.cells.jart_vcm', 'sim.cells.flca', 'sim.pill.array', 'scipy.signal', 'scipy.stats'}"
            " & sys.modules.keys()), 'sim.cells.rram' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "True\n"


@pytest.mark.parametrize("name", KINDS.names())
def test_a_kind_is_the_one_that_the_list_has(name):
    assert backend.kind(name) is KINDS.everything()[name]


def test_what_is_not_there_is_told_with_the_nearest():
    with pytest.raises(InputError, match=r"no device 'sim:rrram'.*rram"):
        backend.kind("rrram")
