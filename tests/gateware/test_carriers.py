"""One session on the golden model, in Amaranth's simulator and on the compiled gateware: nothing may differ."""

import numpy as np
import pytest

from gateware import toolchain
from gateware.host.cxxrtl import DEAF, SLOWEST, CxxrtlTransport
from gateware.host.pysim import DEAF as PYSIM_DEAF
from gateware.host.pysim import SLOWEST as PYSIM_SLOWEST
from gateware.host.pysim import PysimTransport
from gateware.spiking import FpgaCore
from hil.backends import open_device
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeTrain


def need_a_compiler():
    try:
        toolchain.compiler()
        toolchain.find("yosys")
    except toolchain.ToolError as missing:
        pytest.skip(str(missing))


def spiking(uri):
    """Output spikes, thresholds, states and random numbers of a session in which all of them change."""
    rng = np.random.default_rng(1)
    lif = Lif(threshold=2.0, leak=30.0, refractory=2.0, inhibition=3.0, theta_plus=0.1, theta_decay=500.0)
    times = [np.sort(rng.integers(0, 40, 30)).astype(float) for _ in range(3)]
    trains = [SpikeTrain(time, rng.integers(0, 6, len(time))) for time in times]
    with open_device(uri, rows=6, cols=5, lanes=3, state_bits=12, alpha=0.05, w0=0.6, tick=1.0) as device:
        core = device.spiking(lif, Stdp(6.0))
        assert isinstance(core, FpgaCore)
        spikes = [core.present(train, 41.0, True) for train in trains]
        state = device.snapshot() | {"theta": core.theta}
        registers = device.client.read_registers("events", "spikes", "updates", "logged", "tick", "random")
    return spikes, state, registers


@pytest.mark.parametrize("carrier", ["sim", pytest.param("cxxrtl", marks=pytest.mark.slow)])
def test_spikes_and_states_are_those_of_the_golden_model(carrier):
    if carrier == "cxxrtl":
        need_a_compiler()
    expected, state, registers = spiking("fpga:golden")
    spikes, other_state, other_registers = spiking(f"fpga:{carrier}")
    assert spikes == expected
    assert min(map(len, expected)) > 2
    assert other_registers == registers
    assert registers["updates"] > 0
    assert state["theta"].any()
    assert state.keys() == other_state.keys()
    assert all(np.array_equal(state[name], other_state[name]) for name in state)


def test_a_simulation_is_waited_for_until_it_says_itself_that_nothing_comes():
    assert CxxrtlTransport.patience > DEAF / SLOWEST
    assert PysimTransport.patience > PYSIM_DEAF / PYSIM_SLOWEST
