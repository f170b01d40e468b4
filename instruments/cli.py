"""`hil lab`: find instruments, check them, watch what they do, or serve virtual ones."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from hil.cli import checks, options
from hil.runs.interrupt import stops_heard_by

app = typer.Typer(no_args_is_help=True, help="Find, check and watch instruments, and serve virtual ones.")

Timeout = Annotated[
    float, typer.Option(min=0.05, max=60, callback=checks.finite, help="Seconds that an answer may take.")
]
Library = Annotated[str, typer.Option(help="VISA library: @py, @ivi or a path.")]
BaudRate = Annotated[int, typer.Option(min=50, help="Of a serial port.")]
Gateway = Annotated[
    str | None,
    typer.Option(metavar="RESOURCE", help="Prologix adapter of a GPIB board, PRLGX-TCPIP::HOST::1234::INTFC."),
]
Terminator = Annotated[str, typer.Option(help="What ends a message: lf, cr, crlf, lfcr or nul.")]


@app.command()
def serve(
    model: Annotated[str, typer.Option("--model", help="2400, 2450, 2460, 2461, 2602B, B2901A, ...")] = "2450",
    dut: Annotated[
        str, typer.Option("--dut", metavar="URI", help="Device under test, see `hil devices`.")
    ] = "sim:flca",
    rows: Annotated[int, typer.Option(min=1, help="Rows; more than one cell puts a switch matrix beside it.")] = 1,
    cols: Annotated[int, typer.Option(min=1, help="Columns.")] = 1,
    transport: Annotated[str, typer.Option(help="socket, hislip or serial.")] = "socket",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the socket; 0 for any free one.")] = 0,
    matrix: Annotated[str | None, typer.Option(help="707B or B2201A.")] = None,
    series: Annotated[float, typer.Option(min=0, callback=checks.finite, help="Resistance of the wires, ohm.")] = 0.0,
    contact: Annotated[
        float, typer.Option(min=0, callback=checks.finite, help="Resistance of every contact, ohm.")
    ] = 0.0,
    noise: Annotated[float, typer.Option(min=0, callback=checks.finite, help="Of a measured current, A.")] = 0.0,
    relative_noise: Annotated[
        str, typer.Option(metavar="FRACTION", help="Of a measured current, of itself: 0.001 or 0.1%.")
    ] = "0",
    dut_terminals: Annotated[
        str, typer.Option(help="Terminals that the device is on: front or rear; *RST selects the front.")
    ] = "front",
    seed: options.Seed = 0,
) -> None:
    """Serve a source-measure unit with a memristor behind it, on this machine only, until Ctrl-C.

    It speaks as its manual says, refuses what the real one refuses, and keeps its output on when a client dies. Its
    device lives in virtual time: a train takes as long as the messages that start it.

    \b
    hil lab serve --model 2450 --dut sim:flca
    hil lab serve --model 2602B --dut "sim:rram?c2c=0.1" --relative-noise 0.001
    hil lab serve --rows 9 --cols 1 --dut sim:flca-pair
    """
    from hil.errors import InputError, nearest
    from hil.fraction import fraction

    try:
        from instruments.virtual.bench import Bench
        from instruments.virtual.server import TRANSPORTS
    except ImportError as error:
        raise InputError(f'the virtual bench needs the extra lab, pip install "memhil[lab]": {error}') from None
    carrier = next((name for name in TRANSPORTS if name == transport), None)
    if carrier is None:
        raise InputError(f"transport = {transport} {nearest(transport, TRANSPORTS)}")
    relative = fraction("--relative-noise", relative_noise)
    stop = threading.Event()
    with stops_heard_by(lambda *_: stop.set()), Bench(
        model, dut, rows=rows, cols=cols, transport=carrier, matrix=matrix, series=series, contact=contact,
        noise=noise, relative_noise=relative, seed=seed or 0, port=port, dut_terminals=dut_terminals,
    ) as bench:  # fmt: skip
        print(f"{model} with {dut} at {bench.smu.resource}", flush=True)
        if bench.matrix is not None:
            print(f"{matrix or 'matrix'} at {bench.matrix.resource}", flush=True)
        scheme = "pmu" if bench.smu.instrument.terminator == b"\0" else "visa"
        print(f"hil characterize iv --device '{scheme}:{bench.smu.resource}' --v-max 1 --i-max 1e-3", flush=True)
        stop.wait()


@app.command()
def find(
    resources: Annotated[
        list[str] | None, typer.Argument(metavar="[RESOURCE]...", help="Ask these; all that VISA finds if not given.")
    ] = None,
    timeout: Timeout = 1.0,
    library: Library = "@py",
    baud_rate: BaudRate = 9600,
    terminator: Terminator = "lf",
    gateway: Gateway = None,
    json: options.Json = None,
) -> None:
    """List VISA resources and what they say to ``*IDN?``; nothing on them is changed.

    Instruments on the network do not all announce themselves: name them.

    \b
    hil lab find
    hil lab find TCPIP::192.168.0.5::5025::SOCKET
    """
    from hil.errors import HilError, InputError
    from hil.runs.results import Row, report
    from instruments.link.errors import LinkError
    from instruments.link.link import Link
    from instruments.smu.models import driver_for

    reach = _reach(library, baud_rate, terminator, gateway)
    rows, manager = [], _manager(library)
    for resource in resources or _listed(library, manager):
        identity, note = "no answer", ""
        try:
            with Link.open(resource, timeout=timeout, **reach) as link:
                identity = link.query("*IDN?")
            note = f"driver for {driver_for(identity).spec.model}"
        except InputError as error:
            note = str(error).removeprefix(f"resource '{resource}': ")
        except (LinkError, HilError) as error:
            note = str(error).removeprefix(f"{resource}: ")
        rows.append(Row(resource, identity, note=note))
    if not rows:
        raise InputError("VISA finds no resource here: name one, such as TCPIP::HOST::5025::SOCKET")
    report(rows, "VISA resources", json, heads={"quantity": "resource", "value": "identity"})


@app.command()
def check(
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="VISA resource name.")],
    v_max: Annotated[
        float | None,
        typer.Option("--v-max", metavar="V", callback=checks.finite, help="Of the sample, V; 1 if not given."),
    ] = None,
    i_max: Annotated[
        float | None,
        typer.Option("--i-max", metavar="A", callback=checks.finite, help="Of the sample, A; 1e-6 if not given."),
    ] = None,
    channel: Annotated[int, typer.Option(min=1, max=2, help="Source channel.")] = 1,
    timeout: Timeout = 2.0,
    library: Library = "@py",
    baud_rate: BaudRate = 9600,
    terminator: Terminator = "lf",
    gateway: Gateway = None,
    json: options.Json = None,
) -> None:
    """Check an instrument before a sample is connected: driver, firmware, terminals, limits, output, link.

    Questions alone are sent: nothing is set, nothing switched, no sample driven. Exit code 2 where something is wrong.

    \b
    hil lab check TCPIP::192.168.0.5::5025::SOCKET --v-max 1.5 --i-max 100e-6
    """
    from hil.errors import HilError
    from hil.runs.results import report
    from instruments.inspection import inspect

    rows = inspect(
        resource, timeout=timeout, reach=_reach(library, baud_rate, terminator, gateway), v_max=v_max, i_max=i_max,
        channel=channel,
    )  # fmt: skip
    report(rows, resource, json, heads={"quantity": "asked", "value": "answer"})
    bad = [f"{row.name} {row.value}, {row.note}" for row in rows if row.value in ("fault", "refused", "ON")]
    if bad:
        raise HilError(f"{resource}: {'; '.join(bad)}")


Watchable = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="Name or folder of a run; the youngest if not given.")
]
Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="Where the run folders are.")]


@app.command()
def watch(
    name: Watchable = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve it as a page of this machine as well.")] = True,
    host: Annotated[str, typer.Option(help="Loopback address of the page.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 for any free one.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="Show it as it is now, and end.")] = False,
    to_end: Annotated[bool, typer.Option("--to-end", help="End when no process works on the run any more.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show it on the page alone, and print its address.")] = False,
    root: Root = Path("runs"),
) -> None:
    """Watch a characterization or a training while it runs, or look at it afterwards: figure, numbers, instruments.

    It reads the run's folder and changes nothing there. The page is for this machine alone, at an address that is told
    nobody else; for an instrument it has an emergency off, which switches the output off and ends the run.

    \b
    hil lab watch                         # the youngest run: in this terminal, and as a page
    hil lab watch ltp-visa-virtual-001 --port 8000
    hil lab watch runs/stdp-digits-001 --once
    """
    from contextlib import ExitStack

    from hil.errors import InputError
    from instruments.watch.emergency import emergency_off
    from instruments.watch.looking import Sight, Watched
    from instruments.watch.screen import show
    from instruments.watch.serving import WatchServer, require_loopback

    require_loopback(host)
    if quiet and (once or not page):
        raise InputError("--quiet shows a run on its page alone: leave --once and --no-page out")
    watched = Watched(_run(name, root))

    def off(look: Sight) -> list[str]:
        return emergency_off(watched.path, look.sessions)

    with ExitStack() as stack:
        stack.callback(watched.close)
        url = None
        if page and not once:
            url = stack.enter_context(WatchServer(watched, off, host, port)).url
        show(watched, url, off, once=once, to_end=to_end, quiet=quiet)


@app.command()
def off(name: Watchable = None, root: Root = Path("runs")) -> None:
    """Emergency off: switch the output of a run's instruments off, end the run, and ask the instruments.

    What the sample has had is kept. Exit code 2 where an instrument does not confirm it.

    \b
    hil lab off
    hil lab off ltp-visa-TCPIP__192.168.0.5__5025__SOCKET-001
    """
    from hil.errors import HilError
    from instruments.watch.emergency import UNCONFIRMED, emergency_off
    from instruments.watch.looking import Watched

    watched = Watched(_run(name, root))
    try:
        said = emergency_off(watched.path, watched.look().sessions)
    finally:
        watched.close()
    bad = [sentence for sentence in said if UNCONFIRMED in sentence]
    print("\n".join(sentence for sentence in said if sentence not in bad))
    if bad:
        raise HilError("; ".join(bad))


def _run(name: str | None, root: Path) -> Path:
    """Folder of a run by its name, or of the youngest."""
    from hil.errors import InputError
    from hil.runs.listing import find_run
    from hil.runs.run import find_runs

    if name is not None:
        return find_run(name, root)
    found = find_runs(root)
    if not found:
        raise InputError(f"no runs in {root}: name a folder, or begin one with: hil characterize ltp")
    return found[-1]


def _reach(library: str, baud_rate: int, terminator: str, gateway: str | None) -> dict[str, Any]:
    """Further arguments of `Link.open`; `InputError` for a terminator that there is not."""
    from hil.errors import InputError, nearest
    from instruments.backend import TERMINATORS

    if terminator not in TERMINATORS:
        raise InputError(f"terminator = {terminator} {nearest(terminator, TERMINATORS)}")
    return {"library": library, "baud_rate": baud_rate, "terminator": TERMINATORS[terminator], "gateway": gateway}


def _manager(library: str) -> Any:
    """VISA's resource manager; `InputError` if there is no such library.

    It is one for the whole process, so it stays open: to close it would close the links of others.
    """
    from hil.errors import InputError

    try:
        import pyvisa
    except ImportError as error:
        raise InputError(f'VISA needs the extra lab, pip install "memhil[lab]": {error}') from None
    try:
        return pyvisa.ResourceManager(library)
    except (OSError, ValueError) as error:
        raise InputError(f"library = {library}: {_in_a_line(error)}") from None


def _listed(library: str, manager: Any) -> tuple[str, ...]:
    """Resources that can be talked to, as far as the library finds them; interfaces and registers are left out."""
    from hil.errors import InputError

    try:
        # What a library warns of, packages that it could use as well, is no use in a list.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = manager.list_resources("?*")
    except Exception as error:  # back ends raise what they like: usb.core.NoBackendError, termios.error, VisaIOError
        raise InputError(f"library = {library} finds no resources: {_in_a_line(error)}; name one") from None
    return tuple(sorted(resource for resource in found if resource.upper().endswith(("::INSTR", "::SOCKET"))))


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(":") or type(error).__name__
