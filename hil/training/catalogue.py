"""All training drivers by name; each is imported only when it is asked for.

A driver is an entry point of the group ``hil.drivers``: a class derived from `hil.training.driver.Driver`, of this
package or another. `hil train`, `hil sweep` and `hil.train` find it here; its flags are the settings of its
configuration that have one (`hil.config.CliFlag`), its help text is its docstring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import InputError
from hil.plugins import Registry

if TYPE_CHECKING:
    from hil.training.driver import Driver

GROUP = "hil.drivers"

DRIVERS: Registry[type[Driver]] = Registry(GROUP, "driver", base="hil.training.driver:Driver")
"""All drivers that are installed."""


def find_driver(name: str) -> type[Driver]:
    """Find a driver; `InputError` naming the nearest if there is none, or what is wrong with it."""
    driver = DRIVERS.find(name)
    if driver.kind != f"train {name}":
        raise InputError(f"driver '{name}' calls itself '{driver.kind}': its kind must be 'train {name}'")
    return driver
