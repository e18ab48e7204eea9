"""A hook of MkDocs: `[modules: PACKAGE]` on a page documents all its modules.

So a module that is added to the package is in the API reference without any edit.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
# Plumbing that no user calls.
_LEFT_OUT = {"__init__", "__main__"}


def on_page_markdown(markdown, **_):
    """Puts the directives of mkdocstrings where a package is named."""
    return re.sub(r"^\[modules: (\S+)\]$", _directives, markdown, flags=re.MULTILINE)


def _directives(match):
    folder = ROOT / match[1].replace(".", "/")
    names = sorted(path.stem for path in folder.glob("*.py"))
    if not names:
        raise FileNotFoundError(f"no modules in {folder}")
    return "\n\n".join(
        f"::: {match[1]}.{name}" for name in names if name not in _LEFT_OUT
    )
