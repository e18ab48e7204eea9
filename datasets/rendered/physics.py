"""Checks whether a stack is stable, by simulating it with MuJoCo for a second."""

import dataclasses
import math

import mujoco
import numpy as np

from .scenes import SceneObject

_SECONDS = 1.0
_TIME_STEP = 0.004
_MAX_SHIFT = 0.05  # maximum movement of an object in a stable stack, in metres
# An object is at rest if it is slower than this (m/s, rad/s) for so many steps, after
# it had time to fall. An object that falls by `_MAX_SHIFT` within the second is four
# times as fast by then.
_MAX_SPEED = 0.003
_STEPS_AT_REST = 5
_FIRST_STEPS = 30


def settle(objects: tuple[SceneObject, ...]) -> tuple[SceneObject, ...] | None:
    """Simulates stacked objects until they are at rest, for a second at most.

    Args:
        objects: The objects from the bottom, the lowest just above the floor.

    Returns:
        The objects at their final positions; None if one moved by more than 5 cm.
    """
    model = mujoco.MjModel.from_xml_string(_physics_xml(objects))
    data = mujoco.MjData(model)
    _run_to_rest(model, data)
    settled = []
    for item, pose in zip(objects, data.qpos.reshape(-1, 7), strict=True):
        if not math.dist(item.position, pose[:3]) < _MAX_SHIFT:
            return None
        position, rotation = tuple(pose[:3].tolist()), tuple(pose[3:].tolist())
        settled.append(dataclasses.replace(item, position=position, rotation=rotation))
    return tuple(settled)


def _run_to_rest(model, data):
    """Simulates until all objects are at rest; one in seven stacks takes a second."""
    calm = 0
    for step in range(round(_SECONDS / _TIME_STEP)):
        mujoco.mj_step(model, data)
        if step < _FIRST_STEPS:
            continue
        calm = calm + 1 if np.abs(data.qvel).max() < _MAX_SPEED else 0
        if calm == _STEPS_AT_REST:
            return


def _physics_xml(objects):
    bodies = []
    for item in objects:
        x, y, z = item.size
        size = {"box": (x, y, z), "cylinder": (x, z), "sphere": (x,)}[item.shape]
        bodies.append(
            f'<body pos="{_numbers(item.position)}" quat="{_numbers(item.rotation)}">'
            f'<freejoint/><geom type="{item.shape}" size="{_numbers(size)}" '
            'density="500" friction="1 .02 .002" condim="6"/></body>'
        )
    return f"""
<mujoco>
  <option timestep="{_TIME_STEP}"/>
  <worldbody><geom type="plane" size="5 5 1"/>{"".join(bodies)}</worldbody>
</mujoco>"""


def _numbers(values):
    return " ".join(f"{value:.9g}" for value in values)
