"""`hil export`: files, words, refusals."""

from pathlib import Path

import pytest

from hil import open_device
from sim.export.job import Export


def test_a_sub_circuit_names_law_paper_parameters_units_and_ranges(hil):
    code, out, err = hil("export", "spice", "sim:vteam?v_on=-0.5", "--out", "cell.sub")
    assert (code, out, err) == (0, "", "written: cell.sub\n")
    text = Path("cell.sub").read_text()
    for words in (
        "Kvatinsky et al., IEEE Trans. Circuits Syst. II 62, 786 (2015)", 'hil export spice "sim:vteam?v_on=-0.5"',
        "*   v_on = -0.5 V: threshold below which it switches on (< 0)",
        "k_off = 100 1/s: rate of switching off at 2 v_off",
        "*   window = none: how the state meets its bounds", ".subckt vteam plus minus v_on=-0.5 v_off=0.7",
    ):  # fmt: skip
        assert words in text
    assert max(map(len, text.splitlines())) <= 125


def test_a_module_has_parameters_with_ranges(hil):
    code, _, err = hil("export", "verilog-a", "sim:mss", "--name", "switches")
    assert (code, err) == (0, "written: mss.va\n")
    text = Path("mss.va").read_text()
    assert "module switches(plus, minus);" in text
    assert "parameter real x0 = 0.0 from [0.0:1.0];" in text and "parameter real r_on = 500.0 from (0.0:inf);" in text


def test_names_that_mean_something_else_are_changed():
    """ngspice takes `m` at an instance for a multiple; `table` is a word of Verilog-A."""
    text = Export.of("sim:flca-pair").text("spice")
    assert "Rv0=5000" in text and "Rn1=4500" in text
    assert ".subckt threshold" in Export.of("sim:threshold").text("spice")
    assert "BM M 0 V = r_on + (r_off - r_on)*" in Export.of("sim:threshold").text("spice")


def test_what_belongs_to_the_array_is_told(hil):
    code, _, err = hil("export", "spice", "sim:yakopcic?rows=3&cols=2&c2c=5%&r_wire=2")
    assert code == 0
    assert "note: not exported, which is one nominal cell: c2c, r_wire" in err and "one cell of the 3 x 2" in err
    assert "not exported, which is one nominal cell: c2c, r_wire" in Path("yakopcic.sub").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("spice", "sim:rram"), "sim:rram cannot be exported: it counts pulses"),
        (("verilog-a", "sim:flca-step"), "no rate in time knows where a pulse began"),
        (("spice", "sim:pill"), "sim:pill cannot be exported: it is no array of cells of one law"),
        (("spice", "fpga:golden"), "only simulated devices have equations to export"),
        (("spice", "sim:vteem"), "no device 'sim:vteem'"),
        (("spice", "sim:vteam?v_on=1"), "v_on"),
        (("spice", "sim:vteam", "--name", "a b"), "--name a b: use letters, digits and underscores"),
        (("verilog-a", "sim:vteam", "--name", "table"), "--name table: use letters"),
        (("spice", "sim:vteam", "--check", "--shape", "saw"), "--shape saw: choose sine or triangle"),
        (("spice", "sim:vteam", "--testbench", "--amplitude", "-1"), "--amplitude -1: give a number above 0"),
        (("spice", "sim:vteam", "--testbench", "--frequency", "0"), "--frequency 0: give a number above 0"),
        (("spice", "sim:vteam", "--json", "x.json"), "there is nothing to write without --check"),
        (("spice", "sim:vteam", "--out", "-"), "--out -: name a file"),
        (("spice", "sim:vteam", "--out", "no/such/folder.sub"), "no/such"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(hil, words, sentence):
    code, out, err = hil("export", *words)
    assert code == 2 and out == "" and sentence in err and err.count("\n") == 1
    assert not list(Path().iterdir())


def test_every_law_of_the_catalogue_is_exported_or_says_why_not():
    """A new law is exported without a line of its own; tests/sim/export_cases.py then compares it."""
    from export_cases import CASES

    from hil.device import Unsupported
    from sim.catalogue import KINDS

    covered = {case.partition("?")[0] for case in CASES}
    for name in KINDS.everything():
        try:
            Export.of(f"sim:{name}").text("spice")
        except Unsupported as refused:
            assert len(str(refused)) > 60
        else:
            assert name in covered, f"sim:{name} is exported: add it to tests/sim/export_cases.py"


def test_the_usual_sweep_moves_the_cell(hil):
    code, _, err = hil("export", "spice", "sim:yakopcic", "--testbench", "--periods", "1")
    assert code == 0 and "test bench: yakopcic_bench.cir" in err
    text = Path("yakopcic_bench.cir").read_text()
    assert "SIN(0 0.4 " in text and text.count("\n+ ") == 401
    hertz = float(text.partition("SIN(0 0.4 ")[2].partition(")")[0])
    from hil import Waveform

    with open_device("sim:yakopcic") as device:
        device.apply(Waveform.pulse(0.4, width=0.5 / hertz))
        assert device.state("x")[0, 0] > 0.5  # of 0.11 at first
