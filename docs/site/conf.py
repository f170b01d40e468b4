"""Sphinx's configuration of the site; `docs/site/build.py` puts the pages together and runs it."""

import re
from importlib.util import find_spec

from hil.version import __version__

project = "memhil"
release = version = __version__
copyright = "the memhil authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_copybutton"]
html_theme = "pydata_sphinx_theme"
html_title = "memhil"
html_theme_options = {"header_links_before_dropdown": 7, "navigation_with_keys": False}
html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 4
exclude_patterns = ["doctrees"]
autodoc_mock_imports = [name for name in ("torch", "nir") if find_spec(name) is None]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
copybutton_prompt_text = "$ "
default_role = "code"
suppress_warnings = ["misc.highlighting_failure", "ref.python"]


def plain(app, what, name, obj, options, lines):
    """Docstrings are plain text: bars and stars are those of formulas, and what is indented stays as it is."""
    found, inside, last = ["::", ""] if what == "data" else [], False, ""
    for line in lines:
        if line.strip():
            indented = what == "module" and line.startswith(" ")
            if indented and not inside and not last.endswith("::"):
                found += ["", "::", ""]
            if inside and not indented:
                found.append("")
            inside, last = indented, line
        formula = inside or "``" in line
        text = line if formula else re.sub(r"(?<![`\\])([|*])", r"\\\1", line)
        found.append(f"    {line}" if what == "data" else text)
    lines[:] = found


def setup(app):
    """Have docstrings read so."""
    app.connect("autodoc-process-docstring", plain, priority=100)
