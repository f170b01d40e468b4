import numpy as np
import pytest

from hil.backends import open_device
from hil.contract import DeviceContract
from hil.device import Device, Response, Unsupported
from hil.limits import Limits

PULSE_MOVES = 3e-3
"""A 1 mV, 1 ms read pulse shifts these cells by up to 1 uV s in some 1 mV s, or they relax that much meanwhile."""


THROUGH_WIRES = 2e-3
"""Lines at 0 V carry this much of a current to other lines: their wires are not at 0 V all along."""


class SimulatedContract(DeviceContract):
    uri: str

    def open(self, rows, cols):
        return open_device(self.uri, rows=rows, cols=cols)

    def test_the_stimulus_moves_every_line(self, device):
        """Otherwise the suite would hold for cells that are never programmed."""
        before = device.read()
        device.apply(self.stimulus(device).program())
        moved = np.abs(device.read() / before - 1) > 10 * self.noise
        working = self.working(device)
        assert (moved == working)[0].all()
        assert (moved == working)[:, -1].all()
        assert working.any()

    def working(self, device):
        return np.ones(device.cells, dtype=bool)


class FlcaContract(SimulatedContract):
    drive_voltage = 0.1


class TestFlca(FlcaContract):
    uri = "sim:flca?phi0=1e-3"
    tolerance = PULSE_MOVES


class TestFlcaWithCompliance(FlcaContract):
    uri = "sim:flca?phi0=1e-3&i_max=5e-5"
    tolerance = PULSE_MOVES

    def test_the_stimulus_reaches_the_compliance(self, device):
        """Otherwise `tripped` would never have to be true."""
        tripped = device.apply(self.stimulus(device).program()).tripped
        assert tripped[0]
        assert not tripped[1]


class TestFlcaVolatile(FlcaContract):
    uri = "sim:flca?kind=volatile&phi0=1e-3"
    tolerance = PULSE_MOVES


class TestFlcaPairPerceptron(FlcaContract):
    """Its parameter `steps` chooses speed: states are wrong by some 1e-5 of a pulse, and charges with them."""

    uri = "sim:flca-pair?preset=perceptron"
    settling = 0.2
    tolerance = 1e-3
    charge_tolerance = 3e-5


class TestFlcaPairInFineSteps(FlcaContract):
    uri = "sim:flca-pair?preset=perceptron&steps=4"
    settling = 0.2
    tolerance = 1e-3


class TestFlcaPairFigure3(FlcaContract):
    uri = "sim:flca-pair?preset=figure3"
    tolerance = PULSE_MOVES


class TestFlcaStep(FlcaContract):
    uri = "sim:flca-step"
    tolerance = 1e-5


class TestPill(FlcaContract):
    uri = "sim:pill?phi0=1e-3"
    tolerance = PULSE_MOVES


class TestVariablePill(FlcaContract):
    uri = "sim:pill?phi0=1e-3&d2d=0.1&d2d_r=0.1&c2c=0.1&seed=3"
    rows = 6
    tolerance = PULSE_MOVES


class TestRramLinearHardBounds(SimulatedContract):
    uri = "sim:rram?model=lhb&alpha=0.02&alpha_dep=0.01"


class TestRramNonlinearSoftBounds(SimulatedContract):
    uri = "sim:rram?model=nlsb&alpha=0.05&gamma=3"


class TestRramNonlinearHardBounds(SimulatedContract):
    uri = "sim:rram?preset=wang2016"


class VteamContract(SimulatedContract):
    drive_voltage = 1.0


class TestVteam(VteamContract):
    uri = "sim:vteam?k_off=50"


class TestVteamTurnedRound(VteamContract):
    uri = "sim:vteam?set=positive&resistance=exponential&alpha_on=2"


class TestVteamWithWindow(VteamContract):
    uri = "sim:vteam?window=biolek&p=1.5&v_off=0.4"


class TestRramThroughWires(SimulatedContract):
    uri = "sim:rram?model=nlsb&alpha=0.05&r_wire=1&r_driver=1"
    tolerance = THROUGH_WIRES


class TestVteamThroughWires(VteamContract):
    uri = "sim:vteam?k_off=50&r_wire=20"
    tolerance = THROUGH_WIRES


class TestRramBehindSelectors(SimulatedContract):
    uri = "sim:rram?model=nlsb&alpha=0.05&selector=exponential&selector.selectivity=1e5"
    drive_voltage = 2.2


class TestVteamBehindThresholdSwitches(VteamContract):
    uri = "sim:vteam?k_off=50&selector=threshold&selector.v_th=0.3&selector.r_off=1e8"


class TestRramThatRectifiesThroughWires(SimulatedContract):
    uri = "sim:rram?model=nlsb&alpha=0.05&selector=rectifying&selector.rectification=10&r_wire=1"
    tolerance, drive_voltage = THROUGH_WIRES, 2.2


class TestVariableFlca(FlcaContract):
    uri = "sim:flca?phi0=1e-3&d2d=0.1&d2d_r=0.1&c2c=0.1&stuck_on=0.1&stuck_off=0.1&seed=3"
    rows, cols = 6, 5
    tolerance = PULSE_MOVES

    def working(self, device):
        conductance = device.read()
        stuck = device.variability.stuck
        working = ~np.isin(conductance, [stuck.g_on, stuck.g_off])
        assert not working.all()
        return working


class TestVariableRram(SimulatedContract):
    uri = "sim:rram?model=nlsb&alpha=0.05&d2d=0.1&c2c=0.3&seed=1"


class TestVariableVteam(VteamContract):
    uri = "sim:vteam?d2d=0.1&c2c=0.3&window=biolek&seed=1"


class TestNoisyReads(SimulatedContract):
    uri = "sim:rram?alpha=0.2&alpha_dep=0.1&read_noise=0.001"
    noise = 0.008
    tolerance = 1e-3


class ResistorArray(Device):
    """Somebody else's device: fixed resistors behind one channel of a source that resolves 10 mV and 0.1 ms."""

    name = "resistors"
    limits = Limits(-1.0, 1.0, 0.75, 10.0, 1e-4, 1.0, time_step=1e-4, v_step=0.01, channels=1)
    read_voltage = 0.1

    def __init__(self, rows, cols):
        self.rows, self.cols, self._time = rows, cols, 0.0
        self.conductance = 1e-3 / (1.0 + np.arange(rows * cols).reshape(rows, cols))

    @property
    def time(self):
        return self._time

    def reset(self):
        self._require_open()
        self._time = 0.0

    def _play(self, waveform):
        if np.isnan(waveform.rows).any() or np.isnan(waveform.cols).any():
            raise Unsupported(f"{self.name} cannot leave a line floating: it has no switches")
        across = waveform.rows[:, :, None] - waveform.cols[:, None, :]
        flowing = across * self.conductance
        ends = self._time + waveform.starts + waveform.duration
        self._time += waveform.total
        k = np.flatnonzero(waveform.measure)
        currents, power = flowing[k].sum(axis=1), (across * flowing)[k].sum(axis=(1, 2))
        charge, energy = currents * waveform.duration[k, None], power * waveform.duration[k]
        return Response(k, ends[k], currents, charge, energy, np.zeros(len(k), dtype=bool))


class TestThirdParty(DeviceContract):
    def open(self, rows, cols):
        return ResistorArray(rows, cols)


class TestThirdPartyOfFixedSize(DeviceContract):
    def open(self, rows, cols):
        return ResistorArray(1, 1)


@pytest.mark.parametrize("kind", ["flca", "flca-pair", "flca-step", "pill", "rram", "vteam"])
def test_every_simulated_kind_is_under_contract(kind):
    suites = [suite for suite in globals().values() if isinstance(suite, type) and issubclass(suite, SimulatedContract)]
    assert any(getattr(suite, "uri", "").partition("?")[0] == f"sim:{kind}" for suite in suites)
