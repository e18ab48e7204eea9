"""The appearance of rooms: sky, checked floor, four walls, a lamp with shadows."""

import numpy as np

from .materials import make_materials, material_names
from .renderer import SceneRenderer, png
from .rooms import ROOM_SIDE, SIZES, Room

_WALL_HEIGHT = 1.65
_HALF = ROOM_SIDE / 2
_INNER = _HALF - 0.06
_ASSETS = """
<texture name="sky" type="skybox" builtin="flat" rgb1=".61 .89 .98" width="32"
  height="192"/>
<texture name="checker" type="2d" builtin="checker" rgb1="1 1 1" rgb2=".95 .95 .95"
  width="64" height="64"/>
<material name="floor" texture="checker" texrepeat="7 7" texuniform="false"
  specular="0"/>
<material name="wall" specular="0"/>
"""
_WALLS = "".join(
    f'<geom type="box" material="wall" pos="{x} {y} {_WALL_HEIGHT / 2}" '
    f'size="{w} {d} {_WALL_HEIGHT / 2}"/>'
    for x, y, w, d in (
        (_HALF, 0, 0.05, _HALF),
        (-_HALF, 0, 0.05, _HALF),
        (0, _HALF, _HALF, 0.05),
        (0, -_HALF, _HALF, 0.05),
    )
)
_WORLD = f"""
<geom name="floor" type="plane" material="floor" size="{_HALF} {_HALF} 1"/>
{_WALLS}
<light name="lamp" type="spot" pos="1.5 1.5 4" dir="0 0 -1" cutoff="75" exponent="2"
  diffuse=".55 .55 .55" specular=".3 .3 .3" castshadow="true"/>
"""
# Boxes would distort a flat texture, so it is on planes in front of the walls. The
# first and second axis of a plane, along which it is textured, are horizontal and up.
_HANGINGS = "".join(
    f'<geom name="hanging_{i}" type="plane" material="wall" '
    f'pos="{x} {y} {_WALL_HEIGHT / 2}" size="{_HALF} {_WALL_HEIGHT / 2} 1" '
    f'xyaxes="{y} {-x} 0 0 0 1"/>'
    for i, (x, y) in enumerate(((_INNER, 0), (-_INNER, 0), (0, _INNER), (0, -_INNER)))
)
_MESHES = {shape: SIZES[shape] for shape in ("cone", "icosahedron")}


class RoomRenderer:
    """Renders rooms.

    Args:
        image_size: Side of the images in pixels.
        max_objects: Maximum number of objects in a room.
        textured: Whether rooms may have materials.
    """

    def __init__(self, image_size: int, max_objects: int = 6, textured: bool = False):
        files = _material_files() if textured else {}
        assets = _ASSETS + _material_assets(files)
        world = _WORLD + (_HANGINGS if textured else "")
        self.scene = SceneRenderer(
            world, assets, max_objects, image_size, _MESHES, files
        )

    def render(self, room: Room) -> tuple[np.ndarray, np.ndarray]:
        """Renders a room; see `SceneRenderer.render` for the result."""
        self.scene.color("floor", room.floor)
        self.scene.color("wall", room.wall)
        model = self.scene.model
        model.light_pos[0] = room.light
        if room.floor_material is not None:
            floor, wall = f"flat_{room.floor_material}", f"flat_{room.wall_material}"
            model.geom("floor").matid = model.material(floor).id
            for i in range(4):
                model.geom(f"hanging_{i}").matid = model.material(wall).id
        return self.scene.render(room.objects, room.camera)

    def close(self):
        """Frees the graphics context."""
        self.scene.close()


def _material_files():
    names = material_names()
    return {
        f"{name}.png": png(texture)
        for name, texture in zip(names, make_materials(), strict=True)
    }


def _material_assets(files):
    """Returns each material twice: for objects, and for flat floors and walls."""
    parts = []
    for file in files:
        name = file.removesuffix(".png")
        for prefix, kind, repeat in (("", "cube", "1 1"), ("flat_", "2d", "2 2")):
            parts.append(
                f'<texture name="{prefix}{name}" type="{kind}" file="{file}"/>'
                f'<material name="{prefix}{name}" texture="{prefix}{name}" '
                f'texrepeat="{repeat}" texuniform="{str(kind == "2d").lower()}" '
                'specular="0"/>'
            )
    return "".join(parts)
