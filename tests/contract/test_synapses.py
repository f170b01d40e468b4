"""The contract of synapses, every one that is installed on simulated, emulated and measured cells."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.contract import DeviceContract
from hil.contract.synapses import SynapseContract
from hil.device import Unsupported
from hil.synapses.catalogue import SYNAPSES

CELLS = {
    "single": "single",
    "differential": "differential",
    "one-sided": "differential&synapse.update=up",
    "several": "several&synapse.count=3",
    "by-turns": "several&synapse.count=3&synapse.update=turn",
    "ratio": "ratio",
    "bridge": "bridge",
}
"""Synapses that any device can have, by a name of the case."""


class OnDevice(SynapseContract):
    uri: str

    @pytest.fixture(params=CELLS)
    def synapse(self, request):
        with self.open_as(CELLS[request.param]) as synapse:
            yield synapse

    def open_as(self, how):
        address = f"{self.uri}&synapse={how}"
        return open_device(address, rows=self.rows, cols=self.cols)

    def test_pulses_move_a_weight_both_ways(self, synapse):
        if getattr(synapse.settings, "update", "") == "up":
            synapse.program(np.full(synapse.cells, -1))  # or there is no minus cell to be lowered
        super().test_pulses_move_a_weight_both_ways(synapse)


class TestOnRram(OnDevice):
    uri = "sim:rram?alpha=0.02&threads=1"


class TestOnVteam(OnDevice):
    """Half of a pulse is below the thresholds of -0.7 and 0.7 V; pulses are chosen from the law."""

    uri = "sim:vteam?x0=0.5&r_off=1e5&threads=1"


class TestOnNonOhmicCells(OnDevice):
    """Yakopcic's sinh conduction, with thresholds above half of the pulse."""

    uri = "sim:yakopcic?x0=0.5&v_set=0.29&v_reset=0.29&threads=1"
    proportional = 1e-4


class TestOnAnEmulator(OnDevice):
    uri = "fpga:golden?alpha=0.02"


class TestOnAVirtualBench(OnDevice):
    """Real drivers and relays; an instrument's answers have seven digits."""

    uri = "visa:virtual?v_max=2&dut=sim:rram;alpha=0.05&serial=true&watchdog=false&matrix=B2201A"
    rows, cols = 1, 1
    noise, proportional = 1e-5, 1e-4


class InCircuits(SynapseContract):
    uri: str

    def open(self, rows, cols):
        return open_device(self.uri, rows=rows, cols=cols)


class TestBehindTransistors(InCircuits):
    uri = "sim:vteam?x0=0.05&r_off=1e5&threads=1&synapse=transistor&synapse.steps=10"
    proportional = 1e-3
    disturbed = 0.0


class TestBridgesPulsedAtTheirInput(InCircuits):
    uri = "sim:vteam?x0=0.5&r_off=1e5&threads=1&synapse=bridge&synapse.drive=input"


class TransparentContract(DeviceContract):
    """A synapse whose cells are in parallel is a device like any other, signs and waveforms included."""

    synapse: str

    def open(self, rows, cols):
        return open_device(f"sim:rram?alpha=0.02&threads=1&synapse={self.synapse}", rows=rows, cols=cols)


class TestSingleIsADevice(TransparentContract):
    synapse = "single"


class TestSeveralAreADevice(TransparentContract):
    synapse = "several&synapse.count=2"

    def test_program_plays_the_pulses_of_its_counts(self, device):
        """Cell by cell: as many pulses, in twice the time."""
        counts = np.array([[2, -1], [0, 1], [-3, 2]])
        device.program(counts)
        cells, p = device.cell_conductances(), device.programming
        w = (cells - p.g_min / 2) / (p.g_max - p.g_min) * 2
        assert np.abs(w - (0.5 + 0.02 * counts)[:, :, None]).max() < 1e-12
        pulses_of_a_column = np.maximum(counts, 0).max(axis=0) + np.maximum(-counts, 0).max(axis=0)
        assert device.time == pytest.approx(2 * 2 * p.width * pulses_of_a_column.sum())


def test_every_synapse_is_tested():
    assert {how.partition("&")[0] for how in CELLS.values()} | {"transistor"} == set(SYNAPSES.names("memhil"))


@pytest.mark.parametrize("uri", ["sim:rram", "fpga:golden", "sim:vteam?c2c=0.1", "sim:flca?phi_max=1e-3"])
def test_a_transistor_that_would_change_nothing_is_refused(uri):
    with pytest.raises(Unsupported, match=r"step a pulse|simulated one|c2c|threshold"):
        open_device(f"{uri}{'&' if '?' in uri else '?'}synapse=transistor")


@pytest.mark.parametrize("uri", ["sim:rram", "fpga:golden"])
def test_a_bridge_that_cannot_divide_its_pulse_is_refused(uri):
    with pytest.raises(Unsupported, match=r"step a pulse|drive=cells"):
        open_device(f"{uri}?synapse=bridge&synapse.drive=input")
