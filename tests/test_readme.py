"""What the README says of the code is what the code says."""

import pathlib

import pytest

from genesis_keras.models.card import card, main
from genesis_keras.training.flags import flags_table, recipes_table

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_table_of_flags_is_current():
    assert flags_table() in README, "replace the table by what flags_table() returns"


def test_table_of_recipes_is_current():
    assert recipes_table() in README, "replace it by what recipes_table() returns"


@pytest.mark.slow
def test_table_of_models_is_what_the_command_prints(capsys):
    main([])
    printed = capsys.readouterr().out
    assert printed.strip() in README, "replace the table by what the command prints"


def test_card_is_of_the_size_asked_for():
    small, large = card(32, 2), card(32, 3)
    assert small.count("\n") == large.count("\n") == 5
    assert "| `slot_attention` | `SlotAttentionModel` | 685,380 |" in small
    assert small != large  # more slots take more arithmetic


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
