"""An emulator that answers, against the parameters of its address: taken as it is, or refused."""

import numpy as np
import pytest

from gateware.backend import Carrier, open_emulator
from gateware.flca_device import FlcaDevice
from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.host.golden_transport import GoldenTransport
from gateware.parameters import FpgaParameters
from gateware.protocol import Space
from hil.backends import open_device
from hil.device import Unsupported
from hil.errors import InputError
from hil.spiking.encoding import SpikeCode
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeTrain


@pytest.mark.parametrize(
    ("asked", "built", "words"),
    [
        ({"rows": 5}, {"rows": 4}, r"rows = 5 was asked for, it has 4; build it with: hil fpga build .*--rows 5"),
        ({"cols": 2}, {"cols": 3}, "cols = 2 was asked for, it has 3"),
        ({"cell": "flca"}, {"state_bits": 16}, "cell = flca was asked for, it has step"),
        ({"state_bits": 9}, {"state_bits": 10}, "state_bits = 9 was asked for, it has 10"),
        ({"tie": "membrane"}, {}, "tie = membrane was asked for, it has rank.*--tie membrane"),
        ({"encoder": True}, {"encoder": False}, "encoder = on was asked for, it has none.*--encoder"),
        ({"tie": "margin"}, {"tie": "membrane"}, "tie = margin was asked for, it has membrane.*--tie margin"),
        ({"t_bits": 14}, {}, "t_bits = 14 was asked for, it has 12.*--t-bits 14"),
        ({"v_bits": 20}, {"v_bits": 18}, "v_bits = 20 was asked for, it has 18.*--v-bits 20"),
        ({"log_depth": 5}, {}, "log_depth = 5 was asked for, it has 256.*--log-depth 5"),
        ({"annealing": True}, {}, "annealing = on was asked for, it has none.*--annealing"),
    ],
)
def test_another_emulator_is_refused(asked, built, words):
    closed = []

    class Watched(GoldenTransport):
        def close(self):
            closed.append(True)

    core = GoldenCore(Geometry(**{"rows": 1, "cols": 1} | built))
    with pytest.raises(InputError, match=words):
        open_emulator("fpga:x", FpgaParameters(**asked), Carrier("", lambda _: Watched(core.execute)))
    assert closed


def served(**built):
    """A carrier with an emulator that was built before anybody asked for anything."""
    return Carrier("", lambda _: GoldenTransport(GoldenCore(Geometry(**built)).execute))


def test_what_is_not_asked_for_is_taken_from_the_board():
    built = {"rows": 6, "cols": 3, "lanes": 2, "state_bits": 11, "tie": "membrane", "encoder": True}
    with open_emulator("fpga:x", FpgaParameters(alpha=0.1), served(**built)) as device:
        assert device.cells == (6, 3) and device.read().shape == (6, 3)
        assert {name: getattr(device.parameters, name) for name in built} == built
        assert device.parameters.alpha == 0.1
    with open_emulator("fpga:x", FpgaParameters(), served(rows=2, cols=2, cell="flca", state_bits=16)) as device:
        assert isinstance(device, FlcaDevice)


def test_a_refusal_says_how_to_build_what_was_asked_for_and_nothing_else_anew():
    with pytest.raises(InputError, match=r"cols = 5 was asked for, it has 3; build it with: .*--rows 6 --cols 5"):
        open_emulator("fpga:x", FpgaParameters(cols=5), served(rows=6, cols=3))


def test_annealing_on_the_board_is_used_unless_told_otherwise():
    lif, built = Lif(tie="margin", theta_mean="zero"), {"rows": 2, "cols": 3, "tie": "margin", "annealing": True}
    for asked in ({}, {"annealing": True}, {"tie": "margin"}):
        with open_emulator("fpga:x", FpgaParameters(**asked), served(**built)) as device:
            assert device.geometry.tie == "margin" and device.parameters.annealing
            assert device.spiking(lif, Stdp()).neurons == 3
    with (
        open_emulator("fpga:x", FpgaParameters(annealing=False), served(**built)) as device,
        pytest.raises(Unsupported, match="theta_mean = zero needs an emulator with annealing"),
    ):
        device.spiking(lif, Stdp())


@pytest.mark.parametrize(("asked", "on_chip"), [({}, True), ({"encoder": True}, True), ({"encoder": False}, False)])
def test_an_encoder_on_the_board_is_used_unless_told_otherwise(asked, on_chip):
    with open_emulator("fpga:x", FpgaParameters(**asked), served(rows=2, cols=1, encoder=True)) as device:
        core = device.spiking(Lif(), Stdp())
        core.present_images(np.full((3, 2), 255, np.uint8), 255, SpikeCode(kind="poisson"), 0, np.arange(3), False)
        assert device.client.read_memory(Space.CODE, 255, 1).any() == on_chip


@pytest.mark.parametrize(
    ("register", "words"), [("identity", "is no memhil emulator"), ("version", "speaks version 7")]
)
def test_a_stranger_is_refused(register, words):
    core = GoldenCore(Geometry(1, 1))
    core.set_register(register, 7)
    with pytest.raises(InputError, match=words):
        open_emulator("fpga:x", FpgaParameters(), Carrier("", lambda _: GoldenTransport(core.execute)))


def test_lanes_widths_and_log_are_taken_as_they_are():
    core = GoldenCore(Geometry(3, 5, lanes=2, v_bits=20, t_bits=9, log_depth=77, clock=12e6))
    with open_emulator(
        "fpga:x", FpgaParameters(rows=3, cols=5), Carrier("", lambda _: GoldenTransport(core.execute))
    ) as device:
        assert device.geometry == core.geometry
        assert (device.parameters.t_bits, device.parameters.v_bits, device.parameters.log_depth) == (9, 20, 77)


def test_an_address_gives_a_simulated_emulator_its_widths():
    """A presentation of 20,000 ticks needs t_bits = 15; with the default it is refused, and the message names them."""
    address, spike = (
        "fpga:golden?rows=1&cols=1&t_bits=15&v_bits=20&log_depth=3",
        SpikeTrain(np.array([19_000e-6]), np.array([0])),
    )
    with open_device(address) as device:
        assert (device.geometry.t_bits, device.geometry.v_bits, device.geometry.log_depth) == (15, 20, 3)
        device.write_states(np.full((1, 1), 255, np.uint16))
        core = device.spiking(Lif(threshold=0.5), Stdp())
        assert core.present(spike, 20_000e-6, learn=False).time == pytest.approx([19_000e-6])
    with (
        open_device("fpga:golden?rows=1&cols=1") as device,
        pytest.raises(Unsupported, match=r"counts 1 to 4096.*t_bits"),
    ):
        device.spiking(Lif(threshold=0.5), Stdp()).present(spike, 20_000e-6, learn=False)
