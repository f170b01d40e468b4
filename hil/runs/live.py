"""`--live`: the page of a run, served by a process beside it (`hil lab watch`) for as long as the run goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from hil.errors import InputError

Beside = Callable[[Path], AbstractContextManager[object]]
"""What goes on beside a run, given its folder: entered before it begins, left when it ends."""

HIL = (sys.executable, "-c", "from hil.cli.main import main; main()")


def beside(live: bool) -> Beside:
    """The page, or nothing."""
    return page if live else nullcontext


@contextmanager
def page(path: Path) -> Iterator[None]:
    """Serve the page of a run folder and tell its address on standard error.

    It only reads the folder, so the run is never held up. A run that is killed ends it as well: it looks for that
    itself. Ctrl-C is the run's alone.

    Raises
    ------
    InputError
        If there is no page; what is missing stands on standard error.
    """
    words = [*HIL, "lab", "watch", str(path), "--to-end", "--quiet"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          start_new_session=True) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            told = process.stdout.readline().strip()
            if not told:
                raise InputError(f"--live: 'hil lab watch {path}' serves no page")
            print(f"live {told}", file=sys.stderr)
            yield
        finally:
            process.terminate()
