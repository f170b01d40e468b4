"""Estimates before a build, against what yosys and nextpnr made of such designs."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from gateware import estimate as estimator
from gateware.boards import all_boards, find_board
from gateware.emulator import Emulator
from gateware.memories import MemoryShape, mapped, memories_of, needs_to_spare
from hil.cli.main import main
from hil.errors import InputError

ULX3S, ICEBREAKER = find_board("ulx3s-85f"), find_board("icebreaker")
LUT = {"ecp5": "LUT", "ice40": "logic cell"}
MEMORIES = [
    # width, depth, part, reads, style; then what yosys 0.70 makes of it alone: block RAMs, LUT RAM cells
    ("ecp5", MemoryShape(8, 1024, 8, 1), 1, 0),
    ("ecp5", MemoryShape(13, 784, 13, 1), 1, 0),
    ("ecp5", MemoryShape(24, 256, 24, 1), 1, 0),
    ("ecp5", MemoryShape(24, 256, 24, 1, style="distributed"), 0, 96),
    ("ecp5", MemoryShape(8, 256, 8, 2), 2, 0),
    ("ecp5", MemoryShape(8, 256, 8, 2, style="distributed"), 0, 64),
    ("ecp5", MemoryShape(16, 10, 16, 1), 0, 4),
    ("ecp5", MemoryShape(13, 10, 13, 1), 0, 4),
    ("ecp5", MemoryShape(16, 25, 16, 1), 0, 8),
    ("ecp5", MemoryShape(16, 7840, 8, 1), 8, 0),
    ("ecp5", MemoryShape(16, 19600, 8, 1), 20, 0),
    ("ecp5", MemoryShape(16, 784, 8, 1), 1, 0),
    ("ecp5", MemoryShape(16, 25088, 8, 1), 25, 0),
    ("ecp5", MemoryShape(16, 12544, 8, 1), 13, 0),
    ("ice40", MemoryShape(8, 7840, 8, 1), 16, 0),
    ("ice40", MemoryShape(8, 256, 8, 2), 2, 0),
    ("ice40", MemoryShape(16, 5, 16, 1), 1, 0),
    ("ice40", MemoryShape(16, 4, 16, 1), 0, 0),
]


@pytest.mark.parametrize(("family", "memory", "blocks", "cells"), MEMORIES)
def test_a_memory_becomes_what_yosys_makes_of_it(family, memory, blocks, cells):
    found = mapped(memory, family)
    assert (found.block_rams, found.lut_rams) == (blocks, cells)


@pytest.mark.parametrize(
    ("lanes", "blocks"), [(16, 200), (20, 200), (25, 200), (40, 200), (50, 200), (32, 208), (64, 224)]
)
def test_states_of_784_x_500_waste_block_rams_by_lanes(lanes, blocks):
    assert estimator.state_blocks(ULX3S, replace(ULX3S.geometry, cols=500, lanes=lanes)) == blocks


@pytest.mark.parametrize("table", estimator.placed(), ids=lambda t: f"{t['board']}-{t['cols']}p{t['lanes']}")
def test_builds_that_were_placed(table):
    """Earlier cores scanned all rows: the calendar of the present one takes up to five block RAMs more."""
    board = find_board(table["board"])
    sizes = {key: value for key, value in table.items() if key not in ("board", "lut", "bram", "fmax", "earlier")}
    found = estimator.estimate(board, replace(board.geometry, **sizes))
    assert found.used[LUT[board.family]] == pytest.approx(table["lut"], rel=estimator.LUT_ERROR)
    more = found.used["BRAM"] - table["bram"]
    assert 0 <= more <= 5 if "earlier" in table else more == 0
    assert found.reached == pytest.approx(table["fmax"])


def test_every_board_s_own_crossbar_fits():
    for board in all_boards().values():
        if board.family in estimator.COSTS:
            assert not estimator.estimate(board, board.geometry).shortage, board.name
            assert estimator.planned(board, board.geometry, None) == board.geometry


def test_small_memories_are_lut_ram_only_where_block_rams_run_out():
    small, large = ULX3S.geometry, replace(ULX3S.geometry, cols=500, lanes=50)
    assert not needs_to_spare(ULX3S, lambda: Emulator(small))
    assert needs_to_spare(ULX3S, lambda: Emulator(large))
    found = estimator.estimate(ULX3S, large)
    assert found.spares
    assert 200 < found.used["BRAM"] <= 208


@pytest.mark.slow
def test_lanes_are_chosen_that_fit_and_are_fast():
    (best, *others) = estimator.choose(ULX3S, replace(ULX3S.geometry, cols=500))
    assert estimator.planned(ULX3S, replace(ULX3S.geometry, cols=500), None).lanes == best.geometry.lanes
    assert best.geometry.lanes == 50
    assert max(other.images(False) for other in others) < best.images(False) / (1 - estimator.GOOD_ENOUGH)
    assert all(not found.shortage for found in (best, *others))
    assert not estimator.choose(find_board("ulx3s-12f"), replace(ULX3S.geometry, cols=500))


@pytest.fixture
def hil(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["hil", "fpga", *words])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return run


def test_what_cannot_fit_is_refused_before_any_tool_runs(hil):
    words = r"ulx3s-85f: 784 x 500 in 64 lanes would need 2\d\d BRAM of 208: 50 or \d+ or \d+ lanes would fit"
    with pytest.raises(InputError, match=words):
        estimator.planned(ULX3S, replace(ULX3S.geometry, cols=500, lanes=64), 64)
    code, _, said = hil("build", "--board", "icebreaker", "--cols", "40")
    assert code == 2
    assert "icebreaker: 784 x 40 in 1 lanes would need" in said
    assert "BRAM of 30: fewer rows, columns or state bits may fit" in said


def test_estimate_on_the_command_line(hil):
    code, out, _ = hil("estimate", "--board", "icebreaker", "--lanes", "1", "--t-bits", "8", "--json", "-")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(out)["rows"]}
    assert rows["BRAM"]["value"] <= rows["BRAM"]["reference"] == 30
    assert rows["images"]["value"] == pytest.approx(12e6 / rows["image"]["value"], rel=1e-3)
    code, _, said = hil("estimate", "--board", "ulx3s-12f", "--cols", "500")
    assert code == 1
    assert "does not fit: " in said


YOSYS = """
module top(input clk, input [{a}:0] wa, {ras} input [{w}:0] d, input [{p}:0] we, {outs});
  {style} reg [{w}:0] m [0:{depth}];
  integer i;
  always @(posedge clk) begin
    for (i = 0; i <= {p}; i = i + 1) if (we[i]) m[wa][i*{part} +: {part}] <= d[i*{part} +: {part}];
    {reads}
  end
endmodule
"""


@pytest.mark.slow
@pytest.mark.parametrize(("family", "memory", "blocks", "cells"), MEMORIES)
def test_yosys_itself(tmp_path, family, memory, blocks, cells):
    from gateware import toolchain

    address, parts = (memory.depth - 1).bit_length() - 1, memory.width // memory.part
    names = [("wa" if memory.reads == 2 and k == 0 else f"ra{k}") for k in range(memory.reads)]
    text = YOSYS.format(
        a=address, w=memory.width - 1, p=parts - 1, depth=memory.depth - 1, part=memory.part,
        style=f'(* ram_style = "{memory.style}" *)' if memory.style else "",
        ras="".join(f"input [{address}:0] {name}, " for name in names if name != "wa"),
        outs=", ".join(f"output reg [{memory.width - 1}:0] q{k}" for k in range(memory.reads)),
        reads=" ".join(f"q{k} <= m[{name}];" for k, name in enumerate(names)),
    )  # fmt: skip
    (tmp_path / "m.v").write_text(text)
    command = f"read_verilog m.v; synth_{family} -top top; tee -q -o stat.json stat -json"
    subprocess.run([toolchain.find("yosys"), "-q", "-p", command], cwd=tmp_path, check=True)
    kinds = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    count = {"ecp5": ("DP16KD", "TRELLIS_DPR16X4"), "ice40": ("SB_RAM40_4K", "")}[family]
    assert (kinds.get(count[0], 0) + kinds.get("PDPW16KD", 0), kinds.get(count[1], 0)) == (blocks, cells)


def test_memories_of_a_design_are_all_found():
    found = memories_of(Emulator(replace(ICEBREAKER.geometry, loaded=None)), ICEBREAKER.platform())
    states = [memory for memory in found if memory.depth == 784 * 10]
    assert states == [MemoryShape(8, 7840, 8, 1)]
    assert sum(memory.style == "logic" for memory in found) == 3
