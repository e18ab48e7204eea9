"""The appearance of stacks: textured floor, four textured walls, one of four lamps."""

import numpy as np

from .renderer import SceneRenderer, png
from .stacks import Stack
from .textures import make_textures

_HALF, _WALL_HEIGHT = 4.0, 4.0
_LAMPS = ((1.5, 1.5, 4.0), (-1.5, 1.5, 4.0), (-1.5, -1.5, 4.0), (0.0, 0.5, 4.5))
NUM_LAMPS = len(_LAMPS)
_SKY = '<texture type="skybox" builtin="flat" rgb1=".5 .5 .5" width="8" height="48"/>'
NUM_TEXTURES = len(make_textures())


class StackRenderer:
    """Renders stacks.

    Args:
        image_size: Side of the images in pixels.
        max_objects: Maximum number of objects in a stack.
    """

    def __init__(self, image_size: int, max_objects: int = 6):
        files = {
            f"texture_{i}.png": png(texture)
            for i, texture in enumerate(make_textures())
        }
        self.scene = SceneRenderer(
            _world(),
            _assets(files),
            max_objects,
            image_size,
            files=files,
            shadow_scale=0.95,
        )
        model = self.scene.model
        self.floor = model.geom("floor").id
        self.walls = [model.geom(f"wall_{i}").id for i in range(4)]

    def render(self, stack: Stack) -> tuple[np.ndarray, np.ndarray]:
        """Renders a stack; see `SceneRenderer.render` for the result."""
        model = self.scene.model
        model.geom_matid[self.floor] = model.material(f"floor_{stack.floor}").id
        model.geom_matid[self.walls] = model.material(f"wall_{stack.wall}").id
        for surface in (f"floor_{stack.floor}", f"wall_{stack.wall}"):
            self.scene.color(surface, stack.tint)
        model.light_active[:] = np.arange(NUM_LAMPS) == stack.light
        return self.scene.render(stack.objects, stack.camera)

    def close(self):
        """Frees the graphics context."""
        self.scene.close()


def _world():
    walls = "".join(
        f'<geom name="wall_{i}" type="box" material="wall_0" '
        f'pos="{x} {y} {_WALL_HEIGHT / 2}" size="{w} {d} {_WALL_HEIGHT / 2}"/>'
        for i, (x, y, w, d) in enumerate(
            (
                (_HALF, 0, 0.05, _HALF),
                (-_HALF, 0, 0.05, _HALF),
                (0, _HALF, _HALF, 0.05),
                (0, -_HALF, _HALF, 0.05),
            )
        )
    )
    lamps = "".join(
        f'<light type="spot" pos="{x} {y} {z}" dir="{-x} {-y} {-z}" cutoff="70" '
        'exponent="1" diffuse=".6 .6 .6" specular=".2 .2 .2" castshadow="true"/>'
        for x, y, z in _LAMPS
    )
    floor = (
        f'<geom name="floor" type="plane" material="floor_0" size="{_HALF} {_HALF} 1"/>'
    )
    return floor + walls + lamps


def _assets(files):
    parts = [_SKY]
    for i, file in enumerate(files):
        parts.append(f'<texture name="texture_{i}" type="2d" file="{file}"/>')
        for surface, repeat in (("floor", "4 4"), ("wall", "3 3")):
            parts.append(
                f'<material name="{surface}_{i}" texture="texture_{i}" '
                f'texrepeat="{repeat}" specular="0"/>'
            )
    return "".join(parts)
