"""Round trip: every law exported, run in ngspice, and its current compared with that of the simulation to 1e-3."""

import json
from pathlib import Path

import numpy as np
import pytest
from export_cases import CASES, IMPLICIT

from hil import presets
from hil.errors import HilError
from sim import ngspice
from sim.export.bench import netlist, played
from sim.export.job import Export
from sim.export.sweeps import VoltageSweep, simulated_current

pytestmark = pytest.mark.skipif(not ngspice.installed(), reason="ngspice is not installed")

SLOW = pytest.mark.slow  # its temperature jumps: ten seconds in ngspice

AGREEMENT = 1e-3
"""Of currents, relative to the largest one."""


def difference(address, sweep, finer, other=None):
    """Largest difference of the exported cell in ngspice from the simulation, of the same device or of another."""
    export = Export.of(address)
    expected = simulated_current(Export.of(other or address).law, sweep, finer)
    files = {"cell.sub": export.text("spice", "dut")}
    files["bench.cir"] = netlist("cell.sub", "dut", sweep, expected, "curve.txt", bool(export.cell.unknowns))
    result = played(files, "bench.cir", "curve.txt")
    own = np.abs(np.interp(sweep.time, result.time, result.current) - expected).max() / np.abs(expected).max()
    assert own == pytest.approx(result.difference, rel=1e-2, abs=1e-6)  # what a bench prints is what its curve says
    return result.difference


@pytest.mark.parametrize("shape", [pytest.param("sine", marks=pytest.mark.slow), "triangle"])
@pytest.mark.parametrize("case", [pytest.param(case, marks=SLOW if case == "jart-vcm" else ()) for case in CASES])
def test_a_law_in_ngspice(case, shape):
    amplitude, frequency, finer = CASES[case]
    assert difference(f"sim:{case}", VoltageSweep(shape, amplitude, frequency, 1, 200), finer) < AGREEMENT


@pytest.mark.parametrize("case", IMPLICIT)
def test_an_implicit_law_at_a_low_voltage(case):
    """At which nothing runs away."""
    sweep = VoltageSweep("triangle", 0.35, CASES[case][1], 1, 60)
    assert difference(f"sim:{case}", sweep, CASES[case][2]) < AGREEMENT


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("sim:vteam", "sim:vteam?k_on=-101"),
        ("sim:yakopcic", "sim:yakopcic?x_p=0.31"),
        ("sim:ion-drift", "sim:ion-drift?x0=0.316"),
        ("sim:mss", "sim:mss?v_on=0.271"),
    ],
)
def test_a_bench_tells_a_cell_from_a_slightly_different_one(address, other):
    kind = address.partition(":")[2]
    case = next(case for case in CASES if case.startswith(kind))
    assert difference(address, VoltageSweep("sine", *CASES[case][:2], 1, 200), 10, other) > 3 * AGREEMENT


def test_a_parameter_is_set_at_the_instance():
    """Without another export: the sub-circuit's parameters are the law's."""
    export = Export.of("sim:team?k_off=2e-9&k_on=-2e-11&x0=3e-10")
    sweep = VoltageSweep("sine", 4.0, 1.0, 1, 200)
    other = Export.of("sim:team?k_off=3e-9&k_on=-2e-11&x0=4e-10&x_off=2.9e-9&r_off=1e5")
    bench = export.bench("cell.sub", "dut", sweep, "curve.txt")
    bench = bench.replace("X1 plus 0 dut ", "X1 plus 0 dut k_off=3e-9 x0=4e-10 x_off=2.9e-9 r_off=1e5 ")
    result = played({"cell.sub": export.text("spice", "dut"), "bench.cir": bench}, "bench.cir", "curve.txt")
    expected = simulated_current(other.law, sweep)
    assert np.abs(result.current[1:] - expected).max() < AGREEMENT * np.abs(expected).max()
    assert result.difference > 100 * AGREEMENT  # from what it was exported with


@pytest.mark.parametrize("options", ["", "method=gear"])
@pytest.mark.parametrize("uic", ["", "uic"])
def test_a_cell_starts_pristine_and_is_held_at_its_bounds_whatever_the_options(options, uic):
    """The tolerances that ngspice has by default, both methods, with and without an operating point."""
    export = Export.of("sim:vteam?x0=0.25&k_off=2000")
    text = "\n".join(
        ["a user's own netlist", ".include cell.sub", "Vdrive top 0 PWL(0 0 1m 0 1.01m 1.4 9m 1.4 9.01m -1.4 20m -1.4)",
         "Rload top plus 10", "X1 plus 0 dut", f".options {options}", ".control", f"tran 10u 20m 0 10u {uic}",
         "set wr_singlescale", "wrdata x.txt v(x1.x) v(x1.x_rate)", "quit", ".endc", ".end", ""]
    )  # fmt: skip
    done = ngspice.run({"cell.sub": export.text("spice", "dut"), "a.cir": text}, "a.cir", 60, ("x.txt",))
    time, x, _ = np.array([line.split() for line in done.files["x.txt"].splitlines()], dtype=float).T
    assert x[0] == pytest.approx(0.25)
    assert np.interp(0.9e-3, time, x) == pytest.approx(0.25, abs=1e-6)
    assert np.interp(8.9e-3, time, x) == pytest.approx(1.0, abs=1e-6)
    assert x.max() <= 1.0 and x.min() >= 0.0
    # from the bound it leaves at once, at 100/s
    assert np.interp(14e-3, time, x) == pytest.approx(1.0 - 100 * 4.995e-3, abs=2e-3)


def test_a_fitted_preset_in_ngspice(tmp_path, monkeypatch):
    """What `hil fit` writes is exported like any other; its warnings stand in the file."""
    monkeypatch.chdir(tmp_path)
    values = {
        "v_on": -0.62,
        "v_off": 0.55,
        "k_on": -80.0,
        "k_off": 140.0,
        "r_on": 9e3,
        "r_off": 7e5,
        "x0": 0.9,
        "d2d": 0.1,
    }
    presets.write(tmp_path / "vteam.json", "vteam", values, None, ["alpha_on is not told by these data"])
    address = "sim:vteam?preset=vteam.json"
    export = Export.of(address)
    assert "not told by these data" in export.text("spice") and "d2d" in export.notes[0]
    assert difference(address, VoltageSweep("sine", 1.2, 50.0, 1, 200), 10) < AGREEMENT


def test_ngspice_that_stops_is_an_error():
    export = Export.of("sim:vteam")
    bench = export.bench("cell.sub", "dut", VoltageSweep("sine", 1.4, 50.0, 1, 50), "curve.txt")
    with pytest.raises(HilError, match=r"ngspice did not finish bench\.cir: .*unknown subckt"):
        played({"cell.sub": "* nothing", "bench.cir": bench}, "bench.cir", "curve.txt")


def test_the_command_checks_in_ngspice(hil):
    words = ("--out", "y.sub", "--testbench", "--check", "--json", "y.json")
    code, out, err = hil("export", "spice", "sim:yakopcic", *words)
    assert code == 0 and "largest difference" in out and "y_bench.cir" in err
    rows = {row["name"]: row for row in json.loads(Path("y.json").read_text())["rows"]}
    assert rows["largest difference"]["value"] < AGREEMENT
    bench = Path("y_bench.cir").read_text()
    assert ".include y.sub" in bench
    done = ngspice.run({"y.sub": Path("y.sub").read_text(), "b.cir": bench}, "b.cir", 60, ("y_curve.txt",))
    assert float(done.stdout.partition("largest_difference = ")[2].split()[0]) == rows["largest difference"]["value"]
    assert len(done.files["y_curve.txt"].splitlines()) == 801
