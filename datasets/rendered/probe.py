"""Checks whether scenes can be rendered here, and explains what is missing if not."""

import os
import subprocess
import sys

_SECONDS = 120
_PROGRAM = """
import os
os.environ.setdefault("MUJOCO_GL", "egl")
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco/>")
mujoco.Renderer(model, 8, 8).render()
"""
# Variables that select the graphics library, and values that select none.
_VARIABLES = {
    "MUJOCO_GL": ("", "egl"),
    "MUJOCO_EGL_DEVICE_ID": ("",),
    "PYOPENGL_PLATFORM": ("", "egl"),
}
_INSTALL = "pip install 'genesis-keras[render]'"
_SYSTEM = (
    "drawing without a screen needs EGL; on Debian or Ubuntu: apt install libegl1 "
    "libgl1 libopengl0 libgl1-mesa-dri"
)


def check(name: str, program: str = _PROGRAM, seconds: float = _SECONDS):
    """Renders an image in a separate process.

    Args:
        name: Name of the data set, for the message.
        program: Program that the process runs.
        seconds: Time limit in seconds.

    Raises:
        ValueError: If MuJoCo or the graphics library is missing or hangs, or an
            environment variable selects one that does not work here.
    """
    try:
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(
            f"{name} cannot be drawn here: the graphics library did not answer in "
            f"{seconds:g} s ({_advice()})"
        ) from error
    if result.returncode == 0:
        return
    words = result.stderr.strip().splitlines() or ["it ended without a word"]
    if "No module named 'mujoco'" in words[-1]:
        raise ValueError(f"{name} is drawn by MuJoCo, which is missing: {_INSTALL}")
    raise ValueError(f"{name} cannot be drawn here: {_advice()}. It said: {words[-1]}")


def _advice():
    """Returns advice, first about variables that select another library."""
    values = {name: os.environ.get(name, "") for name in _VARIABLES}
    chosen = [
        f"{name}={value!r}"
        for name, value in values.items()
        if value.lower() not in _VARIABLES[name]
    ]
    if not chosen:
        return _SYSTEM
    are, them = ("is", "it") if len(chosen) == 1 else ("are", "them")
    return (
        f"{' and '.join(chosen)} {are} set in the environment; unset {them}, and if "
        f"that is not all: {_SYSTEM}"
    )
