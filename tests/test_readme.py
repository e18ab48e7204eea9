"""What the README says of the code is what the code says."""

import pathlib

from genesis_keras.training.config import flags_table

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_table_of_flags_is_current():
    assert flags_table() in README, "replace the table by what flags_table() returns"


def test_ci_runs_the_commands_of_the_readme():
    ci = (ROOT / ".ci" / "run").read_text()
    for command in ('pip install --quiet -e ".[dev]"', "python -m pytest"):
        assert command in ci
        assert command.replace("--quiet ", "") in README


def test_pictures_exist():
    for part in README.split("](")[1:]:
        target = part.split(")")[0]
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
