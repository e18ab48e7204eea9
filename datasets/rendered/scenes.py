"""What rooms and stacks are made of: objects with a shape, a colour and a place."""

import colorsys
import dataclasses
import math

import numpy as np

SHAPES = ("sphere", "box", "cylinder", "capsule", "cone", "icosahedron")


@dataclasses.dataclass(frozen=True)
class SceneObject:
    """One object of a scene.

    Args:
        shape: one of `SHAPES`.
        color: RGB in [0, 1].
        size: half extents in metres along its own x, y and z axis.
        position: of its centre, x, y and z in metres, z up.
        rotation: a unit quaternion, w first.
        material: name of a material that the renderer has, which is drawn instead
            of `color`.
    """

    shape: str
    color: tuple[float, float, float]
    size: tuple[float, float, float]
    position: tuple[float, float, float]
    rotation: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    material: str | None = None


@dataclasses.dataclass(frozen=True)
class Camera:
    """Where the picture is taken from, with a vertical field of view of 45 degrees.

    Args:
        position: x, y and z in metres.
        azimuth: direction of view in radians, 0 along x and pi / 2 along y.
        elevation: of the direction of view, in radians, negative looking down.
    """

    position: tuple[float, float, float]
    azimuth: float
    elevation: float

    def rotation(self) -> tuple[float, float, float, float]:
        """The quaternion of a MuJoCo camera, which looks along its own -z, y up."""
        tilt = (math.pi / 2 + self.elevation) / 2  # about x, then the rest about z
        turn = (self.azimuth - math.pi / 2) / 2
        return (
            math.cos(turn) * math.cos(tilt),
            math.cos(turn) * math.sin(tilt),
            math.sin(turn) * math.sin(tilt),
            math.sin(turn) * math.cos(tilt),
        )


def yaw(angle: float) -> tuple[float, float, float, float]:
    """The quaternion of a rotation about z by `angle` in radians."""
    return (math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2))


def random_color(
    rng: np.random.Generator,
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> tuple[float, float, float]:
    """Draws RGB of any hue, its saturation and value uniform within bounds."""
    hue = rng.uniform()
    return colorsys.hsv_to_rgb(hue, rng.uniform(*saturation), rng.uniform(*value))
