"""Where a command ends: what a user can cause is one line, a bug is a traceback."""

import contextlib
import os
import pathlib
import sys
import tempfile

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_LONGEST = 600  # characters of a message


def run_command(parser, work, arguments=None):
    """Reads the flags of a command, starts TensorFlow quietly and does the work.

    Args:
        parser: The `CommandParser` of the command.
        work: Function (options) -> exit status or None. It imports what needs
            TensorFlow.
        arguments: Words of the command line, by default those of the program.

    Returns:
        The exit status: that of `work`, 1 after an error of the user, 130 after
        Ctrl-C. Errors of the program are raised.
    """
    options = parser.parse_args(arguments)
    try:
        return work(options) or 0
    except KeyboardInterrupt:
        print("\nstopped: Ctrl-C", file=sys.stderr, flush=True)
        return 130
    except Exception as error:
        message = message_to_user(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr, flush=True)
        return 1


def command_name(name):
    """Returns how to call another command: as this one was called.

    Args:
        name: "train", "evaluate" and so on.
    """
    program = pathlib.Path(sys.argv[0]).name
    if program.endswith(".py") and name in ("train", "evaluate"):
        return f"python {name}.py"
    return f"genesis-{name}"


def start_tensorflow():
    """Imports TensorFlow without its start-up messages.

    With the environment variable `TF_CPP_MIN_LOG_LEVEL` set to 0 or 1 they are shown.
    """
    if os.environ.setdefault(_LOG_LEVEL, "2") in ("0", "1"):
        return
    with _native_errors_hidden():
        import tensorflow as tf

        # Where there is no GPU, looking for one writes a line of CUDA's.
        tf.config.list_physical_devices("GPU")
    import absl.logging

    absl.logging.set_verbosity("error")  # TFDS logs each file it opens
    tf.get_logger().setLevel("ERROR")  # warns of each graph beyond the fourth


def message_to_user(error):
    """Returns the line for an error that a user can cause, None for another.

    Args:
        error: The exception.
    """
    if isinstance(error, MemoryError):
        return f"out of memory: {_one_line(error)} (a smaller --batch_size may help)"
    if (message := _message_of_tensorflow(error)) is not None:
        return message
    return _one_line(error) if isinstance(error, ValueError | OSError) else None


def _message_of_tensorflow(error):
    """Returns the line for an error of TensorFlow's runtime, None for another."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
        return None
    errors, message = tensorflow.errors, _one_line(error.message)
    if isinstance(error, errors.ResourceExhaustedError):
        return f"out of memory: {message} (a smaller --batch_size may help)"
    if isinstance(error, errors.DataLossError):
        return (
            f"a file of the data is damaged: {message}; delete the folder of the data "
            "set in --data_dir, and it is made again"
        )
    outside = (
        errors.AbortedError,
        errors.DeadlineExceededError,
        errors.NotFoundError,
        errors.PermissionDeniedError,
        errors.UnavailableError,
    )
    return message if isinstance(error, outside) else None


def _one_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


@contextlib.contextmanager
def _native_errors_hidden():
    """Keeps what C++ writes to stderr off the terminal, unless the block fails.

    TensorFlow writes some lines before it has read the level of its log.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            hidden.seek(0)
            os.write(terminal, hidden.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
