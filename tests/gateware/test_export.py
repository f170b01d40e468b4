"""Exported designs, in other people's simulators."""

import shutil
import subprocess
import sys

import pytest

from gateware.export import project
from gateware.geometry import Geometry

GEOMETRY = Geometry(5, 3, lanes=2, t_bits=6, v_bits=12, log_depth=8, clock=50e6)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    project.write_verilog(folder, GEOMETRY, 7)
    project.write_testbench(folder, GEOMETRY, 7)
    project.write_readme(folder, "export", GEOMETRY, 7)
    return folder


def command(folder, tool):
    """The line of the README that runs a tool."""
    lines = [line.strip() for line in (folder / "README.md").read_text().splitlines()]
    return next(line for line in lines if line.startswith(tool)).partition(" #")[0]


def run(folder, tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    return subprocess.run(command(folder, tool), shell=True, cwd=folder, capture_output=True, text=True, timeout=280)


def all_bytes(folder):
    """What the testbench says when it has compared every byte that the script has answered."""
    answers = sum(line.startswith("1") for line in (folder / "script.hex").read_text().split())
    assert answers > 1000
    return f"PASS: {answers} bytes"


def test_icarus_gives_the_golden_models_answers(exported):
    done = run(exported, "iverilog")
    assert all_bytes(exported) in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("planted", ["a wrong answer", "a wrong design"])
def test_the_testbench_objects(exported, tmp_path, planted):
    """To an answer that the golden model does not give, and to a design that does not answer."""
    folder = shutil.copytree(exported, tmp_path / "wrong")
    if planted == "a wrong answer":
        words = (folder / "script.hex").read_text().split()
        place = [k for k, word in enumerate(words) if word.startswith("1")][700]
        words[place] = f"{int(words[place], 16) ^ 1:03x}"
        (folder / "script.hex").write_text("\n".join(words) + "\n")
    else:
        wrapper = (folder / "memhil.v").read_text()
        (folder / "memhil.v").write_text(wrapper.replace(".rx__valid(s_axis_tvalid)", ".rx__valid(1'b0)"))
        bench = (folder / "testbench.v").read_text()
        (folder / "testbench.v").write_text(bench.replace("PATIENCE = 2000000", "PATIENCE = 2000"))
    done = run(folder, "iverilog")
    assert "FAIL: " in done.stdout, done.stdout + done.stderr
    assert "PASS" not in done.stdout


@pytest.mark.slow
def test_verilator_gives_the_golden_models_answers(exported):
    done = run(exported, "verilator")
    assert all_bytes(exported) in done.stdout, done.stdout + done.stderr


def test_verilator_finds_nothing_wrong_with_the_verilog(exported):
    if shutil.which("verilator") is None:
        pytest.skip("verilator is not installed")
    # Widths are those of Verilog's own rules, and a value stands before every case that has no default.
    style = ["-Wno-WIDTH", "-Wno-CASEINCOMPLETE", "-Wno-UNSIGNED"]
    words = ["verilator", "--lint-only", "-Wall", *style, "-Wno-DECLFILENAME", "-Wno-UNUSED", "-Wno-VARHIDDEN"]
    done = subprocess.run(
        [*words, "--top-module", "memhil", "memhil.v", "memhil_emulator.v"],
        cwd=exported,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[:2000]


def test_waves_are_those_of_the_same_script(tmp_path):
    g = Geometry(2, 2, lanes=1, t_bits=6, v_bits=12, log_depth=2)
    project.COMMANDS, commands = 4, project.COMMANDS
    try:
        project.write_waves(tmp_path, g, 0)
    finally:
        project.COMMANDS = commands
    text = (tmp_path / "memhil.vcd").read_text()
    assert "rx__payload" in text
    assert "$enddefinitions" in text


def test_export_on_the_command_line(monkeypatch, tmp_path, capsys):
    from hil.cli.main import main

    monkeypatch.setattr(sys, "argv", ["hil", "fpga", "export", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "holds no build" in capsys.readouterr().err
