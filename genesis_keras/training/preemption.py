"""SIGTERM and Ctrl-C, by which clusters and people end a run: save, then stop."""

import contextlib
import os
import signal
import sys
import threading

import keras

RESTART = 75
"""Exit code of a run that was ended from outside: start it again with --resume.

It is EX_TEMPFAIL of sysexits.h.
"""
INTERRUPTED = 130
"""Exit code of a run that was ended by Ctrl-C, as shells have it."""
_NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}
_CODES = {signal.SIGTERM: RESTART, signal.SIGINT: INTERRUPTED}
_SAVING = b"\nCtrl-C: saving after this step; once more ends without\n"


class PreemptedError(RuntimeError):
    """The run got SIGTERM or Ctrl-C, and has saved where it is the chief.

    Attributes:
        code: Exit code for the program.
    """

    def __init__(self, message, code=RESTART):
        super().__init__(message)
        self.code = code


def exit_on_signals():
    """Lets SIGTERM and Ctrl-C end this program also while no step is running.

    Before the first step and after the last there is nothing to save, and `Preemption`
    does not listen.
    """
    for number in _NAMES:
        signal.signal(number, _exit)


def _exit(number, _):
    # Not print: the signal may have come in the middle of another one.
    _tell(f"\nstopped: {_NAMES[number]}, no step was running\n".encode())
    # Not an Exception, which KerasTuner would take for a bad trial.
    sys.exit(_CODES[number])


def _tell(text):
    with contextlib.suppress(OSError, ValueError):  # there may be no terminal
        os.write(sys.__stderr__.fileno(), text)


class Preemption(keras.callbacks.Callback):
    """On SIGTERM or Ctrl-C saves after the step that is running and ends the run.

    A second Ctrl-C ends the process at once, in the middle of a step too. Outside the
    main thread, where Python cannot receive signals, it does nothing.

    Args:
        save: Function (step) that writes a checkpoint; None where another process
            of the job does.
    """

    def __init__(self, save):
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

    def on_train_batch_end(self, batch, logs=None):
        """Saves and stops if a signal has come.

        Raises:
            PreemptedError: It has.
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
    """Answers a signal at once, and ends the process when it comes again.

    Python's own handlers wait until TensorFlow returns, which may take a long step. A
    thread sees the signal earlier.
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
        os.close(writer)  # the thread reads the end and ends
