"""Training with several devices or processes gives the same results as one."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.models import replicas
from genesis_keras.training.checkpoints import CheckpointStore, load_model
from genesis_keras.training.config import resolve
from genesis_keras.training.distribution import distribute, is_chief, make_strategy
from genesis_keras.training.preemption import RESTART
from genesis_keras.training.run import MODEL_FILE, train

ROOT = pathlib.Path(__file__).parents[2]
LONG = bool(os.environ.get("GENESIS_LONG_TESTS"))
TINY = {
    "precision": "float32",  # on any processor
    "dataset": "sprites/easy",
    "model": "slot_attention",
    "num_iterations": 1,
    "filters": 8,
    "num_slots": 2,
    "batch_size": 6,
    "summary_every": 1,
    "picture_every": 10**6,
    "checkpoint_every": 1,
}


def compare_devices(*arguments):
    """Returns what one and two devices differ in, as mirrored_program.py prints it."""
    program = ROOT / "tests" / "training" / "mirrored_program.py"
    result = subprocess.run(
        [sys.executable, str(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["genesis_v2", "genesis"])
def test_two_devices_train_as_one_does(name):
    if name == "genesis" and not LONG:
        pytest.skip("GENESIS_LONG_TESTS=1 runs it")
    found = compare_devices("train", name, "6")
    assert found["num_updates"] == 6
    assert found["largest_moment"] > 1e-3  # there is something to compare
    assert found["logs"] < 1e-5, found
    for name in ("weights", "moments"):  # with the path of the worst
        assert found[name][0] < 1e-5, (name, found)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["genesis_v2", "genesis"])
def test_two_devices_evaluate_as_one_does(name):
    if name == "genesis" and not LONG:
        pytest.skip("GENESIS_LONG_TESTS=1 runs it")
    found = compare_devices("evaluate", name)
    assert found["evaluation"] < 1e-5, found
    assert found["scores"] < 1e-5, found
    assert "jit_compile" in found["refusal"] and "2 replicas" in found["refusal"]


@pytest.mark.slow
def test_workers_that_differ_end_before_the_first_step(job, tmp_path):
    settings, _ = job
    each = [{**settings, "steps": 4, "seed": seed} for seed in (0, 1)]
    processes = start_workers(2, each, tmp_path / "job")
    try:
        for index, process in enumerate(processes):
            assert process.wait(300) == 1, output_of(tmp_path / "job", index)
            printed = output_of(tmp_path / "job", index)
            assert (
                f"error: the workers differ: seed={index} on worker {index}" in printed
            )
            assert "Traceback" not in printed
    finally:
        for process in processes:
            process.kill()
    assert not (tmp_path / "job" / "config.json").exists()


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_workers(count, settings, workdir):
    """Starts the processes of a job; their output goes to files beside `workdir`.

    `settings` is a dict, or a list of one for each.
    """
    workers = [f"localhost:{port}" for port in free_ports(count)]
    settings = settings if isinstance(settings, list) else [settings] * count
    processes = []
    for index in range(count):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker"}}
        task["task"]["index"] = index
        flags = [f"--{name}={value}" for name, value in settings[index].items()]
        with open(f"{workdir}.{index}.log", "w") as log:
            processes.append(
                subprocess.Popen(
                    [
                        sys.executable,
                        str(ROOT / "train.py"),
                        *flags,
                        f"--workdir={workdir}",
                        "--resume",
                    ],
                    env={**os.environ, "TF_CONFIG": json.dumps(task)},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    return processes


def output_of(workdir, index):
    return pathlib.Path(f"{workdir}.{index}.log").read_text()


def wait_for(condition, seconds, processes=()):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        assert all(process.poll() is None for process in processes), "a worker ended"
        time.sleep(0.05)


def assert_close(model, other):
    for a, b in zip(model.weights, other.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-5, err_msg=a.path)
    pairs = zip(model.optimizer.variables, other.optimizer.variables, strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-5, err_msg=a.path)


@pytest.fixture
def job(data_dir):
    """Settings of the processes of a job, and its config were it one process."""
    settings = {**TINY, "data_dir": str(data_dir), "strategy": "multi_worker"}
    # Of as many steps as the job's: the schedule follows them.
    return settings, resolve({**settings, "strategy": "none", "steps": 10**5})


@pytest.mark.slow
@pytest.mark.parametrize(("count", "lost"), [(2, 1), (3, 2), (3, 0)])
def test_a_lost_worker_ends_the_others(count, lost, job, tmp_path):
    if count == 3 and not LONG:
        pytest.skip("GENESIS_LONG_TESTS=1 runs it")
    settings, config = job
    workdir = tmp_path / "job"
    store = CheckpointStore(workdir / "checkpoints")
    processes = start_workers(count, {**settings, "steps": 10**5}, workdir)
    try:
        wait_for(lambda: len(store.steps()) > 1, 300, processes)
        processes[lost].send_signal(signal.SIGKILL)
        killed = time.monotonic()
        for index in set(range(count)) - {lost}:
            assert processes[index].wait(60) == RESTART, output_of(workdir, index)
            message = "stopped: another worker of the job is gone; restart all"
            assert message in output_of(workdir, index)
            assert "Traceback" not in output_of(workdir, index)
        assert time.monotonic() - killed < 60
        assert "loss" not in output_of(workdir, 1)  # the chief alone reports
    finally:
        for process in processes:
            process.kill()
    left, step = store.restore()
    alone = train(dataclasses.replace(config, steps=step), tmp_path / "alone")
    assert_close(left, alone)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_workers_go_on_from_a_checkpoint_as_one_process_does(count, job, tmp_path):
    if count == 3 and not LONG:
        pytest.skip("GENESIS_LONG_TESTS=1 runs it")
    settings, config = job
    workdir = tmp_path / "job"
    alone = train(dataclasses.replace(config, steps=4), tmp_path / "alone")
    shutil.copytree(tmp_path / "alone", workdir)
    (workdir / MODEL_FILE).unlink()
    store = CheckpointStore(workdir / "checkpoints")
    for step in (3, 4):
        store.path(step).unlink()
    # What a chief leaves that was killed while it wrote.
    (store.folder / f".{'0' * 32}.step_00000003.keras").write_bytes(b"half a file")
    processes = start_workers(count, {**settings, "steps": 4}, workdir)
    try:
        for index, process in enumerate(processes):
            assert process.wait(300) == 0, output_of(workdir, index)[-3000:]
    finally:
        for process in processes:
            process.kill()
    assert f"resuming {workdir} at step 2" in output_of(workdir, 0)
    assert not list(store.folder.glob(".*"))
    events = list((workdir / "tensorboard").glob("events*"))
    assert len(events) == 2  # one of each start: the chief alone writes
    assert_close(load_model(workdir / MODEL_FILE), alone)


def test_a_single_device_has_the_whole_batch():
    images = tf.zeros([5, 2, 2, 3])
    shard = replicas.shard_of(images)
    assert (shard.first, shard.size, shard.global_size) == (0, 5, 5)
    assert float(shard.share) == 1.0
    draws = {"noise": tf.ones([5, 1])}
    assert replicas.take(draws, shard) is draws


def test_draws_of_training_steps_differ_and_repeat(make_model):
    model = make_model()
    shard = replicas.Shard(0, 2, 2)
    first, again, next_step, other_kind = (
        model.draws_of(shard, kind, index)["noise"].numpy()
        for kind, index in ((0, 3), (0, 3), (0, 4), (1, 3))
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - next_step).min() > 0
    assert np.abs(first - other_kind).min() > 0
    assert np.abs(first - make_model(seed=1).draws_of(shard, 0, 3)["noise"]).min() > 0


def test_evaluation_repeats_its_draws(make_model, images):
    model = make_model()
    model.compile("adam")
    first, second = (
        model.evaluate(images, batch_size=2, verbose=0, return_dict=True)
        for _ in range(2)
    )
    assert first == second
    # The batches of one evaluation have draws of their own.
    same = np.stack([images[0]] * 2)
    whole = model.evaluate(same, batch_size=1, verbose=0, return_dict=True)
    part = model.evaluate(same[:1], batch_size=1, verbose=0, return_dict=True)
    assert whole["elbo"] != part["elbo"]


def test_a_batch_that_cannot_be_shared_is_refused():
    class Strategy:
        num_replicas_in_sync = 4

    with pytest.raises(ValueError, match="batch_size.*4 replicas; got 6"):
        distribute(None, Strategy(), 6)
    with pytest.raises(ValueError, match="accumulate_steps.*2 images.*4 rep.*; got 3"):
        distribute(None, Strategy(), 8, 3)


def test_strategies_by_name(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert make_strategy("none").num_replicas_in_sync == 1
    with pytest.raises(ValueError, match="strategy must be one of.*got 'many'"):
        make_strategy("many")
    with pytest.raises(ValueError, match="needs the environment variable TF_CONFIG"):
        make_strategy("multi_worker")
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(ValueError, match="TF_CONFIG names no cluster; got '{}'"):
        make_strategy("multi_worker")
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(ValueError, match="TF_CONFIG is no JSON.*'{'"):
        make_strategy("auto")


@pytest.mark.parametrize(
    ("tasks", "task", "chief"),
    [
        (["worker"], ("worker", 0), True),
        (["worker"], ("worker", 1), False),
        (["chief", "worker"], ("worker", 0), False),
        (["chief", "worker"], ("chief", 0), True),
    ],
)
def test_one_process_is_the_chief(tasks, task, chief):
    cluster = {name: ["a:1", "b:1"] for name in tasks}
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(cluster), task_type=task[0], task_id=task[1]
    )

    class Strategy:
        cluster_resolver = resolver

    assert is_chief(Strategy()) is chief
    assert is_chief(tf.distribute.get_strategy())
