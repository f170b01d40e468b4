"""Files after the form of those that people publish: simulators, Origin, raw buffers, ArC 2, sheets."""

import numpy as np
import pytest
from measured_files import loop, rows, train, write

from hil.importing.reader import read_file
from hil.importing.request import request

T, V, I = loop()  # noqa: E741
ONE = slice(0, 241)
N, (VOLTS, G) = np.arange(1, 121), train()
DWELL, PULSE = {"dwell": "10ms"}, {"pulse": "+1.2V/-1.4V,100us"}


def named(names, *columns, **form):
    return names + "\n" + rows(*columns, **form)


SWEEPS = {
    "LTspice": (named("time\tV(n001)\tI(R1)", T, V, I, delimiter="\t", form="%.15e"), {}),
    "Origin, with long names, units and comments": (
        named("Voltage\tCurrent\nV\tA\nComments\tdevice 3", V, I, delimiter="\t"), DWELL,
    ),
    "a buffer of a source-measure unit": (named("Source,Reading,Time", V, I, T), {}),
    "a buffer with over-range resistances and a status": (
        named("Voltage (V),Current (A),Resistance (Ohm),Time (s),Status", V, I, 0 * V + 9.91e37, T, 0 * V + 21508), {},
    ),
    "Clarius with repeats": (named('"Time","AnodeI","AnodeV","Repeat"', T, I, V, np.repeat([1, 2], 241)), {}),
    "a probe station's log": (
        "Probe station log\nUser: AB\nDate: 28.11.2026\nDevice: W3D2\n\n"
        + named("V/V;I/A", V, I, delimiter=";", decimal=","), DWELL,
    ),
    "thousands": (
        "t (ms);V (V);I (pA)\n"
        + "".join(f"{1e3 * a:,.1f};{b:.6f};{c * 1e12:,.3f}\n" for a, b, c in zip(T, V, I, strict=True)),
        {},
    ),
    "swiss, points between semicolons": (named("Zeit [s];Spannung [V];Strom [A]", T, V, I, delimiter=";"), {}),
    "italian": (named("Tempo (s);Tensione (V);Corrente (uA)", T, V, 1e6 * I, delimiter=";", decimal=","), {}),
    "dutch": (named("tijd (s)\tspanning (mV)\tstroom (nA)", T, 1e3 * V, 1e9 * I, delimiter="\t"), {}),
    "russian": (named("время,напряжение,ток", T, V, I), {}),
    "in capital letters": (named("TIME (MS),VOLTAGE (MV),CURRENT (UA)", 1e3 * T, 1e3 * V, 1e6 * I), {}),
    "with the logarithm beside": (named("V (V),I (A),log10|I|", V, I, np.log10(np.abs(I) + 1e-15)), DWELL),
}  # fmt: skip


@pytest.mark.parametrize("shape", SWEEPS)
def test_a_sweep_of_that_shape_is_read(tmp_path, shape):
    text, given = SWEEPS[shape]
    (cell,) = read_file(write(tmp_path, text), request(**given)).cells
    np.testing.assert_allclose(cell["voltage"], V, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(cell["current"], I, rtol=2e-6, atol=2e-15)
    np.testing.assert_allclose(cell["time"], T, rtol=1e-6)
    assert cell.cycle.max() == 1


def test_cycles_of_arc2_and_of_a_spreadsheet_stand_side_by_side(tmp_path):
    v, i = V[ONE], I[ONE]
    names = "# current1,voltage1,read_voltage1,current2,voltage2,read_voltage2"
    arc2 = named(names, i, v, 0 * v, 2 * i, v, 0 * v, form="%.18e")
    sheet = named("Voltage (V),Cycle 1 (A),Cycle 2 (A)", v, i, 2 * i)
    for text in (arc2, sheet):
        file = read_file(write(tmp_path, text), request(**DWELL))
        assert [cell.cell for cell in file.cells] == ["1", "2"]
        np.testing.assert_allclose(file.cells[1]["current"], 2 * i, rtol=1e-6)


def test_retention_of_arc2_has_time_voltage_current_and_resistance(tmp_path):
    t, g = np.linspace(0, 100, 60), 1e-5 / (1 + np.linspace(0, 1, 60))
    (cell,) = read_file(
        write(tmp_path, named("# time,voltage,current,resistance", t, 0 * t + 0.2, 0.2 * g, 1 / g))
    ).cells
    assert cell.kind == "decay"
    np.testing.assert_allclose(cell["conductance"], g, rtol=1e-6)


def test_two_states_against_time_are_two_decays_and_no_endurance(tmp_path):
    t = np.geomspace(1, 1e4, 30)
    file = read_file(write(tmp_path, named("Time (s),HRS (Ohm),LRS (Ohm)", t, 2e5 + t, 1e4 + t)))
    assert [(cell.kind, cell.cell) for cell in file.cells] == [("decay", "LRS (Ohm)"), ("decay", "HRS (Ohm)")]
    np.testing.assert_allclose(file.cells[1]["conductance"], 1 / (2e5 + t), rtol=1e-6)


def test_devices_side_by_side_are_cells(tmp_path):
    text = named("Pulse,Device 1 (uS),Device 2 (uS)", N, 1e6 * G, 1.1e6 * G)
    file = read_file(write(tmp_path, text), request(**PULSE))
    assert [cell.cell for cell in file.cells] == ["1", "2"]
    np.testing.assert_allclose(file.cells[1]["conductance"], 1.1 * G, rtol=1e-6)


def test_every_sheet_of_a_workbook_is_a_run(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "Run1"
    for title, factor in (("Run1", 1.0), ("Run2", 2.0)):
        sheet = book[title] if title in book.sheetnames else book.create_sheet(title)
        sheet.append(["Time", "AI", "AV"])
        for line in zip(T[ONE].tolist(), (factor * I[ONE]).tolist(), V[ONE].tolist(), strict=True):
            sheet.append(line)
    book.create_sheet("Settings").append(["Compliance (A)", 0.01])
    book.save(tmp_path / "x.xlsx")
    file = read_file(tmp_path / "x.xlsx")
    assert [cell.cell for cell in file.cells] == ["Run1", "Run2"] and file.compliance == 0.01
    np.testing.assert_allclose(file.cells[1]["current"], 2 * I[ONE])


def test_matlab_7_3_is_read_through_h5py(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, column in (("t", T), ("V", V), ("I", I)):
            file.create_dataset(f"run/{name}", data=column[None])
    (cell,) = read_file(tmp_path / "x.h5").cells
    assert cell["current"].tolist() == I.tolist()
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    with h5py.File(tmp_path / "x.mat", "w", userblock_size=512) as file:
        for name, column in (("t", T), ("V", V), ("I", I)):
            file.create_dataset(name, data=column[None])
    content = bytearray((tmp_path / "x.mat").read_bytes())
    content[: len(head)] = head
    (tmp_path / "x.mat").write_bytes(bytes(content))
    assert read_file(tmp_path / "x.mat").cells[0]["current"].tolist() == I.tolist()
