import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from echo import Echo

from gateware import build as builder
from gateware import cache
from gateware.boards import all_boards, find_board
from gateware.build import KEPT, RESULT, BuildResult, build, load
from gateware.geometry import Geometry
from gateware.placement import read_nextpnr
from gateware.report import rows
from gateware.toolchain import ToolError
from hil.cli.main import main
from hil.errors import InputError

NEXTPNR = {
    "critical_paths": [
        {"from": "<async>", "to": "posedge clk", "path": []},
        {
            "from": "posedge clk",
            "to": "posedge clk",
            "path": [
                {"delay": 0.5, "from": {"cell": "a"}, "to": {"cell": "a"}, "type": "clk-to-q"},
                {"delay": 1.5, "from": {"cell": "a"}, "to": {"cell": "b"}, "type": "routing", "net": "design.sum"},
                {"delay": 1.0, "from": {"cell": "b"}, "to": {"cell": "b"}, "type": "logic"},
                {"delay": 1.0, "from": {"cell": "b"}, "to": {"cell": "c"}, "type": "routing", "net": "design.carry"},
                {"delay": 0.0, "from": {"cell": "c"}, "to": {"cell": "c"}, "type": "setup"},
            ],
        },
    ],
    "fmax": {"clk": {"achieved": 250.0, "constraint": 24.0}},
    "utilization": {
        "ICESTORM_LC": {"available": 5280, "used": 131},
        "ICESTORM_RAM": {"available": 30, "used": 4},
        "ICESTORM_SPRAM": {"available": 4, "used": 0},
        "ICESTORM_DSP": {"available": 8, "used": 1},
    },
}
LOG = """\
Info: Packing LUT-FFs..
Info:       37 LCs used as LUT4 only
Info:       57 LCs used as LUT4 and DFF
Info:       23 LCs used as DFF only
Info:        2 LCs used as CARRY only
"""


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MEMHIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tools(monkeypatch):
    """Stand-ins for the tools, which count their calls and write what the real ones would."""
    calls = []

    def execute(plan, folder):
        plan.extract(folder)
        calls.append(plan)
        (folder / "nextpnr.json").write_text(json.dumps(NEXTPNR))
        for name in ("top.bin", "top.rpt", "top.tim"):
            (folder / name).write_text(LOG)
        return {"yosys": 1.0}

    monkeypatch.setattr(builder, "_execute", execute)
    monkeypatch.setattr(builder.toolchain, "versions", lambda names: dict.fromkeys(names, "1"))
    return calls


ICEBREAKER = find_board("icebreaker")


def test_a_build_is_made_once_and_copied(tools, tmp_path):
    first = build(ICEBREAKER, ICEBREAKER.geometry, design=Echo)
    assert first.folder == Path("build/icebreaker-784x10p1")
    assert {path.name for path in first.folder.iterdir()} == {*KEPT, "top.bin"}
    again = build(ICEBREAKER, ICEBREAKER.geometry, out=tmp_path / "other", design=Echo)
    assert len(tools) == 1
    assert replace(again, folder=first.folder) == first == load(first.folder)


def test_a_design_that_is_too_slow_is_built_again_for_a_clock_it_reaches(tools, monkeypatch, tmp_path):
    reached = iter([82.58, 79.9, 76.0])
    asked = []

    def execute(plan, folder):
        seconds = stand_in(plan, folder)
        report = json.loads((folder / "nextpnr.json").read_text())
        report["fmax"]["clk"] = {"achieved": next(reached), "constraint": asked[-1].clock / 1e6}
        (folder / "nextpnr.json").write_text(json.dumps(report))
        (folder / "top.tim").write_text("")
        return seconds

    def known(board, geometry, *rest):
        asked.append(geometry)
        return digest(board, geometry, *rest)

    stand_in, digest = builder._execute, builder._digest
    monkeypatch.setattr(builder, "_execute", execute)
    monkeypatch.setattr(builder, "_digest", known)
    monkeypatch.setattr(builder.build, "__defaults__", (1, None, Echo))
    board = find_board("ulx3s-85f")
    result = builder.build_in_time(board, board.geometry)
    assert [geometry.clock for geometry in asked] == [100e6, 80e6, 75e6]
    assert result.placed.clocks[0].met
    assert load(result.folder) == result


def test_what_goes_in_makes_another_build(tools):
    digests = {
        build(ICEBREAKER, geometry, seed, design=Echo).digest
        for geometry, seed in [
            (ICEBREAKER.geometry, 1),
            (ICEBREAKER.geometry, 2),
            (replace(ICEBREAKER.geometry, clock=24e6), 1),
        ]
    }
    digests.add(build(ICEBREAKER.with_baud(3e6), ICEBREAKER.geometry, design=Echo).digest)
    assert len(digests) == len(tools) == 4


def test_a_changed_source_that_makes_the_same_design_is_not_built_again(tools, monkeypatch):
    build(ICEBREAKER, ICEBREAKER.geometry, design=Echo)
    monkeypatch.setattr(cache, "sources", lambda *parts: "something else")
    build(ICEBREAKER, ICEBREAKER.geometry, design=Echo)
    assert len(tools) == 1


def test_the_register_holds_the_digest(tools):
    numbers = []

    def design(geometry, number):
        numbers.append(number)
        return Echo(geometry)

    result = build(ICEBREAKER, ICEBREAKER.geometry, design=design)
    assert numbers == [0, int(result.digest[:8], 16)]


def test_only_a_build_is_replaced(tools, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(InputError, match="exists and is no build"):
        build(ICEBREAKER, ICEBREAKER.geometry, out=tmp_path / "mine", design=Echo)
    for seed in (1, 2):
        assert build(ICEBREAKER, ICEBREAKER.geometry, seed, tmp_path / "out", Echo).seed == seed
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "mine", "out"}


def test_a_failed_build_leaves_its_logs_and_nothing_else(tools, monkeypatch, tmp_path):
    def execute(plan, folder):
        (folder / "top.tim").write_text("why")
        raise ToolError("nextpnr-ice40 failed: too big")

    monkeypatch.setattr(builder, "_execute", execute)
    with pytest.raises(ToolError, match=r"too big \(logs: ") as failure:
        build(ICEBREAKER, ICEBREAKER.geometry, design=Echo)
    logs = Path(str(failure.value).partition("logs: ")[2].rstrip(")"))
    assert (logs / "top.tim").read_text() == "why"
    assert not [path for path in (tmp_path / "cache" / "builds").iterdir() if path.is_dir()]
    assert not (tmp_path / "build").exists()


def test_a_design_that_does_not_fit_says_what_it_needs(tools, monkeypatch):
    def execute(plan, folder):
        (folder / "top.tim").write_text("Info: \t         ICESTORM_LC:    5128/   5280    97%\n"
                                        "Info: \t        ICESTORM_RAM:      32/     30   106%\n")  # fmt: skip
        raise ToolError("nextpnr-ice40 failed: Unable to place cell 'x', no BELs remaining")

    monkeypatch.setattr(builder, "_execute", execute)
    with pytest.raises(ToolError, match=r"icebreaker: 32 BRAM of 30 needed: fewer lanes"):
        build(ICEBREAKER, ICEBREAKER.geometry, design=Echo)


def test_a_record_of_another_version_is_refused(tools):
    folder = build(ICEBREAKER, ICEBREAKER.geometry, design=Echo).folder
    with pytest.raises(InputError, match="holds no build"):
        load(folder / "nowhere")
    (folder / RESULT).write_text('{"geometry": {"rows": 1, "cols": 1}}')
    with pytest.raises(InputError, match="no record of a build of this version"):
        load(folder)


def _make_slowly(log):
    def make(folder):
        with Path(log).open("a") as file:
            file.write("made\n")
        time.sleep(0.5)
        (folder / "result").touch()

    cache.made("things", "one", make)


def test_of_two_that_ask_at_once_one_makes_it(tmp_path):
    log = tmp_path / "log"
    both = [multiprocessing.Process(target=_make_slowly, args=(log,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert log.read_text() == "made\n"


def test_a_killed_maker_leaves_nothing_that_counts(tmp_path):
    script = (
        "import time; from gateware import cache\n"
        "cache.made('things', 'one', lambda f: ((f / 'half').touch(), print('begun', flush=True), time.sleep(60)))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    folder = cache.made("things", "one", lambda folder: (folder / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == ["one"]


@pytest.mark.parametrize("name", [name for name, board in all_boards().items() if board.family != "vendor"])
def test_every_board_elaborates_at_its_clock_and_names_its_pins(name):
    board = find_board(name)
    plan = builder._plan(board, board.geometry, 1, Echo, 0)
    constraints = plan.files["top.lpf" if board.family == "ecp5" else "top.pcf"]
    assert "uart_0__rx__io" in constraints
    assert "uart_0__tx__io" in constraints
    commands = json.loads(plan.files["build_top.json"])["commands"]
    assert tuple(command[0] for command in commands[:3]) == board.tools
    pll = {"ecp5": "EHXPLLL", "ice40": "SB_PLL40_PAD" if board.pll_pad else "SB_PLL40_CORE"}[board.family]
    assert (pll in plan.files["top.il"]) == (board.geometry.clock != board.oscillator)


@pytest.mark.parametrize("name", ["ulx3s-12f", "ulx3s-85f"])
def test_the_ulx3s_keeps_its_wifi_module_from_loading_a_design_of_its_own(name):
    """Pin L2, wifi_gpio0: while it is low the ESP32's stock firmware loads its own bitstream over ours."""
    board = find_board(name)
    plan = builder._plan(board, board.geometry, 1, Echo, 0)
    assert 'LOCATE COMP "wifi_gpio0_0__io" SITE "L2";' in plan.files["top.lpf"]
    pin = plan.files["top.il"].split("module \\top.wifi_gpio0_0\n")[1].split("\nend\n")[0]
    assert "connect \\o$1 1'1" in pin and "connect \\oe 1'1" in pin


def test_an_unknown_board_is_told_the_nearest():
    with pytest.raises(InputError, match="did you mean 'icebreaker'"):
        find_board("icebraker")


def test_nextpnr_is_read_and_a_missed_clock_told():
    placed = read_nextpnr(json.dumps(NEXTPNR), "ice40", LOG)
    assert placed.used == {"logic cell": 131, "BRAM": 4, "SPRAM": 0, "DSP": 1, "LUT": 94, "FF": 80}
    assert placed.available["FF"] == 5280
    assert placed.clocks[0].achieved == 250e6
    assert placed.met
    assert sum(step.delay for step in placed.critical_path) == pytest.approx(4e-9)
    slow = replace(placed, clocks=(replace(placed.clocks[0], achieved=20e6),))
    assert not slow.met
    geometry = Geometry(784, 10, 2, clock=24e6)
    fields = {"board": "b", "seed": 1, "digest": "0", "tools": {}, "seconds": {}, "made": "", "memhil": ""}
    result = BuildResult(folder=Path(), geometry=geometry, bitstream="top.bin", placed=slow, **fields)
    table = {row.text: row for row in rows(result)}
    assert "MISSED" in table["Fmax"].note
    assert table["Fmax"].reference == 24.0
    assert table["critical path"].value == pytest.approx(4.0)
    assert table["critical path"].note == "1 levels of logic, 62 % routing, from design.sum to c"
    assert table["images"].value == pytest.approx(24e6 / table["image"].value)


def test_of_several_seeds_the_fastest_is_kept_and_a_sweep_goes_on(tools, monkeypatch, capsys):
    speeds = {1: 30.0, 2: 33.0, 3: 31.0}
    stand_in, seeds = builder._execute, []

    def execute(plan, folder):
        seconds = stand_in(plan, folder)
        seed = int(re.search(r"--seed (\d+)", str(plan.files["build_top.sh"]))[1])
        seeds.append(seed)
        report = json.loads((folder / "nextpnr.json").read_text())
        report["fmax"]["clk"] = {"achieved": speeds[seed], "constraint": 12.0}
        (folder / "nextpnr.json").write_text(json.dumps(report))
        return seconds

    monkeypatch.setattr(builder, "_execute", execute)
    monkeypatch.setattr(builder.build, "__defaults__", (1, None, Echo))
    build(ICEBREAKER, ICEBREAKER.geometry, 2)  # made in a sweep that was stopped
    best = builder.best_of(ICEBREAKER, ICEBREAKER.geometry, 3)
    assert (best.seed, load(best.folder).seed) == (2, 2)
    assert seeds == [2, 1, 3]
    assert "the fastest is seed 2: 33.0 MHz" in capsys.readouterr().err


@pytest.fixture
def hil(monkeypatch, capsys):
    """Run the command; returns exit code, stdout, stderr."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["hil", "fpga", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return run


def test_the_command_builds_reports_and_loads(hil, tools, monkeypatch, tmp_path):
    monkeypatch.setattr(builder, "emulator", Echo)
    monkeypatch.setattr(builder.build, "__defaults__", (1, None, Echo))
    code, out, err = hil("build", "--board", "icebreaker", "--rows", "16", "--json", "build.json")
    assert code == 0
    assert "Fmax" in out
    assert "bitstream: build/icebreaker-16x10p1/top.bin" in err
    assert "logic cell" in [row["name"] for row in json.loads((tmp_path / "build.json").read_text())["rows"]]
    assert hil("build", "--board", "icebreaker", "--rows", "16", "--baud", "3e6", "--out", "fast")[0] == 0
    assert json.loads((tmp_path / "fast" / RESULT).read_text())["baud"] == 3_000_000
    assert "fpga:PORT?baud=3e+06" in " ".join(hil("report", "fast")[1].split())
    code, out, _ = hil("report", "build/icebreaker-16x10p1", "--path")
    assert code == 0
    assert "design.carry > c" in out
    loader = tmp_path / "loader"
    loader.write_text("#!/bin/sh\necho $@ > loaded\nexit $(cat status)\n")
    loader.chmod(0o755)
    monkeypatch.setenv("OPENFPGALOADER", str(loader))
    (tmp_path / "status").write_text("0")
    assert hil("program", "build/icebreaker-16x10p1", "--flash")[0] == 0
    assert (tmp_path / "loaded").read_text() == "-b ice40_generic -f build/icebreaker-16x10p1/top.bin\n"
    assert hil("program", "build/icebreaker-16x10p1", "--ftdi-serial", "D00123", "--busdev", "1:7")[0] == 0
    assert "--ftdi-serial D00123 --busdev-num 1:7 build/" in (tmp_path / "loaded").read_text()
    (tmp_path / "status").write_text("1")
    code, _, err = hil("program", "build/icebreaker-16x10p1")
    assert code == 2
    assert "openFPGALoader failed with exit code 1" in err and "udev" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["build", "--board", "icebraker"], "hil: no board 'icebraker'"),
        (["build", "--board", "icebreaker", "--rows", "9999"], "hil: geometry: rows = 9999 must be in 1 .. 4096"),
        (["build", "--board", "icebreaker", "--clock", "1"], "hil: clock: no PLL makes 1 MHz from 12 MHz"),
        (
            ["build", "--board", "ulx3s-85f", "--baud", "6e6"],
            "hil: baud = 6e+06: the USB chip of ulx3s-85f goes up to 3e+06",
        ),
        (
            ["build", "--board", "icebreaker", "--baud", "12e6"],
            "hil: baud rate 1.2e+07: a clock of 1.2e+07 Hz does not divide down to it within 2%; 3e+06 is possible",
        ),
        (
            ["build", "--board", "icebreaker", "--baud", "5"],
            "hil: invalid value for '--baud': 5.0 is not in 9600 .. 1.2e+07 bits a second",
        ),
        (["report", "nowhere"], "hil: nowhere holds no build"),
        (["program", "nowhere"], "hil: nowhere holds no build"),
    ],
)
def test_bad_input_is_one_sentence(hil, words, sentence):
    code, _, err = hil(*words)
    assert code == 2
    assert err.splitlines()[-1].startswith(sentence)


def test_boards_are_listed(hil):
    code, out, _ = hil("boards")
    assert code == 0
    assert all(name in out for name in all_boards())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["icebreaker", "hx8k", "ulx3s-12f"])
def test_place_and_route_gives_a_bitstream_that_meets_its_clock(name):
    board = find_board(name)
    # Below the oscillator's clock nothing would show that the PLL is in.
    geometry = replace(board.geometry, clock=24e6 if board.family == "ice40" else 50e6)
    result = build(board, geometry, design=Echo)
    assert result.placed.met
    assert [clock.constraint for clock in result.placed.clocks] == pytest.approx([geometry.clock], rel=1e-3)
    assert (result.folder / result.bitstream).stat().st_size > 10_000
    assert set(result.seconds) == set(board.tools)
    start = time.monotonic()
    assert build(board, geometry, design=Echo) == result
    assert time.monotonic() - start < 1
