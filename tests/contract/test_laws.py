"""The contract on arrays of published laws, each at a voltage and a width that move it."""

import pytest

from hil.backends import open_device
from hil.contract import DeviceContract

RELAXES = 2e-2
"""These cells move while they are read: they have no threshold, or forget at rest."""


class LawContract(DeviceContract):
    uri: str

    def open(self, rows, cols):
        return open_device(self.uri, rows=rows, cols=cols)


class TestIonDrift(LawContract):
    uri, drive_voltage, tolerance = "sim:ion-drift", 1.0, RELAXES


class TestNonlinearDrift(LawContract):
    uri, drive_voltage, tolerance = "sim:nonlinear-drift", 1.2, 1e-5


class TestTeam(LawContract):
    uri, drive_voltage, tolerance = "sim:team?k_off=1e-9&k_on=-1e-9", 4.0, 1e-5


class TestYakopcic(LawContract):
    uri, drive_voltage, tolerance = "sim:yakopcic", 0.4, 1e-5


class TestMetastableSwitches(LawContract):
    uri, drive_voltage, tolerance = "sim:mss", 0.3, RELAXES


class TestSwitchesOneByOne(LawContract):
    uri, drive_voltage, tolerance = "sim:mss-switches", 0.3, RELAXES


class TestStanford(LawContract):
    uri, drive_voltage, tolerance = "sim:stanford", 1.3, 1e-5


class TestWellPosedRram(LawContract):
    uri, drive_voltage, tolerance = "sim:well-posed-rram", 1.3, RELAXES


class TestHysteretic(LawContract):
    uri, drive_voltage, tolerance = "sim:hysteretic", 1.0, RELAXES


class TestThreshold(LawContract):
    uri, drive_voltage, tolerance = "sim:threshold?preset=slow", 1.9, 1e-5


class TestDiffusive(LawContract):
    uri, drive_voltage, tolerance = "sim:diffusive", 1.0, RELAXES


class TestMott(LawContract):
    uri, drive_voltage, tolerance = "sim:mott", 0.3, RELAXES


class TestSimmons(LawContract):
    uri, drive_voltage, tolerance = "sim:simmons", 0.8, 1e-3


class TestJart(LawContract):
    uri, drive_voltage, tolerance, drive_width = "sim:jart-vcm", 0.8, 1e-3, 1e-6


@pytest.mark.parametrize("law", ["ion-drift", "yakopcic", "mss", "mss-switches", "stanford", "threshold"])
def test_a_law_can_be_programmed_up_and_down(law):
    turned = {"threshold": {"preset": "slow"}, "mss": {"x0": 0.5}, "mss-switches": {"x0": 0.5}}.get(law, {})
    with open_device(f"sim:{law}", rows=2, cols=2, **turned) as array:
        before = array.read()
        array.program([[3, 0], [0, -3]])
        change = array.read() - before
    assert change[0, 0] > 0
    assert change[1, 1] <= 0
