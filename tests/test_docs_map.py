"""A newcomer's test: from the README, the right file is found in three steps, each a link followed or a file opened.

A step is only taken by a line that says one of the words a newcomer would look for.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
START = ("where what lives", "architecture")
"""Words by which the README leads to the map, whatever is looked for."""

TASKS = {
    "where is the LIF reset?": ("reset", "hil/spiking/host.py", "lif.reset"),
    "change the read voltage of a 2450": ("v_read", "instruments/backend.py", "v_read:"),
    "add a window to VTEAM": ("windows", "sim/cells/vteam.py", '"none", "biolek"'),
    "where is the watchdog's lease?": ("lease", "instruments/safety/guard.py", "LEASE ="),
    "what does `serial` timing do?": ("serial", "hil/pill/protocol.py", '"serial"'),
    "where is the UART's baud divisor?": ("baud", "gateware/link/uart.py", "def divisor"),
    "where is the delay that teaches?": ("delay", "hil/training/protocol.py", "target_delay"),
    "what conducts a stuck cell?": ("stuck", "sim/crossbar/variability.py", "class StuckCells"),
    "which message limits the current of a 2600?": ("messages", "instruments/smu/k2600.py", "limiti"),
    "how is a verdict reached?": ("verdict", "hil/reproduction/findings.py", "def verdict"),
    "what is in a checkpoint?": ("resumes", "hil/runs/run.py", "def save_checkpoint"),
    "when is a task of a sweep done?": ("task", "hil/sweeps/sweep.py", "done TEXT"),
}
"""Question: the word to look for, the file that answers it, and what stands there."""


def steps(word: str, wanted: Path) -> int | None:
    """Fewest steps to a file by lines with the word, one more by its folder; None if there is no way."""
    found, pages = [], [ROOT / "README.md"]
    for taken in (0, 1):
        words, following = (word, *START) if taken == 0 else (word,), []
        for page in pages:
            lines = [line for line in page.read_text(encoding="utf-8").splitlines() if any(w in line for w in words)]
            targets = [(page.parent / link).resolve() for line in lines for link in LINK.findall(line)]
            found += [taken + 1 for target in targets if target == wanted]
            found += [taken + 2 for target in targets if target == wanted.parent]
            following += [target for target in targets if target.suffix == ".md" and target.is_file()]
        pages = following
    return min(found, default=None)


@pytest.mark.parametrize("question", TASKS)
def test_a_newcomer_finds_the_file_in_three_steps(question):
    word, name, needle = TASKS[question]
    assert needle in (ROOT / name).read_text(encoding="utf-8"), f"the answer has left {name}"
    taken = steps(word, ROOT / name)
    assert taken is not None and taken <= 3, f"{question} {name} is {taken or 'no number of'} steps away by '{word}'"


def test_a_word_that_no_page_has_leads_nowhere():
    assert steps("flux capacitor", ROOT / "hil/device.py") is None


if __name__ == "__main__":
    for question, (word, name, _) in TASKS.items():
        print(f"{steps(word, ROOT / name)}  {question}  {name}")
