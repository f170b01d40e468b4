"""Serves the page of a run on this machine alone: loopback, a secret in the address, and no other page may press off.

Whoever may open a port of this machine, other users among them, finds the server; so its address holds a token, and
every other path is not found. A page of somebody else in the same browser does not know the token; should it learn it,
the `Host` and `Origin` of its requests (RFC 9110 7.2, RFC 6454 7) are those of another place, and refused.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from hil.errors import InputError
from instruments.watch.looking import Sight, Watched
from instruments.watch.page import as_json, watch_page

POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
)
POLICY += "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
"""Content-Security-Policy of all that is sent: nothing from elsewhere, in nobody's frame."""

PATIENCE = 5.0
"""Seconds that a client may take over its request."""


class WatchServer:
    """A page about one run, from a thread of its own, until it is closed; a context manager.

    Attributes
    ----------
    url : str
        Where the page is, its token included.
    """

    def __init__(
        self, watched: Watched, off: Callable[[Sight], list[str]], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """Open the port, 0 for any that is free; `off` is what the emergency off does.

        Raises
        ------
        InputError
            If the address is no loopback one, or the port is taken.
        """
        require_loopback(host)
        self._watched, self._off, self._lock = watched, off, threading.Lock()
        self._token = secrets.token_urlsafe(16)
        try:
            self._server = _Loopback((host, port), _handler(self))
        except OSError as error:
            raise InputError(
                f"port {port} on {host} cannot be opened: {(error.strerror or str(error)).lower()}"
            ) from None
        self.port = int(self._server.server_address[1])
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self.port}/{self._token}/"
        self._hosts = {f"{own}:{self.port}" for own in (name, "127.0.0.1", "localhost", "[::1]")}
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of the port; safe to call again."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=PATIENCE)

    def __enter__(self) -> Self:
        """Serve in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close on every way out."""
        self.close()

    def refusal(self, host: str | None, origin: str | None) -> str | None:
        """Why a request that names this host, and comes from a page of this origin, is refused; None if it is not."""
        if host not in self._hosts:
            return f"the host {host} is not this server's"
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return f"a page of {origin} asks"
        return None

    def place(self, path: str) -> str | None:
        """What is asked for below the token; None where the token is wrong."""
        token, slash, rest = path.partition("?")[0].removeprefix("/").partition("/")
        known = secrets.compare_digest(token.encode(), self._token.encode())
        return rest if slash and known else None

    def get(self, place: str) -> tuple[str, bytes] | None:
        """Kind and content of a page; None if there is no such page."""
        with self._lock:
            if place == "":
                return "text/html; charset=utf-8", watch_page(self._watched.look()).encode()
            if place == "state.json":
                return "application/json", json.dumps(as_json(self._watched.look())).encode()
            if place == "figure.png" and (picture := self._watched.figure()):
                return "image/png", picture
        return None

    def press_off(self) -> bytes:
        """Emergency off: what came of it, as text. It waits for no picture that is being drawn."""
        return "\n".join(self._off(Watched(self._watched.path).look())).encode()


class _Loopback(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        import socket

        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)


def require_loopback(host: str) -> None:
    """Refuse an address that others can reach: the page switches instruments off and is not encrypted."""
    try:
        good = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        good = False
    if not good:
        raise InputError(
            f"host = {host} is no loopback address: give 127.0.0.1 or ::1; from elsewhere, ssh -L forwards the port"
        )


def _handler(server: WatchServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE
        server_version, sys_version = "hil", ""

        def do_GET(self) -> None:
            found = None if (place := self._place()) is None else server.get(place)
            if found is not None:
                self._answer(HTTPStatus.OK, *found)
            elif place is not None:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"there is no such page\n")

        def do_POST(self) -> None:
            place = self._place()
            if place == "off":
                self._answer(HTTPStatus.OK, "text/plain; charset=utf-8", server.press_off())
            elif place is not None:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"there is no such page\n")

        def _place(self) -> str | None:
            """What is asked for; None where that was refused already."""
            why = server.refusal(self.headers.get("Host"), self.headers.get("Origin"))
            place = server.place(self.path)
            if why is not None:
                self._answer(HTTPStatus.FORBIDDEN, "text/plain; charset=utf-8", f"refused: {why}\n".encode())
                return None
            if place is None:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"the address of the page holds a token\n")
            return place

        def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
            self.send_response(status)
            for name, value in (
                ("Content-Type", kind), ("Content-Length", str(len(content))), ("Cache-Control", "no-store"),
                ("Content-Security-Policy", POLICY), ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "same-origin"),
            ):  # fmt: skip
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the terminal shows the run."""

    return Handler
