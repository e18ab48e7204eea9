"""The flags of a command: grouped by topic, with defaults and strict values."""

import argparse
import difflib
import math
import re
import sys
import textwrap

_WIDTH = 80
_COLUMN = 32  # column at which descriptions begin


class CommandParser(argparse.ArgumentParser):
    """An `ArgumentParser` whose `--help` is grouped by topic and fits a screen.

    Flags are written `--name=value` or `--name value`; boolean flags also `--name` and
    `--noname`. Unknown flags, unexpected words, empty values and numbers that are not
    finite are errors; abbreviations are not supported.

    Args:
        command: Name of the command, such as "genesis-train".
        description: Description in one or two sentences.

    Example:
        >>> parser = CommandParser("genesis-shrink", "Makes pictures smaller.")
        >>> parser.word("images", "pictures or folders", nargs="+")
        >>> parser.topic("Output")
        >>> parser.flag("size", 64, "Side of the new pictures.", least=1)
        >>> parser.switch("grey", "Drop the colours.")
        >>> options = parser.parse_args(["a.png", "--size=32", "--grey"])
    """

    def __init__(self, command, description):
        super().__init__(
            prog=command, description=description, allow_abbrev=False, add_help=False
        )
        self._words = []  # (name, meaning)
        self._topics = []  # (title, brief, [(flag, meaning)])
        self._switches = set()
        self.add_argument("-h", "--help", action=_Help, full=False)
        self.add_argument("--helpfull", action=_Help, full=True)

    def word(self, name, meaning, nargs=None):
        """Adds positional arguments, such as names of files.

        Args:
            name: Name of the argument.
            meaning: Shown by `--help`.
            nargs: As in argparse: None for one, "+" for one or more.
        """
        self._words.append((name, meaning))
        self.add_argument(name, nargs=nargs, type=_parse_text)

    def topic(self, title, brief=False):
        """Begins a group of flags, to which subsequent flags belong.

        Args:
            title: Title of the group.
            brief: Whether `--help` lists the flags without descriptions, which
                `--helpfull` shows.
        """
        self._topics.append((title, brief, []))

    def flag(
        self,
        name,
        default=None,
        meaning="",
        *,
        kind=None,
        choices=None,
        least=None,
        many=False,
        required=False,
        shown=None,
    ):
        """Adds a flag with a value.

        Args:
            name: Its name, without dashes.
            default: The value without the flag.
            meaning: Shown by `--help`.
            kind: `str`, `int` or `float`, or a function of the text; defaults to the
                type of the default.
            choices: The allowed values.
            least: The smallest allowed number.
            many: Whether it may be repeated; the value is then a list.
            required: Whether it is required.
            shown: The default that `--help` shows, where it is another.
        """
        kind = kind or (type(default) if isinstance(default, int | float) else str)
        self.add_argument(
            f"--{name}",
            default=default,
            type=_bounded(_PARSERS.get(kind, kind), least, choices),
            action="append" if many else "store",
            required=required,
        )
        shown = default if shown is None else shown
        if choices:
            meaning = f"{meaning.rstrip('.')}: {', '.join(choices)}."
        self._show(f"--{name}{'' if shown in (None, [], '') else f'={shown}'}", meaning)

    def switch(self, name, meaning, default=False, shown=None):
        """Adds a boolean flag.

        Args:
            name: Its name, without dashes.
            meaning: Shown by `--help`.
            default: The value without the flag; None for "not given".
            shown: The default that `--help` shows, where it is another.
        """
        self.add_argument(f"--{name}", dest=name, action="store_true", default=default)
        self.add_argument(f"--no{name}", dest=name, action="store_false")
        self.set_defaults(**{name: default})
        self._switches.add(name)
        shown = bool(default) if shown is None else shown
        self._show(f"--{name}{'=True' if shown else ''}", meaning)

    def parse_args(self, args=None, namespace=None):
        """Returns the options; exits with status 2 if the command line is invalid."""
        args = [self._plain(word) for word in (sys.argv[1:] if args is None else args)]
        options, unknown = self.parse_known_intermixed_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown[0]))
        return options

    def error(self, message):
        """Prints one line and exits with status 2."""
        message = re.sub(r"^argument (--\w+): ", r"\1 ", message)
        self.exit(2, f"error: {message} ({self.prog} --help lists all flags)\n")

    def format_help(self, full=False):
        """Returns the text of `--help`.

        Args:
            full: Whether to describe every flag.
        """
        words = " ".join(name.upper() for name, _ in self._words)
        lines = [f"usage: {self.prog} {words} [--flag=value ...]".replace("  ", " ")]
        lines += textwrap.wrap(self.description, _WIDTH)
        lines += [_row(name.upper(), meaning) for name, meaning in self._words]
        for title, brief, flags in self._topics:
            lines.append(f"{title}:")
            if brief and not full:
                # Keeps a flag and its value on one line.
                names = " ".join(name for name, _ in flags)
                lines += textwrap.wrap(
                    names,
                    _WIDTH,
                    initial_indent="  ",
                    subsequent_indent="  ",
                    break_on_hyphens=False,
                    break_long_words=False,
                )
            else:
                lines += [_row(name, meaning) for name, meaning in flags]
        if any(brief for _, brief, _ in self._topics) and not full:
            lines.append("--helpfull says what each of them means.")
        return "\n".join(lines) + "\n"

    def _show(self, flag, meaning):
        if not self._topics:
            self.topic("Flags")
        self._topics[-1][2].append((flag, meaning))

    def _plain(self, word):
        """Returns `--name` or `--noname` for `--name=true` etc."""
        match = re.fullmatch(r"--(\w+)=(.*)", word, re.DOTALL)
        if not match or match[1] not in self._switches:
            return word
        if match[2].lower() not in _BOOLEANS:
            self.error(f"--{match[1]} must be true or false; got {match[2]!r}")
        return f"--{match[1]}" if _BOOLEANS[match[2].lower()] else f"--no{match[1]}"

    def _unknown(self, word):
        if not word.startswith("-"):
            return f"unexpected word {word!r}: flags are written --name=value"
        name = word.partition("=")[0]
        known = [flag for flag in self._option_string_actions if flag[:4] != "--no"]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"unknown flag {name!r}{hint}"


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class _Help(argparse.Action):
    def __init__(self, option_strings, dest, full):
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0)
        self.full = full

    def __call__(self, parser, *_):
        print(parser.format_help(self.full), end="")
        parser.exit()


def _parse_text(text):
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def _parse_integer(text):
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer; got {text!r}") from None


def _parse_float(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a finite number; got {text!r}")
    return value


_PARSERS = {str: _parse_text, int: _parse_integer, float: _parse_float}


def _bounded(parse, least, choices):
    def value_of(text):
        value = parse(text)
        if least is not None and value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}; got {text!r}")
        if choices and value not in choices:
            raise argparse.ArgumentTypeError(
                f"must be one of {', '.join(map(str, choices))}; got {text!r}"
            )
        return value

    return value_of


def _row(name, meaning):
    width = max(_WIDTH - _COLUMN, 20)
    lines = textwrap.wrap(meaning, width) or [""]
    head = f"  {name}".ljust(_COLUMN - 1)
    if len(head) >= _COLUMN:
        lines.insert(0, "")
    rest = [" " * _COLUMN + line for line in lines[1:]]
    return "\n".join([f"{head} {lines[0]}".rstrip(), *rest])
