"""A serial port, or a pty that looks like one."""

from __future__ import annotations

import errno
from contextlib import suppress

import serial

from gateware.host.errors import LinkLost, PortError
from gateware.host.transport import Transport

WRITE_TIMEOUT = 0.5
"""Seconds after which a port that takes no more bytes counts as dead."""


class SerialPort(Transport):
    """A serial port with exclusive access, 8 data bits, no parity, 1 stop bit.

    Parameters
    ----------
    port : str
        Name of the port, such as ``/dev/ttyUSB0`` or ``COM3``.
    baud : int
        Bit rate, 1/s.

    Raises
    ------
    PortError
        If the port does not exist, is in use, or may not be used by this user.
    """

    def __init__(self, port: str, baud: int = 1_000_000) -> None:
        self.name = port
        try:
            self._serial = serial.Serial(port, baud, write_timeout=WRITE_TIMEOUT, exclusive=True)
        except (serial.SerialException, ValueError) as error:
            raise PortError(f"serial port {port}: {_reason(error)}") from error
        self._answer_at_once()

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise LinkLost(f"serial port {self.name} takes no bytes any more: is the board still running?") from error
        except (serial.SerialException, OSError) as error:
            raise self._gone(error) from error

    def receive(self, timeout: float) -> bytes:
        """Return what has arrived, at the latest after `timeout` s."""
        try:
            self._serial.timeout = timeout
            first = self._serial.read(1)
            return first + self._serial.read(self._serial.in_waiting) if first else first
        except (serial.SerialException, OSError) as error:
            raise self._gone(error) from error

    def close(self) -> None:
        """Close the port."""
        self._serial.close()

    def _answer_at_once(self) -> None:
        """Ask the driver to pass bytes on at once: an FTDI chip keeps a short answer for 16 ms otherwise.

        Only Linux has a call for it, and only real ports take it; on Windows it is a setting of the driver.
        """
        with suppress(AttributeError, NotImplementedError, ValueError, OSError):
            self._serial.set_low_latency_mode(True)

    def _gone(self, error: Exception) -> LinkLost:
        return LinkLost(f"serial port {self.name} is gone: was the board unplugged? ({error})")


def _reason(error: Exception) -> str:
    """Say in words why a port could not be opened."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return "there is no such port; is the board plugged in?"
    if number in (errno.EAGAIN, errno.EBUSY):
        return "it is in use by another program"
    if number in (errno.EACCES, errno.EPERM):
        return "this user may not open it; on Linux, join the group that owns it (often dialout)"
    return str(error)
