"""The same loop as ten further programs write it, by their makers' and users' descriptions; bad ones are refused."""

import numpy as np
import pytest
from measured_files import loop, rows

from hil.errors import InputError
from hil.importing.reader import read_file
from hil.importing.request import request

T, V, I = loop()  # noqa: E741
TIMES = T - T[0]


def pymeasure():
    head = "#Procedure: <__main__.IVProcedure>\n#Parameters:\n#\tCompliance: 0.001 A\n#\tDelay: 10 ms\n#Data:\n"
    return head + "Time (s),Voltage (V),Current (A),Resistance (ohm)\n" + rows(T, V, I, np.ones_like(T))


def qcodes():
    head = f'# smu_volt\tsmu_curr\n# "Source voltage (V)"\t"Measured current (A)"\n# {len(V)}\n'
    return head + rows(V, I, delimiter="\t")


def labview(current="A", comment=""):
    count = len(T)
    head = (
        "LabVIEW Measurement\t\nWriter_Version\t2\nReader_Version\t2\nSeparator\tTab\nDecimal_Separator\t.\n"
        "Multi_Headings\tYes\nX_Columns\tOne\nTime_Pref\tRelative\nOperator\tanna\nDate\t2024/03/12\n"
        f"***End_of_Header***\t\n\t\nChannels\t2\t\t\nSamples\t{count}\t{count}\t\nY_Unit_Label\tV\t{current}\t\n"
        "X_Dimension\tTime\tTime\t\nX0\t0.0E+0\t0.0E+0\t\nDelta_X\t0.01\t0.01\t\n***End_of_Header***\t\t\t\n"
        "X_Value\tVoltage\tCurrent\tComment\n"
    )
    scale = {"A": 1.0, "mA": 1e3}[current]
    lines = rows(T, V, scale * I, delimiter="\t").splitlines()
    lines[0] += f"\t{comment}"
    return head + "\n".join(lines) + "\n"


def origin():
    return "Time\tVoltage\tCurrent\ns\tV\tµA\n\tsource\tdevice A1\n" + rows(T, V, 1e6 * I, delimiter="\t")


def igor(times=True):
    block = rows(V, I, delimiter="\t")
    scale = 'X SetScale/P x 0,0.01,"s", voltage; SetScale d 0,0,"V", voltage\n' if times else ""
    return (
        "IGOR\nWAVES/D\tvoltage\tcurrent\nBEGIN\n"
        + "".join(f"\t{line}\n" for line in block.splitlines())
        + f'END\n{scale}X SetScale d 0,0,"A", current\n'
    )


def chi():
    head = (
        "Mar. 12, 2024   10:11:12\nCyclic Voltammetry\nFile: c:\\chi\\dev1.bin\nInstrument Model:  CHI660E\n\n"
        "Init E (V) = 0\nHigh E (V) = 1.5\nSample Interval (V) = 0.025\nSensitivity (A/V) = 1e-4\n\n"
    )
    return head + "Potential/V, Current/A\n\n" + rows(V, I, delimiter=", ")


def gamry(unit="A"):
    names = f"\tPt\tT\tVf\tIm\tVu\tSig\tIERange\tOver\n\t#\ts\tV vs. Ref.\t{unit}\tV\tV\t#\tbits\n"
    points = "".join(
        f"\t{k}\t{t:.9g}\t{v:.9g}\t{i:.9g}\t0\t{v:.9g}\t8\t..........\n"
        for k, (t, v, i) in enumerate(zip(T, V, I, strict=True))
    )
    head = "EXPLAIN\nTAG\tCV\nTITLE\tLABEL\tCyclic Voltammetry\tTest\nVLIMIT1\tQUANT\t1.5\tLimit (V)\n"
    return f"{head}CURVE1\tTABLE\t{len(T)}\n{names}{points}"


def eclab():
    lines = "".join(f"2\t1\t0\t{t:.9E}\t{v:.9E}\t{v:.9E}\t{1e3 * i:.9E}\t1\n" for t, v, i in zip(T, V, I, strict=True))
    head = "EC-Lab ASCII FILE\nNb header lines : 6\n\nCyclic Voltammetry\n\n"
    return head + "mode\tox/red\terror\ttime/s\tcontrol/V\tEwe/V\t<I>/mA\tcycle number\n" + lines.replace(".", ",")


def oscilloscope():
    head = "Model,MSO54\nHorizontal Units,s\nSample Interval,0.01\nVertical Units,V,A\nLabel,drive,sense\n"
    return head + "TIME,CH1,CH2\n" + rows(T, V, I)


def fixed_width():
    lines = "".join(f"{t:16.6f}{v:16.6f}{i:18.6E}\n" for t, v, i in zip(T, V, I, strict=True))
    return "    elapsed [s]   V source [V]    I meas [A]\n" + lines


FILES = {
    "PyMeasure results": (pymeasure(), {}, T),
    "QCoDeS text": (qcodes(), {"dwell": "10ms"}, None),
    "LabVIEW measurement with a comment": (labview(comment="start"), {}, T),
    "Origin with long names, units, comments": (origin(), {}, T),
    "Igor text waves": (igor(), {}, TIMES),
    "CHI voltammogram": (chi(), {"dwell": "10ms"}, None),
    "Gamry": (gamry(), {}, T),
    "EC-Lab, decimal commas": (eclab(), {}, T),
    "oscilloscope with channels": (oscilloscope(), {"columns": "time=TIME,voltage=CH1,current=CH2"}, T),
    "columns of fixed width": (fixed_width(), {}, T),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_program_gives_the_numbers_that_were_written(name, tmp_path):
    text, asked, times = FILES[name]
    path = tmp_path / "measured.txt"
    path.write_text(text, encoding="latin-1" if name.startswith("EC-Lab") else "utf-8")
    (cell,) = read_file(path, request(**asked)).cells
    assert np.allclose(cell["voltage"], V, rtol=1e-6, atol=1e-9) and np.allclose(
        cell["current"], I, rtol=2e-6, atol=1e-14
    )
    if times is not None:
        assert np.allclose(np.diff(cell["time"]), np.diff(times), rtol=1e-5, atol=1e-9)


def test_units_in_the_head_of_a_labview_file_are_taken(tmp_path):
    path = tmp_path / "measured.lvm"
    path.write_text(labview("mA"))
    (cell,) = read_file(path, request()).cells
    assert np.allclose(cell["current"], I, rtol=2e-6, atol=1e-14)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (igor()[:600], "has no END; is the file whole"),
        (igor(times=False), "no column of times"),
        ("IGOR\nWAVES/D a\nBEGIN\nEND\n", "are empty"),
        (gamry("mA"), "the unit of Im is not A"),
        (
            gamry().replace("\t0.1\t0.225\t", "\t0.1"),
            "3 values, but 8 columns are named|'8', not a number|not a number",
        ),
        (gamry().partition("\t11\t")[0].rstrip("\t\n") + "\n", "482 points are announced and 11 are there"),
        (gamry()[: gamry().index("\tPt")].replace("482", ""), "without points"),
        (oscilloscope(), "cannot be told from its columns"),
        (chi(), "no column of times"),
    ],
)
def test_what_is_missing_is_asked_for_in_one_sentence(text, sentence, tmp_path):
    path = tmp_path / "measured.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_file(path, request())
