"""TensorFlow Datasets builder of ObjectsRoom."""

import tensorflow_datasets as tfds

from ..multi_object import HOST, MultiObjectConfig, SceneFormat
from ..multi_object_builder import MultiObjectBuilder
from ..rendered.rendered_config import RenderedConfig
from ..sources import SourceFile, fetch


def _scene(num_entities):
    # The first entities are sky, floor and two halves of the wall.
    return SceneFormat(64, 64, num_entities, num_background=4)


# : Out-of-distribution test split -> format of its file.
OTHER_TEST_SPLITS = {
    "empty_room": _scene(4),
    "six_objects": _scene(10),
    "identical_color": _scene(10),
}


class Builder(MultiObjectBuilder):
    """Builder of ObjectsRoom: rooms with one to six objects."""

    BUILDER_CONFIGS = [
        MultiObjectConfig(
            name="default",
            description="The scenes of the original files.",
            path="objects_room/objects_room_train.tfrecords",
            gigabytes=7,
            scene=_scene(7),
        ),
        RenderedConfig(
            name="rendered",
            description="Rooms like the original ones, rendered on this machine.",
            kind="rooms",
        ),
        RenderedConfig(
            name="textured",
            description="Rendered rooms in which floor, walls and objects have "
            "two-colour materials, so that objects cannot be distinguished by colour.",
            kind="rooms",
            textured=True,
        ),
    ]

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = self.builder_config
        if isinstance(config, RenderedConfig):
            return config.splits(dl_manager, self.name)
        train = SourceFile(f"{HOST}/{config.path}", config.gigabytes)
        others = {
            split: SourceFile(
                f"{HOST}/objects_room/objects_room_test_{split}.tfrecords", 0.008
            )
            for split in OTHER_TEST_SPLITS
        }
        paths = fetch(dl_manager, self.name, [train, *others.values()])
        return self._splits_of_config(paths[train.name]) | {
            split: self._generate_examples(paths[file.name], OTHER_TEST_SPLITS[split])
            for split, file in others.items()
        }
