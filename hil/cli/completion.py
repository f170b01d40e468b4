"""`hil completion`: the script that lets a shell complete verbs, drivers, options and names of runs on TAB."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hil.errors import InputError, nearest

PLACES = {
    "bash": "~/.local/share/bash-completion/completions/hil",
    "zsh": "~/.zfunc/_hil, with that folder in fpath",
    "fish": "~/.config/fish/completions/hil.fish",
}
"""Shells, and where each looks for such scripts."""

VARIABLE = "_HIL_COMPLETE"
"""Variable of the environment by which a shell asks for completions."""


def completion(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="Shell that the script is for.")],
) -> None:
    """Print a script that lets the shell complete verbs, drivers, options and names of runs on TAB.

    Nothing is written: put it where your shell looks for completions, or evaluate it.

    \b
    eval "$(hil completion bash)"                                              # for this terminal
    hil completion bash > ~/.local/share/bash-completion/completions/hil      # for all
    hil completion zsh > ~/.zfunc/_hil
    hil completion fish > ~/.config/fish/completions/hil.fish
    """
    from typer._completion_shared import get_completion_script

    if shell not in PLACES:
        raise InputError(f"no completion for the shell '{shell}' {nearest(shell, PLACES)}")
    print(get_completion_script(prog_name="hil", complete_var=VARIABLE, shell=shell))


def run_names(incomplete: str) -> list[str]:
    """Names of runs in ``runs`` that begin like this, for arguments that name a run."""
    folder = Path("runs")
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name.startswith(incomplete))
