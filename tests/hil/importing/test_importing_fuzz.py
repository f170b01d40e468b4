"""Files that somebody has broken: a reading of what is there, or one sentence; never a number that nobody wrote.

Every mutation leaves the digits as they are, so every row that is read must be a row of the original.
"""

import random

import numpy as np
import pytest
from measured_files import easyexpert, kickstart, loop, rows, train

from hil.errors import InputError
from hil.importing.reader import read_file
from hil.importing.request import request

T, V, I = (column[:121] for column in loop(1, steps=30))  # noqa: E741
VOLTS, G = train(20)
NUMBER, WIDTH = np.arange(1, 41), np.full(40, 1e-4)
CODES = ["9.91E+37", "-9.9e37", "199.999E+99", "NaN", "", "OVERFLOW", "#N/A", "inf", "---"]
GARBAGE = ["garbage", "# remark", "", ";;;", ",,,", "Cycle two", '"', "end of data", "\t\t", "Time,Voltage", "x,y"]
STRANGE = ["x", "#", '"', "\0", ";", "\t", " ", "|", "\ufeff", "\u2028", "é", "(", "%", "'", "\\", "~", ":", "_"]


def table(names, *columns, **form):
    return names + "\n" + rows(*columns, **form)


BASES = {
    "sweep": (table("time_s,voltage_V,current_A", T, V, I), {}, ("time", "voltage", "current"), (T, V, I)),
    "german": (
        table("Zeit / s;Spannung / V;Strom / µA", T, V, 1e6 * I, delimiter=";", decimal=","), {},
        ("time", "voltage", "current"), (T, V, I),
    ),
    "tabs": (table("Time (s)\tVoltage (V)\tCurrent (nA)", T, V, 1e9 * I, delimiter="\t"), {},
             ("time", "voltage", "current"), (T, V, I)),
    "easyexpert": (easyexpert([(T, V, I, 0 * V)] * 2), {}, ("time", "voltage", "current"), (T, V, I)),
    "kickstart": (kickstart(T, V, I), {}, ("time", "voltage", "current"), (T, V, I)),
    "dwell": (table("V1,I1", V, I), {"dwell": 0.01}, ("voltage", "current"), (V, I)),
    "train": (table("pulse,voltage_V,width_s,conductance_S", NUMBER, VOLTS, WIDTH, G), {},
              ("voltage", "width", "conductance"), (VOLTS, WIDTH, G)),
    "reads": (
        table("# pulse_v,pulse_width,num_applied,meas_v,i_0", VOLTS, WIDTH, WIDTH * 0 + 1, WIDTH * 0 - 0.1, -0.1 * G,
              form="%.9e"), {}, ("voltage", "conductance"), (VOLTS, G),
    ),
    "cells": (
        "device,pulse,voltage_V,width_s,conductance_S\n"
        + "".join(f"D{d},{line}\n" for d in (1, 2) for line in rows(NUMBER, VOLTS, WIDTH, G).splitlines()),
        {}, ("voltage", "width", "conductance"), (VOLTS, WIDTH, G),
    ),
    "decay": (table("# resistance (ohms),time (s)", 1 / G, T[:40], form="%.9e"), {},
              ("time", "conductance"), (T[:40], G)),
    "blanks": (rows(NUMBER, 1e6 * G, delimiter=" "), {"columns": "pulse,conductance:uS", "pulse": "1.2V/-1.4V,100us"},
               ("conductance",), (G,)),
    "ltp and ltd": (table("Pulse #,LTP (uS),LTD (uS)", NUMBER[:20], 1e6 * G[:20], 1e6 * G[20:]),
                    {"pulse": "1.2V/-1.4V,100us"}, ("voltage", "conductance"), (VOLTS, G)),
    "pairs": (table("Interval (ms),A1 (nA),A2 (nA)", T, 100 + 0 * T, 100 + 100 * T), {},
              ("interval", "first", "second"), (T / 1e3, 1e-7 + 0 * T, 1e-7 + 1e-7 * T)),
    "window": (table("dt (ms),dW (%)", T - 0.6, 10 * V), {}, ("delay", "change"), ((T - 0.6) / 1e3, V / 10)),
}  # fmt: skip


def mutated(text: str, rng: random.Random) -> bytes:
    """One to three things done to a text, none of which makes other digits."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 3)):
        k = rng.randrange(len(lines))
        what = rng.randrange(12)
        if what == 0:
            del lines[k : k + rng.choice([1, 1, 1, 5, 40])]
        elif what == 1:
            lines.insert(k, lines[rng.randrange(len(lines))])
        elif what == 2:
            lines.insert(k, rng.choice(GARBAGE))
        elif what == 3:
            j = rng.randrange(len(lines))
            lines[j], lines[k] = lines[k], lines[j]
        elif what == 4:
            mark = next((m for m in "\t;|, " if m in lines[k]), ",")
            cells = lines[k].split(mark)
            cells[rng.randrange(len(cells))] = rng.choice(CODES)
            lines[k] = mark.join(cells)
        elif what == 5:
            mark = next((m for m in "\t;|, " if m in lines[k]), ",")
            lines[k] = lines[k].replace(mark, rng.choice(["\t", ";", "|", "", mark * 2]), rng.choice([1, -1]))
        elif what == 6:
            place = rng.randrange(len(lines[k]) + 1)
            lines[k] = lines[k][:place] + rng.choice(STRANGE) + lines[k][place:]
        elif what == 7:
            mark = next((m for m in "\t;|, " if m in lines[k]), ",")
            lines[k] = mark.join(lines[k].split(mark)[: rng.randint(0, 3)])
        elif what == 8:
            mark = rng.choice("\t;|")
            lines = [line.replace(";", mark) for line in lines]
        elif what == 9:
            lines[0] = lines[0].upper() if rng.random() < 0.5 else lines[0].replace("_", " ")
        elif what == 10:
            lines = lines[: rng.randint(0, len(lines))]
        else:
            lines.insert(0, rng.choice(["Sample: S7", "# made by me", "", "Compliance (A),none", "Operator;me;you"]))
        lines = lines or [""]
    joined = rng.choice(["\n", "\n", "\r\n", "\r"]).join(lines)
    return joined.encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-16-le"]), "replace")


def check(path, base: str, seed: int) -> str:
    """Read one mutated file; say what came of it, and fail where it is neither right nor a sentence."""
    rng = random.Random(f"{base} {seed}")
    text, given, names, truth = BASES[base]
    path.write_bytes(mutated(text, rng))
    try:
        file = read_file(path, request(**given))
    except InputError as error:
        sentence = str(error)
        assert sentence and "\n" not in sentence and "Traceback" not in sentence, (base, seed, sentence)
        return "refused"
    original = np.stack(truth, axis=1)
    scale = np.abs(original).max(axis=0)
    for cell in file.cells:
        found = np.stack([cell[name] for name in names], axis=1)
        known = np.isfinite(found)
        for row, told in zip(found, known, strict=True):
            near = np.abs(original - row) <= 2e-6 * np.abs(original) + 1e-9 * scale
            assert (near | ~told).all(axis=1).any(), (base, seed, row, file.found)
    return "read"


@pytest.mark.parametrize("base", BASES)
def test_a_broken_file_is_read_right_or_refused_in_one_sentence(tmp_path, base):
    told = [check(tmp_path / "x.csv", base, seed) for seed in range(36)]
    assert "read" in told and "refused" in told


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("base", BASES)
def test_twenty_thousand_broken_files(tmp_path, base):
    for seed in range(1000, 1000 + 20_000 // len(BASES) + 1):
        check(tmp_path / "x.csv", base, seed)


def workbook(path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for line in [("Time (s)", "Voltage (V)", "Current (A)"), *zip(T.tolist(), V.tolist(), I.tolist(), strict=True)]:
        book.active.append(line)
    book.save(path)


def matlab(path):
    from scipy.io import savemat

    savemat(path, {"t": T, "V": V, "I": I}, do_compression=True)


@pytest.mark.parametrize("make", [workbook, matlab])
def test_a_damaged_archive_is_refused_or_whole(tmp_path, make):
    make(tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    rng = random.Random(7)
    for _ in range(40):
        broken = bytearray(content)
        if rng.random() < 0.3:
            broken = broken[: rng.randrange(len(broken))]
        else:
            for _ in range(rng.randint(1, 4)):
                broken[rng.randrange(len(broken))] = rng.randrange(256)
        (tmp_path / "x").write_bytes(bytes(broken))
        try:
            (cell,) = read_file(tmp_path / "x").cells
        except InputError as error:
            assert "\n" not in str(error)
            continue
        assert cell["current"].tolist() == I.tolist() and cell["voltage"].tolist() == V.tolist()
