"""`Format`: what a file format is asked: whether a content is of it, and its tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hil.importing.raw import RawFile
from hil.importing.request import Request


@dataclass(frozen=True)
class Content:
    """Bytes of a file, and its text with the name of the encoding where it is one."""

    path: Path
    data: bytes
    text: str = ""
    encoding: str = ""

    def lines(self, count: int = 60) -> list[str]:
        """The first lines."""
        return self.text[: 400 * count].splitlines()[:count]


class Format(Protocol):
    """One format; a module is one."""

    NAME: str
    """What the user calls it."""

    def recognise(self, content: Content) -> bool:
        """Whether a content is of this format, by what is in it."""

    def read(self, content: Content, request: Request) -> RawFile:
        """Tables of a content that was recognised; `InputError` where it is damaged."""
