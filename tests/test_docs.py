"""The tables, commands and Python code of the documentation are up to date."""

import ast
import importlib
import importlib.util
import pathlib
import re
import shlex
import subprocess
import textwrap

import pytest

import genesis_keras
from genesis_keras.models.outputs import OUTPUTS
from genesis_keras.training.config import resolve
from genesis_keras.training.flags import chosen_settings

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted(
    page
    for folder in (".", "docs", "datasets", "genesis_keras")
    for page in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
)
SCRIPTS = {"train.py": "train", "evaluate.py": "evaluate"}
pages = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT))
)


@pytest.fixture(scope="module")
def generated():
    """The module `docs/tables.py`."""
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs/tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        "flags",
        "recipes",
        "evaluate",
        "presets",
        pytest.param("models", marks=pytest.mark.slow),
    ],
)
def test_generated_tables_are_current(generated, name):
    table = generated.tables()[name]()
    places = [generated.marked(page.read_text(), name) for page in generated.pages()]
    places = [place[2].strip() for place in places if place]
    assert places, f"no page has the table {name}"
    assert all(place == table for place in places), "run python docs/tables.py"


def test_card_is_of_the_size_asked_for(capsys):
    from genesis_keras.models.card import card, main

    small, large = card(32, 2), card(32, 3)
    assert small.count("\n") == large.count("\n") == 5
    assert "| `slot_attention` | `SlotAttentionModel` | 685,380 |" in small
    assert small != large  # more slots take more arithmetic
    main(["--image_size=32", "--num_slots=2"])
    assert capsys.readouterr().out.strip() == small


def blocks(page, language):
    """The code blocks of a page in one language."""
    pattern = rf"^( *)```{language}\n(.*?)^\1```$"  # indented in a list
    found = re.findall(pattern, page.read_text(), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def test_all_pages_are_found():
    names = {str(page.relative_to(ROOT)) for page in PAGES}
    assert {
        "README.md",
        "CONTRIBUTING.md",
        "docs/train.md",
        "docs/api/data.md",
    } <= names
    assert {"docs/report/report.md", "datasets/sprites/README.md"} <= names


@pytest.fixture(scope="module")
def model():
    """A small model, which has all attributes that the pages use."""
    return genesis_keras.GenesisV2(image_size=32, num_slots=2, feature_dim=8)


@pages
def test_python_code_parses_and_its_names_exist(page, model):
    for block in blocks(page, "python"):
        check_python(block, model)


def check_python(block, model):
    """Checks that a block parses, and that imports, attributes and outputs exist."""
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if re.fullmatch(r"(genesis_keras|keras)(\.\w+)+", name):
                resolve_name(name)
            elif re.fullmatch(r"model\.\w+", name):
                assert hasattr(model, node.attr), name
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "outputs":
            assert ast.literal_eval(node.slice) in OUTPUTS, ast.unparse(node)


@pages
def test_source_files_exist(page):
    if page.name == "CHANGELOG.md":
        return  # it names files of the past
    for path in re.findall(r"`([a-z_]+(?:/\w+)+\.py)`", page.read_text()):
        assert (ROOT / path).exists() or (ROOT / "genesis_keras" / path).exists(), path


def resolve_name(name):
    first, *rest = name.split(".")
    value = importlib.import_module(first)
    for part in rest:
        value = getattr(value, part)


@pytest.mark.parametrize(
    "block",
    [
        "model = ",
        "import genesis_keras.nothing",
        "from genesis_keras import nothing",
        "genesis_keras.nothing()",
        "model.nothing()",
        'outputs["nothing"]',
    ],
)
def test_wrong_python_code_is_found(block, model):
    with pytest.raises((SyntaxError, ImportError, AttributeError, AssertionError)):
        check_python(block, model)


@pages
def test_commands_are_shell_and_their_flags_exist(page):
    for block in blocks(page, "bash"):
        check_shell(block)


def check_shell(block):
    """Checks the syntax of a block, and each of its commands."""
    subprocess.run(["bash", "-n"], input=block, text=True, check=True)
    for line in re.sub(r"\\\n\s*", " ", block).splitlines():
        check_command(line)


def check_command(line):
    """Checks one command: scripts and modules exist, and our parsers take the flags."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a word that goes on in the next line
        return
    for index, word in enumerate(words):
        rest = words[index + 1 :]
        if word.startswith("genesis-"):
            parse(word.removeprefix("genesis-"), rest)
        elif word == "python" and rest[:1] and rest[0].endswith(".py"):
            assert (ROOT / rest[0]).exists(), line
            if rest[0] in SCRIPTS:
                parse(SCRIPTS[rest[0]], rest[1:])
        elif word == "python" and rest[:1] == ["-m"]:
            assert importlib.util.find_spec(rest[1]), line
            match = re.fullmatch(r"genesis_keras\.(\w+)", rest[1])
            if match and find_command(match[1]):
                parse(match[1], rest[2:])


def find_command(name):
    return importlib.util.find_spec(f"genesis_keras.commands.{name}")


def parse(name, words):
    """Parses flags as the command does; a wrong one ends the test."""
    ends = [i for i, word in enumerate(words) if word in {"|", "&&", ";", "2>&1"}]
    words = [word for word in words[: min(ends, default=None)] if "..." not in word]
    if find_command(name) is None or not words or "--help" in words:
        return
    module = importlib.import_module(f"genesis_keras.commands.{name}")
    options = module._parser().parse_args(words)
    if name == "train" and not options.config:
        chosen = chosen_settings(options)
        if chosen.get("dataset") != "NAME":
            resolve(chosen)


def test_wrong_commands_are_found():
    check_command("python train.py --steps=10")
    for wrong in ("python train.py --stepz=10", "genesis-train --steps=ten"):
        with pytest.raises(SystemExit):
            check_command(wrong)
    with pytest.raises(AssertionError):
        check_command("python benchmarks/nothing.py")
    with pytest.raises(subprocess.CalledProcessError):
        check_shell("if true; then")
