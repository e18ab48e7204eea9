"""Errors that users can cause are one line; bugs are not hidden."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from genesis_keras.commands.boundary import command_name, run_command
from genesis_keras.commands.parser import CommandParser

OUT_OF_MEMORY = "out of memory: no room for it (a smaller --batch_size may help)"


def run(error=None, status=None):
    def work(options):
        if error is not None:
            raise error
        return status

    return run_command(CommandParser("genesis-nothing", "Does nothing."), work, [])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("steps must be positive; got 0"), "steps must be positive; got 0"),
        (ValueError("in two\n\n  lines"), "in two lines"),
        (PermissionError(13, "Permission denied", "x"), "[Errno 13] Permission denied"),
        (MemoryError("no room for it"), OUT_OF_MEMORY),
        (tf.errors.ResourceExhaustedError(None, None, "no room for it"), OUT_OF_MEMORY),
        (tf.errors.DataLossError(None, None, "corrupted record"), "delete the folder"),
        (tf.errors.NotFoundError(None, None, "a; No such file"), "a; No such file"),
        (tf.errors.UnavailableError(None, None, "worker 1"), "worker 1"),
        (ValueError("x" * 5000), "x" * 600 + " ..."),
    ],
)
def test_errors_of_the_user_are_one_line(error, line, capsys):
    assert run(error) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and printed.count("\n") == 1
    assert line in printed


@pytest.mark.parametrize(
    "error",
    [
        KeyError("name"),
        AttributeError("no attribute"),
        TypeError("unexpected keyword"),
        AssertionError(),
        tf.errors.InvalidArgumentError(None, None, "Incompatible shapes"),
        tf.errors.InternalError(None, None, "a fault"),
    ],
)
def test_errors_of_the_program_are_raised(error):
    with pytest.raises(type(error)):
        run(error)


def test_statuses(capsys):
    assert (run(), run(status=75)) == (0, 75)
    assert run(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "\nstopped: Ctrl-C\n"


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("train.py", "python evaluate.py"),
        ("/usr/bin/genesis-train", "genesis-evaluate"),
        ("/site-packages/genesis_keras/convert/__main__.py", "python evaluate.py"),
    ],
)
def test_other_commands_are_named_as_this_one_was_called(program, name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [program])
    assert command_name("evaluate") == name


@pytest.mark.parametrize(("setting", "expected"), [(None, "True"), ("0", "False")])
def test_commands_use_onednn_unless_it_is_turned_off(setting, expected):
    code = (
        "from genesis_keras.commands.boundary import start_tensorflow\n"
        "start_tensorflow()\n"
        "from tensorflow.python.framework.test_util import IsMklEnabled\n"
        "print(IsMklEnabled())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    if setting is not None:
        environment["TF_ENABLE_ONEDNN_OPTS"] = setting
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == expected, run.stderr
