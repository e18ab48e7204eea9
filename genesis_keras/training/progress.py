"""The terminal output of a run: a progress line, and messages."""

import collections
import contextlib
import sys
import time
from collections.abc import Callable

import keras

from genesis_keras.types import Config

WIDTH = 79
"""Maximum length of a line; some terminals wrap at the last column."""
_WINDOW = 1_000  # steps of the moving average, including pictures and checkpoints
_LINE_SECONDS = 0.2  # between updates on a terminal
_PLAIN_SECONDS = 30  # between lines in a pipe or a file
_ESTIMATE_STEPS, _ESTIMATE_SECONDS = 5, 3.0


class _Terminal:
    """Standard output with at most one line that is overwritten.

    Output that cannot be written, e.g. to a closed pipe, is dropped, so that it does
    not end a run.
    """

    def __init__(self):
        self._width = 0

    def say(self, text):
        self._write(self._blank() + text + "\n")
        self._width = 0

    def show(self, text):
        """Shows a line, which the next one replaces."""
        self._write("\r" + text.ljust(self._width))
        self._width = len(text)

    def end_line(self):
        """Keeps the current line on the terminal."""
        if self._width:
            self._write("\n")
            self._width = 0

    def _blank(self):
        return f"\r{' ' * self._width}\r" if self._width else ""

    @staticmethod
    def _write(text):
        with contextlib.suppress(OSError):
            sys.stdout.write(text)
            sys.stdout.flush()


_TERMINAL = _Terminal()


def say(text: str) -> None:
    """Prints a line above the current progress line.

    Args:
        text: The line.
    """
    _TERMINAL.say(text)


def duration(seconds: float) -> str:
    """Formats a duration in the most readable unit.

    Args:
        seconds: A number of seconds.

    Example:
        >>> duration(5_400)
        '1.5 hours'
    """
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "min")):
        if seconds >= (2 if unit == "days" else 1) * size:
            number = seconds / size
            return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"
    return f"{seconds:.0f} s"


class Progress(keras.callbacks.Callback):
    """Shows step, error, KL, beta, images per second and the remaining time.

    On a terminal this is one line that is updated. In a pipe or a file a line is added
    every 30 seconds. After a few steps the estimated duration of the run is printed
    once.

    Args:
        last_step: The last step of the run.
        batch_size: Number of images per step.
        clock: Function that returns the time in seconds.
    """

    def __init__(
        self,
        last_step: int,
        batch_size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.last_step = last_step
        self.batch_size = batch_size
        self.clock = clock
        # End times of steps, starting with the first, which includes the compilation.
        self._ends = collections.deque(maxlen=_WINDOW + 1)
        self._shown = clock()
        self._estimated = False

    def on_train_batch_end(self, batch: int, logs: Config | None = None) -> None:
        """Updates the line if it is due."""
        now = self.clock()
        self._ends.append(now)
        step = int(self.model.optimizer.iterations.numpy())
        if not self._estimated:
            self._estimate(step)
        is_terminal = sys.stdout.isatty()
        wait = _LINE_SECONDS if is_terminal else _PLAIN_SECONDS
        if now - self._shown >= wait or step >= self.last_step:
            self._shown = now
            show = _TERMINAL.show if is_terminal else _TERMINAL.say
            show(self.line(step, logs or {}))

    def on_train_end(self, logs: Config | None = None) -> None:
        """Keeps the last line on the terminal."""
        _TERMINAL.end_line()

    def line(self, step: int, logs: Config | None) -> str:
        """Returns the line for a step, of at most `WIDTH` characters.

        Args:
            step: Total number of steps, including those before the run was resumed.
            logs: Means since the last summary.
        """
        parts = [f"step {step}/{self.last_step}"]
        for name, key in (("error", "error"), ("KL", "kl"), ("beta", "beta")):
            if key in logs:
                parts.append(f"{name} {_short(float(logs[key]), name)}")
        seconds = self._seconds_a_step()
        if seconds:
            left = f"{duration((self.last_step - step) * seconds)} left"
            rate = f"{self.batch_size / seconds:.3g} img/s"
            whole = "  ".join([*parts, rate, left])
            parts = [whole] if len(whole) <= WIDTH else [*parts, left]
        return "  ".join(parts)[:WIDTH]

    def _seconds_a_step(self):
        """Returns the mean over recent steps, or None before the second step."""
        steps = len(self._ends) - 1
        return (self._ends[-1] - self._ends[0]) / steps if steps > 0 else None

    def _estimate(self, step):
        elapsed = self._ends[-1] - self._ends[0]
        if len(self._ends) <= _ESTIMATE_STEPS or elapsed < _ESTIMATE_SECONDS:
            return
        self._estimated = True
        seconds, rest = self._seconds_a_step(), self.last_step - step
        if rest:
            say(
                f"{rest:,} steps will take about {duration(rest * seconds)} on this "
                f"machine ({seconds:.2g} s a step)"
            )


def _short(value, name):
    """Formats a number with at most 8 characters."""
    if name == "beta" or abs(value) >= 1_000:
        return f"{value:.2g}"
    return f"{value:.4f}" if name == "error" else f"{value:.1f}"
