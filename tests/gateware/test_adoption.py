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
from hil.device import Unsupported
from hil.errors import InputError
from hil.spiking.encoding import SpikeCode
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp


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
