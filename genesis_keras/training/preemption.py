"""SIGTERM, by which clusters and people end a run: save, then stop."""

import os
import signal
import sys
import threading

import keras

RESTART = 75
"""Exit code of a run that was ended from outside: start it again with --resume.

It is EX_TEMPFAIL of sysexits.h.
"""


class PreemptedError(RuntimeError):
    """The run got SIGTERM, and has saved a checkpoint where it is the chief."""


def exit_on_sigterm():
    """Lets SIGTERM end this program with `RESTART` also while no step is running.

    Before the first step and after the last there is nothing to save, and `Preemption`
    does not listen.
    """
    signal.signal(signal.SIGTERM, _exit)


def _exit(*_):
    # Not print: the signal may have come in the middle of another one.
    os.write(sys.__stderr__.fileno(), b"stopped: SIGTERM, no step was running\n")
    sys.exit(RESTART)  # not an Exception, which KerasTuner would take for a bad trial


class Preemption(keras.callbacks.Callback):
    """On SIGTERM saves after the step that is running and ends the run.

    Outside the main thread, where Python cannot receive signals, it does nothing.

    Args:
        save: Function (step) that writes a checkpoint; None where another process
            of the job does.
    """

    def __init__(self, save):
        super().__init__()
        self.save = save
        self.received = False
        self.previous = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self.previous = signal.signal(signal.SIGTERM, self._receive)
        return self

    def __exit__(self, *_):
        if self.previous is not None:
            signal.signal(signal.SIGTERM, self.previous)

    def on_train_batch_end(self, batch, logs=None):
        """Saves and stops if the signal has come.

        Raises:
            PreemptedError: It has.
        """
        if self.received:
            step = int(self.model.optimizer.iterations.numpy())
            if self.save is None:
                raise PreemptedError(f"SIGTERM: stopped at step {step}")
            self.save(step)
            raise PreemptedError(f"SIGTERM: stopped and saved at step {step}")

    def _receive(self, *_):
        self.received = True
