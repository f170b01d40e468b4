"""10,000 trains in a row, watched, with the page open all the while: memory and file descriptors stay as they are."""

import http.client
import json
import os
import threading
from pathlib import Path

import pytest

from hil.backends import open_device
from hil.waveform import Waveform
from instruments.watch.looking import Watched
from instruments.watch.serving import WatchServer

TRAINS, WARM = 10_000, 1_000
DEVICES = {
    "2450": "visa:virtual?v_max=2&timeout=30",
    "B2902A": "visa:virtual?v_max=2&timeout=30&model=B2902A&channels=2",
}

GROWTH = 8 << 20
"""Bytes by which the process may grow in 9,000 trains: less than 1 kB a train."""

WATCHDOG = 1 << 20
"""Bytes by which its watchdog may grow, that does nothing but read words from a pipe."""


def resident(process="self"):
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(process="self"):
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
@pytest.mark.parametrize("model", DEVICES)
def test_ten_thousand_trains_leave_nothing_behind(tmp_path, model):
    (tmp_path / "meta.json").write_text('{"kind": "train stdp", "state": "running"}')
    train = Waveform.train(1.0, width=1e-3, period=2e-3, count=3, measure=True)
    log, stop, looks = tmp_path / "commands.log", threading.Event(), []
    watched = Watched(tmp_path)

    def look(server):
        while not stop.wait(0.2):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("GET", "/" + server.url.split("/", 3)[3] + "state.json")
            looks.append(json.loads(connection.getresponse().read()))
            connection.close()

    with WatchServer(watched, lambda seen: []) as server, open_device(f"{DEVICES[model]}&log={log}") as device:
        page = threading.Thread(target=look, args=(server,))
        page.start()
        try:
            for number in range(TRAINS):
                response = device.apply(train)
                assert response.currents.shape == (3, 1)
                if number == WARM:
                    watchdog = device.smu._guard.pid
                    memory, files, threads = resident(), descriptors(), threading.active_count()
                    beside = resident(watchdog), descriptors(watchdog)
            grown, more = resident() - memory, descriptors() - files
            dog = resident(watchdog) - beside[0], descriptors(watchdog) - beside[1]
        finally:
            stop.set()
            page.join()
    watched.close()
    print(f"{model}: {grown / 1e3:.0f} kB, {more} descriptors; watchdog {dog[0] / 1e3:.0f} kB; {len(looks)} looks")
    assert dog[0] < WATCHDOG and dog[1] == 0, f"the watchdog: {dog[0]} bytes, {dog[1]} descriptors"
    assert grown < GROWTH, f"{grown / 1e6:.1f} MB in {TRAINS - WARM} trains"
    assert abs(more) <= 2, f"{more} file descriptors"  # a look may be under way at either moment
    assert threading.active_count() <= threads
    rows = dict(looks[-1]["rows"])
    assert len(looks) > 20 and int(rows["trains and reads"].replace(",", "")) > TRAINS - 1_000
