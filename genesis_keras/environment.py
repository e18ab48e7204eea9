"""The environment of measurements: machine and versions."""

import datetime
import os
import pathlib
import platform
import subprocess

import keras
import tensorflow as tf

import genesis_keras


def environment():
    """Returns a description of the environment, a dict of strings.

    Returns:
        Dict of `date`, `machine`, `cores`, `accelerators`, the versions `python`,
        `tensorflow`, `keras` and `genesis_keras`, and `commit`: the commit of a
        checkout of this package, with a "+" if files were modified, or "" otherwise.
    """
    return {
        "date": datetime.date.today().isoformat(),
        "machine": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "accelerators": ", ".join(
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "genesis_keras": genesis_keras.__version__,
        "commit": _commit(),
    }


def _processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":")[1] for line in lines if line.startswith("model name")]
        return names[0].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def _commit():
    folder = pathlib.Path(__file__).parents[1]
    if not (folder / ".git").exists():  # installed, possibly inside another checkout
        return ""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40"]
    command += ["--exclude=*", "--dirty=+"]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # git is missing or denies access
        return ""
