"""Errors in TF_CONFIG, and the rendezvous of its processes."""

import json
import socket
import threading
import time

import pytest

from genesis_keras.training import rendezvous
from genesis_keras.training.cluster import Cluster, read_cluster
from genesis_keras.training.config import resolve
from genesis_keras.training.continuing import decisive_settings
from genesis_keras.training.rendezvous import WorkerLostError, meet


def config_of(cluster, task=None):
    return json.dumps({"cluster": cluster, "task": task})


def test_a_cluster_is_read():
    tasks = {"worker": ["a:1", "[::1]:2"], "chief": ["c:3"]}
    cluster = read_cluster(config_of(tasks, {"type": "worker", "index": 1}))
    assert cluster.name == "worker 1"
    assert list(cluster.addresses.items()) == [
        ("chief 0", "c:3"),
        ("worker 0", "a:1"),
        ("worker 1", "[::1]:2"),
    ]
    assert read_cluster("{}") is None
    assert read_cluster(config_of({}, {})) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON.*got '{'"),
        ("[" * 5_000, "is no JSON"),
        ("[1]", r"is no JSON object; got '\[1\]'"),
        (config_of([1]), "cluster must be an object.*1"),
        (config_of({"ps": ["a:1"]}), "tasks of type 'ps'"),
        (config_of({"worker": "a:1"}), "worker must be a list; got 'a:1'"),
        (config_of({"chief": ["a:1", "b:1"]}), "a list of one address"),
        (config_of({"worker": ["a:99999"]}), "from 1 to 65535; got 'a:99999'"),
        (config_of({"worker": ["a:0"]}), "got 'a:0'"),
        (config_of({"worker": ["a"]}), "HOST:PORT.*got 'a'"),
        (config_of({"worker": [None]}), "got None"),
        (config_of({"worker": ["a:1", "a:1"]}), "worker 0 and worker 1 have the same"),
        (config_of({"worker": ["a:1"]}), "one of worker 0; got {}"),
        (config_of({"worker": ["a:1"]}, {"type": "worker", "index": 1}), '"index": 1'),
        (config_of({"worker": ["a:1"]}, {"type": "worker", "index": "x"}), "task must"),
        (config_of({"worker": ["a:1"]}, {"type": ["worker"]}), "task must"),
        (config_of({"worker": ["a:1"]}, "worker"), "task must"),
    ],
)
def test_errors_of_tf_config_are_one_line(text, message):
    with pytest.raises(ValueError, match=f"^TF_CONFIG.*{message}") as error:
        read_cluster(text)
    assert "\n" not in str(error.value)


def free_addresses(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return {f"worker {i}": f"localhost:{port}" for i, port in enumerate(ports)}


def meet_all(addresses, settings, timeout=60):
    """Lets processes, here threads, meet; returns the error of each."""
    errors = [None] * len(settings)

    def be(index):
        time.sleep(0.1 * (index % 2))
        try:
            meet(Cluster(addresses, f"worker {index}"), settings[index], timeout)
        except (ValueError, WorkerLostError) as error:
            errors[index] = error

    threads = [threading.Thread(target=be, args=(i,)) for i in range(len(settings))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_workers_with_the_same_settings_meet():
    assert meet_all(free_addresses(4), [{"seed": 0, "steps": 3}] * 4) == [None] * 4


def test_each_worker_names_the_setting_that_differs():
    settings = [{"num_slots": 4, "seed": 0}] * 2 + [{"num_slots": 5, "seed": 0}]
    for error in meet_all(free_addresses(3), settings):
        assert isinstance(error, ValueError)
        assert str(error).startswith("the workers differ: num_slots=")
        assert "=4 on " in str(error) or " 4 on " in str(error)
        assert "=5 on worker 2" in str(error) or " 5 on worker 2" in str(error)
        assert "seed" not in str(error)


@pytest.mark.parametrize("name", ["num_slots", "seed", "batch_size", "steps"])
def test_what_decides_a_run_is_compared(name):
    one, other = resolve({}), resolve({name: 3})
    assert decisive_settings(one)[name] != decisive_settings(other)[name]
    free = {"data_dir": "x", "checkpoint_every": 7, "worker_timeout": 1}
    assert decisive_settings(resolve(free)) == decisive_settings(one)


def test_who_is_missing_is_said_until_the_limit(capsys, monkeypatch):
    monkeypatch.setattr(rendezvous, "_SAY_EVERY", 0.3)
    addresses = free_addresses(3)
    errors = meet_all(addresses, [{}, {}], timeout=2)
    for index, error in enumerate(errors):
        assert isinstance(error, WorkerLostError)
        assert f"within --worker_timeout=2 seconds: worker {index}" in str(error)
        assert f"waited for worker 2 ({addresses['worker 2']}" in str(error)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 4
    assert all("of 2 seconds so far" in line for line in lines)


def test_a_port_in_use_is_named():
    with socket.create_server(("", 0)) as server:
        address = f"localhost:{server.getsockname()[1]}"
        cluster = Cluster({"worker 0": address, "worker 1": "x:1"}, "worker 0")
        message = f"cannot listen at '{address}', the address of worker 0: Address"
        with pytest.raises(ValueError, match=message):
            meet(cluster, {}, 60)


def test_another_program_at_an_address_is_no_worker():
    addresses = free_addresses(2)
    port = int(addresses["worker 0"].rpartition(":")[2])
    with socket.create_server(("localhost", port)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\n")

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(WorkerLostError, match="something else is at its address"):
            meet(Cluster(addresses, "worker 1"), {}, 1)


def test_a_stranger_does_not_disturb_the_meeting():
    addresses = free_addresses(2)
    port = int(addresses["worker 0"].rpartition(":")[2])
    errors = []

    def be():
        try:
            meet(Cluster(addresses, "worker 0"), {"seed": 0}, 60)
        except (ValueError, WorkerLostError) as error:
            errors.append(error)

    first = threading.Thread(target=be)
    first.start()
    for text in (b"", b"[1]\n", b'{"name": 1}\n', b"\xff\n"):
        while True:
            try:
                stranger = socket.create_connection(("localhost", port), 5)
                break
            except OSError:
                time.sleep(0.05)
        stranger.sendall(text)
        stranger.close()
    meet(Cluster(addresses, "worker 1"), {"seed": 0}, 60)
    first.join()
    assert not errors
