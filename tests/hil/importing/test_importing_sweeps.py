"""One and the same loop in the forms of many instruments and spreadsheets: always the numbers that were written."""

import re

import numpy as np
import pytest
from measured_files import easyexpert, easyexpert_analysis, kickstart, loop, rows, write

from hil.errors import InputError
from hil.importing.reader import read_file
from hil.importing.request import request

T, V, I = loop()  # noqa: E741


def named(names, *columns, **form):
    return names + "\n" + rows(*columns, **form)


FORMS = {
    "own": (named("time_s,voltage_V,current_A", T, V, I), "utf-8"),
    "columns in another order": (named("current_A,time_s,operator,voltage_V", I, T, T, V), "utf-8"),
    "german": (
        named("Zeit / s;Spannung / V;Strom / µA", T, V, 1e6 * I, delimiter=";", decimal=","),
        "cp1252",
    ),
    "french": (
        named("Temps (s)\tTension (mV)\tCourant (nA)", T, 1e3 * V, 1e9 * I, delimiter="\t", decimal=","), "utf-8",
    ),
    "spanish": (named("tiempo [s];voltaje [V];corriente [mA]", T, V, 1e3 * I, delimiter=";"), "latin-1"),
    "chinese": (named("时间(s),电压(V),电流(A)", T, V, I), "utf-8-sig"),
    "japanese": (named("時間(s)\t電圧(V)\t電流(A)", T, V, I, delimiter="\t"), "utf-16"),
    "unicode text": (named("Time (s)\tVoltage (V)\tCurrent (A)", T, V, I, delimiter="\t"), "utf-16"),
    "utf-16 without mark": (named("Time (s)\tVoltage (V)\tCurrent (A)", T, V, I, delimiter="\t"), "utf-16-le"),
    "units below the names": (named("t,U,I\ns,V,uA", T, V, 1e6 * I), "utf-8"),
    "units in brackets below": (
        named("Time\tVoltage\tCurrent\n(ms)\t(V)\t(A)", 1e3 * T, V, I, delimiter="\t"), "utf-8",
    ),
    "blanks": (named("# t[s]  V[V]  I[A]", T, V, I, delimiter="  "), "utf-8"),
    "names with blanks": (named("Time (s)  Voltage (V)  Current (A)", T, V, I, delimiter="   "), "utf-8"),
    "savetxt": (named("# time (s),voltage (V),current (A)", T, V, I, form="%.18e"), "utf-8"),
    "matlab comment": (named("% t,V,I", T, V, I), "utf-8"),
    "a block before": (
        "Sample: W3D2\nOperator: me\nDate: 2026-11-28\n\n" + named("Time (s),V (V),I (A)", T, V, I), "utf-8",
    ),
    "kickstart": (kickstart(T, V, I), "utf-8-sig"),
    "quick iv": (
        "B2902A Quick IV\nChannel 1 Compliance (A),0.001\n" + named("Repeat,VAR2,Point,V1,I1,T1,V2,I2,T2",
        T * 0 + 1, T * 0 + 1, np.arange(len(T)) + 1, V, I, T, V * 0, -I, T), "utf-8",
    ),
    "words that look like a current": (named("V,I,Iter,Int,t", V, I, T, T, T), "utf-8"),
    "clarius": (named("Time,AI,AV", T, I, V), "utf-8"),
    "clarius with the other terminal": (named("AnodeI,AnodeV,CathodeI,CathodeV,Time", I, V, -I, V * 0, T), "utf-8"),
    "easyexpert, one record": (easyexpert([(T, V, I, V * 0)]), "utf-8-sig"),
    "easyexpert, analysis": (easyexpert_analysis((V, I, T)), "utf-8"),
    "r, numbered lines": (
        named('"time_s" "voltage_V" "current_A"', np.arange(len(T)) + 1, T, V, I, delimiter=" "), "utf-8",
    ),
    "a delimiter at every end": (named("time_s,voltage_V,current_A", T, V, I).replace("\n", ",\n"), "utf-8"),
    "windows line ends": (named("time_s,voltage_V,current_A", T, V, I).replace("\n", "\r\n"), "utf-8"),
    "old mac line ends": (named("time_s,voltage_V,current_A", T, V, I).replace("\n", "\r"), "utf-8"),
    "fortran exponents": ("t,V,I\n" + rows(T, V, I, form="%.8e").replace("e", "D"), "utf-8"),
    "labview": (
        "LabVIEW Measurement\t\nWriter_Version\t2\nSeparator\tTab\nDecimal_Separator\t,\n***End_of_Header***\t\n\n"
        "Channels\t2\nSamples\t482\n***End_of_Header***\t\n"
        + named("X_Value\tVoltage (V)\tCurrent (A)", T, V, I, delimiter="\t", decimal=","), "utf-8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_loop_in_any_form_is_the_loop_that_was_written(tmp_path, form):
    text, encoding = FORMS[form]
    file = read_file(write(tmp_path, text, "x.dat", encoding))
    (cell,) = file.cells
    assert (cell.kind, cell.cell, len(cell)) == ("sweep", "", len(T))
    np.testing.assert_allclose(cell["time"], T, rtol=1e-7)
    np.testing.assert_allclose(cell["voltage"], V, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(cell["current"], I, rtol=2e-6, atol=1e-18)
    assert cell.cycle.tolist() == [0] * 241 + [1] * 241
    assert not cell.stretch.any() and not cell["tripped"].any()
    assert file.dropped == () and file.warnings == ()


def test_what_was_found_is_said_in_full(tmp_path):
    text, encoding = FORMS["german"]
    file = read_file(write(tmp_path, text, "messung.csv", encoding))
    assert file.found[0] == "plain table, Windows-1252, cells parted by semicolon, decimal sign ,, names in line 1"
    assert file.found[1] == (
        "a sweep of 482 lines: 1 Zeit / s = time in s; 2 Spannung / V = voltage in V; 3 Strom / µA = current in uA"
    )


def test_two_records_of_easyexpert_are_two_stretches(tmp_path):
    half = slice(0, 241)
    record = (T[half], V[half], I[half], 0 * V[half])
    (cell,) = read_file(write(tmp_path, easyexpert([record, record]), encoding="utf-8-sig")).cells
    assert len(cell) == 482 and cell.stretch.tolist() == [0] * 241 + [1] * 241 == cell.cycle.tolist()
    np.testing.assert_allclose(cell["current"], np.tile(I[half], 2), rtol=1e-7)


def test_without_times_the_dwell_is_asked_for_and_never_invented(tmp_path):
    file = write(tmp_path, named("V1,I1,absI", V, I, np.abs(I)), "iv.csv")
    with pytest.raises(InputError, match=re.escape("no column of times (time_s)")) as caught:
        read_file(file)
    assert str(caught.value).endswith("such as: hil import iv.csv --dwell 10e-3")
    (cell,) = read_file(file, request(dwell="10ms")).cells
    np.testing.assert_allclose(cell["time"], T)
    np.testing.assert_allclose(cell["current"], I, rtol=1e-7)


def test_magnitudes_of_currents_get_the_sign_of_the_voltage(tmp_path):
    file = read_file(write(tmp_path, named("t (s),V (V),|I| (A)", T, V, np.abs(I))))
    np.testing.assert_allclose(file.cells[0]["current"], I, rtol=1e-7)
    assert any("is a magnitude: it is given the voltage's sign" in sentence for sentence in file.found)


@pytest.mark.parametrize(
    "code", ["9.91E+37", "-9.9e37", "199.999E+99", "NaN", "", "OVERFLOW", "-1.#IND", "#N/A", "---"]
)
def test_no_reading_is_no_number(tmp_path, code):
    lines = named("time_s,voltage_V,current_A", T, V, I).splitlines()
    for k in (40, 41, 300):
        lines[k - 1] = ",".join([*lines[k - 1].split(",")[:2], code])
    file = read_file(write(tmp_path, "\n".join(lines)))
    current = file.cells[0]["current"]
    assert np.flatnonzero(np.isnan(current)).tolist() == [38, 39, 298]
    assert len(file.dropped) == 1 and file.dropped[0].startswith("3 readings of current_A dropped")
    assert file.dropped[0].endswith("lines 40-41, 300")


@pytest.mark.parametrize("header", ["# compliance 50 uA\n", "Compliance (A),5e-05\n", "Strombegrenzung: 0.05 mA\n", ""])
def test_a_compliance_is_read_from_the_header_or_recognised(tmp_path, header):
    t, v, i = loop(limit=50e-6)
    file = read_file(write(tmp_path, header + named("time_s,voltage_V,current_A", t, v, i)))
    at = np.abs(i) >= (0.99 if header else 0.998) * 50e-6
    assert at.sum() > 100 and file.cells[0]["tripped"].tolist() == at.astype(float).tolist()
    why = "a flat top" if not header else "line 1"
    assert any(f"{at.sum()} samples at the compliance of 5e-05 A ({why}" in sentence for sentence in file.found)


def test_a_compliance_that_is_given_is_taken(tmp_path):
    file = write(tmp_path, named("time_s,voltage_V,current_A", T, V, I))
    (cell,) = read_file(file, request(compliance="60uA")).cells
    assert not read_file(file).cells[0]["tripped"].any()
    assert any("above the compliance" in w for w in read_file(file, request(compliance="60uA")).warnings)
    assert cell["tripped"].sum() < 20


def test_a_current_within_the_offset_against_its_voltage_is_left_out_and_counted(tmp_path):
    i = I + 3e-7
    lines = named("time_s,voltage_V,current_A", T, V, i)
    file = read_file(write(tmp_path, lines))
    against = (i * V <= 0) & (np.abs(V) > 0.03)
    assert against.sum() > 1 and np.isnan(file.cells[0]["current"]).sum() == against.sum()
    assert file.dropped[0].startswith(f"{against.sum()} currents against their voltage within the offset of 3e-07 A")
    assert any("flow against their voltage" in w for w in read_file(tmp_path / "data.csv", request(offset=0)).warnings)


def test_the_current_of_the_other_electrode_is_turned_round_when_asked(tmp_path):
    file = write(tmp_path, named("time_s,voltage_V,current_A", T, V, -I))
    with pytest.raises(InputError, match=re.escape("--columns current=-3")):
        read_file(file)
    np.testing.assert_allclose(read_file(file, request(columns="current=-3")).cells[0]["current"], I, rtol=1e-7)


def test_runs_side_by_side_are_never_joined(tmp_path):
    t, v, i = loop(cycles=1)
    text = named("Time (s),Voltage (V),Current (A),Time(2) (s),Voltage(2) (V),Current(2) (A)", t, v, i, t, v, 2 * i)
    file = read_file(write(tmp_path, text))
    assert [cell.cell for cell in file.cells] == ["1", "2"]
    np.testing.assert_allclose(file.cells[1]["current"], 2 * i, rtol=1e-6)
    text = named("Voltage (V),Current (A),Voltage (V),Current (A)", v, i, v, 2 * i)
    file = read_file(write(tmp_path, text), request(dwell=0.01))
    assert [cell.cell for cell in file.cells] == ["1", "2"]
    assert any("2 runs side by side (1, 2), each by itself" in sentence for sentence in file.found)


def test_loops_of_all_courses_are_counted(tmp_path):
    rise = np.linspace(0, 1, 21)
    up_down = np.concatenate([rise, rise[-2::-1]])
    full = np.concatenate([np.linspace(-1, 1, 41), np.linspace(1, -1, 41)[1:]])
    courses = {
        "one way": (rise, 1),
        "there and back": (up_down, 1),
        "unipolar, three times": (np.tile(up_down, 3), 3),
        "from the lowest, twice": (np.concatenate([full, full[1:]]), 2),
        "negative first, twice": (np.tile(np.concatenate([-up_down, up_down]), 2), 2),
        "steps with noise, twice": (np.tile(np.concatenate([up_down, -up_down]), 2) + 1e-3 * np.sin(np.arange(164)), 2),
    }
    for name, (v, count) in courses.items():
        t = 0.1 * np.arange(1, len(v) + 1)
        (cell,) = read_file(write(tmp_path, named("t (s),V (V),I (A)", t, v, 1e-5 * v))).cells
        assert cell.cycle.max() + 1 == count, name


REFUSED = [
    ("time_s,voltage_V,current_A\n1,0.1,1e-6\n2,0.2,1e-6x\n3,0.3,1e-6\n", "line 3: .*'1e-6x', not a number"),
    ("time_s,voltage_V,current_A\n1,0.1,1e-6\n2,0.2\n3,0.3,1e-6\n", "line 3: 2 values, but 3 columns are named"),
    ("t;V;I\n1,500;2,500;3,500\n2,500;3,500;4,500\n", "1,500 may be a thousand or a fraction; say which with --dec"),
    ("time_s,voltage_V,current_A\n1,0.1,1e9\n2,0.2,1e-6\n", "line 2: current_A is 1e9, beyond 1000 A"),
    ("time_s,voltage_V,current_A\n1,0.1,1e-6\n2,,1e-6\n3,0.3,1e-6\n", "line 3: voltage_V is empty; what drove"),
    ("time_s,voltage_V,current_A\n1,0.1,1e-6\n1,0.2,1e-6\n3,0.3,1e-6\n", "line 3: time_s number 2, 1 s, must"),
    ("a,b,c\n1,0.1,1e-6\n2,0.2,1e-6\n", r"cannot be told from its columns \(1 a: 1 .. 2, 2 b: 0.1 .. 0.2, 3 c:"),
    ("nothing at all\nbut words\n", "no table was found"),
    ("Vte,Vbe,Ite,t\n0.1,0.5,1e-6,1\n0.2,0.5,1e-6,2\n0.3,0.5,1e-6,3\n", "Vbe is 0.5 V throughout, not 0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_cannot_be_told_is_refused_in_one_sentence(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as caught:
        read_file(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_decimal_sign_that_is_given_settles_it(tmp_path):
    file = write(tmp_path, "t;V;I (uA)\n1,500;2,500;3,500\n2,500;3,500;4,500\n")
    assert read_file(file, request(decimal=",")).cells[0]["voltage"].tolist() == [2.5, 3.5]
    assert read_file(file, request(decimal=".")).cells[0]["voltage"].tolist() == [2500, 3500]


def test_an_excel_sheet_and_a_matlab_file_are_the_same_loop(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    from scipy.io import savemat

    book = openpyxl.Workbook()
    book.active.append(["Time (s)", "Voltage (V)", "Current (A)"])
    for line in zip(T, V, I, strict=True):
        book.active.append([float(x) for x in line])
    book.create_sheet("Settings").append(["Compliance", 0.001])
    book.save(tmp_path / "loop.xlsx")
    savemat(tmp_path / "loop.mat", {"t": T, "V": V, "I": I})
    for name in ("loop.xlsx", "loop.mat"):
        (cell,) = read_file(tmp_path / name).cells
        assert (cell["time"].tolist(), cell["voltage"].tolist(), cell["current"].tolist()) == (
            T.tolist(), V.tolist(), I.tolist(),
        )  # fmt: skip
