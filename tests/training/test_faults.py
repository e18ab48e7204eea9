"""Interruptions of runs: kills, full disks, NaN, signals, a second run."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras import GECO
from genesis_keras.commands.train import main as train_command
from genesis_keras.training.callbacks import (
    MAX_SKIPPED,
    DivergedError,
    DivergenceGuard,
)
from genesis_keras.training.checkpoints import CheckpointStore, load_model
from genesis_keras.training.config import resolve
from genesis_keras.training.locking import exclusive
from genesis_keras.training.optimizers import SkippingOptimizer, make_optimizer
from genesis_keras.training.preemption import (
    INTERRUPTED,
    RESTART,
    PreemptedError,
    Preemption,
    exit_on_signals,
)
from genesis_keras.training.run import train
from genesis_keras.training.summaries import Shown

ROOT = pathlib.Path(__file__).parents[2]
TINY = {
    "dataset": "sprites/easy",
    "model": "slot_attention",
    "num_iterations": 1,
    "filters": 8,
    "num_slots": 2,
    "batch_size": 2,
    "summary_every": 1,
    "picture_every": 10**6,
    "checkpoint_every": 1,
    "steps": 10**5,
}


def values_of(model):
    return [v.numpy() for v in (*model.weights, *model.optimizer.variables)]


def assert_same(model, other):
    for a, b in zip(values_of(model), values_of(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def start(data_dir):
    """Function that starts a run in a process, which ends with the test."""
    processes = []

    def run(workdir):
        processes.append(_start(workdir, data_dir))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()


def _start(workdir, data_dir):
    flags = [f"--{name}={value}" for name, value in TINY.items()]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *flags]
        + [f"--workdir={workdir}", f"--data_dir={data_dir}", "--resume"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(process, store, step):
    end = time.monotonic() + 600
    while not store.steps() or store.steps()[-1] < step:
        assert process.poll() is None, process.stderr.read()[-2000:]
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_and_terminated_runs_end_as_whole_ones(data_dir, start, tmp_path):
    workdir = tmp_path / "killed"
    store = CheckpointStore(workdir / "checkpoints")
    process = start(workdir)
    wait_for_step(process, store, 3)
    time.sleep(np.random.default_rng().uniform(0, 0.3))
    process.kill()
    process.wait()

    process = start(workdir)
    wait_for_step(process, store, store.steps()[-1] + 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == RESTART
    errors = process.stderr.read()
    last = store.steps()[-1]
    assert f"stopped: SIGTERM: stopped and saved at step {last}" in errors
    assert "Traceback" not in errors

    (store.folder / f".{'0' * 32}.step_00000001.keras").write_bytes(b"half a file")
    config = resolve({**TINY, "data_dir": str(data_dir)})
    config = dataclasses.replace(config, steps=last + 2)
    resumed = train(config, workdir, resume=True)
    assert not list(store.folder.glob(".*"))
    assert_same(resumed, train(config, tmp_path / "whole"))


@pytest.mark.slow
def test_a_signal_saves_and_what_only_shows_may_fail(data_dir, tmp_path, capsys):
    config = resolve({**TINY, "data_dir": str(data_dir)})
    config = dataclasses.replace(config, picture_every=2, checkpoint_every=2)
    before = signal.getsignal(signal.SIGTERM)
    store = CheckpointStore(tmp_path / "checkpoints")
    for name in ("pictures", "tensorboard"):
        (tmp_path / name).write_text("in the way")
    left = [tmp_path / f".{'a' * 32}.{name}" for name in ("watch.json", "config.json")]
    for path in left:
        path.write_text("half a file")
    (tmp_path / "watch.json").write_text("{")
    at_validation = []

    def be_terminated(model):
        at_validation.append(store.steps())
        os.kill(os.getpid(), signal.SIGTERM)
        raise KeyError("score")

    with pytest.raises(PreemptedError, match="stopped and saved at step 2") as stop:
        train(config, tmp_path, validate=be_terminated)
    assert stop.value.code == RESTART
    assert at_validation == [[2]]  # the checkpoint comes first
    assert store.steps() == [2]
    assert signal.getsignal(signal.SIGTERM) is before
    assert not any(path.exists() for path in left)
    assert json.loads((tmp_path / "watch.json").read_text())[0]["step"] == 2
    assert (tmp_path / "damaged_watch.json").read_text() == "{"
    printed = capsys.readouterr().out
    for what in ("TensorBoard", "pictures", "validation: KeyError: 'score'"):
        assert printed.count(f"warning: the run goes on without {what}") == 1, printed
    assert "compiling the training step of slot_attention" in printed


def test_a_warning_is_printed_once(capsys):
    shown = Shown()
    for message in ("full\nof lines", "full", "other"):
        with shown.may_fail("pictures"):
            raise OSError(message)
    assert capsys.readouterr().out.splitlines() == [
        "warning: the run goes on without pictures: OSError: full",
        "warning: the run goes on without pictures: OSError: other",
    ]


def test_ctrl_c_saves_after_the_step(capfd):
    before = signal.getsignal(signal.SIGINT)
    saved = []
    with Preemption(saved.append) as preemption:
        count = types.SimpleNamespace(numpy=lambda: 7)
        optimizer = types.SimpleNamespace(iterations=count)
        preemption.set_model(types.SimpleNamespace(optimizer=optimizer))
        preemption.on_train_batch_end(0)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(PreemptedError, match="Ctrl-C: stopped and saved at step 7"):
            preemption.on_train_batch_end(1)
    assert saved == [7]
    assert preemption.received == signal.SIGINT
    assert signal.getsignal(signal.SIGINT) is before
    end = time.monotonic() + 60
    while "once more ends" not in capfd.readouterr().err:  # a thread writes it
        assert time.monotonic() < end


def test_a_second_ctrl_c_ends_at_once():
    path = ROOT / "genesis_keras" / "training" / "preemption.py"
    # The file alone, with stand-ins for Keras, whose import takes seconds, and types.
    program = f"""
import importlib.util, sys, time, types
callbacks = types.SimpleNamespace(Callback=object)
sys.modules["keras"] = types.SimpleNamespace(callbacks=callbacks)
sys.modules["genesis_keras"] = types.ModuleType("genesis_keras")
sys.modules["genesis_keras.types"] = types.SimpleNamespace(Config=dict)
spec = importlib.util.spec_from_file_location("preemption", {str(path)!r})
preemption = importlib.util.module_from_spec(spec)
spec.loader.exec_module(preemption)
with preemption.Preemption(None):
    print("ready", flush=True)
    time.sleep(600)  # as a step that takes long
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "\n"
        assert "Ctrl-C: saving after this step" in process.stderr.readline()
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == INTERRUPTED
    finally:
        process.kill()


def _without_memory_for_a_constant(*_):
    return tf.errors.InvalidArgumentError(
        None, None, "Graph execution error:\n\nCannot parse tensor from proto"
    )


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            tf.errors.ResourceExhaustedError,
            MemoryError,
            "a step of batch_size=2 images of 32x32 with num_slots=2 does not fit",
        ),
        (
            _without_memory_for_a_constant,
            MemoryError,
            "a step of batch_size=2 images of 32x32 with num_slots=2 does not fit",
        ),
        (
            tf.errors.DataLossError,
            ValueError,
            r"a file of the data in '.*/sprites/easy/[\d.]+' is damaged \(broken\)",
        ),
    ],
)
def test_errors_of_a_step_say_what_to_do(
    error, kind, message, data_dir, tmp_path, monkeypatch
):
    def fit(*_, **__):
        raise error(None, None, "broken\nby a test")

    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(kind, match=message):
        train(resolve({**TINY, "data_dir": str(data_dir)}), tmp_path)


@pytest.fixture
def stopped_train(monkeypatch):
    """Function that makes training end with an error; signals are as before after."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}

    def end_with(error):
        def train(*_, **__):
            raise error

        monkeypatch.setattr("genesis_keras.training.run.train", train)

    yield end_with
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_stopped_run_says_how_to_go_on(stopped_train, tmp_path, capsys):
    stopped_train(PreemptedError("Ctrl-C: stopped and saved at step 7", INTERRUPTED))
    workdir = tmp_path / "my run"
    assert train_command([f"--workdir={workdir}"]) == INTERRUPTED
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("stopped: Ctrl-C: stopped and saved at step 7; go on with: ")
    assert last.endswith(f" '--workdir={workdir}' --resume")


def test_the_plan_is_said_before_the_first_step(stopped_train, tmp_path, capsys):
    stopped_train(PreemptedError("SIGTERM: stopped and saved at step 7"))
    flags = [f"--workdir={tmp_path}", "--recipe=paper", "--nosemi_convolution"]
    assert train_command(flags) == RESTART
    plan = capsys.readouterr().out.splitlines()[-1]
    assert plan.startswith("recipe paper: 500,000 steps of 32 images; recipe fast ")
    assert plan.endswith(f" --recipe=fast --nosemi_convolution --workdir={tmp_path}")
    train_command([f"--workdir={tmp_path}", "--steps=5"])
    plan, schedule = capsys.readouterr().out.splitlines()[-2:]
    assert plan == "recipe fast: 5 steps of 16 images"
    assert schedule.startswith("steps=5, where the recipe has 5000; to the same scale ")


def test_sigterm_between_steps_has_the_same_code(capfd):
    exit_on_signals()
    with pytest.raises(SystemExit) as stop:
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(SystemExit) as interrupted:
        signal.raise_signal(signal.SIGINT)
    assert stop.value.code == RESTART
    assert interrupted.value.code == INTERRUPTED == 130
    errors = capfd.readouterr().err
    assert "stopped: SIGTERM, no step was running" in errors
    assert "stopped: Ctrl-C, no step was running" in errors


DYING = """
import signal, time
from genesis_keras.training.preemption import exit_on_signals

class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

exit_on_signals()
Dying()
time.sleep(50)
"""


def test_a_signal_in_a_destructor_is_not_lost():
    start = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", DYING], cwd=ROOT, check=False)
    assert ended.returncode == RESTART
    assert time.monotonic() - start < 45


def test_a_second_run_on_a_workdir_is_refused(data_dir, tmp_path):
    config = resolve({**TINY, "data_dir": str(data_dir)})
    with exclusive(tmp_path):
        with pytest.raises(ValueError, match=f"in use by process {os.getpid()} on"):
            train(config, tmp_path, resume=True)
    assert not (tmp_path / "config.json").exists()
    with exclusive(tmp_path):
        pass  # free again


def test_the_lock_ends_with_its_process(tmp_path):
    path = ROOT / "genesis_keras" / "training" / "locking.py"
    # The file alone: importing the package takes seconds.
    program = f"""
import importlib.util, pathlib, time
spec = importlib.util.spec_from_file_location("locking", {str(path)!r})
locking = importlib.util.module_from_spec(spec)
spec.loader.exec_module(locking)
with locking.exclusive({str(tmp_path)!r}):
    print("held", flush=True)
    time.sleep(600)
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ValueError, match=f"process {holder.pid} "):
        with exclusive(tmp_path):
            pass
    holder.kill()
    holder.wait()
    with exclusive(tmp_path):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")
def test_full_disk_leaves_the_older_checkpoint(make_model, tmp_path):
    model = make_model()
    model.compile(make_optimizer(1e-3))
    size = tmp_path / "size.keras"
    model.save(size)
    disk = tmp_path / "disk"
    disk.mkdir()
    options = f"size={int(1.5 * size.stat().st_size)}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        store = CheckpointStore(disk)
        store.save(model, 1)
        with pytest.raises(OSError, match="step_00000002.keras.*No space.*is intact"):
            store.save(model, 2)
        assert [path.name for path in disk.iterdir()] == ["step_00000001.keras"]
        restored, step = store.restore()
        assert step == 1
        np.testing.assert_array_equal(restored.weights[0], model.weights[0])
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("size", [0, 10, 1000, -1000, -1])
def test_a_truncated_checkpoint_is_named(make_model, tmp_path, size):
    path = tmp_path / "model.keras"
    make_model().save(path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="model.keras.*is damaged"):
        load_model(path)


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.logs, self.weights = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(dict(logs))
        self.weights.append([w.numpy() for w in self.model.trainable_weights])


def test_a_batch_with_nan_is_skipped(make_model, images, capsys):
    images = np.concatenate([images, images, images])
    images[5, 0, 0, 0] = np.nan  # in the second of three batches
    model = make_model()
    model.compile(SkippingOptimizer(make_optimizer(1e-3)))
    recorder = Recorder()
    callbacks = [GECO(), DivergenceGuard(), recorder]
    history = model.fit(
        images, batch_size=4, shuffle=False, verbose=0, callbacks=callbacks
    )
    assert "step 2: a gradient is not finite" in capsys.readouterr().out
    assert [float(logs["skipped"]) for logs in recorder.logs] == [0, 1, 0]
    one, two, three = recorder.weights
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.abs(b - c).max() > 0 for b, c in zip(two, three, strict=True))
    assert int(model.optimizer.iterations) == 3  # the position in the data
    assert int(model.geco.num_updates) == 2
    assert np.isfinite(history.history["loss"]).all()
    assert float(model.optimizer.dynamic_scale) == 1.0


def test_nothing_but_nan_stops_a_skipping_run(make_model):
    model = make_model()
    model.compile(SkippingOptimizer(make_optimizer(1e-3)))
    guard = DivergenceGuard()
    guard.set_model(model)
    for _ in range(MAX_SKIPPED - 1):
        guard.on_train_batch_end(0, {"loss": 1.0, "skipped": 1.0})
    with pytest.raises(DivergedError, match=f"{MAX_SKIPPED} skipped batches in a row"):
        guard.on_train_batch_end(0, {"loss": 1.0, "skipped": 1.0})


def test_the_skipping_optimizer_is_saved_with_the_model(make_model, images, tmp_path):
    model = make_model()
    model.compile(SkippingOptimizer(make_optimizer(1e-3)))
    model.optimizer.build(model.trainable_weights)
    model.optimizer.iterations.assign(7)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is SkippingOptimizer
    assert int(loaded.optimizer.iterations) == 7
    assert_same(model, loaded)
