"""Fixtures of all tests."""

import math
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings
from matplotlib.figure import Figure

import hil.compiling
from hil.cli.main import main

hil.compiling.PATIENCE = math.inf  # what a test finds on stderr must not depend on what was compiled before

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that starts `make test &`, nohup, cron: the tests and all that they start must hear Ctrl-C all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)

if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    # The same of nohup and SIGHUP; a handler that does nothing is not inherited, so that only the tests live on.
    signal.signal(signal.SIGHUP, lambda *_: None)

# A suite that is green must be green again: properties draw the same examples every time, and new ones in
# `make test-slow` alone, which asks for the other profile. A machine that is busy with other things is no failure.
BUSY = [HealthCheck.too_slow]
settings.register_profile("same", derandomize=True, database=None, suppress_health_check=BUSY)
settings.register_profile("random", derandomize=False, suppress_health_check=BUSY)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def sketches(request, monkeypatch):
    """Draw pictures small and as they come, except for tests that look at pictures."""
    if request.node.get_closest_marker("pictures") is None:
        monkeypatch.setattr(Figure, "savefig", sketch)


def sketch(figure, *place, whole=Figure.savefig, dpi=60.0, **settings):
    """Save a figure as `savefig` does, small and without arranging it."""
    figure.set_layout_engine("none")
    whole(figure, *place, dpi=min(dpi, 60.0), **settings)


@pytest.fixture
def hil(monkeypatch, tmp_path, capsys):
    """Run the command in an empty folder; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["hil", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return run
