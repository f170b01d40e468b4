"""`hil doctor`: what is wrong with a machine is found, said and cured; a healthy one has no fault."""

import json
import os
from importlib.metadata import PackageNotFoundError

import pytest

import gateware.checks
import instruments.checks
import sim.checks
from hil.doctor import extras, machine
from hil.doctor.diagnosis import CHECKS, Diagnosis, diagnoses


def found(check, name):
    (one,) = (finding for finding in check() if finding.name == name)
    return one


def test_this_machine_has_no_fault_of_ours(hil):
    code, out, err = hil("doctor", "--json", "-")
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert {row["conditions"]["part"] for row in rows} == set(CHECKS.names())
    assert {row["value"] for row in rows} <= {"ok", "not there"}
    assert next(row for row in rows if row["name"] == "Python")["value"] == "ok"


def test_one_part_alone_and_a_part_that_is_none(hil):
    code, out, _ = hil("doctor", "machine")
    assert code == 0 and "machine: memory" in out and "yosys" not in out
    code, _, err = hil("doctor", "machin")
    assert code == 2 and "did you mean 'machine'" in err and err.count("\n") == 1


def test_every_finding_that_is_not_fine_has_a_cure():
    for part, finding in diagnoses():
        assert finding.told and (finding.cure or finding.state == "ok"), (part, finding)


def test_a_fault_comes_first_and_gives_exit_code_1(hil, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    code, out, _ = hil("doctor")
    assert code == 1 and "1 fault," in out
    first = next(line for line in out.splitlines() if "FAULT" in line or " ok " in line)
    assert "sim: numba" in first and "unset NUMBA_DISABLE_JIT" in out


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(monkeypatch):
    def broken():
        yield Diagnosis("first", "ok", "fine")
        raise RuntimeError("no such thing")

    monkeypatch.setattr(CHECKS, "found", lambda only=None: ({"bad": broken, "machine": machine.check}, {}))
    every = list(diagnoses())
    assert every[0][1].name == "first" and every[1][1].state == "fault" and "no such thing" in every[1][1].told
    assert any(finding.name == "Python" for _, finding in every[2:])


def test_another_package_of_our_name_is_found(tmp_path, monkeypatch):
    """InstrumentKit installs a package called instruments."""
    monkeypatch.setattr(extras, "packages_distributions", lambda: {"instruments": ["instrumentkit", "memhil"]})
    finding = found(extras.check, "package instruments")
    assert finding.state == "fault" and "instrumentkit too" in finding.told and "environment" in finding.cure
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "__init__.py").write_text("")
    from importlib.util import spec_from_file_location

    other = spec_from_file_location("sim", tmp_path / "sim" / "__init__.py")
    monkeypatch.setattr(extras, "find_spec", lambda name: other)
    finding = found(extras.check, "package sim")
    assert finding.state == "fault" and f"is imported from {tmp_path / 'sim'}" in finding.told


def test_an_extra_that_is_not_complete_names_what_lacks(monkeypatch):
    whole = extras.version

    def without(name):
        if name == "pyvisa":
            raise PackageNotFoundError
        return whole(name) if name not in ("torch", "ziglang") else "1"

    monkeypatch.setattr(extras, "version", without)
    finding = found(extras.check, "lab")
    assert finding == Diagnosis("lab", "absent", "without pyvisa", 'pip install "memhil[lab]"')


@pytest.mark.parametrize(
    ("check", "name", "variable", "cure"),
    [
        (sim.checks.check, "kernel cache", "NUMBA_CACHE_DIR", "NUMBA_CACHE_DIR=FOLDER"),
        (gateware.checks.check, "cache", "MEMHIL_CACHE", "MEMHIL_CACHE=FOLDER"),
    ],
)
def test_caches_that_cannot_be_written_are_faults(check, name, variable, cure, tmp_path, monkeypatch):
    monkeypatch.setenv(variable, str(tmp_path))
    assert found(check, name).state == "ok"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    finding = found(check, name)
    assert finding.state == "fault" and cure in finding.cure


def test_a_serial_port_that_may_not_be_opened_tells_the_group(tmp_path, monkeypatch):
    port = tmp_path / "ttyUSB0"
    port.touch()
    monkeypatch.setattr(gateware.checks, "DEV", tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: path != port)
    finding = found(gateware.checks.check, str(port))
    assert finding.state == "fault" and f"usermod -aG {port.group()} $USER" in finding.cure


def test_no_loopback_no_virtual_bench(monkeypatch):
    def refused(*_, **__):
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(instruments.checks.socket, "create_server", refused)
    finding = found(instruments.checks.check, "loopback")
    assert finding.state == "fault" and "Permission denied" in finding.told


def test_a_terminal_that_cannot_show_units(monkeypatch):
    class Ascii:
        encoding = "ANSI_X3.4-1968"

    monkeypatch.setattr(machine.sys, "stdout", Ascii())
    assert found(machine.check, "terminal").cure.startswith("export PYTHONUTF8=1")
