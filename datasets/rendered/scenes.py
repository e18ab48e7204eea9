"""Elements of rooms and stacks: objects and cameras."""

import colorsys
import dataclasses
import math

import numpy as np

SHAPES = ("sphere", "box", "cylinder", "capsule", "cone", "icosahedron")


@dataclasses.dataclass(frozen=True)
class SceneObject:
    """An object of a scene.

    Args:
        shape: One of `SHAPES`.
        color: RGB in [0, 1].
        size: Half extents in metres along the object's x, y and z axes.
        position: Position (x, y, z) of the centre in metres, z up.
        rotation: A unit quaternion, w first.
        material: Name of a material of the renderer that replaces `color`.
    """

    shape: str
    color: tuple[float, float, float]
    size: tuple[float, float, float]
    position: tuple[float, float, float]
    rotation: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    material: str | None = None


@dataclasses.dataclass(frozen=True)
class Camera:
    """A camera with a vertical field of view of 45 degrees.

    Args:
        position: Position (x, y, z) in metres.
        azimuth: Direction of view in radians, 0 along x and pi / 2 along y.
        elevation: Elevation of the direction of view in radians, negative looking down.
    """

    position: tuple[float, float, float]
    azimuth: float
    elevation: float

    def rotation(self) -> tuple[float, float, float, float]:
        """Returns the quaternion of a MuJoCo camera, which looks along -z with y up."""
        tilt = (math.pi / 2 + self.elevation) / 2  # about x, then the rest about z
        turn = (self.azimuth - math.pi / 2) / 2
        return (
            math.cos(turn) * math.cos(tilt),
            math.cos(turn) * math.sin(tilt),
            math.sin(turn) * math.sin(tilt),
            math.sin(turn) * math.cos(tilt),
        )


def yaw(angle: float) -> tuple[float, float, float, float]:
    """Returns the quaternion of a rotation about z by `angle` in radians."""
    return (math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2))


def random_color(
    rng: np.random.Generator,
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> tuple[float, float, float]:
    """Samples an RGB colour with uniform hue, saturation and value."""
    hue = rng.uniform()
    return colorsys.hsv_to_rgb(hue, rng.uniform(*saturation), rng.uniform(*value))
