"""The contract with cells that flicker, drift, relax, wear and know few states, for laws of different kinds."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.contract import DeviceContract
from hil.waveform import Waveform

AGEING = "drift=0.05&drift_t0=1e-3&drift_spread=0.3&relax=0.1&relax_tau=5e-3&relax_spread=0.2"
WRITING = "levels=64&write_noise=0.01&endurance=1000&endurance_spread=0.2"
READING = "rtn=0.01&rtn_empty=1e-3&rtn_full=1e-3&noise_1f=0.001"
AGES = 3e-2
"""Cells grow older between two reads, and by what they are read."""


class NonIdealContract(DeviceContract):
    uri: str
    settling = 0.2

    def open(self, rows, cols):
        return open_device(self.uri, rows=rows, cols=cols)


class TestAgeingRram(NonIdealContract):
    uri, tolerance = f"sim:rram?model=nlsb&alpha=0.05&{AGEING}", AGES


class TestWrittenRram(NonIdealContract):
    uri = f"sim:rram?alpha=0.05&c2c=0.2&{WRITING}"


class TestRramWithAll(NonIdealContract):
    uri, tolerance, noise = f"sim:rram?alpha=0.1&c2c=0.2&d2d=0.1&{AGEING}&{WRITING}&{READING}", AGES, 0.05


class TestAgeingVteam(NonIdealContract):
    uri, drive_voltage, tolerance = f"sim:vteam?k_off=50&{AGEING}", 1.0, AGES


class TestWrittenVteam(NonIdealContract):
    uri, drive_voltage = f"sim:vteam?k_off=50&c2c=0.1&{WRITING}", 1.0


class TestVteamWithAllThroughWires(NonIdealContract):
    uri, drive_voltage = f"sim:vteam?k_off=50&r_wire=1&{AGEING}&{WRITING}&{READING}", 1.0
    tolerance, noise, examples = AGES, 0.05, 4


class TestAgeingYakopcic(NonIdealContract):
    uri, drive_voltage, tolerance = f"sim:yakopcic?{AGEING}", 0.4, AGES


class TestYakopcicWithAll(NonIdealContract):
    uri, drive_voltage = f"sim:yakopcic?g_off=1e-6&{AGEING}&{WRITING}&{READING}", 0.4
    tolerance, noise = AGES, 0.05


class TestStanfordWithAll(NonIdealContract):
    uri, drive_voltage = f"sim:stanford?{AGEING}&{WRITING}&{READING}", 1.3
    tolerance, noise = AGES, 0.05


class TestFlcaPairWithAll(NonIdealContract):
    uri, drive_voltage = f"sim:flca-pair?preset=perceptron&{AGEING}&{READING}", 0.1
    tolerance, noise, charge_tolerance = AGES, 0.05, 3e-5


class TestPillWithAll(NonIdealContract):
    uri, drive_voltage = f"sim:pill?phi0=1e-3&{AGEING}&{READING}", 0.1
    tolerance, noise = AGES, 0.05


@pytest.mark.parametrize(("law", "v"), [("rram", 1.2), ("vteam", 1.0), ("yakopcic", 0.4), ("stanford", 1.3)])
def test_a_snapshot_holds_all_of_it(law, v):
    with open_device(f"sim:{law}?rows=3&cols=2&g_off=1e-6&{AGEING}&{WRITING}&{READING}") as device:
        rest = Waveform.rest(2e-3, rows=3, cols=2)

        def go_on():
            read = []
            for sign in (-1.0, 1.0, 1.0):
                lines = sign * v * np.array([1.0, 0.5, 0.0]), sign * v * np.array([0.0, -0.5])
                device.apply(Waveform.pulse(*lines, width=1e-3) + rest)
                read.append(device.read(0.1))
            return read

        go_on()
        saved, at = device.snapshot(), device.time
        first, end = go_on(), device.snapshot()
        device.restore(saved)
        assert device.time == at
        assert np.array_equal(go_on(), first)
        again = device.snapshot()
        assert all(np.array_equal(end[name], again[name]) for name in end)
        assert (end["writes"] > saved["writes"]).any()
        assert not np.array_equal(first[0], first[1])
