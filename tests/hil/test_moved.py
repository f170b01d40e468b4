"""Scripts of version 0.1 find what they import under its old name, and are told where it is now."""

import subprocess
import sys
from importlib import import_module

import pytest

from hil.moved import MOVED


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_an_old_name_is_the_module_itself(old, new):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} is {new} now"):
        found = import_module(old)
    assert found is import_module(new)
    assert found.__name__ == found.__spec__.name == new


def test_a_script_of_version_0_1_runs():
    code = (
        "import sim.flca_pair\n"
        "from hil.datasets import load\n"
        "from hil.spiking import Lif, SpikeTrain, Stdp\n"
        "from hil.host_core import HostCore\n"
        "from hil.runs import Run\n"
        "from instruments.safety import SafetyLimits\n"
        "from instruments.link import Link\n"
        "print(HostCore.__module__, sim.flca_pair.FlcaPairLaw.__module__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["hil.spiking.host", "sim.cells.flca_pair"]
