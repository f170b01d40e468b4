"""A link that knows its virtual bench waits for what that computes, and for nothing else."""

import time

import pytest
from echo_instrument import EchoInstrument

from instruments.link.errors import LinkTimeout
from instruments.link.link import Link
from instruments.virtual.faults import Fault, Faults
from instruments.virtual.server import Server


class SlowInstrument(EchoInstrument):
    """Takes its time over ``:ECHO?``, as a bench does that has much to compute."""

    def handle(self, message):
        if message.startswith(":ECHO?"):
            time.sleep(0.7)
        return super().handle(message)


@pytest.mark.parametrize("known", [True, False])
def test_a_link_waits_beyond_its_timeout_for_a_bench_that_is_known_to_be_at_work(known):
    beats = []
    with Server(SlowInstrument()) as server, Link.open(server.resource, timeout=0.2) as link:
        link.heartbeat = lambda: beats.append(time.monotonic())
        if known:
            link.working = lambda: server.busy
            assert link.query(":ECHO? late") == "late"
            assert len(beats) >= 3
        else:
            with pytest.raises(LinkTimeout):
                link.query(":ECHO? late")
        assert link.query("*OPC?") == "1"
        assert not server.busy


def test_a_delay_on_the_way_is_no_work_of_the_bench():
    faults = Faults()
    faults.next(Fault.DELAY, seconds=0.8)
    with Server(EchoInstrument(), faults=faults) as server, Link.open(server.resource, timeout=0.2) as link:
        link.working = lambda: server.busy
        with pytest.raises(LinkTimeout):
            link.query(":ECHO? late")
