"""A Griffe extension that prepares our docstrings for the API reference.

Griffe knows neither the section "Call arguments" nor the singular "Example", and reads
a shape before a colon in "Returns" as a type. This turns them into sections and
paragraphs that it renders well. The docstrings themselves are unchanged.
"""

import re
import textwrap

import griffe

_TEXT = re.compile(
    r"^(Returns|Yields):\n((?:    .*(?:\n|$)|\n(?=    ))+)", re.MULTILINE
)


def prepared(text):
    """Returns a docstring whose sections Griffe understands."""
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    text = re.sub(r"^Call arguments:$", "Other Parameters:", text, flags=re.MULTILINE)
    return _TEXT.sub(_paragraph, text)


def _paragraph(match):
    return f"**{match[1]}:**\n\n{textwrap.dedent(match[2])}"


class Docstrings(griffe.Extension):
    """Prepares the docstrings of all objects."""

    def on_object(self, *, obj, **_):
        """Replaces the docstring of an object."""
        if obj.docstring:
            obj.docstring.value = prepared(obj.docstring.value)
