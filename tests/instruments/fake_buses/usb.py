"""Stands in for PyUSB: USBTMC devices (USB Test and Measurement Class 1.0) whose instruments are behind sockets.

Bulk-OUT takes DEV_DEP_MSG_OUT and REQUEST_DEV_DEP_MSG_IN (tables 3 and 4), Bulk-IN gives DEV_DEP_MSG_IN (table 9) with
the tag of the request, its size, EOM and padding to four bytes; INITIATE_ABORT_BULK_IN (4.2.1.4) ends a request.
``FAKE_USB`` is "0x05e6:0x2450:04407378=5025": vendor, product, serial number and port.
"""

import errno
import os
import socket
import struct
import sys
from array import array

__version__ = "1.2.1"
ENDPOINT_IN, ENDPOINT_OUT = 0x80, 0x00
ENDPOINT_TYPE_MASK = 0x03
ENDPOINT_TYPE_CONTROL, ENDPOINT_TYPE_ISOCHRONOUS, ENDPOINT_TYPE_BULK, ENDPOINT_TYPE_INTERRUPT = range(4)
CTRL_IN, CTRL_TYPE_CLASS, CTRL_RECIPIENT_INTERFACE, CTRL_RECIPIENT_ENDPOINT = 0x80, 0x20, 0x01, 0x02
PACKET = 64
MESSAGE, REQUEST = 1, 2
EOM = 1
SUCCESS = 1
INITIATE_ABORT_BULK_IN, GET_CAPABILITIES = 3, 7


class USBError(OSError):
    """As libusb's, with an errno."""


class NoBackendError(ValueError):
    """Never raised here."""


def build_request_type(direction, kind, recipient):
    return direction | kind | recipient


def endpoint_direction(address):
    return address & ENDPOINT_IN


def endpoint_type(attributes):
    return attributes & ENDPOINT_TYPE_MASK


def find_descriptor(parent, find_all=False, custom_match=None, **wanted):
    found = [
        one
        for one in parent
        if all(getattr(one, name) == value for name, value in wanted.items())
        and (custom_match is None or custom_match(one))
    ]
    return found if find_all else next(iter(found), None)


def dispose_resources(device):
    device.peer.close()


def find(find_all=False, custom_match=None, **wanted):
    devices = [Device(*word.replace("=", ":").split(":")) for word in os.environ.get("FAKE_USB", "").split()]
    return find_descriptor(devices, find_all, custom_match, **wanted)


class Endpoint:
    """Bulk, one way."""

    bmAttributes, wMaxPacketSize = ENDPOINT_TYPE_BULK, PACKET

    def __init__(self, device, address):
        self.bEndpointAddress = address
        self.read, self.write = device.bulk_in, device.bulk_out


class Interface(list):
    """The USBTMC interface, with its two endpoints."""

    bInterfaceClass, bInterfaceSubClass, bInterfaceNumber, index = 0xFE, 3, 0, 0


class Configuration(list):
    """The only one."""

    def __getitem__(self, which):
        return super().__getitem__(0)


class Device:
    """A USBTMC instrument."""

    manufacturer = product = ""

    def __init__(self, vendor, product, serial, port):
        self.idVendor, self.idProduct, self.serial_number = int(vendor, 0), int(product, 0), serial
        ends = [Endpoint(self, 0x81), Endpoint(self, 0x02)]
        self._configuration = Configuration([Interface(ends)])
        self._port, self._peer, self._message, self._answer, self._request = int(port), None, b"", b"", None

    @property
    def peer(self):
        if self._peer is None:
            self._peer = socket.create_connection(("127.0.0.1", self._port))
        return self._peer

    def __iter__(self):
        return iter([self._configuration])

    def is_kernel_driver_active(self, interface):
        return False

    def get_active_configuration(self):
        return self._configuration

    def ctrl_transfer(self, kind, request, value=0, index=0, length=None, timeout=None):
        if request == GET_CAPABILITIES:
            return array("B", [SUCCESS, 0, 0, 1, 0, 0] + [0] * 8 + [0b100] + [0] * 9)  # USB488, no REN
        if request == INITIATE_ABORT_BULK_IN:
            self._request = None
        return array("B", [SUCCESS] + [0] * ((length or 8) - 1))

    def bulk_out(self, data):
        data = bytes(data)
        kind, tag, inverse, size, attributes = struct.unpack("<BBBxLBxxx", data[:12])
        if tag ^ inverse != 0xFF:
            raise USBError(errno.EPIPE, "a halted endpoint: the tag and its inverse do not agree")
        if kind == REQUEST:
            self._request = tag, size
        elif kind == MESSAGE:
            if len(data) % 4 or len(data) < 12 + size:
                raise USBError(errno.EPIPE, "a halted endpoint: a transfer is padded to four bytes")
            self._message += data[12 : 12 + size]
            if attributes & EOM:
                text, self._message = self._message, b""
                self.peer.sendall(text if text.endswith(b"\n") else text + b"\n")
        return len(data)

    def bulk_in(self, size, timeout=None):
        if self._request is None:
            return array("B")
        tag, wanted = self._request
        self.peer.settimeout(None if timeout is None else timeout / 1e3)
        while b"\n" not in self._answer:
            try:
                data = self.peer.recv(4096)
            except TimeoutError:
                raise USBError(errno.ETIMEDOUT, "Operation timed out") from None
            if not data:
                raise USBError(errno.ENODEV, "No such device (it may have been disconnected)")
            self._answer += data
        part = self._answer[: min(wanted, self._answer.index(b"\n") + 1)]
        self._answer, self._request = self._answer[len(part) :], None
        header = struct.pack("<BBBxLBxxx", REQUEST, tag, ~tag & 0xFF, len(part), EOM * part.endswith(b"\n"))
        return array("B", header + part + bytes(-len(part) % 4))


core = util = sys.modules[__name__]
sys.modules |= {"usb.core": core, "usb.util": util}
