"""An emulator that was built with a device's tables answers like the device before anything is loaded."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from gateware import build as builder
from gateware.backend import Carrier, open_emulator
from gateware.boards import find_board
from gateware.build import build, load
from gateware.chosen import parameters_of, with_device
from gateware.core.spaces import memories
from gateware.core.tables import MemductanceTable, UpdateTable
from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.host.client import Client
from gateware.host.cxxrtl import open_cxxrtl
from gateware.host.golden_transport import GoldenTransport
from gateware.host.pysim import open_pysim
from gateware.parameters import FpgaParameters
from gateware.power_up import NAME_BYTES, RECORD_BYTES, PresetRecord
from gateware.protocol import REGISTERS, Space
from gateware.verify.simulation import compare
from hil.backends import open_device
from hil.cli.main import main
from hil.errors import InputError
from hil.presets import write

CELL = {"model": "nlhb", "alpha": 0.05, "gamma": 3.0, "nstop": 60.0, "g_min": 5e-6, "g_max": 8e-5, "w0": 0.25}
CURVE = {
    "format": "memhil-model/1", "model": "curve", "potentiation": [1e-5, 3e-5, 4e-5, 4.5e-5],
    "depression": [4.4e-5, 2e-5, 1e-5],
}  # fmt: skip
SIZES = [
    Geometry(5, 4, lanes=3, v_bits=12, t_bits=6, log_depth=4),
    Geometry(1, 2, lanes=2, state_bits=12, v_bits=12, t_bits=6, log_depth=2, encoder=False, frame_buffer=512),
]
"""Lanes that pad the last group, and a memory of one word."""


@pytest.fixture
def preset(tmp_path):
    write(tmp_path / "fitted.json", "rram", CELL)
    return tmp_path / "fitted.json"


def built(preset, geometry):
    return with_device(geometry, parameters_of(str(preset), None), Path(preset).stem, {})


def contents(client, geometry, most=256):
    """All that can be read, or `most` of every memory, and every register that the host may write."""
    found = {
        space: client.read_memory(space, 0, min(most, memory.size)).tolist()
        for space, memory in memories(geometry).items()
    }
    registers = client.read_registers()
    return found | {register.name: registers[register.name] for register in REGISTERS if register.writable}


@pytest.mark.parametrize("geometry", SIZES, ids=["padded", "one word"])
@pytest.mark.parametrize(
    ("simulation", "most"), [(open_pysim, 12), pytest.param(open_cxxrtl, 256, marks=pytest.mark.slow)]
)
def test_the_logic_holds_at_power_up_what_the_golden_model_holds(
    preset, geometry, simulation, most, tmp_path, monkeypatch
):
    monkeypatch.setenv("MEMHIL_CACHE", str(tmp_path))
    g = built(preset, geometry)
    with simulation(g) as transport:
        found = contents(Client(transport), g, most)
    assert found == contents(Client(GoldenTransport(GoldenCore(g).execute)), g, most)
    tables = open_device(f"fpga:golden?preset={preset}&state_bits={g.state_bits}").tables
    assert found[Space.POTENTIATION] == tables.potentiation[:most].tolist() and max(found[Space.POTENTIATION]) > 0
    assert found[Space.DEPRESSION] == tables.depression[:most].tolist()
    assert set(found[Space.STATE]) - {0} == {round(0.25 * (2**g.state_bits - 1))}


def test_every_entry_of_the_tables_in_logic_is_that_of_the_preset(preset):
    loaded = built(preset, SIZES[0]).loaded
    steps, weights = UpdateTable(loaded.potentiation + loaded.depression), MemductanceTable(2, loaded.memductance)
    module, found = Module(), []
    module.submodules += [steps, weights]

    async def sweep(ctx):
        for n in range(2 * 256 + 2):
            ctx.set(steps.index, n % 256)
            ctx.set(steps.down, n // 256 % 2)
            ctx.set(weights.indices[1], n % 256)
            found.append((ctx.get(steps.step), ctx.get(weights.weights[1])))
            await ctx.tick()

    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(sweep)
    simulator.run()
    expected = open_device(f"fpga:golden?preset={preset}").tables
    assert [step for step, _ in found[2:]] == [*expected.potentiation, *expected.depression]
    assert [weight for _, weight in found[2:258]] == list(range(256))


@pytest.mark.slow
def test_the_logic_answers_a_whole_session_from_power_up_as_the_golden_model(preset):
    outcome = compare(built(preset, SIZES[0]), 3, 40)
    assert outcome.difference is None and not outcome.vacuous


@pytest.mark.parametrize("geometry", SIZES, ids=["padded", "one word"])
@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
def test_power_up_is_what_a_host_makes_of_an_emulator_that_was_built_without(geometry, rounding):
    uri = f"sim:rram?model=nlsb&alpha=0.03&gamma=2&g_min=2e-6&g_max=3e-5&w0=0.4&rows={geometry.rows}"
    asked = parameters_of(None, uri).model_copy(update={"rounding": rounding})
    g = with_device(geometry, asked, "cell", {})
    empty = GoldenCore(geometry)
    given = asked.model_copy(update={"rows": g.rows, "cols": g.cols, "state_bits": g.state_bits})
    open_emulator("fpga:x", given, Carrier("", lambda _: GoldenTransport(empty.execute)))
    loaded = contents(Client(GoldenTransport(empty.execute)), geometry)
    found = contents(Client(GoldenTransport(GoldenCore(g).execute)), g)
    assert {key: value for key, value in found.items() if key != Space.PRESET} == loaded


@pytest.fixture
def board(preset):
    """What answers is a board that was built with the preset; opened with parameters, as often as one likes."""
    core = GoldenCore(built(preset, Geometry(6, 3)))

    def opened(**parameters):
        carrier = Carrier("", lambda _: GoldenTransport(core.execute))
        return open_emulator("fpga:x", FpgaParameters(**parameters), carrier)

    return opened


def test_an_address_that_names_no_device_finds_the_one_that_was_built_in(board, preset):
    with board() as device, open_device(f"fpga:golden?preset={preset}&rows=6&cols=3") as expected:
        assert device.parameters.model == "built-in"
        assert device.identity.startswith("memhil emulator, built with the tables of fitted (")
        for each in (device, expected):
            for row in (0, 0, 4):
                each.program(np.eye(6, 3, k=-row, dtype=int))
        assert np.array_equal(device.read(), expected.read())
        assert np.array_equal(device.states, expected.states)
        assert device.snapshot().keys() == expected.snapshot().keys()


def test_an_address_may_still_load_another_device(board):
    with board(alpha=0.5, g_max=1e-3) as device:
        assert device.parameters.model == "lhb"
        assert device.tables.potentiation[0] == round(0.5 * 255 * 256)
        assert device.tables.g_max == 1e-3
        assert "fitted" in device.identity
    # The tables of the board are gone then, until it is switched on again.
    with pytest.raises(InputError, match=r"not those of fitted \([0-9a-f]{16}\), with which it was built"):
        board()


def test_an_address_may_set_what_no_table_holds(board):
    with board(w0=0.75, v_set=0.5, model="built-in", rounding="nearest") as device:
        p = device.parameters
        assert (p.w0, p.v_set, p.g_max, p.rounding) == (0.75, 0.5, 8e-5, "nearest")
        assert (device.states == round(0.75 * 255)).all()


def test_one_changed_entry_of_a_table_is_noticed(preset):
    """An iCE40 may write word 0 of a block RAM by itself while it wakes up (YosysHQ/yosys issue 101)."""
    core = GoldenCore(built(preset, Geometry(2, 2)))
    core.machine.potentiation[0] = 0
    with pytest.raises(InputError, match="its memory is disturbed"):
        open_emulator("fpga:x", FpgaParameters(), Carrier("", lambda _: GoldenTransport(core.execute)))


def test_an_emulator_without_tables_says_how_to_get_some():
    core = GoldenCore(Geometry(2, 2))
    with pytest.raises(InputError, match=r"was built without tables.*hil fpga build .*--preset FILE"):
        open_emulator("fpga:x", FpgaParameters(model="built-in"), Carrier("", lambda _: GoldenTransport(core.execute)))
    with pytest.raises(InputError, match="has its own tables: leave out alpha"):
        open_device("fpga:golden?model=built-in&alpha=0.1")


def test_a_measured_curve_is_built_in(tmp_path):
    (tmp_path / "curve.json").write_text(json.dumps(CURVE))
    g = built(tmp_path / "curve.json", Geometry(2, 2))
    core = GoldenCore(g)
    with open_emulator("fpga:x", FpgaParameters(), Carrier("", lambda _: GoldenTransport(core.execute))) as device:
        # From the lowest conductance measured, one pulse goes to the second of the curve, within a state of 8 bits.
        device.write_states(np.zeros((2, 2), np.uint16))
        device.program(np.ones((2, 2), int))
        assert np.allclose(device.read(), 3e-5, atol=3.5e-5 / 255)


def test_a_record_survives_the_link(preset):
    loaded = with_device(Geometry(2, 2), parameters_of(str(preset), None), "µ" * NAME_BYTES, {}).loaded
    record = PresetRecord.parse(loaded.record())
    assert len(loaded.record()) == RECORD_BYTES == 128
    assert record.name == "µ" * (NAME_BYTES // 2) and record.digest == loaded.digest
    assert record.facts == {
        "g_min": 5e-6, "g_max": 8e-5, "v_set": 1.0, "v_reset": 1.0, "v_max": 5.0, "w0": 0.25, "stochastic": 1.0
    }  # fmt: skip


def test_equal_devices_have_equal_digests_whatever_they_are_called(preset):
    digests = {
        with_device(Geometry(2, 2), parameters_of(None, f"sim:rram?preset={preset}{more}"), name, {}).loaded.digest
        for more, name in (("", "a"), ("", "b"), ("&rows=9", "a"))
    }
    other = with_device(Geometry(2, 2), parameters_of(None, f"sim:rram?preset={preset}&g_max=9e-5"), "a", {})
    assert len(digests) == 1 and other.loaded.digest not in digests


def test_sizes_come_from_flags_then_the_address_then_the_board():
    p = parameters_of(None, "fpga:golden?rows=12&cols=7&state_bits=10")
    g = with_device(Geometry(784, 10, lanes=2), p, "x", {"rows": 16, "cols": None})
    assert (g.rows, g.cols, g.lanes, g.state_bits) == (16, 7, 2, 10)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--preset", "wang2016", "--device", "sim:rram"], "--preset and --device both name a device"),
        (["--preset", "nowhere.json"], "no preset file nowhere.json"),
        (["--device", "sim:vteam"], "--device sim:vteam: its tables cannot be built in"),
        (["--device", "sim:rram?d2d=0.1&read_noise=0.02"], "so that d2d, read_noise cannot be built in"),
        (["--device", "sim:rram?alpha=2"], "alpha = 2"),
        (["--device", "sim:flca"], "give --cell flca"),
        (["--device", "fpga:golden?cell=flca", "--cell", "flca"], "FLCA cells have no tables to build in"),
        (["--device", "fpga:golden?model=built-in"], "hil fpga build --preset"),
    ],
)
def test_what_cannot_be_built_in_is_refused_in_one_sentence(words, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["hil", "fpga", "build", "--board", "icebreaker", "--rows", "8", *words])
    with pytest.raises(SystemExit) as end:
        main()
    error = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2 and sentence in error


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Builds without the tools: the design is elaborated, and nothing is placed."""
    monkeypatch.setenv("MEMHIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(builder.toolchain, "versions", lambda names: dict.fromkeys(names, "1"))


def test_tables_belong_to_what_a_build_is_known_by(preset, stand_in, tmp_path):
    board = find_board("icebreaker")
    write(tmp_path / "other.json", "rram", CELL | {"alpha": 0.06})
    small = Geometry(4, 2, encoder=False, frame_buffer=512, clock=12e6)
    given = [small, built(preset, small), built(preset, small), built(tmp_path / "other.json", small)]
    empty, first, again, other = (builder._digest(board, g, 1, builder.emulator) for g in given)
    assert first == again and len({empty, first, other}) == 3
    folders = [builder.default_folder(board, g).name for g in given]
    assert folders[0] == "icebreaker-4x2p1" and folders[1] == "icebreaker-4x2p1-fitted"


@pytest.mark.slow
def test_the_bitstream_of_an_ice40_holds_the_tables(preset, tmp_path, monkeypatch):
    """The packed bitstream is unpacked again: word k of a RAM of 512 x 8 is bytes 2 k (even bits) and 2 k + 1."""
    monkeypatch.chdir(tmp_path)
    board = find_board("icebreaker")
    made = build(board, built(preset, replace(board.geometry, rows=8, cols=3)), out=tmp_path / "build")
    assert made.tables.startswith("fitted (") and load(made.folder) == made
    unpack = shutil.which("yowasp-iceunpack", path=sysconfig.get_path("scripts"))
    subprocess.run([unpack, f"build/{made.bitstream}", "top.asc"], check=True, cwd=tmp_path)
    text = (tmp_path / "top.asc").read_text()
    memories_in_it = []
    for block in re.findall(r"^\.ram_data .*\n((?:[0-9a-f]{64}\n)+)", text, re.M):
        words = [int(line, 16) >> 16 * k & 0xFFFF for line in block.split() for k in range(16)]
        places = (0, 4, 2, 6, 1, 5, 3, 7)
        memories_in_it.append(
            [sum((word >> 2 * places[n] + half & 1) << n for n in range(8)) for word in words for half in (0, 1)]
        )
    tables = open_device(f"fpga:golden?preset={preset}").tables
    steps = [*tables.potentiation.tolist(), *tables.depression.tolist()]
    assert [step & 0xFF for step in steps] in memories_in_it
    assert [step >> 8 for step in steps] in memories_in_it
    assert [*range(256), *[0] * 256] in memories_in_it
