"""Handling of SIGTERM and Ctrl-C: saves a checkpoint, then stops the run."""

import contextlib
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable

import keras

from genesis_keras.types import Config

RESTART = 75
"""Exit code of a run that was stopped by SIGTERM: restart it with --resume.

It is EX_TEMPFAIL of sysexits.h.
"""
INTERRUPTED = 130
"""Exit code of a run that was stopped by Ctrl-C, as in shells."""
_NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}
_CODES = {signal.SIGTERM: RESTART, signal.SIGINT: INTERRUPTED}
_SAVING = b"\nCtrl-C: saving after this step; once more ends without\n"


class PreemptedError(RuntimeError):
    """The run received SIGTERM or Ctrl-C; the chief has saved a checkpoint.

    Attributes:
        code: Exit code of the program.
    """

    def __init__(self, message: str, code: int = RESTART) -> None:
        super().__init__(message)
        self.code = code


def exit_on_signals() -> None:
    """Makes SIGTERM and Ctrl-C end the program when no step is running, too.

    `Preemption` is only active during training; before and after it there is nothing to
    save.
    """
    for number in _NAMES:
        signal.signal(number, _exit)
    sys.unraisablehook = functools.partial(_send_again, otherwise=sys.unraisablehook)


class _Exit(SystemExit):  # not an Exception, which KerasTuner takes for a failed trial
    def __init__(self, number):
        super().__init__(_CODES[number])
        self.number = number


def _exit(number, _):
    # print is not reentrant: the signal may have interrupted another call.
    _tell(f"\nstopped: {_NAMES[number]}, no step was running\n".encode())
    raise _Exit(number)


def _send_again(unraisable, otherwise):
    """Sends a signal again that came during a destructor, where Python ignores errors.

    Args:
        unraisable: As of `sys.unraisablehook`.
        otherwise: The hook for all other errors.
    """
    error = unraisable.exc_value
    if isinstance(error, _Exit):
        threading.Timer(0.1, os.kill, [os.getpid(), error.number]).start()
    else:
        otherwise(unraisable)


def _tell(text):
    with contextlib.suppress(OSError, ValueError):  # there may be no terminal
        os.write(sys.__stderr__.fileno(), text)


class Preemption(keras.callbacks.Callback):
    """On SIGTERM or Ctrl-C, finishes the current step, saves and ends the run.

    A second Ctrl-C ends the process immediately, even during a step. Outside the main
    thread, where Python cannot receive signals, the callback does nothing.

    Args:
        save: Function (step) that writes a checkpoint; None if another process of the
            job does.
    """

    def __init__(self, save: Callable[[int], None] | None) -> None:
        super().__init__()
        self.save = save
        self.received = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in _NAMES:
                previous = signal.signal(number, self._receive)
                self._stack.callback(signal.signal, number, previous)
            self._stack.enter_context(_watching(signal.SIGINT))
        return self

    def __exit__(self, *_):
        self._stack.close()

    def on_train_batch_end(self, batch: int, logs: Config | None = None) -> None:
        """Saves and stops if a signal has been received.

        Raises:
            PreemptedError: If a signal has been received.
        """
        if self.received is None:
            return
        step = int(self.model.optimizer.iterations.numpy())
        saved = ""
        if self.save is not None:
            self.save(step)
            saved = " and saved"
        raise PreemptedError(
            f"{_NAMES[self.received]}: stopped{saved} at step {step}",
            _CODES[self.received],
        )

    def _receive(self, number, _):
        self.received = self.received or number


@contextlib.contextmanager
def _watching(number):
    """Acknowledges a signal immediately, and ends the process on the second.

    Python's own handlers run when TensorFlow returns, which may take a whole step. A
    thread is notified earlier.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def watch():
        count = 0
        while received := os.read(reader, 1):
            count += received[0] == number
            if received[0] != number:
                continue
            if count > 1:
                os._exit(INTERRUPTED)
            _tell(_SAVING)
        os.close(reader)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        os.close(writer)  # the thread reads the end of file and ends
