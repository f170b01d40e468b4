"""The page of a run that is watched: one file, no network but its own server, and readable without a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from instruments.link.events import SessionState
from instruments.watch.looking import Sight

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.2rem auto; max-width: 78rem; padding: 0 1rem; color: #1a1a1a; }
header { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; border-bottom: 1px solid #ccc; }
h1 { font-size: 1.3rem; margin: .4rem 0; overflow-wrap: anywhere; }
main { display: grid; grid-template-columns: minmax(0, 3fr) minmax(18rem, 2fr); gap: 1.5rem; }
@media (max-width: 50rem) { main { grid-template-columns: minmax(0, 1fr); } }
img { max-width: 100%; } table { border-collapse: collapse; width: 100%; font-size: .86rem; margin-bottom: 1rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #e4e4e4; }
td { overflow-wrap: anywhere; } caption { text-align: left; font-weight: 600; }
.state { padding: .1rem .7rem; border-radius: 1rem; background: #e4e4e4; }
.running { background: #cfe8cf; } .on { color: #b00000; font-weight: 700; } .note { color: #555; font-size: .85rem; }
#off { background: #c00000; color: #fff; border: 0; border-radius: .4rem; font: inherit; font-weight: 700;
  padding: .6rem 1.4rem; cursor: pointer; } #said { white-space: pre-line; font-weight: 600; }
"""

SCRIPT = """
const at = name => document.getElementById(name);
let shown = -1;
function table(body, rows) {
  body.replaceChildren(...rows.map(row => {
    const line = document.createElement('tr');
    row.forEach((text, k) => {
      const cell = document.createElement(k ? 'td' : 'th');
      cell.textContent = text; if (text === 'ON') cell.className = 'on'; line.append(cell);
    });
    return line;
  }));
}
async function look() {
  try {
    const now = await (await fetch('state.json', {cache: 'no-store'})).json();
    at('state').textContent = now.state;
    at('state').className = 'state ' + (now.running ? 'running' : '');
    at('note').textContent = now.note;
    table(at('numbers'), now.numbers);
    table(at('sessions'), now.rows);
    at('off').hidden = at('instruments').hidden = !now.rows.length;
    if (now.figure !== shown) {
      shown = now.figure;
      if (shown) { at('figure').src = 'figure.png?' + shown; at('figure').hidden = false; }
    }
  } catch (error) {
    at('state').textContent = 'hil lab watch has ended'; at('state').className = 'state';
  }
}
at('form').addEventListener('submit', async event => {
  event.preventDefault();
  at('said').textContent = 'switching off ...';
  try {
    const answer = await fetch('off', {method: 'POST'});
    at('said').textContent = await answer.text();
  } catch (error) { at('said').textContent = 'hil lab watch does not answer: switch the instrument off by hand'; }
});
at('figure').addEventListener('error', () => { at('figure').hidden = true; });
look(); setInterval(look, 1000);
"""


def session_rows(sessions: Sequence[SessionState]) -> list[list[str]]:
    """What is told of every session, as lines of a table."""
    rows: list[list[str]] = []
    for state in sessions:
        budget = "" if state.pulses_max is None else f" of {state.pulses_max:,}"
        rows += [
            ["instrument", state.resource],
            ["output", "ON" if state.output else "off"],
            ["session", "open" if state.open else "closed"],
            ["pulses", f"{state.pulses or 0:,}{budget}"],
            ["trains and reads", f"{state.trains:,}"],
            ["readings at the compliance", f"{state.tripped:,}"],
            ["last event", state.utc.replace("T", " ")[:23] + " UTC"],
        ]
    return rows


def as_json(look: Sight) -> dict[str, Any]:
    """What the page asks for once a second."""
    plain = {name: value for name, value in asdict(look).items() if name != "sessions"}
    return plain | {"running": look.running, "rows": session_rows(look.sessions)}


def watch_page(look: Sight) -> str:
    """The page as it is first sent: all there is to see at once; the script keeps it up to date."""
    sessions = session_rows(look.sessions)
    hidden = "" if sessions else " hidden"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(look.name)}</title><style>{STYLE}</style></head><body>
<header><h1>{escape(look.name)}</h1>
<span id="state" class="state{" running" * look.running}">{escape(look.state)}</span>
<span>hil {escape(look.kind)}</span>
<form id="form" method="post" action="off"><button id="off"{hidden}>EMERGENCY OFF</button></form></header>
<p id="said" role="alert"></p><p id="note" class="note">{escape(look.note)}</p>
<main><div><img id="figure" alt="figure of the run" src="figure.png"{"" if look.figure else " hidden"}></div><div>
<table id="instruments"{hidden}><caption>Instruments</caption><tbody id="sessions">{_lines(sessions)}</tbody></table>
<table><caption>Numbers</caption><tbody id="numbers">{_lines([list(pair) for pair in look.numbers])}</tbody></table>
</div></main>
<p class="note">Emergency off switches the output off, ends the run and asks the instrument. The page reads the run's
folder alone, once a second.</p>
<script>{SCRIPT}</script></body></html>
"""


def _lines(rows: list[list[str]]) -> str:
    return "".join(
        f"<tr><th>{escape(first)}</th>"
        + "".join(f"<td{' class=on' if text == 'ON' else ''}>{escape(text)}</td>" for text in rest)
        + "</tr>"
        for first, *rest in rows
    )
