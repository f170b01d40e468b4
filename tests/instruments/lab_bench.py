"""What the tests of the lab share: a virtual bench, what its sample sees, and somebody on the wire."""

from hil.backends import open_device
from hil.waveform import Waveform

MODELS = ("2400", "2450", "2461", "2602B", "B2901A")
LOW = "sim:rram;g_min=1e-3;g_max=2e-3"
PULSE = Waveform.pulse(1.0, width=2e-3, measure=True)
TRAIN = Waveform.train(1.0, width=2e-3, period=4e-3, count=4, measure=True)


def virtual(model, dut="sim:rram", **more):
    words = {"model": model, "dut": dut, "i_max": 1e-3, "v_max": 2, "watchdog": "false"} | more
    return open_device("visa:virtual?" + "&".join(f"{k}={v}" for k, v in words.items()))


def currents_of(dut):
    """Every current that flows from now on, A."""
    seen, step = [], dut._step

    def spy(network, duration):
        now = step(network, duration)
        seen.extend(abs(one.current) for one in now)
        return now

    dut._step = spy
    return seen


def hear(device, change):
    """Let `change(message, handle)` stand between the wire and the instrument."""
    instrument = device.bench.smu.instrument
    handle = instrument.handle
    instrument.handle = lambda message: change(message, handle)
    return lambda: setattr(instrument, "handle", handle)
