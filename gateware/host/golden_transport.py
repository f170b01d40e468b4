"""Transport to a golden model in the same process."""

from __future__ import annotations

from collections.abc import Callable

from gateware.golden.link import GoldenLink
from gateware.host.transport import Transport


class GoldenTransport(Transport):
    """Carries bytes to a `GoldenLink`, which answers at once.

    Parameters
    ----------
    link : GoldenLink or callable
        The link, or what carries commands out behind a new one: command byte + arguments to status byte + payload.
    """

    name = "golden model"

    def __init__(self, link: GoldenLink | Callable[[bytes], bytes]) -> None:
        self.link = link if isinstance(link, GoldenLink) else GoldenLink(link)
        self._arrived = bytearray()

    def send(self, data: bytes) -> None:
        """Have all commands in `data` carried out."""
        self._arrived += self.link.feed(data)

    def receive(self, timeout: float) -> bytes:
        """Return all answers so far, without waiting: more can only follow from `send`."""
        data = bytes(self._arrived)
        self._arrived.clear()
        return data

    def close(self) -> None:
        """Forget unread answers."""
        self._arrived.clear()
