"""A run in the terminal: its numbers and instruments, drawn anew once a second; lines where it is no terminal."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable

from hil.runs.interrupt import stops_heard_by
from instruments.watch.looking import Sight, Watched
from instruments.watch.page import session_rows

EVERY = 1.0
"""Seconds between two looks."""

LINES_EVERY = 10.0
"""Seconds between two blocks of lines where it is no terminal, unless the state changes."""

OFF = "off"
"""What is typed, with Enter, for an emergency off."""


def show(
    watched: Watched,
    url: str | None,
    off: Callable[[Sight], list[str]],
    *,
    once: bool = False,
    to_end: bool = False,
    quiet: bool = False,
) -> None:
    """Show a run until Ctrl-C: `once` as it is, `to_end` while a process works on it, `quiet` on its page alone."""
    stopped: list[int] = []
    with stops_heard_by(lambda number, frame: stopped.append(number)):
        look = watched.look()
        if quiet:
            print(f"page: {url}", flush=True)
            while not stopped and (look.running or not to_end):
                time.sleep(0.2)
                look = watched.look()
        elif once or not sys.stdout.isatty():
            _in_lines(watched, look, url, stopped, once, to_end)
        else:
            _on_screen(watched, look, url, off, stopped, to_end)


def _in_lines(watched: Watched, look: Sight, url: str | None, stopped: list[int], once: bool, to_end: bool) -> None:
    if url:
        print(f"page: {url}", flush=True)
    print("\n".join(text_of(look)), flush=True)
    told, last = look, time.monotonic()
    while not once and not stopped and (look.running or not to_end):
        time.sleep(0.1)
        now = watched.look()
        due = now.figure != told.figure and time.monotonic() - last >= LINES_EVERY
        if due or now.state != told.state:
            told, last = now, time.monotonic()
            print("\n".join(text_of(now)), flush=True)
        look = now


def _on_screen(
    watched: Watched, look: Sight, url: str | None, off: Callable[[Sight], list[str]], stopped: list[int], to_end: bool
) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    foot = [f"page: {url}"] if url else []
    foot.append(f"type '{OFF}' and Enter for an emergency off; Ctrl-C ends watching, not the run")
    said: list[str] = []
    with Live(console=Console(), auto_refresh=False) as live:
        while not stopped:
            look = watched.look()
            live.update(Text("\n".join([*text_of(look), "", *foot, *said])), refresh=True)
            if to_end and not look.running:
                return
            if _typed(EVERY) == OFF:
                said = off(look)


def _typed(seconds: float) -> str:
    """Line that is typed within a time, or nothing."""
    try:
        ready = select.select([sys.stdin], [], [], seconds)[0]
    except (OSError, ValueError):  # no standard input
        time.sleep(seconds)
        return ""
    if not ready:
        return ""
    line = sys.stdin.readline()
    if not line:
        time.sleep(seconds)
    return line.strip().lower()


def text_of(look: Sight) -> list[str]:
    """All there is to tell, as lines."""
    note = f" ({look.note})" if look.note else ""
    lines = [f"{look.name}: hil {look.kind}, {look.state}{note}"]
    pairs = [(name, value) for name, value in look.numbers]
    pairs += [(first, " ".join(rest)) for first, *rest in session_rows(look.sessions)]
    width = max((len(name) for name, _ in pairs), default=0)
    return lines + [f"  {name:<{width}}  {value}" for name, value in pairs]
