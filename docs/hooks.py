"""Hooks of MkDocs for the API reference.

`[modules: PACKAGE]` on a page documents all modules of the package, so that new modules
are in the API reference without any edit.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
# Modules without a public API.
_LEFT_OUT = {"__init__", "__main__"}


def on_page_markdown(markdown, **_):
    """Inserts the directives of mkdocstrings for a package."""
    return re.sub(r"^\[modules: (\S+)\]$", _directives, markdown, flags=re.MULTILINE)


def on_page_content(html, **_):
    """Restores the title of a section that `docstrings.py` renames for Griffe."""
    return html.replace("Other Parameters:", "Call arguments:")


def _directives(match):
    folder = ROOT / match[1].replace(".", "/")
    names = sorted(path.stem for path in folder.glob("*.py"))
    if not names:
        raise FileNotFoundError(f"no modules in {folder}")
    return "\n\n".join(
        f"::: {match[1]}.{name}" for name in names if name not in _LEFT_OUT
    )
