"""Hostile calls, seeded and bounded: whatever comes in, out comes a result or one sentence.

Every call must end in time, raise nothing but `HilError` with one line of text, leave no state that is not finite, and
write nothing outside the folder it was started in. A failure names its number: ``replay(NUMBER)`` plays it alone.
"""

import contextlib
import io
import signal
import warnings
from pathlib import Path

import numpy as np
import pytest

from hil.backends import open_device
from hil.cli.main import _run
from hil.config import load_toml, with_settings
from hil.data.idx import read_idx
from hil.errors import HilError
from hil.files import read_json
from hil.limits import Limits
from hil.sweeps.file import read as read_sweep
from hil.waveform import Waveform

CALLS = 20_000
LONGEST = 60
"""Seconds that a call may take, on a machine that does other things as well."""

NUMBERS = [
    0, 1, -1, 2, 3, 0.5, -0.5, 1e-9, 1e-3, 0.1, 1.2, -0.0, 5e-324, 1e-300, 1e300, -1e300, float("nan"), float("inf"),
    float("-inf"), 2**31, 2**63, 2**64, -(2**63), 10**30, 10**400, 1e6, 1e9,
]  # fmt: skip
ODD = [None, "", "a", "1", "nan", b"1", True, False, 1 + 2j, [], [[]], {}, {"a": 1}, object(), (1, "a"), [1, [2, 3]]]
TEXTS = [
    "", "nan", "inf", "-inf", "1e400", "-1", "0", "1", "0.1", "9" * 5000, "[" * 3000, "{a=" * 3000, "x" * 300, "\x00",
    "\x1b[31m", "[data]", "ä±", "a/b", "../x", "/dev/null", "true", "[1, true]", '"x"', "1,2,3", "1,nan", "%00",
    "\ud800",
]  # fmt: skip
KINDS = ["sim:rram", "sim:flca", "sim:flca-step", "sim:flca-pair", "sim:vteam", "fpga:golden"]
SETTINGS = [
    "seed", "c2c", "d2d", "read_noise", "w0", "g_min", "g_max", "alpha", "v_max", "i_max", "width_max",
    "preset", "stuck_on", "stuck_off", "R", "D", "Dv", "A", "phi0", "model", "threads", "r_on", "x0",
    "state_bits", "cell",
]  # fmt: skip
COMMANDS = [
    ["devices"], ["runs"], ["runs", "show"], ["compare", "--pulses", "2", "--looks", "1", "--device", "sim:rram"],
    ["characterize", "iv", "--dry-run"], ["characterize", "ltp", "--show-settings"], ["sweep", "--dry-run"], ["plot"],
    ["fpga", "report"], ["fpga", "boards"], ["train", "stdp", "--dataset", "lines3x3", "--resume", "absent"], ["fit"],
    ["train", "pill", "--set", "train.no_such_key=1"],
]  # fmt: skip
OPTIONS = [
    "--json", "--run", "--set", "--device", "--config", "--rows", "--cols", "--width", "--voltage", "--seed", "--out",
    "--root", "--resume", "--v-max", "--i-max", "--noise", "--scheduler", "--workers", "--folder", "--model",
    "--epochs",
]  # fmt: skip

SWEEP = 'kind = "train stdp"\n[[axis]]\nkey = "train.seed"\nvalues = {}'
KINDS_OF_CALLS = [*["waveform"] * 3, *["device"] * 3, *["text"] * 2, "settings", "limits", "command"]
SIZES = [2, 2, 2, 2, 1, 3, 0, -1, 10**9, "nan", "1.5", "x", "", "9" * 5000, 10**30]
WIDTHS = [1e-9, 1e-6, 1e-3, 1.0, 1e6, 1e300]


class Fuzz:
    """One hostile call, made from its number alone."""

    def __init__(self, number):
        self.rng = np.random.default_rng([20_000, number])

    def one_of(self, values):
        return values[int(self.rng.integers(len(values)))]

    def number(self):
        return self.one_of(ODD) if self.rng.random() < 0.15 else self.one_of(NUMBERS)

    def plain(self, low=0.0, high=1.0):
        return float(self.rng.uniform(low, high))

    def array(self):
        if self.rng.random() < 0.1:
            return self.one_of(ODD)
        shape = tuple(int(n) for n in self.rng.integers(0, 4, size=int(self.rng.integers(0, 4))))
        values = self.rng.normal(size=shape)
        if values.size and self.rng.random() < 0.5:
            values = values.astype(object)
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                values.flat[int(self.rng.integers(values.size))] = self.number()
                return values.astype(np.float64)
            return values
        return values.astype(self.one_of(["f8", "f4", "i8", "U5", "?", "c16"])) if self.rng.random() < 0.3 else values

    def waveform(self):
        make = self.one_of(["whole", "pulse", "train", "triangle", "samples", "rest", "times", "cut", "concat"])
        good = Waveform.pulse([0.5, 0.0], [0.0], width=1e-3)
        if make == "whole":
            return Waveform(self.array(), self.array(), self.array(), self.array())
        if make == "pulse":
            return Waveform.pulse(self.array(), self.array(), width=self.number(), measure=self.number())
        if make == "train":
            return Waveform.train(self.number(), width=self.number(), period=self.number(), count=self.one_of(NUMBERS))
        if make == "triangle":
            return Waveform.triangle(self.number(), self.number(), step=self.number(), dwell=self.number())
        if make == "samples":
            return Waveform.samples(self.array(), self.array(), dwell=self.array(), measure=self.array())
        if make == "rest":
            return Waveform.rest(self.number(), self.number(), self.number())
        if make == "times":
            return good * int(self.one_of([-1, 0, 1, 5, 10**6, 10**12, 10**30]))
        if make == "cut":
            return (good * 5)[int(self.rng.integers(-5, 5)) :]
        return Waveform.concat(self.one_of([[], [good, good], [good, Waveform.rest(1e-3)]]))

    def device(self):
        kind = self.one_of(KINDS)
        sizes = {"rows": self.one_of(SIZES), "cols": 2}
        given = sizes | {self.one_of(SETTINGS): self.value() for _ in range(self.rng.integers(0, 3))}
        words = "&".join(f"{name}={value}" for name, value in given.items())
        with open_device(f"{kind}?{words}") as device:
            if device.rows * device.cols > 10_000:
                return
            for _ in range(int(self.rng.integers(1, 4))):
                with contextlib.suppress(HilError):
                    self.drive(device)
                self.check_state(device)

    def value(self):
        return self.one_of(TEXTS) if self.rng.random() < 0.3 else self.one_of(NUMBERS)

    def drive(self, device):
        action = self.one_of(["apply", "apply", "read", "mvm", "reset", "restore"])
        if action == "apply":
            lines = (device.rows, device.cols)
            waveform = Waveform.pulse(
                self.rng.uniform(-2, 2, lines[0]),
                np.zeros(lines[1]),
                width=self.one_of(WIDTHS),
            )
            device.apply(waveform if self.rng.random() < 0.7 else self.waveform())
        elif action == "read":
            device.read(self.number())
        elif action == "mvm":
            device.mvm(self.array())
        elif action == "reset":
            device.reset()
        else:
            state = dict(device.snapshot())
            name = self.one_of(list(state))
            state[name] = self.array()
            device.restore(state)

    @staticmethod
    def check_state(device):
        for name, array in device.snapshot().items():
            values = np.asarray(array)
            if values.dtype.kind == "f":
                assert np.isfinite(values).all(), f"{device.name}: {name} holds {values}"

    def text(self, folder):
        junk = bytes(self.rng.integers(0, 256, size=int(self.rng.integers(0, 60)), dtype=np.uint8))
        text = self.one_of(TEXTS)
        forms = [text, f"a = {text}", f'{{"kind": "rram", "a": {text}}}', SWEEP.format(text)]
        written = self.one_of(forms).encode("utf-8", "surrogatepass")
        content = self.one_of([junk, written, written, b"\x1f\x8b" + junk, b"\0\0\x08" + junk])
        file = folder / self.one_of(["x.toml", "x.json", "x-idx3-ubyte", "absent", "a\x00b"])
        with contextlib.suppress(ValueError):
            if file.name != "absent":
                file.write_bytes(content)
        self.one_of([load_toml, read_json, read_idx, read_sweep])(file)

    def settings(self):
        with_settings(
            {"train": {"seed": 1}}, [f"{self.one_of(['train.seed', 'a', 'a.b', '', '.'])}={self.one_of(TEXTS)}"]
        )

    def limits(self):
        names = ("v_min", "v_max", "i_max", "width_min", "width_max", "time_step", "v_step")
        limits = Limits(**{name: self.one_of(NUMBERS) for name in names if self.rng.random() < 0.7})
        limits.check(Waveform.pulse(self.plain(-2, 2), width=1e-3))

    def command(self):
        words = list(self.one_of(COMMANDS))
        for _ in range(int(self.rng.integers(0, 3))):
            value = str(self.value())
            words += [self.one_of(OPTIONS), value] if self.rng.random() < 0.7 else [value]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _run(words)
        assert code in (0, 2), (words, code)
        if code == 2:
            last = err.getvalue().splitlines()[-1]
            assert last.startswith(("hil: ", "Usage", "  ")) and len(last) < 3000, (words, err.getvalue())
        assert "Traceback" not in err.getvalue(), words


def replay(number, folder=Path()):
    """Make call NUMBER; returns what it was."""
    fuzz = Fuzz(number)
    name = fuzz.one_of(KINDS_OF_CALLS)
    try:
        getattr(fuzz, name)(*[folder] * (name == "text"))
    except HilError as error:
        assert str(error), name
    return name


class TooLong(BaseException):
    pass


def play(numbers, folder):
    def alarm(*_):
        raise TooLong

    before, wrong = signal.signal(signal.SIGALRM, alarm), []
    try:
        for number in numbers:
            try:
                signal.setitimer(signal.ITIMER_REAL, LONGEST)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    replay(number, folder)
            except (Exception, TooLong) as error:
                signal.setitimer(signal.ITIMER_REAL, 0)
                place = error.__traceback__
                while place.tb_next is not None:
                    place = place.tb_next
                where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
                wrong.append(f"{number}: {type(error).__name__} {str(error)[:200]} at {where}")
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
    return wrong


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """A folder in a folder that must stay as it is."""
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    yield tmp_path / "inside"
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_some_hostile_calls(inside):
    assert play(range(100), inside) == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_hostile_calls(inside):
    assert play(range(CALLS), inside) == []
