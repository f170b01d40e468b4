"""The model of a board behind an FTDI chip: its times follow from a handful of numbers."""

import numpy as np
import pytest

from gateware.backend import Carrier, open_emulator
from gateware.geometry import Geometry
from gateware.host.client import Client
from gateware.host.ftdi import FtdiChip, FtdiModel
from gateware.parameters import FpgaParameters
from gateware.protocol import Space
from hil.backends import open_device
from hil.errors import InputError
from hil.spiking.encoding import SpikeCode
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp

CHIP = FtdiChip(baud=1e6, latency=16e-3, packet=62, usb=125e-6, host=100e-6)


def turns(chip, number=20):
    """Virtual seconds of a turn: a question and its short answer."""
    model = FtdiModel(Geometry(4, 4), 50e6, chip)
    client = Client(model)
    client.read_registers("tick")
    start = model.time
    for _ in range(number):
        client.read_registers("tick")
    return (model.time - start) / number


@pytest.mark.parametrize("latency", [16e-3, 1e-3])
def test_a_turn_takes_a_run_of_the_latency_timer(latency):
    """62 turns a second at 16 ms, as users of such chips report."""
    assert turns(FtdiChip(latency=latency)) == pytest.approx(latency, rel=0.02)


def test_a_full_packet_does_not_wait_for_the_timer():
    model = FtdiModel(Geometry(64, 4, lanes=4), 50e6, CHIP)
    client = Client(model)
    client.write_memory(Space.STATE, 0, np.zeros(256, int))
    start = model.time
    client.read_memory(Space.STATE, 0, 256)
    # 256 elements, their frame and its coding take 2.7 ms on the line; only the rest of the last packet waits.
    line, packets = 270 * 10 / CHIP.baud, 6 * (CHIP.usb + CHIP.host)
    assert line < model.time - start < line + CHIP.latency + packets


def test_sending_is_bound_by_the_baud_rate():
    for baud in (1e6, 3e6):
        model = FtdiModel(Geometry(1000, 64, lanes=64), 50e6, FtdiChip(baud=baud, latency=1e-3))
        client = Client(model)
        client.write_memory(Space.STATE, 0, np.zeros(64, int))
        start, sent = model.time, model.sent
        client.write_memory(Space.STATE, 0, np.zeros(60_000, int))
        assert (model.time - start) / ((model.sent - sent) * 10 / baud) == pytest.approx(1.0, abs=0.6 * baud / 1e6)


def test_the_board_computes_what_the_golden_model_does():
    parameters = FpgaParameters(rows=9, cols=4, w0=0.8, alpha=0.05, encoder=True)
    images = np.random.default_rng(1).integers(0, 256, (5, 9)).astype(np.uint8)
    carrier = Carrier("", lambda geometry: FtdiModel(geometry, 50e6, CHIP))
    found = []
    for device in (
        open_emulator("fpga:model", parameters, carrier),
        open_device("fpga:golden", rows=9, cols=4, w0=0.8, alpha=0.05, encoder=True),
    ):
        with device:
            core = device.spiking(Lif(threshold=1.5, inhibition=1e-6), Stdp(60e-6))
            counts = core.present_images(images, 255, SpikeCode(kind="poisson"), 0, np.arange(5), True)
            found.append((counts, device.states))
    assert found[0][0].sum() > 0
    assert np.array_equal(found[0][0], found[1][0]) and np.array_equal(found[0][1], found[1][1])


def test_a_question_and_its_answer_are_a_turn():
    model = FtdiModel(Geometry(4, 4), 50e6, CHIP)
    client = Client(model)
    client.read_registers("tick")
    before = model.turns
    for _ in range(7):
        client.read_registers("tick")
    assert model.turns - before == 7


def test_an_address_puts_the_golden_model_behind_a_chip():
    address = "fpga:golden?link=ftdi&baud=3e6&latency=16e-3&clock=8e7"
    with open_device(address, rows=4, cols=4) as device:
        model = device.client.transport
        assert isinstance(model, FtdiModel)
        assert (model._chip, model._clock) == (FtdiChip(3e6, 16e-3, 62), 8e7)
        start = model.time
        device.client.read_registers("tick")
        assert 0.5 * 16e-3 < model.time - start < 1.5 * 16e-3


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("fpga:golden?link=ftdi&baud=6e6", r"baud = 6e\+06: the chip of link = ftdi goes up to 3e\+06"),
        ("fpga:golden?link=ftdi-hs&baud=2e7", "baud"),
        ("fpga:golden?link=ftdi&latency=0", "latency"),
        ("fpga:sim?link=ftdi", "link = ftdi is a model around fpga:golden"),
    ],
)
def test_a_line_that_no_chip_has_is_refused(address, words):
    with pytest.raises(InputError, match=words):
        open_device(address, rows=2, cols=2)
