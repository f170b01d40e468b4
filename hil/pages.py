"""Pages that a browser shows without any network: tables of results, pictures and commands in one HTML file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from hil import notebook
from hil.runs.results import Row, Rows, warnings_in

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .86rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid #e4e4e4; }
td:first-child { min-width: 14rem; } td:nth-child(2) { white-space: nowrap; } td:last-child { overflow-wrap: anywhere; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
pre { background: #f5f5f5; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; }
img { max-width: 100%; } figure { margin: 1rem 0; } figcaption, .note { color: #555; font-size: .85rem; }
.warning { background: #fff4d6; border-left: 4px solid #e0a800; padding: .4rem .8rem; margin: .5rem 0; }
"""

MIME = {".png": "image/png", ".gif": "image/gif", ".svg": "image/svg+xml", ".jpg": "image/jpeg", ".webp": "image/webp"}
"""Kinds of pictures that a page holds, by their ending."""


def page(title: str, body: Iterable[str]) -> str:
    """Page with a title and what stands below it, each a piece of HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def results(rows: Iterable[Row], caption: str) -> str:
    """Table of results, and their warnings below it."""
    told = Rows(rows, caption)
    warned = "".join(f"<p class=warning>{escape(sentence)}</p>" for sentence in warnings_in(told))
    plain = Rows((row for row in told if not warnings_in([row])), caption)
    return (plain._repr_html_() if plain else "") + warned


def command(words: str) -> str:
    """A command, or any text, as it is typed."""
    return f"<pre>{escape(words)}</pre>"


def folded(title: str, text: str) -> str:
    """A long text that is shown when its title is clicked."""
    return f"<details><summary>{escape(title)}</summary>{command(text)}</details>"


def picture(path: Path) -> str:
    """A picture with its name, inside the page; `KeyError` for a kind that browsers do not show."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    name = escape(path.stem.replace("_", " "))
    kind = MIME[path.suffix.lower()]
    return f'<figure><img alt="{name}" src="data:{kind};base64,{data}"><figcaption>{name}</figcaption></figure>'


def origin(meta: Mapping[str, Any]) -> Iterator[str]:
    """What a run was made by: versions, platform, time."""
    yield notebook.table(["package", "version"], [(str(k), str(v)) for k, v in meta.get("versions", {}).items()])
    yield (
        f"<p class=note>{escape(str(meta.get('platform', '')))}, Python {escape(str(meta.get('python', '')))}, "
        f"begun {escape(str(meta.get('started', '')))}</p>"
    )
