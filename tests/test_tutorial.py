"""The tutorial: the script and the notebook with its outputs have the same cells."""

import json
import pathlib
import re

DOCS = pathlib.Path(__file__).parents[1] / "docs"


def script_cells():
    """The cells of the script as (type, source)."""
    text = (DOCS / "tutorial.py").read_text().split("# ---\n", 2)[2]
    parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)[1:]
    for kind, source in zip(parts[::2], parts[1::2], strict=True):
        if "[markdown]" in kind:
            lines = [line.removeprefix("#")[1:] for line in source.strip().splitlines()]
            yield "markdown", "\n".join(lines)
        else:
            yield "code", source.strip()


def notebook():
    return json.loads((DOCS / "tutorial.ipynb").read_text())


def test_script_and_notebook_have_the_same_cells():
    cells = [
        (cell["cell_type"], "".join(cell["source"]).strip())
        for cell in notebook()["cells"]
    ]
    assert cells == list(script_cells()), "convert docs/tutorial.py again"


def test_notebook_has_outputs_of_a_full_run():
    code = [cell for cell in notebook()["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not any(output["output_type"] == "error" for output in outputs)
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    assert pictures >= 5
    text = json.dumps(outputs)
    assert "Epoch 10/10" in text  # not of TUTORIAL_STEPS=2
    assert "/tmp/" not in text and "/work" not in text
    assert (DOCS / "tutorial.ipynb").stat().st_size < 2_000_000
