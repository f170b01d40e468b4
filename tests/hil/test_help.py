"""Every text that a verb gives to its options is what `--help` prints, [brackets] and all."""

import inspect
import re
from pathlib import Path

import pytest
import typer

from hil.cli.main import build
from hil.plugins import Registry
from hil.training.catalogue import DRIVERS


def commands(command, path=()):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


TREE = dict(commands(typer.main.get_command(build())))


def plain(text):
    return re.sub(r"\s+", "", text.replace("\b", ""))


def first_part(command):
    return inspect.cleandoc(command.help or "").partition("\f")[0]


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_help_prints_every_text_as_it_was_written(hil, path):
    command = TREE[path]
    code, out, err = hil(*path, "--help")
    assert (code, err) == (0, "")
    printed = plain(out)
    assert plain(first_part(command)) in printed
    for parameter in command.params:
        for text in (getattr(parameter, "help", None), parameter.metavar):
            assert plain(text or "") in printed, parameter.name


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_examples_stand_on_lines_of_their_own(hil, path):
    out = hil(*path, "--help")[1]
    lines = [line.strip() for line in out.splitlines()]
    for example in re.findall(r"^ *(hil .*)$", first_part(TREE[path]), re.MULTILINE):
        if example.endswith("."):
            continue  # a sentence
        assert example.strip() in lines


def test_the_case_of_the_lost_sections(hil):
    assert "sections [data], [device], ..." in " ".join(hil("train", "wta", "--help")[1].split())


def options(kind):
    for path, command in TREE.items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and getattr(parameter.type_descriptor, "annotation", None) is kind:
                yield path, parameter.opts[0]


def test_every_verb_of_ours_has_its_place_in_the_help(hil, monkeypatch):
    from hil.cli.main import _VERBS, SHELVES

    ours = set(_VERBS.names("memhil"))
    assert sorted(verb for verbs in SHELVES.values() for verb in verbs) == sorted(ours)
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = hil("--help")
    assert code == 0 and "..." not in out.partition("Measure:")[2] and max(map(len, out.splitlines())) <= 80
    heads = [
        line.removesuffix(":")
        for line in out.splitlines()
        if line.endswith(":") and not line.startswith((" ", "Options"))
    ]
    assert heads == [*SHELVES, *(["More"] if ours != set(_VERBS.names()) else [])]


def test_every_verb_and_driver_of_ours_has_a_line_in_the_list_of_commands():
    text = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")
    lines = re.findall(r"^hil (\S+)(?: (\S+))?", text, re.MULTILINE)
    verbs, drivers = {verb for verb, _ in lines}, {word for verb, word in lines if verb == "train"}
    assert sorted(set(Registry("hil.verbs", "verb").names("memhil")) - verbs) == []
    assert sorted(set(DRIVERS.names("memhil")) - drivers) == []
