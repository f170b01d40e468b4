"""A transport that damages, loses, doubles and delays bytes, drawn from a seed, to test the client with."""

from __future__ import annotations

import math
import random
from collections import Counter

from gateware.host.transport import Transport


class _Direction:
    """Faults of one direction; draws the distance to the next fault instead of one number a byte."""

    def __init__(self, dice: random.Random, kinds: dict[str, float]) -> None:
        self._dice = dice
        self._kinds = [kind for kind, p in kinds.items() if p]
        self._weights = [p for p in kinds.values() if p]
        self._any = 1.0 - math.prod(1.0 - p for p in self._weights)
        self._gap = self._draw()
        self._held = b""
        self.faults: Counter[str] = Counter()

    def carry(self, data: bytes) -> bytes:
        """What arrives when `data` is sent behind all that was held back."""
        out, self._held = bytearray(self._held), b""
        start = 0
        while self._gap < len(data) - start:
            place = start + self._gap
            out += data[start:place]
            start = place + 1
            self._gap = self._draw()
            kind = self._dice.choices(self._kinds, self._weights)[0]
            self.faults[kind] += 1
            if kind == "flip":
                out.append(data[place] ^ 1 << self._dice.randrange(8))
            elif kind == "double":
                out += data[place : place + 1] * 2
            elif kind == "delay":
                self._held = data[place:]
                return bytes(out)
            elif kind == "truncate":
                return bytes(out)
        self._gap -= len(data) - start
        return bytes(out + data[start:])

    def _draw(self) -> int:
        """Bytes before the next fault."""
        if not self._kinds:
            return 1 << 62
        return int(math.log(1.0 - self._dice.random()) / math.log1p(-self._any)) if self._any < 1.0 else 0


class FaultyTransport(Transport):
    """Carries bytes through `inner`, with faults in both directions.

    Parameters
    ----------
    inner : Transport
        The line without faults.
    seed : int
        Seed of the faults.
    flip, drop, double : float
        Probability for each byte to have one bit flipped, to be lost, to come twice.
    delay : float
        Probability for each byte to be held back, with those behind it, until the next `send` or `receive`.
    truncate : float
        Probability for each byte to be lost together with the rest of what was sent or received at once.

    Attributes
    ----------
    faults : Counter
        Faults so far, by kind.
    """

    def __init__(
        self,
        inner: Transport,
        seed: int,
        *,
        flip: float = 0.0,
        drop: float = 0.0,
        double: float = 0.0,
        delay: float = 0.0,
        truncate: float = 0.0,
    ) -> None:
        self.name = f"{inner.name} with faults"
        self.patience = inner.patience
        self._inner = inner
        kinds = {"flip": flip, "drop": drop, "double": double, "delay": delay, "truncate": truncate}
        dice = random.Random(seed)
        self._there = _Direction(dice, kinds)
        self._back = _Direction(dice, kinds)

    @property
    def faults(self) -> Counter[str]:
        """Faults so far, by kind."""
        return self._there.faults + self._back.faults

    def send(self, data: bytes) -> None:
        """Send `data` with faults, behind what was held back before."""
        self._inner.send(self._there.carry(data))

    def receive(self, timeout: float) -> bytes:
        """Receive with faults; bytes held back in `send` arrive after this."""
        return self._back.carry(self._inner.receive(timeout))

    def close(self) -> None:
        """Close the line beneath."""
        self._inner.close()
