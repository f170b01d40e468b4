"""Spiking core on the emulator: the semantics of `hil.spiking.core` in ticks and whole numbers (docs/emulator.md).

A spike happens in the tick its time falls into; inputs of one tick are played in the order in which they come.
Membranes and thresholds count 1/255 of a full weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from gateware.code_table import EDGE, code_table
from gateware.geometry import SLOWEST, Geometry
from gateware.image_code import MOST_BITS, coded, levels
from gateware.protocol import MAX_ARGUMENTS, Command, Flag, Space
from gateware.thresholds import FULL, FULL_WEIGHT, Thresholds
from hil.device import Unsupported
from hil.spiking.core import Code, SpikingCore
from hil.spiking.course import LearningCourse
from hil.spiking.encoding import SpikeCode
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeBatch, SpikeTrain

if TYPE_CHECKING:
    from gateware.host.client import Client
    from gateware.parameters import FpgaParameters
    from hil.energy.meter import Meter

ON_CHIP = "pulses of neurons on the emulator, and reads of images that it encodes, are not told to the host"
"""Why energies of some pulses are not known."""

ONE = 1 << 16
"""Unit of registers `keep` and `theta_keep`."""

LEAST_LEAK = 8
"""Smallest leak of a membrane in a tick, / 65536; rounding it to a whole number is then wrong by 6 % at most."""

NEGLIGIBLE = 1e-9
"""Part of a threshold whose decay in one presentation need not be followed."""

LONGEST = (1 << 15) - 1
"""Largest value of a timer, ticks."""

EVENTS_A_FRAME = MAX_ARGUMENTS // 2
"""Most inputs in one frame of EVENTS."""

TICKS_AN_EVENT = 256
"""Ticks between two inputs for which there is time to wait, on average over a frame: 2^15 in all."""

ADVANCE = 0x8000
"""Highest bit of an item of EVENTS: advance by so many ticks, instead of a spike."""

CERTAIN_PULSE = 1 << 16
"""Unit of register `chances`; at this value no lots are drawn."""


class SpikingEmulator(Protocol):
    """What `FpgaCore` needs of its device; `gateware.device.StepDevice` offers it."""

    name: str
    rows: int
    cols: int
    parameters: FpgaParameters
    client: Client
    geometry: Geometry
    place: NDArray[np.int64]
    meter: Meter | None

    def note_reads(self, spikes: NDArray[np.int64]) -> None:
        """Tell the meter of so many reads of every row."""

    @property
    def states(self) -> NDArray[np.uint16]:
        """(rows, cols) states of the cells."""

    @property
    def rounding_flag(self) -> int:
        """Bit of register `flags` that says how states are rounded."""

    def place_columns(self, place: NDArray[np.int64]) -> None:
        """Choose the emulator's column for each of the device's."""

    def set_registers(self, **values: int) -> None:
        """Write registers."""

    def register_commands(self, again: bool = False, **values: int) -> list[bytes]:
        """Commands that write registers."""

    def changed(self) -> None:
        """Cells have moved."""


class FpgaCore(SpikingCore):
    """Neurons and learning on the columns of a `gateware.device.StepDevice`.

    Parameters
    ----------
    device : StepDevice
        Its columns are laid out in order of rank, because the emulator lets the lowest column win.
    lif, stdp
        Neurons, and the rectangular rule.

    Raises
    ------
    Unsupported
        If a setting cannot be had in whole ticks and registers; the reason is given.
    """

    stdp: Stdp

    def __init__(self, device: SpikingEmulator, lif: Lif, stdp: Stdp) -> None:
        """Set the emulator up; adaptive thresholds start at 0."""
        self.device, self.lif, self.stdp = device, lif, stdp
        self.rows, self.neurons = device.rows, device.cols
        self._tick = device.parameters.tick
        self.course = LearningCourse()
        self._thresholds = Thresholds(device, self.neurons, lif.theta_mean == "zero")
        self._settings = self._registers()
        device.place_columns(lif.ranks(device.cols))
        self.theta = np.zeros(self.neurons)

    @property
    def theta(self) -> NDArray[np.float64]:
        """Adaptive part of every neuron's threshold, in full weights."""
        return self._thresholds.read()

    @theta.setter
    def theta(self, theta: NDArray[np.float64]) -> None:
        self._thresholds.write(theta)

    def weights(self) -> NDArray[np.float64]:
        """(rows, neurons) weights, 0..1, at the full width of a state."""
        return self.device.states / ((1 << self.device.geometry.state_bits) - 1)

    def present(self, spikes: SpikeTrain, duration: float, learn: bool) -> SpikeTrain:
        """Play one presentation; see `SpikingCore.present`. Output spikes are at the start of their tick."""
        device, client = self.device, self.device.client
        items = self._items(SpikeBatch.of([spikes]), duration)[0]
        most = 1 if self.lif.inhibition > 0 else self.neurons
        piece = device.geometry.log_depth // most
        if piece < 1:
            raise Unsupported(
                f"{device.name}: an input may make all {self.neurons} neurons fire and the emulator keeps only "
                f"{device.geometry.log_depth} spikes: present_batch counts them, or give it a larger log_depth"
            )
        self._prepare(duration, learn)
        self._next(learn)
        client.begin()
        read, ticks, columns = 0, [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for first in range(0, len(items), piece):
            client.events(items[first : first + piece], self._patience(EVENTS_A_FRAME))
            logged = client.read_registers("logged")["logged"]
            entries = self._logged(read, logged)
            ticks.append(entries & 0xFFFF)
            columns.append(entries >> 16)
            read = logged
        self._learned(learn)
        neurons = np.argsort(device.place)[np.concatenate(columns)]
        self._note(SpikeBatch.of([spikes]), duration, len(neurons) if learn else 0)
        return SpikeTrain(np.concatenate(ticks).astype(np.float64) * self._tick, neurons)

    def present_batch(self, batch: SpikeBatch, duration: float, learn: bool) -> NDArray[np.int64]:
        """Play presentations one after another; (B, neurons) output spikes counted."""
        counts = np.zeros((len(batch), self.neurons), np.int64)
        played = self._items(batch, duration)
        self._prepare(duration, learn)
        for b, items in enumerate(played):
            self._next(learn)
            self.device.client.begin()
            self.device.client.events(items, self._patience(EVENTS_A_FRAME))
            counts[b] = self._neurons(Space.COUNTS)
            self._thresholds.fired(counts[b : b + 1])
        self._learned(learn)
        self._note(batch, duration, int(counts.sum()) if learn else 0)
        return counts

    def present_images(
        self,
        images: NDArray[np.uint8],
        full_scale: int,
        code: Code,
        seed: int,
        numbers: NDArray[np.int64],
        learn: bool,
    ) -> NDArray[np.int64]:
        """Have images encoded on chip, where the emulator has an encoder for the code, and else on the host.

        Code "latency" gives the spikes of `SpikeCode.encode`, in order of rows within a tick. Code "poisson" draws in
        every tick, with the emulator's own random numbers instead of `seed` and `numbers`, at the same mean rate; its
        shortest interval is a tick.
        """
        device = self.device
        if not device.parameters.encoder or not isinstance(code, SpikeCode) or code.kind == "periodic":
            return super().present_images(images, full_scale, code, seed, numbers, learn)
        bits = MOST_BITS if code.kind == "latency" else device.parameters.grey_bits
        device.client.write_memory(
            Space.CODE, 0, code_table(device.name, device.parameters.tick, code, full_scale, bits)
        )
        self._prepare(code.duration, learn, latency=code.kind == "latency")
        patience = self._patience(self._length(code.duration) * self.rows)
        pixels, counts = levels(images, full_scale, bits), np.zeros((len(images), self.neurons), np.int64)
        first = 0
        while first < len(images):
            end = min(first + self._thresholds.shown_at_once(learn, self.lif.theta_plus), len(images))
            counts[first:end] = self._show(pixels[first:end], bits, learn, patience)
            self._thresholds.fired(counts[first:end])
            first = end
        self._learned(learn)
        if device.meter is not None:
            device.meter.unknown(len(images) + (int(counts.sum()) if learn else 0), ON_CHIP)
        return counts

    def _show(self, pixels: NDArray[np.uint8], bits: int, learn: bool, patience: float) -> NDArray[np.int64]:
        """Have images encoded on chip in one exchange; (B, neurons) output spikes counted."""
        from gateware.host.presenter import Presenter

        device, course = self.device, self.course
        falling, asked = self._falling(learn, len(pixels)), -1

        def commands(k: int) -> list[bytes]:
            nonlocal asked
            values = self._values(*(values[k] for values in falling))
            made = device.register_commands(again=k <= asked, **values)
            asked, image = k, coded(pixels[k], bits)
            if image is None:
                made += device.client.write_commands(Space.DRIVE, 0, pixels[k])
            return [*made, bytes([Command.PRESENT]) + (image or b"")]

        presenter = Presenter(device.client, device.geometry.history_depth, self.neurons)
        counts = np.array(list(presenter.counts(len(pixels), commands, patience))).reshape(len(pixels), self.neurons)
        course.presentations += learn * len(pixels)
        return counts[:, device.place]

    def _note(self, batch: SpikeBatch, duration: float, fired: int) -> None:
        """Tell the meter of the reads of a batch, and of output spikes whose pulses nobody here has seen."""
        device = self.device
        if device.meter is not None:
            device.note_reads(np.bincount(batch.line[batch.time < duration], minlength=self.rows))
            device.meter.unknown(fired, ON_CHIP)

    def _registers(self) -> dict[str, int]:
        """Everything that stays the same from presentation to presentation."""
        lif, device = self.lif, self.device
        if lif.tie != device.geometry.tie:
            raise Unsupported(
                f"{device.name} settles ties by {device.geometry.tie}, not by {lif.tie}: open it, and build it, with "
                f"tie={lif.tie}"
            )
        if lif.tie != "rank" and lif.inhibition == 0:
            raise Unsupported(f"{device.name}: without inhibition, ties by {lif.tie} have no order in the emulator")
        self._require_annealing()
        threshold, highest = round(lif.threshold * FULL_WEIGHT), (1 << device.geometry.v_bits) - 1
        if not 1 <= threshold <= highest:
            raise Unsupported(
                f"{device.name}: threshold {lif.threshold:g} full weights must be in {1 / FULL_WEIGHT:.2g} .. "
                f"{highest / FULL_WEIGHT:g}, what a membrane of v_bits = {device.geometry.v_bits} holds"
            )
        theta_plus = round(lif.theta_plus * FULL_WEIGHT)
        least = lif.theta_plus if lif.theta_plus_end is None else lif.theta_plus_end
        if theta_plus > FULL or (least > 0 and round(least * FULL_WEIGHT) == 0):
            raise Unsupported(
                f"{device.name}: theta_plus {least:g} full weights must be 0 or in "
                f"{1 / FULL_WEIGHT:.2g} .. {FULL // FULL_WEIGHT}"
            )
        return {
            "threshold": threshold,
            "keep": self._keep(),
            "inhibition": self._ticks("inhibition", lif.inhibition, least=1 if lif.inhibition > 0 else 0),
            "refractory": self._ticks("refractory", lif.refractory),
            "window": self._ticks("window", self.stdp.window),
        }

    def _require_annealing(self) -> None:
        """Refuse what registers for what falls during a run would be needed for, and what they cannot hold."""
        lif, rule, device = self.lif, self.stdp, self.device
        lowest = rule.pulse_probability if rule.pulse_probability_end is None else rule.pulse_probability_end
        wanted = {"theta_mean = zero": lif.theta_mean == "zero", f"a pulse probability of {lowest:g}": lowest < 1}
        missing = " and ".join(name for name, asked in wanted.items() if asked)
        if missing and not device.parameters.annealing:
            raise Unsupported(
                f"{device.name}: {missing} needs an emulator with annealing: open it, and build it, with annealing=on"
            )
        if round(lowest * CERTAIN_PULSE) < 1:
            raise Unsupported(
                f"{device.name}: a pulse probability of {lowest:g} is below {1 / CERTAIN_PULSE:.2g}, the emulator's "
                "smallest"
            )

    def _keep(self) -> int:
        keep = round(ONE * np.exp(-self._tick / self.lif.leak))
        if self.lif.leak < self._tick or (np.isfinite(self.lif.leak) and keep > ONE - LEAST_LEAK):
            raise Unsupported(
                f"{self.device.name}: leak {self.lif.leak:g} s must be 1 to {ONE // LEAST_LEAK} ticks of "
                f"{self._tick:g} s, or infinite: choose another tick"
            )
        return keep

    def _ticks(self, name: str, seconds: float, least: int = 0) -> int:
        ticks = round(seconds / self._tick)
        if not least <= ticks <= LONGEST:
            raise Unsupported(
                f"{self.device.name}: {name} {seconds:g} s is {seconds / self._tick:.3g} ticks of {self._tick:g} s, "
                f"the emulator counts {least} to {LONGEST}: choose another tick"
            )
        return ticks

    def _length(self, duration: float) -> int:
        """Ticks of a presentation."""
        ticks, most = int(np.ceil(duration / self._tick - EDGE)), 1 << self.device.geometry.t_bits
        if not 1 <= ticks <= min(most, LONGEST):
            raise Unsupported(
                f"{self.device.name}: a presentation of {duration:g} s is {ticks} ticks of {self._tick:g} s, the "
                f"emulator counts 1 to {min(most, LONGEST)}: choose another tick, or t_bits up to 15"
            )
        return ticks

    def _theta_keep(self, duration: float) -> int:
        lost = -np.expm1(-duration / self.lif.theta_decay)
        keep = round(ONE * (1.0 - lost))
        if self.lif.theta_mean == "zero" and keep != ONE:
            raise Unsupported(
                f"{self.device.name}: thresholds of zero mean are not forgotten in the emulator, as theta_decay = "
                f"{self.lif.theta_decay:g} s asks: leave it out"
            )
        if self.lif.theta_plus > 0 and keep == ONE and lost > NEGLIGIBLE:
            raise Unsupported(
                f"{self.device.name}: theta_decay {self.lif.theta_decay:g} s takes {lost:.2g} of a threshold in a "
                f"presentation of {duration:g} s, the emulator at least {1 / ONE:.2g} or nothing"
            )
        return keep

    def _prepare(self, duration: float, learn: bool, latency: bool = False) -> None:
        flags = self.device.rounding_flag | learn << Flag.LEARN | latency << Flag.LATENCY
        flags |= (self.lif.reset == "all") << Flag.RESET_ALL
        changing = {"flags": flags, "duration": self._length(duration)}
        # Thresholds adapt while learning only.
        changing["theta_keep"] = self._theta_keep(duration) if learn else ONE
        self.device.set_registers(**self._settings | changing)
        if learn and self.lif.theta_mean == "zero":
            self._thresholds.make_room()

    def _next(self, learn: bool) -> None:
        """Write registers of what falls, before a presentation."""
        (theta_plus,), (probability,) = self._falling(learn, 1)
        self.device.set_registers(**self._values(theta_plus, probability))
        self.course.presentations += learn

    def _values(self, theta_plus: float, probability: float) -> dict[str, int]:
        """Registers of what falls."""
        chances = {"chances": round(probability * CERTAIN_PULSE)} if self.device.geometry.annealing else {}
        return self._thresholds.registers(theta_plus) | chances

    def _patience(self, events: int) -> float:
        """Longest time in s that the emulator takes for so many input spikes: each makes all neurons fire that can."""
        g = self.device.geometry
        fire = 1 if self.lif.inhibition > 0 else self.neurons
        return events * SLOWEST * (g.groups + fire * (g.rows + g.groups) + TICKS_AN_EVENT * g.groups) / g.clock

    def _learned(self, learn: bool) -> None:
        if learn:
            self.device.changed()

    def _items(self, batch: SpikeBatch, duration: float) -> list[NDArray[np.uint16]]:
        """Items of EVENTS for every train: advances in ticks, and the rows that spike in between."""
        self._require_rows(int(batch.line.max(initial=0)))
        self._length(duration)
        trains = []
        for b in range(len(batch)):
            part = slice(batch.start[b], batch.start[b + 1])
            time, line = batch.time[part], batch.line[part]
            count = np.searchsorted(time, duration)
            tick = np.floor(time[:count] / self._tick + EDGE).astype(np.int64)
            pairs = np.stack([ADVANCE + np.diff(tick, prepend=0), line[:count]], axis=1).ravel()
            trains.append(pairs[pairs != ADVANCE].astype(np.uint16))
        return trains

    def _neurons(self, space: Space) -> NDArray[np.int64]:
        """(neurons,) memory of the neurons."""
        return self.device.client.read_memory(space, 0, self.neurons)[self.device.place].astype(np.int64)

    def _logged(self, first: int, end: int) -> NDArray[np.int64]:
        """Entries `first` to `end` of the log, which is a ring."""
        depth, parts = self.device.geometry.log_depth, [np.zeros(0, np.int64)]
        while first < end:
            place = first % depth
            count = min(end - first, depth - place)
            parts.append(self.device.client.read_memory(Space.LOG, place, count).astype(np.int64))
            first += count
        return np.concatenate(parts)
