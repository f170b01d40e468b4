"""The compiled golden core against docs/emulator.md written out in plain Python, and against the host's float core."""

import math
import struct

import numpy as np
from golden_bench import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from gateware.geometry import Geometry
from gateware.logarithm import waiting_code
from gateware.protocol import Command, Flag, Space, Status
from hil.backends import open_device
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeTrain

LEARN, RESET_ALL, STOCHASTIC, LATENCY = (1 << flag for flag in Flag)


def xorshift32(x):
    x ^= x << 13 & 0xFFFFFFFF
    x ^= x >> 17
    return x ^ (x << 5 & 0xFFFFFFFF)


class Slow:
    """docs/emulator.md, one Python integer at a time; cells as ``s[row][neuron]``."""

    def __init__(self, g, registers, states, tables, drive):
        self.g, self.reg, self.drive = g, registers, drive
        self.s = [list(row) for row in states]
        self.memductance, self.potentiation, self.depression, self.code = tables
        self.theta, self.spikes, self.events, self.updates = [0] * g.cols, 0, 0, 0
        self.log_memory = [(0, 0)] * g.log_depth
        self.history, self.presenting, self.missed = [], False, False
        self.begin()

    def begin(self):
        self.v, self.counts, self.until = ([0] * self.g.cols for _ in range(3))
        self.log, self.now, self.inhibited_until, self.exempt, self.last = [], 0, 0, None, {}
        self.theta = [theta * self.reg["theta_keep"] + 32768 >> 16 for theta in self.theta]

    def advance(self, ticks):
        if self.now + ticks > 2**self.g.t_bits - 1:
            return Status.RANGE
        for _ in range(ticks):
            self.now += 1
            self.v = [v * self.reg["keep"] + 32768 >> 16 for v in self.v]
        return Status.OK

    def event(self, r):
        self.last[r] = self.now
        self.events += 1
        ready = []
        for n in range(self.g.cols):
            if self.now >= self.until[n] and (self.now >= self.inhibited_until or self.exempt == n):
                weight = self.memductance[self.s[r][n] >> self.g.state_bits - 8]
                self.v[n] = min(self.v[n] + weight, 2**self.g.v_bits - 1)
                if self.v[n] >= self.limit(n):
                    ready.append(n)
        if self.reg["inhibition"] > 0 and ready:
            height = {
                "rank": lambda n: 0,
                "membrane": lambda n: self.v[n],
                "margin": lambda n: self.v[n] - self.limit(n),
            }
            ready = [min(ready, key=lambda n: (-height[self.g.tie](n), n))]
        for n in ready:
            self.fire(n)

    def limit(self, n):
        return self.reg["threshold"] - (self.reg["lowered"] >> 16) + self.theta[n]

    def fire(self, n):
        self.log_memory[len(self.log) % self.g.log_depth] = (self.now, n)
        self.log.append((self.now, n))
        self.counts[n] += 1
        self.spikes += 1
        if self.presenting:
            if len(self.history) - self.reg["taken"] < self.g.history_depth - 1:
                self.history.append(n)
            else:
                self.missed = True
        if self.reg["flags"] & LEARN:
            self.program(n, [1 if self.now - self.last.get(r, -(10**9)) <= self.reg["window"] else -1
                             for r in range(self.g.rows)], self.reg["chances"] < 65536)  # fmt: skip
        self.v = [0 if self.reg["flags"] & RESET_ALL or k == n else v for k, v in enumerate(self.v)]
        self.until[n] = self.now + self.reg["refractory"]
        self.theta[n] = min(self.theta[n] + self.reg["theta_plus"], 65535)
        if self.g.annealing:
            self.reg["lowered"] = min(self.reg["lowered"] + self.reg["theta_share"], 2**32 - 1)
        if self.reg["inhibition"] > 0:
            self.inhibited_until, self.exempt = self.now + self.reg["inhibition"], n

    def program(self, n, actions, lots=False):
        bits, fraction = self.g.state_bits, 16 - self.g.state_bits
        for r, action in enumerate(actions):
            u = 2**fraction // 2
            if self.reg["flags"] & STOCHASTIC or lots:
                self.reg["random"] = xorshift32(self.reg["random"])
            if self.reg["flags"] & STOCHASTIC:
                u = self.reg["random"] >> 32 - fraction
            if lots and self.reg["random"] % 65536 >= self.reg["chances"]:
                continue
            s = self.s[r][n]
            if action > 0:
                s = min((s << fraction) + self.potentiation[s >> bits - 8] + u >> fraction, 2**bits - 1)
            elif action < 0:
                s = max((s << fraction) - self.depression[s >> bits - 8] + u >> fraction, 0)
            self.s[r][n] = s
            self.updates += action != 0

    def play(self, items):
        for item in items:
            if item < 0x8000 and item >= self.g.rows:
                return Status.RANGE
            status = self.advance(item - 0x8000) if item >= 0x8000 else self.event(item)
            if status:
                return status
        return Status.OK

    def present(self):
        if self.reg["duration"] > 2**self.g.t_bits:
            return Status.RANGE
        if (len(self.history) - self.reg["taken"]) % 2**32 >= self.g.history_depth - 1:
            return Status.FULL
        self.begin()
        self.presenting = True
        self.due = {}
        if self.reg["duration"]:
            for r in reversed(range(self.g.rows)):
                self.plan(r, -1)
        for t in range(self.reg["duration"]):
            self.advance(t > 0)
            due = self.due.pop(t, [])
            while due:
                r, only_draws = due.pop()
                if not only_draws:
                    self.event(r)
                if only_draws or not self.reg["flags"] & LATENCY:
                    self.plan(r, t)
        self.presenting = False
        self.history.append(0x8001 if self.missed else 0x8000)
        self.missed = False
        return Status.OK

    def plan(self, r, now):
        c = self.code[self.drive[r]]
        if self.reg["flags"] & LATENCY:
            wait = min(c, 65535) - now
        else:
            x = self.reg["encoder_random"] = xorshift32(self.reg["encoder_random"])
            if not (m := c % 2**18):
                return
            leading = 32 - x.bit_length()
            i, rest = divmod((x << leading) - 2**31, 2**23)
            low, high = (round(2**24 * (1 - math.log2(1 + k / 256))) for k in (i, i + 1))
            surprise = 2**24 * leading + low - ((low - high) * (rest >> 7) >> 16)
            wait = min(surprise * m >> 20 + (c >> 18), 65535) + 1
        slots = min(512, 2**self.g.t_bits // 2)
        t = now + min(wait, slots)
        if t < self.reg["duration"]:
            self.due.setdefault(t, []).append((r, wait > slots))


@st.composite
def experiments(draw):
    rows, cols = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    g = Geometry(
        rows, cols, lanes=draw(st.integers(1, 4)), state_bits=draw(st.sampled_from([8, 9, 12, 16])),
        v_bits=12, t_bits=6, log_depth=draw(st.sampled_from([1, 3, 64])),
        history_depth=draw(st.sampled_from([2, 8, 64])),
        tie=draw(st.sampled_from(["rank", "membrane", "margin"])), annealing=draw(st.booleans()),
    )  # fmt: skip
    registers = {
        "flags": draw(st.integers(0, 15)), "threshold": draw(st.integers(1, 1500)),
        "keep": draw(st.sampled_from([65536, 60000, 100])), "inhibition": draw(st.integers(0, 4)),
        "refractory": draw(st.integers(0, 4)), "window": draw(st.integers(0, 8)),
        "theta_plus": draw(st.sampled_from([0, 3, 40000])), "theta_keep": draw(st.sampled_from([65536, 60001])),
        "duration": draw(st.integers(0, 65)), "random": draw(st.integers(1, 2**32 - 1)),
        "encoder_random": draw(st.integers(1, 2**32 - 1)), "chances": 65536, "theta_share": 0, "lowered": 0,
        "taken": draw(st.sampled_from([0, 0, 0, 2**32 - 1])),
    }  # fmt: skip
    if g.annealing:
        registers |= {
            "chances": draw(st.sampled_from([0, 1, 30000, 65535, 65536, 131071])),
            "theta_share": draw(st.sampled_from([0, 65536, 2**24, 2**32 - 1])),
            "lowered": draw(st.sampled_from([0, 100 << 16, 2000 << 16, 2**32 - 1])),
        }
    items = st.one_of(
        st.integers(0, rows - 1), st.integers(0, 6).map(lambda t: 0x8000 + t), st.sampled_from([rows, 0x8040])
    )
    events = st.lists(st.integers(0, rows - 1) | st.integers(0x8000, 0x8003), max_size=60)
    commands = draw(
        st.lists(
            st.one_of(
                events.map(lambda items: (Command.EVENTS, items)),
                st.lists(items, max_size=20).map(lambda items: (Command.EVENTS, items)),
                st.just((Command.BEGIN, None)),
                st.just((Command.PRESENT, None)),
                st.integers(0, cols - 1).map(lambda n: (Command.PROGRAM, n)),
            ),
            max_size=8,
        )
    )
    return g, registers, draw(st.integers(0, 2**32 - 1)), commands


@settings(max_examples=150, deadline=None)
@given(experiments())
def test_every_command_does_what_the_specification_says(experiment):
    g, registers, seed, commands = experiment
    rng = np.random.default_rng(seed)
    states = rng.integers(0, 2**g.state_bits, (g.rows, g.cols))
    tables = [rng.integers(0, top, 256) for top in (256, 6000, 6000, 70)]
    if not registers["flags"] & LATENCY:
        probabilities = rng.choice([0.0, 1e-6, 0.01, 0.1, 0.5, 0.9, 1.0], 256)
        tables[3] = np.array([waiting_code(p) for p in probabilities])
    drive = rng.choice([0, 1, 255, 255, 7], g.rows)
    bench = Bench(g)
    bench.write_registers(**registers)
    bench.write_states(states)
    bench.write(Space.DRIVE, drive, "u1")
    for space, table, width in zip(
        (Space.MEMDUCTANCE, Space.POTENTIATION, Space.DEPRESSION, Space.CODE), tables, ("u1", "<u2", "<u2", "<u4"),
        strict=True,
    ):  # fmt: skip
        bench.write(space, table, width)
    slow = Slow(g, dict(registers), states.tolist(), [t.tolist() for t in tables], drive.tolist())
    for command, argument in commands:
        if command == Command.EVENTS:
            assert bench.events(argument) == slow.play(argument)
        elif command == Command.PRESENT:
            assert bench.send(command)[0] == slow.present()
        elif command == Command.BEGIN:
            assert bench.send(command)[0] == Status.OK
            slow.begin()
        else:
            assert bench.send(command, struct.pack("<H", argument))[0] == Status.OK
            slow.program(argument, [{1: 1, 255: -1}.get(int(d), 0) for d in drive])
    assert np.array_equal(bench.read_states(), slow.s)
    assert bench.read(Space.THETA, g.cols, "<u2").tolist() == slow.theta
    assert bench.read(Space.COUNTS, g.cols, "<u2").tolist() == slow.counts
    log = bench.read(Space.LOG, g.log_depth, "<u4")
    assert [(int(x) & 0xFFFF, int(x) >> 16) for x in log] == slow.log_memory
    ring = bench.read(Space.HISTORY, g.history_depth, "<u2").tolist()
    for k in range(max(0, len(slow.history) - g.history_depth), len(slow.history)):
        assert ring[k % g.history_depth] == slow.history[k]
    for name, value in {
        "logged": len(slow.log), "events": slow.events, "spikes": slow.spikes, "updates": slow.updates,
        "tick": slow.now, "history": len(slow.history),
        "random": slow.reg["random"], "encoder_random": slow.reg["encoder_random"],
    }.items():  # fmt: skip
        assert bench.read_register(name) == value, name


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([8, 12, 16]),
    st.lists(
        st.tuples(st.integers(0, 2**24 - 1), st.integers(0, 2**24), st.integers(0, 2**32)), min_size=1, max_size=5
    ),
    st.integers(1, 4), st.integers(1, 5), st.integers(1, 3),
)  # fmt: skip
def test_segments_follow_the_specification(bits, segments, rows, cols, lanes):
    bench = Bench(Geometry(rows, cols, lanes=lanes, state_bits=bits, cell="flca"))
    rng = np.random.default_rng(rows * cols + bits)
    states = rng.integers(0, 2**bits, (rows, cols))
    bench.write_states(states)
    expected = states.tolist()
    for gain, decay, seed in segments:
        rng = np.random.default_rng(seed)
        reach = int(rng.choice([3, 300, 32767]))
        drive, columns = rng.integers(-reach, reach + 1, rows), rng.integers(-reach, reach + 1, cols)
        bench.write(Space.DRIVE, drive, "<i2")
        bench.write(Space.COLUMNS, columns, "<i2")
        assert bench.send(Command.SEGMENT, struct.pack("<II", gain, decay))[0] == Status.OK
        for r in range(rows):
            for n in range(cols):
                s, c = expected[r][n], int(drive[r]) - int(columns[n])
                change = gain * c - (decay * s >> 8)
                if c >= 0:
                    change = max(change, 0)
                expected[r][n] = min(max(s + (change + 32768 >> 16), 0), 2**bits - 1)
    assert np.array_equal(bench.read_states(), expected)
    assert bench.read_register("updates") == len(segments) * rows * cols


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["all", "own"]), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_spikes_are_those_of_the_float_core(seed, reset, inhibition, refractory, learn):
    """Weights on the grid of 1/255, pulses of whole grid steps, no leak: nothing rounds, so nothing may differ."""
    rng = np.random.default_rng(seed)
    rows, cols, window = (int(n) for n in rng.integers(1, 7, 3))
    up, down, threshold = (int(n) for n in rng.integers([1, 1, 100], [40, 40, 900]))
    theta = int(rng.integers(0, 60))
    weights = rng.choice([0, 60, 120, 255, int(rng.integers(256))], (rows, cols))
    lif = Lif(
        # Half a unit below the sum that fires: the float core's sums may be a few 1e-16 off.
        threshold=(threshold - 0.5) / 255, leak=np.inf, refractory=refractory, inhibition=inhibition, reset=reset,
        seed=seed, theta_plus=theta / 255,
    )  # fmt: skip
    time = np.sort(rng.integers(0, 30, 150)).astype(float)
    spikes = SpikeTrain(time, rng.integers(0, rows, 150))
    rank = lif.ranks(cols)

    bench = Bench(Geometry(rows, cols, lanes=2, state_bits=16, log_depth=4096))
    bench.write_registers(
        threshold=threshold, inhibition=inhibition, refractory=refractory, window=window,
        theta_plus=theta if learn else 0,
        flags=(LEARN if learn else 0) | (RESET_ALL if reset == "all" else 0),
    )  # fmt: skip
    bench.write(Space.MEMDUCTANCE, np.arange(256), "u1")
    bench.write(Space.POTENTIATION, np.full(256, up * 256), "<u2")
    bench.write(Space.DEPRESSION, np.full(256, down * 256), "<u2")
    placed = np.empty_like(weights)
    placed[:, rank] = weights
    bench.write_states(placed * 256 + 128)
    items = [item for t, row in zip(np.diff(spikes.time, prepend=0), spikes.line, strict=True)
             for item in (0x8000 + int(t), row)]  # fmt: skip
    for first in range(0, len(items), 128):
        assert bench.events(items[first : first + 128]) == Status.OK
    logged = bench.read_register("logged")
    log = bench.read(Space.LOG, 4096, "<u4")[:logged]
    neuron_on = np.argsort(rank)

    uri = f"sim:rram?rows={rows}&cols={cols}&alpha={up / 255}&alpha_dep={down / 255}&threads=1"
    with open_device(uri) as device:
        device.set_weights(weights / 255)
        expected = HostCore(device, lif, Stdp(float(window))).present(spikes, 31.0, learn)
        # In the order in which they fired: the float core's list is sorted by line within a tick.
        fired = SpikeTrain((log & 0xFFFF).astype(float), neuron_on[log >> 16])
        assert fired == expected
        assert np.array_equal(bench.read_states()[:, rank] >> 8, np.round(device.weights * 255))


def test_neurons_do_fire_in_that_comparison():
    """A guard: the networks above are not silent."""
    rng = np.random.default_rng(0)
    bench = Bench(Geometry(4, 3, state_bits=16))
    bench.write(Space.MEMDUCTANCE, np.arange(256), "u1")
    bench.write_states(rng.integers(100, 256, (4, 3)) * 256)
    bench.write_registers(threshold=500)
    bench.events(np.tile(np.arange(4), 10))
    assert bench.read_register("spikes") > 5
