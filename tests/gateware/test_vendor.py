"""Projects for vendors' tools: valid Verilog, with the board's pins."""

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from gateware import build as builder
from gateware.boards import all_boards, find_board
from gateware.build import build
from hil.errors import InputError

PART = re.compile(r"^  ([A-Z_a-z]\w*) (?:#\(\n.*?\n  \) )?(?:\\\S+|\w+) *\(\n(.*?)\n  \);", re.DOTALL | re.MULTILINE)
"""An instance in Verilog: its module, and its connections."""


def stubs(text):
    """Modules without contents for the parts of an FPGA that a design uses."""
    defined, parts = set(re.findall(r"^module (\S+)", text, re.MULTILINE)), {}
    for name, connections in PART.findall(text):
        if name not in defined:
            parts.setdefault(name, set()).update(re.findall(r"^    \.(\w+)\(", connections, re.MULTILINE))
    outputs = {"O", "dataout", "Q"}
    return "".join(
        f"module {name}({', '.join(('output ' if p in outputs else 'input ') + p for p in sorted(ports))}); endmodule\n"
        for name, ports in parts.items()
    )


@pytest.mark.parametrize("name", [name for name, board in all_boards().items() if board.family == "vendor"])
def test_a_project_for_a_vendor_s_tools_is_valid_verilog_with_its_pins(name, tmp_path):
    board = find_board(name)
    with pytest.raises(InputError, match="--no-run writes a project"):
        build(board, board.geometry)
    with pytest.raises(InputError, match="PLLs of its vendor are not set up"):
        builder.project(board, replace(board.geometry, clock=77e6), out=tmp_path / "other")
    folder = builder.project(board, replace(board.geometry, rows=8, cols=3, lanes=2), out=tmp_path / "project")
    constraints = next(path for path in folder.iterdir() if path.suffix in (".xdc", ".qsf")).read_text()
    assert "uart_0__rx__io" in constraints and "uart_0__tx__io" in constraints
    with pytest.raises(InputError, match="is not empty"):
        builder.project(board, board.geometry, out=folder)
    if shutil.which("verilator") is None:
        pytest.skip("verilator is not installed")
    text = (folder / "top.v").read_text()
    # Parameters of a vendor's parts say nothing about whether the Verilog is valid.
    (folder / "lint.v").write_text(re.sub(r" #\(\n.*?\n  \) ", " ", text, flags=re.DOTALL) + stubs(text))
    words = ["verilator", "--lint-only", "-Wno-lint", "-Wno-style", "--top-module", "top", "lint.v"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]
