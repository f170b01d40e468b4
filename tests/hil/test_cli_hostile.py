"""What a shell can hand to `hil`: every option refuses what it cannot use, before any work, in one sentence."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
import typer

import hil.plugins
from hil.backends import Backend, DeviceKind, load_backend, open_device
from hil.cli.main import build
from hil.errors import InputError

RUN = [sys.executable, "-c", "from hil.cli.main import main; main()"]


def leaves(command, path=()):
    inner = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, each in inner.items():
        yield from leaves(each, (*path, name))


def options(*kinds):
    """Path and first name of every option whose value is of one of these kinds (of newer and older releases)."""
    for path, command in leaves(typer.main.get_command(build())):
        for parameter in command.params:
            described = getattr(parameter, "type_descriptor", None)
            kind = described.annotation.__name__ if described is not None else parameter.type.name
            if parameter.param_type_name == "option" and kind in kinds:
                yield path, parameter.opts[0]


def refused(result, *words):
    """Exit code 2, one sentence on stderr, nothing on stdout."""
    code, out, err = result
    assert (code, out) == (2, ""), err
    assert err.startswith("hil: ") and err.count("\n") == 1, err
    for word in words:
        assert word in err, err


@pytest.mark.parametrize(("path", "option"), [pytest.param(*o, id=" ".join([*o[0], o[1]])) for o in options("float")])
def test_a_number_must_be_a_number(hil, path, option):
    for value in ("nan", "-inf", "1e400", "x"):
        refused(hil(*path, f"{option}={value}"), option)


@pytest.mark.parametrize(
    ("path", "option"), [pytest.param(*o, id=" ".join([*o[0], o[1]])) for o in options("int", "integer")]
)
def test_a_whole_number_must_be_one(hil, path, option):
    for value in ("1.5", "nan", "", "9" * 5000):
        refused(hil(*path, f"{option}={value}"), option)


FILES = [("fit",), ("import",), ("export", "spice"), ("export", "verilog-a"), ("init",), ("report",)]
"""Commands whose --out is a file; else it is a folder."""

OUTPUTS = [
    *((p, o) for p, o in options("Path", "path", "str", "text") if o in ("--json", "--out", "--run", "--folder"))
]


@pytest.mark.parametrize(("path", "option"), [pytest.param(*o, id=" ".join([*o[0], o[1]])) for o in OUTPUTS])
def test_where_results_go_is_checked_before_the_work(hil, tmp_path, path, option):
    (tmp_path / "file.png").write_text("kept")
    for value in ("file.png/below.png", ""):
        refused(hil(*path, f"{option}={value}"), option)
    if option == "--json" or path == ("compare",) or (path in FILES and option == "--out"):
        (tmp_path / "folder.png").mkdir()
        refused(hil(*path, f"{option}=folder.png"), option, "folder")
        refused(hil(*path, f"{option}=absent/x.png"), option, "absent")
    else:
        refused(hil(*path, f"{option}=file.png"), option, "no folder")
    assert (tmp_path / "file.png").read_text() == "kept"


def test_a_picture_is_refused_before_two_devices_are_compared(hil):
    refused(hil("compare", "--device", "sim:rram", "--device", "sim:rram", "--out", "x.foo"), "--out", "x.foo", ".png")


@pytest.mark.parametrize("clock", ["nan", "inf", "-inf", "0", "-1", "1e400", "1e9"])
def test_a_clock_that_no_board_has_is_refused(hil, clock):
    refused(hil("fpga", "build", "--board", "icebreaker", f"--clock={clock}"), "--clock", "MHz")


@pytest.mark.parametrize("seed", ["-1", "2147483648", "1" + "0" * 30])
def test_a_seed_that_no_placer_takes_is_refused(hil, seed):
    refused(hil("fpga", "build", "--board", "icebreaker", f"--seed={seed}"), "--seed", seed[:9])


@pytest.mark.parametrize("scheduler", ["foo", "tcp://", "tcp://:x", "tcp://[", "http://a:1", "tcp://127.0.0.1:1"])
def test_a_scheduler_that_is_not_there_is_told_before_a_sweep_begins(hil, tmp_path, scheduler):
    sweep_file(tmp_path, "[0, 1]")
    refused(hil("sweep", "sweep.toml", "--scheduler", scheduler), "--scheduler", scheduler)
    assert not (tmp_path / "sweeps").exists()


def sweep_file(folder, values, key="train.seed", base='[base.data]\ndataset = "lines3x3"\n'):
    (folder / "sweep.toml").write_text(f'kind = "train stdp"\n{base}[[axis]]\nkey = "{key}"\nvalues = {values}\n')


def test_a_grid_without_end_is_counted_not_made(hil, tmp_path):
    axes = "".join(
        f'[[axis]]\nkey = "train.{key}"\nvalues = {list(range(299))}\n' for key in ("seed", "seeds", "batch", "epochs")
    )
    (tmp_path / "sweep.toml").write_text(f'kind = "train stdp"\n{axes}')
    refused(hil("sweep", "sweep.toml", "--dry-run"), "299 x 299 x 299 x 299 = 7,992,538,801 tasks, 100,000 at most")


@pytest.mark.parametrize(
    ("key", "values", "words"),
    [
        ("device.uri", '["sim:rram", "sim:ram"]', "device.uri=sim:ram': no device 'sim:ram'"),
        ("device.uri", '["sim:rram?alpha=x"]', "alpha = 'x' is not a number"),
        ("data.dataset", '["digit"]', "unknown dataset 'digit'"),
        ("train.seeds", "[true]", "train.seeds = true is not a number"),
    ],
)
def test_every_point_of_a_sweep_is_checked_before_the_first_runs(hil, tmp_path, key, values, words):
    sweep_file(tmp_path, values, key, base="")
    refused(hil("sweep", "sweep.toml"), words)
    assert not (tmp_path / "sweeps").exists()


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.toml", f"a = {DEEP}", "nested too deeply"),
        ("x.toml", "[train]\nseed = " + "9" * 5000, "exceeds the limit"),
        ("x.json", DEEP, "nested too deeply"),
        ("x.json", '{"kind": "rram", "parameters": {"alpha": ' + "9" * 5000 + "}}", "exceeds the limit"),
        ("x.json", '{"kind": "\\ud800"}', "surrogate"),
        ("x.json", "\0\1\2", "not a valid JSON file"),
    ],
)
def test_texts_that_break_their_parsers_are_refused(hil, tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    if name.endswith(".toml"):
        refused(hil("train", "stdp", "--config", name), words)
        refused(hil("characterize", "iv", "--config", name), words)
        refused(hil("sweep", name), words)
    else:
        refused(hil("compare", "--device", f"sim:rram?preset={name}", "--device", "sim:rram"), words)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no /dev/zero")  # noqa: PTH110
def test_a_file_without_an_end_is_refused(hil):
    refused(hil("sweep", "/dev/zero"), "/dev/zero is larger than any configuration may be")
    refused(hil("train", "stdp", "--config", "/dev/zero"), "/dev/zero is larger")
    refused(hil("fit", "/dev/zero"), "/dev/zero")


@pytest.mark.parametrize("value", [DEEP, "9" * 5000, "{a=" * 50_000])
def test_a_setting_that_breaks_its_parser_is_refused(hil, value):
    refused(hil("train", "stdp", "--set", f"train.seed={value}"), "setting", "characters")


@pytest.mark.parametrize("preset", ["%00.json", "folder.json", "absent.json", "..json"])
def test_a_preset_file_must_be_one(hil, tmp_path, preset):
    (tmp_path / "folder.json").mkdir()
    refused(hil("compare", "--device", f"sim:rram?preset={preset}", "--device", "sim:rram"))


# ---- bytes, encodings, readers that have gone ----


def shell(script, folder, **variables):
    environment = {**os.environ, **variables, "HIL": " ".join(f"'{word}'" for word in RUN)}
    command = script.replace("hil ", f"'{RUN[0]}' -c '{RUN[2]}' ")
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, env=environment, timeout=120)


def test_bytes_that_are_no_text_are_refused_before_a_measurement(tmp_path):
    done = shell("hil characterize ltp --run $'r\\xff'", tmp_path)
    assert done.returncode == 2
    assert done.stderr == b"hil: the argument 'r\\udcff' is not valid UTF-8 text: rename the file, or type it anew\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}])
def test_a_terminal_that_knows_ascii_alone_gets_everything(tmp_path, variables):
    done = shell("hil devices sim:flca; hil devices sim:rram", tmp_path, **variables)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"sim:rram" in done.stdout


def test_characters_that_a_stream_lacks_are_written_plainly():
    code = "from hil.cli import streams\nwith streams.patient(): print('3 ± 1 µS, α, \\udcff')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True
    )
    assert done.stdout == b"3 +- 1 uS, \\u03b1, \\udcff\n"


@pytest.mark.parametrize(
    "script",
    [
        "hil devices sim | head -1",
        "hil devices sim:rram >&-",
        "hil devices sim:rram 2>&-",
        "hil devices sim:rram >&- 2>&- <&-",
    ],
)
def test_nobody_has_to_read_on(tmp_path, script):
    done = shell(f"set -o pipefail; {script}", tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
def test_results_that_cannot_be_written_are_told(tmp_path):
    done = shell("hil devices sim:rram > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (2, b"hil: standard output: No space left on device\n")


def test_a_closed_stdout_is_no_file_of_the_run(tmp_path):
    done = shell("hil devices sim:rram --json j >&-", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "j").read_text())["rows"][0]["label"] == "sim:rram rows"


# ---- what other packages bring ----


class BrokenBackend(Backend):
    name, summary = "broken", "of somebody else"

    def __init__(self, kinds):
        self._kinds = kinds

    def kinds(self):
        return self._kinds()


def fails(*_):
    raise ZeroDivisionError("in\nsomebody's code")


def unfit(*_):
    sim = load_backend("sim")
    return [DeviceKind("unfit", "cannot be built", sim.kind("rram").parameters, fails)]


lists_badly = BrokenBackend(fails)
lists_nonsense = BrokenBackend(lambda: ["rram"])
builds_badly = BrokenBackend(unfit)
describes_badly = BrokenBackend(lambda: [DeviceKind("odd", "no parameters", None, fails)])
no_backend = "text"


@pytest.fixture
def bring(monkeypatch):
    """Add an entry point to those that are installed."""
    installed = hil.plugins.entry_points

    def add(group, value):
        point = EntryPoint("broken", value, group)
        monkeypatch.setattr(
            hil.plugins, "entry_points", lambda group: [*installed(group=group), *[point] * (group == point.group)]
        )

    return add


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_package:x", "back end 'broken' cannot be loaded: No module named 'no_such_package'"),
        (f"{__name__}:absent", "back end 'broken' cannot be loaded: AttributeError"),
        (f"{__name__}:no_backend", "back end 'broken' is a str, not a Backend"),
        (f"{__name__}:lists_badly", "back end 'broken' cannot list its devices: ZeroDivisionError: in somebody's code"),
        (f"{__name__}:lists_nonsense", "back end 'broken' lists 'rram', which is no DeviceKind"),
        (f"{__name__}:describes_badly", "broken:odd cannot be described: AttributeError"),
    ],
)
def test_a_broken_back_end_hides_no_other(hil, bring, value, words):
    bring("hil.devices", value)
    code, out, err = hil("devices")
    assert code == 0
    assert "sim:rram" in out and "visa" in out
    assert err.startswith(f"hil: {words}") and err.count("\n") == 1
    refused(hil("devices", "broken"), words)


def test_a_device_that_cannot_be_built_is_told_where_it_is_used(hil, bring):
    bring("hil.devices", f"{__name__}:builds_badly")
    words = "broken:unfit cannot be opened: ZeroDivisionError: in somebody's code"
    code, out, err = hil("devices")
    assert (code, err) == (0, "")
    assert "broken:unfit" in out and "cannot be opened: ZeroDivisionError" in out
    with pytest.raises(InputError, match=words):
        open_device("broken:unfit")
    refused(hil("compare", "--device", "broken:unfit", "--device", "sim:rram"), words)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_package:x", "verb 'broken' cannot be loaded: No module named 'no_such_package'"),
        (f"{__name__}:no_backend", "verb 'broken' is no command"),
    ],
)
def test_a_broken_verb_hides_no_other(hil, bring, value, words):
    bring("hil.verbs", value)
    code, out, err = hil("--help")
    assert (code, err) == (0, "")
    assert "characterize" in out and "broken" in out
    refused(hil("broken", "--option", "x"), words)
    assert hil("train", "--help")[0] == 0


@pytest.mark.parametrize(("group", "kind"), [("hil.papers", "paper"), ("hil.drivers", "driver")])
def test_a_broken_paper_or_driver_hides_no_other(hil, bring, tmp_path, group, kind):
    bring(group, "no_such_package:x")
    words = f"{kind} 'broken' cannot be loaded: No module named 'no_such_package'"
    if kind == "paper":
        code, out, err = hil("reproduce")
        assert code == 0 and "flca" in out and err == f"hil: {words}\n"
        refused(hil("plot", "broken", "x"), words)
    else:
        (tmp_path / "sweep.toml").write_text('kind = "train broken"\n[[axis]]\nkey = "train.seed"\nvalues = [0]\n')
        refused(hil("sweep", "sweep.toml"), words)
    assert hil("train", "--help")[0] == 0
