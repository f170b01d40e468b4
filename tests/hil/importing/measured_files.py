"""One sweep, one train and one decay of made-up cells, written in the forms in which people have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def loop(cycles: int = 2, peak: float = 1.5, steps: int = 60, limit: float | None = None):
    """(time, voltage, current) of a bipolar loop that switches between 200 and 10 kohm, as written with 7 digits."""
    rise = np.linspace(0, peak, steps + 1)
    one = np.concatenate([rise, rise[-2::-1], -rise[1:], -rise[-2::-1]])
    v = np.round(np.tile(one, cycles), 6) + 0.0
    g, i = 5e-6, np.empty(len(v))
    for k, x in enumerate(v):
        if abs(x) > 0.8:
            target = 1e-4 if x > 0 else 5e-6
            g += 0.25 * (target - g)
        i[k] = g * x * (1 + 0.004 * np.sin(7.0 * k))
    if limit is not None:
        i = np.clip(i, -limit, limit)
    t = np.round(0.01 * np.arange(1, len(v) + 1), 6)
    return t, v, np.array([float(f"{x:.6e}") for x in i])


def train(pulses: int = 60):
    """(voltage, conductance) of pulses up and down between 5 and 80 uS."""
    w = 1 - np.exp(-np.arange(1, pulses + 1) / 20)
    w /= w[-1]
    wobble = 1 + 0.003 * np.sin(11.0 * np.arange(2 * pulses))
    g = np.concatenate([5e-6 + 75e-6 * w, 80e-6 - 74e-6 * w]) * wobble
    return np.repeat([1.2, -1.4], pulses), np.array([float(f"{x:.6e}") for x in g])


def rows(*columns, delimiter: str = ",", form: str = "%.9g", decimal: str = ".") -> str:
    """Lines of numbers."""
    cells = [[(form % x).replace(".", decimal) for x in line] for line in zip(*columns, strict=True)]
    return "".join(delimiter.join(line) + "\n" for line in cells)


def easyexpert(records, names=("Time", "Vte", "Ite", "Vbe"), compliance: float = 1e-3) -> str:
    """The DataName/DataValue form, a record a repetition."""
    text = ""
    for number, columns in enumerate(records):
        text += (
            f"SetupTitle, DoubleSweep\nPrimitiveTest, I/V Sweep\nTestParameter, Channel.UnitType, SMU, SMU\n"
            f"TestParameter, Channel.IName, Ite, Ibe\nTestParameter, Measurement.Primary.Compliance, {compliance:g}\n"
            f"MetaData, TestRecord.RecordTime, 11/28/2026 10:0{number}:00\nDimension1, {len(columns[0])}\n"
            f"DataName, {', '.join(names)}\n"
        )
        text += "".join(f"DataValue, {line}\n" for line in rows(*columns, delimiter=", ").splitlines())
    return text


def easyexpert_analysis(columns, names=("Vte", "Ite", "Time")) -> str:
    """The form with names after AutoAnalysis."""
    return (
        'Setup title,Loop\nClassic test name,"I/V Sweep"\nTest date,2026/11/28\nDevice ID,W3D2\nCount,1\n'
        "Channel.UnitType,SMU,SMU\nMeasurement.Primary.Compliance,0.001\nAnalysisSetup.Title,\n"
        "AutoAnalysis.Marker.Data.StartCondition,\n" + ",".join(names) + "\n" + rows(*columns)
    )


def kickstart(t, v, i) -> str:
    """A quoted block, a table with the SMU in its names, and a footer."""
    head = (
        '"Project Name","Loops"\n"Test Name","I-V Characterizer"\n"Run","Run 3 2026-11-28"\n"Instrument","2450"\n'
        '"Settings"\n"SMU-1","Source","Voltage List"\n"SMU-1","Limit (A)","0.001"\n"SMU-1","NPLC","0.1"\n\n'
        '"Index","SMU-1 Time (s)","SMU-1 Voltage (V)","SMU-1 Current (A)","SMU-1 Resistance (Ω)"\n'
    )
    body = ""
    for k, (a, b, c) in enumerate(zip(t, v, i, strict=True), 1):
        ohm = f"{b / c:.5g}" if c else "nan"
        body += f'"{k}","{a:.9g}","{b:.9g}","{c:.6e}","{ohm}"\n'
    return head + body + '\n"End of data"\n"Rows","' + str(len(t)) + '"\n'


def write(folder: Path, text: str | bytes, name: str = "data.csv", encoding: str = "utf-8") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path
