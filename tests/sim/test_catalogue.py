"""Simulated devices come by entry points: a law is a file of its own, from this package or another."""

from importlib.metadata import EntryPoint

import pytest

from hil import plugins
from hil.backends import open_device
from hil.errors import InputError
from sim.catalogue import GROUP, backend
from sim.cells import rram
from sim.crossbar.kinds import simulated

theirs = simulated("theirs", "somebody's law", rram.RramLaw, rram.RramParameters, {"soft": {"model": "nlsb"}})
no_kind = 3


@pytest.fixture
def beside(monkeypatch):
    """Install entry points beside those that are there."""
    installed = plugins.installed

    def install(**targets):
        added = {name: EntryPoint(name, target, GROUP) for name, target in targets.items()}
        monkeypatch.setattr(plugins, "installed", lambda group: installed(group) | (added if group == GROUP else {}))

    return install


def test_names_of_devices_and_of_their_entry_points_are_the_same():
    assert [kind.name for kind in backend.kinds()] == list(plugins.installed(GROUP))


def test_another_package_brings_a_law(beside):
    beside(theirs=f"{__name__}:theirs")
    with open_device("sim:theirs", rows=2, cols=3) as device:
        assert device.name == "sim:theirs" and device.parameters.model == "nlsb"


@pytest.mark.parametrize(("name", "told"), [("nowhere", "cannot be loaded"), ("no_kind", "is a int, not a DeviceKind")])
def test_a_law_that_does_not_load_is_told_and_the_others_work(beside, capsys, name, told):
    beside(theirs=f"{__name__}:{name}")
    with open_device("sim:rram") as device:
        assert device.name == "sim:rram"
    assert capsys.readouterr().err.count(told) == 1
    with pytest.raises(InputError, match="no device 'sim:theirs'"):
        open_device("sim:theirs")
