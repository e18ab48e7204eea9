"""TensorFlow Datasets builder of Multi-dSprites."""

from ..multi_object import MultiObjectConfig, SceneFormat
from ..multi_object_builder import MultiObjectBuilder


def _config(name, num_entities, channels, description):
    return MultiObjectConfig(
        name=name,
        description=description,
        path=f"multi_dsprites/multi_dsprites_{name}.tfrecords",
        gigabytes=0.8,
        scene=SceneFormat(
            64,
            64,
            num_entities,
            channels=channels,
            entities_last=True,
            float_factors={
                "x": (),
                "y": (),
                "shape": (),
                "color": (channels,),
                "visibility": (),
                "orientation": (),
                "scale": (),
            },
        ),
    )


class Builder(MultiObjectBuilder):
    """Builder of Multi-dSprites: ovals, hearts and squares on a plain background."""

    BUILDER_CONFIGS = [
        _config(
            "colored_on_colored", 5, 3, "One to four sprites, background: any colours."
        ),
        _config(
            "colored_on_grayscale", 6, 3, "Two to five coloured sprites on a grey."
        ),
        _config("binarized", 4, 1, "Two or three white sprites on black."),
    ]
