"""Run folders of long jobs: configuration, checkpoints, results, progress, and stopping without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.runs.run import Run, new_path

__all__ = ["Run", "new_path"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from hil.runs import run

        return getattr(run, name)
    raise AttributeError(f"module 'hil.runs' has no attribute '{name}'")
