"""A rendezvous, at which the processes of a job compare their settings.

TensorFlow waits for missing workers indefinitely without a message, and trains wrongly
if workers have different settings. Therefore the processes first connect on the ports
that TensorFlow will use: each connects to those before it in the order, and both sides
send their settings.
"""

import contextlib
import errno
import json
import socket
import threading
import time
from typing import TYPE_CHECKING

from genesis_keras.training.progress import say
from genesis_keras.types import Config

if TYPE_CHECKING:
    from genesis_keras.training.cluster import Cluster

_SAY_EVERY = 30.0  # seconds
_TRY_EVERY = 0.2
_PATIENCE = 5.0  # seconds to wait for an answer
_MAX_BYTES = 2**20


class WorkerLostError(RuntimeError):
    """Another process of a multi-worker job is gone; restart all of them."""


def meet(cluster: "Cluster", settings: Config, timeout: int) -> None:
    """Waits until all processes of a job have started, and compares their settings.

    Every 30 seconds the missing processes are printed.

    Args:
        cluster: The `Cluster`.
        settings: Dict of JSON values that must be the same in all processes.
        timeout: Seconds to wait; 0 to wait indefinitely.

    Raises:
        ValueError: If settings differ, or the port of this process is in use.
        WorkerLostError: If a process has not started in time.
    """
    met = {cluster.name: settings}
    names = list(cluster.addresses)
    earlier = names[: names.index(cluster.name)]
    hello = (json.dumps({"name": cluster.name, "settings": settings}) + "\n").encode()
    with _listening(cluster) as listener:
        threading.Thread(
            target=_answer, args=(listener, hello, met), daemon=True
        ).start()
        _wait(cluster, earlier, hello, met, timeout)
    _compare(cluster.name, met)


def _wait(cluster, earlier, hello, met, timeout):
    start = said = time.monotonic()
    reasons = {}
    while missing := [name for name in cluster.addresses if name not in met]:
        for name in earlier:
            if name not in met:
                try:
                    met[name] = _ask(cluster.addresses[name], name, hello)
                except (OSError, ValueError) as error:
                    reasons[name] = getattr(error, "strerror", None) or str(error)
        now = time.monotonic()
        who = ", ".join(
            f"{name} ({'; '.join(filter(None, (address, reasons.get(name))))})"
            for name, address in cluster.addresses.items()
            if name in missing
        )
        if timeout and now - start >= timeout:
            raise WorkerLostError(
                f"not all workers came within --worker_timeout={timeout} seconds: "
                f"{cluster.name} waited for {who}"
            )
        if now - said >= _SAY_EVERY:
            said = now
            limit = f" of {timeout}" if timeout else ""
            say(f"waiting for {who}: {now - start:.0f}{limit} seconds so far")
        time.sleep(_TRY_EVERY)


@contextlib.contextmanager
def _listening(cluster):
    """Returns a server socket on the port of this process."""
    address = cluster.addresses[cluster.name]
    port = int(address.rpartition(":")[2])
    try:
        try:
            server = socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True
            )
        except (OSError, ValueError) as error:  # IPv6 is not available
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                raise
            server = socket.create_server(("", port))
    except OSError as error:
        raise ValueError(
            f"cannot listen at {address!r}, the address of {cluster.name}: "
            f"{error.strerror}"
        ) from error
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes up the accepting thread
        server.close()


def _answer(listener, hello, met):
    """Sends the settings to every client until the listener is closed."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        # A client with another protocol is not a process of the job.
        with connection, contextlib.suppress(OSError, ValueError):
            connection.settimeout(_PATIENCE)
            name, settings = _receive(connection)
            connection.sendall(hello)
            met[name] = settings


def _ask(address, name, hello):
    """Returns the settings of another process; may raise OSError or ValueError."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), _PATIENCE) as other:
        other.sendall(hello)
        found, settings = _receive(other)
    if found != name:
        raise ValueError(f"{found} is at its address")
    return settings


def _receive(connection):
    text = b""
    while not text.endswith(b"\n"):
        part = connection.recv(_MAX_BYTES)
        text += part
        if not part or len(text) > _MAX_BYTES:
            raise ValueError("something else is at its address")
    try:
        hello = json.loads(text)
        return str(hello["name"]), dict(hello["settings"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("something else is at its address") from error


def _compare(name, met):
    here = met[name]
    for other, settings in met.items():
        differences = [
            f"{key}={here.get(key)!r} on {name} and {settings.get(key)!r} on {other}"
            for key in {**here, **settings}
            if here.get(key) != settings.get(key)
        ]
        if differences:
            raise ValueError(f"the workers differ: {', '.join(differences)}")
