"""Numbers that the review takes from other groups' hardware, which no simulation can confirm, and why."""

from __future__ import annotations

from hil.reproduction.papers import Finding, Scope

CHIPS = {
    "yield of a 128 x 64 1T1R array": (
        "99.8 %",
        "a yield is of samples: what is stuck is an input here (stuck_on, stuck_off)",
    ),
    "current of a selector, and how often it switches": (
        "> 100 uA, 1e8 times",
        "properties of a material: i_on is an input of `selector=`, and no law here wears selectors out",
    ),
    "784-100-10 on a 158.8 kb chip: time of an image": (
        "77 us",
        "converters and controller decide it, of which the text says nothing; with stated figures: docs/energy.md",
    ),
    "784-100-10 on a 158.8 kb chip: peak efficiency": (
        "78.4 TOPS/W",
        "read time, voltage and converters are not printed: any number comes out",
    ),
    "a 1 kb array of self-rectifying cells on MNIST": ("100 %", "images, their number and the network are not printed"),
    '"these patches will significantly increase the cost and complexity"': (
        "no number",
        "cost is none of a circuit; areas are (24 F^2 with a transistor, 4 without: hil reproduce xu2021 --only T2)",
    ),
}
"""What is reported, and why no simulator here answers it."""


def reported(scope: Scope) -> list[Finding]:
    """One row a number, none with a value of ours."""
    return [Finding("reported", what, number, None, note=why) for what, (number, why) in CHIPS.items()]
