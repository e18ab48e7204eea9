"""Error handling of commands: one line for user errors, a traceback for bugs."""

import contextlib
import os
import pathlib
import sys
import tempfile

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_LONGEST = 600  # maximum length of a message


def run_command(parser, work, arguments=None):
    """Parses the flags of a command and runs it.

    Args:
        parser: The `CommandParser` of the command.
        work: Function (options) that returns the exit status or None. It imports the
            modules that need TensorFlow.
        arguments: List of arguments; by default those of the command line.

    Returns:
        The exit status: that of `work`, 1 after a user error, 130 after Ctrl-C. Other
        exceptions are raised.
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
    """Returns the way to call another command, like this one was called.

    Args:
        name: Name such as "train" or "evaluate".
    """
    program = pathlib.Path(sys.argv[0]).name
    if program.endswith(".py") and name in ("train", "evaluate"):
        return f"python {name}.py"
    return f"genesis-{name}"


def start_tensorflow():
    """Imports TensorFlow with oneDNN's kernels and without its messages.

    By default TensorFlow only uses oneDNN on processors with AVX512_VNNI or newer
    instructions; with AVX2 training is about twice as fast with it. The environment
    variable `TF_ENABLE_ONEDNN_OPTS=0` turns it off. TensorFlow's messages, whose errors
    raise in Python as well, are shown if `TF_CPP_MIN_LOG_LEVEL` is 0 or 1.
    """
    os.environ.setdefault(_ONEDNN, "1")  # read when TensorFlow is imported
    if os.environ.setdefault(_LOG_LEVEL, "3") in ("0", "1"):
        return
    with _native_errors_hidden():
        import tensorflow as tf

        # Where there is no GPU, looking for one writes a line of CUDA's.
        tf.config.list_physical_devices("GPU")
    import absl.logging

    absl.logging.set_verbosity("error")  # TFDS logs each file it opens
    tf.get_logger().setLevel("ERROR")  # warns of each graph beyond the fourth


def message_to_user(error):
    """Returns the message for an error that a user can cause; None for others.

    Args:
        error: The exception.
    """
    if isinstance(error, MemoryError):
        return f"out of memory: {_one_line(error)} (a smaller --batch_size may help)"
    if (message := _message_of_tensorflow(error)) is not None:
        return message
    return _one_line(error) if isinstance(error, ValueError | OSError) else None


def _message_of_tensorflow(error):
    """Returns the message for an error of TensorFlow's runtime; None for others."""
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
    """Hides the C++ output on stderr, unless the block fails.

    TensorFlow writes some lines before it reads its log level.
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
