import os
import signal

import pytest

from hil.runs.interrupt import StopRequest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_noted_once_and_handlers_are_put_back(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        os.kill(os.getpid(), number)
        assert stop.requested
    assert signal.getsignal(number) is before


def test_a_request_that_the_inner_one_did_not_act_on_reaches_the_outer_one():
    with StopRequest() as outer:
        with StopRequest() as inner:
            os.kill(os.getpid(), signal.SIGINT)
        assert inner.requested and outer.requested


def test_a_request_that_was_acted_on_stays_inside():
    with StopRequest() as outer:
        with pytest.raises(RuntimeError), StopRequest() as inner:
            os.kill(os.getpid(), signal.SIGINT)
            assert inner.requested
            raise RuntimeError("stopped")
        assert not outer.requested


def test_a_second_sigint_interrupts_at_once():
    with pytest.raises(KeyboardInterrupt), StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
