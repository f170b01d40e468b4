"""`hil train`: train a network on a device; one command for every driver that is installed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import typer

from hil.cli import options
from hil.cli.about import About, flags_of, with_about
from hil.cli.group import PluginGroup
from hil.runs.stopping import refuse_with_resume, refuse_without_resume
from hil.training.catalogue import DRIVERS, find_driver


class Drivers(PluginGroup):
    """The commands of `hil train`: their flags and texts are those of the drivers."""

    registry = DRIVERS

    def function(self, name: str) -> Callable[..., None]:
        """Make the command that starts or resumes a run of a driver, then reports its rows and names its pictures."""
        from hil.cli.flags import with_flags

        driver = find_driver(name)

        @with_about
        def train(
            config: options.Config = None,
            settings: options.Settings = None,
            run: options.RunFolder = None,
            resume: options.Resume = None,
            play_again: options.PlayAgain = False,
            live: options.Live = False,
            *,
            about: About,
            json: options.Json = None,
            **flags: Any,
        ) -> None:
            from hil.energy.report import show_run
            from hil.runs.live import beside
            from hil.runs.metadata import checked
            from hil.training import play

            if resume is not None:
                told = {"--config": config, "--set": settings, "--run": run, **flags, **flags_of(about)}
                refuse_with_resume(told)
                outcome = play.restart(driver, resume, play_again, beside(live))
            else:
                refuse_without_resume(play_again, "--play-again")
                values = options.resolve(config, settings, flags)
                outcome = play.start(driver, values, run, checked(about), beside(live))
            show_run(outcome.rows, outcome.rows.title, outcome.path, json)
            for picture in outcome.figures:
                print(f"picture: {picture}", file=sys.stderr)

        command = with_flags(train, driver.config_model)
        command.__doc__ = inspect.getdoc(driver)
        return command


app = typer.Typer(cls=Drivers, no_args_is_help=True, help="Train a network on any device.")
