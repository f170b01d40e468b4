"""The rewritten evaluation: what is understood, and what is left to CXXRTL."""

import re

import pytest
from echo import Echo

from gateware.build import emulator
from gateware.geometry import Geometry
from gateware.host import cxxrtl, cxxrtl_code


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    """C++ of a design as it is before it is rewritten."""

    def write(design, geometry):
        folder = tmp_path_factory.mktemp("code")
        (folder / "design.il").write_text(cxxrtl._rtlil(design, geometry, 1), encoding="utf-8")
        return cxxrtl._cxx(folder, cxxrtl_code.SCRIPT)

    return write


@pytest.mark.parametrize("g", [Geometry(9, 7, lanes=3), Geometry(5, 3, lanes=4, cell="flca"), Geometry(1, 1)], ids=str)
def test_most_of_an_emulator_is_computed_only_when_needed(code, g):
    plain = code(emulator, g)
    text = cxxrtl_code.rewrite(plain)
    before, after = (part.partition(cxxrtl_code.HEAD)[2] for part in (plain, text))
    assert after.count("\tif ((woken[") > 50
    # Every register is written as often as before, wherever that is now.
    written = [
        sorted(re.findall(pattern, part)) for pattern, part in ((r"(\w+)\.next\b", before), (r"\bnext\.(\w+)", after))
    ]
    assert written[0] == written[1]
    assert len(written[0]) > 100


def test_a_register_depends_on_what_the_outputs_that_it_needs_depend_on(code):
    """Echo's `full` falls when the output `tx.valid` is seen, which is the timer at 0."""
    text = cxxrtl_code.rewrite(code(Echo, Geometry(1, 1)))
    timer = re.search(r"struct alignas.*?\};", text, re.S)[0].splitlines().index("\tvalue<10> p_timer;") - 1
    before = text.partition(cxxrtl_code.HEAD)[2].partition("next.p_full =")[0]
    condition = re.findall(r"if \((.*)\) \{", before)[-1]
    assert int(re.search(r"woken\[0\] & (0x[0-9a-f]+)", condition)[1], 16) >> timer & 1


@pytest.mark.parametrize(
    "old, new",
    [
        ("bool converged = true;", "bool converged = false;"),
        ("\treturn converged;", "\tsurprise();\n\treturn converged;"),
        ("p_timer.curr", "p_unheard.curr"),
        ("value<1> p_rst;", "value<1> p_clear;"),
        ("/*input*/ value<8>", "/*input*/ value<80>"),
    ],
)
def test_what_is_not_known_is_refused(code, old, new):
    text = code(Echo, Geometry(1, 1))
    assert old in text
    with pytest.raises(cxxrtl_code.NotUnderstood):
        cxxrtl_code.rewrite(text.replace(old, new))


def test_a_design_that_is_refused_runs_as_cxxrtl_made_it(monkeypatch, tmp_path, capsys):
    def refuse(text):
        raise cxxrtl_code.NotUnderstood("nothing")

    monkeypatch.setenv("MEMHIL_CACHE", str(tmp_path))
    monkeypatch.setattr(cxxrtl_code, "rewrite", refuse)
    with cxxrtl.open_cxxrtl(Geometry(1, 1), Echo) as echo:
        echo.send(b"hello\0")
        data = b""
        while not echo.idle:
            data += echo.receive(60.0)
    assert data == b"hello\0"
    assert "several times slower than usual: nothing" in capsys.readouterr().err
