"""What a newcomer meets first: examples to copy, a shell that completes, a wheel in an empty environment."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from hil.cli.examples import shipped
from hil.version import __version__

ROOT = Path(__file__).parents[2]


def test_examples_are_listed_with_what_they_are_and_copied(hil, tmp_path):
    code, out, _ = hil("examples")
    assert code == 0
    for path in shipped():
        assert path.name in out
    assert "The main job" in out
    code, out, _ = hil("examples", "stdp_digits.toml", "--to", "mine")
    assert (code, out) == (0, "example: mine/stdp_digits.toml\n")
    assert (tmp_path / "mine" / "stdp_digits.toml").read_bytes() == (ROOT / "examples/stdp_digits.toml").read_bytes()
    assert hil("examples", "--all", "--to", "all")[0] == 0
    assert {path.name for path in (tmp_path / "all").iterdir()} == {path.name for path in shipped()}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["stdp_digit.toml"], "did you mean 'stdp_digits.toml'?"),
        (["--to", "mine"], "say which examples to copy"),
        (["stdp_digits.toml"], "stdp_digits.toml exists already"),
        (["stdp_mnist.toml", "--to", "taken"], "taken cannot be written"),
    ],
)
def test_what_cannot_be_copied_is_told_and_nothing_is_overwritten(words, sentence, hil, tmp_path):
    (tmp_path / "stdp_digits.toml").write_text("mine")
    (tmp_path / "taken").write_text("a file")
    code, _, err = hil("examples", *words)
    assert code == 2 and sentence in err and err.count("\n") == 1
    assert (tmp_path / "stdp_digits.toml").read_text() == "mine" and len(list(tmp_path.iterdir())) == 2


def complete(line: str, folder: Path) -> list[str]:
    """What bash is offered for a line."""
    words = line.split(" ")
    asked = {"_HIL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-c", "from hil.cli.main import main; main()"]
    done = subprocess.run(
        command, env=os.environ | asked, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("hil re", ["report", "reproduce"]),
        ("hil train w", ["wta"]),
        ("hil train stdp --see", ["--seed", "--seeds"]),
        ("hil characterize --exper", []),
        ("hil runs show ltp", ["ltp-sim-rram-001", "ltp-sim-rram-002"]),
        ("hil report wta", ["wta-digits-001"]),
    ],
)
def test_a_shell_completes_verbs_drivers_options_and_runs(line, offered, tmp_path):
    for name in ("ltp-sim-rram-001", "ltp-sim-rram-002", "wta-digits-001"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    assert complete(line, tmp_path) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command_and_its_variable(shell, hil):
    code, out, _ = hil("completion", shell)
    assert code == 0 and "_HIL_COMPLETE" in out and "hil" in out


def test_a_shell_without_completion_is_refused(hil):
    code, _, err = hil("completion", "tcsh")
    assert code == 2 and "no completion for the shell 'tcsh'" in err and err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("form", ["wheel", "sdist"])
def test_what_is_shipped_installs_into_an_empty_environment_and_runs_the_main_job(form, tmp_path):
    """Needs an index of packages, as any first installation does."""
    pytest.importorskip("setuptools", minversion="77")
    build = "import sys, setuptools.build_meta as b; print(getattr(b, f'build_{sys.argv[1]}')(sys.argv[2]))"
    source = tmp_path / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-zco", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-c", build, form, str(tmp_path)], cwd=source, check=True, capture_output=True)
    (made,) = (path for path in tmp_path.iterdir() if path.suffix in (".whl", ".gz"))
    venv.create(tmp_path / "env", with_pip=True)
    pip = [tmp_path / "env/bin/pip", "install", "-q", "-c", ROOT / "constraints.txt", made]
    subprocess.run(pip, check=True, timeout=900)
    hil = tmp_path / "env/bin/hil"
    version = subprocess.run([hil, "--version"], capture_output=True, text=True, check=True).stdout
    assert version == f"memhil {__version__}\n"
    subprocess.run([hil, "examples", "stdp_digits.toml"], cwd=tmp_path, check=True)
    command = [hil, "train", "stdp", "--config", "stdp_digits.toml", "--epochs", "0.05", "--seeds", "1", "--json", "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300)
    assert '"test accuracy"' in done.stdout
