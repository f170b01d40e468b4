"""`hil lab watch` and `hil lab off`: what is told of a run from beside it, over the real socket and in a browser."""

import http.client
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hil.errors import InputError
from hil.experiments.records import load
from instruments.watch.copying import copy_records
from instruments.watch.emergency import UNCONFIRMED, emergency_off
from instruments.watch.looking import Sight, Watched
from instruments.watch.page import watch_page
from instruments.watch.serving import WatchServer, require_loopback

HIL = [sys.executable, "-c", "from hil.cli.main import main; main()"]
DEVICE = "visa:virtual?pulses_max=1000000&dut=sim:rram"
BROWSERS = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]


def begun(folder):
    """A characterization in a process of its own, once it has recorded something."""
    run = folder / "runs" / "live"
    words = ["characterize", "endurance", "--device", DEVICE, "--set", "cycles=100000", "--run", str(run)]
    process = subprocess.Popen([*HIL, *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until(lambda: (run / "records.sqlite").exists() and points(run) >= 5)
    return run, process


def ended(process):
    if process.poll() is None:
        process.kill()
    process.stderr.close()
    process.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    run, process = begun(tmp_path_factory.mktemp("live"))
    yield run, process
    ended(process)


def until(what, seconds=60.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.05)


def points(run):
    with Closing(Watched(run)) as watched:
        return int(dict(watched.look().numbers).get("points", "0").replace(",", ""))


class Closing:
    def __init__(self, what):
        self.what = what

    def __enter__(self):
        return self.what

    def __exit__(self, *_):
        self.what.close()


def ask(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read(), dict(answer.getheaders())
    connection.close()
    return found


# ---- a run that goes on


@pytest.mark.skipif(not BROWSERS, reason="no browser is installed")
def test_in_a_real_browser(running, tmp_path):
    """The page keeps itself up to date, shows the figure, and loads nothing from elsewhere."""
    run, process = running
    with (
        Closing(Watched(run)) as watched,
        WatchServer(watched, lambda seen: emergency_off(run, seen.sessions)) as server,
    ):
        words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        words += ["--virtual-time-budget=4000", "--dump-dom", server.url]
        page = subprocess.run([BROWSERS[0], *words], capture_output=True, text=True, timeout=100, check=True).stdout
    assert re.search(r'id="state" class="state running">running<', page)
    assert re.search(r'src="figure\.png\?\d+"', page), "the script has replaced the first picture"
    assert "1,000,000" in page and not re.search(r'<button id="off" hidden', page)
    assert process.poll() is None, "looking ends nothing"


def test_a_run_is_shown_served_and_switched_off(running):
    run, process = running
    asked = []

    def off(look):
        asked.append(look)
        return emergency_off(run, look.sessions)

    with Closing(Watched(run)) as watched, WatchServer(watched, off) as server:
        base = "/" + server.url.split("/", 3)[3]
        status, page, headers = ask(server, base)
        assert status == 200 and b"EMERGENCY OFF" in page and b"running" in page
        assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["Cache-Control"] == "no-store"
        assert not re.findall(rb"(?:src|href)=\"?(?:https?:)?//", page), "the page needs nothing from elsewhere"
        now = json.loads(ask(server, base + "state.json")[1])
        rows = dict(row for row in now["rows"])
        assert now["state"] == "running" and now["kind"] == "characterize endurance" and now["running"]
        assert rows["session"] == "open" and re.fullmatch(r"[\d,]+ of 1,000,000", rows["pulses"])
        assert int(dict(now["numbers"])["points"].replace(",", "")) >= 5
        status, picture, headers = ask(server, base + "figure.png")
        assert (status, picture[:8], headers["Content-Type"]) == (200, b"\x89PNG\r\n\x1a\n", "image/png")

        until(lambda: "driving" in dict(json.loads(ask(server, base + "state.json")[1])["numbers"]))
        status, said, _ = ask(server, base + "off", "POST", Origin=f"http://127.0.0.1:{server.port}")
        assert (
            status == 200 and UNCONFIRMED not in said.decode() and f"process {process.pid} was ended" in said.decode()
        )
        assert len(asked) == 1 and asked[0].sessions[0].resource in said.decode()
        err = process.stderr.read().decode()
        assert process.wait(10) == 130 and "continue with: hil characterize --resume" in err, err
        until(lambda: json.loads(ask(server, base + "state.json")[1])["state"] == "stopped")
        rows = dict(json.loads(ask(server, base + "state.json")[1])["rows"])
        assert (rows["output"], rows["session"]) == ("off", "closed")


@pytest.mark.slow
def test_watching_leaves_the_folder_as_it_is_without_it(tmp_path):
    """Looked at without a pause, a run leaves the same files with the same bytes, and is never held up."""

    def play(name, looking):
        run = tmp_path / name
        words = [
            "characterize",
            "ltp",
            "--device",
            "sim:rram?seed=3&c2c=0.1",
            "--set",
            "pulses=60",
            "--set",
            "cycles=10",
        ]
        process = subprocess.Popen([*HIL, *words, "--run", str(run)], cwd=tmp_path, stderr=subprocess.PIPE)
        looks = 0
        if looking:
            with Closing(Watched(run)) as watched:
                while process.poll() is None:
                    watched._due = watched._mark = 0.0
                    watched.look(), watched.figure()
                    looks += 1
        assert process.wait() == 0, process.stderr.read()
        process.stderr.close()
        assert not looking or looks > 3
        return sorted(p.name for p in run.iterdir()), load(run)

    names, plain = play("plain", False)
    seen, watched = play("watched", True)
    assert seen == names
    for column, values in plain.items():
        np.testing.assert_array_equal(values, watched[column])


def test_a_copy_is_whole_while_the_file_is_written_and_merged(tmp_path):
    """Rows come in pairs, one transaction each; no copy has half of one, whatever the writer is at."""
    run, copy = tmp_path / "run", tmp_path / "copy"
    run.mkdir(), copy.mkdir()
    script = (
        "import sqlite3,sys\n"
        "db=sqlite3.connect(sys.argv[1]); db.execute('PRAGMA journal_mode=WAL'); db.execute('PRAGMA synchronous=OFF')\n"
        "db.execute('PRAGMA wal_autocheckpoint=20'); db.execute('CREATE TABLE t (n INTEGER, text TEXT)'); db.commit()\n"
        "import time\n"
        "for n in range(3000):\n"
        "    db.executemany('INSERT INTO t VALUES (?, ?)', [(n, 'x' * 500)] * 2); db.commit()\n"
        "    time.sleep(0.0005 if n % 100 else 0.05)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(run / "records.sqlite")])
    counts = []
    while process.poll() is None:
        if copy_records(run, copy):
            db = sqlite3.connect(copy / "records.sqlite")
            try:
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                counts.append(db.execute("SELECT COUNT(*), COUNT(DISTINCT n), MAX(n) FROM t").fetchone())
            except sqlite3.OperationalError as error:  # before its first commit
                assert "no such table" in str(error)
            db.close()
            for name in ("records.sqlite", "records.sqlite-wal", "records.sqlite-shm"):
                (copy / name).unlink(missing_ok=True)
    assert process.returncode == 0 and len(counts) > 5
    assert all(
        rows == 2 * different and different == (-1 if last is None else last) + 1 for rows, different, last in counts
    ), counts
    assert len({rows for rows, *_ in counts}) > 3, "they are of different moments"


# ---- who may ask


def look(**more):
    return Sight(**{"name": "r", "kind": "train", "state": "finished", "note": "", "numbers": [], "sessions": [],
                   "figure": 0} | more)  # fmt: skip


@pytest.fixture
def served(tmp_path):
    (tmp_path / "meta.json").write_text('{"kind": "train stdp", "state": "finished"}')
    pressed = []

    def off(seen):
        pressed.append(seen)
        return ["done"]

    with Closing(Watched(tmp_path)) as watched, WatchServer(watched, off) as server:
        server.pressed, server.base = pressed, "/" + server.url.split("/", 3)[3]
        yield server


@pytest.mark.parametrize("path", ["/", "/off", "/wrong/off", "/x/state.json", "//off", "/%2e%2e/off"])
def test_nothing_is_found_without_the_token(served, path):
    for method in ("GET", "POST"):
        assert ask(served, path, method)[0] == 404
    assert not served.pressed


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "evil.example:80"}, {"Host": ""}, {"Origin": "http://evil.example"},
     {"Origin": "null"}, {"Origin": "https://127.0.0.1"}, {"Origin": "http://127.0.0.1:1"}],
)  # fmt: skip
def test_no_other_page_presses_off(served, headers):
    """DNS rebinding brings another Host, a form on another page another Origin."""
    for method, path in (("POST", "off"), ("GET", ""), ("GET", "state.json")):
        assert ask(served, served.base + path, method, **headers)[0] == 403
    assert not served.pressed


def test_off_is_pressed_by_post_alone(served):
    assert ask(served, served.base + "off")[0] == 404 and not served.pressed
    assert ask(served, served.base + "off", "POST")[:2] == (200, b"done") and len(served.pressed) == 1
    assert ask(served, served.base + "nosuch")[0] == 404 and ask(served, served.base + "figure.png")[0] == 404


def test_it_listens_on_loopback_alone(served):
    assert served._server.server_address[0] == "127.0.0.1"
    for host in ("0.0.0.0", "::", "192.168.0.1", "example.org", ""):
        with pytest.raises(InputError, match="no loopback address"):
            require_loopback(host)
    for host in ("127.0.0.1", "127.9.9.9", "localhost", "::1"):
        require_loopback(host)


def test_what_a_run_is_called_is_text_on_the_page():
    told = [("<b>n</b>", "<script>alert(1)</script>")]
    page = watch_page(look(name="<i>x</i>", note='"<u>', numbers=told))
    assert "<i>" not in page and "<b>n" not in page and "<script>alert" not in page and "<u>" not in page


# ---- commands


def test_once_the_youngest_and_a_training(hil, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = hil("lab", "watch")
    assert code == 2 and "no runs in runs" in err
    code, _, err = hil("lab", "watch", "--host", "0.0.0.0")
    assert code == 2 and "no loopback" in err and err.count("\n") == 1
    code, _, err = hil("train", "stdp", "--set", "train.seeds=1", "--set", "data.dataset=lines3x3")
    assert code == 0, err
    code, out, _ = hil("lab", "watch", "--once")
    assert code == 0 and "hil train stdp, finished" in out and "points of the learning curve" in out
    code, out, _ = hil("lab", "watch", "--to-end", "--no-page")
    assert code == 0 and "page:" not in out
    with Closing(Watched(next((tmp_path / "runs").iterdir()))) as watched:
        watched.look()
        assert watched.figure()[:4] == b"\x89PNG"
    code, out, _ = hil("lab", "off")
    assert code == 0 and "nothing to switch off" in out


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="no table of locks")
def test_watching_a_run_that_was_killed(tmp_path):
    run, process = begun(tmp_path)
    with Closing(Watched(run)) as watched:
        assert watched.look().running
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen = watched.look()
        assert (seen.state, seen.note) == ("interrupted", "no process works on it any more")
    ended(process)


def get(url):
    connection = http.client.HTTPConnection("127.0.0.1", int(url.split(":")[2].partition("/")[0]), timeout=10)
    connection.request("GET", "/" + url.split("/", 3)[3])
    return connection.getresponse()


@pytest.mark.parametrize("death", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGKILL])
def test_live_serves_the_page_as_long_as_the_run(tmp_path, death):
    """Also where the run is killed: nobody is left behind who serves its folder."""
    words = ["characterize", "endurance", "--device", "sim:rram", "--set", "cycles=1000000", "--live"]
    process = subprocess.Popen([*HIL, *words], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        told = next(line for line in process.stderr if line.startswith(b"live page: http://127.0.0.1:"))
        url = told.decode().removeprefix("live page: ").strip()
        assert get(url).status == 200
        seen = json.loads(get(f"{url}state.json").read())
        assert seen["state"] == "running"
        process.send_signal(death)
        process.wait(timeout=30)

        def gone():
            try:
                get(url)
            except OSError:
                return True
            return False

        until(gone, 15.0)
    finally:
        ended(process)


def test_live_has_something_to_show_or_says_no(tmp_path):
    for words in (["characterize", "ltp", "--live", "--dry-run"], ["lab", "watch", "x", "--quiet", "--no-page"]):
        done = subprocess.run([*HIL, *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 2 and "leave --" in done.stderr and len(done.stderr.splitlines()) == 1
