"""TensorFlow Datasets builder of Tetrominoes."""

from ..multi_object import MultiObjectConfig, SceneFormat
from ..multi_object_builder import MultiObjectBuilder

_SCENE = SceneFormat(
    35,
    35,
    num_entities=4,
    float_factors={"x": (), "y": (), "shape": (), "color": (3,), "visibility": ()},
)


class Builder(MultiObjectBuilder):
    """Builder of Tetrominoes: three blocky shapes on black."""

    BUILDER_CONFIGS = [
        MultiObjectConfig(
            name="default",
            description="The scenes of the original file.",
            path="tetrominoes/tetrominoes_train.tfrecords",
            gigabytes=0.3,
            scene=_SCENE,
        )
    ]
