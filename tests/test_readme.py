"""The README agrees with the code."""

import pathlib
import re
import tomllib

import genesis_keras

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_readme_is_short():
    assert len(README.splitlines()) <= 180


def test_ci_runs_the_commands_of_the_readme():
    ci = (ROOT / ".ci" / "run").read_text()
    for command in ('pip install --quiet -e ".[dev]"', "python -m pytest"):
        assert command in ci
        assert command.replace("--quiet ", "") in README


def test_links_lead_to_files():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target.split("#")[0]).exists(), target


def test_what_an_index_page_shows_has_no_links_into_the_repository():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / settings["readme"]).read_text()
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets and all(target.startswith("https://") for target in targets)
    assert "![" not in text
    assert settings["urls"] and all(
        url.startswith("https://") for url in settings["urls"].values()
    )


def test_version_is_the_same_everywhere():
    version = genesis_keras.__version__
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    newest = re.search(
        r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert newest[1] == version
