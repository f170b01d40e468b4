import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from gateware.placement import ClockTiming, PlaceAndRoute
from gateware.toolchain import ToolError
from gateware.verify import bitstream, budgets, formal, layers, mutations, netlist, processes, simulation
from gateware.verify.layers import Check, CheckOutcome, failed, run
from gateware.verify.mutants import MUTANTS, SIMULATION, Mutant
from gateware.verify.processes import Skipped
from gateware.verify.properties import PROPERTIES, find_property
from hil.errors import InputError


def missing():
    raise Skipped("verilog is not installed: get it")


def broken():
    raise ToolError("yosys failed: no")


FAKES = {
    "good": lambda quick: [Check("one", lambda: CheckOutcome(True, "proven"))] + [] * quick,
    "bad": lambda quick: [Check("two", lambda: CheckOutcome(False, "wrong")), Check("three", broken)],
    "lame": lambda quick: [Check("four", missing)],
    "absent": lambda quick: missing(),
}


def test_every_result_is_in_the_table_and_skipped_ones_say_why():
    heard = []
    results = run([], False, FAKES, heard.append)
    assert heard == results
    assert [(r.layer, r.what, r.result, r.note) for r in results] == [
        ("good", "one", "passed", "proven"),
        ("bad", "two", "FAILED", "wrong"),
        ("bad", "three", "FAILED", "yosys failed: no"),
        ("lame", "four", "skipped", "verilog is not installed: get it"),
        ("absent", "all of it", "skipped", "verilog is not installed: get it"),
    ]
    assert failed(results)


def test_what_is_skipped_does_not_fail():
    assert not failed(run(["good", "lame", "absent"], False, FAKES))


def test_one_layer_by_its_name():
    assert [result.layer for result in run(["lame"], True, FAKES)] == ["lame"]
    with pytest.raises(InputError, match=r"no layer 'god'.*good"):
        run(["god"], True, FAKES)


def test_ctrl_c_is_not_taken_for_a_failure():
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([], True, {"long": lambda quick: [Check("one", stop)]})


def test_the_command_ends_with_1_if_a_check_fails(hil, monkeypatch):
    monkeypatch.setattr(layers, "LAYERS", FAKES)
    code, out, _ = hil("fpga", "verify", "--layer", "good", "--layer", "lame")
    assert (code, "proven" in out, "not installed" in out) == (0, True, True)
    code, out, _ = hil("fpga", "verify", "--layer", "bad")
    assert (code, "FAILED" in out) == (1, True)
    assert hil("fpga", "verify", "--layer", "nothing")[0] == 2


def test_a_program_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(TimeoutError, match=r"took more than 0\.2 s"):
        processes.run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, 0.2)


NESTED = """
import os, subprocess, sys
from pathlib import Path
from gateware.verify.processes import run, terminable
depth, file = int(sys.argv[1]), sys.argv[2]
with open(file, "a") as pids:
    print(os.getpid(), file=pids)
with terminable():
    if depth:
        run([sys.executable, __file__, str(depth - 1), file], Path("."))
    else:
        run(["sh", "-c", f"echo $$ >> {file}; trap : INT; sleep 600 & echo $! >> {file}; wait; wait"], Path("."))
"""


def is_alive(pid):
    try:
        state = processes.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_that_was_started(tmp_path, number):
    code, file = tmp_path / "nested.py", tmp_path / "pids"
    code.write_text(NESTED)
    root = processes.Path(mutations.__file__).parents[2]
    outer = subprocess.Popen(
        [sys.executable, code, "1", file], env=os.environ | {"PYTHONPATH": str(root)}, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 30
    while not file.exists() or len(file.read_text().split()) < 4:
        assert time.monotonic() < until
        time.sleep(0.05)
    outer.send_signal(number)
    assert outer.wait(30) != 0
    assert not [pid for pid in file.read_text().split() if is_alive(pid)]


def test_a_missing_program_is_skipped(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *words, **named: None)
    with pytest.raises(Skipped, match="pip install"):
        processes.script("z3")
    with pytest.raises(Skipped, match="verilator is not installed"):
        netlist.tools()


def test_budgets(tmp_path):
    file = tmp_path / "budgets.toml"
    file.write_text(
        '[[budget]]\nboard = "ulx3s-85f"\nrows = 784\ncols = 10\nlanes = 10\nmax_lut = 10\nmax_bram = 2\n'
        "min_fmax = 50e6\n"
    )
    (budget,) = budgets.read(file)
    assert (budget.geometry.rows, budget.geometry.lanes) == (784, 10)

    class Result:
        placed = PlaceAndRoute({"LUT": 11, "BRAM": 2}, {}, (ClockTiming("clk", 49e6, 50e6),), ())

    assert budgets.exceeded(budget, Result) == [
        "11 LUT instead of at most 10",
        "49.0 MHz instead of at least 50.0",
    ]
    file.write_text('[[budget]]\nboard = "ulx3s-85f"\n')
    with pytest.raises(InputError, match=r"budgets\.toml"):
        budgets.read(file)
    with pytest.raises(Skipped, match="no budgets"):
        budgets.read(tmp_path / "none.toml")


def test_pins_are_declared_once():
    """icebox_vlog declares ten wires a line, the pins among them, though they are ports already."""
    text = "module chip (input pin_clk);\n\nwire pin_clk, n2, n7;\nwire n5, pin_tx;\nwire pin_rx;\nreg n8 = 0;\n"
    wanted = "module chip (input pin_clk);\n\nwire n2, n7;\nwire n5;\nreg n8 = 0;\n"
    assert bitstream._declared_once(text) == wanted


def test_every_mutation_fits_the_source_and_names_a_check():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 12
    known = {SIMULATION, *(one.name for one in PROPERTIES)}
    for mutant in MUTANTS:
        assert mutant.check in known
        words = ["import sys; from gateware.verify import mutations as m, mutants",
                 "m.plant(next(x for x in mutants.MUTANTS if x.name == sys.argv[1]))"]  # fmt: skip
        if mutant in (MUTANTS[0], MUTANTS[-1]):
            subprocess.run([sys.executable, "-c", "\n".join(words), mutant.name], check=True)
        source = processes.Path(mutations.__file__).parents[1].joinpath(*mutant.module.split(".")).with_suffix(".py")
        assert [source.read_text().count(old) for old, _ in mutant.changes] == [1] * len(mutant.changes), mutant.name


def test_a_mutation_that_does_not_fit_is_an_error():
    stale = Mutant("stale", "core.divider", (("no such text", ""),))
    sys.modules.pop("gateware.core.divider", None)
    with pytest.raises(ToolError, match="out of date"):
        mutations.plant(stale)


def test_a_proof():
    assert formal.check(find_property("update: 8-bit states saturate")).holds


@pytest.mark.parametrize(
    "name",
    [
        "update: a state wraps instead of saturating",
        pytest.param("link: a repeated command is carried out again", marks=pytest.mark.slow),
    ],
)
def test_a_mutant_is_caught(name):
    assert mutations.try_mutant(next(mutant for mutant in MUTANTS if mutant.name == name)).caught


@pytest.mark.slow
@pytest.mark.parametrize("geometry", simulation.SMALL, ids=str)
def test_sessions_in_the_simulator(geometry):
    comparison = simulation.compare(geometry, 7, 100)
    assert comparison.difference is None
    assert not comparison.vacuous


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", layers.LAYERS)
def test_layers(name):
    assert not failed(run([name], False))
