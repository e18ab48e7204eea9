"""Writes the generated tables of the documentation: `python docs/tables.py`.

A page marks the place of a table by `<!-- table: NAME -->` and `<!-- end -->`. A test
compares what stands there with what this writes.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[1]


def tables():
    """Returns the functions that make the tables, by name."""
    from genesis_keras.commands import evaluate
    from genesis_keras.presets.card import presets_table
    from genesis_keras.presets.reading import bundled_presets
    from genesis_keras.training.flags import flags_table, recipes_table

    return {
        "flags": flags_table,
        "recipes": recipes_table,
        "evaluate": lambda: parser_table(evaluate._parser()),
        "models": _card,
        "presets": lambda: presets_table(bundled_presets()),
    }


def _card():
    from genesis_keras.models.card import card  # imports TensorFlow

    return card()


def parser_table(parser):
    """Returns a Markdown table of the flags of a `CommandParser`."""
    lines = ["| flag | meaning |", "| --- | --- |"]
    for _, _, flags in parser._topics:
        lines += [f"| `{flag}` | {meaning} |" for flag, meaning in flags]
    return "\n".join(lines)


def marked(text, name):
    """Returns the match of a table's place in a page, or None."""
    pattern = rf"(<!-- table: {name} -->\n)(.*?)(\n?<!-- end -->)"
    return re.search(pattern, text, re.DOTALL)


def pages():
    """Returns the pages that may hold tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def main(names=()):
    """Replaces the tables of these names, by default all, by the current ones."""
    for name, make in tables().items():
        if names and name not in names:
            continue
        for page in pages():
            text = page.read_text()
            if match := marked(text, name):
                table = f"{match[1]}\n{make()}\n\n<!-- end -->"
                page.write_text(text.replace(match[0], table))


if __name__ == "__main__":
    main(sys.argv[1:])
