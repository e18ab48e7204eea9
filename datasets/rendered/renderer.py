"""Renders images and labels of scenes with MuJoCo.

The model is compiled once with all shapes for all objects; rendering a scene shows,
moves and colours some of them. Only import this module in a separate process, as
`workers` does: in a process with TensorFlow the graphics library can crash.
"""

import io
import math
from collections.abc import Sequence

import mujoco
import numpy as np
from PIL import Image

from .scenes import SHAPES, Camera, SceneObject

_SHOWN, _HIDDEN = 0, 3  # groups of geoms: MuJoCo's default shows 0 to 2
_MESH_SIDES = 24
_MESHES = ("cone", "icosahedron")
# : Available sizes of meshes, relative to that of their first geom.
MESH_SCALES = (0.85, 1.0, 1.15)


class SceneRenderer:
    """Renders objects in a world.

    Args:
        world: MJCF elements of the world body: floor, walls, lights.
        assets: MJCF elements of their textures and materials.
        num_objects: Maximum number of objects.
        image_size: Side of the images in pixels.
        mesh_sizes: Dict from shapes that are meshes to their half extents at scale 1.
            Other shapes can have any size.
        files: Dict from file names in `assets` to contents.
        shadow_scale: Fraction of a lamp's cone in which there are shadows; artefacts
            are possible at its edge.

    Raises:
        mujoco.FatalError: If there is no display for rendering.
    """

    def __init__(
        self,
        world,
        assets,
        num_objects,
        image_size,
        mesh_sizes=None,
        files=None,
        shadow_scale=0.6,
    ):
        mesh_sizes = mesh_sizes or {}
        self.mesh_sizes = mesh_sizes
        xml = _model_xml(
            world, assets, num_objects, image_size, mesh_sizes, shadow_scale
        )
        self.model = mujoco.MjModel.from_xml_string(xml, files or {})
        self.data = mujoco.MjData(self.model)
        self.renderer = mujoco.Renderer(self.model, image_size, image_size)
        self.geoms = [
            {name: self._id("geom", f"{name}_{i}") for name in _geom_names(mesh_sizes)}
            for i in range(num_objects)
        ]
        self.label_of_geom = np.zeros(self.model.ngeom + 1, np.uint8)
        for i, geoms in enumerate(self.geoms):
            self.label_of_geom[list(geoms.values())] = i + 1

    def render(
        self, objects: Sequence[SceneObject], camera: Camera
    ) -> tuple[np.ndarray, np.ndarray]:
        """Renders a scene.

        Args:
            objects: At most `num_objects` objects.
            camera: The camera.

        Returns:
            The image, uint8 [S, S, 3], and its labels, uint8 [S, S, 1]: 0 for the
            background and i + 1 where object i is visible.
        """
        self.model.geom_group[self.label_of_geom[:-1] > 0] = _HIDDEN
        for i, item in enumerate(objects):
            self._place(i, item)
        self.model.cam_pos[0] = camera.position
        self.model.cam_quat[0] = camera.rotation()
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)
        self.renderer.update_scene(self.data, camera=0)
        image = self.renderer.render().copy()
        self.renderer.enable_segmentation_rendering()
        ids = self.renderer.render()[..., :1]  # -1, the sky, reads the last label, 0
        self.renderer.disable_segmentation_rendering()
        return image, self.label_of_geom[ids]

    def color(self, material: str, rgb: tuple[float, float, float]):
        """Sets the colour of a material of the world."""
        self.model.mat_rgba[self._id("material", material), :3] = rgb

    def close(self):
        """Frees the graphics context."""
        self.renderer.close()

    def _place(self, index, item):
        name = item.shape
        if name in self.mesh_sizes:
            scale = item.size[0] / self.mesh_sizes[name][0]
            nearest = min(MESH_SCALES, key=lambda s: abs(s - scale))
            if not math.isclose(nearest, scale, rel_tol=1e-6):
                raise ValueError(f"size={item.size} of a {name} is not one of its own")
            name = f"{name}{MESH_SCALES.index(nearest)}"
        geom = self.geoms[index][name]
        if item.shape not in self.mesh_sizes:
            self.model.geom_size[geom] = _geom_size(item)
        self.model.geom_group[geom] = _SHOWN
        if item.material is None:
            self.model.geom_matid[geom] = -1
            self.model.geom_rgba[geom, :3] = item.color
        else:
            self.model.geom_matid[geom] = self._id("material", item.material)
            self.model.geom_rgba[geom, :3] = 1.0
        self.data.mocap_pos[index] = item.position
        self.data.mocap_quat[index] = item.rotation

    def _id(self, kind, name):
        objects = {
            "geom": mujoco.mjtObj.mjOBJ_GEOM,
            "material": mujoco.mjtObj.mjOBJ_MATERIAL,
        }
        return mujoco.mj_name2id(self.model, objects[kind], name)


def png(image: np.ndarray) -> bytes:
    """Encodes a texture, uint8 [H, W, 3], as a PNG file for `files`."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def _geom_size(item):
    """Converts half extents to MuJoCo's size."""
    x, _, z = item.size
    sizes = {
        "sphere": (x, 0, 0),
        "box": item.size,
        "cylinder": (x, z, 0),
        "capsule": (x, z - x, 0),
    }
    return sizes[item.shape]


def _geom_names(mesh_sizes):
    primitives = [shape for shape in SHAPES if shape not in _MESHES]
    meshes = [f"{s}{i}" for s in mesh_sizes for i in range(len(MESH_SCALES))]
    return primitives + meshes


def _model_xml(world, assets, num_objects, image_size, mesh_sizes, shadow_scale):
    meshes, geoms = [], []
    for shape, size in mesh_sizes.items():
        for i, scale in enumerate(MESH_SCALES):
            vertices = _vertices(shape) * np.array(size) * scale
            numbers = " ".join(f"{v:.6f}" for v in vertices.ravel())
            meshes.append(f'<mesh name="{shape}{i}" vertex="{numbers}"/>')
    common = f'group="{_HIDDEN}" contype="0" conaffinity="0" rgba="1 1 1 1"'
    for i in range(num_objects):
        geoms.append(f'<body name="object_{i}" mocap="true">')
        for name in _geom_names(mesh_sizes):
            is_mesh = name not in SHAPES
            what = f'type="mesh" mesh="{name}"' if is_mesh else f'type="{name}"'
            what += "" if is_mesh else ' size="0.1 0.1 0.1"'
            geoms.append(f'<geom name="{name}_{i}" {what} {common}/>')
        geoms.append("</body>")
    return f"""
<mujoco>
  <visual>
    <global fovy="45" offwidth="{image_size}" offheight="{image_size}"/>
    <quality shadowsize="1024" offsamples="4"/>
    <map znear="0.01" zfar="30" shadowscale="{shadow_scale}"/>
    <headlight ambient=".42 .42 .42" diffuse=".32 .32 .32" specular="0 0 0"/>
  </visual>
  <asset>{assets}{"".join(meshes)}</asset>
  <worldbody>
    <camera name="camera" fovy="45"/>
    {world}{"".join(geoms)}
  </worldbody>
</mujoco>"""


def _vertices(shape):
    """Returns points [N, 3] in [-1, 1] whose convex hull is the shape."""
    if shape == "cone":
        angles = np.arange(_MESH_SIDES) * 2 * np.pi / _MESH_SIDES
        base = np.stack([np.cos(angles), np.sin(angles), -np.ones_like(angles)], 1)
        return np.concatenate([base, [[0.0, 0.0, 1.0]]])
    golden = (1 + 5**0.5) / 2
    corners = [(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    points = [np.roll(c, shift) for c in corners for shift in range(3)]
    return np.array(points) / golden
