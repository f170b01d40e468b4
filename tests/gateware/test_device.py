"""The emulator as a device: against the simulated devices, and what goes over the link."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateware.backend import CARRIERS, Carrier, open_emulator
from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.host.golden_transport import GoldenTransport
from gateware.host.pty_server import PtyServer
from gateware.parameters import FpgaParameters
from gateware.protocol import Command, Space
from hil.backends import load_backend, open_device
from hil.data.datasets import load
from hil.device import Device
from hil.errors import InputError
from hil.spiking.encoding import intensities
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeTrain
from hil.training.protocol import Protocol
from hil.waveform import Waveform


class Recorder:
    """A golden core whose commands are written down."""

    def __init__(self, **geometry):
        self.core, self.commands = GoldenCore(Geometry(**geometry)), []
        self.carrier = Carrier("recorded", lambda _: GoldenTransport(self._execute))

    def _execute(self, command):
        self.commands.append(command)
        return self.core.execute(command)

    def sent(self):
        """Commands since the last call, by number, reads left out."""
        sent = [Command(c[0]) for c in self.commands if c[0] not in (Command.READ_MEMORY, Command.READ_REGISTERS)]
        self.commands.clear()
        return sent


def recorded(**parameters):
    p = FpgaParameters(**parameters)
    recorder = Recorder(**vars(p.geometry()))
    device = open_emulator("fpga:recorded", p, recorder.carrier)
    recorder.sent()
    return recorder, device


# ---- pulse-step cells


@st.composite
def pulses(draw):
    rows, cols = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    count = draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = [-1.2, -1.0, -0.6, -0.5, 0.0, 0.0, 0.4, 0.5, 0.6, 1.0]
    table = rng.choice(levels, (count, rows)), rng.choice(levels, (count, cols))
    return Waveform.samples(*table, dwell=1e-6, measure=rng.random(count) < 0.5)


@settings(max_examples=30, deadline=None)
@given(pulses())
def test_pulses_do_what_they_do_to_the_simulated_device(waveform):
    """Steps and weights on the grid of 1/255, thresholds of 1.0 V and 0.9 V met from both sides: nothing rounds."""
    rows, cols = waveform.lines
    common = {
        "rows": rows, "cols": cols, "alpha": 12 / 255, "alpha_dep": 5 / 255, "w0": 0.6, "v_set": 1.0, "v_reset": 0.9,
    }  # fmt: skip
    with (
        open_device("sim:rram", threads=1, **common) as simulated,
        open_device("fpga:golden", state_bits=16, lanes=3, **common) as emulated,
    ):
        for _ in range(2):
            expected, found = simulated.apply(waveform), emulated.apply(waveform)
            assert found.currents == pytest.approx(expected.currents, rel=1e-9, abs=1e-18)
            assert found.time == pytest.approx(expected.time)
            assert emulated.read() == pytest.approx(simulated.read(), rel=1e-9)


def test_cells_with_the_same_actions_share_a_drive():
    recorder, device = recorded(rows=3, cols=4)
    device.apply(Waveform.pulse([1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0], width=1e-6))
    # The last column sees -1 V on row 1 alone, the others 1 V on rows 0 and 2.
    assert recorder.sent() == [Command.WRITE_MEMORY, Command.PROGRAM, Command.WRITE_MEMORY] + [Command.PROGRAM] * 3
    device.apply(Waveform.rest(1.0, 3, 4) + Waveform.pulse([0.9] * 3, [0.0] * 4, width=1e-6))
    assert recorder.sent() == []


def test_a_pulse_lasts_until_the_voltage_goes_back_or_the_call_ends():
    with open_device("fpga:golden", rows=1, cols=1, alpha=0.1, state_bits=16, w0=0, rounding="nearest") as device:
        pulse, rest = Waveform.pulse([1.0], [0.0], width=1e-6), Waveform.rest(1e-6, 1, 1)
        for waveform, steps in ((pulse, 1), (pulse * 3, 2), (pulse + rest + pulse, 4), (pulse, 5)):
            device.apply(waveform)
            assert device.states[0, 0] == pytest.approx(6553.5 * steps, abs=steps)


def test_a_snapshot_from_when_lines_stayed_at_a_voltage_opens():
    with open_device("fpga:golden", rows=1, cols=1, alpha=0.1, state_bits=16, w0=0, rounding="nearest") as device:
        pulse = Waveform.pulse([1.0], [0.0], width=1e-6)
        device.apply(pulse)
        state = device.snapshot()
        assert state.keys() == {"states", "time", "random", "encoder_random"}
        device.restore(state | {"row_voltages": np.ones(1), "col_voltages": np.zeros(1)})
        device.apply(pulse)
        assert device.states[0, 0] == pytest.approx(2 * 6553.5, abs=2)


@pytest.mark.parametrize(("rows", "cols", "lanes"), [(5, 7, 3), (4, 4, 4), (3, 2, 8), (6, 1, 1)])
@pytest.mark.parametrize("state_bits", [8, 12])
def test_states_are_where_the_emulator_has_them(rows, cols, lanes, state_bits):
    recorder, device = recorded(rows=rows, cols=cols, lanes=lanes, state_bits=state_bits)
    states = np.random.default_rng(0).integers(0, 1 << state_bits, (rows, cols)).astype(np.uint16)
    device.write_states(states)
    for r in range(rows):
        for n in range(cols):
            assert recorder.core.states[n // lanes * rows + r, n % lanes] == states[r, n]
    assert np.array_equal(device.states, states)


def test_reading_again_asks_nothing():
    recorder, device = recorded(rows=4, cols=4)
    device.read()
    recorder.commands.clear()
    device.read()
    device.mvm(np.zeros(4))
    assert recorder.commands == []


def test_the_seed_decides_the_rounding():
    after = []
    for seed in (1, 1, 2):
        with open_device("fpga:golden", rows=50, cols=1, seed=seed, alpha=0.01) as device:
            device.apply(Waveform.pulse(np.ones(50), [0.0], width=1e-6))
            after.append(device.states.copy())
            device.reset()
            device.apply(Waveform.pulse(np.ones(50), [0.0], width=1e-6))
            assert np.array_equal(device.states, after[-1])
    assert np.array_equal(after[0], after[1])
    assert not np.array_equal(after[0], after[2])


# ---- FLCA memristors


def worst_case(device, waveform):
    """(rows, cols) flux that the emulator may be off by: see `gateware.flca_device.FlcaDevice`.

    A segment of the closed form brings two fluxes together or leaves them apart as they are, and so does clipping.
    Errors therefore only add: half a state for rounding, and c / 2^17 and s / 2^25 of one for the two coefficients.
    """
    v = waveform.rows[:, :, None] - waveform.cols[:, None, :]
    codes = np.abs(np.rint(v / device.scale.v_step))
    driven = codes > 0
    highest = (1 << device.geometry.state_bits) - 1
    each = 0.5 + 2.0**-16 + codes / 2**17 + highest / 2**25
    return (each * driven).sum(axis=0) * device.scale.phi_step


def flux(device):
    return device.states * device.scale.phi_step


def digits_waveform(images, cols):
    data = load("digits")
    pixels = intensities(data.train_images[:images], data.full_scale)
    is_target = data.train_labels[:images, None] == np.arange(cols)
    return Protocol().waveform(pixels, is_target)


@pytest.mark.parametrize(("state_bits", "D"), [(16, 1.0), (16, 0.0), (12, 30.0)])
def test_digits_leave_the_flux_of_the_simulated_device_within_the_bound(state_bits, D):
    waveform = digits_waveform(60, 4)
    common = {"rows": 64, "cols": 4, "phi0": 0.02, "phi_max": 0.1, "D": D}
    with (
        open_device("sim:flca", threads=1, **common) as simulated,
        open_device("fpga:golden", cell="flca", state_bits=state_bits, **common) as emulated,
    ):
        simulated.apply(waveform)
        emulated.apply(waveform)
        expected = simulated.snapshot()["phi"].T
        start = round(0.02 / emulated.scale.phi_step) * emulated.scale.phi_step
        apart = np.abs(flux(emulated) - expected)
        allowed = worst_case(emulated, waveform) + abs(start - 0.02)
        assert (apart <= allowed).all()
        assert np.ptp(expected) > 10 * allowed.max() or state_bits < 16


def test_currents_charge_and_energy_are_those_of_the_simulated_device():
    rng = np.random.default_rng(0)
    step = 0.1 / 4080
    table = rng.integers(-4080, 4081, (40, 3)) * step, rng.integers(-4080, 4081, (40, 2)) * step
    waveform = Waveform.samples(*table, dwell=rng.choice([1e-3, 5e-3], 40), measure=True)
    common = {"rows": 3, "cols": 2, "phi0": 0.05, "phi_max": 0.1}
    with (
        open_device("sim:flca", threads=1, **common) as simulated,
        open_device("fpga:golden", cell="flca", **common) as emulated,
    ):
        expected, found = simulated.apply(waveform), emulated.apply(waveform)
    for name in ("currents", "charge", "energy"):
        e, f = getattr(expected, name), getattr(found, name)
        assert np.abs(e - f).max() < 2e-3 * np.abs(e).max(), name
    assert found.time == pytest.approx(expected.time)


@pytest.mark.parametrize(("v", "length"), [(0.1, 0.5), (0.1, 5.0), (0.8, 0.5), (-0.2, 0.5)])
def test_charge_follows_the_states_through_a_long_segment(v, length):
    """From the flux at which half of 100 mV hold it, onto either bound too; Simpson's rule was 10 times off."""
    with open_device("fpga:golden", cell="flca", phi0=0.05 if v < 0 else 0.0, phi_max=0.1) as emulated:
        response = emulated.apply(Waveform.pulse(v, width=length, measure=True))
    start = 0.05 if v < 0 else 0.0
    t = np.linspace(0, 1, 200_001) ** 4 * length
    phi = np.clip(start + (v - start) * -np.expm1(-t), 0.0, 0.1)
    expected = np.trapezoid(v / (100 + 1e6 * phi), t)
    assert response.charge[0, 0] == pytest.approx(expected, rel=1e-4)
    assert response.energy[0] == pytest.approx(v * expected, rel=1e-4)


def test_only_what_changed_is_sent():
    recorder, device = recorded(cell="flca", rows=300, cols=2)
    image = np.zeros(300)
    image[100:120] = 0.1
    device.apply(Waveform.pulse(image, [0.0, 0.0], width=1e-3))
    assert recorder.sent() == [Command.WRITE_MEMORY, Command.SEGMENT]
    device.apply(Waveform.rest(1.0, 300, 2))
    assert recorder.sent() == []
    device.apply(Waveform.pulse(image, [0.0, 0.0], width=1e-3))
    assert recorder.sent() == [Command.SEGMENT]
    device.apply(Waveform.pulse(image * 0, [0.1, 0.0], width=1e-3))
    assert recorder.sent() == [Command.WRITE_MEMORY, Command.WRITE_MEMORY, Command.SEGMENT]


def test_lines_at_one_voltage_are_at_rest():
    recorder, device = recorded(cell="flca", rows=3, cols=2, phi0=0.05)
    before = device.read()
    device.apply(Waveform.pulse([0.1] * 3, [0.1] * 2, width=1.0))
    assert recorder.sent() == []
    assert np.array_equal(device.read(), before)


def test_default_voltage_steps_hold_sixteenths_and_255ths():
    with open_device("fpga:golden", cell="flca", rows=1, cols=1) as device:
        for levels in (16, 255):
            device.limits.check(Waveform.samples(0.1 * np.arange(levels + 1) / levels, dwell=1e-3))


def test_everything_is_loaded():
    recorder, device = recorded(rows=2, cols=2, alpha=0.1)
    machine = recorder.core.machine
    assert np.array_equal(machine.memductance, np.arange(256))
    assert np.array_equal(machine.potentiation, device.tables.potentiation)
    assert np.array_equal(machine.depression, device.tables.depression)
    assert recorder.core.register("random") > 0
    assert recorder.core.register("encoder_random") > 0
    assert device.client.read_memory(Space.STATE, 0, 4).tolist() == [128] * 4


def test_damaged_frames_are_counted():
    with open_device("fpga:golden") as device:
        device.client.transport.send(b"\x07nonsense\0")
        assert device.client.read_registers("link_errors") == {"link_errors": 1}


# ---- addresses


def test_a_served_emulator_is_a_board_on_a_port():
    pytest.importorskip("serial")
    parameters = {"rows": 6, "cols": 3, "alpha": 0.05}
    with (
        PtyServer(CARRIERS["golden"].open(Geometry(6, 3, lanes=2))) as server,
        open_device(f"fpga:{server.path}", **parameters) as board,
        open_device("fpga:golden", **parameters) as golden,
    ):
        spikes = SpikeTrain(np.arange(100) * 1e-6, np.arange(100) % 6)
        trains = []
        for device in (board, golden):
            device.apply(Waveform.pulse([1.0] * 6, [0.0, 0.5, 1.0], width=1e-6))
            core = device.spiking(Lif(threshold=1.5, inhibition=2e-6), Stdp(5e-6))
            trains.append(core.present(spikes, 1e-4, True))
        assert len(trains[0]) > 10
        assert trains[0] == trains[1]
        assert np.array_equal(board.states, golden.states)


def test_the_address_of_a_board_is_enough():
    pytest.importorskip("serial")
    with (
        PtyServer(CARRIERS["golden"].open(Geometry(64, 16, lanes=16))) as server,
        open_device(f"fpga:{server.path}") as board,
    ):
        assert board.cells == (64, 16) and board.parameters.lanes == 16 and board.parameters.encoder


def test_kinds_and_ports():
    fpga = load_backend("fpga")
    assert [kind.name for kind in fpga.kinds()] == ["golden"]
    assert fpga.kind("/dev/ttyUSB0").name == "/dev/ttyUSB0"
    assert fpga.kind("COM3").name == "COM3"
    assert {fpga.kind(name).name for name in CARRIERS} == {"golden", "cxxrtl", "sim"}
    with pytest.raises(InputError, match=r"no device 'fpga:gold' .*did you mean 'golden'"):
        open_device("fpga:gold")


def test_a_missing_port_is_one_sentence():
    pytest.importorskip("serial")
    with pytest.raises(InputError, match="/dev/no-such-port"):
        open_device("fpga:/dev/no-such-port")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("state_bits=7", "state_bits = 7 must be >= 8"),
        ("lanes=65", "lanes = 65 must be <= 64"),
        ("cell=pcm", "cell = 'pcm' must be"),
        ("g_min=1&g_max=1e-3", "g_min 1 S must be below g_max 0.001 S"),
        ("phi0=1", "phi0 = 1 V s is above phi_max 0.1 V s"),
        ("c2c=0.1", "unknown parameter 'c2c'"),
    ],
)
def test_parameters_out_of_range_are_refused(query, words):
    with pytest.raises(InputError, match=words):
        open_device(f"fpga:golden?{query}")


@pytest.mark.parametrize("more", ["", "&rounding=nearest&lanes=2"])
def test_pulses_sent_as_commands_are_those_of_waveforms(more):
    """States, random numbers and time; in a twelfth of the time at 64 x 40."""
    counts = np.random.default_rng(3).integers(-4, 7, (6, 5))
    counts[:, 2] = 0
    sent, played = (open_device(f"fpga:golden?rows=6&cols=5&alpha=0.05{more}") for _ in range(2))
    for device, program in ((sent, sent.program), (played, partial(Device.program, played))):
        device.place_columns(np.array([3, 0, 4, 1, 2]))
        program(counts)
    left, right = sent.snapshot(), played.snapshot()
    assert left.keys() == right.keys()
    assert all(left[name] == pytest.approx(right[name], rel=1e-12) for name in ("time",))
    assert all(np.array_equal(left[name], right[name]) for name in left if name != "time")
    with pytest.raises(InputError, match="counts"):
        sent.program(counts[:2])
    assert np.array_equal(sent.states, played.states)
