"""`hil init`: a commented configuration of a training driver, to be edited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hil.cli import checks
from hil.errors import InputError


def init(
    driver: Annotated[str, typer.Argument(metavar="DRIVER", help="Training driver, such as stdp; see hil train.")],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            callback=checks.output_file,
            help="File to write; DRIVER.toml if not given, - for standard output.",
        ),
    ] = None,
) -> None:
    """Write a configuration with every setting of a driver, its default, unit and range, for an editor.

    \b
    hil init wta                                    # writes wta.toml
    hil train wta --config wta.toml --set train.seeds=5
    """
    import sys

    from hil.files import write_text
    from hil.template import template
    from hil.training.catalogue import find_driver

    target = Path(f"{driver}.toml" if out is None else out)
    found = find_driver(driver)
    if str(target) != "-" and target.exists():
        raise InputError(f"{target} exists already: name another file, --out FILE")
    what = " ".join((found.__doc__ or "").partition("\n\n")[0].split())
    head = f"{what}\n\nhil train {driver} --config {driver if str(target) == '-' else target.stem}.toml"
    text = template(found.config_model(), head)
    if str(target) == "-":
        sys.stdout.write(text)
        return
    write_text(target, text)
    print(f"configuration: {target}")
