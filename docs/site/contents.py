"""What the site shows, in order: sections, and the pages of docs/ in each. A new page is one word here."""

SECTIONS = {
    "Tutorials": ("tutorials/characterize", "tutorials/train", "tutorials/board", "tutorials/device"),
    "Guides": (
        "commands", "notebooks/README",
        "data", "datasets", "characterization", "fitting", "loop", "programming", "evaluation", "insitu", "techniques",
        "recall", "torch", "pill", "fpga", "lab", "export", "reproduction", "machines",
    ),
    "How it works": (
        "architecture", "devices", "physics", "models", "nonidealities", "arrays", "synapses", "neurons", "circuits",
        "training", "emulator", "energy", "results",
    ),
    "Add your own": (
        "add/README", "add/cell-law", "add/selector", "add/back-end", "add/driver", "add/experiment", "add/fit-model",
        "add/controller", "add/data-set", "add/paper", "add/smu-family", "add/matrix", "add/board",
    ),
}  # fmt: skip
"""Headings, and pages below docs/ without their ending."""

REFERENCE = ("results-schema",)
"""Written pages of the reference; all others are made from commands, configurations, devices and docstrings."""

GALLERY = {
    "maps.png": "hil train stdp --config examples/stdp_digits.toml",
    "characterize-ltp.png": "hil characterize ltp --device sim:rram --device sim:vteam",
    "characterize-stdp.png": "hil characterize stdp-window --device sim:flca-pair",
    "characterize-ispp.png": "hil characterize ispp",
    "models.png": "python examples/model_loops.py",
    "nonidealities.png": "python examples/nonidealities.py",
    "lifelong.gif": "hil train lifelong --targets 4,7,2",
    "pill-lines.png": "hil train pill --config examples/pill_lines.toml",
    "reproduce-figure9.png": "hil reproduce flca",
    "reproduce-loops.png": "hil reproduce flca",
    "brivio-figure6.png": "hil reproduce brivio2021",
    "circuits-stdp.png": "hil reproduce flca",
}
"""Pictures in docs/images and the command that made each."""
