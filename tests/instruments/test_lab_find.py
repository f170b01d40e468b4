"""`hil lab find`: who is there, whatever the VISA library makes of it."""

import json

import pytest

from instruments.virtual.catalogue import make
from instruments.virtual.faults import Fault
from instruments.virtual.server import Server

pyvisa = pytest.importorskip("pyvisa")
pytest.importorskip("pyvisa_py")
DEAD = "TCPIP::127.0.0.1::1::SOCKET"


@pytest.fixture
def served():
    with Server(make("2450"), "socket") as server:
        yield server


@pytest.fixture
def finds(monkeypatch):
    """Let the VISA library find these resources, or raise."""

    def set_up(*resources, error=None):
        def listed(self, query="?*::INSTR"):
            assert query == "?*"
            if error is not None:
                raise error
            return resources

        monkeypatch.setattr(pyvisa.ResourceManager, "list_resources", listed)

    return set_up


def test_without_arguments_it_lists_what_there_is_or_says_that_there_is_nothing(hil):
    """With the library of this machine, whatever is plugged in."""
    code, out, err = hil("lab", "find", "--timeout", "0.1")
    assert (code == 0 and "resource" in out) or (code == 2 and "name one" in err)
    assert "Traceback" not in out + err and "Warning" not in out + err


def test_all_that_is_found_is_asked(hil, finds, served):
    finds(served.resource, "ASRL/dev/no-such-port::INSTR", "PRLGX-ASRL::/dev/ttyS0::INTFC", DEAD)
    code, out, err = hil("lab", "find", "--json", "-", "--timeout", "1")
    assert code == 0, err
    rows = {row["label"]: row for row in json.loads(out)["rows"]}
    assert set(rows) == {served.resource, "ASRL/dev/no-such-port::INSTR", DEAD}, "an interface is no instrument"
    assert rows[served.resource]["value"] == served.instrument.identity
    assert rows[served.resource]["note"] == "driver for 2450"
    for dead in ("ASRL/dev/no-such-port::INSTR", DEAD):
        assert rows[dead]["value"] == "no answer" and "cannot connect" in rows[dead]["note"]


def test_what_is_named_is_asked_and_nothing_else(hil, finds, served):
    finds(DEAD)
    code, out, _ = hil("lab", "find", served.resource)
    assert code == 0 and "MODEL 2450" in out and DEAD not in out
    code, out, _ = hil("lab", "find", "nonsense", served.resource)
    assert code == 0 and "no VISA resource name" in out and "MODEL 2450" in out


@pytest.mark.parametrize("identity", ["ACME,Toaster,1,2", "hello"])
def test_an_instrument_without_a_driver_is_listed_with_the_reason(hil, served, identity):
    served.instrument.identity = identity
    code, out, _ = hil("lab", "find", served.resource, "--json", "-")
    (row,) = json.loads(out)["rows"]
    assert code == 0 and row["value"] == identity and row["note"] and not row["note"].startswith("driver for")


def test_timeout_is_that_of_an_answer(hil, served):
    served.faults.next(Fault.DROP)
    code, out, _ = hil("lab", "find", served.resource, "--timeout", "0.05", "--json", "-")
    (row,) = json.loads(out)["rows"]
    assert code == 0 and row["value"] == "no answer" and "0.05 s" in row["note"]
    code, _, err = hil("lab", "find", served.resource, "--timeout", "0.01")
    assert code == 2 and "--timeout" in err


def test_nothing_found(hil, finds):
    finds()
    code, out, err = hil("lab", "find")
    assert (code, out) == (2, "") and "name one, such as TCPIP::HOST::5025::SOCKET" in err


@pytest.mark.parametrize("error", [ValueError("No backend available"), RuntimeError(""), OSError("broken\nin two")])
def test_a_library_that_cannot_look_around(hil, finds, error):
    finds(error=error)
    code, out, err = hil("lab", "find")
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert f"library = @py finds no resources: {' '.join(str(error).split()) or 'RuntimeError'}; name one" in err


@pytest.mark.parametrize("library", ["@nosuch", "/no/such/libvisa.so", "@ivi"])
def test_a_library_that_is_not_there(hil, library, monkeypatch):
    if library == "@ivi":
        monkeypatch.setattr("pyvisa.ctwrapper.IVIVisaLibrary.get_library_paths", staticmethod(lambda: ()))
    for named in ([], [DEAD]):
        code, out, err = hil("lab", "find", "--library", library, *named)
        assert (code, out) == (2, "") and err.startswith(f"hil: library = {library}: ") and err.count("\n") == 1
