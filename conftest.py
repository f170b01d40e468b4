"""Fixtures of all tests."""

import sys

import pytest

from hil.cli.main import main


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
