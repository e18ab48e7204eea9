"""Flags of the commands: strict, grouped by topic, on one screen."""

import subprocess
import sys

import pytest

from genesis_keras.commands import convert, evaluate, export, reproduce, segment, train
from genesis_keras.commands.parser import CommandParser

PARSERS = {
    module.__name__.rpartition(".")[2]: module._parser
    for module in (train, evaluate, export, convert, reproduce, segment)
}


@pytest.fixture
def parser():
    parser = CommandParser("genesis-shrink", "Makes pictures smaller.")
    parser.word("images", "Pictures.", nargs="*")
    parser.topic("Output")
    parser.flag("size", 64, "Side.", least=1)
    parser.flag("gamma", 1.0, "Exponent.")
    parser.flag("kind", "png", "Kind of file", choices=("png", "jpeg"))
    parser.flag("out", meaning="Folder.", many=True)
    parser.switch("grey", "Drop the colours.")
    return parser


def test_values_have_the_type_of_their_default(parser):
    options = parser.parse_args(
        ["a.png", "--size=3", "--gamma", "2", "--grey", "--out=x", "--out=y", "b.png"]
    )
    assert vars(options) == {
        "images": ["a.png", "b.png"],
        "size": 3,
        "gamma": 2.0,
        "kind": "png",
        "out": ["x", "y"],
        "grey": True,
    }
    assert type(options.gamma) is float


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ([], False),
        (["--grey"], True),
        (["--nogrey"], False),
        (["--grey=true"], True),
        (["--grey=False"], False),
        (["--grey", "--grey=0"], False),
    ],
)
def test_switches(parser, words, value):
    assert parser.parse_args(words).grey is value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--siz=3"], "unknown flag '--siz'; did you mean --size?"),
        (["--out="], "--out must not be empty"),
        (["--out", " "], "--out must not be empty"),
        (["--size=2.5"], "--size must be an integer; got '2.5'"),
        (["--size=0"], "--size must be at least 1; got '0'"),
        (["--gamma=nan"], "--gamma must be a finite number; got 'nan'"),
        (["--gamma=inf"], "--gamma must be a finite number; got 'inf'"),
        (["--kind=gif"], "--kind must be one of png, jpeg; got 'gif'"),
        (["--grey=no"], "--grey must be true or false; got 'no'"),
        (["--size"], "--size expected one argument"),
    ],
)
def test_wrong_words_are_one_line(parser, words, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(words)
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        f"error: {message} (genesis-shrink --help lists all flags)\n"
    )


@pytest.mark.parametrize("name", ["train", "evaluate", "export"])
def test_commands_without_words_refuse_them(name, capsys):
    with pytest.raises(SystemExit):
        PARSERS[name]().parse_args(["--out=1", "extra"] if name == "export" else ["a"])
    assert "error: unexpected word" in capsys.readouterr().err


@pytest.mark.parametrize("name", PARSERS)
def test_help_fits_a_screen_and_has_every_flag(name):
    parser = PARSERS[name]()
    text, full = parser.format_help(), parser.format_help(full=True)
    assert len(text.splitlines()) <= 50
    for flag in parser._option_string_actions:
        if flag.startswith("--") and not flag.startswith(("--no", "--help")):
            assert f"{flag}" in text and f"{flag}" in full
    for line in (text + full).splitlines():
        assert len(line) <= 80, line


def test_help_and_wrong_flags_do_without_tensorflow():
    script = (
        "import sys\n"
        "from genesis_keras.commands import convert, evaluate, export, reproduce\n"
        "from genesis_keras.commands import train\n"
        "for module in (train, evaluate, export, convert, reproduce):\n"
        "    for words in (['--help'], ['--stepz=1'], ['--batch_size=x']):\n"
        "        try: module.main(words)\n"
        "        except SystemExit: pass\n"
        "for words in (['--dataset=x'], ['--kernel=x'], ['--config=nowhere']):\n"
        "    assert train.main(words) == 1\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'absl', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stderr.splitlines()[-1] == "[]"
