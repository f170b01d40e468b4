"""TSP, the Lua of Keithley's instruments, as a program reads it: the error queue."""

from __future__ import annotations

from instruments.link.scpi import error_number


def parse_error(reply: str) -> tuple[int, str] | None:
    """Number and text of an answer to ``print(errorqueue.next())``; None for number 0.

    Number, text, severity and node are separated by tabs (2600BS-901-01, 7-72; 707B-901-01, errorqueue.next).

    Raises
    ------
    ProtocolError
        If the answer does not begin with an error number.
    """
    words = reply.strip().split("\t")
    code = error_number(words[0], reply)
    return None if code == 0 else (code, words[1].strip() if len(words) > 1 else "")
