"""A serial port with deadlines: bytes out, so many bytes or a line back, every exchange logged."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from hil.errors import InputError
from instruments.link.command_log import CommandLog
from instruments.link.errors import LinkLost, LinkTimeout

PARITIES = {"even": "E", "none": "N", "odd": "O"}


class BoardPort:
    """An open serial port.

    Attributes
    ----------
    resource : str
        VISA resource name of the port.
    log : CommandLog
        Takes every exchange.
    """

    def __init__(
        self, path: str, *, baud_rate: int, parity: str, timeout: float, log: CommandLog | None = None
    ) -> None:
        """Open it for this process alone, as far as the system allows.

        Raises
        ------
        InputError
            If pyserial is not installed.
        LinkLost
            If there is no such port, or it is in use.
        """
        try:
            import serial
        except ImportError as error:
            raise InputError(f'{path} needs the extra lab, pip install "memhil[lab]": {error}') from None
        self.resource, self.timeout = f"ASRL{path}::INSTR", timeout
        self.log = CommandLog.memory() if log is None else log
        try:
            self._port: Any = serial.Serial(
                path, baudrate=baud_rate, parity=PARITIES[parity], stopbits=1, timeout=0.05, write_timeout=timeout
            )
        except (OSError, ValueError) as error:
            raise LinkLost(f"{path}: cannot be opened, {' '.join(str(error).split())}") from None
        self.log.add(self.resource, "!", "open")

    def send(self, *words: str) -> None:
        """Send words, each with a line feed after it."""
        self.log.add(self.resource, ">", " ".join(words))
        try:
            self._port.write("".join(f"{word}\n" for word in words).encode("ascii"))
            self._port.flush()
        except Exception as error:  # pyserial raises its own, OSError and termios.error
            raise LinkLost(f"{self.resource}: '{words[0]}' could not be sent, {error}") from None

    def take(self, count: int, asked: str, patience: float = 0.0) -> bytes:
        """Wait for so many bytes.

        Raises
        ------
        LinkTimeout
            If they do not come within the timeout and `patience` s; what has come is thrown away.
        LinkLost
            If the port is gone.
        """
        data = b""
        end = time.monotonic() + self.timeout + patience
        while len(data) < count:
            data += self._some(count - len(data))
            if len(data) < count and time.monotonic() >= end:
                raise LinkTimeout(
                    f"{self.resource}: {len(data)} of {count} bytes within {self.timeout + patience:g} s as an "
                    f"answer to '{asked}'"
                )
        self.log.add(self.resource, "<", data.hex())
        return data

    def line(self, asked: str, patience: float = 0.0) -> str:
        """Wait for a line; raises what `take` raises."""
        data = b""
        end = time.monotonic() + self.timeout + patience
        while not data.endswith(b"\n"):
            data += self._some(1)
            if not data.endswith(b"\n") and (time.monotonic() >= end or len(data) > 200):
                raise LinkTimeout(f"{self.resource}: no line within {self.timeout + patience:g} s after '{asked}'")
        self.log.add(self.resource, "<", data.strip())
        return data.decode("ascii", "replace").strip()

    def forget(self) -> None:
        """Throw away what has come and nobody has asked for."""
        with contextlib.suppress(Exception):
            self._port.reset_input_buffer()

    def close(self) -> None:
        """Let go of it; safe to call again."""
        if self._port.is_open:
            with contextlib.suppress(Exception):
                self._port.close()
            self.log.add(self.resource, "!", "close")

    def _some(self, most: int) -> bytes:
        try:
            return bytes(self._port.read(most))
        except Exception as error:  # as above
            raise LinkLost(f"{self.resource}: the port is gone, {error}") from None
