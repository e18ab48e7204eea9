"""TensorFlow Datasets builder of CLEVR (with masks)."""

from ..multi_object import MultiObjectConfig, SceneFormat
from ..multi_object_builder import MultiObjectBuilder

_SCENE = SceneFormat(
    240,
    320,
    num_entities=11,
    float_factors={
        "x": (),
        "y": (),
        "z": (),
        "pixel_coords": (3,),
        "rotation": (),
        "visibility": (),
    },
    byte_factors=("size", "material", "shape", "color"),
)


class Builder(MultiObjectBuilder):
    """Builder of CLEVR (with masks): up to ten solids on a grey ground."""

    BUILDER_CONFIGS = [
        MultiObjectConfig(
            name="default",
            description="The scenes of the original file.",
            path="clevr_with_masks/clevr_with_masks_train.tfrecords",
            gigabytes=10,
            scene=_SCENE,
        )
    ]
