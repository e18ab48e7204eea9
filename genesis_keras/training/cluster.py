"""The processes of a job, parsed from the environment variable `TF_CONFIG`."""

import dataclasses
import json
import re

_TYPES = ("chief", "worker")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes of a distributed job.

    Attributes:
        addresses: Dict from names such as "worker 0" to "host:port", in the same order
            in all processes.
        name: Name of this process.
    """

    addresses: dict[str, str]
    name: str


def read_cluster(text: str) -> "Cluster | None":
    """Parses `TF_CONFIG`.

    Args:
        text: Value of the environment variable.

    Returns:
        The `Cluster`, or None if the value does not define one.

    Raises:
        ValueError: If the value is invalid; the message is one line.
    """
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"TF_CONFIG is no JSON: {error}; got {text!r}") from error
    if not isinstance(config, dict):
        raise ValueError(f"TF_CONFIG is no JSON object; got {text!r}")
    if not config.get("cluster"):
        return None
    addresses = _read_addresses(config["cluster"])
    return Cluster(addresses, _read_task(config.get("task"), addresses))


def _read_addresses(cluster):
    if not isinstance(cluster, dict):
        raise ValueError(
            "TF_CONFIG: cluster must be an object of lists of addresses; "
            f"got {cluster!r}"
        )
    addresses = {}
    for kind in sorted(cluster):
        if kind not in _TYPES:
            raise ValueError(
                f"TF_CONFIG: cluster has tasks of type {kind!r}; this program has "
                "chief and worker"
            )
        tasks = cluster[kind]
        if not isinstance(tasks, list) or (kind == "chief" and len(tasks) > 1):
            wanted = "a list of one address" if kind == "chief" else "a list"
            raise ValueError(f"TF_CONFIG: {kind} must be {wanted}; got {tasks!r}")
        for index, address in enumerate(tasks):
            addresses[f"{kind} {index}"] = _checked(address)
    names = {}
    for name, address in addresses.items():
        if address in names:
            raise ValueError(
                f"TF_CONFIG: {names[address]} and {name} have the same address "
                f"{address!r}"
            )
        names[address] = name
    return addresses


def _checked(address):
    match = re.fullmatch(r"(\S+):(\d{1,9})", str(address))
    if not match or not 1 <= int(match[2]) <= 65_535:
        raise ValueError(
            "TF_CONFIG: an address must be HOST:PORT with a port from 1 to 65535; "
            f"got {address!r}"
        )
    return address


def _read_task(task, addresses):
    task = task if isinstance(task, dict) else {}
    kind, index = task.get("type"), task.get("index", 0)
    name = f"{kind} {index}"
    # In Python, True is an integer.
    if isinstance(index, bool) or name not in addresses:
        raise ValueError(
            "TF_CONFIG: task must have the type and the index of one of "
            f"{', '.join(addresses)}; got {json.dumps(task)}"
        )
    return name
