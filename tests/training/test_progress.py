"""The progress line: short, correct after resuming, plain in a pipe."""

import io
import re
import types

import pytest

from genesis_keras.training import progress
from genesis_keras.training.progress import WIDTH, Progress, duration, say


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def run_steps(stream, monkeypatch, steps, seconds, first=0, last=8_000, logs=None):
    """Lets a callback see steps of so many seconds; returns what it wrote."""
    monkeypatch.setattr(progress.sys, "stdout", stream)
    clock = Clock()
    shown = Progress(last, batch_size=16, clock=clock)
    count = types.SimpleNamespace(numpy=lambda: first)
    model = types.SimpleNamespace(optimizer=types.SimpleNamespace(iterations=count))
    shown.set_model(model)
    logs = logs or {"loss": 1.0, "error": 0.5655, "kl": 98.07, "beta": 0.1}
    for index in range(steps):
        clock.now += 60.0 if index == 0 else seconds  # the first is a compilation
        count.numpy = lambda step=first + index + 1: step
        shown.on_train_batch_end(index, logs)
    return shown, stream


def test_a_pipe_gets_a_plain_line_now_and_then(monkeypatch):
    shown, stream = run_steps(io.StringIO(), monkeypatch, 626, 0.125)
    shown.on_train_end()
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("step 1/8000  error 0.5655  KL 98.1  beta 0.1")
    assert "left" not in lines[0]  # nothing is known of the time yet
    assert "7,975 steps will take about 17 min on this machine (0.12 s a step)" in lines
    assert lines[-1] == (
        "step 481/8000  error 0.5655  KL 98.1  beta 0.1  128 img/s  16 min left"
    )
    assert len(lines) == 4  # 78 seconds
    assert not set("\r\033\b") & set(stream.getvalue())


def test_a_terminal_has_one_line_that_news_do_not_break(monkeypatch):
    shown, stream = run_steps(Terminal(), monkeypatch, 3, 1.0)
    say("news")
    shown.clock.now += 1.0
    shown.on_train_batch_end(3, {"error": 1.0})
    shown.on_train_end()
    text = stream.getvalue()
    assert text.count("\n") == 2
    before, news, after = [part for part in re.split(r"[\r\n]", text) if part][-3:]
    assert before == " " * len(before) and len(before) > 20
    assert news == "news"
    assert after.startswith("step 3/8000")


def test_steps_and_times_count_from_the_resumption(monkeypatch):
    shown, _ = run_steps(io.StringIO(), monkeypatch, 100, 0.5, first=1_000, last=2_000)
    assert shown.line(1_100, {}) == "step 1100/2000  32 img/s  7.5 min left"


def test_rates_are_of_recent_steps(monkeypatch):
    shown, _ = run_steps(io.StringIO(), monkeypatch, 5, 100.0)
    for _ in range(1_000):
        shown.clock.now += 0.5
        shown.on_train_batch_end(0, {})
    assert "32 img/s" in shown.line(6_000, {})


def test_the_longest_line_fits(monkeypatch):
    logs = {"error": -123456.7, "kl": 1234567.8, "beta": 1.23e-10}
    shown, _ = run_steps(io.StringIO(), monkeypatch, 4, 1234.5)
    shown.last_step = 99_999_999
    line = shown.line(99_999_998, logs)
    assert len(line) <= WIDTH < 80
    assert line.endswith("21 min left")
    assert "error -1.2e+05  KL 1.2e+06  beta 1.2e-10" in line


def test_a_reader_that_has_gone_does_not_end_the_run(monkeypatch):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    run_steps(Gone(), monkeypatch, 10, 40.0)
    say("news")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (90, "1.5 min"),
        (3_000, "50 min"),
        (3_600, "1.0 hours"),
        (86_400, "24 hours"),
        (20 * 86_400, "20 days"),
    ],
)
def test_durations_are_in_words(seconds, words):
    assert duration(seconds) == words
